"""From samples to figures: accuracy, votes, cost, and how thoughts ended, for each setting."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import fmean

from r1chat.evaluation.calibration import Calibration, Judged, calibrate
from r1chat.evaluation.fewer import Fewer, Right, Same, fewer, majority
from r1chat.evaluation.intervals import Estimate, accuracy, difference
from r1chat.evaluation.plan import Key, Plan, Sample, Setting
from r1chat.events import EndedBy


@dataclass(frozen=True, slots=True)
class Row:
    """What one setting came to."""

    setting: Setting
    questions: int
    """Those with all their samples."""
    samples: int
    """All that are counted."""
    pass1: Estimate | None
    """The share of right answers of a single sample."""
    consensus: Estimate | None
    """The share of questions that the majority of K samples answers right; None for one sample."""
    gain: Estimate | None
    """What the majority adds to a single sample."""
    thought_tokens: float
    """The mean."""
    answer_tokens: float
    """The mean."""
    seconds: float
    """For a sample, the mean; of samples side by side each has its share."""
    thoughts_ended_by: Mapping[EndedBy, int]
    """The most frequent first."""
    answers_ended_by: Mapping[EndedBy, int]
    without: int
    """Samples without a final answer."""
    shares: Mapping[str, float] = field(default_factory=dict, repr=False)
    """Of right samples, by the question's key."""
    against_off: Estimate | None = None
    """What it adds to answers without a thought, on the same questions; None where none were
    drawn."""
    against_none: Estimate | None = None
    """What it adds to thoughts that were opened in no language, else the same; None likewise."""
    short: int = 0
    """Samples that have thought less than the minimum: "Wait" is written so many times only."""
    sure_of_final: Calibration | None = None
    """What the model's confidence in its final answers is worth; None where it is not known."""
    sure_of_answer: Calibration | None = None
    """The same of its confidence in whole answers."""
    sure_of_thought: Calibration | None = None
    """The same of its confidence in thoughts, of which an answer may only say the result again."""
    fewer: Fewer | None = None
    """What fewer samples would have come to; None for one sample."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A whole evaluation."""

    rows: tuple[Row, ...]
    flattens_at: int | None
    """The budget in tokens from which on more thinking does not make it better."""
    sure_of_final: Calibration | None = None
    """What confidence in final answers is worth, over all settings."""


FEWEST = 20
"""Questions below which no budget is said to be enough, and no words better than others."""


def summarise(plan: Plan, samples: Mapping[Key, Sample], *, right: Right, same: Same) -> Summary:
    """Computes the figures.

    Questions that lack some of their samples under a setting do not count under it.

    Args:
        plan: What was to be asked.
        samples: What has been drawn.
        right: Judges a sample.
        same: Compares two answers, for the votes.
    """
    rows = tuple(_row(plan, setting, samples, right, same) for setting in plan.settings)
    off = next((row for row in rows if row.setting.parsed.off), None)
    plain = {row.setting: row for row in rows if row.setting.language is None}
    rows = tuple(
        replace(
            row,
            against_off=None if row is off else _gain(row, off),
            against_none=_gain(row, plain.get(replace(row.setting, language=None)))
            if row.setting.language
            else None,
        )
        for row in rows
    )
    counted = [each for setting in plan.settings for each in _counted(plan, setting, samples)]
    return Summary(
        rows,
        flattens_at(tuple(row for row in rows if row.setting.language is None)),
        _calibration(counted, right, "final_confidence"),
    )


def _counted(plan: Plan, setting: Setting, samples: Mapping[Key, Sample]) -> list[Sample]:
    """The samples of those questions that have all of theirs under a setting."""
    found: list[Sample] = []
    for question in plan.questions:
        keys = [key for seed in plan.seeds for key in plan.keys(question, setting, seed)]
        if all(key in samples for key in keys):
            found += [samples[key] for key in keys]
    return found


def _calibration(samples: list[Sample], right: Right, measure: str) -> Calibration | None:
    """What a confidence of samples is worth.

    Args:
        samples: All that are counted.
        right: Judges a sample.
        measure: The field of a sample that has it.
    """
    return calibrate(
        Judged(sample.question, confidence, right(sample))
        for sample in samples
        if (confidence := getattr(sample, measure)) is not None
    )


def _gain(row: Row, other: Row | None) -> Estimate | None:
    """What a row adds to another one, paired by question."""
    common = row.shares.keys() & other.shares.keys() if other is not None else set()
    gains = [row.shares[key] - other.shares[key] for key in common] if other is not None else []
    return difference(gains) if gains else None


def _row(
    plan: Plan, setting: Setting, samples: Mapping[Key, Sample], right: Right, same: Same
) -> Row:
    drawn: list[Sample] = []
    shares: dict[str, float] = {}
    votes: dict[str, float] = {}
    draws: list[list[Sample]] = []
    for question in plan.questions:
        groups = [plan.keys(question, setting, seed) for seed in plan.seeds]
        if not all(key in samples for keys in groups for key in keys):
            continue
        found = [[samples[key] for key in keys] for keys in groups]
        every = [sample for group in found for sample in group]
        drawn += every
        draws += found
        shares[question.key] = fmean(right(sample) for sample in every)
        votes[question.key] = fmean(majority(group, right, same) for group in found)
    several = plan.samples > 1
    number = plan.samples * len(plan.seeds)
    gains = [votes[key] - shares[key] for key in shares]
    return Row(
        setting=setting,
        questions=len(shares),
        samples=len(drawn),
        pass1=accuracy(list(shares.values()), number),
        consensus=accuracy(list(votes.values()), len(plan.seeds)) if several else None,
        gain=difference(gains) if several else None,
        fewer=fewer(draws, right, same) if several else None,
        thought_tokens=_mean([sample.thought_tokens for sample in drawn]),
        answer_tokens=_mean([sample.answer_tokens for sample in drawn]),
        seconds=_mean([sample.seconds for sample in drawn]),
        thoughts_ended_by=dict(
            Counter(s.thought_ended_by for s in drawn if s.thought_ended_by).most_common()
        ),
        answers_ended_by=dict(Counter(s.answer_ended_by for s in drawn).most_common()),
        without=sum(sample.final is None for sample in drawn),
        short=sum(sample.thought_tokens < setting.minimum for sample in drawn),
        shares=shares,
        sure_of_final=_calibration(drawn, right, "final_confidence"),
        sure_of_answer=_calibration(drawn, right, "confidence"),
        sure_of_thought=_calibration(drawn, right, "thought_confidence"),
    )


def _mean(values: list[float] | list[int]) -> float:
    return fmean(values) if values else 0.0


def flattens_at(rows: tuple[Row, ...]) -> int | None:
    """The smallest budget that is as good as the best one, as far as the questions can tell.

    That is: on the same questions it is worse by no more than one standard error of the difference
    (the one-standard-error rule of Breiman et al. 1984).

    Returns:
        Tokens, 0 for no thought at all; None where only the unlimited thought is good enough, or
        where too little was measured.
    """
    budgets = [(row.setting.parsed, row) for row in rows]
    budgets = [(b, row) for b, row in budgets if not b.minimum and b.seconds is None]
    limited = sorted(
        ((budget.tokens, row) for budget, row in budgets if budget.tokens is not None),
        key=lambda pair: pair[0],
    )
    if not limited or len(budgets) < 2:  # noqa: PLR2004  (nothing to compare)
        return None
    common = sorted(set.intersection(*(set(row.shares) for _, row in budgets)))
    if len(common) < FEWEST:
        return None
    best = max((row for _, row in budgets), key=lambda row: sum(row.shares[k] for k in common))
    for tokens, row in limited:
        lacks = [best.shares[key] - row.shares[key] for key in common]
        if fmean(lacks) <= _standard_error(lacks):
            # Nothing above the largest was tried: it may not be enough.
            largest = len(limited) == len(budgets) and row is limited[-1][1]
            return None if largest else tokens
    return None


def _standard_error(values: list[float]) -> float:
    number, mean = len(values), fmean(values)
    variance = sum((value - mean) ** 2 for value in values) / (number - 1)
    return math.sqrt(variance / number)
