"""The errors of a transfer, by what is to be done about them."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from r1chat.errors import NetworkError
from r1chat.formatting import format_bytes
from r1chat.hub.busy import Busy
from r1chat.sanitize import line

_FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})
_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class Broken(Exception):  # noqa: N818  (always caught here, and no error yet)
    """The transfer broke off; what is here is good, and the rest may come at the next try.

    Attributes:
        reason: What happened; fit for a terminal.
        wait_s: How long the server asked to be left alone, in seconds, if it did.
    """

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait_s = wait_s


class Worthless(Broken):
    """The server gave something else than before, so that what is here cannot be trusted."""


class Damaged(Exception):  # noqa: N818  (the second one becomes an error)
    """Everything is here, and its checksum is wrong.

    Attributes:
        checksum: What it is.
    """

    def __init__(self, checksum: str) -> None:
        super().__init__(checksum)
        self.checksum = checksum


def as_broken(error: Exception) -> Exception:
    """Sees whether an error is worth another try.

    Returns:
        A `Broken`, or an error that is not.
    """
    return Broken(str(error), error.wait_s) if isinstance(error, Busy) else error


def disk_error(error: OSError, folder: Path, left: int) -> NetworkError:
    """Says what is wrong with the disk and what to do about it.

    Args:
        error: What the system said.
        folder: Where.
        left: Bytes that are still to come.
    """
    where = line(str(folder), 120)
    reason = line(error.strerror or "it gave no reason", 80)
    if error.errno in _FULL:
        short = max(_room_for(left) - (_free(folder) or 0), 1)
        return NetworkError(
            f"the disk is full: free {format_bytes(short)} at {where} and start again; "
            "the partial download is kept"
        )
    if error.errno in _REFUSED:
        return NetworkError(
            f"cannot write to the model cache at {where}: {reason}; "
            "set HF_HOME to a folder of yours"
        )
    return NetworkError(f"the model cache at {where} failed: {reason}")


def need_space(size: int, folder: Path) -> None:
    """Makes sure that there is room.

    Args:
        size: Bytes to come.
        folder: Where to; it need not exist.

    Raises:
        NetworkError: If there is not; it says how much to free.
    """
    free = _free(folder)
    if size and free is not None and free < _room_for(size):
        msg = (
            f"not enough room at {line(str(folder), 120)}: {format_bytes(size)} are needed and "
            f"{format_bytes(free)} are free; free {format_bytes(_room_for(size) - free)}, "
            "or set HF_HOME to a folder on another disk"
        )
        raise NetworkError(msg)


def _room_for(size: int) -> int:
    # The journal and the file system need some, and others have to go on working.
    return size + size // 100 + (1 << 20)


def _free(folder: Path) -> int | None:
    """Bytes on the disk of a folder; None if the system does not say."""
    try:
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        return shutil.disk_usage(folder).free
    except OSError:
        return None
