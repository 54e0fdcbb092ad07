"""Counts in words: one thing is one, wherever it is said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import r1chat
from r1chat.formatting import counted, noun

PACKAGE = Path(r1chat.__file__).parent
NOUNS = (
    "tokens|samples|questions|turns|files|layers|lines|characters|conversations|downloads|likes|"
    "attachments|parts|times|hours|minutes|bytes|keys|tensors|shards|replies|models|GPUs|looks"
)
BY_HAND = re.compile(rf"\}} ({NOUNS})\b(?!/)")
NEVER_ONE = (
    # A limit, or a figure that was found to be more than one just before.
    "the most is {MAX_TEXT",
    "more than {MAX_KEPT",
    "has more than {_MOST",
    "More than {MOST_ATTACHED",
    "not between 0 and",
    "is not above 0",
    "if peeked.repeats > 1",
    "({peeked.repeats} times)",
    "{count:,} shards",
    "its {count} shards",
    "{count} shards; missing",
    "has a text of {length",
    "is {length:,} bytes long",
    "looks cannot agree",
    "r1chat reads",
    # Contexts have hundreds of tokens, samples are two or more, and long prompts are long.
    "context",
    "samples to a question",
    "{votes.samples} samples",
    "{found.samples} samples",
    "if slow else",
    "a text of {len(data)} bytes",
    "ends when {budget.agree} looks",
    "{short} tokens (measured)",
)


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0 tokens"), (1, "1 token"), (2, "2 tokens"), (1024, "1,024 tokens"), (-1, "-1 tokens")],
)
def test_one_is_told_from_many(number: int, words: str) -> None:
    assert counted(number, "token") == words


def test_a_plural_may_be_a_word_of_its_own() -> None:
    assert counted(1, "reply", "replies") == "1 reply"
    assert counted(3, "reply", "replies") == "3 replies"
    assert [noun(1, "is", "are"), noun(0.5, "is", "are")] == ["is", "are"]


def test_no_count_is_put_into_words_by_hand() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}: {line.strip()}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for line in path.read_text("utf-8").splitlines()
        if BY_HAND.search(line) and not any(known in line for known in NEVER_ONE)
    ]
    assert found == []
