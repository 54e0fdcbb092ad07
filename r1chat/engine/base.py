"""The engine protocol: what an engine offers, and the request that it answers."""

from __future__ import annotations

import math
import os
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, TypeAlias

from r1chat.events import (
    CheckSums,
    EndedBy,
    Event,
    Fork,
    Injection,
    LanguageCode,
    Receipt,
    Reply,
    SamplingFrom,
)
from r1chat.hub.advice import Advice
from r1chat.reasoning.budget import Budget, Think
from r1chat.reasoning.control import Control, ControlGroup
from r1chat.reasoning.languages import LANGUAGES
from r1chat.reasoning.phrases import LANDING
from r1chat.shapes import Shape

_LEAST_MORE = 256
"""Least tokens that a thought gets where the user wants more of it."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation. An assistant's text is its answer, without the thought."""

    role: Literal["system", "user", "assistant"]
    text: str
    ids: tuple[int, ...] = field(default=(), compare=False, repr=False)
    """The text's tokens as the same engine sampled them, or nothing."""
    thought: str = field(default="", repr=False)
    """The thought before an answer. Only templates that want those of earlier turns show it."""
    summary: bool = False
    """Whether it belongs to a summary of earlier turns, which is left out last."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen. The defaults are DeepSeek's advice for R1 models."""

    temperature: float = 0.6
    """0 is greedy."""
    top_k: int = 40
    """0 is off."""
    top_p: float = 0.95
    min_p: float = 0.0
    seed: int | None = None
    """None takes a new one each time; the receipt says which."""
    following: SamplingFrom | None = field(default=None, compare=False)
    """Whose advice some of it is, and not as usual."""

    def drawn_seed(self) -> int:
        """The seed; where none is given, a new one."""
        if self.seed is not None:
            return self.seed
        return int.from_bytes(os.urandom(4), "big") >> 1


@dataclass(frozen=True, slots=True)
class Continuation:
    """An earlier reply to the same question, to continue from.

    As it is, a reply that was stopped goes on where it stood. With `keep` the thought is cut
    there and its answer dropped; then come `words`, if any, and then either the model thinks on
    or, with `close`, it answers. Events tell of what is new only; the `Reply` is the whole.
    """

    reply: Reply
    keep: int | None = None
    """Characters of its thought to keep; None keeps all of the reply, the answer too."""
    words: str = ""
    """What to write into the thought before it goes on."""
    close: bool = False
    """Whether to close the thought right there."""
    closing: str = LANDING
    """The sentence that closes the thought there; empty for none."""
    known: tuple[int, ...] = ()
    """What stands behind the prompt in a saved state: the reply's tokens so far, and more or less
    of them, where the reply itself has none."""
    fork: Fork | None = None
    """The place, where this is one of several replies that branch off from the other."""

    def __post_init__(self) -> None:
        # What r1chat wrote is kept whole or not at all.
        for each in self.reply.injected if self.keep is not None else ():
            inside = (self.keep or 0) - each.at
            if 0 < inside < len(each.text):
                leading = len(each.text) - len(each.text.lstrip())
                keep = each.at + (0 if inside <= leading else len(each.text))
                object.__setattr__(self, "keep", keep)
                break

    @property
    def injected(self) -> tuple[Injection, ...]:
        """What r1chat wrote into the part of the thought that is kept."""
        keep = len(self.reply.thought) if self.keep is None else self.keep
        return tuple(each for each in self.reply.injected if each.at < keep)

    @property
    def kept_tokens(self) -> tuple[int, int]:
        """Tokens of the thought and of the answer that are kept, the first about."""
        receipt = self.reply.receipt
        answer = receipt.answer_tokens if self.keep is None else 0
        return round(receipt.thought_tokens * self._share), answer

    @property
    def _share(self) -> float:
        """The part of the thought that is kept, in characters."""
        if self.keep is None or not self.reply.thought:
            return 1.0
        return self.keep / len(self.reply.thought)

    def allowance(self, budget: Budget) -> Budget:
        """The budget of the reply as it is continued: what is spent counts, but is never all of it.

        Args:
            budget: As it is set.
        """
        tokens, _ = self.kept_tokens
        seconds = self.reply.receipt.thought_s * self._share
        # One that is to think on would land at once in the last part of its budget.
        spare, late = (budget.spare, budget.grace) if self.keep is not None else (0, 0.0)
        if budget.tokens is not None and tokens >= budget.tokens - spare:
            return replace(budget, tokens=tokens + max(budget.tokens, _LEAST_MORE))
        if budget.seconds is not None and seconds >= budget.seconds * (1 - late):
            return replace(budget, seconds=seconds + budget.seconds)
        return budget


WhenFull: TypeAlias = Literal["drop", "refuse", "grow"]
"""What an engine does with a conversation that does not fit.

drop: leaves out the oldest turns, and says so. refuse: raises `ContextFull`. grow: makes the
context larger where memory allows, else leaves turns out.
"""


@dataclass(frozen=True, slots=True)
class Request:
    """A question with all that the engine needs to answer it."""

    messages: tuple[Message, ...]
    """The conversation; the last message is the user's."""
    budget: Budget = field(default_factory=Budget)
    think: Think = "auto"
    """Whether a model that does not think by itself is asked to, and one that does is kept from
    it."""
    language: LanguageCode | None = None
    """The code of the language in which r1chat's words open the thought; None for none."""
    sampling: Sampling = field(default_factory=Sampling)
    max_answer: int | None = None
    """Most tokens of answer; None for as many as fit."""
    timeout: float | None = None
    """Seconds for the whole reply, the reading of the prompt included."""
    raw: bool = False
    """Plain completion of the last message, without chat framing."""
    reuse: bool = True
    """Whether what is already in the cache may be reused. Without it a seeded reply is
    reproducible to the bit."""
    resume: Continuation | None = None
    """An earlier reply to go on from, in place of a new one."""
    forks: tuple[Continuation, ...] = ()
    """For several replies: what each of them goes on from, of the same earlier reply."""
    state: str = ""
    """The conversation whose saved state is loaded and kept up; empty for none."""
    when_full: WhenFull = "drop"
    """What to do where the conversation does not fit."""
    check_sums: CheckSums = "off"
    """Whether sums are checked; with "fix" the engine doubts wrong ones in the thought."""
    shape: Shape | None = None
    """What the answer must look like; the thought is free. Nothing is added to such an answer, no
    marker in it means anything, and the model can end it only where it is whole."""

    @property
    def deepest(self) -> Request:
        """Of several that branch off, the one that keeps most; else the request as it is."""
        if not self.forks:
            return self
        return self.of(max(range(len(self.forks)), key=lambda each: self.forks[each].keep or 0))

    def of(self, number: int) -> Request:
        """The request of one of several replies.

        Args:
            number: Which, from 0.
        """
        return replace(self, resume=self.forks[number], forks=()) if self.forks else self

    @property
    def opening_words(self) -> str:
        """r1chat's words with which the thought opens; none where the user has others for it."""
        resume = self.resume
        if self.language is None or self.raw or (resume and (resume.words or resume.close)):
            return ""
        return LANGUAGES[self.language].opening

    def time_left(self, spent: float, kept_share: float = 0.0) -> float:
        """Seconds left of the reply's, or infinity.

        Args:
            spent: Seconds since it was asked for.
            kept_share: Of all its seconds, the part that is kept for what is to follow.
        """
        if self.timeout is None:
            return math.inf
        return self.timeout * (1 - kept_share) - spent


@dataclass(frozen=True, slots=True)
class Steering:
    """What of a reply can be steered. Each field says in a few words why it cannot, or is empty."""

    budget: str = ""
    """How long it may think."""
    off: str = ""
    """Whether it thinks at all; empty wherever its budget can be set."""
    close: str = ""
    """Its thought can be closed at any time: "answer now", budgets in seconds."""
    go_on: str = ""
    """It can be continued from any place of it: "think more", words for the thought."""
    peek: str = ""
    """One can look at what the answer would be."""


NO_TEMPLATE = "it has no chat template"
BY_ITSELF = "it thinks by itself"
"""Why a model is not asked to think first."""
NO_THOUGHTS = "it writes no thoughts"
"""Why of a model without thoughts nothing of them can be steered."""


def steering_of(steering: Steering, *, thinks: bool) -> Steering:
    """What can be steered of a model that thinks, or does not."""
    if thinks:
        return steering
    return replace(
        steering, budget=NO_THOUGHTS, off=NO_THOUGHTS, close=NO_THOUGHTS, peek=NO_THOUGHTS
    )


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A loaded model, described."""

    ref: str
    """As the user named it."""
    path: str
    arch: str
    """As in the file's ``general.architecture``, e.g. "qwen2"."""
    quant: str
    """E.g. "Q4_K_M"."""
    name: str
    context: int
    """Tokens of context in use; 0 where a server does not say."""
    context_trained: int
    """Tokens of context the model was made for."""
    parameters: int
    size: int
    """Bytes of weights."""
    thinks: bool
    """Whether the model's framing has thoughts."""
    threads: int
    gpu_layers: int
    """Layers that are on GPUs."""
    load_s: float
    layers: int = 0
    """How many could be, the output counted as one; 0 where nobody knows."""
    host: str = ""
    """The server that runs it; empty where it runs in this process."""
    advice: Advice = field(default_factory=Advice)
    """What its maker advises on sampling."""
    mixture: bool = False
    """Whether a token reads the weights of some experts alone."""
    steering: Steering = field(default_factory=Steering)
    """What can be steered of what it does by itself."""
    unasked: str = ""
    """Why it is not asked to think first, in a few words; empty where it can be."""
    asked: Steering = field(default_factory=Steering)
    """What can be steered where it is asked to think first."""

    def sampling(self, chosen: Mapping[str, float | None], seed: int | None = None) -> Sampling:
        """How its tokens are chosen: as the user wants, else as its maker advises, else as usual.

        Args:
            chosen: What the user wants, by the names of `Sampling`; None leaves a value open.
            seed: The seed.
        """
        given = {name: value for name, value in chosen.items() if value is not None}
        advised = {name: each for name, each in self.advice.values.items() if name not in given}
        usual = Sampling()
        differs = any(value != getattr(usual, name) for name, value in advised.items())
        values: dict[str, Any] = {**advised, **given}
        following = self.advice.source if differs else None
        return Sampling(**values, seed=seed, following=following)

    def asks(self, think: Think) -> bool:
        """Whether it thinks because r1chat asks for it."""
        return think == "on" and not self.unasked

    def thinks_with(self, think: Think) -> bool:
        """Whether its replies have thoughts."""
        return think != "off" and (self.thinks or self.asks(think))

    def steering_with(self, think: Think) -> Steering:
        """What can be steered of its replies."""
        if self.thinks and think == "off":
            return replace(steering_of(self.steering, thinks=False), go_on=self.steering.go_on)
        return self.asked if self.asks(think) else self.steering


def unbegun(why: EndedBy = "cancelled", *, samples: int = 1, seed: int = 0) -> Reply:
    """A reply that never began.

    Args:
        why: What kept it away.
        samples: How many were to be drawn.
        seed: Its own.
    """
    receipt = Receipt(ended_by=why, answer_ended_by=why, seed=seed, samples=samples)
    return Reply("", "", receipt)


class Engine(Protocol):
    """Something that answers questions with a model.

    It holds one conversation at a time; of several questions that are asked at once, from other
    threads, each waits its turn.
    """

    @property
    def info(self) -> ModelInfo:
        """The model."""

    def stream(self, request: Request, control: Control) -> Generator[Event, None, None]:
        """Answers.

        Args:
            request: The question.
            control: What may be changed from another thread while it runs.

        Yields:
            Events; the last is a `Reply`, whatever happens after the first.

        Raises:
            PromptError: Before anything is written, if the question cannot be put to this model;
                a `ContextFull` where the request wants turns to be left out by nobody.
        """

    def stream_many(self, request: Request, group: ControlGroup) -> Generator[Event, None, None]:
        """Answers several times, each time with another seed, side by side where it can.

        Args:
            request: The question. A seed is the first reply's; the others have those that follow.
            group: What may be changed; it has as many parts as there shall be replies.

        Yields:
            Events; what happens in one of the replies is a `Sampled`, and each of them ends with a
            `Reply`.

        Raises:
            PromptError: Before the first event, if the question cannot be put to this model.
            Cancelled: If it was stopped before the replies began.
        """

    def prepare(
        self, messages: tuple[Message, ...], *, state: str = "", drops: bool = True
    ) -> None:
        """Reads a conversation ahead, in the background, so that its next turn starts sooner.

        The next call of `stream` or `close` interrupts it.

        Args:
            messages: The conversation.
            state: As in `Request`.
            drops: Whether turns may be left out that will find no room; else nothing is read then.
        """

    def close(self) -> None:
        """Frees the model. Further calls do nothing."""
