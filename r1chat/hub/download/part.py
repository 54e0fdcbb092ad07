"""A partial file: its bytes so far, and which ranges they are."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

Range = tuple[int, int]
"""From the first byte to the one after the last."""


class Span:
    """A range that is being fetched. One thread moves `at`; `end` may be drawn nearer meanwhile."""

    __slots__ = ("at", "end", "start")

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.at = start
        self.end = end


class Part:
    """A file on its way.

    Beside it lies a journal: which file it is to become, and which of its bytes are safe on disk.
    What the journal does not vouch for is fetched again.

    One thread claims and releases; any may look.

    Args:
        path: Where the bytes are.
        size: Bytes of the finished file.
        etag: What the file is on the Hub.
    """

    def __init__(self, path: Path, size: int, etag: str) -> None:
        self.path = path
        self.size = size
        self.etag = etag
        # Replaced as a whole, so that other threads see them as they belong together.
        self._state: tuple[tuple[Range, ...], tuple[Span, ...]] = (
            read_journal(path, size, etag),
            (),
        )

    @property
    def ranges(self) -> tuple[Range, ...]:
        """What is here, in order; neighbours are one."""
        done, spans = self._state
        return merged([*done, *((span.start, span.at) for span in spans)])

    @property
    def done(self) -> int:
        """Bytes that are here."""
        return sum(end - start for start, end in self.ranges)

    @property
    def prefix(self) -> int:
        """Bytes that are here from the beginning, without a gap."""
        ranges = self.ranges
        return ranges[0][1] if ranges and ranges[0][0] == 0 else 0

    def create(self) -> None:
        """Makes the file and its journal, where they are not there.

        Raises:
            OSError: If they cannot be written.
        """
        self.path.open("ab" if self.ranges else "wb").close()
        self.write_journal(self.ranges)

    def claim(self, most: int | None = None) -> Span | None:
        """Takes the first range that is neither here nor on its way, or None if there is none.

        Args:
            most: Most bytes of it.
        """
        done, spans = self._state
        at = 0
        for start, end in [*merged([*done, *((s.start, s.end) for s in spans)]), (self.size,) * 2]:
            if at < start:
                span = Span(at, start if most is None else min(start, at + most))
                self._state = (done, (*spans, span))
                return span
            at = end
        return None

    def release(self, span: Span) -> None:
        """Gives a range back; what of it is here, is here."""
        done, spans = self._state
        self._state = (
            merged([*done, (span.start, span.at)]),
            tuple(each for each in spans if each is not span),
        )

    def write_journal(self, ranges: Iterable[Range]) -> None:
        """Vouches for ranges, whole or not at all.

        Raises:
            OSError: If that cannot be; then the journal is as it was.
        """
        path = journal(self.path)
        fresh = path.with_name(path.name + ".new")
        text = json.dumps({"size": self.size, "etag": self.etag, "done": list(ranges)})
        try:
            with fresh.open("w", encoding="ascii") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            # Windows refuses while another process reads it; the next one will go through.
            with contextlib.suppress(PermissionError):
                fresh.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise

    def discard(self) -> None:
        """Deletes what is here."""
        discard(self.path)
        self._state = ((), ())


def journal(part: Path) -> Path:
    """Where a part's journal lies."""
    return part.with_name(part.name + ".json")


def discard(part: Path) -> None:
    """Deletes a part and what lies beside it."""
    beside = journal(part)
    for path in (beside, beside.with_name(beside.name + ".new"), part):
        path.unlink(missing_ok=True)


def read_journal(part: Path, size: int, etag: str) -> tuple[Range, ...]:
    """What a journal vouches for; nothing if it is damaged or another file's."""
    try:
        held = part.stat().st_size
        data = json.loads(journal(part).read_text(encoding="ascii"))
        if data["size"] != size or data["etag"] != etag:
            return ()
        ranges = [(start, min(end, held, size)) for start, end in data["done"]]
        if any(type(each) is not int or each < 0 for pair in ranges for each in pair):
            return ()
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return ()
    return merged(ranges)


def merged(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Puts ranges in order and neighbours together; empty ones are left out."""
    result: list[Range] = []
    for start, end in sorted(ranges):
        if start >= end:
            continue
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return tuple(result)
