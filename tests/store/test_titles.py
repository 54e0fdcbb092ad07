"""Titles made from questions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1chat.sanitize import line
from r1chat.store import title_of
from r1chat.store.titles import LONGEST


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("What is 2 + 2?", "What is 2 + 2?"),
        ("Explain prime numbers.", "Explain prime numbers"),
        ("Explain primes to me. Use short words.", "Explain primes to me"),
        ("Hi! Can you help me with a proof?", "Hi! Can you help me with a proof?"),
        ("  \n\n# Sorting a list\n\nHow do I do it?", "Sorting a list"),
        ("- why is `x` unbound\n- and y", "why is x unbound"),
        ("**Quickly:** what is 3.14 squared", "Quickly: what is 3.14 squared"),
        ("1. first\n2. second", "first"),
        ("a_b and snake_case stay", "a_b and snake_case stay"),
        ("And so on...", "And so on..."),
        ("```\nprint(1)\n```", "print(1)"),
        ("北京在哪里？上海呢？广州呢？深圳呢？", "北京在哪里？"),
        ("?!", "?!"),
        ("", ""),
        (" \n\t", ""),
        ("\x1b[31mred\x1b[0m alert now", "red alert now"),
    ],
)
def test_the_first_sentence_is_the_title(question, title):
    assert title_of(question) == title


def test_a_long_question_is_cut_at_a_word():
    title = title_of("Please explain to me " + "very " * 30 + "slowly")
    assert title == "Please explain to me very very very very very very very…"


def test_a_text_without_spaces_is_cut_all_the_same():
    assert title_of("x" * 500) == "x" * (LONGEST - 1) + "…"


@given(st.text(max_size=300))
def test_a_title_is_one_clean_line_of_limited_length(question):
    title = title_of(question)
    assert len(title) <= LONGEST
    assert title == line(title, LONGEST)
