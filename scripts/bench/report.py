"""Medians, spreads, tables, and what to know of the machine."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median


def middle(values: Sequence[float], form: str = ".3f") -> str:
    """The median with the range around it."""
    low, high = min(values), max(values)
    return f"{median(values):{form}} ({low:{form}}–{high:{form}})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown, which reads well on a terminal too."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    out = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |"
        for line in lines
    ]
    out.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(out)


def verdict(value: float, bar: float, *, at_least: bool = False) -> str:
    """Whether a figure reaches its bar."""
    sign = "≥" if at_least else "≤"
    good = value >= bar if at_least else value <= bar
    return f"{'ok' if good else 'MISSED'} ({sign} {bar:g})"


def machine() -> str:
    """The processor and how busy it is, in one line."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        name = next(line.partition(":")[2].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        pass
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"
    moment = time.strftime("%Y-%m-%d %H:%M")
    python = platform.python_version()
    return f"{moment} · {name}, {os.cpu_count()} cores · {load} · Python {python}"
