"""How many threads compute."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from r1chat import resources
from r1chat.engine.threads import Pace, default_threads, usable_cores
from r1chat.resources import FreeCores

ALONE = {1: 1.0, 2: 0.8, 3: 0.7, 4: 0.65}
"""What a token takes with some threads where nothing else runs."""
BESIDE_ANOTHER = {1: 1.0, 2: 9.0, 3: 9.0, 4: 9.0}


def write(pace: Pace, tokens: int, takes: Callable[[int], float]) -> Iterator[float]:
    """Writes tokens; the first behind a change wakes the threads and takes longer."""
    woken = True
    for _ in range(tokens):
        seconds = takes(pace.threads) + (0 if woken else 0.5)
        yield seconds
        woken = not pace.observe(seconds)


def test_one_core_is_left_to_the_rest_of_the_machine_to_begin_with():
    assert 1 <= default_threads() <= max(1, usable_cores() - 1)


@pytest.mark.parametrize("free", [2.0, None])
def test_on_a_quiet_machine_all_cores_that_help_are_used_soon(free):
    pace = Pace(1, 2, lambda: free)
    took = sum(write(pace, 256, ALONE.__getitem__))
    assert pace.threads == 2
    assert took <= 1.05 * 256 * ALONE[2]


@pytest.mark.parametrize(("free", "most"), [(1.0, 1.0), (1.2, 1.0), (None, 1.05)])
def test_beside_another_program_the_core_that_it_has_is_left_to_it(free, most):
    pace = Pace(1, 2, lambda: free)
    took = sum(write(pace, 256, BESIDE_ANOTHER.__getitem__))
    assert pace.threads == 1
    assert took <= most * 256


def test_a_core_that_was_free_while_the_prompt_was_read_is_used_from_the_second_token_on():
    pace = Pace(1, 2, lambda: 1.9)
    assert pace.observe(ALONE[1])
    assert pace.threads == 2
    beside = Pace(1, 2, lambda: 1.1)
    assert not beside.observe(ALONE[1])
    assert beside.threads == 1


def test_of_fast_tokens_enough_are_waited_for_to_tell_which_cores_are_free():
    asked = []

    def free() -> float:
        asked.append(None)
        return 1.0

    pace = Pace(1, 2, free)
    list(write(pace, 100, lambda _: 0.001))
    assert len(asked) <= 2 + 1


def test_threads_that_bring_nothing_are_not_kept_and_seldom_tried():
    pace = Pace(1, 4, lambda: 4.0)
    took = sum(write(pace, 4096, lambda threads: 1.0 + 0.05 * (threads - 1)))
    assert pace.threads == 1
    assert took <= 1.01 * 4096


def test_a_token_that_stalls_takes_a_thread_away_at_once_and_calm_gives_it_back():
    pace = Pace(2, 2, lambda: 2.0)
    list(write(pace, 64, ALONE.__getitem__))
    assert pace.threads == 2
    assert len([s for s in write(pace, 40, BESIDE_ANOTHER.__getitem__) if s > 2]) <= 2
    assert pace.threads == 1
    list(write(pace, 3000, ALONE.__getitem__))
    assert pace.threads == 2


def test_fewer_threads_are_tried_where_tokens_have_become_dearer():
    pace = Pace(4, 4, lambda: 4.0)
    list(write(pace, 64, ALONE.__getitem__))
    list(write(pace, 64, lambda threads: {4: 1.3, 3: 0.8}.get(threads, 1.0)))
    assert pace.threads == 3


def test_tokens_that_grow_dearer_by_and_by_change_nothing():
    pace = Pace(4, 4, lambda: 4.0)
    for token in range(30_000):
        assert not pace.observe(0.05 * (1 + token / 5000))
    assert pace.threads == 4


def test_more_threads_than_allowed_are_never_used():
    pace = Pace(2, None, lambda: 8.0)
    list(write(pace, 2000, lambda threads: 1 / threads))
    assert pace.threads == 2


def test_the_last_thread_stays():
    pace = Pace(1, 1, lambda: 2.0)
    list(write(pace, 64, lambda _: 0.01))
    list(write(pace, 64, lambda _: 5.0))
    assert pace.threads == 1


def test_what_was_best_is_kept_from_reply_to_reply():
    pace = Pace(1, 2, lambda: 2.0)
    list(write(pace, 64, ALONE.__getitem__))
    assert all(seconds == ALONE[2] for seconds in write(pace, 64, ALONE.__getitem__))


def test_idle_cores_are_counted_as_the_system_counts_them(tmp_path, monkeypatch):
    monkeypatch.setattr(resources, "_PROC", tmp_path)
    monkeypatch.setattr(resources.os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.setattr(resources.os, "sysconf", lambda _: 100)
    monkeypatch.setattr(resources, "_niceness", lambda: niceness)
    now, own, niceness = iter((0.0, 10.0, 20.0, 30.0)), iter((1.0, 5.0, 7.0)), 0
    cores = FreeCores(lambda: next(now), lambda: next(own))
    stat = tmp_path / "stat"
    stat.write_text("cpu  9 9 9 9 9\ncpu0 1 0 1 100 0 0\ncpu1 5 0 5 100 0\ncpu2 0 0 0 0 0\n")
    assert cores() is None
    stat.write_text("cpu  9 9 9 9 9\ncpu0 1 0 1 1100 0\ncpu1 900 100 5 100 0\ncpu2 0 0 0 9999 0\n")
    assert cores() == pytest.approx(1.1 + 0.4)
    stat.write_text("nothing known\ncpu0 x\n")
    assert cores() is None


def test_idle_cores_are_known_or_not_on_this_machine():
    cores = FreeCores()
    cores()
    found = cores()
    assert found is None or found >= 0
