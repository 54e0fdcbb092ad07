"""Reads rows out of a damaged database page by page, without SQLite.

SQLite finds rows through the tree above them, and gives up where that is damaged. But each leaf
of a table says by itself which rows it has, and our rows can be told apart by their looks. The
format is described at https://sqlite.org/fileformat2.html.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeAlias

from r1chat.store.damage import PAGE
from r1chat.store.wal import frames

Value: TypeAlias = "int | float | str | bytes | None"
Row: TypeAlias = "tuple[int, tuple[Value, ...]]"
"""The key, and the columns."""

_LEAF = 0x0D
_HEADER = 100
_INTS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_REAL, _ZERO, _ONE, _BLOB = 7, 8, 9, 12
_LONGEST_VARINT = 9
_LONGEST_ROW = 256 * 1024 * 1024
_IDS = frozenset("abcdefghijklmnopqrstuvwxyz234567-_0189ABCDEFGHIJKLMNOPQRSTUVWXYZ")


class _BadCellError(Exception):
    """A row cannot be read."""


class Pages:
    """The pages of a file, with what its WAL says in their place.

    Args:
        path: The database; its WAL has the same name with "-wal" after it.

    Raises:
        OSError: If it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("rb")
        self._wal: BinaryIO | None = None
        self._places: dict[int, int] = {}
        self.count = path.stat().st_size // PAGE
        wal = path.with_name(path.name + "-wal")
        if wal.is_file():
            self._wal = wal.open("rb")
            self._places = frames(self._wal, PAGE)
            self.count = max([self.count, *self._named(self._places)])

    def _named(self, numbers: Iterable[int]) -> Iterator[int]:
        """The numbers that a page of a file of this size can have; others are damage."""
        most = self.count + len(self._places)
        return (number for number in numbers if number <= most)

    def close(self) -> None:
        """Closes the files."""
        self._file.close()
        if self._wal is not None:
            self._wal.close()

    def __getitem__(self, number: int) -> bytes:
        """A page, from 1; short or empty where the file ends before it, or the disk fails."""
        try:
            if self._wal is not None and number in self._places:
                self._wal.seek(self._places[number])
                return self._wal.read(PAGE)
            self._file.seek((number - 1) * PAGE)
            return self._file.read(PAGE)
        except OSError:
            return b""


def rows(pages: Pages) -> Iterator[tuple[str, Row]]:
    """All rows that can be read, with the names of their tables, in no order."""
    for number in range(1, pages.count + 1):
        for row in _leaf(pages, number):
            for table, looks in LOOKS.items():
                if looks(row[1]):
                    yield table, row
                    break


def _leaf(pages: Pages, number: int) -> Iterator[Row]:
    page = pages[number]
    start = _HEADER if number == 1 else 0
    if len(page) < start + 8 or page[start] != _LEAF:
        return
    cells = int.from_bytes(page[start + 3 : start + 5], "big")
    for cell in range(cells):
        at = start + 8 + 2 * cell
        place = int.from_bytes(page[at : at + 2], "big")
        if at + 2 > len(page) or not start + 8 <= place < len(page):
            continue
        try:
            yield _cell(pages, page, place)
        except (_BadCellError, IndexError, struct.error):
            continue


def _cell(pages: Pages, page: bytes, at: int) -> Row:
    size, at = _varint(page, at)
    key, at = _varint(page, at)
    if not 0 < size <= _LONGEST_ROW or key <= 0:
        raise _BadCellError
    most = PAGE - 35
    if size <= most:
        payload = page[at : at + size]
    else:
        least = (PAGE - 12) * 32 // 255 - 23
        here = least + (size - least) % (PAGE - 4)
        here = here if here <= most else least
        payload = page[at : at + here]
        following = int.from_bytes(page[at + here : at + here + 4], "big")
        payload += _overflow(pages, following, size - len(payload))
    if not payload:
        raise _BadCellError
    return key, _record(payload, size)


def _overflow(pages: Pages, number: int, missing: int) -> bytes:
    """The rest of a row; less than it should be where the chain is broken."""
    found = bytearray()
    seen = set()
    while 0 < number <= pages.count and len(found) < missing and number not in seen:
        seen.add(number)
        page = pages[number]
        found += page[4 : 4 + missing - len(found)]
        number = int.from_bytes(page[:4], "big")
    return bytes(found)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for number in range(_LONGEST_VARINT):
        byte = data[at + number]
        last = number == _LONGEST_VARINT - 1
        value = value << 8 | byte if last else value << 7 | byte & 0x7F
        if last or byte < 0x80:  # noqa: PLR2004  (its top bit)
            return (value - (1 << 64) if value >= 1 << 63 else value), at + number + 1
    raise _BadCellError


def _record(payload: bytes, size: int) -> tuple[Value, ...]:
    length, at = _varint(payload, 0)
    if not 0 < length <= min(size, len(payload)):
        raise _BadCellError
    kinds = []
    while at < length:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    # A row whose end is missing keeps what it begins with, but must have been whole once.
    if at != length or length + sum(map(_width, kinds)) != size:
        raise _BadCellError
    values: list[Value] = []
    for kind in kinds:
        width = _width(kind)
        values.append(_value(kind, payload[at : at + width]))
        at += width
    return tuple(values)


def _width(kind: int) -> int:
    if kind >= _BLOB:
        return (kind - _BLOB) // 2
    if kind in (10, 11) or kind < 0:
        raise _BadCellError
    return 8 if kind == _REAL else _INTS.get(kind, 0)


def _value(kind: int, data: bytes) -> Value:
    if kind >= _BLOB:
        return data.decode("utf-8", "replace") if kind % 2 else data
    if kind == 0 or len(data) < _width(kind):
        return None
    if kind in (_ZERO, _ONE):
        return kind - _ZERO
    return (
        struct.unpack(">d", data)[0] if kind == _REAL else int.from_bytes(data, "big", signed=True)
    )


# -- what our rows look like --


def _is(value: Value, *kinds: type | None) -> bool:
    return any(value is None if kind is None else isinstance(value, kind) for kind in kinds)


def _id(value: Value) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 64 and _IDS.issuperset(value)  # noqa: PLR2004


def _conversation(row: tuple[Value, ...]) -> bool:
    return (
        # The later one has tags; rows of before were not written again.
        len(row) in {13, 15}
        and row[0] is None
        and _id(row[1])
        and all(_is(value, int, float) for value in row[2:4])
        and all(_is(value, str) for value in row[4:6])
    )


def _turn(row: tuple[Value, ...]) -> bool:
    return (
        len(row) == 5  # noqa: PLR2004
        and row[0] is None
        and _is(row[1], int)
        and _is(row[2], int, None)
        and _is(row[3], str, bytes)
        and _is(row[4], int)
    )


def _text(row: tuple[Value, ...]) -> bool:
    return len(row) == 3 and row[0] is None and _is(row[1], bytes) and _is(row[2], str, bytes)  # noqa: PLR2004


def _attachment(row: tuple[Value, ...]) -> bool:
    return (
        len(row) == 4  # noqa: PLR2004
        and all(_is(value, int) for value in (row[0], row[1], row[3]))
        and _is(row[2], str)
    )


def _reply(row: tuple[Value, ...]) -> bool:
    return (
        len(row) in (19, 20)
        and row[0] is None
        and _id(row[1])
        and _is(row[2], int)
        and _is(row[3], int, float)
        and row[4] in ("streaming", "interrupted", "done")
    )


def _part(row: tuple[Value, ...]) -> bool:
    return (
        len(row) == 5  # noqa: PLR2004
        and row[0] is None
        and _is(row[1], int)
        and row[2] in ("t", "i", "e", "a")
        and _is(row[3], str, bytes)
        and _is(row[4], int)
    )


LOOKS: dict[str, Callable[[tuple[Value, ...]], bool]] = {
    "conversations": _conversation,
    "turns": _turn,
    "texts": _text,
    "attachments": _attachment,
    "replies": _reply,
    "parts": _part,
}
"""Whether a row may belong to a table; it belongs to one at most."""
