"""What reaches stdout and stderr, in each of the formats."""

from __future__ import annotations

import io
import json
import os
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1chat.console import Console
from r1chat.engine.fake import INFO
from r1chat.errors import R1ChatError
from r1chat.events import (
    AnswerText,
    Evaluating,
    InjectedText,
    Injection,
    Loading,
    Notice,
    Receipt,
    Reply,
    ThoughtEnded,
    ThoughtText,
)
from r1chat.output import (
    JsonLinesWriter,
    JsonWriter,
    Out,
    TextWriter,
    document,
    to_json,
    type_of,
)
from r1chat.rendering import Rendering
from r1chat.sanitize import sanitize

REPLY = Reply(
    thought="Hm.",
    answer="2",
    receipt=Receipt(ended_by="budget", thought_tokens=312, thought_s=1.234, tokens_per_s=41.4),
    final="2",
    injected=(Injection(3, "Enough."),),
)


class Screen(io.StringIO):
    """A terminal that both streams are shown on."""

    def isatty(self):
        return True


@pytest.fixture
def pipes():
    return io.StringIO(), io.StringIO()


def text(events, out, err, thoughts="show", reply=REPLY):
    writer = TextWriter(Out(out), Console(err), thoughts)
    for event in events:
        writer.event(event)
    writer.reply(reply, INFO)
    return out.getvalue(), err.getvalue()


EVENTS = [
    Loading(0.5),
    Evaluating(1, 2, 0),
    ThoughtText("Let me"),
    ThoughtText(" see.\n"),
    InjectedText("\nEnough.\n", 12),
    ThoughtEnded("budget", 4, 1.0),
    AnswerText("It is"),
    AnswerText(" 2.\n\n"),
]


def test_the_answer_alone_goes_to_stdout(pipes):
    assert text(EVENTS, *pipes, thoughts="hide") == ("It is 2.\n", "")


def test_shown_thoughts_go_to_stderr_with_a_receipt(pipes):
    out, err = text(EVENTS, *pipes)
    assert out == "It is 2.\n"
    thought, receipt = err.split("[Enough.]\n")
    assert thought == "Let me see.\n\n"
    assert receipt == "Thought for 1.2 s · 312 tokens · ended by budget · 41 tokens/s\n"


def test_the_thought_alone_can_go_to_stdout(pipes):
    assert text(EVENTS, *pipes, thoughts="only") == ("Let me see.\n\nEnough.\n", "")


def test_on_a_shared_screen_one_blank_line_sets_the_answer_apart():
    screen = Screen()
    text(EVENTS, screen, screen)
    shown = screen.getvalue().replace("\x1b[2m", "").replace("\x1b[2;3m", "")
    shown = shown.replace("\x1b[0m", "")
    assert "[Enough.]\n\nIt is 2.\nThought for" in shown


def test_every_dim_piece_is_reset_by_itself():
    err = Screen()
    text(EVENTS, io.StringIO(), err)
    assert err.getvalue().count("\x1b[2m") + err.getvalue().count("\x1b[2;3m") > 0
    for piece in err.getvalue().split("\x1b[0m")[:-1]:
        assert piece.count("\x1b[2") == 1


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colour_can_be_refused(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    err = Screen()
    text(EVENTS, io.StringIO(), err)
    assert "\x1b" not in err.getvalue()
    assert "[Enough.]" in err.getvalue()


def test_no_answer_leaves_stdout_empty(pipes):
    assert text([ThoughtText("Hm")], *pipes)[0] == ""


def test_white_space_inside_an_answer_stays(pipes):
    events = [AnswerText(" a\n\n"), AnswerText("\n  b"), AnswerText("  ")]
    assert text(events, *pipes)[0] == " a\n\n\n  b\n"


def test_escape_sequences_are_dropped_although_they_come_in_pieces(pipes):
    events = [
        ThoughtText("x\x1b]0;ti"),
        ThoughtText("tle\x07y"),
        ThoughtEnded("natural", 1, 0.1),
        AnswerText("a\x1b"),
        AnswerText("[3"),
        AnswerText("1mb\x9b"),
    ]
    out, err = text(events, *pipes)
    assert out == "ab\n"
    assert err.startswith("xy\n")


@pytest.mark.parametrize("unfinished", ["\x1b]0;title", "\x1b[31", "\x9dx y"])
def test_an_escape_sequence_that_is_never_finished_costs_no_text(pipes, unfinished):
    events = [
        ThoughtText(f"x {unfinished}"),
        ThoughtEnded("natural", 1, 0.1),
        AnswerText("a "),
        AnswerText(unfinished),
    ]
    out, err = text(events, *pipes)
    rest = sanitize(unfinished)
    assert rest
    assert out == f"a {rest}\n"
    assert err.startswith(f"x {rest}\nThought for")


def test_a_thought_without_an_answer_keeps_its_unfinished_escape_sequence_too(pipes):
    out, err = text([ThoughtText("x\x1b]0;y")], *pipes)
    assert out == ""
    assert err.startswith("x]0;y\nThought for")
    out, _ = text([ThoughtText("x\x1b]0;y")], io.StringIO(), io.StringIO(), thoughts="only")
    assert out == "x]0;y\n"


def test_notices_go_to_stderr_in_one_line(pipes):
    out, err = text([Notice("mind\nthe \x1b[31mgap")], *pipes, thoughts="hide")
    assert (out, err) == ("", "r1chat: note: mind the gap\n")


def test_a_notice_in_the_middle_of_a_thought_begins_a_line_of_its_own(pipes):
    _, err = text([ThoughtText("Hm"), Notice("a")], *pipes)
    assert err.startswith("Hm\nr1chat: note: a\n")


def test_progress_is_shown_on_a_terminal_only_and_goes_away():
    now = iter([0.0, 1.0, 2.0])
    err = Screen()
    console = Console(err, clock=lambda: next(now))
    console.progress("loading: 1%")
    console.progress("loading: 2%")
    console.end_progress()
    assert err.getvalue() == "loading: 2%\r" + " " * 11 + "\r"
    console = Console(plain := io.StringIO(), clock=iter([0.0, 1.0]).__next__)
    console.progress("loading: 1%")
    console.progress("loading: 2%")
    assert plain.getvalue() == ""


def test_a_closed_stderr_costs_nothing():
    stream = io.StringIO()
    console = Console(stream)
    stream.close()
    console.error("lost")
    Console(None).error("lost")


def test_json_is_one_object_with_the_fields_of_the_contract(pipes):
    out, err = pipes
    writer = JsonWriter(Out(out), Console(err), "1 + 1?")
    for event in EVENTS:
        writer.event(event)
    writer.reply(REPLY, INFO)
    assert out.getvalue().count("\n") == 1
    value = json.loads(out.getvalue())
    assert list(value) == [
        "schema",
        "model",
        "question",
        "thought",
        "answer",
        "final",
        "injected",
        "receipt",
    ]
    assert value["schema"] == 1
    assert list(value["model"]) == ["ref", "path", "arch", "quant"]
    assert value["injected"] == [{"at": 3, "text": "Enough."}]
    assert list(value["receipt"]) == [
        "ended_by",
        "thought_ended_by",
        "answer_ended_by",
        "thought_tokens",
        "answer_tokens",
        "injected_tokens",
        "prompt_tokens",
        "prompt_reused_tokens",
        "drafted_tokens",
        "accepted_tokens",
        "load_s",
        "first_token_s",
        "thought_s",
        "answer_s",
        "tokens_per_s",
        "budget",
        "seed",
        "final_from",
    ]
    assert err.getvalue() == ""


def test_an_error_stands_in_the_object():
    reply = Reply(thought="", answer="", receipt=Receipt(ended_by="error"), error="broke")
    assert document(reply, INFO, "?")["error"] == "broke"


def test_json_lines_are_the_events_and_the_object_last(pipes):
    out, _ = pipes
    writer = JsonLinesWriter(Out(out), "1 + 1?")
    for event in [*EVENTS, Notice("n")]:
        writer.event(event)
    writer.reply(REPLY, INFO)
    values = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [value["type"] for value in values] == [
        "loading",
        "evaluating",
        "thought_text",
        "thought_text",
        "injected_text",
        "thought_ended",
        "answer_text",
        "answer_text",
        "notice",
        "reply",
    ]
    assert values[4]["text"] == "\nEnough.\n"
    assert values[-1] == {"type": "reply", **document(REPLY, INFO, "1 + 1?")}


@given(st.text(st.characters(codec=None)), st.booleans())
def test_json_is_safe_for_a_terminal_and_loses_nothing(value, unicode):
    line = to_json({"a": value}, unicode=unicode)
    assert sanitize(line) == line
    assert json.loads(line) == {"a": value}


def test_numbers_that_json_lacks_become_null():
    receipt = Receipt(tokens_per_s=float("inf"), first_token_s=float("nan"))
    value = document(Reply(thought="", answer="", receipt=receipt), INFO, "?")["receipt"]
    assert value["tokens_per_s"] is None
    assert value["first_token_s"] is None


def test_characters_that_an_encoding_lacks_do_not_cost_the_answer():
    raw = io.BytesIO()
    out = Out(io.TextIOWrapper(raw, encoding="ascii"))
    out.write("π = 3\n")
    assert raw.getvalue() == b"? = 3\n"
    assert not out.unicode


def test_a_full_disk_is_named():
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123
        with pytest.raises(R1ChatError, match="No space left"):
            Out(full).write("2")
        # What is left in the buffer must not fail again when the file is closed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())


def test_a_closed_stdout_is_named():
    with pytest.raises(R1ChatError, match="closed"):
        Out(None)


def test_the_page_on_json_names_every_key_and_event():
    page = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
    value = document(replace(REPLY, error="broke"), INFO, "?")
    keys = {*value, *value["model"], *value["receipt"]}
    events = {type_of(event): fields(event) for event in EVENTS}
    named = {*keys, *events, *(field.name for every in events.values() for field in every)}
    assert {name for name in named if f"`{name}`" not in page and f'"{name}"' not in page} == set()


def test_what_r1chat_wrote_into_an_answer_is_marked(pipes):
    out, _ = pipes
    writer = JsonLinesWriter(Out(out), "?")
    writer.event(AnswerText("**Final Answer**\n", 0, injected=True))
    writer.event(AnswerText("42", 1))
    injected = (Injection(0, "**Final Answer**\n"),)
    receipt = Receipt(answer_asked="words")
    writer.reply(Reply("t", "**Final Answer**\n42", receipt, answer_injected=injected), INFO)
    begun, text, reply = (json.loads(line) for line in out.getvalue().splitlines())
    assert begun["injected"] is True
    assert "injected" not in text
    assert reply["answer_injected"] == [{"at": 0, "text": "**Final Answer**\n"}]
    assert reply["receipt"]["answer_asked"] == "words"


def test_on_a_terminal_an_answer_can_be_rendered():
    out = Screen()
    writer = TextWriter(Out(out), Console(Screen()), "hide", Rendering(80, colour=False))
    for piece in ("So **", "4** is ", "$2", "^2$.", "\n"):
        writer.event(AnswerText(piece, 1))
    writer.reply(REPLY, INFO)
    assert out.getvalue() == "So 4 is 2².\n"
