from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1chat.reasoning.budget import Budget
from r1chat.tui import scale
from r1chat.tui.track import Track

WIDTHS = st.integers(1, 200)
TOKENS = st.integers(0, 1_000_000)
SPEEDS = st.one_of(st.none(), st.floats(0.1, 1000))


@given(WIDTHS, st.sampled_from(["tokens", "seconds"]), SPEEDS, TOKENS, TOKENS, TOKENS)
def test_every_column_has_one_sign_and_the_thumb_is_seen(width, unit, speed, tokens, mark, used):
    track = Track(width, unit, speed)
    budget = Budget(tokens=tokens)
    signs = track.signs(budget, used=track.of_used(used, 0), marks=(mark,))
    assert len(signs) == width
    assert signs[track.of_budget(budget)] == ("●", "slider--thumb")
    signs = track.signs(budget, used=0, marks=(mark,), editing_minimum=True)
    assert ("◆", "slider--minimum") in signs or (unit == "seconds" and not speed)


@pytest.mark.parametrize("unit", ["tokens", "seconds"])
def test_a_mark_stands_where_the_thumb_of_the_same_budget_would(unit):
    track = Track(60, unit, 20)
    same = Budget(tokens=640) if unit == "tokens" else Budget(seconds=32)
    at = track.of_budget(same)
    assert track.signs(Budget(), used=0, marks=(640,))[at] == ("┴", "slider--mark")
    assert track.signs(Budget(), used=at + 1, marks=(640,))[at] == ("┷", "slider--mark")
    assert track.signs(same, used=0, marks=(640,))[at][0] == "●"


def test_without_a_speed_there_are_no_tokens_among_seconds():
    track = Track(60, "seconds", None)
    signs = [sign for sign, _ in track.signs(Budget(minimum=64), used=0, marks=(640,))]
    assert signs == ["─"] * 59 + ["●"]


def test_a_minimum_is_dragged_in_tokens():
    assert Track(60, "tokens", None).dragged_minimum(64, 59) is None
    track = Track(60, "seconds", 20)
    assert track.dragged_minimum(64, track.of_budget(Budget(seconds=30))) == 600


@given(
    WIDTHS,
    st.sampled_from(["tokens", "seconds"]),
    SPEEDS,
    st.one_of(st.none(), st.integers(0, 1_000_000)),
    st.one_of(st.none(), st.just(scale.AUTO), st.floats(0, 600_000)),
)
def test_a_drag_to_the_right_never_lowers_and_one_to_the_left_never_raises(
    width, unit, speed, room, figure
):
    track = Track(width, unit, speed, room)
    began = track.scale.column(figure, width)
    positions = [track.scale.position(track.dragged(figure, at)) for at in range(width)]
    assert positions == sorted(positions)
    assert positions[began] == track.scale.position(figure)


@given(WIDTHS, SPEEDS, st.integers(64, 1_000_000))
def test_a_track_offers_no_more_than_the_context_leaves(width, speed, room):
    for unit in ("tokens", "seconds"):
        track = Track(width, unit, speed, room)
        if unit == "seconds" and (not speed or room / speed < scale.SECONDS.stops[0]):
            continue
        in_tokens = 1 if unit == "tokens" else speed
        offered = {track.figure_at(column) for column in range(width)}
        figures = offered - {None, scale.AUTO}
        assert all(figure * in_tokens <= room * 1.000001 for figure in figures)
        assert track.scale.step(None, -1) == scale.AUTO
