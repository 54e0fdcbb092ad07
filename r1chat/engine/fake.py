"""A scripted engine for tests of everything above the engine."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from r1chat.engine.base import BY_ITSELF, Continuation, Message, ModelInfo, Request, unbegun
from r1chat.engine.confidence import confidence_of
from r1chat.errors import Cancelled, PromptError
from r1chat.events import (
    AnswerText,
    Drawing,
    EndedBy,
    Evaluating,
    Event,
    Fork,
    InjectedText,
    Injection,
    Part,
    Peeked,
    Receipt,
    Reply,
    Sampled,
    ThoughtEnded,
    ThoughtStyle,
    ThoughtText,
    TokenScore,
)
from r1chat.reasoning.control import Control, ControlGroup
from r1chat.reasoning.final import Final, final_answer
from r1chat.reasoning.governor import Governor
from r1chat.reasoning.peeks import Peeks
from r1chat.reasoning.phrases import CLOSE, LANDING
from r1chat.reasoning.splitter import Piece, Splitter

INFO = ModelInfo(
    ref="fake",
    path="fake.gguf",
    arch="fake",
    quant="F32",
    name="Fake",
    context=4096,
    context_trained=4096,
    parameters=0,
    size=0,
    thinks=True,
    threads=1,
    gpu_layers=0,
    load_s=0.0,
    unasked=BY_ITSELF,
)


@dataclass(frozen=True, slots=True)
class Pause:
    """Lets time pass in the middle of a reply."""

    seconds: float


Step: TypeAlias = str | Pause | Event | Exception
"""One step of a script: a token that the model writes, a wait, an event yielded as it is, or an
exception that is raised there."""


class FakeEngine:
    """Plays one script per question and honours the control as a real engine does.

    A script is what the model writes, a token a string. The thought is open at its start, as R1's
    framing opens it; ``</think>`` closes it. After the last script the first is played again.

    Args:
        *scripts: The replies, in order.
        clock: Tells the time.
        sleep: Lets time pass.
        finals: What looks ahead find, in order; the last of them again and again.
        lanes: How many of several samples it plays side by side, a step of each in turn.
        sure: How sure it is of tokens, from 0 to 1; of others it is sure by 0.9.
        info: What it says of itself. A model that does not think plays its answer alone, unless it
            is asked to think.
    """

    def __init__(
        self,
        *scripts: Sequence[Step],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        finals: Sequence[str | None] = (None,),
        lanes: int = 1,
        sure: Mapping[str, float] | None = None,
        info: ModelInfo = INFO,
    ) -> None:
        self._info = info
        self._scripts = scripts
        self._lanes = lanes
        self._clock = clock
        self._sleep = sleep
        self._finals = finals
        self._sure = sure or {}
        self.requests: list[Request] = []
        """What was asked, in order."""
        self.prepared: list[tuple[Message, ...]] = []
        """What was to be read ahead, in order."""
        self.closed = False

    @property
    def info(self) -> ModelInfo:
        """A model that is none."""
        return self._info

    def stream(self, request: Request, control: Control) -> Generator[Event, None, None]:
        """Plays the next script.

        Yields:
            Its events, and a `Reply`.

        Raises:
            PromptError: Before the first event, where the script begins with one.
        """
        yield from self._read(request)
        yield from self._play(self._next_script(request), request, control)

    def _read(self, request: Request) -> Iterator[Event]:
        script = self._scripts[len(self.requests) % len(self._scripts)]
        if script and isinstance(script[0], PromptError):
            self.requests.append(request)
            raise script[0]
        yield Evaluating(done=1, total=1, reused=0)

    def _next_script(self, request: Request) -> Sequence[Step]:
        script = self._scripts[len(self.requests) % len(self._scripts)]
        self.requests.append(request)
        return script

    def _play(self, script: Sequence[Step], request: Request, control: Control) -> Iterator[Event]:
        play = _Play(self._info, request, control, self._clock, self._finals, self._sure)
        if request.resume is not None:
            yield from play.resume(request.resume)
        for step in script:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, Pause):
                if not play.skipping:
                    self._sleep(step.seconds)
            elif isinstance(step, str):
                if control.pace is not None and not play.skipping:
                    self._sleep(1 / control.pace)
                yield from play.token(step)
            else:
                yield step
                if isinstance(step, Reply):
                    return
            if play.over:
                break
        yield from play.end()

    def stream_many(self, request: Request, group: ControlGroup) -> Generator[Event, None, None]:
        """Plays a script for each sample, as many side by side as there are lanes.

        Yields:
            Their events as `Sampled`.

        Raises:
            PromptError: Before the first event, where the next script begins with one.
            Cancelled: If it was stopped before the first sample began.
        """
        yield from self._read(request)
        if group.whole.cancelled:
            message = "stopped"
            raise Cancelled(message)
        count = len(group.parts)
        at_once = min(self._lanes, count)
        yield Drawing(count, min(at_once, group.wanted), short=at_once < count)
        plays = [
            self._play(self._next_script(request), request.of(sample), part)
            for sample, part in enumerate(group.parts)
        ]
        lanes: list[int] = []
        while True:
            while len(lanes) < at_once and (begun := group.begin()) is not None:
                lanes.append(begun)
            if not lanes:
                break
            for sample in tuple(lanes):
                group.pass_on()
                event = next(plays[sample], None)
                if isinstance(event, Reply):
                    group.ended(sample, event)
                if event is not None:
                    yield Sampled(sample, event)
                else:
                    lanes.remove(sample)
        for sample in group.left_out():
            yield Sampled(sample, unbegun())

    def prepare(
        self, messages: tuple[Message, ...], *, state: str = "", drops: bool = True
    ) -> None:
        """Notes what was to be read ahead."""
        del state, drops
        self.prepared.append(messages)

    def close(self) -> None:
        """Notes that it was closed."""
        self.closed = True


class _Play:
    """One reply while it is played."""

    def __init__(
        self,
        info: ModelInfo,
        request: Request,
        control: Control,
        clock: Callable[[], float],
        finals: Sequence[str | None],
        sure: Mapping[str, float],
    ) -> None:
        self._sure = sure
        self._scores: list[TokenScore] = []
        self._request = request
        self._peeks = Peeks(control)
        self._finals = list(reversed(finals))
        self._control = control
        self._clock = clock
        self._start = clock()
        self._governor = Governor(control)
        resumed = request.resume.reply.receipt.thought_style if request.resume else None
        asked: ThoughtStyle | None = "free" if info.asks(request.think) else None
        self._style = resumed or asked
        thinks = info.thinks_with(request.think) or resumed is not None
        self._splitter = Splitter(opened=thinks)
        self._thought = ""
        self._answer = ""
        self._tokens = {"thought": 0, "answer": 0}
        self._injected: list[Injection] = []
        self._fork: Fork | None = None
        self._thinking = thinks
        self.skipping = False
        """Whether steps are left out: what the model would have thought, had it not been cut."""
        self._ended_by: EndedBy = "natural"
        self._thought_ended_by: EndedBy | None = None
        self._answer_ended_by: EndedBy = "natural"
        self.over = False

    def resume(self, continuation: Continuation) -> Iterator[Event]:
        """Writes the kept part of an earlier reply again; tells only of what is new."""
        reply, keep = continuation.reply, continuation.keep
        kept = reply.thought if keep is None else reply.thought[:keep]
        share = len(kept) / (len(reply.thought) or 1)
        self._tokens["thought"] = round(reply.receipt.thought_tokens * share)
        for injection in reply.injected:
            if injection.at + len(injection.text) <= len(kept):
                self._keep(kept[len(self._thought) : injection.at])
                self._inject(injection.text)
        self._keep(kept[len(self._thought) :])
        if continuation.fork is not None:
            self._fork = replace(continuation.fork, tokens=self._tokens["thought"])
        if keep is None and reply.receipt.thought_ended_by is not None:
            self._keep(CLOSE)
            self._keep(reply.answer)
            self._thought_ended_by = reply.receipt.thought_ended_by
            return
        if continuation.words:
            yield self._inject(continuation.words)
        if continuation.close:
            yield from self._split(CLOSE)

    def _keep(self, text: str) -> None:
        for _ in self._split(text):
            pass

    def token(self, text: str) -> Iterator[Event]:
        """Lets the model write a token."""
        if self._control.cancelled:
            self._stop("cancelled")
            return
        if self.skipping:
            self.skipping = CLOSE not in text
            return
        if self._thinking:
            verdict = self._governor.verdict(
                tokens=self._tokens["thought"],
                seconds=self._clock() - self._start,
                room=1,
                time_left=self._time_left(),
                tail=self._thought[-8:],
                following=text,
                looks=self._peeks.verdict,
            )
            if verdict is not None:
                yield from self._land(verdict)
                self.skipping = text != CLOSE
                return
            if text != CLOSE and self._peeks.due(self._tokens["thought"]):
                yield self._peek()
        elif self._time_left() <= 0:
            self._stop("time")
            return
        elif self._tokens["answer"] == self._request.max_answer:
            self._stop("length")
            return
        if text != CLOSE:
            self._tokens["thought" if self._thinking else "answer"] += 1
            yield from self._score(text)
        yield from self._split(text)

    def _stop(self, reason: EndedBy) -> None:
        self._ended_by = self._answer_ended_by = reason
        self.over = True

    def _score(self, text: str) -> Iterator[Event]:
        control = self._control
        measured = control.measures or (control.sums_up and not self._thinking)
        if not measured or not (self._thinking or self._answer or text.strip()):
            return
        part: Part = "thought" if self._thinking else "answer"
        at = len(self._thought if self._thinking else self._answer)
        score = TokenScore(text, part, at, math.log(self._sure.get(text, 0.9)), 0.5)
        self._scores.append(score)
        if control.measures:
            yield score

    def end(self) -> Iterator[Event]:
        """Ends the reply."""
        if self._ended_by == "cancelled":
            self._thinking = False
        yield from self._show(self._splitter.close())
        final = final_answer(self._answer, self._thought)
        shape = self._request.shape
        if shape is not None:
            text = shape.final(self._answer) if self._ended_by == "natural" else None
            final = None if text is None else Final(text, "answer")
        yield Reply(
            thought=self._thought,
            answer=self._answer,
            receipt=Receipt(
                ended_by=self._ended_by,
                thought_ended_by=self._thought_ended_by,
                answer_ended_by=self._answer_ended_by,
                thought_style=self._style,
                thought_tokens=self._tokens["thought"],
                answer_tokens=self._tokens["answer"],
                injected_tokens=len(self._injected),
                budget=str(self._control.budget),
                seed=self._request.sampling.seed or 0,
                final_from=final.source if final else None,
                shape=shape.kind if shape else None,
                fork=self._fork,
                confidence=confidence_of(self._scores, self._thought, self._answer, final),
            ),
            final=final.text if final else None,
            injected=tuple(self._injected),
            scores=tuple(self._scores) if self._control.measures else (),
        )

    def _time_left(self) -> float:
        return self._request.time_left(self._clock() - self._start)

    def _peek(self) -> Peeked:
        final = self._finals.pop() if len(self._finals) > 1 else self._finals[0]
        return Peeked(final, self._tokens["thought"], self._peeks.take(final))

    def _land(self, reason: EndedBy) -> Iterator[Event]:
        self._ended_by = reason
        yield self._inject(f"\n\n{LANDING}" if self._thought else LANDING)
        yield from self._split(CLOSE)

    def _inject(self, text: str) -> InjectedText:
        at = len(self._thought)
        self._injected.append(Injection(at, text))
        self._thought += text
        return InjectedText(text, at)

    def _split(self, text: str) -> Iterator[Event]:
        closes = self._thinking and text == CLOSE
        yield from self._show(self._splitter.feed(text))
        if closes:
            self._thinking = False
            seconds = self._clock() - self._start
            self._thought_ended_by = self._ended_by
            yield ThoughtEnded(self._ended_by, self._tokens["thought"], seconds)

    def _show(self, pieces: Sequence[Piece]) -> Iterator[Event]:
        for piece in pieces:
            if piece.kind == "thought":
                self._thought += piece.text
                yield ThoughtText(piece.text, self._tokens["thought"])
            else:
                self._answer += piece.text
                yield AnswerText(piece.text, self._tokens["answer"])
