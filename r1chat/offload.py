"""How much of a model goes onto the GPUs, and how several of them share it."""

from __future__ import annotations

import contextlib
import math
from typing import Literal, TypeAlias

_MOST_LAYERS = 10_000
_MOST_SHARE = 10_000_000
_MOST_GPUS = 16
"""As many as llama.cpp takes."""

GpuLayers: TypeAlias = int | Literal["auto", "all"]
"""How many layers go onto the GPU; -1 is another word for all."""


def gpu_layers(value: object) -> GpuLayers:
    """Reads how many layers go onto the GPU.

    Args:
        value: "auto", "all", or a number, as a text or as one.

    Raises:
        ValueError: If it is none of these.
    """
    if value == "auto":
        return "auto"
    if value == "all":
        return "all"
    count: int | None = None
    if isinstance(value, (int, str)) and not isinstance(value, bool):
        with contextlib.suppress(ValueError):
            count = int(value)
    if count is None or not -1 <= count <= _MOST_LAYERS:
        shown = str(value)[:40]
        message = f"{shown!r} is not auto, all, or a number of layers up to {_MOST_LAYERS:,}"
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
    good = all(math.isfinite(part) and 0 <= part <= _MOST_SHARE for part in parts)
    if not 0 < len(parts) <= _MOST_GPUS or not good or not sum(parts):
        message = f"{text[:40]!r} is not a part for each GPU, {_MOST_GPUS} at most, e.g. 3,1"
        raise ValueError(message)
    return parts


def split_text(text: str) -> str:
    """The same in its normal form, as text; raises what `tensor_split` does."""
    return ",".join(f"{part:g}" for part in tensor_split(text))
