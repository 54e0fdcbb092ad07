"""What is drafted from what stood in a text before."""

from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from r1chat.engine.lookup import NGRAM, Lookup


def drafted(text: list[int], most: int = 4) -> list[int]:
    lookup = Lookup()
    lookup.follow(text[:-1], text[-1])
    return lookup.draft(text[:-1], text[-1], most)


def test_what_stood_behind_the_same_tokens_is_drafted():
    assert drafted([1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) == [4, 5, 6, 7]


def test_too_few_tokens_in_common_are_no_repetition():
    assert drafted([1, 2, 3, 4, 5, 6, 7, 8, 9, 2, 3]) == []


def test_the_last_place_counts():
    assert drafted([1, 2, 3, 4, 9, 9, 1, 2, 3, 5, 9, 8, 1, 2, 3], 1) == [5]


def test_a_repetition_that_has_begun_is_followed_even_past_a_nearer_place():
    text = [1, 2, 3, 4, 5, 6, 0, 3, 4, 5, 7, 0, 0, 1, 2, 3, 4, 5]
    assert drafted(text, 1) == [6]


def test_a_draft_that_runs_into_its_own_beginning_goes_round():
    assert drafted([7, 1, 2, 1, 2, 1, 2], 5) == [1, 2, 1, 2, 1]
    assert drafted([5, 5, 5, 5], 3) == [5, 5, 5]


def test_one_that_was_wrong_is_looked_for_anew():
    assert drafted([1, 2, 3, 4, 5, 1, 2, 3, 9]) == []


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(1, 12))
def test_a_draft_continues_the_text_with_a_period_that_it_had(text, most):
    found = drafted(text, most)
    assert len(found) in {0, most}
    if found:
        whole = text + found
        periods = range(1, len(text) - NGRAM + 1)
        assert any(
            whole[len(text) - NGRAM - p : len(whole) - p] == whole[len(text) - NGRAM :]
            for p in periods
        )


@given(st.lists(st.integers(0, 2), max_size=60), st.lists(st.integers(1, 9), max_size=9))
def test_it_makes_no_difference_how_often_it_looks(text, steps):
    at_once, often = Lookup(), Lookup()
    at_once.follow(text, 1)
    at = 0
    for step in steps:
        at += step
        if at < len(text):
            often.follow(text[:at], text[at])
    often.follow(text, 1)
    assert often.draft(text, 1, 5) == at_once.draft(text, 1, 5)


def test_it_learns_how_often_repetitions_go_on():
    circle = list(range(20)) * 8
    sure, unsure = Lookup(), Lookup()
    sure.follow(circle, 0)
    broken = [token for at in range(40) for token in (1, 2, 3, 100 + at, 200 + at)]
    unsure.follow(broken, 1)
    unsure.follow([*broken, 1, 2], 3)
    (likely,), (unlikely,) = islice(sure.chances(), 1), islice(unsure.chances(), 1)
    assert likely > 0.9
    assert unlikely < 0.2


def test_chances_never_grow_along_a_draft():
    lookup = Lookup()
    lookup.follow(list(range(9)) * 4, 0)
    chances = list(islice(lookup.chances(), 20))
    assert chances == sorted(chances, reverse=True)


def test_after_another_text_nothing_is_repeated():
    lookup = Lookup()
    lookup.follow([1, 2, 3, 4, 1, 2], 3)
    assert lookup.repeats
    lookup.reset()
    lookup.follow([1, 2], 3)
    assert not lookup.repeats
