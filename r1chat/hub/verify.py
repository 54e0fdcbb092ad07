"""Checks whether a model's files still are what was published."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from r1chat.errors import DownloadCancelled, ModelError
from r1chat.formatting import counted
from r1chat.hub.download.control import Control
from r1chat.hub.download.hashing import digest_for
from r1chat.hub.local import LocalModel
from r1chat.hub.places import shards
from r1chat.sanitize import line

CHUNK = 1 << 20
"""Bytes between two looks at whether it should stop."""
_BLOB = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_OLLAMA_BLOB = re.compile(r"sha256-([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Verified:
    """What came of it."""

    ok: bool | None
    """None: nothing is known that the files could be compared with."""
    expected: str
    """In hex: the SHA-256, or git's SHA-1 for a small file of the Hub."""
    found: str
    """As `expected`, but what the file has; both of the first that differs, else of the last."""
    bytes: int
    """That were read."""
    file: Path
    """The one that `expected` and `found` are about."""

    @property
    def verdict(self) -> str:
        """In one line, without the model's name."""
        if self.ok is None:
            return "nothing to compare it with: no checksum is kept beside it"
        if self.ok:
            return f"as published, {self.found}"
        return f"damaged: {line(self.file.name)} has the checksum {self.found}, not {self.expected}"


def verify(
    model: LocalModel,
    on_progress: Callable[[int, int], None] | None = None,
    control: Control | None = None,
) -> Verified:
    """Reads a model's files again and compares them with what was published.

    Args:
        model: The model; a split one's files are all compared, up to the first that differs.
        on_progress: Is called with the bytes that were read and those that there are.
        control: Says when to stop, which takes a few milliseconds.

    Raises:
        ModelError: If a file cannot be read.
        DownloadCancelled: If it was stopped.
    """
    files = shards(model.path)
    missing = [file for file in files if not file.exists()]
    if missing and len(files) > 1:
        msg = (
            f"{line(missing[0].name)} is missing, one of the model's {counted(len(files), 'file')}"
        )
        raise ModelError(msg)
    expected = [published(file) for file in files]
    if not all(expected):
        return Verified(None, "", "", 0, files[expected.index("")])
    done, wanted, found = 0, "", ""
    try:
        sizes = [_size(file) for file in files]
        for file, wanted, size in zip(files, expected, sizes, strict=True):
            digest = digest_for(wanted, size)
            with file.open("rb") as data:
                while chunk := data.read(CHUNK):
                    if control is not None and control.cancelled:
                        msg = f"the check of {line(file.name)} was cancelled"
                        raise DownloadCancelled(msg)
                    digest.update(chunk)
                    done += len(chunk)
                    if on_progress is not None:
                        on_progress(done, sum(sizes))
            found = digest.hexdigest()
            if found != wanted:
                break
    except OSError as error:
        msg = f"{line(str(error.filename or model.path))} cannot be read: {error.strerror}"
        raise ModelError(msg) from None
    return Verified(found == wanted, wanted, found, done, file)


def _size(file: Path) -> int:
    info = file.stat()
    if not stat.S_ISREG(info.st_mode):
        msg = f"{line(str(file))} is not a regular file"
        raise ModelError(msg)
    return info.st_size


def published(file: Path) -> str:
    """The checksum published with a file, or nothing.

    The Hub's cache and Ollama's store name what they keep after it.
    """
    try:
        blob = file.resolve()
    except (OSError, RuntimeError):
        return ""
    if blob.parent.name != "blobs":
        return ""
    if match := _OLLAMA_BLOB.fullmatch(blob.name):
        return match[1]
    return blob.name if _BLOB.fullmatch(blob.name) else ""
