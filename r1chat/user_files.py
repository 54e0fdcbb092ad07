"""Reads and writes the files that users name, whatever they are: files, links, pipes, devices.

What is read is read within bounds, and who has to wait for a pipe is told so. What is written is
written whole or not at all: a regular file is replaced at once, when all of it is on the disk. A
link stays one, and what is no regular file is written through.
"""

from __future__ import annotations

import errno
import os
import select
import shutil
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TypeAlias

from r1chat.formatting import format_bytes

_PRIVATE = 0o600
_LOOKS, _BETWEEN_LOOKS_S = 100, 0.02
"""How often it is looked whether somebody reads a pipe, where nobody can be told to."""
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_THROUGH = ("/dev/", "/proc/")
"""What lies there are doors to something else, even where that is a file."""


_PATIENCE_S = 2.0
"""After this long without input somebody should be told what is waited for."""
_CHUNK = 1024 * 1024
Told: TypeAlias = "Callable[[str], None] | None"
"""Takes a word on what has to be waited for."""


class DiskFullError(OSError):
    """There is no room for all of a file.

    Attributes:
        needed: Bytes of the whole file.
    """

    def __init__(self, needed: int) -> None:
        super().__init__(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.needed = needed


def read(path: Path, limit: int, *, waits: Told = None) -> bytes:
    """Reads a file, a pipe or a device to its end, or as far as it is allowed to go.

    Args:
        path: The file.
        limit: Most bytes that are wanted.
        waits: Is told, in words, if something must be waited for.

    Returns:
        What is in it; where there is more than was wanted, one byte more than that.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it cannot be the name of a file.
    """
    return b"".join(chunks(path, limit, waits=waits))


def chunks(path: Path, limit: int, *, waits: Told = None) -> Iterator[bytes]:
    """Reads like `read`, piece by piece."""
    # One that nobody writes to yet would keep the opening waiting, where nothing can be said.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123  (a descriptor)
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        left = limit + 1
        while left > 0:
            if not regular:
                _wait_for(descriptor, f"waiting for what {path} has to say", waits)
                waits = None
            data = file.read(min(left, _CHUNK))
            if data is None:
                # Somebody else has read it meanwhile.
                continue
            if not data:
                return
            left -= len(data)
            yield data


def small_text(path: Path, most: int = 8 << 20) -> str:
    """Reads a text file of a limited size.

    Args:
        path: The file.
        most: The most bytes that it may have.

    Returns:
        The text; an empty one where the file is missing, is larger, cannot be read, or is no
        regular file: a pipe in the place of a file would be waited for.
    """
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            data = file.read(most + 1)
    except (OSError, ValueError):
        return ""
    return data.decode("utf-8-sig", "replace") if len(data) <= most else ""


def _wait_for(descriptor: int, words: str, waits: Told) -> None:
    try:
        ready, _, _ = select.select([descriptor], [], [], _PATIENCE_S)
        if not ready:
            if waits is not None:
                waits(words)
            select.select([descriptor], [], [])
    except (OSError, ValueError):
        # Windows can wait for sockets only.
        return


def would_replace(path: Path) -> bool:
    """Whether there is something that writing a file would replace: no pipe and no device."""
    return os.path.lexists(path) and not _takes_all(path, _state(path))


def _takes_all(path: Path, state: os.stat_result | None) -> bool:
    """Whether a path is written through, to whatever stands behind it."""
    if state is None:
        return False
    # Without following links.
    is_door = os.path.abspath(path).startswith(_THROUGH)  # noqa: PTH100
    return is_door or not stat.S_ISREG(state.st_mode)


def write(path: Path, pieces: Iterable[str], *, private: bool = False, waits: Told = None) -> None:
    """Writes a text file; one that is new is for this user alone.

    Args:
        path: The file, or a pipe or a device.
        pieces: The text. Where the disk is full they are counted to the end.
        private: Whether it is to be for this user alone though an older one was not.
        waits: Is told, in words, if a pipe must be waited for; without it, for two seconds only.

    Raises:
        OSError: If it cannot be written; then a file that was there still is.
    """
    size = 0
    pieces = iter(pieces)
    try:
        with opened(path, private=private, waits=waits) as file:
            for piece in pieces:
                data = piece.encode("utf-8")
                size += len(data)
                file.write(data)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        size += sum(len(piece.encode("utf-8")) for piece in pieces)
        raise DiskFullError(size) from None


@contextmanager
def opened(path: Path, *, private: bool = False, waits: Told = None) -> Iterator[IO[bytes]]:
    """A file to write to, which takes its place at the end, if nothing fails.

    Args:
        path: The file, or a pipe or a device.
        private: Whether it is to be for this user alone though an older one was not.
        waits: Is told, in words, if a pipe must be waited for; without it, for two seconds only.

    Raises:
        OSError: If it cannot be written; then a file that was there still is.
    """
    state = _state(path)
    if _takes_all(path, state):
        with open(through(path, waits), "wb") as file:
            yield file
        return
    path = Path(os.path.realpath(path))
    # Two processes, or threads, that write at once must not write into each other's.
    fresh = path.with_name(f".{path.name[:200]}.{os.getpid()}.{threading.get_ident()}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
    try:
        with open(os.open(fresh, flags, _PRIVATE), "wb") as file:  # noqa: PTH123  (a descriptor)
            yield file
            file.flush()
            os.fsync(file.fileno())
        if state is not None and not private:
            _take_on(fresh, state)
        fresh.replace(path)
    except BaseException:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise


def reason(error: OSError, path: Path) -> str:
    """Why a file could not be written, in a few words; of a full disk how much room it lacks."""
    if error.errno not in _FULL:
        return error.strerror or str(error)
    return full(Path(os.path.realpath(path)).parent, getattr(error, "needed", None))


def full(folder: Path, needed: int | None = None) -> str:
    """Says that a disk is full, and what to do about it.

    Args:
        folder: Where.
        needed: Bytes for which there is no room; None where that is not known.
    """
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return f"the disk is full; make room in {folder}"
    if needed is None or needed <= free:
        # Something else than the disk may set the limit, such as a quota.
        return (
            f"the disk is full, or a quota is used up ({format_bytes(free)} free); "
            f"make room in {folder}"
        )
    return (
        f"the disk is full: it takes {format_bytes(needed)} and {format_bytes(free)} are free; "
        f"make room for {format_bytes(needed - free)} more in {folder}"
    )


def _state(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def through(path: Path, waits: Told) -> int:
    """Opens what is no regular file, for writing; never makes one.

    Args:
        path: A pipe or a device.
        waits: Is told, in words, if nobody reads the pipe yet; without it a reader gets a moment.

    Returns:
        The descriptor.

    Raises:
        OSError: If it cannot be opened.
    """
    descriptor = _unwaiting(path)
    if descriptor is None and waits is not None:
        waits(f"waiting for a program that reads {path}")
        return os.open(path, os.O_WRONLY)
    # Where nobody can be told, as in the app, a reader gets a moment and no more.
    for _ in range(_LOOKS):
        if descriptor is not None:
            break
        time.sleep(_BETWEEN_LOOKS_S)
        descriptor = _unwaiting(path)
    if descriptor is None:
        raise OSError(errno.ENXIO, "no program reads this pipe")
    if hasattr(os, "set_blocking"):
        os.set_blocking(descriptor, True)
    return descriptor


def _unwaiting(path: Path) -> int | None:
    """Opens a device or a pipe; None where nobody reads the pipe yet."""
    try:
        return os.open(path, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        if error.errno != errno.ENXIO or not path.is_fifo():
            raise
        return None


def _take_on(fresh: Path, state: os.stat_result) -> None:
    """Gives a new file the rights and the owner of the one that it replaces."""
    with suppress(OSError):
        if hasattr(os, "chown") and (state.st_uid, state.st_gid) != (os.getuid(), os.getgid()):
            os.chown(fresh, state.st_uid, state.st_gid)
    fresh.chmod(stat.S_IMODE(state.st_mode))
