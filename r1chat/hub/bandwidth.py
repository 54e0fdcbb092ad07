"""Measures how fast this machine reads its memory, which bounds a large model's speed.

Every token reads all the weights once. What is measured is the same thing: each of the engine's
threads reads memory of its own, far more than caches hold, by ``memchr`` of the C library, which
looks for a byte that is not there. Some C libraries do that byte by byte, so that copying
(``memmove``: as much read as written) is tried too and the faster of the two counts.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import platform
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from r1chat import paths
from r1chat.resources import available_memory, default_threads
from r1chat.user_files import small_text

_MIB = 1 << 20
_LEAST_ALL = 256 * _MIB
"""Read in all; the caches of a desktop's processor hold less."""
_LEAST_EACH = 32 * _MIB
"""Read by a thread; servers have larger caches, and more cores."""
_PIECE = 2 * _MIB
"""Timed at once, less than a millisecond: few pieces then meet a switch to another process."""
_SHARE = 1 / 8
"""Of the free memory that the measurement may take."""
_FEWEST = 4
"""Pieces that a thread must read for its figure to mean anything."""
_FILL = 1


def bandwidth(*, measure: bool = True) -> float | None:
    """Bytes a second that the engine's threads can read together.

    Measured once, in about 0.2 s, and remembered under the machine's name.

    Args:
        measure: Whether to measure it where nobody has; otherwise it is unknown then.

    Returns:
        None where it is unknown or cannot be measured.
    """
    name = _name()
    known = _known()
    if name in known or not measure:
        return known.get(name)
    measured = measured_now(default_threads())
    if measured is not None:
        paths.remember(_file(), json.dumps(known | {name: measured}))
    return measured


def measured_now(threads: int) -> float | None:
    """Measures it.

    Args:
        threads: How many read at the same time.

    Returns:
        Bytes a second; None where there is too little memory or no such function.
    """
    free = available_memory()
    size = max(_LEAST_ALL // threads, _LEAST_EACH)
    if free is not None:
        size = min(size, int(free * _SHARE) // threads)
    pieces = size // _PIECE
    if pieces < _FEWEST:
        return None
    try:
        library = ctypes.CDLL("msvcrt" if os.name == "nt" else None)
        readers = [_Reader(library, pieces) for _ in range(threads)]
    except (OSError, AttributeError, MemoryError):
        return None
    start = threading.Barrier(threads)
    workers = [threading.Thread(target=reader.run, args=(start,)) for reader in readers]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    rates = [sum(rates) for rates in zip(*(reader.rates for reader in readers), strict=True)]
    return max(rates, default=0.0) or None


class _Reader:
    """A thread's part of the measurement.

    Args:
        library: The C library.
        pieces: How much memory of its own it reads.
    """

    def __init__(self, library: Any, pieces: int) -> None:  # noqa: ANN401  (made at run time)
        self._find = library.memchr
        self._find.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t)
        self._find.restype = ctypes.c_void_p
        self._memory = ctypes.create_string_buffer(pieces * _PIECE)
        self.rates: tuple[float, ...] = ()
        """Bytes a second, by reading and by copying."""

    def run(self, start: threading.Barrier) -> None:
        """Reads and copies, both at the same time as the other threads."""
        begin, size = ctypes.addressof(self._memory), len(self._memory)
        # Memory that was never written is one and the same page of zeros.
        ctypes.memset(begin, _FILL, size)
        half = _PIECE // 2
        start.wait()
        read = self._rate(lambda at: self._find(begin + at, 0, _PIECE))
        start.wait()
        copied = self._rate(lambda at: ctypes.memmove(begin + at, begin + at + half, half))
        self.rates = (read, copied)

    def _rate(self, pass_over: Callable[[int], object]) -> float:
        """The typical rate: pieces in which others had the processor do not count."""
        times = []
        for at in range(0, len(self._memory), _PIECE):
            began = time.perf_counter()
            pass_over(at)
            times.append(time.perf_counter() - began)
        return _PIECE / median(times)


def _name() -> str:
    """The machine, as far as it decides on the figure."""
    return f"{platform.node()} {platform.machine()} {default_threads()}"


def _file() -> Path:
    return paths.cache_dir() / "bandwidth.json"


def _known() -> dict[str, float]:
    """What was measured before, by the machine's name."""
    try:
        known = json.loads(small_text(_file()) or "{}")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(known, dict):
        return {}
    return {
        str(name): float(rate)
        for name, rate in known.items()
        if isinstance(rate, (int, float)) and math.isfinite(rate) and rate > 0
    }
