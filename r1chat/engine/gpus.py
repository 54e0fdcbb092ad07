"""Plans how many layers go onto the GPUs, and retries with fewer where they do not fit.

The arithmetic is the one that the hub marks models by, with what a file really holds.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from r1chat.engine.devices import Device, backends
from r1chat.errors import ModelError, UsageError
from r1chat.formatting import counted, format_bytes, noun
from r1chat.gguf import Header
from r1chat.gguf.layers import Layers
from r1chat.gguf.needs import SAFE_SHARE, Shape, needs

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
    check: Callable[[int], None] = field(default=lambda _: None, compare=False, repr=False)
    """Raises a `ModelError` where the main memory has no room for the rest of so many layers."""


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
        have = f"{noun(len(found), 'is', 'are')} {counted(len(found), 'GPU')}"
        names = ", ".join(device.name for device in found)
        message = f"--tensor-split has {counted(len(split), 'part')}, but there {have} ({names})"
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


@dataclass(frozen=True, slots=True)
class Room:
    """The memory that there is for a model, in this machine and on its GPUs.

    Attributes:
        header: The model's.
        found: The GPUs, as `devices` lists them.
        here: Bytes of free main memory; None where nobody knows.
        wanted: Layers that are to go onto GPUs; see `plan`.
        split: How they are to be shared out.
    """

    header: Header
    found: Sequence[Device]
    here: int | None
    wanted: int | None = None
    split: tuple[float, ...] = ()

    def plan(self, tokens: int) -> Plan:
        """What goes onto the GPUs with a cache of so many tokens; see `plan`."""
        made = plan(self.header, tokens, self.found, wanted=self.wanted, split=self.split)
        return replace(made, check=lambda layers: self._check(replace(made, layers=layers), tokens))

    def free(self, chosen: Plan, tokens: int, *, grows: bool = False) -> int | None:
        """Bytes of free memory: of a GPU only as much as lets what goes there fit.

        Args:
            chosen: What goes onto the GPUs.
            tokens: Of context, that the cache holds.
            grows: Whether the cache may become larger: all of it is on GPUs where all layers are.
        """
        if self.here is None or not self.found:
            return self.here
        shares = chosen.split or [float(device.free) for device in self.found]
        taken = Layers.of(self.header).shared_out(tokens, chosen.layers, shares)
        whole = grows and chosen.layers == chosen.count
        return self.here + sum(
            device.free if whole and part else min(device.free, math.ceil(part / SAFE_SHARE))
            for device, part in zip(self.found, taken, strict=True)
            # It is counted already.
            if not device.shared
        )

    def settled(
        self, most: int, choose: Callable[[int | None], tuple[int, str]]
    ) -> tuple[int, str]:
        """Chooses how many tokens a cache holds by what is free with it.

        Args:
            most: With how many to begin.
            choose: Chooses by the free bytes, and gives a notice along.
        """
        while True:
            free = self.free(self.plan(most), most) if self.found else self.here
            tokens, notice = choose(free)
            if tokens >= most:
                return tokens, notice
            most = tokens

    def _check(self, chosen: Plan, tokens: int) -> None:
        free = self.free(chosen, tokens)
        needed = needs(Shape.of(self.header), self.header.size, tokens)
        if free is None or needed.fits(free):
            return
        message = (
            f"the GPU's memory was too small, and with {chosen.layers} of "
            f"{counted(chosen.count, 'layer')} on it the main memory is: {needed}, of "
            f"{format_bytes(free)} free at most {SAFE_SHARE:.0%}; take "
            "a smaller --ctx, or fewer samples"
        )
        raise ModelError(message)


def settle(chosen: Plan, attempt: Callable[[int], T]) -> tuple[T, Plan]:
    """Loads with as many layers on the GPUs as they really have room for.

    Args:
        chosen: What to begin with.
        attempt: Loads with so many layers on the GPUs.

    Returns:
        What was loaded, and what of it is on the GPUs.

    Raises:
        ModelError: What the last attempt, with nothing on the GPUs, raises; at once what has
            nothing to do with their memory, and where the rest has no room in the main memory.
    """
    full: GpuFull | None = None
    for layers in fewer(chosen.layers, chosen.count):
        if full is not None:
            chosen.check(layers)
        try:
            loaded = attempt(layers)
        except GpuFull as error:
            log.warning("%d of %d layers on the GPU: %s", layers, chosen.count, error)
            full = error
            continue
        if full is None:
            return loaded, chosen
        where = (
            f"{layers} of {counted(chosen.count, 'layer')} {noun(layers, 'is', 'are')} on it"
            if layers
            else "nothing is on it"
        )
        notice = f"the GPU's memory was too small for {counted(chosen.layers, 'layer')}: {where}"
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
