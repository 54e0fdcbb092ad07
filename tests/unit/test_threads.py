"""How many threads compute."""

from __future__ import annotations

from r1chat.engine.threads import Pace, default_threads, usable_cores


def feed(pace: Pace, seconds: float, tokens: int) -> None:
    for _ in range(tokens):
        pace.observe(seconds)


def test_one_core_is_left_to_the_rest_of_the_machine() -> None:
    assert 1 <= default_threads() <= max(1, usable_cores() - 1)


def test_a_steady_pace_changes_nothing() -> None:
    pace = Pace(4)
    feed(pace, 0.05, 1000)
    assert pace.threads == 4


def test_tokens_that_grow_slowly_dearer_change_nothing() -> None:
    pace = Pace(4)
    for token in range(30_000):
        pace.observe(0.05 * (1 + token / 5000))
    assert pace.threads == 4


def test_a_sudden_drop_takes_a_thread_away_and_calm_gives_it_back() -> None:
    pace = Pace(4)
    feed(pace, 0.05, 64)
    feed(pace, 0.5, 16)
    assert pace.threads == 3
    feed(pace, 0.06, 600)
    assert pace.threads == 4


def test_the_last_thread_stays() -> None:
    pace = Pace(1)
    feed(pace, 0.01, 64)
    feed(pace, 5.0, 64)
    assert pace.threads == 1
