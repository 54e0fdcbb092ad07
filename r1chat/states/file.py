"""The file of a saved state: parts of a KV cache with their tokens, all of it under checksums.

::

    magic · length, checksum of all heads · checksum of these     what counts of the file
    the origin as JSON                                            whose state it is, what it fits
    head (first token, count …; tokens; checksum) · payload       a part, and the next …

A part is appended first and counts from the moment in which the beginning says so. A process that
is killed leaves what counted before; what stands behind that counts for nothing. Each head's
checksum covers the heads before it, so that no part of another file fits.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import stat
import struct
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

Buffer: TypeAlias = "bytes | bytearray | memoryview"
Reader: TypeAlias = "io.BufferedReader[io.FileIO] | io.FileIO"

_MAGIC = b"r1chat state 1\r\n"
_COUNTS = struct.Struct("<16sQI4x32s")
_PART = struct.Struct("<4sIIIQ")
_MARK = b"part"
_SUM = 32
_BEGINNING = _COUNTS.size + _SUM
_LONGEST_ORIGIN = 1 << 16
_PRIVATE = 0o600


class Damaged(Exception):  # noqa: N818  (what it is, not that it is an error: nobody is told)
    """A file is none of ours, is damaged, or was changed by another process meanwhile."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose state it is, and what it fits."""

    conversation: str
    """The conversation's id."""
    key: str
    """A digest of all that it depends on: the model's file, its context, the build of llama.cpp."""
    model: str
    """The model's reference, for people."""


@dataclass(frozen=True, slots=True)
class Part:
    """The state of some consecutive tokens, or of all up to the last of them."""

    first: int
    """Where in the sequence they begin. A part that begins at 0 needs no other."""
    tokens: tuple[int, ...]
    left_out: int
    """Turns that the conversation had no room for when it was saved, the oldest ones."""
    at: int
    """Where in the file its payload stands."""
    length: int
    """Bytes of payload."""
    checksum: bytes
    """Of the payload."""
    chain: bytes
    """Of all heads up to this one."""

    @property
    def end(self) -> int:
        """Where in the sequence its tokens end."""
        return self.first + len(self.tokens)


@dataclass(frozen=True, slots=True)
class Saved:
    """A file's parts, without their payloads."""

    origin: Origin
    parts: tuple[Part, ...]
    length: int
    """Bytes of the file that count."""

    @property
    def chain(self) -> bytes:
        """The checksum of all heads."""
        return self.parts[-1].chain

    @property
    def runs(self) -> tuple[tuple[Part, ...], ...]:
        """Parts that go together: each run begins with the first token."""
        starts = [i for i, part in enumerate(self.parts) if part.first == 0]
        ends = [*starts[1:], len(self.parts)]
        return tuple(self.parts[start:end] for start, end in zip(starts, ends, strict=True))

    @property
    def tokens(self) -> tuple[int, ...]:
        """The tokens of the last run."""
        return tuple(token for part in self.runs[-1] for token in part.tokens)


def _checksum(*data: Buffer) -> bytes:
    made = hashlib.blake2b(digest_size=_SUM)
    for each in data:
        made.update(each)
    return made.digest()


# -- reading --


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Reader]:
    """Opens a file for reading that may be anything.

    Raises:
        Damaged: If it is no regular file.
        OSError: If it cannot be opened.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb", buffering=0) as raw:  # noqa: PTH123  (a descriptor)
        if not stat.S_ISREG(os.fstat(raw.fileno()).st_mode):
            raise Damaged(path)
        with io.BufferedReader(raw) as file:
            yield file


def read(file: Reader) -> Saved:
    """Reads all but the payloads.

    Raises:
        Damaged: If anything is not as it was written.
        OSError: If it cannot be read.
    """
    length, origin_length, chain = _counting(file)
    if length > os.fstat(file.fileno()).st_size:
        raise Damaged
    text = _exactly(file, origin_length)
    origin = _origin(text)
    parts: list[Part] = []
    at, last = _BEGINNING + origin_length, _checksum(text)
    while at < length:
        part = _part(file, at, length, last, parts[-1].end if parts else 0)
        parts.append(part)
        at, last = part.at + part.length, part.chain
        file.seek(at)
    if at != length or last != chain or not parts:
        raise Damaged
    return Saved(origin, tuple(parts), length)


def payload(file: Reader, part: Part) -> bytearray:
    """Reads a part's payload.

    Raises:
        Damaged: If it is not as it was written.
        OSError: If it cannot be read.
    """
    file.seek(part.at)
    data = bytearray(part.length)
    if file.readinto(data) != part.length or _checksum(data) != part.checksum:
        raise Damaged
    return data


def _exactly(file: Reader, length: int) -> bytes:
    data = file.read(length)
    if len(data) != length:
        raise Damaged
    return data


def _counting(file: Reader) -> tuple[int, int, bytes]:
    """What a file's beginning says: bytes that count, bytes of the origin, the heads' checksum."""
    data = _exactly(file, _COUNTS.size)
    if _exactly(file, _SUM) != _checksum(data):
        raise Damaged
    magic, length, origin, chain = _COUNTS.unpack(data)
    if magic != _MAGIC or origin > _LONGEST_ORIGIN:
        raise Damaged
    return length, origin, chain


def _origin(text: bytes) -> Origin:
    try:
        values = json.loads(text)
        origin = Origin(values["conversation"], values["key"], values["model"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Damaged from None
    if not all(isinstance(each, str) for each in values.values()):
        raise Damaged
    return origin


def _part(file: Reader, at: int, length: int, chain: bytes, reached: int) -> Part:
    """Reads a part's head.

    Args:
        file: Stands there.
        at: Where that is.
        length: Bytes of the file that count.
        chain: The checksum of the heads before it.
        reached: Where the tokens of the part before it end.
    """
    fixed = _exactly(file, _PART.size)
    mark, first, count, left_out, size = _PART.unpack(fixed)
    begins = at + _PART.size + 4 * count + 2 * _SUM
    if mark != _MARK or not count or first not in {0, reached} or begins + size > length:
        raise Damaged
    tokens, checksum = _exactly(file, 4 * count), _exactly(file, _SUM)
    chain = _checksum(chain, fixed, tokens, checksum)
    if _exactly(file, _SUM) != chain:
        raise Damaged
    unpacked = struct.unpack(f"<{count}i", tokens)
    return Part(first, unpacked, left_out, begins, size, checksum, chain)


# -- writing --


@dataclass(frozen=True, slots=True)
class New:
    """A part that is to be written; as in `Part`."""

    first: int
    tokens: Sequence[int]
    data: Buffer
    left_out: int = 0

    @property
    def size(self) -> int:
        """Bytes of its payload."""
        return memoryview(self.data).nbytes


def write(path: Path, origin: Origin, before: Saved | None, keep: int, new: New) -> Saved:
    """Adds a part to a file, or makes a new one.

    Args:
        path: The file.
        origin: Whose state it is.
        before: What the file holds; None makes a new one.
        keep: Parts to keep; what comes behind them is dropped. 0 makes a new one.
        new: The part.

    Returns:
        What the file holds now.

    Raises:
        Damaged: If the file is not what it is said to hold.
        OSError: If it cannot be written.
    """
    if before is None or not keep:
        return _write_anew(path, origin, new)
    with open(path, "r+b", buffering=0) as file:  # noqa: PTH123  (unbuffered)
        length, _, chain = _counting(file)
        if (length, chain) != (before.length, before.chain):
            # Another process has continued the same conversation.
            raise Damaged(path)
        kept = before.parts[:keep]
        if len(kept) < len(before.parts):
            end = kept[-1].at + kept[-1].length
            _count(file, before.origin, end, kept[-1].chain)
            file.truncate(end)
        return _append(file, Saved(before.origin, kept, before.length), new)


def _write_anew(path: Path, origin: Origin, new: New) -> Saved:
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(fresh, flags, _PRIVATE), "r+b", buffering=0) as file:  # noqa: PTH123  (a descriptor)
            file.seek(_BEGINNING)
            _all(file, _text(origin))
            saved = _append(file, Saved(origin, (), 0), new)
        fresh.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise
    return saved


def _append(file: io.FileIO, before: Saved, new: New) -> Saved:
    text = _text(before.origin)
    if before.parts:
        last = before.parts[-1]
        end, chain = last.at + last.length, last.chain
    else:
        end, chain = _BEGINNING + len(text), _checksum(text)
    tokens = tuple(new.tokens)
    fixed = _PART.pack(_MARK, new.first, len(tokens), new.left_out, new.size)
    packed = struct.pack(f"<{len(tokens)}i", *tokens)
    checksum = _checksum(new.data)
    chain = _checksum(chain, fixed, packed, checksum)
    file.seek(end)
    head = fixed + packed + checksum + chain
    _all(file, head)
    _all(file, new.data)
    part = Part(new.first, tokens, new.left_out, end + len(head), new.size, checksum, chain)
    length = part.at + part.length
    _count(file, before.origin, length, chain)
    return Saved(before.origin, (*before.parts, part), length)


def _count(file: io.FileIO, origin: Origin, length: int, chain: bytes) -> None:
    """Says how much of a file counts, in one write: a killed process has done it or not."""
    counts = _COUNTS.pack(_MAGIC, length, len(_text(origin)), chain)
    file.seek(0)
    _all(file, counts + _checksum(counts))


def _text(origin: Origin) -> bytes:
    return json.dumps(asdict(origin)).encode()


def _all(file: io.FileIO, data: Buffer) -> None:
    """Writes all of some bytes; the system may take fewer at a time."""
    left = memoryview(data).cast("B")
    while left:
        left = left[file.write(left) :]
