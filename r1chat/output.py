"""Writes the result of `r1chat ask`: text, JSON, or JSON lines."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, Literal, Protocol, TextIO, TypeAlias

from r1chat.console import Console, is_terminal
from r1chat.engine.base import ModelInfo
from r1chat.errors import R1ChatError
from r1chat.events import (
    AnswerText,
    Drawing,
    Evaluating,
    Event,
    InjectedText,
    LeftOut,
    Loading,
    Notice,
    Peeked,
    Receipt,
    Reply,
    Sampled,
    Summarised,
    SummaryText,
    Tallied,
    ThoughtText,
    TokenScore,
)
from r1chat.formatting import counted
from r1chat.sanitize import Sanitizer, sanitize
from r1chat.votes import agreeing, answers, branched, branchings, tokens_of, unfinished, votes_of
from r1chat.wording import left_out, preview, receipt_line, summarised, summarising

if TYPE_CHECKING:
    from r1chat.rendering import Rendering

SCHEMA = 1
"""Grows when a reader of the old form would be misled by the new one."""

Thoughts: TypeAlias = Literal["show", "hide", "only"]
_UNUSUAL = re.compile(r"[^ -~]")
_DECIMALS = 4
_OF_SAMPLES = frozenset({"samples", "vote", "decided"})
"""Keys of a receipt that say nothing of a reply that was drawn alone."""
_SELDOM = frozenset(
    (
        *("answer_asked", "thought_style", "effort", "thought_language", "sampling_from", "shape"),
        *("asked_with", "confidence", "fork", "sums"),
    )
)
"""Keys of a receipt that are left out where there is nothing to be said."""
_NO_ROOM = "memory has no room for more; a smaller --budget or --ctx makes some"


class Writer(Protocol):
    """Writes events as they come."""

    def event(self, event: Event) -> None:
        """Writes any event but the reply."""

    def reply(self, reply: Reply, info: ModelInfo) -> None:
        """Writes the reply."""


class Out:
    """Standard output, with its failures told apart.

    Args:
        stream: Where to; None where the process has no stdout.
    """

    def __init__(self, stream: TextIO | None) -> None:
        if stream is None:
            message = "stdout is closed, so there is nowhere to write to"
            raise R1ChatError(message)
        self._stream = stream
        self.tty = is_terminal(stream)
        encoding = (getattr(stream, "encoding", None) or "utf-8").lower().replace("_", "-")
        self.unicode = encoding in ("utf-8", "utf8")
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            # A character that the terminal lacks must not cost the rest of the answer.
            reconfigure(errors="replace")

    def write(self, text: str) -> None:
        """Writes at once.

        Raises:
            BrokenPipeError: If nobody reads any more.
            R1ChatError: If it cannot be written for another reason.
        """
        if not text:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except BrokenPipeError:
            raise
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            message = f"cannot write to stdout: {reason}"
            raise R1ChatError(message) from error


class _Clean:
    """Sanitises a text as it comes and holds back the white space at its end."""

    def __init__(self) -> None:
        self._sanitizer = Sanitizer()
        self._held = ""

    def feed(self, text: str) -> str:
        text = self._held + self._sanitizer.feed(text)
        kept = text.rstrip()
        self._held = text[len(kept) :]
        return kept

    def close(self) -> str:
        """Returns the rest without trailing white space, and resets."""
        rest, self._held = (self._held + self._sanitizer.close()).rstrip(), ""
        return rest


class TextWriter:
    """Writes the answer to stdout and, where they are to be shown, the thoughts to stderr.

    Args:
        out: Standard output.
        console: Standard error.
        thoughts: Whether thoughts are shown, or stand on stdout in the answer's place.
        rendering: Renders Markdown and mathematics; None leaves them as the model wrote them.
    """

    def __init__(
        self,
        out: Out,
        console: Console,
        thoughts: Thoughts,
        rendering: Rendering | None = None,
    ) -> None:
        self._rendering = rendering
        self._out = out
        self._console = console
        self._mode = thoughts
        self._shared = out.tty and console.tty
        self._thought = _Clean()
        self._main = _Clean()
        self._thinking = False
        self._begun = False

    def event(self, event: Event) -> None:
        """Shows an event."""
        if isinstance(event, ThoughtText):
            self._think(event.text, self._console.thought)
        elif isinstance(event, InjectedText):
            self._think(event.text, self._console.injected)
        elif isinstance(event, Peeked):
            if self._mode == "show" and event.final is not None:
                self._console.injected(f" {preview(event)} ")
        elif isinstance(event, AnswerText):
            if self._mode != "only":
                self._put(self._main.feed(event.text))
        else:
            show_aside(self._console, event)

    def reply(self, reply: Reply, info: ModelInfo) -> None:  # noqa: ARG002  (the protocol's)
        """Ends the last line and shows the receipt."""
        self.conclude(reply)

    def conclude(self, reply: Reply) -> None:
        """The same, whatever the model was."""
        if reply.samples:
            # What several samples wrote at once was not shown while it came.
            self._think(reply.thought, self._console.thought)
            self.event(AnswerText(reply.answer))
        self.end()
        # One alone, of which nothing has branched off, has no votes.
        if len(reply.samples) > 1 and self._mode != "hide":
            self._console.aside(votes_line(reply))
            if said := branched(reply):
                self._console.aside(said)
        if self._mode == "show":
            self._console.aside(receipt_line(reply.receipt))

    def end(self) -> None:
        """Ends the unfinished line on either stream."""
        self._console.end_progress()
        self._put(self._main.close())
        if self._rendering is not None:
            self._out.write(self._rendering.close())
        self._end_thought()
        if self._begun:
            self._begun = False
            self._out.write("\n")
        self._console.fresh_line()

    def _think(self, text: str, show: Callable[[str], None]) -> None:
        if self._mode == "only":
            self._put(self._main.feed(text))
        elif self._mode == "show":
            self._thinking = True
            self._console.end_progress()
            show(self._thought.feed(text))

    def _end_thought(self) -> None:
        """Shows what was held back, which might have become an escape sequence."""
        self._console.thought(self._thought.close())

    def _put(self, text: str) -> None:
        if not text:
            return
        self._console.end_progress()
        if self._thinking:
            self._thinking = False
            self._end_thought()
            # On a shared screen the answer stands apart.
            self._console.fresh_line(blank=self._shared)
        self._begun = True
        self._out.write(self._rendering.feed(text) if self._rendering is not None else text)


class JsonWriter:
    """Writes one JSON object at the end.

    Args:
        out: Standard output.
        console: Standard error.
        question: As it was asked.
        conversation: The id under which it is kept, if it is.
    """

    def __init__(
        self, out: Out, console: Console, question: str, conversation: str | None = None
    ) -> None:
        self._out = out
        self._console = console
        self._question = question
        self._conversation = conversation

    def event(self, event: Event) -> None:
        """Shows on stderr what one should know."""
        show_aside(self._console, event)

    def reply(self, reply: Reply, info: ModelInfo) -> None:
        """Writes the object."""
        self._console.end_progress()
        write_json(self._out, document(reply, info, self._question, self._conversation))


class JsonLinesWriter:
    """Writes every event as a line of JSON, and the whole reply as the last one.

    Args:
        out: Standard output.
        question: As it was asked.
        conversation: The id under which it is kept, if it is.
    """

    def __init__(self, out: Out, question: str, conversation: str | None = None) -> None:
        self._out = out
        self._question = question
        self._conversation = conversation

    def event(self, event: Event) -> None:
        """Writes a line."""
        write_json(self._out, event_line(event))

    def reply(self, reply: Reply, info: ModelInfo) -> None:
        """Writes the last line."""
        values = document(reply, info, self._question, self._conversation)
        write_json(self._out, {"type": "reply", **values})


def event_line(event: Event) -> dict[str, Any]:
    """An event as a line of `--format jsonl`; docs/json.md describes them."""
    values: dict[str, Any]
    if isinstance(event, Sampled):
        values = {"sample": event.sample, "event": event_line(event.event)}
    elif isinstance(event, Reply):
        values = _reply(event)
    else:
        values = {field.name: _plain(getattr(event, field.name)) for field in fields(event)}
        if isinstance(event, (AnswerText, TokenScore)) and not event.injected:
            del values["injected"]
        if isinstance(event, Tallied):
            values["votes"] = dict(event.votes)
    return {"type": type_of(event), **values}


def type_of(event: Event) -> str:
    """An event's name in JSON lines, e.g. "thought_text"."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()


def show_aside(console: Console, event: Event) -> None:
    """Shows on stderr the events that are not part of the reply."""
    if isinstance(event, Notice):
        console.note(event.text)
    elif isinstance(event, LeftOut):
        console.note(f"{left_out(event)}; --full-context summarise has it sum them up")
    elif isinstance(event, SummaryText):
        console.progress(summarising(event))
    elif isinstance(event, Summarised):
        console.note(summarised(event))
    elif isinstance(event, Loading):
        console.progress(f"loading the model: {event.fraction:.0%}")
    elif isinstance(event, Evaluating):
        # A server says only later how long it is.
        if event.total:
            console.progress(f"reading the prompt: {event.done} of {counted(event.total, 'token')}")
    elif isinstance(event, Tallied):
        console.progress(
            f"{event.done} of {counted(event.samples, 'sample')}: {answers(event.votes)}"
        )
    elif isinstance(event, Drawing) and event.short:
        console.note(f"{event.at_once} of {counted(event.samples, 'sample')} at a time: {_NO_ROOM}")


def document(
    reply: Reply, info: ModelInfo, question: str, conversation: str | None = None
) -> dict[str, Any]:
    """A reply as the object that `--format json` prints; docs/json.md describes it."""
    values: dict[str, Any] = {
        "schema": SCHEMA,
        "model": {
            "ref": info.ref,
            "path": info.path,
            "arch": info.arch,
            "quant": info.quant,
        },
        "question": question,
        **_reply(reply),
    }
    if conversation is not None:
        values["conversation"] = conversation
    if reply.samples:
        values["samples"] = [_reply(sample) for sample in reply.samples]
        values["votes"] = dict(reply.votes)
        votes = votes_of(reply)
        values["receipt"]["agreement"] = _plain(votes.agreement)
        values["receipt"]["consensus"] = {
            "planned": votes.samples,
            "drawn": votes.ended,
            "stopped": votes.stopped,
            "failed": votes.failed,
            "decided": votes.decided,
            "chosen_by": votes.chosen_by,
            "tokens": sum(tokens_of(sample.receipt) for sample in reply.samples),
        }
        if forks := branchings(reply):
            values["receipt"]["forks"] = [_plain(asdict(each)) for each in forks]
    return values


def _reply(reply: Reply) -> dict[str, Any]:
    values: dict[str, Any] = {
        "thought": reply.thought,
        "answer": reply.answer,
        "final": _final(reply),
        "injected": [asdict(injection) for injection in reply.injected],
        "receipt": _receipt(reply.receipt),
    }
    if reply.answer_injected:
        values["answer_injected"] = [asdict(injection) for injection in reply.answer_injected]
    if reply.scores:
        values["tokens"] = [_token(score) for score in reply.scores]
    if reply.error is not None:
        values["error"] = reply.error
    return values


def _token(score: TokenScore) -> dict[str, Any]:
    values = event_line(score)
    del values["type"]
    return values


def _final(reply: Reply) -> Any:  # noqa: ANN401  (any JSON)
    """The final answer: a text, or of an answer that had to fit a JSON schema its value."""
    if reply.receipt.shape != "json" or reply.final is None:
        return reply.final
    try:
        return json.loads(reply.final)
    except ValueError:
        # It comes out of a file that others wrote.
        return reply.final


def _receipt(receipt: Receipt) -> dict[str, Any]:
    alone = receipt.samples == 1
    return {
        name: _plain(value)
        for name, value in asdict(receipt).items()
        if not (alone and name in _OF_SAMPLES) and not (value is None and name in _SELDOM)
    }


def to_json(value: object, *, unicode: bool = True) -> str:
    """JSON on one line, in which no character can steer a terminal; the data stay the same."""
    text = json.dumps(value, ensure_ascii=not unicode, allow_nan=False)
    if sanitize(text) == text:
        return text
    # Allowed in JSON as they are, but harmful on a terminal, or not to be encoded at all.
    return _UNUSUAL.sub(_escaped, text)


def write_json(out: Out, value: object) -> None:
    """Writes JSON on one line."""
    out.write(to_json(value, unicode=out.unicode) + "\n")


def write_indented(out: Out, value: object) -> None:
    """Writes JSON that people read too; in ASCII, of which no character can steer a terminal."""
    out.write(json.dumps(value, ensure_ascii=True, indent=2, default=str) + "\n")


def _escaped(found: re.Match[str]) -> str:
    char = found[0]
    return char if sanitize(char) == char else json.dumps(char)[1:-1]


def votes_line(reply: Reply) -> str:
    """The votes in words, e.g. "5 of 8 agree on 110 · 110 (5), 112 (1) · 1 failed"."""
    votes = votes_of(reply)
    parts = [agreeing(votes), answers(votes.counts), unfinished(votes)]
    return " · ".join(part for part in parts if part)


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if not isinstance(value, float):
        return value
    return round(value, _DECIMALS) if math.isfinite(value) else None
