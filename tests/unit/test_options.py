"""What the help of the options says."""

from __future__ import annotations

import argparse

import pytest

from r1chat.commands import options


@pytest.fixture
def ask():
    parser = argparse.ArgumentParser()
    options.add_ask(parser)
    return parser


def test_the_help_says_how_many_threads_there_are_by_default(ask):
    text = " ".join(ask.format_help().split())
    assert "all usable cores but one, and fewer while others use them" in text
    assert "measured" not in text
