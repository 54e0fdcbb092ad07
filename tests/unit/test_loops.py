from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1chat.reasoning.loops import LONGEST_PERIOD, MINIMUM, Loop, LoopGuard

VOCABULARY = 30_000


def first_alarm(tokens, guard=None):
    guard = guard or LoopGuard()
    for at, token in enumerate(tokens, start=1):
        loop = guard.feed(token)
        if loop:
            return at, loop
    return None


def words(text):
    """One token a word and one a digit, as the tokenizers of R1 models have it."""
    parts = itertools.chain.from_iterable(
        [*word] if word.isdigit() else [word] for word in text.split(" ")
    )
    numbers = {}
    return [numbers.setdefault(part, len(numbers)) for part in parts]


@pytest.mark.parametrize("period", [1, 2, 3, 7, 8, 9, 20, 31, 32, 33, 64, 100, 257, 511, 512])
def test_a_loop_is_found_when_it_has_come_three_times(period):
    rng = random.Random(period)
    before = rng.sample(range(VOCABULARY), 300)
    cycle = rng.sample(range(VOCABULARY, 2 * VOCABULARY), period)
    at, loop = first_alarm([*before, *itertools.islice(itertools.cycle(cycle), 4000)])
    assert loop.period == period
    assert at == 300 + period + max(2 * period, MINIMUM)
    assert loop.repeats >= 3


def test_a_longer_period_is_not_looked_for():
    cycle = list(range(LONGEST_PERIOD + 1))
    assert first_alarm(itertools.islice(itertools.cycle(cycle), 4000)) is None


def test_what_came_twice_is_no_loop_yet():
    paragraph = list(range(200))
    assert first_alarm([*paragraph, *paragraph, *range(500, 600)]) is None


def test_a_loop_that_is_left_again_alarms_no_longer():
    guard = LoopGuard()
    assert first_alarm([7] * 200, guard)
    assert first_alarm(range(1000, 1500), guard) is None


def test_an_alarm_goes_on_and_counts():
    guard = LoopGuard()
    alarms = [loop for token in [1, 2, 3, 4] * 40 if (loop := guard.feed(token))]
    assert alarms[0] == Loop(period=4, repeats=1 + MINIMUM // 4)
    assert alarms[-1] == Loop(period=4, repeats=40)
    assert len(alarms) == 160 - MINIMUM - 4 + 1


def test_a_quotation_that_turns_into_a_loop_is_found():
    quotation = list(range(100))
    tokens = [*quotation, *range(1000, 1300), *quotation * 4]
    at, loop = first_alarm(tokens)
    assert loop.period == 100
    assert at <= 400 + 320


@given(st.integers(1, 300), st.integers(2, 5), st.integers())
@settings(deadline=None, max_examples=60)
def test_a_loop_that_resembles_itself_is_found_a_little_later(period, vocabulary, seed):
    rng = random.Random(seed)
    cycle = [rng.randrange(vocabulary) for _ in range(period)]
    assert first_alarm(itertools.islice(itertools.cycle(cycle), 6 * period + 2 * MINIMUM))


@given(st.integers())
@settings(deadline=None, max_examples=20)
def test_noise_is_no_loop(seed):
    rng = random.Random(seed)
    assert first_alarm(rng.randrange(12) for _ in range(5000)) is None


HONEST = {
    "counting": " ".join(f"{n} ," for n in range(2000)),
    "counting down by sevens": " ".join(f"{n} minus 7 is {n - 7} ." for n in range(5000, 0, -7)),
    "a table": " ".join(f"| {n} | {n * n} | {n**3} | \n" for n in range(400)),
    "a table with one column that changes": " ".join(
        f"| {n} | yes | no | yes | yes | \n" for n in range(400)
    ),
    "checking cases": " ".join(
        f"Let me check x = {n} : the left side is {3 * n + 1} , and the right side is 400 , "
        f"so that does not hold . Next ."
        for n in range(130)
    ),
    "letters": " ".join(f"letter {n} is r , that makes {n} so far ;" for n in range(300)),
    "rows of a wide table": "| --- | --- | --- | --- | --- | --- | --- | --- | \n",
    "a word of 64 bits": " ".join("0" * 64),
    "one million in words and figures": f"{10**60} is a one and sixty zeros",
    "the same step three times, with thoughts between": " ".join(
        f"Let me add the numbers again , from the left to the right , carefully . {note}"
        for note in ("Hm .", "No , wait .", "Yes , that is right .", "So it is .")
    ),
}


@pytest.mark.parametrize("text", HONEST.values(), ids=HONEST)
def test_honest_text_that_repeats_much_is_no_loop(text):
    assert first_alarm(words(text)) is None


def test_a_thought_that_repeats_its_sentence_is_a_loop():
    sentence = "Wait , let me check that once more . The sum is 110 , so the answer is 110 . "
    at, loop = first_alarm(words(sentence * 10))
    period = len(words(sentence.strip()))
    assert loop.period in {period, period + 1}
    assert at <= 4 * (period + 1) + MINIMUM


def test_reset_forgets_everything():
    guard = LoopGuard()
    assert first_alarm([5] * (MINIMUM // 2 + 1), guard) is None
    guard.reset()
    assert first_alarm([5] * MINIMUM, guard) is None
    assert guard.feed(5) == Loop(period=1, repeats=MINIMUM + 1)


def test_its_memory_does_not_grow():
    guard = LoopGuard(longest_period=50)
    for token in range(10_000):
        guard.feed(token)
    assert len(guard._seen) + len(guard._seen_before) <= 100
    assert len(guard._recent) == 50


def test_its_parameters_take_effect():
    guard = LoopGuard(minimum=4, longest_period=3, ngram=2)
    assert first_alarm([1, 2, 3, 1, 2, 3, 1, 2, 3], guard) == (9, Loop(3, 3))
    guard.reset()
    assert first_alarm([1, 2, 3, 4] * 10, guard) is None


@pytest.mark.parametrize("name", ["minimum", "longest_period", "ngram"])
def test_a_parameter_of_zero_is_refused(name):
    with pytest.raises(ValueError, match="at least 1"):
        LoopGuard(**{name: 0})
