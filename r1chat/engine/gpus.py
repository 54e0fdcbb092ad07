"""What of a model goes onto the GPUs, by the arithmetic that the hub marks models by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from r1chat.engine.native import api
from r1chat.gguf import Header
from r1chat.gguf.needs import Shape

if TYPE_CHECKING:
    from r1chat.hub.machine import Machine

ALL = -1


def machine_with_gpus() -> Machine | None:
    """This machine; None where llama.cpp can use no GPU, or one whose memory nobody knows."""
    if not api.llama_supports_gpu_offload():
        return None
    # To ask for them takes a program of the driver's: not where there is no use for it.
    from r1chat.hub.machine import this_machine

    found = this_machine(measure=False)
    return found if found.gpus else None


def choose_layers(header: Header, context: int, machine: Machine | None) -> int:
    """Chooses how many layers go onto the GPUs.

    Args:
        header: The file's.
        context: Tokens of context.
        machine: What `machine_with_gpus` says.

    Returns:
        The layers, or `ALL`; that too where nobody knows how much memory a GPU has.
    """
    if machine is None:
        return ALL
    from r1chat.hub.fit import fit

    layers = fit(Shape.of(header), header.size, machine, context).gpu_layers
    return ALL if layers is None else layers
