"""Shows what a job says, from its start, as `r1chat ask` would have shown it."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from r1chat import settings as user
from r1chat.commands.ask import rendering_on, thoughts_on
from r1chat.commands.exits import ExitCode
from r1chat.console import LONGEST_LINE, Console
from r1chat.events import (
    AnswerText,
    Drawing,
    Evaluating,
    Event,
    InjectedText,
    LeftOut,
    Notice,
    Peeked,
    Reply,
    Summarised,
    SummaryText,
    Tallied,
    ThoughtText,
)
from r1chat.formatting import counted
from r1chat.interrupts import Interrupted
from r1chat.jobs import ENDED, Care, End, Job, Jobs
from r1chat.output import SCHEMA, Out, TextWriter, write_json
from r1chat.sanitize import line
from r1chat.store import SHORT
from r1chat.store.rows import count, decided, number, probability, receipt_in, text_or_none

_LOOK_S = 0.1
_LOOKS_A_WORD = 20
"""To say what is waited for takes a look at all jobs."""


def run(job: Job, args: argparse.Namespace, out: Out, console: Console, *, go_on: str) -> int:
    """Follows a job to its end.

    Args:
        job: The job.
        args: What `jobs attach` takes.
        out: Standard output.
        console: Standard error.
        go_on: The command that has it go on where it was interrupted.

    Returns:
        The job's exit code.
    """
    writer = _writer(job, args, out, console)
    care = Care(job)

    def wait() -> None:
        care.look()
        _say_what_is_before(job, console)

    try:
        for values in _lines(job, wait):
            console.end_progress()
            writer.line(values)
    except Interrupted as end:
        writer.end()
        console.note(f"the job goes on; to follow it again: r1chat jobs attach {job.id[:SHORT]}")
        return end.code
    writer.end()
    ended = job.end
    if ended is None:
        ended = End("failed", ExitCode.FAILED, f"the job was interrupted; to go on: {go_on}")
    for note in ended.notes:
        console.note(note)
    if ended.error:
        console.error(ended.error)
        writer.fail(ended.error, ended.code)
    return ended.code


def _lines(job: Job, waits: Callable[[], None]) -> Iterator[dict[str, Any]]:
    """What a job says, as it comes, until it is over.

    Args:
        job: The job.
        waits: Is called now and then until there is something.
    """
    looks = 0
    while not job.events.exists():
        if job.state in ENDED:
            return
        if looks % _LOOKS_A_WORD == 0:
            waits()
        looks += 1
        time.sleep(_LOOK_S)
    with job.events.open("rb") as file:
        begun = b""
        while True:
            # Asked first: what was written before it ended must not be missed.
            over = job.state in ENDED
            while text := file.readline():
                begun += text
                if begun.endswith(b"\n"):
                    if (values := _parsed(begun)) is not None:
                        yield values
                    begun = b""
            if over:
                return
            time.sleep(_LOOK_S)


def _parsed(text: bytes) -> dict[str, Any] | None:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None


def _say_what_is_before(job: Job, console: Console) -> None:
    """Shows how many jobs of its model come first."""
    before = [each for each in Jobs().waiting(job.order.model) if each.created < job.created]
    if before:
        console.progress(f"waiting for {counted(len(before), 'job')} before it")
    else:
        console.progress("waiting for the model")


class _JsonLines:
    """Passes the lines on."""

    _failure: Mapping[str, Any] = {"type": "error"}

    def __init__(self, out: Out) -> None:
        self._out = out
        self._replied = False

    def line(self, values: Mapping[str, Any]) -> None:
        """Takes a line."""
        self._replied = self._replied or values.get("type") == "reply"
        write_json(self._out, values)

    def end(self) -> None:
        """Nothing is left to be written."""

    def fail(self, error: str, code: int) -> None:
        """Says why there is no reply, as `r1chat ask` does, where there is none."""
        if not self._replied:
            told = {"error": line(error, LONGEST_LINE), "exit_code": int(code)}
            write_json(self._out, {**self._failure, **told})


class _Json(_JsonLines):
    """Writes the reply alone."""

    _failure: Mapping[str, Any] = {"schema": SCHEMA}

    def line(self, values: Mapping[str, Any]) -> None:
        """Takes a line."""
        if values.get("type") == "reply":
            self._replied = True
            super().line({name: value for name, value in values.items() if name != "type"})


class _Text:
    """Writes thoughts and answer."""

    def __init__(self, writer: TextWriter) -> None:
        self._writer = writer

    def line(self, values: Mapping[str, Any]) -> None:
        """Takes a line."""
        if values.get("type") == "reply":
            self._writer.conclude(_reply(values))
        elif (event := event_of(values)) is not None:
            self._writer.event(event)

    def end(self) -> None:
        """Ends the line that was begun."""
        self._writer.end()

    def fail(self, error: str, code: int) -> None:
        """It is said on stderr."""


def _writer(job: Job, args: argparse.Namespace, out: Out, console: Console) -> _JsonLines | _Text:
    if args.format == "jsonl":
        return _JsonLines(out)
    if args.format == "json":
        return _Json(out)
    # It is shown as it was written where it is no Markdown.
    thoughts = thoughts_on(console, args.thoughts, user.load()[0])
    as_written = args.plain or job.order.options.get("raw") or job.order.shape is not None
    writer = TextWriter(out, console, thoughts, None if as_written else rendering_on(out))
    return _Text(writer)


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Event]] = {
    "notice": lambda values: Notice(_text(values, "text")),
    "left_out": lambda values: LeftOut(count(values.get("turns"))),
    "summary_text": lambda values: SummaryText(
        _text(values, "text"), *(count(values.get(n)) for n in ("tokens", "turns"))
    ),
    "summarised": lambda values: Summarised(
        _text(values, "node"),
        _text(values, "text"),
        turns=count(values.get("turns")),
        tokens=count(values.get("tokens")),
        replaced=count(values.get("replaced")),
        seconds=number(values.get("seconds")),
    ),
    "drawing": lambda values: Drawing(
        count(values.get("samples")), count(values.get("at_once")), values.get("short") is True
    ),
    "evaluating": lambda values: Evaluating(
        *(count(values.get(n)) for n in ("done", "total", "reused"))
    ),
    "thought_text": lambda values: ThoughtText(_text(values, "text"), count(values.get("tokens"))),
    "injected_text": lambda values: InjectedText(_text(values, "text"), count(values.get("at"))),
    "answer_text": lambda values: AnswerText(_text(values, "text"), count(values.get("tokens"))),
    "peeked": lambda values: Peeked(
        text_or_none(values.get("final")),
        count(values.get("tokens")),
        count(values.get("repeats")),
        probability(values.get("confidence")),
    ),
    "tallied": lambda values: Tallied(
        _votes(values),
        count(values.get("done")),
        count(values.get("samples")),
        values.get("certain") is True,
        decided(values.get("decided")),
    ),
}
"""The events that `r1chat ask` shows, from their lines in a file that anybody may have changed."""


def event_of(values: Mapping[str, Any]) -> Event | None:
    """What `ask` shows, from its line in a file; None where that is nothing."""
    reader = _READERS.get(str(values.get("type")))
    return None if reader is None else reader(values)


def _reply(values: Mapping[str, Any]) -> Reply:
    final, samples = values.get("final"), values.get("samples")
    drawn = samples if isinstance(samples, list) else []
    return Reply(
        thought=_text(values, "thought"),
        answer=_text(values, "answer"),
        receipt=receipt_in(json.dumps(values.get("receipt"))),
        final=final if isinstance(final, str) or final is None else json.dumps(final),
        error=text_or_none(values.get("error")),
        samples=tuple(_reply(each) for each in drawn if isinstance(each, dict)),
        votes=_votes(values),
    )


def _votes(values: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    votes = values.get("votes")
    if not isinstance(votes, dict):
        return ()
    return tuple((str(final), count(number)) for final, number in votes.items())


def _text(values: Mapping[str, Any], name: str) -> str:
    return text_or_none(values.get(name)) or ""
