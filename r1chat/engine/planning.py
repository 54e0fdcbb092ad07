"""Decides what of a model is loaded, and how, before anything is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from r1chat import gguf
from r1chat.engine import gpus, loading, probe
from r1chat.engine.context import ContextOptions
from r1chat.engine.devices import devices
from r1chat.engine.loading import LoadOptions
from r1chat.engine.opening import Opening
from r1chat.engine.threads import default_threads, usable_cores
from r1chat.errors import ModelError
from r1chat.gguf.needs import Shape
from r1chat.resources import available_memory


@dataclass(frozen=True, slots=True)
class Plan:
    """How a model is going to be loaded.

    Attributes:
        path: The file; of a split model the first one.
        options: What was asked for.
        header: The file's.
        sizes: Of the context.
        available: Bytes of free memory, GPUs included; None where nobody knows.
        on_gpu: What goes onto GPUs.
        notices: What the user should know, a line each.
    """

    path: Path
    options: LoadOptions
    header: gguf.Header
    sizes: ContextOptions
    available: int | None
    on_gpu: gpus.Plan
    notices: tuple[str, ...]


def plan(path: Path, options: LoadOptions) -> Plan:
    """Looks at a model and at the machine.

    Args:
        path: The file.
        options: What is asked for.

    Raises:
        ModelError: If the file cannot be used, or does not fit into the memory; the message says
            why.
    """
    header = gguf.read_header(path)
    gguf.check_chat_model(header)
    cards = () if options.gpu_layers == 0 else devices()
    here = available_memory()
    room = gpus.Room(header, cards, here, options.gpu_layers, options.tensor_split)
    context, notice = room.settled(
        options.ctx or Shape.of(header).usual_context,
        lambda free: loading.choose_context(header, options.ctx, free),
    )
    cells, _ = room.settled(
        context * max(options.samples, loading.CHEAP_SAMPLES),
        lambda free: (loading.choose_cells(header, context, options.samples, free), ""),
    )
    on_gpu = room.plan(cells)
    available = room.free(on_gpu, cells, grows=True)
    sizes = ContextOptions(
        context,
        options.threads or default_threads(),
        options.threads or usable_cores(),
        cells,
        loading.choose_lanes(header, cells, options.samples, available),
        most_threads=options.threads or usable_cores(),
    )
    if not options.trusted:
        probe.check(path, Opening(sizes, on_gpu.layers, on_gpu.count, on_gpu.split))
    return Plan(path, options, header, sizes, available, on_gpu, (notice,) if notice else ())


def fits_unshortened(path: Path, options: LoadOptions) -> bool:
    """Whether a model fits into the memory that is free now without giving up any context.

    Args:
        path: The file.
        options: What is asked for.

    Raises:
        ModelError: If the file cannot be used at all.
    """
    header = gguf.read_header(path)
    gguf.check_chat_model(header)
    cards = () if options.gpu_layers == 0 else devices()
    room = gpus.Room(header, cards, available_memory(), options.gpu_layers, options.tensor_split)
    try:
        _, notice = room.settled(
            options.ctx or Shape.of(header).usual_context,
            lambda free: loading.choose_context(header, options.ctx, free),
        )
    except ModelError:
        return False
    return not notice
