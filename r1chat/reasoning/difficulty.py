"""Predicts how many tokens of thought a question will take, from earlier thoughts of the model."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev

SHARE = 0.8
"""The share of thoughts on such questions that end by themselves within what is predicted."""
FEWEST = 12
"""Thoughts that a prediction needs; below that it would be a guess."""
_PENALTIES = (3.0, 30.0, 300.0, math.inf)
"""Weights of the ridge penalty, in examples: the larger, the less a trait moves the prediction."""
_ROUNDS = 12
_EXACT = 1e-9
_STRONG = 0.15
"""What a trait has to change, in the logarithm of tokens, to be named as a reason."""

_LONGEST = 20_000
"""Characters that are looked at."""
# A letter of a script without spaces between words counts as a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\d_\u3040-\u30ff\u3400-\u9fff]+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_SIGN = re.compile(r"[-+*/×÷·^=<>%√∑∫]|\\[a-z]+")
_CODE = re.compile(
    r"```|[{};]\s*$|\b(?:code|function|python|javascript|sql|regex|script|class|def|bug|compile)\b",
    re.IGNORECASE | re.MULTILINE,
)
_TALK = re.compile(
    r"\b(?:why|explain|describe|compare|discuss|plan|write|how do(?:es)?|warum|erkläre|schreibe"
    r"|pourquoi|explique|écris)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Traits:
    """What can be seen of a question without a model. Counts."""

    words: int
    numbers: int
    digits: int
    signs: int
    """Of arithmetic, and LaTeX commands."""
    code: bool
    prose: bool
    """Whether it asks for an explanation, or for a text."""

    @classmethod
    def of(cls, question: str) -> Traits:
        """Those of a question."""
        text = question[:_LONGEST]
        numbers = _NUMBER.findall(text)
        return cls(
            words=len(_WORD.findall(text)),
            numbers=len(numbers),
            digits=sum(map(str.isdigit, "".join(numbers))),
            signs=len(_SIGN.findall(text)),
            code=bool(_CODE.search(text)),
            prose=bool(_TALK.search(text)),
        )

    def values(self) -> list[float]:
        """As figures that grow about as the logarithm of a thought does."""
        size = self.digits / max(1, self.numbers)
        counts = (self.words, self.numbers, size, self.signs)
        return [*map(math.log1p, counts), float(self.code), float(self.prose)]


@dataclass(frozen=True, slots=True)
class Example:
    """A thought of the past."""

    traits: Traits
    """The question's."""
    tokens: int
    """Its length."""
    whole: bool
    """Whether it came to its end; where it was cut, it would have been longer."""

    @classmethod
    def of(cls, traits: Traits, tokens: int, ended_by: str | None) -> Example | None:
        """A thought as it is learnt from; None where it tells nothing, as one that went round.

        Args:
            traits: The question's.
            tokens: Its length.
            ended_by: Why it ended, as receipts have it.
        """
        if tokens <= 0 or ended_by is None or ended_by == "loop":
            return None
        return cls(traits, tokens, ended_by in {"natural", "agreed", "sure"})


@dataclass(frozen=True, slots=True)
class Expected:
    """How long a thought on a question is likely to become."""

    tokens: int
    """Of thoughts on such questions, 8 in 10 end by themselves within so many."""
    examples: int
    """Thoughts that it was learnt from."""
    by_question: bool
    """Whether the question tells anything; else it is the same for all questions."""
    why: tuple[str, ...]
    """What makes it longer or shorter than usual, the strongest first: e.g. "many numbers"."""


class ThoughtLengths:
    """What was learnt of a model's thoughts.

    The logarithm of their length is a linear function of the question's traits, by ridge
    regression, as far as that predicts thoughts that were left out better than their mean does.
    Thoughts that were cut count with the length that they would have had on the average (the EM
    algorithm for censored data: Schmee and Hahn 1979). How far thoughts lie above the line is the
    Kaplan-Meier estimate of the residuals' quantile.

    Args:
        examples: Thoughts of one model.
    """

    def __init__(self, examples: Iterable[Example]) -> None:
        self._examples = list(examples)
        self._whole = sum(each.whole for each in self._examples)
        self._fitted = _fit(self._examples) if self._whole >= FEWEST else None

    def expected(self, question: str) -> Expected | None:
        """What a thought on a question will take.

        Args:
            question: The user's words.

        Returns:
            None where too little was seen, or too many thoughts were cut for anybody to know.
        """
        if self._fitted is None or not question.strip():
            return None
        fitted, traits = self._fitted, Traits.of(question)
        height = fitted.mean + sum(fitted.moves(traits)) + fitted.above
        tokens = _rounded(math.exp(min(height, fitted.highest)))
        by_question = any(fitted.slopes)
        return Expected(tokens, len(self._examples), by_question, _reasons(fitted, traits))


@dataclass(frozen=True, slots=True)
class _Fit:
    """A linear function; lengths are natural logarithms of tokens."""

    mean: float
    centre: Sequence[float]
    """The traits of the average question."""
    slopes: Sequence[float]
    above: float
    """The residuals' quantile."""
    highest: float
    """Nothing above was ever seen."""

    def moves(self, traits: Traits) -> list[float]:
        """What each trait changes, against the average question."""
        pairs = zip(traits.values(), self.centre, self.slopes, strict=True)
        return [(value - centre) * slope for value, centre, slope in pairs]


def _fit(examples: Sequence[Example]) -> _Fit | None:
    longest = max(each.tokens for each in examples)
    values = [each.traits.values() for each in examples]
    columns = list(zip(*values, strict=True))
    centre = [fmean(column) for column in columns]
    # A trait that all questions share tells nothing.
    spread = [pstdev(column) or math.inf for column in columns]
    scaled = [
        [(value - middle) / wide for value, middle, wide in zip(row, centre, spread, strict=True)]
        for row in values
    ]
    lines = [_Line.through(scaled, examples, penalty) for penalty in _PENALTIES]
    flat, best = lines[-1], min(lines, key=lambda line: fmean(line.errors))
    # The traits have to show that they tell anything: by one standard error, as of a pair.
    gains = list(map(operator.sub, flat.errors, best.errors))
    if fmean(gains) <= pstdev(gains) / math.sqrt(len(gains)):
        best = flat
    above = _quantile(best.residuals, [each.whole for each in examples], SHARE)
    if above is None:
        return None
    slopes = [weight / wide for weight, wide in zip(best.weights, spread, strict=True)]
    return _Fit(best.mean, centre, slopes, above, highest=math.log(longest))


@dataclass(frozen=True, slots=True)
class _Line:
    """A regression of the logarithm of lengths on scaled traits."""

    mean: float
    weights: list[float]
    residuals: list[float]
    """How far each thought, as it was seen, lies above what the others would have predicted."""
    errors: list[float]
    """The squares of that, with the lengths that cut thoughts would have had."""

    @classmethod
    def through(
        cls, scaled: Sequence[Sequence[float]], examples: Sequence[Example], penalty: float
    ) -> _Line:
        """The one that a penalty leads to."""
        seen = [math.log(each.tokens) for each in examples]
        inverse = _inverse(scaled, penalty)
        length, cut = list(seen), [at for at, each in enumerate(examples) if not each.whole]
        for _ in range(_ROUNDS if cut else 1):
            mean = fmean(length)
            products = [
                _product([each - mean for each in length], column)
                for column in zip(*scaled, strict=True)
            ]
            weights = [_product(row, products) for row in inverse]
            line = [mean + _product(row, weights) for row in scaled]
            deviation = max(1e-6, pstdev(map(operator.sub, length, line)))
            for at in cut:
                place = (seen[at] - line[at]) / deviation
                length[at] = line[at] + deviation * _beyond(place)
        shares = []
        for row in scaled:
            leverage = _product(row, [_product(each, row) for each in inverse]) + 1 / len(examples)
            shares.append(max(1 - leverage, 0.1))
        return cls(
            mean,
            weights,
            [(a - b) / share for a, b, share in zip(seen, line, shares, strict=True)],
            [((a - b) / share) ** 2 for a, b, share in zip(length, line, shares, strict=True)],
        )


def _inverse(rows: Sequence[Sequence[float]], penalty: float) -> list[list[float]]:
    """The inverse of the rows' second moments with the ridge, by Gauss and Jordan."""
    columns = list(zip(*rows, strict=True))
    size = len(columns)
    if math.isinf(penalty):
        return [[0.0] * size] * size
    both = [
        [_product(first, second) + penalty * (at == to) for to, second in enumerate(columns)]
        + [float(at == to) for to in range(size)]
        for at, first in enumerate(columns)
    ]
    # With the ridge it is positive definite: no pivot is 0.
    for at in range(size):
        pivot = both[at][at]
        both[at] = [each / pivot for each in both[at]]
        for other in range(size):
            factor = both[other][at]
            if other != at:
                pairs = zip(both[other], both[at], strict=True)
                both[other] = [each - factor * mine for each, mine in pairs]
    return [row[size:] for row in both]


def _product(first: Iterable[float], second: Iterable[float]) -> float:
    total: float = sum(map(operator.mul, first, second))
    return total


def _beyond(place: float) -> float:
    """The mean of a standard normal variable above a place."""
    tail = math.erfc(place / math.sqrt(2)) / 2
    if tail < 1e-9:  # noqa: PLR2004
        return place
    return max(place, math.exp(-place * place / 2) / math.sqrt(2 * math.pi) / tail)


def _quantile(values: Sequence[float], exact: Sequence[bool], share: float) -> float | None:
    """The value below which a share lies, where of some only a least value is known.

    Args:
        values: All.
        exact: Which of them are known.
        share: From 0 to 1.

    Returns:
        The Kaplan-Meier estimate; None where too few are known.
    """
    left, still = len(values), 1.0
    # Of equals the known ones come first.
    pairs = sorted(zip(values, exact, strict=True), key=lambda pair: (pair[0], not pair[1]))
    for value, known in pairs:
        if known:
            still *= 1 - 1 / left
            # By the last bit of a figure it would be one too far: 8 of 10 leave 0.2.
            if still <= 1 - share + _EXACT:
                return value
        left -= 1
    return None


_NAMES = (
    ("many words", "few words"),
    ("many numbers", "few numbers"),
    ("long numbers", "short numbers"),
    ("many signs", "few signs"),
    ("code", ""),
    ("asks for prose", ""),
)
"""What each trait is called above the average and below it, in the order of `Traits.values`."""
_MOST_REASONS = 2


def _reasons(fitted: _Fit, traits: Traits) -> tuple[str, ...]:
    """The traits that change the prediction most, in words."""
    found = []
    above = [value > centre for value, centre in zip(traits.values(), fitted.centre, strict=True)]
    for move, is_above, names in zip(fitted.moves(traits), above, _NAMES, strict=True):
        name = names[0] if is_above else names[1]
        if name and abs(move) >= _STRONG:
            found.append((abs(move), name))
    found.sort(key=lambda pair: -pair[0])
    return tuple(name for _, name in found[:_MOST_REASONS])


def _rounded(tokens: float) -> int:
    """To two figures, since it is no more exact than that."""
    size: int = 10 ** max(0, math.floor(math.log10(max(tokens, 1))) - 1)
    return max(1, math.ceil(tokens / size - 1e-6) * size)
