"""How much a model's own confidence is worth: calibration, and telling right from wrong.

- Calibration: samples are sorted into ten bins of confidence of the same width; the expected
  calibration error (ECE; Naeini, Cooper and Hauskrecht 2015) is the mean distance between a bin's
  confidence and its share of right samples, weighted by its samples.
- AUROC: how often a right sample has the higher confidence of a right and a wrong one, ties counted
  as half (Hanley and McNeil 1982): 0.5 tells nothing, 1 tells them apart.

Their intervals come from a percentile bootstrap over questions, whose samples are not independent.
The ECE of few samples is above 0 where nothing is wrong with the confidence, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from random import Random
from statistics import fmean

from r1chat.evaluation.intervals import Estimate, accuracy

BINS = 10
_RESAMPLES = 500
_MOST_STEPS = 250_000
"""Samples that are looked at for an interval, rather than wait for a smoother one."""
_FEWEST_RESAMPLES = 100
_TAIL = 0.025


@dataclass(frozen=True, slots=True)
class Judged:
    """A sample: how sure the model was of it, and whether it was right."""

    question: str
    """The question's key."""
    confidence: float
    """From 0 to 1."""
    right: bool


@dataclass(frozen=True, slots=True)
class Bin:
    """Samples that the model was about as sure of."""

    low: float
    high: float
    samples: int
    confidence: float
    """The mean."""
    right: Estimate
    """The share of right ones."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a confidence is worth."""

    samples: int
    confidence: float
    """The mean."""
    right: float
    """The share of right samples."""
    ece: Estimate
    """The expected calibration error."""
    auroc: Estimate | None
    """How well it tells right from wrong; None where there are only right, or only wrong ones."""
    bins: tuple[Bin, ...]
    """Those with samples, from unsure to sure."""


def calibrate(samples: Iterable[Judged], *, seed: int = 0) -> Calibration | None:
    """Computes the figures; None where there are no samples.

    Args:
        samples: All that are counted.
        seed: Of the resampling; the same seed gives the same intervals.
    """
    ordered = sorted(samples, key=lambda each: each.confidence)
    if not ordered:
        return None
    questions = list(dict.fromkeys(each.question for each in ordered))
    eces: list[float] = []
    aurocs: list[float] = []
    rng = Random(seed)  # noqa: S311  (statistics)
    resamples = max(_FEWEST_RESAMPLES, min(_RESAMPLES, _MOST_STEPS // len(ordered)))
    for _ in range(resamples):
        weights = Counter(rng.choices(questions, k=len(questions)))
        eces.append(_ece(ordered, weights))
        drawn = _auroc(ordered, weights)
        aurocs += [] if drawn is None else [drawn]
    once = dict.fromkeys(questions, 1)
    auroc = _auroc(ordered, once)
    return Calibration(
        samples=len(ordered),
        confidence=fmean(each.confidence for each in ordered),
        right=fmean(each.right for each in ordered),
        ece=_estimate(_ece(ordered, once), eces),
        auroc=None if auroc is None else _estimate(auroc, aurocs),
        bins=tuple(_bins(ordered)),
    )


def _estimate(value: float, drawn: Sequence[float]) -> Estimate:
    inner = sorted(drawn)
    cut = int(len(inner) * _TAIL)
    return Estimate(value, min(value, inner[cut]), max(value, inner[-cut - 1]))


def _bin_of(confidence: float) -> int:
    return min(BINS - 1, int(confidence * BINS))


def _ece(ordered: Sequence[Judged], weights: Mapping[str, int]) -> float:
    sums = [0.0] * BINS
    total = 0
    for each in ordered:
        weight = weights.get(each.question, 0)
        sums[_bin_of(each.confidence)] += weight * (each.confidence - each.right)
        total += weight
    return sum(map(abs, sums)) / total


def _auroc(ordered: Sequence[Judged], weights: Mapping[str, int]) -> float | None:
    """Of samples in the order of their confidence."""
    below = area = rights = 0.0
    for _, equal in groupby(ordered, key=lambda each: each.confidence):
        right = wrong = 0
        for each in equal:
            weight = weights.get(each.question, 0)
            if each.right:
                right += weight
            else:
                wrong += weight
        area += right * (below + wrong / 2)
        below += wrong
        rights += right
    return area / (rights * below) if rights and below else None


def _bins(ordered: Sequence[Judged]) -> Iterable[Bin]:
    for number, inside in groupby(ordered, key=lambda each: _bin_of(each.confidence)):
        found = list(inside)
        by_question: dict[str, list[bool]] = {}
        for each in found:
            by_question.setdefault(each.question, []).append(each.right)
        most = max(map(len, by_question.values()))
        right = accuracy([fmean(each) for each in by_question.values()], most)
        assert right is not None  # noqa: S101  (there are samples)
        yield Bin(
            low=number / BINS,
            high=(number + 1) / BINS,
            samples=len(found),
            confidence=fmean(each.confidence for each in found),
            right=right,
        )
