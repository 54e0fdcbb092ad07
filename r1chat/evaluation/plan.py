"""What is to be asked: questions, under settings, with seeds; and what a sample came to."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, TypeAlias

from r1chat.engine.base import ModelInfo, Sampling
from r1chat.evaluation.interventions import Intervention
from r1chat.evaluation.reading import Question
from r1chat.events import EndedBy, LanguageCode
from r1chat.reasoning.budget import Budget, Think

SMALL, MIDDLE = 64 << 20, 4 << 30
"""Bytes of weights, each of which is read once for a token."""
_DEFAULTS = {
    "small": ("off", "16", "32", "64", "128", "max"),
    "middle": ("off", "256", "1024", "4096"),
    "large": ("off", "128", "512", "2048"),
}
_ASKED = ("off", "64", "128", "256", "max")
"""A thought that a model was only asked for is rarely longer than some hundred tokens."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How long a thought may and must be: a row of the table."""

    budget: str
    """As `Budget.parse` reads it."""
    minimum: int = 0
    """Tokens of thought."""
    think: Think = "auto"
    """Whether a thought is asked for."""
    language: LanguageCode | None = None
    """The language that the thought is opened in; None leaves it to the model."""
    steer: str = ""
    """What is done to the thought, as `Intervention` writes it; empty where it is left alone."""

    @property
    def parsed(self) -> Budget:
        """The same as a budget."""
        return Budget.parse(self.budget, minimum=self.minimum)

    def __str__(self) -> str:
        """As it is called in the table."""
        least = f", least {self.minimum}" if self.minimum else ""
        asked = ", asked to think" if self.think == "on" else ""
        language = f", in {self.language}" if self.language else ""
        steered = f", {Intervention.parse(self.steer).label}" if self.steer else ""
        return f"{self.budget}{least}{asked}{language}{steered}"


def usual_budgets(info: ModelInfo, think: Think = "auto") -> tuple[str, ...]:
    """The budgets that a model is measured under where none are named.

    The faster it is, the more of them: a model on a GPU counts as smaller than it is. One that
    writes no thoughts has none.
    """
    if not info.thinks_with(think):
        return ("off",)
    if not info.thinks:
        return _ASKED
    size = info.size // 8 if info.gpu_layers else info.size
    kind = "small" if size <= SMALL else "middle" if size <= MIDDLE else "large"
    return _DEFAULTS[kind]


_NO_THOUGHT = Setting("off")


def settings_of(
    info: ModelInfo,
    thinks: Sequence[Think],
    budgets: Sequence[str] = (),
    minimums: Sequence[int] = (),
    languages: Sequence[LanguageCode | None] = (None,),
) -> tuple[Setting, ...]:
    """The settings to measure a model under; what would come to the same is measured once.

    Args:
        info: The model.
        thinks: Whether thoughts are asked for: one, or several to be compared.
        budgets: What thoughts may have; by default the usual ones.
        minimums: Least thoughts, each with no limit above.
        languages: What thoughts are opened in; None leaves it to the model.
    """
    found: dict[Setting, None] = {}
    for each in thinks:
        if not info.thinks_with(each):
            found[_NO_THOUGHT] = None
            continue
        think: Think = "on" if info.asks(each) else "auto"
        limits = [(budget, 0) for budget in budgets or usual_budgets(info, each)]
        limits += [("max", least) for least in minimums if least]
        for (budget, least), language in product(limits, languages):
            off = Budget.parse(budget).off
            found[_NO_THOUGHT if off else Setting(budget, least, think, language)] = None
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Conditions:
    """What, besides the setting and the seed, decides what a model answers."""

    model: str
    """Its file's fingerprint."""
    sampling: Sampling
    words: str = ""
    """Put behind each question."""
    max_answer: int | None = None
    timeout: float | None = None
    """Seconds for a whole reply."""
    ctx: int | None = None
    """Tokens of context, where they were asked for."""

    def as_json(self) -> dict[str, Any]:
        """As a header of a result file says it."""
        sampling = self.sampling
        return {
            "model": self.model,
            "temperature": sampling.temperature,
            "top_k": sampling.top_k,
            "top_p": sampling.top_p,
            "min_p": sampling.min_p,
            "words": self.words,
            "max_answer": self.max_answer,
            "timeout": self.timeout,
            "ctx": self.ctx,
        }


Key: TypeAlias = tuple[str, Setting, int, int]
"""The question's key, the setting, the seed and the number of a sample."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A reply, as far as it counts. Times are seconds."""

    question: str
    """The question's key."""
    budget: str
    minimum: int
    seed: int
    """The one that was asked for; see `drawn_with`."""
    sample: int
    """Its number, from 0."""
    final: str | None
    """The final answer; None where it has none."""
    right: bool
    judge: str
    """What compared it with the reference, e.g. "plain"."""
    answer: str
    thought_ended_by: EndedBy | None
    answer_ended_by: EndedBy
    thought_tokens: int
    answer_tokens: int
    injected_tokens: int
    thought_s: float
    answer_s: float
    seconds: float
    """Its share of the time in which replies were written; the reading of the prompt, which the
    replies to a question share, is left out."""
    thought: str = ""
    why: str = ""
    """Why it was judged wrong; empty where it was not."""
    think: Think = "auto"
    """Whether a thought was asked for."""
    language: LanguageCode | None = None
    """The language that the thought was opened in."""
    confidence: float | None = None
    """How sure the model was of its answer, from 0 to 1; None where that is not known."""
    final_confidence: float | None = None
    """How sure it was of the tokens that spell the final answer."""
    thought_confidence: float | None = None
    """How sure it was of its thought."""
    steer: str = ""
    """What was done to its thought."""
    goes_on: int | None = None
    """Where in a thought that was steered the model goes on."""
    planted: str = ""
    """The value that was planted in the thought, or given away."""
    replaced: str = ""
    """The one in whose place it was planted."""

    @property
    def setting(self) -> Setting:
        """What it was drawn under."""
        return Setting(self.budget, self.minimum, self.think, self.language, self.steer)

    @property
    def key(self) -> Key:
        """Which one it is."""
        return (self.question, self.setting, self.seed, self.sample)


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples of one question under one setting, to be drawn side by side."""

    question: Question
    setting: Setting
    seed: int
    first: int
    count: int

    @property
    def numbers(self) -> range:
        """The numbers of its samples."""
        return range(self.first, self.first + self.count)

    @property
    def keys(self) -> list[Key]:
        """Its samples."""
        return [(self.question.key, self.setting, self.seed, number) for number in self.numbers]

    @property
    def drawn_with(self) -> int:
        """The seed of its first sample; the others have those that follow."""
        return drawn_with(self.seed, self.question.key) + self.first


def base_of(key: Key) -> Key:
    """The sample whose beginning a steered one shares."""
    question, setting, seed, number = key
    return (question, replace(setting, steer=""), seed, number)


def drawn_with(seed: int, question: str) -> int:
    """The seed of a question's first sample: no two questions share their luck.

    It is the same under all settings, so that these differ by as little else as possible.
    """
    named = hashlib.sha256(f"{seed}/{question}".encode()).digest()
    return int.from_bytes(named[:4], "big") >> 1


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is to be asked."""

    questions: tuple[Question, ...]
    settings: tuple[Setting, ...]
    seeds: tuple[int, ...] = (0,)
    samples: int = 1

    @property
    def total(self) -> int:
        """Samples in all."""
        return len(self.questions) * len(self.settings) * len(self.seeds) * self.samples

    @property
    def bases(self) -> frozenset[Setting]:
        """The settings from whose replies others are steered."""
        return frozenset(replace(each, steer="") for each in self.settings if each.steer)

    @property
    def unsteered(self) -> Plan:
        """The same without what is steered."""
        return replace(self, settings=tuple(each for each in self.settings if not each.steer))

    def steered(self, interventions: Sequence[Intervention]) -> Plan:
        """The same with more settings: what is to be done to the thoughts of each."""
        found: list[Setting] = []
        for setting in self.settings:
            found.append(setting)
            if not setting.parsed.off:
                found += [replace(setting, steer=str(each)) for each in interventions]
        return replace(self, settings=tuple(found))

    def pairs(self, setting: Setting) -> Iterator[tuple[Key, Key]]:
        """Each sample of a steered setting with the one whose beginning it shares."""
        for question, seed in product(self.questions, self.seeds):
            for key in self.keys(question, setting, seed):
                yield key, base_of(key)

    def keys(self, question: Question, setting: Setting, seed: int) -> list[Key]:
        """The samples of one group, over which the majority is taken."""
        return [(question.key, setting, seed, number) for number in range(self.samples)]

    def left(self, done: Container[Key]) -> Iterator[Batch]:
        """What is still to be asked.

        One question is asked under all settings before the next, so that a run that is broken off
        has measured them on the same questions.
        """
        for question, setting, seed in product(self.questions, self.settings, self.seeds):
            first = None
            for number, key in enumerate(self.keys(question, setting, seed)):
                if key in done:
                    if first is not None:
                        yield Batch(question, setting, seed, first, number - first)
                    first = None
                elif first is None:
                    first = number
            if first is not None:
                yield Batch(question, setting, seed, first, self.samples - first)
