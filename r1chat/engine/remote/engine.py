"""The engine that runs models on a server."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from r1chat.engine.base import (
    BY_ITSELF,
    NO_TEMPLATE,
    Message,
    ModelInfo,
    Request,
    Steering,
    steering_of,
)
from r1chat.engine.fitting import turns_before, without_oldest_turn
from r1chat.engine.remote import samples
from r1chat.engine.remote.asking import Asker, framing
from r1chat.engine.remote.fields import Fields
from r1chat.engine.remote.finding import Found, find
from r1chat.engine.remote.link import LOOK_S, Link
from r1chat.engine.remote.refusals import Absent, Refused
from r1chat.engine.remote.segment import Patience, Start
from r1chat.engine.remote.server import Server
from r1chat.engine.remote.shaping import refusal
from r1chat.engine.remote.shared import Branch
from r1chat.engine.remote.turns import turn_on
from r1chat.engine.remote.writer import Writer
from r1chat.engine.replay import FIRST, Wanted, thought_wanted
from r1chat.errors import ContextFull, EngineError, NetworkError, PromptError, UsageError
from r1chat.events import EndedBy, Evaluating, Event, LeftOut, Notice, Receipt, Reply
from r1chat.reasoning.control import Control, ControlGroup
from r1chat.reasoning.formats import Format, known

_CLOSED = "the model is closed"
_UNSEEN = "{} does not say how its model's prompts are made"
_READABLE = (
    "{} is reached without encryption: whoever is on the way can read and change what is said. "
    "Use https:// or a tunnel"
)
_WAITS = "{} writes one reply at a time: this one waits until the other is written"
_UNGROWN = "the context cannot be made larger: it is the server's"
T = TypeVar("T")
_warned: set[str] = set()
"""Hosts about which the user has been told."""


class RemoteEngine:
    """Answers questions with a model on a server.

    Args:
        server: The server.
        model: The model's name there; may be empty where there is only one.
        ref: As the user named it; the address if there is no other name.
        ctx: Tokens of context to use at most.
        patience: How long the server is waited for.
        formats: Formats of thoughts that a user has described, preferred to those that are known.
        on_notice: Takes what the user should know before the server is asked anything, and while
            it is waited for. Without it that comes with the first reply.

    Raises:
        ModelError: If the server has no such model.
        NetworkError: If it does not answer.
    """

    def __init__(
        self,
        server: Server,
        model: str = "",
        *,
        ref: str | None = None,
        ctx: int | None = None,
        patience: Patience | None = None,
        formats: tuple[Format, ...] = (),
        on_notice: Callable[[str], None] | None = None,
    ) -> None:
        began = time.perf_counter()
        self._link = Link(server)
        self._patience = patience or Patience()
        if on_notice is not None:
            # Before the first request, which has the key in it.
            for text in _readable(server):
                on_notice(text)
        self._untold: deque[str] = deque()
        """What the user should know and nobody has taken yet."""
        found = find(self._link, model, self._patience, on_notice or self._untold.append)
        found = replace(found, formats=known(formats))
        if ctx is not None:
            found = replace(found, context=min(found.context or ctx, ctx))
        self._found = found
        self._fields = Fields(server.host)
        self._density = 0.0
        """Tokens a character of conversations, as a refusal has told; 0 before."""
        self._load_s = time.perf_counter() - began
        self._closed = threading.Event()
        self._info = _describe(found, ref, self._load_s)

    @property
    def info(self) -> ModelInfo:
        """The model."""
        return self._info

    def stream(self, request: Request, control: Control) -> Generator[Event, None, None]:
        """Answers; see `Engine.stream`."""
        yield from self._stream(request, control, request.sampling.drawn_seed())

    def stream_many(self, request: Request, group: ControlGroup) -> Generator[Event, None, None]:
        """Answers several times; see `Engine.stream_many`."""
        first = request.sampling.drawn_seed()
        width = self._found.parallel
        ready = self._begun(request, group, first)

        def stream(number: int, control: Control) -> Generator[Event, None, None]:
            branch = ready[number] if ready else None
            return self._stream(request.of(number), control, first + number, branch)

        yield from samples.draw(stream, group, len(ready) or width, first)

    def _begun(self, request: Request, group: ControlGroup, seed: int) -> tuple[Branch, ...]:
        """The streams of several replies, where the server writes them side by side by itself."""
        count = len(group.parts)
        if request.shape is not None or request.forks:
            # The thought and the answer of each are requests of their own, or their prompts differ.
            return ()
        if group.wanted < count:
            # It writes all that it is asked for to their end.
            return ()
        able = self._found.dialect.several and self._fields.takes("n")
        if not able or not 1 < count <= self._found.parallel:
            return ()
        wanted = thought_wanted(request, group.whole.budget)
        asker = self._asker(request.messages, request, seed, wanted=wanted)
        if not asker.continues:
            # What cannot be continued is better asked for one by one.
            return ()
        asker.measures = group.whole.measures or group.whole.sums_up
        limit = group.whole.budget.tokens if wanted.think else None
        return asker.several(count, thought_left=limit)

    def prepare(
        self, messages: tuple[Message, ...], *, state: str = "", drops: bool = True
    ) -> None:
        """Does nothing: what to keep of a prompt, and for how long, is the server's affair."""

    def close(self) -> None:
        """Leaves the server. Further calls do nothing."""
        self._closed.set()

    def _stream(
        self, request: Request, control: Control, seed: int, ready: Branch | None = None
    ) -> Generator[Event, None, None]:
        if self._closed.is_set():
            raise EngineError(_CLOSED)
        try:
            yield from self._replied(request, control, seed, ready)
        finally:
            if ready is not None:
                ready.close()

    def _replied(
        self, request: Request, control: Control, seed: int, ready: Branch | None
    ) -> Generator[Event, None, None]:
        began = time.perf_counter()
        turn = turn_on(self._found.server.url) if self._found.dialect.interrupts else None
        has_turn = False
        try:
            if turn is not None:
                if turn.is_taken:
                    yield Notice(_WAITS.format(self._found.server.host))
                has_turn = turn.take(
                    wants_stop=lambda: self._gives_up(request, control, began) is not None
                )
            yield from self._once_started(request, control, seed, ready, began)
        except NetworkError as error:
            # Before the question was put: what is a marker has to be asked.
            yield _failed(request, control, seed, str(error))
        finally:
            self._note_budget()
            if turn is not None and has_turn:
                turn.end()

    def _once_started(
        self,
        request: Request,
        control: Control,
        seed: int,
        ready: Branch | None,
        began: float,
    ) -> Generator[Event, None, None]:
        """Answers; waits before where the server has gone since, and may come back."""
        told: list[str] = []
        start = Start(self._patience, told.append)
        while True:
            try:
                yield from self._written(request, control, seed, ready, began)
            except Absent as absent:
                end = time.monotonic() + start.wait(absent)
            else:
                return
            yield from map(Notice, told)
            told.clear()
            while time.monotonic() < end:
                why = self._gives_up(request, control, began)
                if why is not None:
                    yield _failed(request, control, seed, None, ended_by=why)
                    return
                time.sleep(LOOK_S)

    def _gives_up(self, request: Request, control: Control, began: float) -> EndedBy | None:
        """Why a reply that waits for its turn should wait no longer, if it should."""
        if self._closed.is_set():
            control.cancel()
        if control.cancelled:
            return "cancelled"
        return "time" if request.time_left(time.perf_counter() - began) <= 0 else None

    def _written(
        self,
        request: Request,
        control: Control,
        seed: int,
        ready: Branch | None,
        began: float,
    ) -> Generator[Event, None, None]:
        wanted = thought_wanted(request, control.budget)
        events: deque[Event] = deque()
        messages, dropped = request.messages, 0
        while True:
            asker = self._asker(messages, request, seed, wanted=wanted, ready=ready)
            ready = None
            self._refuse_shape(request, asker)
            if not dropped:
                yield from map(Notice, self._notices(asker, control, request))
            shorter = without_oldest_turn(messages)
            writer = Writer(
                asker,
                self._found,
                request,
                control,
                events.append,
                time.perf_counter,
                began=began,
                patience=self._patience,
                may_shorten=shorter != messages,
            )
            given_up = self._gives_up(request, control, began)
            if given_up is not None:
                # Also where its turn has not come.
                reply = writer.unserved(given_up, seed=seed, load_s=self._load_s)
                yield from _all(events)
                yield reply
                return
            steps = writer.run(seed=seed, load_s=self._load_s)
            try:
                told = dropped
                for event in self._steps(steps, events, control):
                    if told and not isinstance(event, (Evaluating, Notice)):
                        yield from _left_out(told, request)
                        told = 0
                    yield event
            except Refused as error:
                if shorter == messages:
                    raise PromptError(str(error)) from None
                self._learn(error, messages)
                messages, dropped = shorter, dropped + _may_drop(request, messages)
            else:
                return

    def _refuse_shape(self, request: Request, asker: Asker) -> None:
        if request.shape is None:
            return
        resume = request.resume
        written = resume is not None and resume.keep is None and bool(resume.reply.answer)
        why = refusal(
            self._found.dialect,
            request.shape,
            host=self._found.server.host,
            continues=asker.continues,
            written=written,
        )
        if why:
            raise UsageError(why)

    def _asker(
        self,
        messages: tuple[Message, ...],
        request: Request,
        seed: int,
        *,
        wanted: Wanted,
        ready: Branch | None = None,
    ) -> Asker:
        opening = request.opening_words
        if opening and self._found.markers.counted(opening) is None:
            with suppress(NetworkError):
                self._found.markers.learn((opening,))
        return Asker(
            self._link,
            self._found,
            messages,
            request,
            seed,
            wanted=wanted,
            fields=self._fields,
            density=self._density,
            ready=ready,
        )

    def _learn(self, refusal: Refused, messages: tuple[Message, ...]) -> None:
        """Remembers how much context there is, and what fills it, where only a refusal says so."""
        size = sum(len(message.text) for message in messages)
        if refusal.length and size:
            self._density = refusal.length / size
        context = refusal.context
        if context and not self._found.context:
            self._found = replace(self._found, context=context)
            self._info = replace(self._info, context=context, context_trained=context)

    def _note_budget(self) -> None:
        """Remembers that a chat's thought cannot be limited, where only a refusal says so."""
        name, why = self._found.dialect.chat_budget, self._info.steering.close
        if name and why and not self._fields.takes(name):
            steering = replace(self._info.steering, budget=why)
            self._info = replace(self._info, steering=steering, asked=steering)

    def _steps(
        self, steps: Generator[None, None, Reply], events: deque[Event], control: Control
    ) -> Generator[Event, None, None]:
        """Lets a writer work and hands on what it says."""
        try:
            while True:
                try:
                    next(steps)
                except StopIteration as end:
                    self._load_s = 0.0
                    yield from _all(events)
                    yield end.value
                    return
                if self._closed.is_set():
                    control.cancel()
                yield from _all(events)
        finally:
            steps.close()

    def _notices(self, asker: Asker, control: Control, request: Request) -> Iterator[str]:
        yield from _readable(self._found.server)
        yield from _all(self._untold)
        if asker.framed is not None:
            yield from asker.framed.notices
        if request.think == "off" and self._info.thinks and self._info.steering.off:
            yield f"thoughts cannot be turned off: {self._info.steering.off}"
            return
        steering, budget = self._info.steering_with(request.think), control.budget
        wants_thought = self._info.thinks_with(request.think) and not budget.off
        limited = budget.tokens is not None or budget.seconds is not None
        can_be_off = budget.off and self._found.dialect.chat_off
        if asker.framed is None and steering.budget and limited and not can_be_off:
            yield f"the budget is not kept: {steering.budget}"
            limited = False
        if asker.framed is None and wants_thought:
            yield from _without_effect(steering, control, limited=limited)
        if request.think == "on" and asker.framed is None:
            yield f"the model is not asked to think first: {self._info.unasked}"
        if request.opening_words and asker.framed is None and wants_thought:
            yield f"the thought is not opened in another language: {steering.go_on}"


def _without_effect(steering: Steering, control: Control, *, limited: bool) -> Iterator[str]:
    """Says what of a wish for a thought cannot be kept beside a number of tokens."""
    budget = control.budget
    wishes = (
        ("the limit in seconds", limited and budget.seconds is not None, steering.close),
        ("the minimum of thought", budget.minimum > 0, steering.go_on),
        ("the budget auto", budget.agree is not None, steering.peek),
        ("answer previews", bool(control.peek_every), steering.peek),
    )
    named: dict[str, list[str]] = {}
    for name, wished, why in wishes:
        if wished and why:
            named.setdefault(why, []).append(name)
    for why, names in named.items():
        yield f"without effect: {', '.join(names)}: {why}"


def _may_drop(request: Request, messages: tuple[Message, ...]) -> int:
    """How many turns are left out where the oldest is, if there are any.

    Raises:
        ContextFull: If none may be.
    """
    turns = turns_before(messages)
    if request.when_full == "refuse" and turns:
        # How long each of them is only the server knows: half of them make much room.
        raise ContextFull((turns + 1) // 2)
    return min(turns, 1)


def _left_out(turns: int, request: Request) -> Iterator[Event]:
    if request.when_full == "grow":
        yield Notice(_UNGROWN)
    yield LeftOut(turns)


def _failed(
    request: Request,
    control: Control,
    seed: int,
    error: str | None,
    *,
    ended_by: EndedBy = "error",
) -> Reply:
    """The reply to a question that could not be put; one that was to be continued is kept."""
    resume = request.resume
    receipt = Receipt(budget=str(control.budget), seed=seed)
    reply = Reply("", "", receipt) if resume is None else resume.reply
    receipt = replace(reply.receipt, ended_by=ended_by, answer_ended_by=ended_by)
    return replace(reply, receipt=receipt, error=error)


def _readable(server: Server) -> Iterator[str]:
    """Says once of a server that others can read along."""
    if not server.is_private and server.host not in _warned:
        _warned.add(server.host)
        yield _READABLE.format(server.host)


def _all(waiting: deque[T]) -> Iterator[T]:
    """Takes what waits; somebody else may take it at the same time."""
    while True:
        try:
            first = waiting.popleft()
        except IndexError:
            return
        yield first


def _describe(found: Found, ref: str | None, load_s: float) -> ModelInfo:
    server = found.server
    # With an earlier turn, so that all markers of the framing are asked about now.
    turn = (Message("user", "?"), Message("assistant", "!"))
    framed = framing(found, (*turn, *turn[:1]))
    why = (
        ""
        if framed is not None
        else _UNSEEN.format(found.dialect.name if found.dialect.owner else "the server")
    )
    thinks = framed is None or framed.kind.thinks
    first = framing(found, (*turn, *turn[:1]), wanted=FIRST)
    asks = first is not None and first.style is not None
    steering = Steering(
        budget="" if found.dialect.chat_budget else why,
        off="" if found.dialect.chat_budget or found.dialect.chat_off else why,
        close=why,
        go_on=why,
        peek=why,
    )
    return ModelInfo(
        ref=ref or f"{server.name or server.url}#{found.model}",
        path="",
        arch="",
        quant="",
        name=found.model,
        context=found.context,
        context_trained=found.context_trained,
        parameters=found.parameters,
        size=found.size,
        thinks=thinks,
        threads=0,
        gpu_layers=0,
        load_s=load_s,
        host=server.host,
        steering=steering_of(steering, thinks=thinks),
        unasked="" if asks else why or (BY_ITSELF if thinks else NO_TEMPLATE),
        asked=steering,
    )
