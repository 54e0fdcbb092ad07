"""`r1chat ask --compare`: several ways to answer the same question, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from r1chat import compose
from r1chat.commands.download import or_download
from r1chat.commands.exits import ExitCode, code_of
from r1chat.commands.given import Given
from r1chat.console import LONGEST_LINE, Console
from r1chat.engine.base import Engine, ModelInfo
from r1chat.errors import R1ChatError
from r1chat.events import Event, Reply
from r1chat.interrupts import Interrupts
from r1chat.output import (
    SCHEMA,
    JsonLinesWriter,
    JsonWriter,
    Out,
    TextWriter,
    Writer,
    document,
    event_line,
    write_json,
)
from r1chat.sanitize import line
from r1chat.wording import receipt_line


class Answer(Protocol):
    """Has one model answer."""

    def __call__(
        self, given: Given, engine: Engine, writer: Writer, *, seed: int | None = None
    ) -> Reply:
        """Returns the reply."""


class Comparison:
    """Has each of several ways answer; only one model is loaded at a time.

    Args:
        ways: What each is asked with; the first is the usual.
        console: Standard error.
        load: Loads the model of one.
        answer: Has it answer.
        verdict: Says what is wrong with its reply, and with which exit code.
    """

    def __init__(
        self,
        ways: Sequence[Given],
        console: Console,
        load: Callable[[Given, Writer], Engine],
        answer: Answer,
        verdict: Callable[[Reply, Engine, str], int],
    ) -> None:
        self._ways = ways
        self._console = console
        self._load = load
        self._answer = answer
        self._verdict = verdict
        variations = [way.variation for way in ways if way.variation is not None]
        self._names = {name for each in variations for name in each.values}
        if any(each.preset is not None for each in variations):
            self._names.add("preset")
        self._engine: Engine | None = None
        self._loaded: str | None = None
        """What the loaded model was asked for by."""
        self._seed: int | None = None
        """The seed of the first reply: where settings differ, it is all that is to differ."""

    def run(self, writer: ComparingWriter, interrupts: Interrupts) -> int:
        """Has them answer.

        Args:
            writer: Writes what comes.
            interrupts: The signals: the first one stops the reply, and asks no other.

        Returns:
            The exit code: of the first that failed, where one did.

        Raises:
            R1ChatError: If one of the models cannot be found: then nothing is asked.
            Interrupted: If a signal came between two replies.
        """
        self._find_models(interrupts)
        codes: list[int] = []
        try:
            for number, way in enumerate(self._ways):
                writer.begin(number)
                codes.append(self._one(way, writer))
                if interrupts.code is not None:
                    return interrupts.code
        finally:
            self._close()
            # Whatever happened, what there is is shown.
            writer.close()
        return next((code for code in codes if code != ExitCode.ANSWERED), ExitCode.ANSWERED)

    def _find_models(self, interrupts: Interrupts) -> None:
        """Looks for all models before anybody waits for the first one's reply."""
        for way in self._ways:
            ref = way.model
            if ref is not None and compose.remote_server(ref) is None:
                find, context = partial(compose.resolve, ref), way.either("ctx")
                or_download(find, self._console, interrupts, context=context)

    def _one(self, way: Given, writer: ComparingWriter) -> int:
        try:
            engine = self._engine_of(way, writer)
            heading = way.heading(engine.info.ref, self._names)
            writer.head(heading)
            alike = way.variation is None or (way.variation.model is None and self._names)
            reply = self._answer(way, engine, writer, seed=self._seed if alike else None)
        except R1ChatError as error:
            self._console.end_progress()
            code = code_of(error)
            writer.fail(way.label, str(error), code)
            return code
        if way.variation is None:
            self._seed = reply.receipt.seed
        return self._verdict(reply, engine, f"{heading}: ")

    def _engine_of(self, way: Given, writer: Writer) -> Engine:
        if self._engine is not None and way.model == self._loaded:
            return self._engine
        self._close()
        self._engine, self._loaded = self._load(way, writer), way.model
        return self._engine

    def _close(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()


class ComparingWriter(Writer, Protocol):
    """Writes several replies."""

    def begin(self, number: int) -> None:
        """What comes belongs to another answer.

        Args:
            number: Which, from 0.
        """

    def head(self, heading: str) -> None:
        """Its reply comes.

        Args:
            heading: Tells it from the others.
        """

    def fail(self, whose: str, error: str, code: int) -> None:
        """It does not come.

        Args:
            whose: What it was to be asked with.
            error: Why, in one line.
            code: The exit code for that.
        """

    def close(self) -> None:
        """All that there is has come."""


class TextComparing(TextWriter):
    """Writes each answer under a heading, with its receipt: that is what is compared."""

    _headed = False

    def begin(self, number: int) -> None:
        """Nothing is written yet."""

    def head(self, heading: str) -> None:
        """Writes the heading, on stdout, where the answers are."""
        self._console.end_progress()
        text = f"## {line(heading, LONGEST_LINE)}\n\n"
        shown = text if self._rendering is None else self._rendering.feed(text)
        self._out.write("\n" * self._headed + shown)
        self._headed = True

    def reply(self, reply: Reply, info: ModelInfo) -> None:
        """Ends the last line and shows the receipt, whether thoughts are shown or not."""
        super().reply(reply, info)
        if self._mode != "show":
            self._console.aside(receipt_line(reply.receipt))

    def fail(self, whose: str, error: str, code: int) -> None:
        """Says so on stderr."""
        del code
        self._console.error(f"{whose}: {error}")

    def close(self) -> None:
        """Nothing is left to be written."""


class JsonComparing(JsonWriter):
    """Writes one object with all replies at the end."""

    def __init__(
        self, out: Out, console: Console, question: str, conversation: str | None = None
    ) -> None:
        super().__init__(out, console, question, conversation)
        self._replies: list[dict[str, Any]] = []

    def begin(self, number: int) -> None:
        """Nothing is written yet."""

    def head(self, heading: str) -> None:
        """The object itself says what tells the replies apart."""

    def reply(self, reply: Reply, info: ModelInfo) -> None:
        """Takes a reply."""
        self._console.end_progress()
        self._replies.append(document(reply, info, self._question, self._conversation))

    def fail(self, whose: str, error: str, code: int) -> None:
        """Takes an error in its place."""
        self._console.error(f"{whose}: {error}")
        self._replies.append(_failure(whose, error, code))

    def close(self) -> None:
        """Writes the object, if anything came."""
        if self._replies:
            write_json(self._out, _whole(self._question, self._conversation, self._replies))


class JsonLinesComparing(JsonLinesWriter):
    """Writes every event as a line that says whose it is, and all replies as the last one."""

    def __init__(self, out: Out, question: str, conversation: str | None = None) -> None:
        super().__init__(out, question, conversation)
        self._replies: list[dict[str, Any]] = []
        self._number = 0

    def begin(self, number: int) -> None:
        """The lines from now on are of another answer."""
        self._number = number

    def head(self, heading: str) -> None:
        """The lines themselves say what tells the replies apart."""

    def event(self, event: Event) -> None:
        """Writes a line."""
        self._line(event_line(event))

    def reply(self, reply: Reply, info: ModelInfo) -> None:
        """Writes a line that has the whole reply."""
        values = document(reply, info, self._question, self._conversation)
        self._replies.append(values)
        self._line({"type": "reply", **values})

    def fail(self, whose: str, error: str, code: int) -> None:
        """Writes a line that has an error in its place."""
        self._replies.append(_failure(whose, error, code))
        self._line({"type": "error", **self._replies[-1]})

    def close(self) -> None:
        """Writes the last line, if anything came."""
        if self._replies:
            whole = _whole(self._question, self._conversation, self._replies)
            write_json(self._out, {"type": "compared", **whole})

    def _line(self, values: dict[str, Any]) -> None:
        kind = values.pop("type")
        write_json(self._out, {"type": kind, "which": self._number, **values})


def _whole(
    question: str, conversation: str | None, replies: list[dict[str, Any]]
) -> dict[str, Any]:
    kept = {} if conversation is None else {"conversation": conversation}
    return {"schema": SCHEMA, "question": question, **kept, "replies": replies}


def _failure(whose: str, error: str, code: int) -> dict[str, Any]:
    return {"of": whose, "error": line(error, LONGEST_LINE), "exit_code": int(code)}
