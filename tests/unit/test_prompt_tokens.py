"""Plain text never becomes a marker, and stays the same text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1chat.prompt import plain
from r1chat.prompt.parts import Content
from r1chat.prompt.tokens import assemble
from tests.vocabulary import CHATML, R1, ToyVocabulary

USER = ("<think>", "</think>", "think>", "[IMG]", "<|x|>")
SPELLINGS = [
    *R1,
    *CHATML,
    *USER,
    "<",
    ">",
    "</",
    "hink>",
    "<th",
    "｜",
    " ",
    "\n",
    "▁",
    "é",
    "日本",
    "😀",
    "word",
]
hostile = st.lists(st.sampled_from(SPELLINGS) | st.text(max_size=3), max_size=12).map("".join)


@given(hostile)
def test_any_text_gives_no_marker_and_reads_the_same(text: str) -> None:
    vocabulary = ToyVocabulary(R1, USER)
    ids = plain(vocabulary, text)
    assert vocabulary.markers(ids) == []
    assert vocabulary.read(ids) == text


@given(hostile)
def test_a_vocabulary_that_puts_a_space_in_front_does_it_once(text: str) -> None:
    vocabulary = ToyVocabulary(R1, USER, prefixes=True)
    ids = plain(vocabulary, text)
    assert vocabulary.markers(ids) == []
    assert vocabulary.read(ids) == (f" {text}" if text else "")


@given(hostile)
def test_a_marker_that_is_spelt_otherwise_is_found_too(text: str) -> None:
    vocabulary = ToyVocabulary(R1, ("<a▁b>", "<think>"), escapes=True)
    text = f"{text}<a b>{text}"
    ids = plain(vocabulary, text)
    assert vocabulary.markers(ids) == []
    assert vocabulary.read(ids) == text.replace("▁", " ")


@given(hostile, hostile)
def test_a_marker_cannot_arise_where_framing_and_content_meet(before: str, text: str) -> None:
    vocabulary = ToyVocabulary(R1, USER)
    ids = assemble(
        vocabulary, ["<｜User｜><thi", Content(f"nk>{text}<thi"), "nk>", Content(before)]
    )
    assert vocabulary.markers(ids) == ["<｜User｜>"]
    assert vocabulary.read(ids) == f"<｜User｜><think>{text}<think>{before}"


def test_whitespace_and_words_that_are_tokens_for_economy_stay_whole() -> None:
    vocabulary = ToyVocabulary((), ("    ", "naïve", "õ", "\t\t"))
    ids = plain(vocabulary, "    naïve õ\t\t")
    assert vocabulary.markers(ids) == ["    ", "naïve", "õ", "\t\t"]


def test_a_hundred_thousand_markers_are_cut_apart() -> None:
    vocabulary = ToyVocabulary()
    text = "<think>" * 100_000
    ids = plain(vocabulary, text)
    assert max(ids) < 256
    assert vocabulary.read(ids) == text


def test_a_lone_surrogate_becomes_a_question_mark() -> None:
    vocabulary = ToyVocabulary()
    assert vocabulary.read(plain(vocabulary, "a\ud800b")) == "a?b"


def test_markers_in_framing_are_parsed() -> None:
    vocabulary = ToyVocabulary()
    ids = assemble(vocabulary, ["<｜User｜>", Content("<think>"), "<｜Assistant｜><think>\n"])
    assert vocabulary.markers(ids) == ["<｜User｜>", "<｜Assistant｜>", "<think>"]


def test_sampled_tokens_stand_as_they_are() -> None:
    vocabulary = ToyVocabulary(prefixes=True)
    ids = assemble(vocabulary, ["<｜Assistant｜>", Content("ignored", (65, 66)), " and on"])
    assert vocabulary.read(ids) == "<｜Assistant｜>AB and on"


class StrippingVocabulary(ToyVocabulary):
    """Its markers swallow the whitespace after them, as those of Phi-3 do."""

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        ids = super().tokenize(text, special=special)
        return [
            token
            for i, token in enumerate(ids)
            if not (special and i and ids[i - 1] >= 256 and token < 256 and chr(token).isspace())
        ]


def test_a_marker_may_swallow_the_whitespace_after_it() -> None:
    vocabulary = StrippingVocabulary()
    ids = assemble(vocabulary, ["<｜User｜>\n", Content("\nHi"), "<｜Assistant｜>\n"])
    assert vocabulary.read(ids) == "<｜User｜>\nHi<｜Assistant｜>"


@pytest.mark.parametrize("text", ["", " ", "\n", "<", "<think", "think>"])
def test_short_texts_survive(text: str) -> None:
    vocabulary = ToyVocabulary()
    assert vocabulary.read(plain(vocabulary, text)) == text
