"""The formats of thoughts: each split right however its text is cut, and nonsense refused."""

from __future__ import annotations

import codecs
import itertools
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1chat.own_formats import described
from r1chat.reasoning.formats import FORMATS, THINK, Format, written_in
from r1chat.reasoning.splitter import Splitter, split

BY_NAME = {format_.name: format_ for format_ in FORMATS}

# What models of these formats write: text, thought, answer.
WRITTEN = {
    "think": ("<think>\nHm, é.\n</think>\n\nIt is 4.", "Hm, é.\n", "It is 4."),
    "r1-zero": (
        "<think> 2 + 2 = 4 </think> <answer> It is 4. </answer>",
        " 2 + 2 = 4 ",
        "It is 4. ",
    ),
    "apriel": (
        "Here are my reasoning steps:\nNo [BEGIN FINAL RESPONSE] yet.\n[BEGIN FINAL RESPONSE]\n4",
        "No [BEGIN FINAL RESPONSE] yet.\n",
        "4",
    ),
    "thinking": ("<thinking>\nHm.\n</thinking>\n\n<answer>\n4</answer>", "Hm.\n", "4"),
    "thought": ("<thought>\nHm.\n</thought>\n\n4", "Hm.\n", "4"),
    "reasoning": (
        "<reasoning>\nHm.\n</reasoning>\n<answer>\n4\n</answer>\n<verifier_answer>4</verifier_answer>",
        "Hm.\n",
        "4\n\n4",
    ),
    "mistral": ("[THINK]Hm, a[0] and [x].[/THINK]It is 4.", "Hm, a[0] and [x].", "It is 4."),
    "harmony": (
        (
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>"
            "It is 4."
        ),
        "Hm.",
        "It is 4.",
    ),
    "solar": (
        ("<|begin|>assistant<|think|>Hm.<|end|><|begin|>assistant<|content|>It is 4."),
        "Hm.",
        "It is 4.",
    ),
    "muse": (
        "to=self<|message|>Hm, to=x.<|eom|><|start|>assistant to=user<|message|>It is 4.",
        "Hm, to=x.",
        "It is 4.",
    ),
    "gemma": ("<|channel>thought\nHm.\n<channel|>It is 4.", "Hm.\n", "It is 4."),
    "seed": ("<seed:think>\nHm.\n</seed:think>\nIt is 4.", "Hm.\n", "It is 4."),
    "minimax": ("<mm:think>\nHm.\n</mm:think>\n\nIt is 4.", "Hm.\n", "It is 4."),
    "hy3": (
        "<think:opensource>\nHm.\n</think:opensource>\nIt is 4.",
        "Hm.\n",
        "It is 4.",
    ),
    "kimi": ("◁think▷\n◁ Hm.\n◁/think▷It is ▷ 4.", "◁ Hm.\n", "It is ▷ 4."),
    "cohere": (
        "<|START_THINKING|>Hm.<|END_THINKING|><|START_RESPONSE|>It is 4.<|END_RESPONSE|>",
        "Hm.",
        "It is 4.",
    ),
    "apertus": ("<|inner_prefix|>Hm.<|inner_suffix|>It is 4.", "Hm.", "It is 4."),
    "granite": (
        (
            "Here is my thought process:\n\nHere is my view. Here is my response: no.\n\n"
            "Here is my response:\n\nIt is 4.\nHere is my response: 4."
        ),
        "\nHere is my view. Here is my response: no.\n\n",
        "It is 4.\nHere is my response: 4.",
    ),
    "kimi-k3": (
        (
            "<|open|>think<|sep|>Hm.<|close|>think<|sep|><|open|>response<|sep|>It is 4."
            "<|close|>response<|sep|><|close|>message<|sep|>"
        ),
        "Hm.",
        "It is 4.",
    ),
}
MORE = {
    "no thought at all": ("harmony", "<|channel|>final<|message|>It is 4.", "", "It is 4."),
    "two thoughts": (
        "harmony",
        (
            "<|channel|>analysis<|message|>One.<|end|><|start|>assistant<|channel|>analysis<|message|>"
            " Two.<|end|><|start|>assistant<|channel|>final<|message|>4"
        ),
        "One. Two.",
        "4",
    ),
    "an end that was left out": (
        "harmony",
        "<|channel|>analysis<|message|>One.<|channel|>final<|message|>4",
        "One.",
        "4",
    ),
    "another spelling": (
        "granite",
        "Here's my thought process:\nHm.\nHere's my response:\n4",
        "Hm.\n",
        "4",
    ),
    "a sentence in the middle of a line": (
        "granite",
        "So: Here is my thought process:",
        "",
        "So: Here is my thought process:",
    ),
    "a wrapper in code": (
        "reasoning",
        "<reasoning>Hm.</reasoning><answer>`</answer>` ends it.</answer>",
        "Hm.",
        "`</answer>` ends it.",
    ),
    "a wrapper later on is text": (
        "thinking",
        "<thinking>Hm.</thinking>Write <answer>4</answer>.",
        "Hm.",
        "Write <answer>4</answer>.",
    ),
    "a wrapper and no thought": ("r1-zero", "<answer>4</answer>", "", "4"),
    "R1's own is left alone": (
        "think",
        "<think>Hm.</think><answer>4</answer>",
        "Hm.",
        "<answer>4</answer>",
    ),
    "an empty thought": ("gemma", "<|channel>thought\n<channel|>4", "", "4"),
    "of Command A Vision": (
        "cohere",
        "<|START_THINKING|>Hm.<|END_THINKING|><|START_TEXT|>4<|END_TEXT|>",
        "Hm.",
        "4",
    ),
}
ENTRIES = """[
    {"name": "bespoke", "opens": "<|begin_of_thought|>", "closes": "<|end_of_thought|>",
     "wrappers": ["<|begin_of_solution|>", "<|end_of_solution|>"]},
    {"name": "scratchpad", "opens": ["<scratchpad>", "<scratch>"],
     "closes": ["</scratchpad>", "</scratch>"]},
    {"name": "stage", "opens": "<|stage|>think<|go|>", "closes": ["<|stage|>end<|go|>"],
     "opening": "<|stage|>think<|go|>", "closing": "<|stage|>end<|go|><|say|>",
     "wrappers": [["<|say|>", "<|said|>"]]},
    {"name": "words", "opens": "Let me think:", "closes": "So I say:", "sentences": true}
]"""
"""Formats that r1chat does not know, as a user adds them in the settings."""
HELD_OUT = tuple(map(described, json.loads(ENTRIES)))


def joined(pieces):
    kinds = ("thought", "answer")
    return tuple("".join(piece.text for piece in pieces if piece.kind == kind) for kind in kinds)


def chunked(data: bytes, cuts, splitter):
    """What comes out where the bytes come in as tokens do, cut inside characters too."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    pieces = []
    for start, end in itertools.pairwise((0, *sorted(cuts), len(data))):
        pieces += splitter.feed(decoder.decode(data[start:end]))
    return joined([*pieces, *splitter.close()])


def sample(format_: Format) -> tuple[str, str, str]:
    """A text in any format."""
    around = format_.wrappers[0] if format_.wrappers else ("", "")
    text = f"{format_.opening}Hm.\n{format_.closes[0]}{around[0]}\nIt is 4.{around[1]}"
    return text, "Hm.\n", "It is 4."


ALL = [
    *((BY_NAME[name], *rest) for name, rest in WRITTEN.items()),
    *((BY_NAME[name], *rest) for name, *rest in MORE.values()),
    *((format_, *sample(format_)) for format_ in HELD_OUT),
]
NAMES = [*WRITTEN, *MORE, *(format_.name for format_ in HELD_OUT)]


def test_there_is_a_text_of_every_format():
    assert list(WRITTEN) == list(BY_NAME)


@pytest.mark.parametrize(("format_", "text", "thought", "answer"), ALL, ids=NAMES)
def test_a_text_is_split_wherever_it_is_cut(format_, text, thought, answer):
    assert split(text, format=format_) == (thought, answer)
    data = text.encode()
    every = range(1, len(data))
    for cuts in (*((at,) for at in every), every, every[::2], every[::3], every[::7]):
        assert chunked(data, cuts, Splitter(format=format_)) == (thought, answer)


@pytest.mark.parametrize("format_", [*FORMATS, *HELD_OUT], ids=lambda each: each.name)
@given(data=st.data())
@settings(deadline=None, max_examples=40)
def test_any_text_in_any_chunks_gives_the_same_as_the_whole(format_, data):
    bits = [part for marker in format_.markers for part in (marker, marker[:-1], marker[1:])]
    fragment = st.sampled_from([*format_.markers, *bits, "\n", " ", "a", "`", "é", "Here is"])
    text = "".join(data.draw(st.lists(fragment, max_size=10)))
    opened = data.draw(st.booleans())
    encoded = text.encode()
    cuts = data.draw(st.sets(st.integers(0, len(encoded)), max_size=12))
    expected = split(text, opened=opened, format=format_)
    assert chunked(encoded, cuts, Splitter(opened=opened, format=format_)) == expected
    every = range(1, len(encoded))
    assert chunked(encoded, every, Splitter(opened=opened, format=format_)) == expected


@pytest.mark.parametrize("format_", [*FORMATS, *HELD_OUT], ids=lambda each: each.name)
def test_what_r1chat_writes_is_read_as_what_it_means(format_):
    thought, answer = split(f"{format_.opening}Hm.\n{format_.closing}It is 4.", format=format_)
    assert (thought.lstrip("\n"), answer) == ("Hm.\n", "It is 4.")
    assert split(f"Hm.\n{format_.closing}It is 4.", opened=True, format=format_) == (
        "Hm.\n",
        "It is 4.",
    )
    assert format_.opened_by(f"assistant\n{format_.opening}")
    assert not format_.closed_by(f"assistant\n{format_.opening}")
    assert format_.closed_by(f"{format_.opening}Hm.\n{format_.closing}")
    assert not format_.opened_by(f"{format_.opening}Hm.\n{format_.closing}")


def test_the_end_of_a_question_closes_no_thought():
    asked = '<|close|>message<|sep|><|end_of_msg|><|open|>message role="assistant"<|sep|>'
    assert not BY_NAME["kimi-k3"].closed_by(asked)
    assert BY_NAME["kimi-k3"].opened_by(f"{asked}<|open|>think<|sep|>")
    assert BY_NAME["kimi-k3"].closed_by(f"{asked}<|open|>response<|sep|>")
    assert not BY_NAME["harmony"].closed_by("<|end|><|start|>assistant")
    assert BY_NAME["harmony"].closed_by("<|end|><|start|>assistant<|channel|>final<|message|>")
    assert THINK.closed_by("<｜Assistant｜></think>")


@pytest.mark.parametrize("name", WRITTEN)
def test_a_text_from_elsewhere_is_known_by_how_it_begins(name):
    written = THINK if name == "r1-zero" or BY_NAME[name].sentences else BY_NAME[name]
    assert written_in(f"\n{WRITTEN[name][0]}") is written
    assert written_in(f"So {WRITTEN[name][0]}") is THINK
    assert written_in(BY_NAME[name].opening) is THINK


OTHERS = tuple(
    each for each in FORMATS if not each.sentences and each.name not in {"think", "r1-zero"}
)


@pytest.mark.parametrize("format_", [*OTHERS, *HELD_OUT], ids=lambda each: each.name)
def test_a_thought_that_nobody_asked_for_is_recognised_as_it_streams(format_):
    text, thought, answer = WRITTEN.get(format_.name) or sample(format_)
    data = f"\n {text}".encode()
    for cuts in ((), range(1, len(data))):
        splitter = Splitter(others=(*OTHERS, *HELD_OUT))
        assert chunked(data, cuts, splitter) == (thought, answer)
        assert splitter.format is format_
    late = f"Well, {text}"
    assert joined(Splitter(others=OTHERS).feed(late)) == ("", late)


def test_markers_that_are_tokens_are_no_letters():
    splitter = Splitter(
        format=BY_NAME["harmony"],
        tokens=dict.fromkeys(("<|channel|>", "<|message|>", "<|end|>"), ""),
    )
    channel, message, end = map(splitter.token, ("<|channel|>", "<|message|>", "<|end|>"))
    pieces = splitter.feed(channel) + splitter.feed("ana") + splitter.feed(f"lysis{message}")
    assert pieces == []
    assert splitter.in_thought
    pieces = splitter.feed("So <|end|> ends it. ") + splitter.feed(channel) + splitter.feed("x")
    assert joined(pieces) == ("So <|end|> ends it. x", "")
    splitter.feed(end)
    assert not splitter.in_thought
    assert joined(splitter.feed(f"{channel}final{message}4")) == ("", "4")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "name: a format of thoughts needs it"),
        ({"opens": ()}, "opens: a format of thoughts needs it"),
        ({"closes": ("",)}, "is no marker"),
        ({"opens": (" <a>",)}, "is no marker"),
        ({"opens": ("<a\n>",)}, "cannot be shown"),
        ({"opens": ("a" * 81,)}, "is no marker"),
        ({"opens": ("<a", "<a>")}, "opens: '<a>' begins with '<a'"),
        ({"closes": ("<a>",)}, "closes: '<a>' begins with '<a>'"),
        ({"wrappers": (("<a", ""),)}, "opens: '<a>' begins with '<a'"),
        ({"opening": "x<a>"}, "opening: it must begin with one of '<a>'"),
        ({"closing": "x"}, "closing: it must begin"),
        ({"closing": "</a>\x1b"}, "closing: it is longer than 320 characters, or cannot"),
    ],
)
def test_nonsense_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        Format(**{"name": "a", "opens": ("<a>",), "closes": ("</a>",), **changes})


def in_code(*texts: str) -> str:
    shown = (text.replace("\n", "⏎").replace("|", r"\|") for text in texts if text)
    return " ".join(f"`{text}`" for text in shown)


def test_the_documentation_lists_them_all():
    rows = [
        f"| {each.name} | {in_code(*each.opens)} | {in_code(*each.closes)} | "
        f"{in_code(each.closing)} | {in_code(*(begins for begins, _ in each.wrappers))} | "
        f"{each.used_by} |"
        for each in FORMATS
    ]
    text = (Path(__file__).parents[2] / "docs" / "formats.md").read_text("utf-8")
    table = text.partition("\n## ")[0]
    listed = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert [re.sub(" +", " ", line) for line in listed] == [re.sub(" +", " ", row) for row in rows]
