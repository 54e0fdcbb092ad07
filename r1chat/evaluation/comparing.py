"""Compares two runs on the questions that both of them answered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

from r1chat.errors import UsageError
from r1chat.evaluation.intervals import Estimate, difference
from r1chat.evaluation.plan import Sample, Setting


@dataclass(frozen=True, slots=True)
class Compared:
    """What two runs came to under the same setting."""

    name: str
    """The setting; both, where the runs have one each and these differ."""
    questions: int
    """Those that both have answered."""
    first: float
    """The share of right samples, over these questions."""
    second: float
    difference: Estimate | None
    """Second less first, paired by question, with its interval of 95 %; None without questions."""
    better: tuple[str, ...]
    """Keys of the questions that the second answers right more often."""
    worse: tuple[str, ...]
    """Keys of the questions that it answers right less often."""


def compare(first: Iterable[Sample], second: Iterable[Sample]) -> list[Compared]:
    """Compares the samples of two runs under each setting that both have.

    Where each of them has one setting only, these are compared even if they differ.

    Raises:
        UsageError: If they have no setting, or no question, in common.
    """
    one, other = _shares(first), _shares(second)
    pairs = [(str(setting), one[setting], other[setting]) for setting in one if setting in other]
    if not pairs and len(one) == len(other) == 1:
        (left, shares), (right, others) = *one.items(), *other.items()
        pairs = [(f"{left} | {right}", shares, others)]
    if not pairs:
        message = (
            f"the two have no budget in common: {_names(one) or 'none'}; {_names(other) or 'none'}"
        )
        raise UsageError(message)
    compared = [_compared(*pair) for pair in pairs]
    if not any(each.questions for each in compared):
        message = "the two have no question in common"
        raise UsageError(message)
    return compared


def _names(settings: Iterable[Setting]) -> str:
    return ", ".join(map(str, settings))


def _shares(samples: Iterable[Sample]) -> dict[Setting, dict[str, float]]:
    """For each setting the share of right samples of each question."""
    verdicts: dict[Setting, dict[str, list[bool]]] = {}
    for sample in samples:
        of_setting = verdicts.setdefault(sample.setting, {})
        of_setting.setdefault(sample.question, []).append(sample.right)
    return {
        setting: {question: fmean(right) for question, right in questions.items()}
        for setting, questions in verdicts.items()
    }


def _compared(name: str, first: dict[str, float], second: dict[str, float]) -> Compared:
    common = [key for key in first if key in second]
    differences = [second[key] - first[key] for key in common]
    return Compared(
        name=name,
        questions=len(common),
        first=fmean(first[key] for key in common) if common else 0.0,
        second=fmean(second[key] for key in common) if common else 0.0,
        difference=difference(differences),
        better=tuple(key for key in common if second[key] > first[key]),
        worse=tuple(key for key in common if second[key] < first[key]),
    )
