"""The words for how a reply ended: one table, which the app, the command line and exports share."""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path
from typing import get_args

import pytest

import r1chat
from r1chat.conversation import Turn
from r1chat.events import EndedBy, Peeked, Receipt, Reply, ThoughtEnded
from r1chat.exchange import words as exported
from r1chat.tui import thought_words
from r1chat.wording import (
    ENDINGS,
    answer_line,
    model_name,
    preview,
    receipt_line,
    thought_cost,
    title,
    why_unanswered,
)
from tests.sources import tree

PACKAGE = Path(r1chat.__file__).parent
EVERY = get_args(EndedBy)


@pytest.mark.parametrize(
    ("receipt", "words"),
    [
        (Receipt(), "No thought"),
        (Receipt(ended_by="cancelled"), "No thought · stopped"),
        (
            Receipt(thought_tokens=1, thought_s=75.2, ended_by="loop"),
            "Thought for 1 min 15 s · 1 token · ended because it was looping",
        ),
        (
            Receipt(thought_tokens=2, answer_tokens=3, answer_asked="words"),
            "Thought for 0.0 s · 2 tokens · answer begun by r1chat",
        ),
    ],
)
def test_receipts_are_said_in_words(receipt: Receipt, words: str) -> None:
    assert receipt_line(receipt) == words


def test_every_ending_has_words() -> None:
    assert set(ENDINGS) == set(EVERY)
    assert len({ending.label for ending in ENDINGS.values()}) == len(EVERY)


@pytest.mark.parametrize("ended_by", EVERY)
def test_the_app_the_command_line_and_exports_say_the_same(ended_by: EndedBy) -> None:
    receipt = Receipt(ended_by, ended_by, thought_tokens=312, thought_s=75.2)
    header = thought_words.thought(ThoughtEnded(ended_by, 312, 75.2))[0]
    assert receipt_line(receipt) == header
    turn = Turn("?", Reply("t", "", receipt))
    assert exported.thought(turn) == thought_cost(75.2, 312)[0]
    assert header.startswith(exported.thought(turn))
    why = why_unanswered(turn.reply)
    assert exported.failure(turn) == (f"no answer: {why}" if why else "no answer")
    assert why.lower() in answer_line(turn.reply).lower()


@pytest.mark.parametrize(
    ("effort", "words"),
    [("low", "told: low effort"), ("512", "told: 512 tokens"), ("0", "told not to think")],
)
@pytest.mark.parametrize("style", [None, "brief"])
def test_what_a_model_was_told_is_said_with_how_it_was_asked(effort, words, style) -> None:
    receipt = Receipt(
        "budget", "budget", thought_tokens=312, thought_s=75.2, thought_style=style, effort=effort
    )
    ended = ThoughtEnded("budget", 312, 75.2)
    header = thought_words.thought(ended, style=style, effort=effort)
    assert receipt_line(receipt) == header[0]
    assert header[0].endswith(words)
    assert header[1:] == thought_words.thought(ended)


def test_a_paused_thought_says_so() -> None:
    ended = ThoughtEnded("cancelled", 240, 5.0)
    assert thought_words.thought(ended, paused=True)[0] == "Paused after 5.0 s · 240 tokens"


def test_no_other_module_has_a_table_of_endings() -> None:
    """Advice by ending, such as the options that help, is another matter."""
    found = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.name != "wording.py"
        for node in ast.walk(tree(path.read_text("utf-8")))
        if isinstance(node, ast.Dict)
        and sum(isinstance(key, ast.Constant) and key.value in EVERY for key in node.keys) > 4
    ]
    assert found == []


def test_a_preview_says_what_was_found_and_how_often() -> None:
    found = Peeked("42", 10, 3)
    assert preview(found) == thought_words.so_far(found)[0] == "so far: 42 (3 times)"
    assert preview(dataclasses.replace(found, final=None)) == "so far: no answer"


def test_titles_and_names_of_models_are_clean() -> None:
    assert title("\x1b[31m") == "Untitled"
    assert title("a\nb") == "a b"
    assert model_name("/models/r1.gguf") == "r1.gguf"
    assert model_name("https://host/v1#a/b.gguf") == "https://host/v1#a/b.gguf"
