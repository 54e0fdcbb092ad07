"""Learns this machine's generation speed, from measurements and from replies."""

from __future__ import annotations

import contextlib
import json
import math
import platform
from pathlib import Path
from typing import Any

from r1chat import paths
from r1chat.hub import products
from r1chat.resources import default_threads
from r1chat.user_files import small_text

_REMEMBERED = 32
"""Models whose speed is kept."""
_WEIGHT = 0.5
"""Of the newest reply: the machine may have been busy with something else."""
_SAME = 0.05
"""A change that is not worth a write."""
_LEAST_SIZE = 64 << 20
"""Bytes below which a model spends its time on other things than its weights."""
_LEAST_TOKENS = 32
"""Of a reply, fewer of which say little."""


def measured(*, measure: bool = True) -> float | None:
    """Bytes of weights a second that the engine's threads multiply.

    Measured once, in half a second, and remembered for this machine and build of llama.cpp.

    Args:
        measure: Whether to measure it where nobody has; otherwise it is unknown then.

    Returns:
        None where it is unknown or cannot be measured.
    """
    name, known = _name(), _read()
    rate = _number(known.get(name, {}).get("measured"))
    if rate is not None or not measure:
        return rate
    rate = products.measured(default_threads())
    if rate is not None:
        _write(name, {"measured": rate})
    return rate


def learned() -> dict[int, float]:
    """Bytes of weights a second that replies took, by the bytes of the model that wrote them."""
    return _learned(_name())


def _learned(name: str) -> dict[int, float]:
    found = _read().get(name, {}).get("learned")
    entries = found.items() if isinstance(found, dict) else ()
    return {
        int(size): rate
        for size, value in entries
        if size.isdecimal() and (rate := _number(value)) is not None
    }


def learn(size: int, tokens: int, tokens_per_s: float, threads: int | None = None) -> None:
    """Records how fast a model wrote on the processor alone.

    Args:
        size: Bytes of its weights.
        tokens: That it wrote.
        tokens_per_s: As its receipt has it.
        threads: With how many threads; by default those that the engine takes by itself.
    """
    if size < _LEAST_SIZE or tokens < _LEAST_TOKENS or _number(tokens_per_s) is None:
        return
    name = _name(threads)
    known = _learned(name)
    rate = size * tokens_per_s
    before = known.pop(size, None)
    if before is not None:
        rate = before + _WEIGHT * (rate - before)
        if abs(rate - before) < _SAME * before:
            return
    kept = list(known.items())[1 - _REMEMBERED :]
    _write(name, {"learned": {str(of): value for of, value in (*kept, (size, rate))}})


def _name(threads: int | None = None) -> str:
    """The machine, the threads and the build, as far as they decide on the figures."""
    file = products.library("ggml-cpu")
    build = ""
    if file is not None:
        with contextlib.suppress(OSError):
            status = file.stat()
            build = f" {status.st_size} {status.st_mtime_ns}"
    return f"{platform.node()} {platform.machine()} {threads or default_threads()}{build}"


def _file() -> Path:
    return paths.cache_dir() / "speeds.json"


def _read() -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(small_text(_file()) or "{}")
    except (ValueError, RecursionError):
        return {}
    entries = found.items() if isinstance(found, dict) else ()
    return {name: values for name, values in entries if isinstance(values, dict)}


def _write(name: str, values: dict[str, Any]) -> None:
    known = _read()
    paths.remember(_file(), json.dumps(known | {name: known.get(name, {}) | values}))


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) and value > 0 else None
