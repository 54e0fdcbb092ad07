"""`r1chat ask`: one question, one answer."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from r1chat import compose, logs, presets
from r1chat import settings as user
from r1chat.attachments import Attachment, read_file
from r1chat.commands import stdin
from r1chat.commands.default_model import after_declining, default_model
from r1chat.commands.download import or_download
from r1chat.commands.exits import ExitCode
from r1chat.console import Console
from r1chat.conversation import Conversation, think_of
from r1chat.engine.base import Engine, ModelInfo
from r1chat.errors import EngineError, UsageError
from r1chat.events import EndedBy, Event, Loading, Notice, Reply
from r1chat.history import History
from r1chat.interrupts import Interrupts
from r1chat.models import declines
from r1chat.output import JsonLinesWriter, JsonWriter, Out, TextWriter, Thoughts, Writer
from r1chat.reasoning.budget import Budget, Think
from r1chat.reasoning.control import Control
from r1chat.sanitize import line
from r1chat.session import Session
from r1chat.settings import Settings
from r1chat.wording import ENDINGS, language_left, why_unanswered

if TYPE_CHECKING:
    from r1chat.commands.resuming import Resumed
    from r1chat.rendering import Rendering
    from r1chat.shapes import Shape
    from r1chat.states import States
    from r1chat.store import Loaded

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
    _refuse_what_makes_no_sense(args)
    with Interrupts() as interrupts:
        logs.start(console.log if args.verbose else None)
        settings, fault = user.load()
        held: Mapping[str, Any] = {}
        if args.preset is not None:
            preset = presets.find(settings, args.preset)
            settings, held = presets.applied(settings, preset), preset.values
        out = Out(sys.stdout)
        saves = settings.save is not False and not args.no_save
        history = History(on_demand=True)
        try:
            asked = _Ask(args, settings, console, out, history, saves=saves, preset=held)
            code = asked.run(interrupts, fault)
        finally:
            kept = history.close(_CLOSING_S)
            for notice in history.take_notices():
                console.note(notice)
        lost = saves and not kept
        return ExitCode.FAILED if lost and code == ExitCode.ANSWERED else code


def _refuse_what_makes_no_sense(args: argparse.Namespace) -> None:
    shaped = args.json_schema is not None or args.grammar is not None
    if args.samples > 1 and args.raw:
        message = "--raw completes a text, which has no final answer that samples could agree on"
        raise UsageError(message)
    if shaped and args.peek:
        message = "--peek looks for an answer in words, and this one has a shape; leave it out"
        raise UsageError(message)
    if shaped and args.question in {None, "-"} and "-" in {args.json_schema, args.grammar}:
        message = "stdin is the shape of the answer, so the QUESTION must be an argument"
        raise UsageError(message)
    if args.samples > 1 and args.peek:
        message = "--peek looks into one thought; with -n/--samples the votes say more"
        raise UsageError(message)
    goes_on = _goes_on(args)
    if args.resume and (args.question is not None or args.files or args.samples > 1):
        message = "--resume continues one reply: it takes no question, no files and no -n"
        raise UsageError(message)
    if args.raw and args.system is not None:
        message = "--system has no place in --raw, which has no chat framing; put it in the text"
        raise UsageError(message)
    if goes_on and args.raw:
        message = "--raw cannot continue a conversation; leave out one of the two"
        raise UsageError(message)
    if goes_on and args.system is not None:
        message = "--system belongs to the start of a conversation, and this one has begun already"
        raise UsageError(message)


def _goes_on(args: argparse.Namespace) -> bool:
    """Whether an earlier conversation is continued."""
    return bool(args.go_on or args.resume or args.conversation is not None)


class _Ask:
    """One run of the subcommand: options before settings before defaults."""

    def __init__(
        self,
        args: argparse.Namespace,
        settings: Settings,
        console: Console,
        out: Out,
        history: History,
        *,
        saves: bool,
        preset: Mapping[str, Any],
    ) -> None:
        self._preset = preset
        """What a preset has put over the settings."""
        self._args = args
        self._settings = settings
        self._console = console
        self._out = out
        self._shape: Shape | None = None
        self._loaded: Loaded | None = None
        self._history = history
        if _goes_on(args):
            from r1chat.commands import conversations

            self._loaded = conversations.loaded(history.store, args.conversation)
        self._recorder = history if saves else None
        self._conversation = self._loaded.conversation if self._loaded else Conversation()
        self._resumed: Resumed | None = None
        if args.resume:
            from r1chat.commands.resuming import Resumed

            self._resumed = Resumed(self._conversation)

    def run(self, interrupts: Interrupts, fault: str | None) -> int:
        args = self._args
        self._check_samples()
        budget = self._budget()
        self._shape = shape = _shape(args, self._console)
        question, attachments = self._question()
        writer = self._writer(question)
        if fault is not None:
            writer.event(Notice(fault))
        with closing(self._load(writer, interrupts)) as engine:
            session = Session(
                engine,
                system=self._loaded.system if self._loaded else self._either("system"),
                prepare=False,
                conversation=self._conversation,
                recorder=self._recorder,
            )
            self._say_what_has_no_effect(engine, writer)
            if self._loaded is not None and "system" in self._preset:
                writer.event(Notice(_HAS_INSTRUCTIONS))
            control = Control(budget, peek_every=self._peek_every(writer))
            interrupts.control = control
            try:
                events = self._put(session, engine)(
                    question,
                    control=control,
                    sampling=engine.info.sampling(self._chosen(), args.seed),
                    max_answer=self._either("max_answer"),
                    timeout=args.timeout,
                    attachments=attachments,
                    shape=shape,
                )
                reply = _write(events, writer, engine)
                if self._resumed is not None and self._recorder is not None:
                    self._resumed.replace(self._history)
            finally:
                interrupts.control = None
                if isinstance(writer, TextWriter):
                    writer.end()
            return self._verdict(reply, engine, interrupts)

    def _say_what_has_no_effect(self, engine: Engine, writer: Writer) -> None:
        """Says so where options about thoughts were given, and there will be none."""
        args, info, think = self._args, engine.info, self._think()
        if info.thinks_with(think) and not args.raw:
            self._check_language(info, writer)
            return
        options = {"--budget": args.budget, "--min-think": args.min_think, "--peek": args.peek}
        given = [name for name, value in options.items() if value is not None]
        given += ["--think on"] if args.think == "on" else []
        given += ["--think-language"] if args.think_language else []
        effect = f"{' and '.join(given)} {'changes' if len(given) == 1 else 'change'} nothing"
        if args.thoughts == "only":
            effect = "there is nothing for --thoughts only to show"
        elif not given:
            return
        if args.raw:
            why, cure = "a text that --raw completes has no thoughts", ""
        elif think == "off":
            why, cure = "with --think off there are no thoughts", ""
        elif think == "on":
            why, cure = f"this model cannot be asked to think: {info.unasked}", ""
        else:
            why = "this model writes no thoughts by itself"
            cure = f"; it cannot be asked to: {info.unasked}" if info.unasked else _CURE
        writer.event(Notice(f"{why}: {effect}{cure}"))

    def _check_language(self, info: ModelInfo, writer: Writer) -> None:
        """Refuses a language to think in where the thought cannot be opened.

        Raises:
            UsageError: Says why it cannot.
        """
        if not self._args.think_language:
            return
        if self._budget().off:
            writer.event(Notice("there is no thought: --think-language changes nothing"))
        elif why := info.steering_with(self._think()).go_on:
            message = f"--think-language: the thought cannot be opened: {why}"
            raise UsageError(message)

    def _put(self, session: Session, engine: Engine) -> Callable[..., Generator[Event, None, None]]:
        """What puts the question: once, or several times; or has a reply continued."""
        args = self._args
        thought = {"think": self._think(), "language": self._either("think_language")}
        if self._resumed is not None:
            return partial(self._resumed.ask, session, engine, reuse=not args.no_reuse, **thought)
        if args.samples == 1:
            return partial(session.ask, raw=args.raw, reuse=not args.no_reuse, **thought)
        if self._shape is not None:
            return partial(session.consensus, samples=args.samples, **thought)
        from r1chat.checking import same

        return partial(session.consensus, samples=args.samples, same=same, **thought)

    def _think(self) -> Think:
        """Whether a model that does not think by itself is asked to."""
        given: Think | None = self._args.think
        if (
            given is None
            and "think" not in self._preset
            and self._loaded is not None
            and self._loaded.summary.model
        ):
            return think_of(self._loaded.settings)
        return given or self._settings.think or "auto"

    def _either(self, name: str) -> Any:  # noqa: ANN401  (of whatever type the option is)
        """An option; where it is not given, the setting."""
        value = getattr(self._args, name)
        return getattr(self._settings, name) if value is None else value

    def _budget(self) -> Budget:
        args = self._args
        usual, least = self._settings.budget, self._settings.min_think
        kept = self._loaded is not None and self._loaded.summary.model
        if self._loaded is not None and kept and "budget" not in self._preset:
            usual, least = self._loaded.budget, int(self._loaded.settings.get("min_think", 0))
        # An explicit budget must not fail because of a saved minimum.
        minimum = args.min_think
        if minimum is None:
            minimum = least if args.budget is None else 0
        try:
            return Budget.parse(args.budget or usual or "max", minimum=minimum or 0)
        except ValueError as error:
            message = f"--budget and --min-think: {error}"
            raise UsageError(message) from None

    def _question(self) -> tuple[str, tuple[Attachment, ...]]:
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

    def _rendering(self) -> Rendering | None:
        """What renders the answer, where somebody sees it and it is Markdown."""
        args = self._args
        as_written = args.plain or args.raw or args.json_schema or args.grammar
        able = self._out.tty and self._out.unicode and os.environ.get("TERM") != "dumb"
        if as_written or not able:
            return None
        from r1chat.rendering import Rendering

        width = shutil.get_terminal_size().columns
        return Rendering(width, colour="NO_COLOR" not in os.environ)

    def _peek_every(self, writer: Writer) -> int | None:
        """How often to preview the answer; the setting is for those who read along."""
        args = self._args
        if args.peek is not None:
            return args.peek or None
        read_along = isinstance(writer, TextWriter) and self._thoughts() == "show"
        looks = read_along and args.samples == 1 and self._shape is None
        return self._settings.peek or None if looks else None

    @property
    def _name(self) -> str | None:
        """The conversation's id, where it is kept."""
        return None if self._recorder is None else self._conversation.id

    def _thoughts(self) -> Thoughts:
        given: Thoughts | None = self._args.thoughts
        if given is not None:
            return given
        # The setting is a matter of taste at a terminal; a script's stderr stays clean.
        return "show" if self._console.tty and self._settings.thoughts != "hide" else "hide"

    @property
    def _shows_receipt(self) -> bool:
        """Whether the receipt is shown, and says what there is to say of the thought."""
        return self._args.format == "text" and self._thoughts() == "show"

    def _load(self, writer: Writer, interrupts: Interrupts) -> Engine:
        ref: str | None = self._args.model
        if ref is None and self._loaded is not None:
            ref = compose.as_kept(self._loaded.summary.model, (self._settings.model,))
        ref = self._settings.model if ref is None else ref
        if ref is None:
            ref, notice = default_model(self._either("ctx"))
            writer.event(Notice(notice))
        if self._shape is not None and compose.remote_server(ref) is None:
            from r1chat.engine.grammars import gbnf

            # What cannot be used should be said before anybody waits for a model.
            gbnf(self._shape)
        progress = _Progress(writer)
        load = partial(
            compose.load,
            ref,
            ctx=self._either("ctx"),
            threads=self._either("threads"),
            gpu_layers=self._either("gpu_layers"),
            tensor_split=self._either("tensor_split"),
            samples=self._args.samples,
            states=self._states(),
            on_progress=progress,
            on_notice=lambda text: writer.event(Notice(text)),
        )
        try:
            return or_download(load, self._console, interrupts, context=self._either("ctx"))
        finally:
            progress.check()

    def _states(self) -> States | None:
        from r1chat import states

        settings = self._settings
        return states.enabled(
            saves=self._recorder is not None, keeps=settings.keep_state, space=settings.state_space
        )

    def _chosen(self) -> dict[str, float | None]:
        """What of the sampling the user has chosen; None for the rest."""
        return {name: self._either(name) for name in ("temperature", "top_k", "top_p", "min_p")}

    def _check_samples(self) -> None:
        if self._args.samples > 1 and self._either("temperature") == 0:
            message = (
                "at a --temperature of 0 all samples are the same; set another, or leave out -n"
            )
            raise UsageError(message)

    def _verdict(self, reply: Reply, engine: Engine, interrupts: Interrupts) -> int:
        if interrupts.code is not None:
            return interrupts.code
        receipt = reply.receipt
        if (left := language_left(receipt)) and not self._shows_receipt:
            self._console.note(left)
        if receipt.ended_by == "error":
            # Its JSON is written: an error that was raised would add another object.
            self._console.error(reply.error or "the engine failed")
            return ExitCode.NETWORK if engine.info.host else ExitCode.FAILED
        ended_by = receipt.answer_ended_by
        full_server = ended_by == "context" and bool(engine.info.host)
        advice = _ADVICE.get(ended_by, _ADVICE["loop"]).format(context=f"{engine.info.context:,}")
        if not reply.answer.strip():
            why = why_unanswered(reply) or "the reply was stopped"
            self._console.error(f"no answer: {why}; {_SERVER_ADVICE if full_server else advice}")
            return ExitCode.NO_ANSWER
        if self._shape is not None and reply.final is None:
            # What is on stdout is no answer to a script.
            cut = ENDINGS[ended_by].reason
            fault = f"it is cut off: {cut}; {advice}" if cut else self._shape.fault(reply.answer)
            self._console.error(f"the answer has not the shape that was asked for: {fault}")
            return ExitCode.NO_ANSWER
        if receipt.final_from == "thought":
            self._console.note(
                f"the answer gives no final result; in the thought it was {line(reply.final or '')}"
            )
        if full_server:
            self._console.note(f"the answer is cut off: {_CUT_THERE}")
        elif reason := ENDINGS[ended_by].reason:
            self._console.note(f"the answer is cut off: {reason}; {advice}")
        if declines(engine.info.ref, reply.answer):
            self._console.note(after_declining(self._either("ctx")))
        return ExitCode.ANSWERED


def _shape(args: argparse.Namespace, console: Console) -> Shape | None:
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
