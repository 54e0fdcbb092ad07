"""Measures the memory and the cores that this process may use.

Linux tells by ``/proc`` and the control groups, macOS by two of its programs, Windows by one call.
Elsewhere, and where reading fails, the memory is unknown.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_GROUPS = Path("/sys/fs/cgroup")
_PATIENCE_S = 2.0
_RESERVED = 512 << 20
_NICE, _IDLE, _IO_WAIT = 1, 3, 4
"""Columns of `/proc/stat` behind a core's name."""


@dataclass(frozen=True, slots=True)
class Memory:
    """The machine's memory in bytes, as far as this process may have it.

    Attributes:
        total: All of it, or what a container is allowed.
        free: What can be taken without swapping. Files that the system keeps in memory count as
            free, since it gives them up; so do those that a container has read.
    """

    total: int
    free: int


def memory() -> Memory | None:
    """Measures the memory; None where unknown."""
    if sys.platform == "win32":
        return _windows()
    return _mac() if sys.platform == "darwin" else _linux()


def available_memory() -> int | None:
    """Bytes of memory that can be taken without swapping; None where nobody knows."""
    found = memory()
    return None if found is None else found.free


def usable_cores() -> int:
    """Processor cores that this process may use."""
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:
        return max(1, os.cpu_count() or 1)


_chosen: int | None = None
_given: int | None = None


def use_threads(threads: int | None) -> None:
    """Has this process know how many threads the user wants for single tokens."""
    global _chosen  # noqa: PLW0603  (what a process knows, as it starts)
    _chosen = threads


def give_threads(threads: int | None) -> None:
    """Has this process know how many are wanted for this once, whatever is wanted usually."""
    global _given  # noqa: PLW0603  (what a process knows, as it starts)
    _given = threads


def default_threads() -> int:
    """Threads for single tokens: as the user wants, for once or usually, else all cores but one.

    That is left to the screen and the rest of the machine: two threads on two cores fell from 72
    tokens/s to 2.6 while any other job ran.
    """
    return _given or _chosen or max(1, usable_cores() - 1)


class FreeCores:
    """Says how many of the usable cores no other program has used since it was last asked.

    Linux counts the time of each core; elsewhere nobody knows.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        own: Callable[[], float] = time.process_time,
    ) -> None:
        self._clock = clock
        self._own = own
        self._before: tuple[float, float] | None = None

    def __call__(self) -> float | None:
        """The mean number since the last call; None at the first one, and where nobody knows."""
        idle = _idle_seconds()
        if idle is None:
            return None
        free = idle + (self._own() if _niceness() == 0 else 0.0)
        now = self._clock()
        before, self._before = self._before, (now, free)
        if before is None or now <= before[0]:
            return None
        return max(0.0, (free - before[1]) / (now - before[0]))


def _niceness() -> int:
    """How far this process stands back; what it uses counts as idle then, as that of all such."""
    try:
        return max(0, os.getpriority(os.PRIO_PROCESS, 0))
    except (AttributeError, OSError):
        return 0


def _idle_seconds() -> float | None:
    """Seconds that the usable cores have been idle, or busy with work of low priority."""
    try:
        usable = os.sched_getaffinity(0)
        ticks = os.sysconf("SC_CLK_TCK")
    except (AttributeError, ValueError, OSError):
        return None
    total = 0
    found = False
    for row in text_of(_PROC / "stat").splitlines():
        name, *times = row.split()
        if not name.startswith("cpu") or not name[3:].isdigit() or int(name[3:]) not in usable:
            continue
        if len(times) < _IO_WAIT + 1 or not all(each.isdigit() for each in times):
            return None
        found = True
        total += sum(int(times[at]) for at in (_NICE, _IDLE, _IO_WAIT))
    return total / ticks if found and ticks > 0 else None


def output(command: str, *arguments: str, patience_s: float = _PATIENCE_S) -> str:
    """What a program prints; nothing where it is missing, fails or takes longer than that."""
    found = shutil.which(command)
    if found is None:
        return ""
    try:
        done = subprocess.run(
            [found, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=patience_s,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace").strip()


def number(path: Path) -> int | None:
    """The whole number that a file of the system holds; None where there is none."""
    text = text_of(path).strip()
    return int(text) if text.isascii() and text.isdigit() else None


def text_of(path: Path) -> str:
    """What a file of the system says; nothing where it cannot be read."""
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _linux() -> Memory | None:
    sizes = {}
    for row in text_of(_PROC / "meminfo").splitlines():
        name, _, size = row.partition(":")
        fields = size.split()
        if len(fields) == 2 and fields[0].isdigit():  # noqa: PLR2004  (a number and its unit)
            sizes[name] = int(fields[0]) * 1024
    total, free = sizes.get("MemTotal"), sizes.get("MemAvailable")
    if total is None or free is None:
        return None
    for limit, used in _limits():
        total = min(total, limit)
        free = min(free, limit - used)
    room = _address_space()
    if room is not None:
        free = min(free, room)
    return Memory(total, max(0, free))


def _limits() -> Iterator[tuple[int, int]]:
    """Limits of this process's control group and of all above it, each with what is used.

    In a container the path may be the host's: its folders are not there, and the group itself is
    mounted in the place of the highest.
    """
    for row in text_of(_PROC / "self" / "cgroup").splitlines():
        _, _, rest = row.partition(":")
        controllers, _, path = rest.partition(":")
        limits: tuple[str, ...]
        if not controllers:
            root, limits, used, prefix = _GROUPS, ("memory.max", "memory.high"), "current", ""
        elif "memory" in controllers.split(","):
            root, limits = _GROUPS / "memory", ("memory.limit_in_bytes",)
            used, prefix = "usage_in_bytes", "total_"
        else:
            continue
        group = root / path.lstrip("/")
        for folder in (group, *group.parents):
            least = min(filter(None, (number(folder / name) for name in limits)), default=None)
            taken = number(folder / f"memory.{used}")
            if least is not None and taken is not None:
                yield least, max(0, taken - _cached(folder, prefix))
            if folder == root:
                break


def _cached(folder: Path, prefix: str) -> int:
    """Bytes of files that a control group has in memory; they are given up when it gets short."""
    names = {f"{prefix}inactive_file", f"{prefix}active_file"}
    rows = (row.split() for row in text_of(folder / "memory.stat").splitlines())
    return sum(int(row[1]) for row in rows if len(row) > 1 and row[0] in names)


def _address_space() -> int | None:
    """What may be taken where the address space has a limit (``ulimit -v``), else None.

    Less than what is left: threads and llama.cpp reserve much that they never write to.
    """
    import resource

    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    pages = text_of(_PROC / "self" / "statm").split()
    if most == resource.RLIM_INFINITY or not pages:
        return None
    return most - int(pages[0]) * resource.getpagesize() - _RESERVED


def _mac() -> Memory | None:
    total, pages = output("sysctl", "-n", "hw.memsize"), output("vm_stat")
    size = re.search(r"page size of (\d+) bytes", pages)
    counts = dict(re.findall(r"^Pages ([a-z ]+):\s+(\d+)\.", pages, re.MULTILINE))
    if not total.isdigit() or size is None or "free" not in counts:
        return None
    free = sum(int(counts.get(name, 0)) for name in ("free", "inactive", "speculative"))
    return Memory(int(total), free * int(size[1]))


class _Status(ctypes.Structure):
    """Windows' ``MEMORYSTATUSEX``."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        ("total", ctypes.c_uint64),
        ("free", ctypes.c_uint64),
        ("rest", ctypes.c_uint64 * 5),
    )


def _windows() -> Memory | None:
    status = _Status(length=ctypes.sizeof(_Status))
    kernel = ctypes.CDLL("kernel32")
    if not kernel.GlobalMemoryStatusEx(ctypes.byref(status)):
        return None
    return Memory(int(status.total), int(status.free))
