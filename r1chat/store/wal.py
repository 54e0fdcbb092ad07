"""Reads a write-ahead log without SQLite: its pages, and whether SQLite will accept them.

SQLite stops at the first frame that is not whole, and says nothing of those behind it: a flipped
bit would cost what was committed later. The format is described at
https://sqlite.org/fileformat2.html#walformat.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

_HEADER, _FRAME = 32, 24
_MAGIC = {0x377F0682: "<", 0x377F0683: ">"}
"""With the order of bytes in which the words of a checksum are read."""
_LARGEST = 16 * 1024 * 1024
"""Bytes up to which a log is compared with its checksums; SQLite keeps it at a quarter of that."""
_LOOKS, _PAUSE_S = 3, 0.05
_WORD = 0xFFFFFFFF
Sum: TypeAlias = "tuple[int, int]"


@dataclass(frozen=True, slots=True)
class _Frame:
    """One version of a page, as its header says."""

    place: int
    """Where in the file it begins."""
    page: int
    ends: bool
    """Whether a transaction ends with it."""
    salts: tuple[bytes, bytes]

    def is_of(self, salts: tuple[bytes, bytes]) -> bool:
        """Whether it belongs to the log's present round.

        What an earlier round left has other salts, both of them; where one of the two is the
        same, the other was damaged.
        """
        return self.salts[0] == salts[0] or self.salts[1] == salts[1]


def frames(wal: BinaryIO, page_size: int) -> dict[int, int]:
    """Where in a log the last committed version of each page is, damaged ones among them.

    Args:
        wal: The log.
        page_size: Bytes of a page.
    """
    header = wal.read(_HEADER)
    found = list(_frames(wal, page_size))
    if len(header) < _HEADER or not found:
        return {}
    salts = (header[16:20], header[20:24])
    if not any(frame.is_of(salts) for frame in found):
        # The salts of the header itself may be what is damaged.
        salts = found[0].salts
    committed: dict[int, int] = {}
    waiting: dict[int, int] = {}
    for frame in found:
        if frame.is_of(salts):
            waiting[frame.page] = frame.place + _FRAME
            if frame.ends:
                committed.update(waiting)
                waiting = {}
    return committed


def _frames(wal: BinaryIO, page_size: int) -> Iterator[_Frame]:
    place = _HEADER
    while True:
        wal.seek(place)
        header = wal.read(_FRAME)
        if len(header) < _FRAME:
            return
        page, ends = struct.unpack(">II", header[:8])
        yield _Frame(place, page, bool(ends), (header[8:12], header[12:16]))
        place += _FRAME + page_size


def damaged(path: Path, page_size: int) -> bool:
    """Whether SQLite would leave out something of a log that was once whole.

    Args:
        path: The log; it may be missing, and others may be writing to it.
        page_size: Bytes of a page.

    Raises:
        OSError: If it cannot be read.
    """
    seen = None
    for look in range(_LOOKS):
        if look:
            time.sleep(_PAUSE_S)
        try:
            if not _HEADER < path.stat().st_size <= _LARGEST:
                return False
            data = path.read_bytes()
        except FileNotFoundError:
            return False
        fault = _first_fault(data, page_size)
        if fault is None or (look and fault != seen):
            # Another process was just writing there.
            return False
        seen = fault
    return True


def _first_fault(data: bytes, page_size: int) -> tuple[int, bytes] | None:
    """The position of the first damage in a log, and the bytes there."""
    size = _FRAME + page_size
    if len(data) < _HEADER + size or not any(data[:_HEADER]):
        return None
    magic, _, said_size = struct.unpack(">III", data[:12])
    order = _MAGIC.get(magic, "<")
    total = _add((0, 0), data[:24], order)
    if magic not in _MAGIC or said_size != page_size or total != _sum(data[24:32]):
        return 0, data[:_HEADER]
    salts = (data[16:20], data[20:24])
    for place in range(_HEADER, len(data) - size + 1, size):
        frame = data[place : place + size]
        total = _add(_add(total, frame[:8], order), frame[_FRAME:], order)
        if frame[8:16] != data[16:24] or total != _sum(frame[16:24]):
            return (place, frame) if _is_a_loss(data, place, size, salts) else None
    return None


def _is_a_loss(data: bytes, place: int, size: int, salts: tuple[bytes, bytes]) -> bool:
    """Whether a frame that is not whole is damaged, and not just where the log ends."""

    def is_of(at: int) -> bool:
        return data[at + 8 : at + 12] == salts[0] or data[at + 12 : at + 16] == salts[1]

    later = range(place + size, len(data) - size + 1, size)
    if any(map(is_of, later)):
        return True
    # A process that was killed while it wrote a frame over an older one leaves such a thing; at
    # the end of the file it would have left a shorter one.
    return is_of(place) and place + size == len(data)


def _sum(data: bytes) -> Sum:
    first, second = struct.unpack(">II", data)
    return first, second


def _add(total: Sum, data: bytes, order: str) -> Sum:
    first, second = total
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for one, two in zip(words[::2], words[1::2], strict=True):
        first = (first + one + second) & _WORD
        second = (second + two + first) & _WORD
    return first, second
