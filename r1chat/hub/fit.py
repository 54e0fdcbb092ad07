"""Estimates which models this machine can run, how fast, and which is the best choice.

The arithmetic of memory is `r1chat.gguf.needs`, which the engine loads by too: what is marked "no"
here the engine would refuse.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from r1chat.formatting import counted, format_bytes
from r1chat.gguf import Header
from r1chat.gguf.layers import Layers
from r1chat.gguf.needs import SAFE_SHARE, Needs, Shape, gpu_buffers, needs, shortened
from r1chat.hub.machine import Machine

if TYPE_CHECKING:
    from r1chat.hub.catalogue import Entry

__all__ = ["Fit", "Mark", "Shape", "best", "best_of", "fit", "recommended", "shape_of"]

Mark = Literal["fits", "tight", "no"]
WORDS: dict[Mark, str] = {"fits": "fits", "tight": "tight", "no": "too big"}
"""How a model fits, in a word or two."""

WELL_SHARE = 0.85
"""How much of the free memory a model that fits well takes at most; the rest is the user's."""
USABLE = 5.0
"""Tokens a second below which waiting for a thought is no fun any more."""
RECOMMENDED = 8.0
"""Tokens a second that a first model should reach."""

_TYPICAL_TOKENS = 1024
"""In the cache, in the middle of a thought; every token reads them all."""
_EFFICIENCY = 0.85
"""Of the bandwidth, that llama.cpp reaches."""
_PER_THREAD = 7e9
"""Bytes of weights a second that a thread multiplies, where nobody could measure it.

A fast processor reaches three times as much, so that this is careful; where many cores share the
memory, the bandwidth is the lower bound.
"""
_PER_LAYER = 1_500_000
_PER_WORD = 600
"""Bytes of weights that could be multiplied in the time which each layer takes for its norms and
attention, and each token of the vocabulary for being one to choose from. It is little beside the
weights of a large model, and half of the time of one of 135M or with 262,144 tokens."""
_ALIKE = 4.0
"""How many times as large a model may be for another's speed to say anything about its own."""


class Quant(Protocol):
    """A model in one quantisation."""

    @property
    def quant(self) -> str:
        """E.g. "Q4_K_M"."""

    @property
    def size(self) -> int:
        """Bytes of its files."""


AnyQuant = TypeVar("AnyQuant", bound=Quant)


@dataclass(frozen=True, slots=True)
class Fit:
    """How a model fits this machine.

    Attributes:
        mark: "fits": at the usual context, or at the one asked for, with something left for the
            user. "tight": only with a smaller context, or with little left. "no": the engine
            would refuse it.
        needed: Bytes that it takes at `context`.
        available: Bytes that are free, on the GPUs too; 0 where nobody knows.
        context: Tokens of context.
        tokens_per_s: What to expect; None where nobody knows.
        arithmetic: The sum, in a line for people.
        gpu_layers: Layers that the GPUs can hold, -1 for all; None without one.
        layers: How many there are, the output counted as one.
    """

    mark: Mark
    needed: int
    available: int
    context: int
    tokens_per_s: float | None
    arithmetic: str
    gpu_layers: int | None = None
    layers: int = 0

    @property
    def on_gpu(self) -> str:
        """What of it the GPUs can hold, for people; empty without one."""
        if self.gpu_layers is None:
            return ""
        if self.gpu_layers < 0:
            return "all layers on the GPU"
        return f"{self.gpu_layers} of {counted(self.layers, 'layer')} on the GPU"


def shape_of(model: Header | Entry) -> Shape:
    """The shape of a model in the catalogue, or of one whose header was read."""
    if isinstance(model, Header):
        return Shape.of(model)
    idle = round(1000 * (1 - (model.active or model.parameters) / model.parameters))
    return Shape(**model.shape.model_dump(), context=model.context, idle=idle)


def fit(shape: Shape, size: int, machine: Machine, context: int | None = None) -> Fit:
    """Says how a model fits a machine.

    Args:
        shape: The model's.
        size: Bytes of its files.
        machine: What there is.
        context: Tokens of context that are wanted; by default the usual ones, or as many as fit.
    """
    # Layers can be spread over GPUs and main memory, so that what is free adds up.
    available = machine.ram_free + machine.gpu_free
    known = available if machine.ram_total else None
    found = needs(shape, size, context or shape.usual_context)
    mark: Mark
    if known is not None and found.fits(known, WELL_SHARE):
        mark = "fits"
    else:
        if context is None:
            found = shortened(shape, size, known)
        mark = "tight" if found.fits(known) else "no"
    layers = Layers.even(shape, size)
    on_gpu = gpu_layers(layers, shape, found.tokens, machine)
    return Fit(
        mark=mark,
        needed=found.total,
        available=available,
        context=found.tokens,
        tokens_per_s=_speed(shape, size, machine, on_gpu),
        arithmetic=_arithmetic(found, machine),
        gpu_layers=on_gpu,
        layers=layers.count,
    )


def gpu_layers(
    layers: Layers, shape: Shape, tokens: int, machine: Machine, shares: Sequence[float] = ()
) -> int | None:
    """How many layers the GPUs of a machine can hold.

    Args:
        layers: The model's.
        shape: Its shape.
        tokens: Of context.
        machine: What there is.
        shares: How the layers are to be shared out among the GPUs; by default by their memory.

    Returns:
        The layers, -1 for all; None without a GPU.
    """
    if not machine.gpus:
        return None
    taken = gpu_buffers(shape, tokens)
    rooms = [max(0, int(gpu.free * SAFE_SHARE) - taken) for gpu in machine.gpus]
    # Without a wish llama.cpp shares them out by what is free.
    most = layers.most(tokens, rooms, shares or [gpu.free for gpu in machine.gpus])
    return -1 if most == layers.count else most


def best(
    variants: Sequence[AnyQuant],
    shape: Shape,
    machine: Machine,
    context: int | None = None,
    *,
    usable: float = USABLE,
) -> AnyQuant | None:
    """The best quant for a machine.

    First those of 4 to 8 bits, then unquantised ones (twice the memory for nothing one could
    tell), then those of 3 bits: of the first of these kinds of which one fits, the largest that
    is fast enough; the smallest if none is. If none fits, the smallest of them that is tight. Only
    then those of fewer bits or odd names, in the same way.

    Args:
        variants: To choose from.
        shape: The model's.
        machine: What there is.
        context: Tokens of context that are wanted; see `fit`.
        usable: Tokens a second that are fast enough; an unknown speed is.

    Returns:
        None if none can be run here.
    """
    kinds = [[v for v in variants if _kind(v.quant) == kind] for kind in range(4)]
    fits = {id(v): fit(shape, v.size, machine, context) for v in variants}

    def chosen(among: Iterable[AnyQuant]) -> AnyQuant | None:
        good = sorted((v for v in among if fits[id(v)].mark == "fits"), key=_size)
        fast = [v for v in good if (fits[id(v)].tokens_per_s or usable) >= usable]
        return fast[-1] if fast else good[0] if good else None

    def cramped(among: Iterable[AnyQuant]) -> AnyQuant | None:
        return min((v for v in among if fits[id(v)].mark == "tight"), key=_size, default=None)

    *good, poor = kinds
    decent = [v for kind in good for v in kind]
    tries = [*map(chosen, good), cramped(decent), chosen(poor), cramped(poor)]
    return next((v for v in tries if v is not None), None)


def best_of(entry: Entry, machine: Machine, context: int | None = None) -> tuple[str, Fit]:
    """The best quant of a model, by the catalogue's sizes, and how it fits.

    Returns:
        The smallest quant where none can be run.
    """
    shape, offered = shape_of(entry), _sizes(entry)
    chosen = best(offered, shape, machine, context) or min(offered, key=_size)
    return chosen.quant, fit(shape, chosen.size, machine, context)


def recommended(catalogue: Sequence[Entry], machine: Machine) -> tuple[Entry, str]:
    """The model to begin with.

    Args:
        catalogue: At least one of R1's distills.
        machine: What there is.

    Returns:
        The largest of R1's distills that fits well with at least 4 bits and should reach
        `RECOMMENDED`, or the smallest one, and its quant.
    """
    from r1chat.hub.catalogue import FAMILY

    catalogue = [entry for entry in catalogue if entry.family == FAMILY]
    for entry in sorted(catalogue, key=lambda d: d.parameters, reverse=True):
        shape = shape_of(entry)
        chosen = best(_sizes(entry), shape, machine, usable=RECOMMENDED)
        if chosen is None or _kind(chosen.quant) > 0:
            continue
        found = fit(shape, chosen.size, machine)
        on_gpu = found.gpu_layers == -1
        if found.mark == "fits" and (on_gpu or (found.tokens_per_s or 0) >= RECOMMENDED):
            return entry, chosen.quant
    smallest = min(catalogue, key=lambda d: d.parameters)
    return smallest, best_of(smallest, machine)[0]


@dataclass(frozen=True, slots=True)
class _Size:
    quant: str
    size: int


def _sizes(entry: Entry) -> list[_Size]:
    return [_Size(quant, size) for quant, size in entry.sizes.items()]


def _size(variant: Quant) -> int:
    return variant.size


def _kind(quant: str) -> int:
    """The rank of a quant: 0 for 4 to 8 bits, 1 for more, 2 for 3, 3 for fewer or unknown."""
    match = re.search(r"(?:^|[-_])(?:I?Q|MXFP|NVFP|B?F)(\d+)", quant.upper())
    bits = int(match[1]) if match else 0
    if 4 <= bits <= 8:  # noqa: PLR2004  (said above)
        return 0
    return 1 if bits > 8 else 2 if bits == 3 else 3  # noqa: PLR2004


def _speed(shape: Shape, size: int, machine: Machine, gpu_layers: int | None) -> float | None:
    """Tokens a second, as far as the main memory and the processor bound them.

    What lies on a GPU costs next to nothing beside what does not. If all does, nobody knows.
    """
    if gpu_layers == -1:
        return None
    learned = None if shape.idle or machine.gpus else _learned(size, machine)
    if learned is not None:
        # All else that a token takes is in it.
        return learned / size
    rate = _rate(machine)
    here = 1 - (gpu_layers or 0) / (shape.layers + 1)
    read = here * (size * shape.share_read + _TYPICAL_TOKENS * shape.cache_per_token)
    read += here * shape.layers * _PER_LAYER + shape.vocabulary * _PER_WORD
    if rate is None:
        return None
    computed = rate / read
    return computed if shape.idle or machine.gpus else _beside_learned(computed, size, machine)


def _beside_learned(speed: float, size: int, machine: Machine) -> float:
    """A computed speed, as far as those that were learned allow it.

    What was computed knows nothing of how busy the machine was when others were learned: without
    this a larger model might be called faster than a smaller one.
    """
    smaller = [rate / (of * _ALIKE) for of, rate in machine.learned.items() if of < size]
    larger = [rate * _ALIKE / of for of, rate in machine.learned.items() if of >= size]
    return max([min([speed, *smaller]), *larger])


def _learned(size: int, machine: Machine) -> float | None:
    """Bytes of weights a second as a model of about a size had them; None without one."""
    if not machine.learned or not size:
        return None
    apart = {of: abs(math.log(size / of)) for of in machine.learned}
    nearest = min(apart, key=apart.__getitem__)
    return machine.learned[nearest] if apart[nearest] <= math.log(_ALIKE) else None


def _rate(machine: Machine) -> float | None:
    """Bytes of weights a second, as they were measured."""
    if machine.products is not None and not machine.unified:
        return machine.products
    if machine.bandwidth is None:
        return None
    rate = machine.bandwidth * _EFFICIENCY
    return rate if machine.unified else min(rate, machine.threads * _PER_THREAD)


def _arithmetic(found: Needs, machine: Machine) -> str:
    if not machine.ram_total:
        return f"{found}; how much is free is unknown"
    text = f"{found} of {format_bytes(machine.ram_free + machine.gpu_free)} free"
    return f"{text}, {format_bytes(machine.gpu_free)} of it on the GPU" if machine.gpus else text
