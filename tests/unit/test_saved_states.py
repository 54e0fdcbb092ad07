"""Files of saved states: checked to the last byte, private, and within their room."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from random import Random

import pytest

from r1chat import paths, states
from r1chat.states import Damaged, New, Origin, Saved, States, Writer
from r1chat.states import file as state_file

ORIGIN = Origin("jd2fx6wgp3aaqzi5", "0" * 64, "tiny")


@pytest.fixture
def path(home: Path) -> Path:
    del home
    return paths.made(paths.states()) / "a.state"


def saved_in(path: Path) -> Saved:
    with state_file.opened(path) as file:
        return state_file.read(file)


def contents(path: Path) -> list[tuple[int, tuple[int, ...], bytes]]:
    with state_file.opened(path) as file:
        saved = state_file.read(file)
        return [(p.first, p.tokens, bytes(state_file.payload(file, p))) for p in saved.parts]


def written(path: Path) -> Saved:
    first = state_file.write(path, ORIGIN, None, 0, New(0, [1, 2, -3], b"abc" * 20))
    return state_file.write(path, ORIGIN, first, 1, New(3, [4], b"d" * 40))


def test_parts_come_back_as_they_were_written(path: Path) -> None:
    saved = written(path)
    assert saved == saved_in(path)
    assert (saved.origin, saved.tokens) == (ORIGIN, (1, 2, -3, 4))
    assert contents(path) == [(0, (1, 2, -3), b"abc" * 20), (3, (4,), b"d" * 40)]
    again = state_file.write(path, ORIGIN, saved, 1, New(3, [7, 8], b""))
    assert contents(path)[1:] == [(3, (7, 8), b"")]
    assert again.length == path.stat().st_size


def test_a_part_that_begins_at_the_first_token_begins_a_run_of_its_own(path: Path) -> None:
    saved = state_file.write(path, ORIGIN, written(path), 2, New(0, [1, 9], b"other"))
    assert [[part.end for part in run] for run in saved_in(path).runs] == [[3, 4], [2]]
    assert saved.tokens == (1, 9)


def test_what_was_not_finished_when_a_process_was_killed_does_not_count(path: Path) -> None:
    saved = written(path)
    with path.open("ab") as file:
        file.write(os.urandom(90))
    assert saved_in(path) == saved
    after = state_file.write(path, ORIGIN, saved, 2, New(4, [5], b"e"))
    assert contents(path)[2:] == [(4, (5,), b"e")]
    assert saved_in(path) == after


def test_a_file_that_another_process_has_continued_is_left_to_it(path: Path) -> None:
    ours = written(path)
    theirs = state_file.write(path, ORIGIN, ours, 1, New(3, [6], b"f"))
    with pytest.raises(Damaged):
        state_file.write(path, ORIGIN, ours, 2, New(4, [5], b"e"))
    assert saved_in(path) == theirs


def test_no_byte_of_a_file_can_be_changed_or_cut_off_unseen(path: Path) -> None:
    written(path)
    whole = path.read_bytes()
    for at in range(0, len(whole), 3):
        changed = bytearray(whole)
        changed[at] ^= 1 << at % 8
        path.write_bytes(changed)
        with pytest.raises(Damaged):
            contents(path)
        path.write_bytes(whole[:at])
        with pytest.raises(Damaged):
            contents(path)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.long)])
def test_files_of_anything_are_damaged_ones(seed: int, path: Path) -> None:
    rng = Random(seed)
    written(path)
    whole = path.read_bytes()
    for _ in range(1000 if seed else 60):
        other = bytearray(whole)
        for _ in range(rng.randrange(1, 5)):
            at, length = rng.randrange(len(other)), rng.randrange(1, 40)
            match rng.randrange(4):
                case 0:
                    other[at : at + length] = rng.randbytes(length)
                case 1:
                    del other[at : at + length]
                case 2:
                    other[at:at] = rng.randbytes(length)
                case _:
                    other[at : at + length] = b"\xff" * length
        if other[: len(whole)] == whole:
            continue
        path.write_bytes(other)
        with pytest.raises(Damaged):
            contents(path)


def test_what_is_no_file_is_a_damaged_one_and_nobody_waits_for_it(path: Path) -> None:
    path.mkdir()
    with pytest.raises((Damaged, OSError)):
        contents(path)
    if hasattr(os, "mkfifo"):
        pipe = path.with_name("b.state")
        os.mkfifo(pipe)
        with pytest.raises(Damaged):
            contents(pipe)


def filled(states_: States, names: list[str], size: int) -> None:
    clock = count(1000)
    for name in names:
        origin = replace(ORIGIN, conversation=name)
        where = states_.path(origin)
        state_file.write(where, origin, None, 0, New(0, [1], bytes(size)))
        os.utime(where, (now := next(clock), now))


def held(states_: States) -> list[str]:
    return [each.saved.origin.conversation for each in states_.entries() if each.saved]


def test_the_states_that_were_not_used_for_longest_make_room(path: Path) -> None:
    some = States(3300)
    filled(some, ["first", "second", "third"], 800)
    assert held(some) == ["third", "second", "first"]
    assert some.make_room(path, 900)
    assert held(some) == ["third", "second"]
    assert not some.make_room(path, 3301)
    assert some.make_room(path, 3300)
    assert held(some) == []


def test_the_limit_is_two_gigabytes_or_a_part_of_the_free_disk(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Disk:
        free = 10**15

    monkeypatch.setattr("shutil.disk_usage", lambda _: Disk)
    assert States().most == 2_000_000_000
    Disk.free = 2_000_000
    path.write_bytes(bytes(1_000_000))
    assert States().most == 150_000


def test_settings_turn_states_off() -> None:
    assert states.enabled(saves=None, keeps=True, space=None) is not None
    some = states.enabled(space=0.5)
    assert some is not None
    assert some.most == 500_000_000
    off: list[Callable[[], States | None]] = [
        lambda: states.enabled(saves=False),
        lambda: states.enabled(keeps=False),
        lambda: states.enabled(space=0),
    ]
    assert [each() for each in off] == [None] * 3


@pytest.mark.parametrize("name", ["", "../../x", "a/b", "*", "[a]", "\x00", "\udc80", "x" * 5000])
def test_any_id_makes_a_name_in_the_folder_and_is_found_by_it(name: str, path: Path) -> None:
    some = States(10**6)
    filled(some, [name, "other"], 10)
    assert some.path(replace(ORIGIN, conversation=name)).parent == path.parent
    assert len(list(path.parent.iterdir())) == 2
    states.drop(name)
    assert held(some) == ["other"]


def test_a_writer_writes_what_it_is_given_for_its_owner_alone(path: Path) -> None:
    writer = Writer(States(10**6))
    writer.begin(path, None)
    writer.add(ORIGIN, 0, New(0, [1, 2], b"ab"))
    writer.add(ORIGIN, 1, New(2, [3], b"c"))
    assert writer.flush(60)
    assert contents(path) == [(0, (1, 2), b"ab"), (2, (3,), b"c")]
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    writer.close(60)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_writer_that_fails_says_so_and_writes_no_further(path: Path) -> None:
    writer = Writer(States(400))
    writer.begin(path, None)
    writer.add(ORIGIN, 0, New(0, [1], b"a"))
    writer.add(ORIGIN, 1, New(1, [2], bytes(400)))
    writer.add(ORIGIN, 2, New(2, [3], b"b"))
    assert writer.flush(60)
    assert isinstance(writer.fault, OSError)
    assert saved_in(path).tokens == (1,)
    other = path.with_name("b.state")
    writer.begin(other, None)
    writer.add(ORIGIN, 0, New(0, [1], b"a"))
    assert writer.flush(60)
    assert writer.fault is None
    assert saved_in(other).tokens == (1,)
    writer.close(60)
