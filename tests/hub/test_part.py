"""A file on its way: its ranges and its journal; and how many connections fetch it."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from r1chat.hub.download.part import Part, journal, merged
from r1chat.hub.download.several import Several

ETAG = "a" * 64


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "part"


def test_ranges_are_put_together() -> None:
    assert merged([(5, 7), (0, 2), (2, 3), (9, 9), (6, 8)]) == ((0, 3), (5, 8))


def test_claims_never_overlap_and_fill_every_gap(path: Path) -> None:
    chance = random.Random(5)
    for _ in range(200):
        part = Part(path, size := chance.randrange(1, 500), ETAG)
        covered = bytearray(size)
        active = []
        while part.done < size:
            span = part.claim(chance.choice([None, 1, 7, 100]))
            if span:
                active.append(span)
            span = active.pop(chance.randrange(len(active)))
            # Some are cut off on their way.
            stop = chance.choice([span.end, chance.randrange(span.start, span.end + 1)])
            for at in range(span.start, stop):
                assert not covered[at]
                covered[at] = 1
            span.at = stop
            assert part.prefix == (bytes(covered) + b"\0").index(0)
            part.release(span)
            assert part.done == sum(covered)
        assert part.claim() is None
        assert part.ranges == ((0, size),)


def test_a_journal_vouches_for_its_own_file_only(path: Path) -> None:
    path.write_bytes(bytes(1000))
    Part(path, 1000, ETAG).write_journal([(0, 500), (700, 900)])
    assert Part(path, 1000, ETAG).ranges == ((0, 500), (700, 900))
    assert Part(path, 999, ETAG).ranges == ()
    assert Part(path, 1000, "b" * 64).ranges == ()
    path.write_bytes(bytes(300))
    assert Part(path, 1000, ETAG).ranges == ((0, 300),)
    path.unlink()
    assert Part(path, 1000, ETAG).ranges == ()


DONES = [[[-5, 10]], [[0.5, 10]], [["0", "10"]], [[1]], 7, [[True, 10]], None, [[0, 10, 20]]]
TEXTS = ["", "{", "[]", "null", '{"size": 1000}', "[" * 100_000, "\ud7ff" * 10]


@pytest.mark.parametrize(
    "text",
    [*(json.dumps({"size": 1000, "etag": ETAG, "done": done}) for done in DONES), *TEXTS],
    ids=range(len(DONES) + len(TEXTS)),
)
def test_a_damaged_journal_vouches_for_nothing(path: Path, text: str) -> None:
    path.write_bytes(bytes(1000))
    journal(path).write_bytes(text.encode())
    assert Part(path, 1000, ETAG).ranges == ()


def test_a_journal_that_cannot_be_written_stays_as_it_was(path: Path) -> None:
    path.write_bytes(bytes(1000))
    part = Part(path, 1000, ETAG)
    part.write_journal([(0, 500)])
    (path.parent / "part.json.new").mkdir()
    with pytest.raises(OSError, match="directory"):
        part.write_journal([(0, 800)])
    assert Part(path, 1000, ETAG).ranges == ((0, 500),)


def connections(rates: dict[int, float], size: int = 10**10) -> list[int]:
    """How many there are each half second, when so many are so fast."""
    several, done, counts = Several(), 0.0, []
    for half_seconds in range(200):
        several.look(half_seconds / 2, int(done), int(size - done))
        counts.append(several.wanted)
        done += rates[several.wanted] / 2
    return counts


@pytest.mark.parametrize(
    ("rates", "end", "most"),
    [
        ({1: 10e6, 2: 10e6}, 1, 2),
        ({1: 10e6, 2: 12e6}, 1, 2),
        ({1: 10e6, 2: 20e6, 3: 21e6}, 2, 3),
        ({1: 10e6, 2: 20e6, 3: 30e6, 4: 40e6}, 4, 4),
        ({1: 1000e6}, 1, 1),
    ],
    ids=["no gain", "little gain", "two", "four", "over too soon"],
)
def test_as_many_connections_stay_as_are_faster(
    rates: dict[int, float], end: int, most: int
) -> None:
    counts = connections(rates)
    assert (counts[-1], max(counts)) == (end, most)


def test_a_fault_spoils_a_measurement() -> None:
    several = Several()
    for tenths in range(1000):
        several.look(tenths / 10, tenths * 10**6, 10**10)
        if tenths % 50 == 49:
            several.broke()
    assert several.wanted == 1
