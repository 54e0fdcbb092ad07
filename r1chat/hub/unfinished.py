"""Lists and removes what stopped downloads have left."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from r1chat.errors import ModelError
from r1chat.hub.download import part
from r1chat.hub.download.owner import owned
from r1chat.hub.layout import PART, RepoFolder
from r1chat.sanitize import line


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A file that is not whole."""

    folder: RepoFolder
    etag: str
    size: int
    """Bytes that it takes."""

    @property
    def repo(self) -> str:
        """Owner and name."""
        return self.folder.repo

    def remove(self) -> None:
        """Removes it.

        Raises:
            ModelError: If somebody is fetching it, or it cannot be removed.
        """
        try:
            with owned(self.folder.lock(self.etag)) as ours:
                if ours:
                    part.discard(self.folder.part(self.etag))
        except OSError as error:
            reason = line(error.strerror or "the cache failed")
            msg = f"what is here of {self.repo} cannot be removed: {reason}"
            raise ModelError(msg) from None
        if not ours:
            msg = f"{self.repo} is being downloaded: stop that first"
            raise ModelError(msg)


def unfinished(folder: RepoFolder) -> list[Unfinished]:
    """What of a repository is not whole."""
    found = []
    for path in sorted(folder.blobs.glob(f"*{PART}")):
        etag = path.name.removesuffix(PART)
        with contextlib.suppress(OSError, ModelError):
            folder.part(etag)
            found.append(Unfinished(folder, etag, path.stat().st_size))
    return found
