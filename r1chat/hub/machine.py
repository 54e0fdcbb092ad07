"""Measures what this machine has for models: memory, GPUs, disk, memory bandwidth."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from r1chat.hub import speeds
from r1chat.hub.bandwidth import bandwidth
from r1chat.resources import default_threads, memory, number, output
from r1chat.sanitize import line

_MIB = 1 << 20
_LEAST_GPU = 1 << 30
"""Less is the part of the main memory that a processor's own graphics have set aside."""
_BACKENDS = ("cuda", "hip", "vulkan")
_CARDS = Path("/sys/class/drm")


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU with memory of its own, in bytes."""

    name: str
    total: int
    free: int


@dataclass(frozen=True, slots=True)
class Machine:
    """What a model can have here.

    Attributes:
        ram_total: Bytes of memory, or what a container is allowed; 0 where nobody knows.
        ram_free: Bytes that can be taken without swapping.
        gpus: GPUs that the installed llama.cpp can use.
        disk_free: Bytes free where downloads go; 0 where nobody knows.
        bandwidth: Bytes a second that are read from memory; None if unknown.
        threads: Threads that the engine uses for single tokens.
        unified: Whether a GPU computes in the main memory, as on Apple silicon.
        products: Bytes of weights a second that these threads multiply; None if unknown.
        learned: The same as replies had it, by the bytes of the model that wrote them.
    """

    ram_total: int
    ram_free: int
    gpus: tuple[Gpu, ...] = ()
    disk_free: int = 0
    bandwidth: float | None = None
    threads: int = 1
    unified: bool = False
    products: float | None = None
    learned: Mapping[int, float] = field(default_factory=dict)

    @property
    def gpu_free(self) -> int:
        """Bytes free on all its GPUs."""
        return sum(gpu.free for gpu in self.gpus)


def this_machine(
    folder: Path | None = None,
    *,
    backends: Collection[str] | None = None,
    measure: bool = True,
) -> Machine:
    """Looks at this machine.

    Args:
        folder: Where downloads go, which need not exist yet; by default the Hub's cache.
        backends: What the installed llama.cpp computes with, e.g. "cuda"; by default what lies
            beside it. A GPU that it has nothing for does not count.
        measure: Whether to measure what is not known yet of how fast it reads and multiplies, in
            less than a second.
    """
    from r1chat.hub.cache import hub_cache

    found = memory()
    return Machine(
        ram_total=found.total if found else 0,
        ram_free=found.free if found else 0,
        gpus=tuple(_gpus(_installed() if backends is None else backends)),
        disk_free=disk_free(folder or hub_cache()),
        bandwidth=bandwidth(measure=measure),
        threads=default_threads(),
        products=speeds.measured(measure=measure),
        learned=speeds.learned(),
        unified=sys.platform == "darwin" and platform.machine() == "arm64",
    )


def disk_free(folder: Path) -> int:
    """The free bytes on a folder's disk for this user; 0 where unknown."""
    for place in (folder.absolute(), *folder.absolute().parents):
        try:
            return shutil.disk_usage(place).free
        except FileNotFoundError:
            continue
        except OSError:
            break
    return 0


def _installed() -> set[str]:
    """The backends of the installed llama.cpp, by their libraries' names; it is not loaded."""
    found = importlib.util.find_spec("llama_cpp")
    folders = found.submodule_search_locations if found else None
    libraries = [file.name for folder in folders or () for file in Path(folder, "lib").glob("*")]
    return {name for name in _BACKENDS if any(f"ggml-{name}." in file for file in libraries)}


def _gpus(backends: Collection[str]) -> Iterator[Gpu]:
    # On a Mac llama.cpp uses the GPU that shares the main memory, and no other.
    if sys.platform == "darwin":
        return
    if "cuda" in backends or "vulkan" in backends:
        yield from _nvidia()
    if "hip" in backends or "vulkan" in backends:
        yield from _amd()


def _nvidia() -> Iterator[Gpu]:
    query = ("--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    for index, row in enumerate(output("nvidia-smi", *query).splitlines()):
        if visible is not None and str(index) not in visible.replace(" ", "").split(","):
            continue
        name, *sizes = (field.strip() for field in row.rsplit(",", 2))
        if len(sizes) == 2 and all(size.isdigit() for size in sizes):  # noqa: PLR2004
            total, free = (int(size) * _MIB for size in sizes)
            yield Gpu(line(name), total, min(free, total))


def _amd() -> Iterator[Gpu]:
    for device in sorted(_CARDS.glob("card[0-9]*/device")):
        total, used = (number(device / f"mem_info_vram_{what}") for what in ("total", "used"))
        if total is not None and used is not None and total >= _LEAST_GPU:
            yield Gpu(_product(device), total, max(0, total - used))


def _product(device: Path) -> str:
    try:
        return line((device / "product_name").read_text("utf-8", "replace")).strip() or "AMD GPU"
    except OSError:
        return "AMD GPU"
