from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1chat.reasoning.budget import AGREE, LIMIT_SECONDS, LIMIT_TOKENS, Budget
from r1chat.tui import scale
from r1chat.tui.scale import AUTO, SECONDS, TOKENS, Scale

SCALES = st.sampled_from([TOKENS, SECONDS])
UNITS = st.sampled_from(["tokens", "seconds"])


@st.composite
def scales_and_figures(draw: st.DrawFn) -> tuple[Scale, float]:
    which = draw(SCALES)
    if which is TOKENS:
        return which, draw(st.integers(0, LIMIT_TOKENS))
    return which, draw(st.integers(0, int(LIMIT_SECONDS * 1000))) / 1000


@st.composite
def budgets(draw: st.DrawFn) -> Budget:
    kind = draw(st.sampled_from(["tokens", "seconds", "auto", "max"]))
    if kind == "tokens":
        tokens = draw(st.integers(0, LIMIT_TOKENS))
        return Budget(tokens=tokens, minimum=draw(st.integers(0, tokens)))
    minimum = draw(st.integers(0, LIMIT_TOKENS))
    if kind in {"auto", "max"}:
        return Budget.parse(kind, minimum=minimum)
    seconds = draw(st.floats(0.001, LIMIT_SECONDS))
    return Budget(seconds=seconds, minimum=minimum)


def test_the_stops_are_figures_that_people_read_as_round():
    assert TOKENS.stops[:6] == (64, 128, 192, 256, 384, 512)
    assert TOKENS.stops[-4:] == (12288, 16384, 24576, 32768)
    assert SECONDS.stops[0] == 5
    assert SECONDS.stops[-1] == 1800


@given(scales_and_figures())
def test_a_figure_comes_back_from_its_position(case):
    which, figure = case
    position = which.position(figure)
    back = which.figure(position)
    assert back == pytest.approx(figure, rel=1e-9, abs=0.5 * 10**-which.digits)
    if which is TOKENS:
        assert back == figure


@given(SCALES, st.floats(0, 30))
def test_every_position_has_a_figure(which, position):
    figure = which.figure(position)
    assert figure in (None, AUTO) or 0 <= figure <= which.limit
    assert (figure is None) == (position >= which.last)
    assert (figure == AUTO) == (which.last - 1 <= position < which.last)


@given(scales_and_figures(), scales_and_figures())
def test_more_never_stands_further_left(first, second):
    if first[0] is not second[0]:
        return
    low, high = sorted([first[1], second[1]])
    assert first[0].position(low) <= first[0].position(high) < first[0].last
    for width in (1, 8, 20, 200):
        assert 0 <= first[0].column(low, width) <= first[0].column(high, width) < max(width, 1)


@given(SCALES, st.integers(-3, 25))
def test_a_stop_stands_at_its_index(which, index):
    figure = which.stop(index)
    assert which.position(figure) == pytest.approx(min(max(index, 0), which.last))


@given(SCALES)
def test_steps_go_through_all_stops_and_back(which):
    up = [0.0]
    while up[-1] is not None:
        up.append(which.step(up[-1], 1))
    assert up == [0, *which.stops, AUTO, None]
    down = [None]
    while down[-1] != 0:
        down.append(which.step(down[-1], -1))
    assert down == up[::-1]
    assert which.step(0, -1) == 0
    assert which.step(None, 4) is None


@given(scales_and_figures(), st.integers(1, 5))
def test_a_step_from_between_two_stops_goes_the_right_way(case, by):
    which, figure = case
    up, down = which.step(figure, by), which.step(figure, -by)
    assert up is None or up > figure
    assert down is not None
    assert down < figure or figure == 0
    assert up in (*which.stops, AUTO, None)


@given(SCALES, st.integers(21, 300))
def test_every_stop_can_be_hit_on_a_wide_track(which, width):
    hit = {which.at_column(column, width) for column in range(width)}
    assert hit == {0, *which.stops, AUTO, None}


FIGURES = st.one_of(st.none(), st.just(AUTO), st.floats(0, 2e6))


@given(budgets(), FIGURES, UNITS)
def test_any_figure_makes_a_budget(budget, figure, unit):
    new = scale.with_figure(budget, figure, unit)
    assert new.grace == budget.grace
    assert new.tokens is None or new.seconds is None
    if figure is None:
        assert (new.tokens, new.seconds, new.minimum) == (None, None, budget.minimum)
    assert new.agree == (AGREE if figure == AUTO else None)
    assert scale.figure_of(new, unit) == figure or figure not in (None, AUTO, 0)


@given(budgets(), FIGURES)
def test_any_minimum_makes_a_budget_and_leaves_the_limit_alone(budget, minimum):
    new = scale.with_minimum(budget, minimum)
    assert (new.tokens, new.seconds) == (budget.tokens, budget.seconds)
    assert new.tokens is None or new.minimum <= new.tokens


@given(st.integers(0, LIMIT_TOKENS), st.floats(0.5, 500))
def test_seconds_and_back_means_the_same_tokens(tokens, speed):
    budget = Budget(tokens=tokens)
    there = scale.convert(budget, "seconds", speed)
    back = scale.convert(there, "tokens", speed)
    if there.seconds == LIMIT_SECONDS:
        return
    assert back.tokens == pytest.approx(tokens, abs=1 + speed * 0.001)


@given(budgets(), UNITS, st.one_of(st.none(), st.floats(0.1, 1000)))
def test_a_conversion_keeps_off_auto_and_max(budget, unit, speed):
    new = scale.convert(budget, unit, speed)
    assert (new.off, new.auto) == (budget.off, budget.auto)
    other = "seconds" if unit == "tokens" else "tokens"
    if scale.figure_of(budget, other) is None:
        assert scale.figure_of(new, unit) is None


def test_without_a_speed_a_conversion_stays_about_where_it_was():
    assert scale.convert(Budget(tokens=1024), "seconds", None).seconds == 45
    assert scale.convert(Budget(seconds=45), "tokens", None).tokens == 1024


@pytest.mark.parametrize(
    ("budget", "unit", "speed", "text"),
    [
        (Budget(tokens=2048), "tokens", 40, ("2,048 tokens", "≈ 51 s")),
        (Budget(tokens=2048), "tokens", None, ("2,048 tokens", "")),
        (Budget(tokens=1), "tokens", None, ("1 token", "")),
        (Budget(tokens=2048, minimum=128), "tokens", 40, ("2,048 tokens", "≥ 128 ≈ 51 s")),
        (Budget(tokens=0), "seconds", 40, ("no thinking", "")),
        (Budget(), "tokens", 40, ("no limit", "")),
        (Budget(minimum=256), "tokens", 40, ("no limit", "≥ 256")),
        (Budget(agree=3), "tokens", 40, ("auto", "until sure")),
        (Budget(agree=3, minimum=256), "seconds", None, ("auto", "≥ 256")),
        (Budget(seconds=30), "seconds", 40, ("30 s", "≈ 1,200 tokens")),
        (Budget(seconds=1800), "seconds", 20, ("30 min", "≈ 36,000")),
        (Budget(tokens=1_000_000), "tokens", None, ("1,000,000", "")),
        (Budget(minimum=32768), "tokens", None, ("no limit", "≥ 32k")),
        (Budget(tokens=2048, minimum=1234), "tokens", 9, ("2,048 tokens", "≥ 1,234")),
        (Budget(seconds=30, minimum=9), "seconds", None, ("30 s", "≥ 9")),
    ],
)
def test_a_budget_is_written_with_what_it_means(budget, unit, speed, text):
    assert scale.describe(budget, unit, speed) == text


@pytest.mark.parametrize(
    ("budget", "flat", "said"),
    [
        (Budget(), (), ()),
        (
            Budget(),
            (1024,),
            (
                "accuracy flattens at 1,024 tokens (measured)",
                "accuracy flattens at 1,024 (measured)",
                "accuracy flattens at 1,024",
            ),
        ),
        (Budget(), (0, 64, 128), ("accuracy flattens at 0–128 tokens (measured)", ...)),
        (Budget(), (0,), ("measured to be as good without thinking", ...)),
        (
            Budget(agree=3),
            (128,),
            ("ends when the model is sure of its answer", "ends when it is sure"),
        ),
    ],
)
def test_what_there_is_to_say_of_budget_and_marks(budget, flat, said):
    found = scale.remark(budget, flat)
    if ... in said:
        assert found[0] == said[0]
    else:
        assert found == said
    assert list(found) == sorted(found, key=len, reverse=True)


@given(budgets(), UNITS, st.one_of(st.none(), st.floats(0.01, 10000)))
def test_every_budget_is_written_in_the_columns_that_are_kept_for_it(budget, unit, speed):
    figure, meaning = scale.describe(budget, unit, speed)
    assert 0 < len(figure) <= scale.ROOM_FOR_FIGURE
    assert len(meaning) <= scale.ROOM_FOR_MEANING


def test_a_budget_that_the_context_has_no_room_for_says_so():
    budget = Budget(tokens=8192)
    assert scale.describe(budget, "tokens", 40, 4000) == ("8,192 tokens", "room 4,000")
    assert scale.describe(budget, "tokens", 40, 8192)[1] == "≈ 3 min 25 s"
