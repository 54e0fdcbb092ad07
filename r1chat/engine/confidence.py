"""Measures how sure a model is of its tokens, from the logits that it drew them from.

The probabilities are the model's own: at temperature 1, before any sampler has cut or sharpened
them. Nothing but a request for it imports numpy, which takes longer than a first token of a small
model does.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from r1chat.events import Confidence, Part, TokenScore
from r1chat.reasoning.final import Final

_LEAST = -1e4
"""A logit this far below the largest adds nothing; -inf times 0 would be no number."""


@dataclass(frozen=True, slots=True)
class Score:
    """How sure a model was of a token."""

    logprob: float
    """The natural logarithm of the token's probability."""
    entropy: float | None
    """Of all that could have been there, in nats: 0 where there was no choice. None where only a
    server knows."""


class Meter:
    """Measures tokens; a distribution is read once, however many of its tokens are asked for.

    Args:
        size: Tokens of the vocabulary.
    """

    def __init__(self, size: int) -> None:
        import numpy as np

        self._np = np
        self._size = size
        self._row = ctypes.c_float * size
        self._less = np.empty(size, np.float32)
        self._weights = np.empty(size, np.float32)
        self._known: dict[int, tuple[float, float]] = {}

    def forget(self) -> None:
        """Forgets the distributions: there are others in their places."""
        self._known.clear()

    def score(self, place: int, logits: Any, token: int) -> Score:  # noqa: ANN401  (a native pointer)
        """Measures a token.

        Args:
            place: Tells distributions apart until `forget`. What is taken out of one after it was
                read makes no difference.
            logits: The distribution.
            token: The token.
        """
        known = self._known.get(place)
        if known is None:
            known = self._known[place] = self._read(logits)
        total, entropy = known
        return Score(min(0.0, logits[token] - total), entropy)

    def _read(self, logits: Any) -> tuple[float, float]:  # noqa: ANN401  (as above)
        """The logarithm of the sum of exponentials, and the entropy."""
        np = self._np
        row = np.frombuffer(self._row.from_address(ctypes.addressof(logits.contents)), np.float32)
        most = float(row.max())
        np.subtract(row, most, out=self._less)
        np.exp(self._less, out=self._weights)
        total = float(self._weights.sum())
        with np.errstate(invalid="ignore"):
            mean = float(np.dot(self._weights, self._less)) / total
        if math.isnan(mean):
            np.maximum(self._less, _LEAST, out=self._less)
            mean = float(np.dot(self._weights, self._less)) / total
        return most + math.log(total), max(0.0, math.log(total) - mean)


def confidence_of(
    scores: Sequence[TokenScore], thought: str, answer: str, final: Final | None
) -> Confidence | None:
    """Sums up how sure a model was of a reply; None where that was not measured.

    Args:
        scores: Of its tokens.
        thought: Its thought.
        answer: Its answer.
        final: Its final answer.
    """
    sure = {
        part: [each.logprob for each in scores if each.part == part and each.logprob is not None]
        for part in ("thought", "answer")
    }
    if not any(sure.values()):
        return None
    spelled: list[float] = []
    if final is not None:
        start = (answer if final.source == "answer" else thought).rfind(final.text)
        spelled = _between(scores, final.source, start, start + len(final.text))
    return Confidence(
        thought=certainty(sure["thought"]),
        thought_least=_least(sure["thought"]),
        answer=certainty(sure["answer"]),
        answer_least=_least(sure["answer"]),
        final=certainty(spelled),
    )


def _between(scores: Sequence[TokenScore], part: Part, start: int, end: int) -> list[float]:
    """The logarithms of the tokens that spell a piece of a text; none where it has no place."""
    return [
        each.logprob
        for each in scores
        if each.part == part
        and each.logprob is not None
        and start >= 0
        and (start <= each.at < end or each.at < start < each.at + len(each.text))
    ]


def _least(logprobs: Sequence[float]) -> float | None:
    return math.exp(min(logprobs)) if logprobs else None


def certainty(logprobs: Sequence[float]) -> float | None:
    """How sure a model was of several tokens: the geometric mean of their probabilities.

    The length of what they spell makes no difference to it. None where there are none.
    """
    return math.exp(sum(logprobs) / len(logprobs)) if logprobs else None
