from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1chat.reasoning.moments import LOOKAHEAD, Moments, moments


@pytest.mark.parametrize(
    "sentence",
    [
        "Wait, is that right?",
        "Wait.",
        "Wait… no.",
        "Wait no, it is 5.",
        "Wait a minute!",
        "But wait, there is more.",
        "Oh wait, I forgot the zero.",
        "No, wait: it is 4.",
        "WAIT!",
        "**Wait**, no.",
        "> Wait, no.",
        "Hmm, let me see.",
        "Hmmm...",
        "Actually, it is 5.",
        "Hold on, is it?",
        "Hang on a second.",
        "Let me check that.",
        "Let me just double-check this.",
        "So let me verify: 3 * 4 = 12.",
        "Let's recalculate it.",
        "I should double check.",
        "I need to re-read the question.",
        "That's not right.",
        "This can't be.",
        "That doesn’t look right.",
        "Is that correct?",
        "I think I made a mistake there.",
        "On second thought, no.",
        "Oops, wrong sign.",
        "等等，不对。",
        "让我再检查一下。",
    ],
)
def test_a_sentence_that_doubts_is_found(sentence):
    opening = len(sentence) - len(sentence.lstrip("*> "))
    assert moments(sentence) == [opening]
    assert moments(f"It is 3.14 or so. {sentence}") == [18 + opening]
    assert moments(f"First\n\n{sentence}\nmore") == [7 + opening]


@pytest.mark.parametrize(
    "sentence",
    [
        "Wait for the bus.",
        "Wait until it is 5.",
        "Waiting is dull.",
        "Waiters wait, too.",
        "I have to wait, he said.",
        "Hold on to the rail.",
        "Actuality counts.",
        "Let me think of a number.",
        "Let me see the first one.",
        "Hmph.",
        "It is right.",
        "The wait, as it was, was long.",
        "checks are fine.",
    ],
)
def test_one_that_does_not_is_not(sentence):
    assert moments(sentence) == []


def test_a_sentence_counts_once():
    assert moments("But wait, hmm, actually, let me check. Fine. Hmm. No.") == [0, 45]


def test_only_the_beginning_of_a_sentence_counts():
    assert moments(" " * LOOKAHEAD + "Wait, no.") == []


def test_it_is_told_as_soon_as_the_words_are_there():
    finder = Moments()
    assert finder.feed("So 4. But wai") == []
    assert finder.feed("t") == []
    assert finder.feed(",") == [6]
    assert finder.feed(" no. Hm") == []
    assert finder.close() == [20]


WORDS = st.sampled_from(
    [
        *("Wait", "no", "for", "Let me", " check", "Hmm", "But ", "hold on", " to", "that's"),
        *(
            ", ",
            ". ",
            "!",
            " ",
            "\n",
            '"',
            "*",
            "…",
            "。",
            "」",
            "等等",
            "3.14",
            " wrong",
            "x" * 30,
        ),
    ]
)


@given(st.lists(WORDS, max_size=30).map("".join), st.lists(st.integers(1, 9), max_size=60))
def test_however_it_is_cut_the_moments_are_the_same(text, sizes):
    finder = Moments()
    found = []
    rest = text
    for size in sizes:
        found += finder.feed(rest[:size])
        rest = rest[size:]
    found += finder.feed(rest) + finder.close()
    assert found == moments(text)


@pytest.mark.parametrize("text", ["wait " * 50_000, "so " * 80_000, '."' * 100_000, "hmm" * 80_000])
def test_the_cost_is_that_of_the_text(text):
    before = time.process_time()
    finder = Moments()
    for at in range(0, len(text), 5):
        finder.feed(text[at : at + 5])
    # Some 0.3 s on one slow core; the limit only tells it from what grows with the square.
    assert time.process_time() - before < 10
