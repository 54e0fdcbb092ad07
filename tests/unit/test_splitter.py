from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from r1chat.reasoning.splitter import Piece, Splitter, split

TAGS = ("<think>", "</think>")
FRAGMENTS = (
    *TAGS,
    "<think>",
    "</think>",
    "<",
    "</",
    "<thi",
    "nk>",
    "</th",
    "think>",
    "<thinking>",
    "</thing>",
    "<<think>",
    "< /think>",
    "</think",
    " ",
    "\n",
    "\n\n",
    "\r\n",
    "\r",
    "\t",
    "\u00a0",
    "a",
    "words, and more.",
    "é",
    "思考",
    "👩‍🚀",
)


def texts():
    return st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=3), max_size=12).map("".join)


def joined(pieces):
    thought = "".join(piece.text for piece in pieces if piece.kind == "thought")
    answer = "".join(piece.text for piece in pieces if piece.kind == "answer")
    return thought, answer


def chunks(text, cuts):
    edges = [0, *sorted({cut % (len(text) + 1) for cut in cuts}), len(text)]
    return [text[a:b] for a, b in itertools.pairwise(edges)]


WHOLE = {
    "thought and answer": ("<think>\nhm\n</think>\n\nyes", "hm\n", "yes"),
    "no line break after the tag": ("<think>hm</think>yes", "hm", "yes"),
    "only one line break after the tag is dropped": ("<think>\n\n hm</think>a", "\n hm", "a"),
    "a line break of two characters is one": ("<think>\r\n\r\nhm</think>\r\na", "\r\nhm", "a"),
    "spaces after the tag are kept": ("<think>  hm</think>a", "  hm", "a"),
    "white space before the opening tag": (" \n\t<think>hm</think>yes", "hm", "yes"),
    "empty thought": ("<think>\n\n</think>\n\nyes", "\n", "yes"),
    "thought of nothing at all": ("<think></think>yes", "", "yes"),
    "no thought": ("yes, of course", "", "yes, of course"),
    "no thought, and white space in front is kept": ("\n  code", "", "\n  code"),
    "nothing": ("", "", ""),
    "nothing but white space": (" \n", "", " \n"),
    "opening tag after text is text": ("so: <think>x</think> y", "", "so: <think>x</think> y"),
    "closing tag after text is text": ("so </think> y", "", "so </think> y"),
    "closing tag first closes nothing": ("</think>\n\nyes", "", "yes"),
    "no closing tag": ("<think>\nhm", "hm", ""),
    "no answer": ("<think>\nhm</think>\n", "hm", ""),
    "near miss is text": ("<think>a</thing>b</think>c", "a</thing>b", "c"),
    "near miss at the opening": ("<thinking>hm", "", "<thinking>hm"),
    "another case is another word": ("<THINK>hm</THINK>", "", "<THINK>hm</THINK>"),
    "opening tag in a thought is text": ("<think>a<think>b</think>c", "a<think>b", "c"),
    "repeated opening tag is dropped": ("<think>\n<think>\nhm</think>c", "hm", "c"),
    "second closing tag is swallowed": ("<think>a</think>b</think>c", "a", "bc"),
    "second closing tag leaves the answer's white space": (
        "<think>a</think>b </think>\nc",
        "a",
        "b \nc",
    ),
    "second closing tag at once": ("<think>a</think>\n</think>\n\nb", "a", "b"),
    "second thought": ("<think>a</think>b\n<think>\nc</think>\nd", "ac", "b\nd"),
    "second thought before any answer": ("<think>a</think>\n<think>\nc</think>\nd", "ac", "d"),
    "second thought that stays open": ("<think>a</think>b<think>c", "ac", "b"),
    "unfinished closing tag": ("<think>a</thi", "a</thi", ""),
    "unfinished opening tag": (" <thi", "", " <thi"),
    "unfinished tag in the answer": ("<think>a</think> b </thi", "a", "b </thi"),
    "answer's own white space is kept": ("<think>a</think> b\n\n c \n", "a", "b\n\n c \n"),
}

OPENED = {
    "thought and answer": ("hm\n</think>\n\nyes", "hm\n", "yes"),
    "no closing tag is all thought": ("hm, well", "hm, well", ""),
    "repeated opening tag is dropped": ("<think>\nhm</think>yes", "hm", "yes"),
    "so it is after white space": (" \n<think>hm</think>yes", "hm", "yes"),
    "line break that the prompt left out": ("\nhm</think>yes", "hm", "yes"),
    "empty thought": ("</think>\n\nyes", "", "yes"),
    "nothing": ("", "", ""),
    "nothing but white space": ("\n  ", "  ", ""),
    "opening tag later on is text": ("a <think> b</think>c", "a <think> b", "c"),
    "unfinished opening tag": ("<thi", "<thi", ""),
}


@pytest.mark.parametrize(("text", "thought", "answer"), WHOLE.values(), ids=WHOLE)
def test_a_whole_text_is_split(text, thought, answer):
    assert split(text) == (thought, answer)


@pytest.mark.parametrize(("text", "thought", "answer"), OPENED.values(), ids=OPENED)
def test_a_text_whose_tag_the_prompt_opened_is_split(text, thought, answer):
    assert split(text, opened=True) == (thought, answer)


# Chunks with what comes out at each: a thought's text after "T:", an answer's after "A:".
STEPS = {
    "plain thought streams": (True, [("one", "T:one"), (" two", "T: two")]),
    "opening tag in two chunks": (False, [("<thi", ""), ("nk>a", "T:a"), ("b", "T:b")]),
    "partial opening tag fakeout": (False, [(" <thi", ""), ("ng>", "A: <thing>"), ("<", "A:<")]),
    "closing tag in three chunks": (
        True,
        [("a</", "T:a"), ("thin", ""), ("k>", ""), ("\n", ""), ("\nb", "A:b")],
    ),
    "partial closing tag fakeout": (
        True,
        [("a</thi", "T:a"), ("ng>", "T:</thing>"), ("</think>b", "A:b")],
    ),
    "partial closing tag fakeout that begins a tag": (
        True,
        [("a</th", "T:a"), ("</think>b", "T:</th A:b")],
    ),
    "partial opening tag in a thought is not held": (True, [("a <thi", "T:a <thi")]),
    "no tag is looked for where there was no thought": (
        False,
        [("well <", "A:well <"), ("think>", "A:think>"), ("</thi", "A:</thi")],
    ),
    "white space at the start waits": (False, [(" ", ""), ("\n", ""), ("x", "A: \nx")]),
    "white space at the start of a thought waits": (True, [("\n", ""), ("\n", ""), ("x", "T:\nx")]),
    "white space after a thought never comes": (
        True,
        [("a</think>", "T:a"), ("\n", ""), ("\n", ""), ("b\n", "A:b\n"), ("\n", "A:\n")],
    ),
    "white space in an answer does not wait": (
        True,
        [("a</think>b", "T:a A:b"), ("  ", "A:  "), ("<think>", ""), ("c", "T:c")],
    ),
    "both at once": (False, [("<think>a</think>b", "T:a A:b")]),
    "letter by letter": (
        False,
        [*((letter, "") for letter in "<think>"), ("a", "T:a"), *((c, "") for c in "</think>")],
    ),
    "empty chunks change nothing": (False, [("", ""), ("<think>a<", "T:a"), ("", "")]),
}


@pytest.mark.parametrize(("opened", "steps"), STEPS.values(), ids=STEPS)
def test_each_chunk_yields_what_is_certain(opened, steps):
    splitter = Splitter(opened=opened)
    for chunk, expected in steps:
        came = splitter.feed(chunk)
        shown = " ".join(f"{piece.kind[0].upper()}:{piece.text}" for piece in came)
        assert shown == expected


def test_what_is_held_back_can_be_seen():
    splitter = Splitter()
    splitter.feed(" \n<thi")
    assert splitter.holding == " \n<thi"
    splitter.feed("nk>\n a</")
    assert splitter.holding == "</"
    assert splitter.close() == [Piece("thought", "</")]
    assert splitter.holding == ""


def test_closing_twice_yields_nothing_more():
    splitter = Splitter(opened=True)
    splitter.feed("a</th")
    assert splitter.close() == [Piece("thought", "</th")]
    assert splitter.close() == []


def test_a_splitter_says_where_it_is():
    splitter = Splitter()
    seen = []
    for chunk in (" ", "<think>", "\n", "a", "</think>", " ", "b", "<think>", "c"):
        splitter.feed(chunk)
        seen.append((splitter.undecided, splitter.in_thought, splitter.closed_once))
    start, thought = (True, False, False), (False, True, False)
    closed, again = (False, False, True), (False, True, True)
    assert seen == [start, thought, thought, thought, closed, closed, closed, again, again]


def test_a_text_without_thoughts_is_decided_at_its_first_word():
    splitter = Splitter()
    splitter.feed(" b")
    assert not splitter.undecided
    assert not splitter.in_thought
    assert not splitter.closed_once


@given(texts(), st.booleans(), st.lists(st.integers(0, 10_000), max_size=12))
@settings(deadline=None)
def test_any_chunking_gives_the_same_as_the_whole(text, opened, cuts):
    splitter = Splitter(opened=opened)
    pieces = [piece for chunk in chunks(text, cuts) for piece in splitter.feed(chunk)]
    pieces += splitter.close()
    assert joined(pieces) == split(text, opened=opened)


@given(texts(), st.booleans())
@settings(deadline=None)
def test_letter_by_letter_gives_the_same_and_holds_no_more_than_a_tag_and_white_space(text, opened):
    splitter = Splitter(opened=opened)
    pieces = []
    for letter in text:
        pieces += splitter.feed(letter)
        held = splitter.holding.lstrip()
        assert any(tag.startswith(held) and held != tag for tag in TAGS)
    pieces += splitter.close()
    assert all(piece.text for piece in pieces)
    assert joined(pieces) == split(text, opened=opened)


def without_tags_and_space(text):
    return re.sub(r"</?think>|\s", "", text)


@given(texts(), st.booleans())
@settings(deadline=None)
def test_every_character_but_tags_and_white_space_comes_out_once(text, opened):
    expected = without_tags_and_space(text)
    # Where the rest would make up another tag, this way of counting does not work.
    assume(not any(tag in expected for tag in TAGS))
    thought, answer = split(text, opened=opened)
    came = without_tags_and_space(thought) + without_tags_and_space(answer)
    assert sorted(came) == sorted(expected)


@given(st.text(alphabet="ab<>/ \n", max_size=30), st.text(alphabet="ab<>/ \n", max_size=30))
@settings(deadline=None)
def test_a_thought_is_kept_as_it_is(thought, answer):
    assert split(f"<think>\n{thought}</think>\n\n{answer}") == (thought, answer.lstrip())
    assert split(f"x{thought}</think>{answer}", opened=True) == (f"x{thought}", answer.lstrip())


@given(texts())
@settings(deadline=None)
def test_a_tag_in_the_text_is_worth_as_much_as_one_in_the_prompt(text):
    assert split(f"<think>{text}") == split(text, opened=True)


def in_tokens(text, *, opened):
    splitter = Splitter(opened=opened, scan=False)
    pieces = []
    for part in re.split("(</?think>)", text):
        if part == "<think>":
            pieces += splitter.open_tag()
        elif part == "</think>":
            pieces += splitter.close_tag()
        else:
            pieces += splitter.feed(part)
    return joined([*pieces, *splitter.close()])


@given(texts(), st.booleans())
@settings(deadline=None)
def test_tags_that_come_as_tokens_follow_the_same_rules(text, opened):
    assert in_tokens(text, opened=opened) == split(text, opened=opened)


@pytest.mark.parametrize(("text", "thought", "answer"), WHOLE.values(), ids=WHOLE)
def test_tags_that_come_as_tokens_split_a_whole_text(text, thought, answer):
    assert in_tokens(text, opened=False) == (thought, answer)


def test_a_tag_spelled_out_is_text_where_tags_are_tokens():
    splitter = Splitter(opened=True, scan=False)
    assert splitter.feed("so </think> is") == [Piece("thought", "so </think> is")]
    assert splitter.feed("</") == [Piece("thought", "</")]
    assert splitter.close_tag() == []
    assert splitter.feed("\n\n<think>") == [Piece("answer", "<think>")]


def test_a_token_settles_a_partial_tag_before_it():
    splitter = Splitter(opened=True)
    assert splitter.feed("a </th") == [Piece("thought", "a ")]
    assert splitter.close_tag() == [Piece("thought", "</th")]
    assert splitter.feed(" b") == [Piece("answer", "b")]


def test_an_opening_token_after_other_text_is_shown_as_text():
    splitter = Splitter(scan=False)
    splitter.feed("Well, ")
    assert splitter.open_tag() == [Piece("answer", "<think>")]
    assert splitter.close_tag() == [Piece("answer", "</think>")]


def test_pieces_of_one_kind_come_as_one():
    assert Splitter(opened=True).feed("a<think>b</thing>c") == [
        Piece("thought", "a<think>b</thing>c")
    ]


def test_who_is_told_so_lets_a_thought_begin_behind_an_answer():
    splitter = Splitter()
    pieces = splitter.feed("It is <")
    splitter.expect_thoughts()
    pieces += splitter.open_tag() + splitter.feed("hm") + splitter.close_tag()
    pieces += splitter.feed("42") + splitter.close()
    assert [(piece.kind, piece.text) for piece in pieces] == [
        ("answer", "It is <"),
        ("thought", "hm"),
        ("answer", "42"),
    ]
