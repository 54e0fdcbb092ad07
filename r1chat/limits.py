"""What the numbers may be that a user can give, in the settings and on the command line alike."""

from __future__ import annotations

from dataclasses import dataclass

from r1chat.reasoning.budget import LIMIT_TOKENS

_MOST = 10_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What a number may be.

    Attributes:
        least: The lower limit.
        most: The upper limit.
        above: Whether the lower limit itself is too little.
    """

    least: float
    most: float
    above: bool = False


LIMITS = {
    "min_think": Limits(0, LIMIT_TOKENS),
    "pace": Limits(0, 10_000),
    "peek": Limits(0, LIMIT_TOKENS),
    "temperature": Limits(0, 10),
    "top_p": Limits(0, 1, above=True),
    "top_k": Limits(0, _MOST),
    "min_p": Limits(0, 1),
    "ctx": Limits(256, _MOST),
    "threads": Limits(1, 1024),
    "gpu_layers": Limits(-1, 10_000),
    "max_answer": Limits(1, _MOST),
    "samples": Limits(1, 1024),
}
"""By the settings' names."""
