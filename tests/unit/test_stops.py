"""Phrases that end a text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from r1chat.reasoning.stops import StopPhrases

PHRASES = ("\nUser:", "\nUsed")


def through(chunks: list[str]) -> tuple[str, bool]:
    stops = StopPhrases(PHRASES)
    text = "".join(stops.feed(chunk) for chunk in chunks)
    return text + stops.close(), stops.found


def test_a_phrase_in_pieces_ends_the_text_before_it() -> None:
    assert through(["42.", "\nUs", "er", ": and so on"]) == ("42.", True)


def test_what_only_begins_like_a_phrase_comes_out() -> None:
    assert through(["a\nUse", "ful", "\nUs"]) == ("a\nUseful\nUs", False)


@given(st.lists(st.sampled_from(["\n", "U", "se", "r:", "User", "d", "x", "\nUs"]), max_size=30))
def test_any_chunks_give_what_the_whole_gives(chunks: list[str]) -> None:
    assert through(chunks) == through(["".join(chunks)])


@given(st.text(max_size=50))
def test_without_phrases_everything_passes(text: str) -> None:
    assert StopPhrases(()).feed(text) == text
