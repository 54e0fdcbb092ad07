"""`r1chat ask`: one question, one answer."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeAlias

from r1chat import compose, logs
from r1chat import settings as user
from r1chat.attachments import Attachment, read_file
from r1chat.commands import stdin
from r1chat.commands.default_model import after_declining, default_model
from r1chat.commands.download import or_download
from r1chat.commands.exits import ExitCode
from r1chat.commands.given import Given
from r1chat.console import Console
from r1chat.conversation import Conversation, Node
from r1chat.engine.base import NO_TEMPLATE, Engine, ModelInfo
from r1chat.errors import EngineError, UsageError
from r1chat.events import EndedBy, Event, Loading, Notice, Reply
from r1chat.history import History
from r1chat.interrupts import Cancellable, Interrupts
from r1chat.models import declines
from r1chat.output import JsonLinesWriter, JsonWriter, Out, TextWriter, Thoughts, Writer
from r1chat.reasoning.control import Control
from r1chat.sanitize import line
from r1chat.session import Session
from r1chat.settings import Settings
from r1chat.wording import ENDINGS, language_left, sums_note, why_unanswered

if TYPE_CHECKING:
    from r1chat.commands.comparing import ComparingWriter
    from r1chat.commands.resuming import Resumed
    from r1chat.rendering import Rendering
    from r1chat.shapes import Shape
    from r1chat.states import States
    from r1chat.store import Loaded

Asked: TypeAlias = "tuple[str, tuple[Attachment, ...]]"
_ADVICE: dict[EndedBy, str] = {
    "context": "use a larger --ctx (it has {context} tokens) or a smaller --budget",
    "time": "use a longer --timeout or a smaller --budget",
    "length": "use a larger --max-answer",
    "loop": "try again, or another --temperature",
}
"""What helps where an answer is cut off, or kept away."""
_SERVER_ADVICE = "use a smaller --budget, or start the server with a larger context"
_CUT_THERE = "the server's context, or the length that it allows a reply, is used up"
_CLOSING_S = 10.0
"""How long the end waits for what is still to be saved."""
_HAS_INSTRUCTIONS = "the conversation keeps its own instructions: the preset's are left out"
_EMPTY_BY_GRAMMAR = (
    "no answer: the grammar let it end with nothing in it; have the rule root ask for a character"
)
_CURE = "; --think on makes it think first"


def run(args: argparse.Namespace, console: Console) -> int:
    """Answers the question.

    Args:
        args: What `options.add_ask` defines.
        console: Standard error.

    Returns:
        The exit code.

    Raises:
        R1ChatError: If it fails.
        BrokenPipeError: If nobody reads the answer any more.
        Interrupted: If a signal came before the reply began.
    """
    refuse_what_makes_no_sense(args)
    with Interrupts() as interrupts:
        logs.start(console.log if args.verbose else None)
        settings, fault = user.load()
        given = Given(args, settings)
        out = Out(sys.stdout)
        saves = settings.save is not False and not args.no_save
        history = History(on_demand=True)
        try:
            code = Asking(given, console, out, history, saves=saves).run(interrupts, fault)
        finally:
            kept = history.close(_CLOSING_S)
            for notice in history.take_notices():
                console.note(notice)
        lost = saves and not kept
        return ExitCode.FAILED if lost and code == ExitCode.ANSWERED else code


def refuse_what_makes_no_sense(args: argparse.Namespace) -> None:
    """Refuses options that contradict one another.

    Raises:
        UsageError: Says which.
    """
    shapes = {args.json_schema, args.grammar} - {None}
    goes_on, several = _goes_on(args), args.samples > 1
    refusals = {
        "--raw completes a text, which has no final answer that samples could agree on": several
        and args.raw,
        "--peek looks for an answer in words, and this one has a shape; leave it out": shapes
        and args.peek,
        "stdin is the shape of the answer, so the QUESTION must be an argument": "-" in shapes
        and args.question in {None, "-"}
        and args.batch is None,
        "--peek looks into one thought; with -n/--samples the votes say more": several
        and args.peek,
        "--tree has several samples branch off: give it a -n of 2 or more": args.tree
        and not several,
        "--samples-stop says when several samples are enough: it goes with -n or --tree": (
            args.samples_stop is not None and not several
        ),
        "--compare has each of several answer once: leave out -n, --tree and --resume": (
            args.compare and (several or args.resume)
        ),
        "--background keeps the reply on the disk: it does not go with --no-save": (
            args.background and args.no_save
        ),
        "-o/--output names the file of --batch; redirect stdout for one answer: > FILE": (
            args.output is not None and args.batch is None
        ),
        "--resume continues one reply: it takes no question, no files and no -n": args.resume
        and (args.question is not None or args.files or several),
        "--system has no place in --raw, which has no chat framing; put it in the text": args.raw
        and args.system is not None,
        "--raw cannot continue a conversation; leave out one of the two": goes_on and args.raw,
        "--system belongs to the start of a conversation, and this one has begun already": (
            goes_on and args.system is not None
        ),
    }
    for message, holds in refusals.items():
        if holds:
            raise UsageError(message)


def ways_to_show(args: argparse.Namespace) -> dict[str, object]:
    """The options that say how a reply is shown, with what was given; None where nothing was."""
    return {
        "--format": None if args.format == "text" else args.format,
        "--thoughts": args.thoughts,
        "--plain": args.plain or None,
    }


def first_given(options: Mapping[str, object]) -> str | None:
    """The first of some options that was given; None where none was."""
    return next((name for name, value in options.items() if value is not None), None)


def _goes_on(args: argparse.Namespace) -> bool:
    """Whether an earlier conversation is continued."""
    return bool(args.go_on or args.resume or args.conversation is not None)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reply comes to for whoever asked."""

    code: ExitCode
    error: str = ""
    """Why it is no answer, and what to do; empty where it is one."""
    notes: tuple[str, ...] = ()
    """What one should know of it."""


class Steering(Protocol):
    """What stops a reply that is under way, such as the signals."""

    control: Cancellable | None
    """Of that reply."""


class Asking:
    """Has questions answered as the options say.

    Args:
        given: What they are asked with.
        console: Standard error.
        out: Standard output.
        history: The history.
        saves: Whether they are saved there.
        name: The id that a new conversation gets; by default a new one.

    Raises:
        R1ChatError: If a conversation is to be continued that is not there.
    """

    def __init__(
        self,
        given: Given,
        console: Console,
        out: Out,
        history: History,
        *,
        saves: bool,
        name: str | None = None,
    ) -> None:
        self._args = args = given.args
        self._console = console
        self._out = out
        self.shape: Shape | None = None
        """What the answer must look like."""
        self._loaded: Loaded | None = None
        self._history = history
        if _goes_on(args):
            from r1chat.commands import conversations

            self._loaded = conversations.loaded(history.store, args.conversation)
        self.given = given.continuing(self._loaded)
        """The same for the conversation that is continued."""
        self._recorder = history if saves else None
        self._conversation = self._loaded.conversation if self._loaded else Conversation(name)
        self._resumed: Resumed | None = None
        if args.resume:
            from r1chat.commands.resuming import Resumed

            self._resumed = Resumed(self._conversation)

    def run(self, interrupts: Interrupts, fault: str | None) -> int:
        """Asks the question of the command line, and says what the reply comes to.

        Args:
            interrupts: The signals.
            fault: What is wrong with the file of settings, if anything is.

        Returns:
            The exit code.
        """
        args, given = self._args, self.given
        ways = [given, *(given.varied(each) for each in args.compare)]
        for way in ways:
            way.check()
        self.shape = read_shape(args, self._console)
        asked = self.question()
        load = partial(self.load, interrupts=interrupts)
        answer = partial(self.answer, asked, steering=interrupts)
        if args.compare:
            from r1chat.commands.comparing import Comparison

            answer = partial(answer, parent=self._conversation.last())
            comparison = Comparison(ways, self._console, load, answer, self._verdict)
            comparing = self._comparing_writer(asked[0])
            if fault is not None:
                comparing.event(Notice(fault))
            return comparison.run(comparing, interrupts)
        writer = self._writer(asked[0])
        if fault is not None:
            writer.event(Notice(fault))
        with closing(load(given, writer)) as engine:
            reply = answer(given, engine, writer)
            return interrupts.code or self._verdict(reply, engine)

    def answer(
        self,
        asked: Asked,
        given: Given,
        engine: Engine,
        writer: Writer,
        *,
        steering: Steering,
        parent: Node | None = None,
        seed: int | None = None,
    ) -> Reply:
        """Has one model answer.

        Args:
            asked: The question, and what is attached to it.
            given: What it is asked with.
            engine: The model.
            writer: Writes what comes.
            steering: Is told what stops the reply.
            parent: The turn to follow; by default the last.
            seed: The one to draw by where none is given.
        """
        question, attachments = asked
        args = given.args
        session = Session(
            engine,
            system=given.system,
            prepare=False,
            conversation=self._conversation,
            recorder=self._recorder,
            once=self._loaded is None,
        )
        self._say_what_has_no_effect(given, engine, writer)
        if given.keeps_instructions:
            writer.event(Notice(_HAS_INSTRUCTIONS))
        control = Control(
            given.budget(), peek_every=self._peek_every(given, writer), measures=args.logprobs
        )
        steering.control = control
        try:
            events = self._put(session, given, engine, parent)(
                question,
                control=control,
                sampling=engine.info.sampling(
                    given.sampling(), seed if args.seed is None else args.seed
                ),
                max_answer=given.either("max_answer"),
                timeout=args.timeout,
                attachments=attachments,
                shape=self.shape,
            )
            reply = _write(events, writer, engine)
            if self._resumed is not None and self._recorder is not None:
                self._resumed.replace(self._history)
        finally:
            steering.control = None
            if isinstance(writer, TextWriter):
                writer.end()
        return reply

    def _say_what_has_no_effect(self, given: Given, engine: Engine, writer: Writer) -> None:
        """Says so where options about thoughts were given, and there will be none."""
        args, info, think = given.args, engine.info, given.think
        if info.thinks_with(think) and not args.raw:
            self._check_steering(given, info, writer)
            return
        options = {"--budget": args.budget, "--min-think": args.min_think, "--peek": args.peek}
        said = [name for name, value in options.items() if value is not None]
        said += ["--think on"] if args.think == "on" else []
        said += ["--think-language"] if args.think_language else []
        said += ["--tree"] if args.tree else []
        effect = f"{' and '.join(said)} {'changes' if len(said) == 1 else 'change'} nothing"
        if args.thoughts == "only":
            effect = "there is nothing for --thoughts only to show"
        elif not said:
            return
        if args.raw:
            why, cure = "a text that --raw completes has no thoughts", ""
        elif think == "off":
            why, cure = "with --think off there are no thoughts", ""
        elif think == "on" and info.unasked == NO_TEMPLATE:
            # The engine says of the template that there is none, and what that means.
            if said == ["--think on"] and args.thoughts != "only":
                return
            why, cure = "this model cannot be asked to think", ""
        elif think == "on":
            why, cure = f"this model cannot be asked to think: {info.unasked}", ""
        else:
            why = "this model writes no thoughts by itself"
            cure = f"; it cannot be asked to: {info.unasked}" if info.unasked else _CURE
        writer.event(Notice(f"{why}: {effect}{cure}"))

    def _check_steering(self, given: Given, info: ModelInfo, writer: Writer) -> None:
        """Says what cannot be done to the thoughts of a model that has them.

        Raises:
            UsageError: If nothing would come of what is asked for.
        """
        self._check_language(given, info, writer)
        why = info.steering_with(given.think).go_on
        if why and given.either("check_sums") == "fix":
            marks = "--check-sums fix marks wrong sums, and writes nothing into the thought"
            writer.event(Notice(f"{marks}: {why}"))
        if why and given.args.tree:
            message = f"--tree: a thought cannot be continued from a place in it: {why}"
            raise UsageError(message)

    def _check_language(self, given: Given, info: ModelInfo, writer: Writer) -> None:
        """Refuses a language to think in where the thought cannot be opened.

        Raises:
            UsageError: Says why it cannot.
        """
        if not given.args.think_language:
            return
        if given.budget().off:
            writer.event(Notice("there is no thought: --think-language changes nothing"))
        elif why := info.steering_with(given.think).go_on:
            message = f"--think-language: the thought cannot be opened: {why}"
            raise UsageError(message)

    def _put(
        self, session: Session, given: Given, engine: Engine, parent: Node | None
    ) -> Callable[..., Generator[Event, None, None]]:
        """What puts the question: once, or several times; or has a reply continued."""
        args = given.args
        thought = {
            "think": given.think,
            "language": given.either("think_language"),
            "full_context": given.either("full_context") or "drop",
            "check_sums": given.either("check_sums") or "mark",
        }
        if self._resumed is not None:
            return partial(self._resumed.ask, session, engine, reuse=not args.no_reuse, **thought)
        if args.samples == 1:
            return partial(
                session.ask,
                raw=args.raw,
                reuse=not args.no_reuse,
                parent=parent,
                beside=given.beside,
                **thought,
            )
        put = partial(
            session.consensus,
            samples=args.samples,
            tree=args.tree,
            samples_stop=given.either("samples_stop") or "settled",
            **thought,
        )
        if self.shape is not None:
            return put
        from r1chat.checking import same

        return partial(put, same=same)

    def question(self) -> Asked:
        """The question of the command line, and what goes along with it.

        Raises:
            UsageError: If there is none, or an attachment cannot be read.
        """
        if self._resumed is not None:
            return self._resumed.turn.question, self._resumed.turn.attachments
        files = tuple(read_file(path, waits=self._console.note) for path in self._args.files)
        question, extra = stdin.question(self._args.question, self._console)
        if not question.strip():
            message = "the question is empty"
            raise UsageError(message)
        return question, (*files, *extra)

    def _writer(self, question: str) -> Writer:
        if self._args.format == "json":
            return JsonWriter(self._out, self._console, question, self._name)
        if self._args.format == "jsonl":
            return JsonLinesWriter(self._out, question, self._name)
        return TextWriter(self._out, self._console, self._thoughts(), self._rendering())

    @property
    def conversation(self) -> str:
        """The conversation's id."""
        return self._conversation.id

    @property
    def continues(self) -> bool:
        """Whether the conversation is there already."""
        return self._loaded is not None

    def _comparing_writer(self, question: str) -> ComparingWriter:
        from r1chat.commands.comparing import JsonComparing, JsonLinesComparing, TextComparing

        if self._args.format == "json":
            return JsonComparing(self._out, self._console, question, self._name)
        if self._args.format == "jsonl":
            return JsonLinesComparing(self._out, question, self._name)
        return TextComparing(self._out, self._console, self._thoughts(), self._rendering())

    def _rendering(self) -> Rendering | None:
        """What renders the answer, where somebody sees it and it is Markdown."""
        args = self._args
        as_written = args.plain or args.raw or args.json_schema or args.grammar
        return None if as_written else rendering_on(self._out)

    def _peek_every(self, given: Given, writer: Writer) -> int | None:
        """How often to preview the answer; the setting is for those who read along."""
        args = given.args
        if args.peek is not None:
            return args.peek or None
        read_along = isinstance(writer, TextWriter) and self._thoughts() == "show"
        looks = read_along and args.samples == 1 and self.shape is None
        return given.settings.peek or None if looks else None

    @property
    def _name(self) -> str | None:
        """The conversation's id, where it is kept."""
        return None if self._recorder is None else self._conversation.id

    def _thoughts(self) -> Thoughts:
        return thoughts_on(self._console, self._args.thoughts, self.given.settings)

    @property
    def _shows_receipt(self) -> bool:
        """Whether the receipt is shown, and says what there is to say of the thought."""
        shown = self._thoughts() == "show" or bool(self._args.compare)
        return self._args.format == "text" and shown

    def load(self, given: Given, writer: Writer, *, interrupts: Interrupts) -> Engine:
        """Loads the model.

        Raises:
            R1ChatError: As `compose.load`.
        """
        ref = given.model
        if ref is None:
            ref, notice = default_model(given.either("ctx"))
            writer.event(Notice(notice))
        if self.shape is not None:
            _check_shape(self.shape, remote=compose.remote_server(ref) is not None)
        progress = _Progress(writer)
        load = partial(
            compose.load,
            ref,
            ctx=given.either("ctx"),
            threads=given.either("threads"),
            gpu_layers=given.either("gpu_layers"),
            tensor_split=given.either("tensor_split"),
            samples=self._args.samples,
            states=self._states(),
            on_progress=progress,
            on_notice=lambda text: writer.event(Notice(text)),
        )
        try:
            return or_download(load, self._console, interrupts, context=given.either("ctx"))
        finally:
            progress.check()

    def _states(self) -> States | None:
        from r1chat import states

        settings = self.given.settings
        return states.enabled(
            saves=self._recorder is not None, keeps=settings.keep_state, space=settings.state_space
        )

    def _verdict(self, reply: Reply, engine: Engine, whose: str = "") -> int:
        """Says what is wrong with a reply, and with which exit code.

        Args:
            reply: The reply.
            engine: The model.
            whose: What tells it from others, to stand before what is said.
        """
        verdict = self.verdict(reply, engine.info)
        for note in verdict.notes:
            self._console.note(whose + note)
        if verdict.error:
            # Its JSON is written: an error that was raised would add another object.
            self._console.error(whose + verdict.error)
        elif declines(engine.info.ref, reply.answer):
            self._console.note(whose + after_declining(self.given.either("ctx")))
        return verdict.code

    def verdict(self, reply: Reply, info: ModelInfo) -> Verdict:
        """What a reply comes to."""
        receipt = reply.receipt
        left = language_left(receipt)
        notes: tuple[str, ...] = (left,) if left and not self._shows_receipt else ()
        if receipt.ended_by == "error":
            code = ExitCode.NETWORK if info.host else ExitCode.FAILED
            return Verdict(code, reply.error or "the engine failed", notes)
        ended_by = receipt.answer_ended_by
        full_server = ended_by == "context" and bool(info.host)
        advice = _ADVICE.get(ended_by, _ADVICE["loop"]).format(context=f"{info.context:,}")
        cut = ENDINGS[ended_by].reason
        grammar = self.shape is not None and self.shape.kind == "grammar"
        if not reply.answer.strip() and grammar and ended_by == "natural":
            return Verdict(ExitCode.NO_ANSWER, _EMPTY_BY_GRAMMAR, notes)
        if not reply.answer.strip():
            why = why_unanswered(reply) or "the reply was stopped"
            fault = f"no answer: {why}; {_SERVER_ADVICE if full_server else advice}"
            return Verdict(ExitCode.NO_ANSWER, fault, notes)
        if self.shape is not None and reply.final is None:
            # What is on stdout is no answer to a script.
            found = f"it is cut off: {cut}; {advice}" if cut else self.shape.fault(reply.answer)
            fault = f"the answer has not the shape that was asked for: {found}"
            return Verdict(ExitCode.NO_ANSWER, fault, notes)
        if receipt.sums is not None and receipt.sums.wrong:
            from r1chat.slips import wrong_sums

            notes += tuple(sums_note(receipt.sums, each) for each in wrong_sums(reply)[:1])
        if receipt.final_from == "thought":
            final = line(reply.final or "")
            notes += (f"the answer gives no final result; in the thought it was {final}",)
        if full_server:
            notes += (f"the answer is cut off: {_CUT_THERE}",)
        elif cut:
            notes += (f"the answer is cut off: {cut}; {advice}",)
        return Verdict(ExitCode.ANSWERED, notes=notes)


def thoughts_on(console: Console, asked: Thoughts | None, settings: Settings) -> Thoughts:
    """What is shown of thoughts: as it is asked for, else by the settings.

    Args:
        console: Where they are shown.
        asked: What is asked for; None is nothing.
        settings: The user's.
    """
    if asked is not None:
        return asked
    # The setting is a matter of taste at a terminal; a script's stderr stays clean.
    return "show" if console.tty and settings.thoughts != "hide" else "hide"


def rendering_on(out: Out) -> Rendering | None:
    """What renders Markdown where somebody sees it; None where nobody does."""
    if not (out.tty and out.unicode) or os.environ.get("TERM") == "dumb":
        return None
    from r1chat.rendering import Rendering

    width = shutil.get_terminal_size().columns
    return Rendering(width, colour="NO_COLOR" not in os.environ)


def read_shape(args: argparse.Namespace, console: Console) -> Shape | None:
    """The shape that the answer must have, looked at before a model is loaded.

    Raises:
        UsageError: If it cannot be used.
    """
    path = args.json_schema if args.grammar is None else args.grammar
    if path is None:
        return None
    from r1chat import shapes

    text = stdin.text(console) if path == "-" else read_file(path, waits=console.note).text
    if args.grammar is None:
        return shapes.json_schema(text)
    return shapes.grammar(text)


def _check_shape(shape: Shape, *, remote: bool) -> None:
    """Says what cannot be used before anybody waits for a model, or asks a server.

    Raises:
        UsageError: If no grammar can be made of it, or llama.cpp does not take it.
    """
    from r1chat.engine.grammars import gbnf

    try:
        gbnf(shape)
    except EngineError:
        # Where llama.cpp cannot be loaded here, a server is to say what it takes.
        if not remote:
            raise


class _Progress:
    """Passes on how much of a model is loaded, from within a native callback.

    An exception must not get into native code, so it is kept until the load is over.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._percent = -1
        self._failure: Exception | None = None

    def __call__(self, fraction: float) -> None:
        percent = int(fraction * 100)
        if percent == self._percent or self._failure is not None:
            return
        self._percent = percent
        try:
            self._writer.event(Loading(fraction))
        except Exception as failure:  # noqa: BLE001  (raised by `check`)
            self._failure = failure

    def check(self) -> None:
        """Raises what went wrong."""
        if self._failure is not None:
            raise self._failure


def _write(events: Generator[Event, None, None], writer: Writer, engine: Engine) -> Reply:
    """Writes all events as they come and returns the reply."""
    with closing(events):
        for event in events:
            if isinstance(event, Reply):
                writer.reply(event, engine.info)
                return event
            writer.event(event)
    message = "the engine ended without a reply"
    raise EngineError(message)
