"""How sure an accuracy is: intervals of 95 %.

Questions are drawn from all that might be asked; samples of one question are not independent of
one another, so that questions, and not samples, are counted ("clusters").

- Accuracy: Wilson's score interval (Wilson 1927; recommended by Brown, Cai and DasGupta 2001). With
  several samples a question the number of questions is replaced by the effective sample size
  ``p(1 - p) / v`` (Kish 1965; for Wilson's interval in complex samples: Franco, Little, Louis and
  Slud 2019), where ``v = sum((p_q - p)**2) / (n (n - 1))`` is the squared clustered standard error
  over the n questions' own shares p_q (Miller 2024, "Adding error bars to evals").
- Differences of two accuracies on the same questions: percentile bootstrap over questions (Efron
  1979), each drawn with both of its values, which keeps them paired. Where all n differences are
  the same it has nothing to draw from. Then a share of ``1 - 0.025**(1/n)`` of all questions may
  be otherwise, the exact bound of what was found in none of n (Clopper and Pearson 1934), at worst
  by a whole answer.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from statistics import fmean

Z = 1.959963984540054
"""The normal distribution's quantile for 95 %, two-sided."""
RESAMPLES = 4000
_TAIL = 0.025
_DIGITS = 9
_RATIO_RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with the interval that holds it, in 95 of 100 such measurements."""

    value: float
    low: float
    high: float


def wilson(share: float, number: float) -> tuple[float, float]:
    """Wilson's score interval.

    Args:
        share: Of successes, from 0 to 1.
        number: Of trials, above 0; may be an effective one.
    """
    squared = Z * Z
    centre = share + squared / (2 * number)
    half = Z * math.sqrt(share * (1 - share) / number + squared / (4 * number * number))
    scale = 1 + squared / number
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def accuracy(shares: Sequence[float], samples: int) -> Estimate | None:
    """An accuracy from the share of right answers to each question.

    Args:
        shares: One for each question, from 0 to 1.
        samples: How many samples each of them is the share of, at most.

    Returns:
        None where there are no questions.
    """
    number = len(shares)
    if not number:
        return None
    share = fmean(shares)
    low, high = wilson(share, _effective(shares, share, samples))
    return Estimate(share, min(low, share), max(high, share))


def _effective(shares: Sequence[float], share: float, samples: int) -> float:
    """How many independent samples tell as much: at least the questions, at most all samples."""
    number = len(shares)
    spread = share * (1 - share)
    if number == 1 or samples == 1 or spread <= 0:
        return number
    variance = sum((each - share) ** 2 for each in shares) / (number * (number - 1))
    if variance <= 0:
        return number * samples
    return min(max(spread / variance, number), number * samples)


def difference(pairs: Sequence[float], *, seed: int = 0) -> Estimate | None:
    """A mean difference of shares.

    Args:
        pairs: One difference for each question, from -1 to 1.
        seed: Of the resampling; the same seed gives the same interval.

    Returns:
        None where there are no questions.
    """
    if not pairs:
        return None
    rng = Random(seed)  # noqa: S311  (statistics)
    number = len(pairs)
    # Most differences are 0: few values are drawn by how often they occur. Those of means may
    # differ in their last digits.
    counts = Counter(round(each, _DIGITS) for each in pairs)
    if len(counts) == 1:
        (value,), other = counts, 1 - _TAIL ** (1 / number)
        return Estimate(value, value - other * (value + 1), value + other * (1 - value))
    values, weights = list(counts), list(counts.values())
    means = sorted(
        math.fsum(rng.choices(values, weights, k=number)) / number for _ in range(RESAMPLES)
    )
    cut = int(RESAMPLES * _TAIL)
    return Estimate(fmean(pairs), means[cut], means[-cut - 1])


def ratio(pairs: Sequence[tuple[float, float]], *, seed: int = 0) -> Estimate | None:
    """The ratio of two sums, with the interval of a percentile bootstrap over questions.

    Args:
        pairs: What a question adds to the one and to the other.
        seed: As for `difference`.

    Returns:
        None where there is nothing to divide by.
    """
    if not sum(other for _, other in pairs):
        return None
    rng = Random(seed)  # noqa: S311  (statistics)
    ratios = []
    for _ in range(_RATIO_RESAMPLES):
        drawn = rng.choices(pairs, k=len(pairs))
        ratios.append(sum(one for one, _ in drawn) / (sum(other for _, other in drawn) or 1))
    ratios.sort()
    cut = int(_RATIO_RESAMPLES * _TAIL)
    whole = sum(one for one, _ in pairs) / sum(other for _, other in pairs)
    return Estimate(whole, ratios[cut], ratios[-cut - 1])
