"""Opens model files, and refuses those that llama.cpp could not load safely."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1chat.engine import native
from r1chat.engine.gpus import GpuFull
from r1chat.engine.native import api
from r1chat.errors import ModelError
from r1chat.formatting import counted, format_bytes
from r1chat.gguf import UPGRADE, Header
from r1chat.gguf.needs import (
    DEFAULT_CONTEXT,
    MOST_LANES,
    SAFE_SHARE,
    Needs,
    Shape,
    needs,
    shortened,
)
from r1chat.reasoning.formats import Format
from r1chat.states import States

_CHEAP_CACHE = 16 << 20
CHEAP_SAMPLES = 8
"""So many there is room for at most unless more are asked for."""
_LOADING = "error loading model: "
_NO_ROOM = re.compile(r"(unable|failed) to allocate|out of (device )?memory", re.IGNORECASE)

_UNKNOWN = re.compile(r"unknown (model architecture|(pre-)?tokenizer|tokenizer type)")


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How to load a model; None leaves the choice to r1chat.

    Attributes:
        ctx: Tokens of context.
        threads: Threads for single tokens.
        gpu_layers: Layers to put on the GPU; -1 for all.
        tensor_split: A part for each of several GPUs; empty shares out by their free memory.
        on_progress: Called with 0 to 1 while the file is read, from another thread.
        trusted: Whether the file is known to be good, so that it need not be tried in a child
            process first.
        samples: Replies that are to be drawn side by side.
        formats: Formats of thoughts that a user has described, preferred to those that are known.
        states: Where the states of conversations are kept; None keeps none.
    """

    ctx: int | None = None
    threads: int | None = None
    gpu_layers: int | None = None
    tensor_split: tuple[float, ...] = ()
    on_progress: Callable[[float], None] | None = None
    trusted: bool = False
    samples: int = 1
    formats: tuple[Format, ...] = ()
    states: States | None = None


def open_model(
    path: Path,
    *,
    gpu_layers: int = 0,
    tensor_split: Sequence[float] = (),
    on_progress: Callable[[float], bool] | None = None,
) -> Any:  # noqa: ANN401  (an opaque native handle)
    """Loads a model's weights.

    Args:
        path: The file, of a split model the first one.
        gpu_layers: Layers to put on the GPU; -1 for all.
        tensor_split: A part for each of several GPUs; empty shares out by their free memory.
        on_progress: Called with 0 to 1; returning False breaks off.

    Returns:
        llama.cpp's handle, to be freed with ``llama_model_free``.

    Raises:
        ModelError: If llama.cpp refuses the file; the message gives its reason.
        GpuFull: If there is not so much memory on the GPUs.
    """
    native.start()
    native.forget_errors()
    params = api.llama_model_default_params()
    params.n_gpu_layers = gpu_layers
    if tensor_split:
        # llama.cpp reads as many as there can be, and makes a copy.
        parts = (ctypes.c_float * api.llama_max_devices())(*tensor_split)
        params.tensor_split = ctypes.cast(parts, ctypes.POINTER(ctypes.c_float))
    if b"AMX_INT8 = 1" in api.llama_print_system_info():
        # llama.cpp's AMX kernels crash the process in the first decode with quantised weights
        # (ggml-org/llama.cpp#20824). They can only be avoided together with the repacked layouts.
        params.use_extra_bufts = False
    if on_progress is not None:
        report = on_progress
        params.progress_callback = api.llama_progress_callback(
            lambda fraction, _: bool(report(fraction))
        )
    model = api.llama_model_load_from_file(os.fsencode(path), params)
    if not model:
        said = native.last_errors()
        message = f"{path.name} cannot be loaded: {_reason(said)}"
        full = gpu_layers and any(map(_NO_ROOM.search, said))
        raise GpuFull(message) if full else ModelError(message)
    return model


def free_model(model: Any) -> None:  # noqa: ANN401  (an opaque native handle)
    """Frees a model's weights, after its contexts."""
    api.llama_model_free(model)


def _reason(said: Sequence[str]) -> str:
    """Of what llama.cpp logged the error that says most, without the names of its functions."""
    if not said:
        return "llama.cpp gives no reason"
    told = [error for error in said if _LOADING in error]
    reason = re.sub(r"^\w+: ", "", (told or said)[-1].rpartition(_LOADING)[2])
    if not _UNKNOWN.search(reason):
        return reason
    return f"{reason}, which this llama.cpp does not know; {UPGRADE}"


def choose_context(header: Header, wanted: int | None, available: int | None) -> tuple[int, str]:
    """Chooses how many tokens of context to make.

    Args:
        header: The file's.
        wanted: What the user asked for.
        available: Bytes of free memory, or None where nobody knows.

    Returns:
        The tokens, and a notice for the user or an empty string.

    Raises:
        ModelError: If what the user asked for does not fit into the memory.
    """
    shape, weights = Shape.of(header), header.size  # mapped as a whole
    if wanted is None:
        found = shortened(shape, weights, available)
    else:
        found = needs(shape, weights, wanted)
    if available is not None and not found.fits(available):
        free = format_bytes(available)
        message = f"not enough memory: {found}, of {free} free at most {SAFE_SHARE:.0%}"
        shorter = shortened(shape, weights, available)
        if shorter.fits(available):
            fitting = counted(shorter.tokens, "token")
            cure = f"a context of {fitting} would fit (--ctx {shorter.tokens})"
        else:
            cure = "close other programs, or take a smaller model (`r1chat models list`)"
        message = f"{message}; {cure}"
        raise ModelError(message)
    return found.tokens, _notice(shape, found, wanted)


def choose_cells(header: Header, context: int, samples: int, available: int | None) -> int:
    """Chooses how many tokens the cache holds, of all samples that are drawn side by side.

    Args:
        header: The file's.
        context: Tokens of context, of each of them.
        samples: How many are wanted at a time.
        available: Bytes of free memory, or None where nobody knows.

    Returns:
        Room for as many as fit into the memory, for one at least; where room is cheap, for more
        than were asked for.
    """
    shape, weights = Shape.of(header), header.size
    cheap = _CHEAP_CACHE // max(1, context * shape.cache_per_token)
    wanted = max(1, samples, min(cheap, CHEAP_SAMPLES))
    while wanted > 1 and not needs(shape, weights, wanted * context).fits(available):
        wanted -= 1
    return wanted * context


def choose_lanes(header: Header, cells: int, samples: int, available: int | None) -> int:
    """Chooses how many samples can be drawn side by side.

    Args:
        header: The file's.
        cells: Tokens that the cache holds.
        samples: How many are wanted at a time.
        available: Bytes of free memory, or None where nobody knows.

    Returns:
        As many as cost nothing, where there is no state to keep of each; else the usual ones, or
        as many of those wanted as fit into the memory.
    """
    shape, weights = Shape.of(header), header.size
    lanes = max(shape.usual_lanes, min(samples, MOST_LANES))
    while lanes > shape.usual_lanes and not needs(shape, weights, cells, lanes).fits(available):
        lanes -= 1
    return lanes


def _notice(shape: Shape, found: Needs, wanted: int | None) -> str:
    if wanted is None and found.tokens < shape.usual_context:
        return f"memory is short: the context is {counted(found.tokens, 'token')} ({found})"
    trained = shape.context or DEFAULT_CONTEXT
    if wanted is not None and wanted > trained:
        return f"this model was made for {trained:,} tokens of context, not {wanted:,}"
    return ""


def describe(model: Any) -> tuple[int, int]:  # noqa: ANN401  (an opaque native handle)
    """Parameters and bytes of weights of a loaded model."""
    return int(api.llama_model_n_params(model)), int(api.llama_model_size(model))


def chat_template(model: Any) -> str | None:  # noqa: ANN401  (an opaque native handle)
    """The chat template in a loaded model, or None."""
    data: bytes | None = api.llama_model_chat_template(model, ctypes.c_char_p(None))
    return data.decode("utf-8", "replace") if data else None
