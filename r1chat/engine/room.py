"""Sizes the KV cache for several samples within the free memory."""

from __future__ import annotations

from dataclasses import dataclass

from r1chat.engine.base import Request
from r1chat.engine.machine import TokenMachine
from r1chat.engine.many import share, width
from r1chat.formatting import counted
from r1chat.gguf import Header
from r1chat.gguf.needs import MOST_LANES, RESERVED_SEQUENCES, Shape, needs

_MOVED_UP = 2
"""How many times the budget there is room for, where memory allows: it may be moved up while they
think."""


NO_MEMORY = "there is not enough memory"
_ROUNDED = 256
"""Tokens of context come in so many at a time."""


@dataclass(frozen=True, slots=True)
class Growth:
    """A larger context."""

    size: int
    """Tokens of it; 0 where there is none."""
    memory: int = 0
    """Bytes that it takes more."""
    obstacle: str = ""
    """Why there is none, in a few words."""


def growth(header: Header, machine: TokenMachine, more: int, available: int | None) -> Growth:
    """Chooses a larger context: twice as large, or more where that is needed, or just as needed.

    Args:
        header: The file's.
        machine: The one there is.
        more: Tokens that find no room now.
        available: Bytes of free memory, or None where nobody knows.
    """
    shape, weights, size = Shape.of(header), header.size, machine.capacity
    most = shape.context or size
    needed = size + more
    if needed > most:
        return Growth(0, obstacle=f"this model was made for {counted(most, 'token')}")
    twice = 2 * size
    while twice < needed:
        twice *= 2
    available = freed(header, machine, available)
    for wanted in (twice, -(-needed // _ROUNDED) * _ROUNDED):
        tokens = min(wanted, most)
        if needs(shape, weights, tokens).fits(available):
            return Growth(tokens, (tokens - size) * shape.cache_per_token)
    return Growth(0, obstacle=NO_MEMORY)


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
