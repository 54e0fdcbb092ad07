"""The protocol by which a session saves its turns to the history."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from r1chat.conversation import KEPT_THINK, Act, Origin, Turn, TurnsSummary
from r1chat.engine.base import ModelInfo, Request
from r1chat.events import Event, Reply
from r1chat.reasoning.control import Control


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that is about to be put to a model."""

    conversation: str
    """The conversation's id."""
    node: str
    """The id of the node that its reply will have."""
    parent: str | None
    """The id of the node that it follows; None at the start of a conversation."""
    turn: Turn
    """The question. Its reply is what there is before the first event: nothing, or what is kept
    of the reply that it goes on from."""
    request: Request
    model: ModelInfo
    system: str | None = None
    beside: bool = False
    """Whether another model, or other settings, answer for this once: the conversation keeps its
    own, and goes on with the version that it went on with before."""
    once: bool = False
    """Whether it is one question of the command line, not the turn of a chat."""


class Recording(Protocol):
    """Saves one reply while it is written; no call waits."""

    def take(self, event: Event) -> None:
        """Saves what an event brings; a `Reply` ends the recording."""

    def act(self, act: Act) -> None:
        """Saves what the user did."""

    def choose(self) -> None:
        """Makes the conversation go through this reply, not through one begun later."""

    def discard(self) -> None:
        """Forgets the question: it could not be put to the model."""


class Recorder(Protocol):
    """Where conversations are kept."""

    def begin(self, asked: Asked) -> Recording:
        """Saves a question at once, and begins to save its reply. Does not wait."""

    def summarise(self, node: str, summary: TurnsSummary | None) -> None:
        """Saves what stands for a node and all before it; None for nothing. Does not wait."""


def kept(request: Request) -> Reply | None:
    """The kept part of the reply that a request continues; None for a new reply."""
    resume = request.resume
    if resume is None:
        return None
    if resume.keep is None:
        return resume.reply
    thought = resume.reply.thought[: resume.keep]
    return Reply(thought, "", resume.reply.receipt, injected=resume.injected)


def origin(request: Request, model: ModelInfo) -> Origin:
    """The origin of a reply: time, model and settings."""
    sampling = request.sampling
    settings: dict[str, float | None] = {
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,
        "top_p": sampling.top_p,
        "min_p": sampling.min_p,
        "min_think": request.budget.minimum or None,
        "think": KEPT_THINK.get(request.think),
        "max_answer": request.max_answer,
        "timeout": request.timeout,
    }
    return Origin(
        created=time.time(),
        model=model.ref,
        arch=model.arch,
        quant=model.quant,
        settings={name: value for name, value in settings.items() if value is not None},
    )


class Watch:
    """Detects what the user does to a control, by comparing its values.

    Args:
        control: The control.
        clock: Tells the time in seconds.
    """

    def __init__(self, control: Control, clock: Callable[[], float] = time.monotonic) -> None:
        self._control = control
        self._clock = clock
        self._start = clock()
        self._budget = control.budget
        self._more = control.more_wanted
        self._answer = control.wants_answer
        self._cancelled = control.cancelled

    def resumed(self, request: Request) -> list[Act]:
        """The user's acts that continued an earlier reply."""
        resume = request.resume
        acts: list[Act] = []
        if resume is not None and resume.fork is not None and resume.fork.entropy is not None:
            # Nobody chose the place.
            return acts
        if resume is not None and resume.keep is not None:
            if resume.keep < len(resume.reply.thought):
                acts.append(Act("back", 0.0, str(resume.keep)))
            if resume.words:
                acts.append(Act("words", 0.0, resume.words))
            if resume.close:
                acts.append(Act("answer_now", 0.0))
        return acts

    def look(self) -> list[Act]:
        """What the user has done since the last look."""
        control = self._control
        if (
            control.budget is self._budget
            and control.more_wanted == self._more
            and control.wants_answer == self._answer
            and control.cancelled == self._cancelled
        ):
            return []
        now = self._clock() - self._start
        acts: list[Act] = []
        if control.budget != self._budget:
            acts.append(Act("budget", now, str(control.budget)))
        acts += [Act("think_more", now)] * (control.more_wanted - self._more)
        if control.wants_answer and not self._answer:
            acts.append(Act("answer_now", now))
        if control.cancelled and not self._cancelled:
            acts.append(Act("stop", now))
        self._budget, self._more = control.budget, control.more_wanted
        self._answer, self._cancelled = control.wants_answer, control.cancelled
        return acts
