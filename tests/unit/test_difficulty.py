"""How long a thought is likely to become, learnt from earlier ones."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1chat.engine.fake import INFO
from r1chat.evaluation import curves
from r1chat.events import EndedBy
from r1chat.reasoning.difficulty import FEWEST, SHARE, Example, ThoughtLengths, Traits


def question(numbers: int) -> str:
    return "Add " + " + ".join(["37"] * numbers)


def taken(rng: random.Random, numbers: int) -> int:
    """A thought's length that grows with the question, and scatters."""
    return round(40 * numbers * rng.lognormvariate(0, 0.3))


def examples(count: int, *, seed: int = 0, limit: int = 10**6) -> list[Example]:
    rng = random.Random(seed)
    found = []
    for _ in range(count):
        numbers = rng.randint(2, 12)
        tokens = taken(rng, numbers)
        traits = Traits.of(question(numbers))
        found.append(Example(traits, min(tokens, limit), tokens <= limit))
    return found


@pytest.mark.parametrize("limit", [10**6, 480, 360])
@pytest.mark.parametrize("count", [40, 400])
def test_eight_in_ten_thoughts_on_such_questions_end_within_what_is_expected(count, limit):
    # Of those that were cut nobody saw the length, and still they count.
    lengths = ThoughtLengths(examples(count, limit=limit))
    rng = random.Random(1)
    within = []
    for _ in range(2000):
        numbers = rng.randint(2, 6)
        expected = lengths.expected(question(numbers))
        assert expected is not None
        assert expected.examples == count
        within.append(taken(rng, numbers) <= expected.tokens)
    assert SHARE - 0.12 < sum(within) / len(within) < SHARE + 0.12


@pytest.mark.parametrize("count", [15, 20])
def test_of_like_questions_it_is_the_thought_within_which_eight_in_ten_lie(count):
    alike = Traits.of("What is 1 + 2?")
    found = [Example(alike, 2**index, whole=True) for index in range(count)]
    expected = ThoughtLengths(found).expected("What is 1 + 2?")
    assert expected is not None
    place = count * 8 // 10 - 1
    assert found[place].tokens <= expected.tokens < found[place + 1].tokens


def test_what_makes_a_thought_longer_is_named():
    lengths = ThoughtLengths(examples(100))
    short, long = lengths.expected(question(2)), lengths.expected(question(12))
    assert short is not None
    assert long is not None
    assert short.tokens * 3 < long.tokens
    assert set(short.why) == {"few numbers", "few signs"}
    assert set(long.why) == {"many numbers", "many signs"}


def test_where_questions_tell_nothing_all_have_the_same_mark():
    told = 0
    for seed in range(20):
        rng = random.Random(seed)
        found = [replace(each, tokens=taken(rng, 5)) for each in examples(40, seed=seed)]
        short, long = (ThoughtLengths(found).expected(question(numbers)) for numbers in (2, 12))
        assert short is not None
        assert long is not None
        told += short.by_question
        if not short.by_question:
            assert (short.tokens, short.why) == (long.tokens, ())
    # Luck alone seems to tell something now and then.
    assert told <= 5
    assert ThoughtLengths(examples(40)).expected(question(2)).by_question


def test_too_few_thoughts_or_too_many_that_were_cut_tell_nothing():
    assert ThoughtLengths(examples(FEWEST - 1)).expected("2 + 2") is None
    assert ThoughtLengths(examples(FEWEST)).expected("2 + 2") is not None
    assert ThoughtLengths(examples(FEWEST)).expected("  ") is None
    assert ThoughtLengths(examples(200, limit=60)).expected("2 + 2") is None


@given(
    st.lists(
        st.tuples(st.text(max_size=30), st.integers(-2, 10**6), st.sampled_from(get_args(EndedBy))),
        max_size=40,
    ),
    st.text(max_size=60),
)
def test_whatever_was_thought_what_is_expected_was_seen_before(thoughts, text):
    found = [
        example
        for words, tokens, ended_by in thoughts
        if (example := Example.of(Traits.of(words), tokens, ended_by)) is not None
    ]
    expected = ThoughtLengths(found).expected(text)
    if expected is not None:
        # To two figures.
        assert 0 < expected.tokens <= 1.1 * max(each.tokens for each in found) + 1


@pytest.mark.parametrize(
    "row", [[], [1], [1] * 9, ["a"] * 8, [1, 1, 1, 1, 1, 1, 0, 1], 7, [True] * 8]
)
def test_a_damaged_measurement_teaches_nothing(tmp_path, home, row):
    path = tmp_path / "model.gguf"
    path.write_bytes(b"weights")
    info = replace(INFO, path=str(path))
    file = home / "data" / "evaluations.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    kept = {"curves": {"a": {"thoughts": [row]}}}
    file.write_text(json.dumps({"schema": 1, "models": {curves.identity(info): kept}}), "utf-8")
    assert curves.thoughts(info) == []
