"""Keys with Alt, as terminals send them: Escape and a character."""

from __future__ import annotations

import pytest
from textual import _xterm_parser

from r1chat.actions import ACTIONS
from r1chat.tui import terminal_input

# Not Alt+B and Alt+F: most terminals send these for steps by a word.
KEYS = sorted(
    {
        key
        for each in ACTIONS
        for key in each.keys.split(",")
        if key.startswith("alt+") and len(key) == len("alt+x")
    }
)


@pytest.fixture(autouse=True)
def _told(monkeypatch):
    sequences = dict(_xterm_parser.ANSI_SEQUENCES_KEYS)
    monkeypatch.setattr(_xterm_parser, "ANSI_SEQUENCES_KEYS", sequences)
    monkeypatch.setattr(terminal_input, "ANSI_SEQUENCES_KEYS", sequences)
    terminal_input.tell_alt()


def keys(sent):
    return [event.key for event in terminal_input.Parser().feed(sent)]


@pytest.mark.parametrize("key", KEYS)
def test_each_key_with_alt_is_told_at_once_however_many_come_together(key):
    assert keys(f"\x1b{key[-1]}" * 3) == [key] * 3


def test_letters_behind_a_key_with_alt_stay_letters():
    assert keys("\x1bkx\x1b1") == ["alt+k", "x", "alt+1"]


def test_steps_by_a_word_and_alt_enter_stay_what_they_are():
    assert keys("\x1bb\x1bf\x1b\r") == ["ctrl+left", "ctrl+right", "alt+enter"]
