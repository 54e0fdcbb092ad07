"""What of a model goes onto the GPUs, and what becomes of it where they have no room.

The arithmetic is the one that the hub marks models by, with what a file really holds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from r1chat.engine.devices import Device, backends
from r1chat.errors import ModelError, UsageError
from r1chat.gguf import Header
from r1chat.gguf.layers import Layers
from r1chat.gguf.needs import Shape

log = logging.getLogger(__name__)

ALL = -1
_STEPS = 8

T = TypeVar("T")


class GpuFull(ModelError):  # noqa: N818  (a state that fewer layers end)
    """There is not so much memory on the GPUs."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to put on the GPUs.

    Attributes:
        layers: How many layers, 0 for none.
        count: How many there are, the output counted as one.
        split: How they are shared out among the GPUs; empty leaves that to llama.cpp.
        notice: What the user should know; empty if nothing.
    """

    layers: int
    count: int
    split: tuple[float, ...] = ()
    notice: str = ""


def memory(found: Sequence[Device]) -> int:
    """Bytes that GPUs have beside the main memory."""
    return sum(device.free for device in found if not device.shared)


def plan(
    header: Header,
    tokens: int,
    found: Sequence[Device],
    *,
    wanted: int | None = None,
    split: tuple[float, ...] = (),
) -> Plan:
    """Decides what goes onto the GPUs.

    Args:
        header: The model's.
        tokens: Of context, that the cache holds.
        found: The GPUs, as `devices` lists them.
        wanted: Layers that the user asked for, `ALL` for all of them; None leaves it open.
        split: How the user wants them shared out.

    Raises:
        UsageError: If the split has more parts than there are GPUs.
    """
    layers = Layers.of(header)
    if not found:
        asked = wanted if wanted is not None and wanted != 0 else None
        wish = "--gpu-layers" if asked is not None else "--tensor-split" if split else ""
        return Plan(0, layers.count, notice=_without(wish) if wish else "")
    if len(split) > len(found):
        have = "is 1 GPU" if len(found) == 1 else f"are {len(found)} GPUs"
        names = ", ".join(device.name for device in found)
        message = f"--tensor-split has {len(split)} parts, but there {have} ({names})"
        raise UsageError(message)
    # llama.cpp gives nothing to those that are not named.
    split = (*split, *[0.0] * (len(found) - len(split))) if split else ()
    if wanted is None:
        wanted = choose_layers(header, tokens, found, split)
    most = layers.count if wanted == ALL else min(wanted, layers.count)
    return Plan(most, layers.count, split)


def choose_layers(
    header: Header, tokens: int, found: Sequence[Device], split: Sequence[float] = ()
) -> int:
    """Chooses how many layers go onto the GPUs.

    Returns:
        The layers, or `ALL`; that too where a GPU shares the main memory, which is counted
        already, or does not say how much it has.
    """
    if any(device.shared or not device.total for device in found):
        return ALL
    from r1chat.hub.fit import gpu_layers
    from r1chat.hub.machine import Gpu, Machine

    cards = tuple(Gpu(device.name, device.total, device.free) for device in found)
    machine = Machine(0, 0, cards)
    chosen = gpu_layers(Layers.of(header), Shape.of(header), tokens, machine, split)
    return ALL if chosen is None else chosen


def settle(chosen: Plan, attempt: Callable[[int], T]) -> tuple[T, Plan]:
    """Loads with as many layers on the GPUs as they really have room for.

    Args:
        chosen: What to begin with.
        attempt: Loads with so many layers on the GPUs.

    Returns:
        What was loaded, and what of it is on the GPUs.

    Raises:
        ModelError: What the last attempt, with nothing on the GPUs, raises; at once what has
            nothing to do with their memory.
    """
    full: GpuFull | None = None
    for layers in fewer(chosen.layers, chosen.count):
        try:
            loaded = attempt(layers)
        except GpuFull as error:
            log.warning("%d of %d layers on the GPU: %s", layers, chosen.count, error)
            full = error
            continue
        if full is None:
            return loaded, chosen
        where = f"{layers} of {chosen.count} layers are on it" if layers else "nothing is on it"
        notice = f"the GPU's memory was too small for {chosen.layers} layers: {where}"
        return loaded, replace(chosen, layers=layers, notice=notice)
    raise full or AssertionError


def fewer(first: int, count: int) -> Iterator[int]:
    """How many layers to try one after another: in growing steps, for each try takes its time."""
    step = max(1, count // _STEPS)
    while first > 0:
        yield first
        first, step = first - step, 2 * step
    yield 0


def _without(wish: str) -> str:
    """Says why nothing can be put on a GPU, and what would change that."""
    if built := backends():
        names = " and ".join(name.upper() for name in built)
        why = f"llama.cpp is built for {names}, but sees no GPU: is its driver there?"
        return f"{wish} has no effect: {why}"
    from r1chat import gpu, install

    found = gpu.found()
    if not found:
        flag, which = "-DGGML_CUDA=on", "none was found here; for an NVIDIA one"
    else:
        flag, which = found[0].flag, f"for {found[0].names[0]} ({found[0].kind})"
    command = install.reinstall(flag)
    return f"{wish} has no effect: this llama.cpp is built without a GPU; {which}: {command}"
