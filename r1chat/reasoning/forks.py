"""Finds the places of a thought from which other ways are worth trying.

A thought is cut into steps: paragraphs and sentences. Of each it is known how open it was what its
tokens would be (their entropy). The wording of a step is often open where its result is not, and a
single token says little: the mean over a step tells where the model was at a loss.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from r1chat.reasoning.governor import ends_sentence

MOST_PLACES = 3
"""From so many places continuations are drawn at most."""
LEAST_ENTROPY = 0.1
"""In nats. Below it all continuations of a step say the same."""
_LEAST_TOKENS = 3
"""A step of fewer is no step: a number of a list, or a bracket."""
_TAIL = 32


@dataclass(frozen=True, slots=True)
class Place:
    """A place of a thought to branch off at."""

    at: int
    """In characters."""
    entropy: float
    """Of what follows it, a token on average, in nats."""


def places(thought: str, tokens: Iterable[tuple[int, float]], most: int) -> tuple[Place, ...]:
    """The places where a thought is most open, the most open first.

    Where the model began is none: from there one draws another thought.

    Args:
        thought: The thought.
        tokens: Where each token of the model's stands in it, in characters, and its entropy in
            nats.
        most: How many places at most.
    """
    steps: list[tuple[int, list[float]]] = []
    for at, entropy in tokens:
        if not steps or _begins(thought, at):
            if steps and len(steps[-1][1]) < _LEAST_TOKENS:
                steps[-1][1].append(entropy)
                continue
            steps.append((at, []))
        steps[-1][1].append(entropy)
    found = [
        Place(at, sum(each) / len(each)) for at, each in steps[1:] if len(each) >= _LEAST_TOKENS
    ]
    open_ = [place for place in found if place.entropy >= LEAST_ENTROPY]
    return tuple(sorted(open_, key=lambda place: (-place.entropy, place.at))[:most])


def _begins(thought: str, at: int) -> bool:
    """Whether a step begins at a place: a line, or a sentence."""
    following = thought[at : at + 1]
    return following != "\n" and ends_sentence(thought[max(0, at - _TAIL) : at], following)
