from __future__ import annotations

import itertools
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1chat.reasoning.loops import (
    LONGEST_PERIOD,
    MEMORY,
    NGRAM,
    SENTENCE,
    STALE,
    TOKENS,
    WORDS,
    Cycle,
    Loop,
    LoopGuard,
    Refrain,
)
from tests.examples import examples
from tests.repetitive import KINDS, texts

VOCABULARY = 30_000


def first_cycle(tokens, cycle=None, *, word=False):
    """The place of the first alarm, and what it says."""
    cycle = cycle or Cycle()
    for at, token in enumerate(tokens, start=1):
        loop = cycle.feed(token, word=word)
        if loop:
            return at, loop
    return None


def pieces(text):
    """About as the tokenizers of R1 models have it: a word with the space before it, one digit."""
    return re.findall(r" ?[A-Za-z]+|\d|\s+|[^\w\s]+", text)


def first_alarm(text, patience=1):
    """The part of a text, in pieces, at whose end the guard says that it loops."""
    guard = LoopGuard(patience)
    numbers = {}
    for at, piece in enumerate(pieces(text), start=1):
        if guard.feed(numbers.setdefault(piece, len(numbers)), piece.encode()):
            return at
    return None


# -- to the letter --


@pytest.mark.parametrize("period", [10, 11, 20, 31, 32, 33, 64, 100, 257, 511, 512])
def test_sentences_that_repeat_are_found_when_they_have_come_three_times(period):
    rng = random.Random(period)
    before = rng.sample(range(VOCABULARY), 300)
    cycle = rng.sample(range(VOCABULARY, 2 * VOCABULARY), period)
    found = first_cycle([*before, *itertools.islice(itertools.cycle(cycle), 4000)], word=True)
    assert found == (300 + 3 * period, Loop(period, 3))


@pytest.mark.parametrize("period", [5, 7, 8, 9])
def test_shorter_ones_are_found_after_twenty_words(period):
    rng = random.Random(period)
    cycle = rng.sample(range(VOCABULARY), period)
    at, loop = first_cycle(itertools.islice(itertools.cycle(cycle), 4000), word=True)
    assert at == period + WORDS
    assert loop.period == period


@pytest.mark.parametrize("period", [1, 2, 3, 8, 30, 100, 255, 400])
def test_what_has_no_words_may_repeat_longer(period):
    rng = random.Random(period)
    cycle = rng.sample(range(VOCABULARY), period)
    at, loop = first_cycle(itertools.islice(itertools.cycle(cycle), 4000))
    assert at == period + max(TOKENS if period <= NGRAM else 2 * TOKENS, 2 * period)
    assert loop.period == period


@pytest.mark.parametrize("period", [1, 2, 3, 4])
def test_a_few_words_may_repeat_longer(period):
    tokens = itertools.islice(itertools.cycle(range(period)), 4000)
    assert first_cycle(tokens, word=True) == (
        period + 4 * WORDS,
        Loop(period, 1 + 4 * WORDS // period),
    )


def test_a_loop_that_resembles_itself_is_found_within_three_periods():
    # As SmolLM2 had it.
    period = "I'll just have to make it for you, but I'll make it for you. " * 3 + "\n\n"
    at = first_alarm(period * 10)
    assert at <= 3 * len(pieces(period)) + 1


def test_a_word_here_and_there_makes_no_sentence():
    period = [*range(2 * SENTENCE)]

    def alarm(words):
        cycle = Cycle()
        found = [cycle.feed(token, word=token < words) for token in period * 60]
        return next(at for at, loop in enumerate(found, 1) if loop)

    # Twenty words; four times as many; tokens.
    assert alarm(SENTENCE) == (1 + WORDS // SENTENCE) * len(period) - SENTENCE
    assert alarm(SENTENCE - 1) == (1 + 4 * WORDS // (SENTENCE - 1)) * len(period) - SENTENCE - 1
    assert alarm(0) == len(period) + 2 * TOKENS


def test_a_longer_period_is_not_looked_for():
    cycle = list(range(LONGEST_PERIOD + 1))
    assert first_cycle(itertools.islice(itertools.cycle(cycle), 4000), word=True) is None


def test_what_came_twice_is_no_loop_yet():
    paragraph = list(range(200))
    assert first_cycle([*paragraph, *paragraph, *range(500, 600)], word=True) is None


def test_a_loop_that_is_left_again_alarms_no_longer():
    cycle = Cycle()
    assert first_cycle([1, 2, 3, 4, 5, 6] * 30, cycle, word=True)
    assert first_cycle(range(1000, 1500), cycle, word=True) is None


def test_an_alarm_goes_on_and_counts():
    cycle = Cycle()
    alarms = [loop for token in [1, 2, 3, 4, 5] * 40 if (loop := cycle.feed(token, word=True))]
    assert alarms[0] == Loop(period=5, repeats=1 + WORDS // 5)
    assert alarms[-1] == Loop(period=5, repeats=40)
    assert len(alarms) == 200 - WORDS - 5 + 1


def test_a_quotation_that_turns_into_a_loop_is_found():
    quotation = list(range(100))
    tokens = [*quotation, *range(1000, 1300), *quotation * 4]
    at, loop = first_cycle(tokens, word=True)
    assert loop.period == 100
    assert at <= 400 + 320


@given(st.integers(1, 300), st.integers(2, 5), st.integers())
@examples(60)
def test_a_loop_that_resembles_itself_is_found_a_little_later(period, vocabulary, seed):
    rng = random.Random(seed)
    cycle = [rng.randrange(vocabulary) for _ in range(period)]
    tokens = itertools.islice(itertools.cycle(cycle), 4 * period + 4 * NGRAM + 2 * TOKENS)
    assert first_cycle(tokens, word=True)


@given(st.integers())
@settings(deadline=None, max_examples=20)
def test_noise_is_no_loop(seed):
    rng = random.Random(seed)
    assert first_cycle((rng.randrange(12) for _ in range(5000)), word=True) is None


def test_the_memory_of_cycles_does_not_grow():
    cycle = Cycle(longest_period=50)
    for token in range(10_000):
        cycle.feed(token, word=True)
    assert len(cycle._seen) + len(cycle._seen_before) <= 100
    assert len(cycle._recent) == len(cycle._words_at) <= 300


def test_the_parameters_of_cycles_take_effect():
    small = {"words": 4, "tokens": 6, "longest_period": 3, "ngram": 3}
    assert first_cycle([1, 2, 3] * 3, Cycle(**small), word=True) == (9, Loop(3, 3))
    assert first_cycle([1, 2] * 9, Cycle(**small)) == (8, Loop(2, 4))
    assert first_cycle([1, 2, 3, 4] * 10, Cycle(**small), word=True) is None


# -- in any order --


def sentences(count, words, seed=0):
    rng = random.Random(seed)
    letters = "abcdefghijklmnopqrstuvwxyz"

    def word():
        return "".join(rng.choices(letters, k=6))

    return [f"{word().title()} {' '.join(word() for _ in range(words))}. " for _ in range(count)]


def in_any_order(told, rounds, seed=0):
    """Each of them once a round, so that nothing stands three times in a row."""
    rng = random.Random(seed)
    return "".join("".join(rng.sample(told, len(told))) for _ in range(rounds))


def test_a_few_sentences_in_any_order_are_a_refrain():
    told = sentences(20, 15)
    size = len(pieces(told[0]))
    at = first_alarm(in_any_order(told, 20))
    # Each has to come four times before it counts.
    assert at is not None
    assert at <= 20 * 5 * size + 2 * STALE


def test_a_refrain_with_a_word_of_news_now_and_then_is_one_too():
    told, news = sentences(8, 15), sentences(40, 8, seed=1)
    text = "".join(in_any_order(told, 1, seed) + new for seed, new in enumerate(news))
    assert first_alarm(text)


def test_where_a_fifth_is_new_there_is_no_refrain():
    told, news = sentences(4, 15), sentences(80, 15, seed=1)
    text = "".join(in_any_order(told, 1, seed) + new for seed, new in enumerate(news))
    assert first_alarm(text) is None


def test_moves_and_steps_of_few_words_are_no_refrain():
    assert first_alarm(in_any_order(sentences(10, SENTENCE - 2), 60)) is None


def test_a_refrain_is_noticed_at_the_end_of_a_sentence():
    text = in_any_order(sentences(5, 15), 80)
    at = first_alarm(text)
    before = "".join(pieces(text)[: at - 1])
    assert before.endswith((".", ". "))


def test_the_memory_of_refrains_does_not_grow():
    refrain = Refrain(memory=100)
    for token in range(10_000):
        refrain.feed(token, word=True, ends=token % 3 == 0)
    assert len(refrain._seen) + len(refrain._seen_before) <= 200
    assert MEMORY * SENTENCE > LONGEST_PERIOD


# -- both, on text --

LOOPS = {
    "a sentence": "Wait, let me check that once more. The sum is 110, so the answer is 110. ",
    "a paragraph": "Hmm, but maybe the question wants something else. If the first number is even, "
    "then the second one has to be odd.\n\nSo I should go back and check the first case again.\n\n",
    "one of the built-in model": "Wait, I have thought about it again, and it stays as it is.\n\n",
    "one of SmolLM2": "The sum of the first n natural numbers is given by the formula "
    "n*(n+1)/2.\n\n",
}


@pytest.mark.parametrize("text", LOOPS.values(), ids=LOOPS)
def test_a_sentence_that_repeats_is_found_within_three_periods(text):
    before = "Okay, so I need to find out how much that is. Let me begin with the first of them. "
    at = first_alarm(before + text * 10)
    # White space at the border belongs to one period or the other.
    assert at <= len(pieces(before)) + 3 * (len(pieces(text)) + 1)


def test_words_without_spaces_are_words():
    # Two characters a token, about as the tokenizers of R1 models have it.
    guard = LoopGuard()
    text = "等等让我再检查一遍总和是一百一十所以答案是"
    tokens = [text[at : at + 2] for at in range(0, len(text), 2)] * 3
    numbers = {}
    alarms = [guard.feed(numbers.setdefault(t, len(numbers)), t.encode()) for t in tokens]
    assert alarms.index(True) == len(alarms) - 1


@pytest.mark.parametrize("sign", ["×", "÷", "x", "0", ".", "π"])
def test_signs_and_single_letters_are_no_words(sign):
    assert first_alarm(f" {sign}" * (TOKENS // 3)) is None


@pytest.mark.parametrize("kind", KINDS)
def test_honest_text_that_repeats_much_is_no_loop(kind):
    for name, text in texts(3):
        if name == kind:
            assert first_alarm(text) is None


def test_repetitive_text_can_be_told_from_a_loop_by_nothing_else():
    # A guard that had no patience at all would take most of it for loops.
    hasty = sum(
        first_cycle(map(hash, pieces(text)), Cycle(words=1, tokens=NGRAM), word=True) is not None
        for _, text in texts()
    )
    assert hasty > len(KINDS) / 4


def test_patience_bears_with_more():
    text = LOOPS["a sentence"] * 20
    assert first_alarm(text, patience=2) > first_alarm(text)
    with pytest.raises(ValueError, match="at least 1"):
        LoopGuard(0)


def test_reset_forgets_everything():
    guard = LoopGuard()
    assert not any(guard.feed(5, b"0") for _ in range(TOKENS))
    guard.reset()
    assert not any(guard.feed(5, b"0") for _ in range(TOKENS))
    assert guard.feed(5, b"0")
