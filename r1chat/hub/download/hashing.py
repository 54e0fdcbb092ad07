"""Hashes a file while it arrives."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable

from r1chat.hub.download.part import Part

_BLOCK = 1 << 20
_POLL_S = 0.01
_SHA1_HEX = 40


class Hasher(threading.Thread):
    """Follows a part from its beginning to its end, on its own thread.

    It reads back what was written, which the system still has in memory: so it is all the same
    to it in which order the bytes came, and whether an earlier run fetched some of them.

    Args:
        part: The part.
        wake: Called when it has come to the end.
    """

    def __init__(self, part: Part, wake: Callable[[], None]) -> None:
        super().__init__(name="r1chat-hub-hash", daemon=True)
        self._part = part
        self._wake = wake
        self._stopped = threading.Event()
        self._digest = digest_for(part.etag, part.size)
        self.at = 0
        """Bytes that it has read."""
        self.error: Exception | None = None
        self.result: str | None = None
        """The checksum in hex, at the end."""

    def run(self) -> None:
        """Follows the part."""
        try:
            self._follow()
        except Exception as error:  # noqa: BLE001  (the transfer raises it)
            self.error = error
        self._wake()

    def stop(self) -> None:
        """Ends it before the end."""
        self._stopped.set()

    def _follow(self) -> None:
        block = memoryview(bytearray(_BLOCK))
        size = self._part.size
        with self._part.path.open("rb", buffering=0) as file:
            while self.at < size:
                ready = min(self._part.prefix - self.at, _BLOCK)
                if ready < _BLOCK and self.at + ready < size:
                    # Big blocks only: the interpreter is let go once for each.
                    if self._stopped.wait(_POLL_S):
                        return
                    continue
                if self._stopped.is_set():
                    return
                read = file.readinto(block[:ready])
                if not read:
                    msg = "somebody else cut it short"
                    raise OSError(None, msg, str(self._part.path))
                self._digest.update(block[:read])
                self.at += read
        self.result = self._digest.hexdigest()


def digest_for(etag: str, size: int) -> hashlib._Hash:
    """What takes the checksum that an etag is: SHA-256, or git's of a small file."""
    if len(etag) == _SHA1_HEX:
        return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    return hashlib.sha256()
