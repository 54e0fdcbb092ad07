"""A model layer by layer: how many of them GPUs have room for.

llama.cpp puts layers on GPUs from the end of the model: its output first, then the last of the
repeating layers, and so on. With each goes its part of the cache. What reads tokens in stays in
the main memory.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from r1chat.gguf.header import MAX_LAYERS, Header
from r1chat.gguf.needs import RESERVED_SEQUENCES, Shape
from r1chat.gguf.states import state_bytes

_BLOCK = re.compile(r"blk\.(\d{1,4})\.")
_INPUT = "token_embd.weight"
_OUTPUT = "output.weight"
_ROUNDING = 1e-9
_OUTPUT_BYTES = 0.82
"""Bytes of a weight of the output in Q6_K, in which quants of 4 bits and more keep it."""


@dataclass(frozen=True, slots=True)
class Layers:
    """What a model's layers weigh.

    Attributes:
        weights: Bytes of each repeating layer's weights, and of the states of all sequences.
        cache: Bytes of an F16 cache that a token takes in each of them.
        output: Bytes of what comes after the last of them.
    """

    weights: tuple[int, ...]
    cache: tuple[int, ...]
    output: int

    @classmethod
    def of(cls, header: Header) -> Layers:
        """Those that a header lists."""
        count = min(header.block_count, MAX_LAYERS)
        sizes: Counter[int] = Counter()
        output = embedding = 0
        tied = True
        for tensor in header.tensors:
            block = _BLOCK.match(tensor.name)
            if block:
                sizes[int(block[1])] += tensor.size
            elif tensor.name == _INPUT:
                embedding = tensor.size
            else:
                output += tensor.size
                tied = tied and tensor.name != _OUTPUT
        # A model that has one matrix for both ends gets a copy of it on the GPU.
        output += embedding if tied else 0
        each = header.kv_bytes_per_layer
        cache = tuple(each[at] if at < len(each) else 0 for at in range(count))
        sequences = RESERVED_SEQUENCES + Shape.of(header).usual_lanes
        states = (sequences * state for state in state_bytes(header))
        weights = tuple(sizes[at] + state for at, state in enumerate(states))
        return cls(weights, cache, output)

    @classmethod
    def even(cls, shape: Shape, size: int) -> Layers:
        """Those of a model of which no more is known than its shape and the bytes of its file."""
        count = max(1, min(shape.layers, MAX_LAYERS))
        output = min(size // 2, int(shape.vocabulary * shape.hidden * _OUTPUT_BYTES))
        states = (RESERVED_SEQUENCES + shape.usual_lanes) * shape.state
        weights, cache = (size - output + states) / count, shape.cache_per_token / count
        return cls(count * (math.ceil(weights),), count * (math.ceil(cache),), output)

    @property
    def count(self) -> int:
        """How many can be put on GPUs: the repeating ones and the output."""
        return len(self.weights) + 1

    def most(self, tokens: int, rooms: Sequence[int], shares: Sequence[float] = ()) -> int:
        """How many layers some GPUs have room for.

        Args:
            tokens: Of context, that the cache holds.
            rooms: Bytes of each GPU for layers and cache.
            shares: How the layers are to be shared out among them; by default by their room.

        Returns:
            Up to `count`.
        """
        sums = self._sums(tokens)
        bounds = _bounds(shares or rooms)
        if not bounds:
            return 0
        for count in range(self.count, 0, -1):
            taken = _taken(sums, bounds, count)
            if all(part <= room for part, room in zip(taken, rooms, strict=True)):
                return count
        return 0

    def shared_out(self, tokens: int, count: int, shares: Sequence[float]) -> list[int]:
        """Bytes of layers and cache that each GPU gets.

        Args:
            tokens: Of context, that the cache holds.
            count: How many layers go onto GPUs.
            shares: How they are shared out among them.
        """
        bounds = _bounds(shares)
        return _taken(self._sums(tokens), bounds, count) if bounds else [0] * len(shares)

    def _sums(self, tokens: int) -> list[int]:
        """What the last layers take, none of them, one, and so on: those go to GPUs first."""
        weights = [w + tokens * c for w, c in zip(self.weights, self.cache, strict=True)]
        return [0, *accumulate((self.output, *reversed(weights)))]


def _bounds(shares: Sequence[float]) -> list[float]:
    """Up to which part of the layers each GPU has them; nothing where none is to have any."""
    total = sum(shares)
    return [part / total for part in accumulate(shares)] if total else []


def _taken(sums: Sequence[int], bounds: Sequence[float], count: int) -> list[int]:
    """What each GPU gets of so many layers: among them the first GPU has the first."""
    return [sums[count - first] - sums[count - last] for first, last in _spans(bounds, count)]


def _spans(bounds: Sequence[float], count: int) -> list[tuple[int, int]]:
    """Which of so many layers each GPU has, as llama.cpp shares them out."""
    # What is whole must stay so: 10 * 0.7 is a little more than 7.
    ends = [math.ceil(count * bound - _ROUNDING) for bound in bounds]
    return list(zip([0, *ends[:-1]], ends, strict=True))
