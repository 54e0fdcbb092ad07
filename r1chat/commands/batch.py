"""`r1chat ask --batch`: answers the questions of a file, one after another, with one model."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from r1chat import logs, paths
from r1chat import settings as user
from r1chat.attachments import Attachment, read_file
from r1chat.commands import batch_input
from r1chat.commands.ask import (
    Asking,
    first_given,
    read_shape,
    refuse_what_makes_no_sense,
    ways_to_show,
)
from r1chat.commands.batch_input import STDIN, Item
from r1chat.commands.batch_output import Answers, Left, left
from r1chat.commands.exits import ExitCode, code_of
from r1chat.commands.given import Given
from r1chat.commands.stopping import Stop
from r1chat.console import Console
from r1chat.engine.base import Engine, ModelInfo
from r1chat.errors import Cancelled, EngineError, NetworkError, UsageError
from r1chat.events import AnswerText, Evaluating, Event, Notice, Reply, Tallied, ThoughtText
from r1chat.formatting import counted, format_bar, format_remaining, noun
from r1chat.history import History
from r1chat.interrupts import Interrupts
from r1chat.output import Out, document, show_aside
from r1chat.sanitize import line
from r1chat.shapes import Shape

_LOOK_S = 0.2
"""How often the progress of a reply is shown."""
_MOST_FAILURES = 3
"""So many in a row are no fault of the questions."""
_NAMED = 5
_AGAIN = "the same command goes on from there"


def run(args: argparse.Namespace, console: Console) -> int:
    """Answers what is not answered yet.

    Args:
        args: What `options.add_ask` defines.
        console: Standard error.

    Returns:
        The exit code.

    Raises:
        R1ChatError: If it fails as a whole.
        BrokenPipeError: If nobody reads the answers any more.
        Interrupted: If a signal came before the first question.
    """
    _refuse(args)
    with Interrupts() as interrupts:
        logs.start(console.log if args.verbose else None)
        return _Batch(args, console, interrupts).run()


def _refuse(args: argparse.Namespace) -> None:
    """Refuses options that say nothing about many questions.

    Raises:
        UsageError: Says which.
    """
    refuse_what_makes_no_sense(args)
    given = {
        "a QUESTION": args.question,
        "-c/--continue": args.go_on,
        "--conversation": args.conversation,
        "--resume": args.resume or None,
        **ways_to_show(args),
        "--peek": args.peek or None,
        "--compare": args.compare or None,
        "--background": args.background or None,
    }
    if wrong := first_given(given):
        message = (
            f"--batch takes its questions from a file and writes JSON lines: leave out {wrong}"
        )
        raise UsageError(message)
    if args.batch == STDIN and STDIN in {args.json_schema, args.grammar}:
        message = "stdin cannot be both the questions and the shape of their answers"
        raise UsageError(message)


class _Batch:
    """One run over a file of questions."""

    def __init__(self, args: argparse.Namespace, console: Console, interrupts: Interrupts) -> None:
        self._args = args
        self._console = console
        self._interrupts = interrupts
        self._out = Out(sys.stdout)
        self._settings, fault = user.load()
        if fault is not None:
            console.note(fault)
        self._given = Given(args, self._settings)
        self._shape: Shape | None = None
        self._stop = Stop()
        self._unanswered: list[int] = []
        """Lines whose questions got no answer."""
        self._failed: ExitCode | None = None

    def run(self) -> int:
        args = self._args
        self._shape = read_shape(args, self._console)
        items = batch_input.read(args.batch, waits=self._console.note)
        for item in items:
            self._check(item)
        attached = tuple(read_file(path, waits=self._console.note) for path in args.files)
        path = None if args.output is None else paths.named(args.output)
        if path is not None and _is_same(path, _source(args.batch)):
            message = "the answers cannot go into the file of the questions"
            raise UsageError(message)
        with Answers(path, self._out, waits=self._console.note) as answers:
            todo = left(items, answers.kept)
            self._say_what_was_done(todo, answers, len(items))
            if not todo.items:
                return ExitCode.ANSWERED
            writer = _Writer(self._console, todo, len(items))
            asking = self._asking(self._given)
            with closing(asking.load(self._given, writer, interrupts=self._interrupts)) as engine:
                self._compare(answers, engine.info)
                self._interrupts.control = self._stop
                try:
                    for item in todo.items:
                        if self._stop.wanted:
                            break
                        self._ask(item, attached, engine, writer, answers)
                finally:
                    self._interrupts.control = None
                    self._console.end_progress()
                # Said before the model is freed: whoever has stopped it does not wait for that.
                return self._result(answers, writer.done, len(items))

    def _asking(self, given: Given) -> Asking:
        # Of an answer in a file nobody needs a conversation.
        history = History(on_demand=True)
        asking = Asking(given, self._console, self._out, history, saves=False)
        asking.shape = self._shape
        return asking

    def _given_for(self, item: Item) -> Given:
        """What a question is asked with: its own options before those of the command."""
        options = dict(item.options)
        if "budget" in options:
            # The minimum belongs to the other budget, and need not fit into this one.
            options.setdefault("min_think", None)
        return Given(argparse.Namespace(**{**vars(self._args), **options}), self._settings)

    def _check(self, item: Item) -> None:
        """Refuses a question whose options make no sense together.

        Raises:
            UsageError: Names its line.
        """
        given = self._given_for(item)
        try:
            refuse_what_makes_no_sense(given.args)
            given.check()
        except UsageError as error:
            message = f"{line(self._args.batch)}: line {item.line}: {error}"
            raise UsageError(message) from None

    def _ask(
        self,
        item: Item,
        attached: tuple[Attachment, ...],
        engine: Engine,
        writer: _Writer,
        answers: Answers,
    ) -> None:
        """Asks a question and writes what came of it; nothing where it was stopped."""
        given = self._given_for(item)
        asking = self._asking(given)
        writer.begin(item)
        values: dict[str, Any]
        try:
            asked = item.question, (*attached, *map(read_file, item.files))
            reply = asking.answer(asked, given, engine, writer, steering=self._stop)
        except Cancelled:
            return
        except (UsageError, EngineError, NetworkError) as error:
            code, fault = code_of(error), str(error)
            values = {"question": item.question, "error": line(fault, 1000)}
        else:
            if self._stop.wanted:
                return
            verdict = asking.verdict(reply, engine.info)
            code, fault = verdict.code, verdict.error
            values = document(reply, engine.info, item.question)
        self._console.end_progress()
        answers.add(item, {**values, "exit_code": int(code)})
        self._count(item, code, fault, writer)

    def _count(self, item: Item, code: ExitCode, fault: str, writer: _Writer) -> None:
        """Takes note of how a question ended.

        Raises:
            EngineError: If too many in a row have failed.
            NetworkError: If they have, at a server.
        """
        if code == ExitCode.ANSWERED:
            writer.done += 1
            writer.failures = 0
            return
        self._unanswered.append(item.line)
        self._console.note(f"line {item.line}: {fault}")
        if code in {ExitCode.NO_ANSWER, ExitCode.USAGE}:
            # That is the question's own.
            self._failed = self._failed or (ExitCode.FAILED if code == ExitCode.USAGE else None)
            return
        self._failed = code
        writer.failures += 1
        if writer.failures >= _MOST_FAILURES:
            kind = NetworkError if code == ExitCode.NETWORK else EngineError
            message = (
                f"stopped: {counted(writer.failures, 'question')} in a row failed; "
                f"{writer.done:,} of {counted(writer.total, 'question')} "
                f"{noun(writer.done, 'is', 'are')} answered; {_AGAIN}"
            )
            raise kind(message)

    def _say_what_was_done(self, todo: Left, answers: Answers, total: int) -> None:
        if todo.others:
            self._console.note(
                f"{answers.shown} has {counted(todo.others, 'answer')} to questions that are not "
                f"in {line(self._args.batch)} any more, or stand there otherwise: "
                f"{noun(todo.others, 'it stays', 'they stay')}, and what has changed is asked again"
            )
        if not todo.items:
            self._console.aside(f"all {counted(total, 'question')} are answered: {answers.shown}")
        elif todo.answered:
            self._console.aside(
                f"{todo.answered:,} of {counted(total, 'question')} "
                f"{noun(todo.answered, 'is', 'are')} answered already"
            )

    def _compare(self, answers: Answers, info: ModelInfo) -> None:
        """Says so where what was answered before was answered by another model."""
        if others := answers.kept.models - {info.ref}:
            names = ", ".join(line(each, 60) for each in sorted(others))
            self._console.note(f"some of the answers that are there are from {names}: they stay")

    def _result(self, answers: Answers, done: int, total: int) -> int:
        how_many = f"{done:,} of {counted(total, 'question')}"
        if self._stop.wanted:
            go_on = f"; {_AGAIN}" if answers.path is not None else ""
            are = noun(done, "is", "are")
            self._console.note(f"stopped: {how_many} {are} answered in {answers.shown}{go_on}")
            return self._interrupts.code or ExitCode.INTERRUPTED
        where = f": {answers.shown}" if answers.path is not None else ""
        self._console.aside(f"{how_many} answered{where}")
        if not self._unanswered:
            return ExitCode.ANSWERED
        lines = [f"{each:,}" for each in sorted(self._unanswered)]
        more = [f"{len(lines) - _NAMED:,} more"] if len(lines) > _NAMED else []
        named = ", ".join([*lines[:_NAMED], *more])
        again = "; the same command asks again" if answers.path is not None else ""
        self._console.error(
            f"{counted(len(lines), 'question')} got no answer "
            f"({noun(len(lines), 'line')} {named}){again}"
        )
        return self._failed or ExitCode.NO_ANSWER


class _Writer:
    """Shows how far a batch is; what a reply says goes into its file.

    Args:
        console: Standard error.
        todo: What is to be asked.
        total: How many questions there are.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        console: Console,
        todo: Left,
        total: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.done = todo.answered
        """Questions that are answered."""
        self.total = total
        self.failures = 0
        """How many in a row have failed."""
        self._console = console
        self._clock = clock
        self._left = len(todo.items)
        self._asked = 0
        self._begun: float | None = None
        self._shown = 0.0
        self._line = 0
        self._notices: set[str] = set()

    def begin(self, item: Item) -> None:
        """A question is about to be asked."""
        self._begun = self._clock() if self._begun is None else self._begun
        self._line = item.line
        self._show("")
        self._asked += 1

    def event(self, event: Event) -> None:
        """Shows what a reply is at; what one should know is said once."""
        if isinstance(event, Notice):
            if event.text not in self._notices:
                self._notices.add(event.text)
                self._console.note(event.text)
        elif not self._line:
            show_aside(self._console, event)
        elif self._clock() - self._shown >= _LOOK_S:
            self._show(_doing(event))

    def reply(self, reply: Reply, info: ModelInfo) -> None:
        """Leaves the reply to the file of answers."""

    def _show(self, doing: str) -> None:
        self._shown = now = self._clock()
        ahead = ""
        if self._asked and self._begun is not None:
            pace = (now - self._begun) / self._asked
            ahead = f" · {format_remaining(pace * (self._left - self._asked))} left"
        bar = format_bar(self.done, self.total)
        self._console.progress(
            f"{bar} {self.done:,} of {counted(self.total, 'question')}{ahead}"
            f" · line {self._line}{doing}",
            at_once=True,
        )


def _doing(event: Event) -> str:
    """What a reply is at, to stand behind the number of its line."""
    if isinstance(event, Evaluating) and event.total:
        return f": reading {event.done:,} of {counted(event.total, 'token')}"
    if isinstance(event, ThoughtText) and event.tokens:
        return f": {counted(event.tokens, 'token')} of thought"
    if isinstance(event, AnswerText) and event.tokens:
        return f": {counted(event.tokens, 'token')} of answer"
    if isinstance(event, Tallied):
        return f": {event.done} of {counted(event.samples, 'sample')}"
    return ""


def _is_same(path: Path, source: str) -> bool:
    try:
        return path.samefile(source)
    except OSError:
        # One of the two is not there.
        return False


def _source(name: str) -> str:
    return "/dev/stdin" if name == STDIN else str(paths.named(name))
