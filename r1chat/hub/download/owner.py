"""Locks a download, so that only one process does it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from r1chat.hub.download.part import read_journal
from r1chat.hub.layout import PART, place
from r1chat.hub.values import RemoteFile

if TYPE_CHECKING:
    from filelock import BaseFileLock


@contextlib.contextmanager
def owned(path: Path) -> Iterator[bool]:
    """Locks a file if it is free; the system releases the lock of a process that died.

    It is the one that huggingface_hub takes, so that `hf` and r1chat leave each other alone.

    Args:
        path: The lock's file.

    Returns:
        Whether it is ours now.

    Raises:
        OSError: If the lock's file cannot be made.
    """
    lock = _take(path)
    try:
        yield lock is not None
    finally:
        if lock is not None:
            lock.release()


def _take(path: Path) -> BaseFileLock | None:
    from filelock import FileLock, Timeout

    # Others of the user's group may share the cache.
    lock = FileLock(path, mode=0o664, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    return lock


def done_by_others(file: RemoteFile) -> int:
    """How many bytes of a file the process has that owns it; 0 where it does not show."""
    folder = place(file)
    part = folder.part(file.etag)
    ours = sum(end - start for start, end in read_journal(part, file.size, file.etag))
    sizes = [ours]
    # Those of huggingface_hub.
    for path in folder.blobs.glob(f"{file.etag}.*.incomplete"):
        if not path.name.endswith(PART):
            with contextlib.suppress(OSError):
                sizes.append(path.stat().st_size)
    return min(max(sizes), file.size)
