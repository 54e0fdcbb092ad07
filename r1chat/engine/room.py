"""Sizes the KV cache for several samples within the free memory."""

from __future__ import annotations

from r1chat.engine.base import Request
from r1chat.engine.machine import TokenMachine
from r1chat.engine.many import share, width
from r1chat.gguf import Header
from r1chat.gguf.needs import MOST_LANES, RESERVED_SEQUENCES, Shape, needs

_MOVED_UP = 2
"""How many times the budget there is room for, where memory allows: it may be moved up while they
think."""


def cells_wanted(
    header: Header,
    machine: TokenMachine,
    prompt: int,
    count: int,
    request: Request,
    available: int | None,
) -> int:
    """Chooses how many tokens the cache should hold for samples that are about to be drawn.

    Args:
        header: The file's.
        machine: The one there is.
        prompt: Tokens of the prompt, which they share.
        count: How many samples are wanted.
        request: The question.
        available: Bytes of free memory, or None where nobody knows.

    Returns:
        Room for as many as fit into the memory; never less than there is.
    """
    count = min(count, MOST_LANES)
    if width(machine.cells, machine.capacity, prompt, count, request) == count:
        return machine.cells
    shape, weights = Shape.of(header), header.size
    available = freed(header, machine, available)
    found = machine.cells
    for times in (1, _MOVED_UP):
        each = share(machine.capacity, prompt, request, times=times)
        fitting = [
            prompt + lanes * each
            for lanes in range(2, count + 1)
            if needs(shape, weights, prompt + lanes * each).fits(available)
        ]
        found = max([found, *fitting])
    return found


def freed(header: Header, machine: TokenMachine, available: int | None) -> int | None:
    """What is free once the cache there is has been freed, as it is before another is made."""
    if available is None:
        return None
    shape = Shape.of(header)
    states = (RESERVED_SEQUENCES + machine.lanes) * shape.state
    return available + machine.cells * shape.cache_per_token + states
