"""What the numbers may be that a user can give, in the settings and on the command line alike."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from r1chat.reasoning.budget import LIMIT_TOKENS

_MOST = 10_000_000
_MOST_GPUS = 16
"""As many as llama.cpp takes."""

GpuLayers: TypeAlias = int | Literal["auto", "all"]
"""How many layers go onto the GPU; -1 is another word for all."""


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
    "temperature": Limits(0, 2),
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


def gpu_layers(value: object) -> GpuLayers:
    """Reads how many layers go onto the GPU.

    Args:
        value: "auto", "all", or a number, as a text or as one.

    Raises:
        ValueError: If it is none of these.
    """
    limits = LIMITS["gpu_layers"]
    if value == "auto":
        return "auto"
    if value == "all":
        return "all"
    count: int | None = None
    if isinstance(value, (int, str)) and not isinstance(value, bool):
        with contextlib.suppress(ValueError):
            count = int(value)
    if count is None or not limits.least <= count <= limits.most:
        shown = str(value)[:40]
        message = f"{shown!r} is not auto, all, or a number of layers up to {limits.most:,.0f}"
        raise ValueError(message)
    return count


def layer_count(value: GpuLayers | None) -> int | None:
    """The same as the engine takes it: -1 for all, None to choose by itself."""
    if value is None or value == "auto":
        return None
    return -1 if value == "all" else value


def tensor_split(text: str) -> tuple[float, ...]:
    """Reads how a model is shared out among GPUs.

    Args:
        text: A part for each GPU, e.g. "3,1".

    Raises:
        ValueError: If it is none.
    """
    try:
        parts = tuple(float(part) for part in text.split(","))
    except ValueError:
        parts = ()
    good = all(math.isfinite(part) and 0 <= part <= _MOST for part in parts)
    if not 0 < len(parts) <= _MOST_GPUS or not good or not sum(parts):
        message = f"{text[:40]!r} is not a part for each GPU, {_MOST_GPUS} at most, e.g. 3,1"
        raise ValueError(message)
    return parts


def split_text(text: str) -> str:
    """The same in its normal form, as text; raises what `tensor_split` does."""
    return ",".join(f"{part:g}" for part in tensor_split(text))
