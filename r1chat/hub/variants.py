"""Which models the files of a repository are: one for each quant, split files put together."""

from __future__ import annotations

from dataclasses import dataclass

from r1chat.hub.reference import MAIN, HubRef
from r1chat.hub.remote import RemoteFile


@dataclass(frozen=True, slots=True)
class Variant:
    """A model in one quant."""

    quant: str
    """In upper case, "Q4_K_M"."""
    files: tuple[RemoteFile, ...]
    """In order, where it is split."""
    revision: str = MAIN
    """That it was asked for by."""
    shared: bool = False
    """Whether another model of the repository has the same quant, so that only the file's name
    tells them apart."""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def repo(self) -> str:
        """Owner and name."""
        return self.files[0].repo

    @property
    def commit(self) -> str:
        """40 hex digits."""
        return self.files[0].commit

    @property
    def name(self) -> str:
        """The first file's name without its ending."""
        return self.files[0].path.rpartition("/")[2][: -len(".gguf")]

    @property
    def ref(self) -> str:
        """How to ask for it again: "owner/repo:QUANT"."""
        if self.shared or not self.quant:
            return str(HubRef((self.repo,), file=self.files[0].path, revision=self.revision))
        return str(HubRef((self.repo,), quant=self.quant, revision=self.revision))
