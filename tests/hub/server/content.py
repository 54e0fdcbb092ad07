"""Bytes to serve: in memory, on disk, or made as they are read, so that size costs nothing."""

from __future__ import annotations

import hashlib
import os
import random
from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path

STEP = 1 << 18
BLOCK = 1 << 16
TURNED = bytes(255 - value for value in range(256))


class Content(ABC):
    """A run of bytes that can be read anywhere."""

    size: int

    @abstractmethod
    def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` up to `stop`, both within the size."""

    @cached_property
    def sha256(self) -> str:
        return self._digest(hashlib.sha256())

    @cached_property
    def git_oid(self) -> str:
        """The name git gives to these bytes."""
        return self._digest(hashlib.sha1(b"blob %d\0" % self.size, usedforsecurity=False))

    def _digest(self, digest: hashlib._Hash) -> str:
        for start in range(0, self.size, STEP):
            digest.update(self.read(start, min(start + STEP, self.size)))
        return digest.hexdigest()


class Bytes(Content):
    """What a test wrote down."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = data
        self.size = len(data)

    def read(self, start: int, stop: int) -> bytes:
        return self.data[start:stop]


class OnDisk(Content):
    """A real file; it is sent without passing through Python."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size

    def read(self, start: int, stop: int) -> bytes:
        with self.path.open("rb") as file:
            return os.pread(file.fileno(), stop - start, start)


class Generated(Content):
    """Bytes made from a seed. No two places are alike, so that misplaced bytes are noticed.

    Args:
        size: In bytes.
        seed: Other seeds, other bytes.
        begin: Stands at the front, the header of a format for example.
        sha256: Stated instead of worked out, for files too large to be fetched in a test.
    """

    def __init__(
        self, size: int, seed: int = 0, *, begin: bytes = b"", sha256: str | None = None
    ) -> None:
        self.size = size
        self.begin = begin[:size]
        # Each block begins with its number.
        self._tail = random.Random(seed).randbytes(BLOCK - 8)
        if sha256 is not None:
            self.sha256 = sha256

    def read(self, start: int, stop: int) -> bytes:
        first = start // BLOCK
        numbers = range(first, -(-stop // BLOCK))
        data = b"".join(number.to_bytes(8, "little") + self._tail for number in numbers)
        data = data[start - first * BLOCK : stop - first * BLOCK]
        begin = self.begin[start:stop]
        return begin + data[len(begin) :]


class Flipped(Content):
    """Another content of which one byte is wrong."""

    def __init__(self, content: Content, at: int) -> None:
        self.content = content
        self.at = at
        self.size = content.size

    def read(self, start: int, stop: int) -> bytes:
        data = self.content.read(start, stop)
        if not start <= self.at < stop:
            return data
        at = self.at - start
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


class Turned(Content):
    """Another content of which every byte is wrong."""

    def __init__(self, content: Content) -> None:
        self.content = content
        self.size = content.size

    def read(self, start: int, stop: int) -> bytes:
        return self.content.read(start, stop).translate(TURNED)


class Padded(Content):
    """Another content with so many bytes too many."""

    def __init__(self, content: Content, by: int) -> None:
        self.content = content
        self.size = content.size + by

    def read(self, start: int, stop: int) -> bytes:
        end = self.content.size
        data = self.content.read(start, min(stop, end)) if start < end else b""
        return data.ljust(stop - start, b"+")


class Endless(Content):
    """A body that does not end.

    Args:
        begin: Comes once.
        again: Comes again and again after it.
    """

    size = 1 << 60

    def __init__(self, begin: bytes = b"", again: bytes = b" ") -> None:
        self.begin = begin
        self.again = again

    def read(self, start: int, stop: int) -> bytes:
        begin = self.begin[start:stop]
        past = max(start - len(self.begin), 0) % len(self.again)
        missing = stop - start - len(begin)
        run = self.again * (missing // len(self.again) + 2)
        return begin + run[past : past + missing]


def content(data: bytes | Path | Content) -> Content:
    """Bytes or a file as something to serve."""
    if isinstance(data, bytes):
        return Bytes(data)
    return OnDisk(data) if isinstance(data, Path) else data
