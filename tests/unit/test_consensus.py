"""Answers are compared as what they mean, and counted."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import comb, factorial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1chat.reasoning.consensus import HARDLY, SCATTERED, Tally, chance_of_change
from r1chat.reasoning.equality import normal, same_answer, value


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("110", "110"),
        ("110", "110."),
        ("110", "$110$"),
        ("110", "110.0"),
        ("1,000", "1000"),
        ("1{,}000", "1000"),
        ("1/2", "0.5"),
        (r"\frac{1}{2}", "0.5"),
        (r"\dfrac{2}{4}", "1/2"),
        (r"\frac12", "1/2"),
        ("50%", "0.5"),
        (r"50\%", "1/2"),
        ("x = 3", "3"),
        ("−3", "-3"),
        (r"\text{Tuesday}", "tuesday"),
        (r"\left(1, 2\right)", "(1,2)"),
        (r"90^\circ", "90"),
        (r"\frac{\sqrt{3}}{2}", r"\dfrac{\sqrt{3}}{2}"),
    ],
)
def test_the_same_answer_written_differently_is_the_same(one, other):
    assert same_answer(one, other)
    assert same_answer(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("110", "111"),
        ("1/2", "2"),
        ("1/3", "0.3333"),
        ("-3", "3"),
        ("12", "1 2 3"),
        ("(1,2)", "(2,1)"),
        ("1,2", "12"),
        ("x", "y"),
        ("1/0", "0"),
        ("9" * 500, "9" * 501),
    ],
)
def test_different_answers_are_different(one, other):
    assert not same_answer(one, other)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_can_be_compared_and_the_order_does_not_matter(one, other):
    assert same_answer(one, one)
    assert same_answer(one, other) == same_answer(other, one)


@given(st.fractions(min_value=-(10**6), max_value=10**6, max_denominator=10**4))
def test_a_number_is_the_same_however_it_is_written(number: Fraction):
    plain = f"{number.numerator}/{number.denominator}"
    sign = "-" if number < 0 else ""
    latex = rf"{sign}\frac{{{abs(number.numerator)}}}{{{number.denominator}}}"
    assert value(normal(plain)) == value(normal(latex)) == number


def test_the_most_frequent_answer_wins():
    tally = Tally(5)
    for sample, final in enumerate(["7", "8", "8.0", None, "7"]):
        tally.add(sample, final)
    assert [(vote.final, vote.samples) for vote in tally.votes] == [("7", (0, 4)), ("8", (1, 2))]


def test_without_any_answer_nobody_wins():
    tally = Tally(2)
    tally.add(0, None)
    tally.add(1, None)
    assert tally.winner is None
    assert not tally.certain


@given(st.lists(st.sampled_from(["1", "2", "3", None]), min_size=1, max_size=12))
def test_once_certain_no_rest_can_change_the_winner(finals):
    tally = Tally(len(finals))
    early = None
    for sample, final in enumerate(finals):
        tally.add(sample, final)
        if tally.certain and early is None:
            early = tally.winner.final
    counted = Counter(final for final in finals if final is not None)
    if early is not None:
        assert tally.winner.final == early
    if counted:
        assert counted[tally.winner.final] == max(counted.values())


def test_it_is_certain_as_soon_as_the_rest_cannot_catch_up():
    tally = Tally(8)
    for sample in range(4):
        tally.add(sample, "7")
    assert not tally.certain
    tally.add(4, "7")
    assert tally.certain


@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 6))
def test_the_chance_of_a_change_is_that_of_votes_whose_share_nobody_knew(first, second, left):
    """The beta-binomial distribution, by the integral of a uniform share over all of its values."""

    def weight(one: int, other: int) -> Fraction:
        return Fraction(factorial(one) * factorial(other), factorial(one + other + 1))

    expected = sum(
        comb(left, more) * weight(first + more, second + left - more) / weight(first, second)
        for more in range(left + 1)
        if second + left - more > first + more
    )
    assert chance_of_change(first, second, left) == pytest.approx(float(expected))


@given(
    st.integers(1, 16),
    st.lists(st.sampled_from([*"123456789", None]), min_size=16, max_size=16),
    st.sampled_from(["never", "settled", "likely"]),
)
def test_it_is_decided_as_early_as_was_asked_for_and_as_few_are_under_way_as_can_decide_it(
    samples, finals, stop
):
    tally = Tally(samples, stop=stop)
    for sample in range(samples):
        left = samples - tally.done
        if stop == "likely":
            fewest = (more for more in range(1, left) if _could_decide(tally, more))
            assert tally.wanted == next(fewest, left)
        else:
            assert tally.wanted == left
        tally.add(sample, finals[sample])
        counts = [vote.count for vote in tally.votes] + [0, 0]
        left = samples - tally.done
        if tally.decided == "settled":
            assert counts[0] > counts[1] + left
        elif tally.decided == "likely":
            assert chance_of_change(counts[0], counts[1], left) < HARDLY
        elif tally.decided == "scattered":
            assert counts[0] == 1
            assert len(tally.votes) >= max(SCATTERED, samples / 2)
        assert tally.decided is None or stop in {"likely", tally.decided}
        if tally.decided and left:
            return


def _could_decide(tally: Tally, more: int) -> bool:
    """Whether so many more votes might decide it: those that all agree, or all differ."""
    leader = tally.winner.final if tally.winner else "1"
    ways = ([leader] * more, [f"new {number}" for number in range(more)])
    return any(_decided_with(tally, way) for way in ways)


def _decided_with(tally: Tally, votes: list[str]) -> bool:
    known = [vote.final for vote in tally.votes for _ in vote.samples]
    none = [None] * (tally.done - len(known))
    other = Tally(tally.samples, stop="likely")
    for sample, each in enumerate([*known, *none, *votes]):
        other.add(sample, each)
    return other.decided is not None


def test_of_eight_two_that_agree_are_enough_and_one_that_differs_asks_for_more():
    tally = Tally(8, stop="likely")
    assert tally.wanted == 2
    tally.add(0, "7")
    assert (tally.decided, tally.wanted) == (None, 1)
    tally.add(1, "8")
    assert (tally.decided, tally.wanted) == (None, 2)
    tally.add(2, "7")
    assert (tally.decided, tally.wanted) == (None, 1)
    tally.add(3, "7.0")
    assert tally.decided == "likely"


def test_where_no_two_of_half_the_samples_agree_the_others_are_not_drawn():
    tally = Tally(8, stop="likely")
    for sample, final in enumerate("1234"):
        assert tally.decided is None
        tally.add(sample, final)
    assert tally.decided == "scattered"
    # Replies without an answer say nothing of how far answers lie apart.
    silent = Tally(8, stop="likely")
    for sample in range(7):
        silent.add(sample, None)
    assert silent.decided is None


def test_of_answers_that_are_equally_frequent_the_surest_counts_whichever_ended_first():
    votes = [(0, "7", 0.3), (1, "8", 0.9), (2, "9", None), (3, "8", 0.1), (4, "7", 0.6)]
    for order in (votes, votes[::-1]):
        tally = Tally(8)
        for sample, final, confidence in order:
            tally.add(sample, final, confidence)
        assert [vote.final for vote in tally.votes] == ["8", "7", "9"]
    # Most votes come before all confidence.
    surer = Tally(3)
    for sample, final, confidence in ((0, "1", 1.0), (1, "2", 0.1), (2, "2", 0.1)):
        surer.add(sample, final, confidence)
    assert surer.winner.final == "2"
