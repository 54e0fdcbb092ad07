"""Opens model files, and refuses those that llama.cpp would stumble over."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1chat.engine import native
from r1chat.engine.native import api
from r1chat.errors import ModelError
from r1chat.gguf import Array, Header

DEFAULT_CONTEXT = 16384
_SMALLEST_CONTEXT = 2048
_MIB = 1 << 20
_GIB = 1 << 30
_BATCH = 512
_SAFE_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How to load a model; None leaves the choice to r1chat.

    Attributes:
        ctx: Tokens of context.
        threads: Threads for single tokens.
        gpu_layers: Layers to put on the GPU; -1 for all.
        on_progress: Called with 0 to 1 while the file is read, from another thread.
        trusted: Whether the file is known to be good, so that it need not be tried in a child
            process first.
    """

    ctx: int | None = None
    threads: int | None = None
    gpu_layers: int | None = None
    on_progress: Callable[[float], None] | None = None
    trusted: bool = False


def open_model(
    path: Path, *, gpu_layers: int = 0, on_progress: Callable[[float], bool] | None = None
) -> Any:  # noqa: ANN401  (an opaque native handle)
    """Loads a model's weights.

    Args:
        path: The file, of a split model the first one.
        gpu_layers: Layers to put on the GPU; -1 for all.
        on_progress: Called with 0 to 1; returning False breaks off.

    Returns:
        llama.cpp's handle, to be freed with ``llama_model_free``.

    Raises:
        ModelError: If llama.cpp refuses the file; the message gives its reason.
    """
    native.start()
    native.forget_errors()
    params = api.llama_model_default_params()
    params.n_gpu_layers = gpu_layers
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
        reason = native.last_error() or "llama.cpp gives no reason"
        message = f"{path.name} cannot be loaded: {_plain(reason)}"
        raise ModelError(message)
    return model


def free_model(model: Any) -> None:  # noqa: ANN401  (an opaque native handle)
    """Frees a model's weights, after its contexts."""
    api.llama_model_free(model)


def _plain(reason: str) -> str:
    """Takes llama.cpp's function names and repetitions off an error."""
    return reason.rpartition("error loading model: ")[2].partition(": ")[2] or reason


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
    trained = header.context_trained or DEFAULT_CONTEXT

    def needed(tokens: int) -> int:
        return header.weights_bytes + tokens * header.kv_bytes_per_token + _buffers(header)

    def fits(tokens: int) -> bool:
        return available is None or needed(tokens) <= available * _SAFE_SHARE

    if wanted is not None:
        notice = ""
        if wanted > trained:
            notice = f"this model was made for {trained} tokens of context, not {wanted}"
        if not fits(wanted):
            message = f"not enough memory: {_sum(header, wanted)}, {_gib(available or 0)} free"
            raise ModelError(message)
        return wanted, notice
    size = first = min(trained, DEFAULT_CONTEXT)
    while not fits(size) and size > _SMALLEST_CONTEXT:
        size = max(_SMALLEST_CONTEXT, size // 2)
    if not fits(size):
        message = f"not enough memory: {_sum(header, size)}, {_gib(available or 0)} free"
        raise ModelError(message)
    if size < first:
        return size, f"memory is short: the context is {size} tokens ({_sum(header, size)})"
    return size, ""


def _sum(header: Header, tokens: int) -> str:
    cache = tokens * header.kv_bytes_per_token
    return (
        f"{_gib(header.weights_bytes)} of weights + {_gib(cache)} for {tokens} tokens of context "
        f"+ {_gib(_buffers(header))} of buffers"
    )


def _buffers(header: Header) -> int:
    """Bytes that llama.cpp needs to compute with: above all the logits of one batch."""
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    vocabulary = tokens.count if isinstance(tokens, Array) else 0
    return 64 * _MIB + 4 * _BATCH * (vocabulary + 16 * (header.embedding_length or 0))


def _gib(size: int) -> str:
    return f"{size / _GIB:.1f} GiB" if size >= _GIB else f"{size / _MIB:.0f} MiB"


def available_memory() -> int | None:
    """Bytes of memory that can be taken without swapping, or None where nobody knows."""
    limits = []
    try:
        text = Path("/proc/meminfo").read_text("ascii")
        line = next(line for line in text.splitlines() if line.startswith("MemAvailable:"))
        limits.append(int(line.split()[1]) * 1024)
    except (OSError, StopIteration, ValueError, IndexError):
        return None
    try:
        most = int(Path("/sys/fs/cgroup/memory.max").read_text("ascii"))
        used = int(Path("/sys/fs/cgroup/memory.current").read_text("ascii"))
        limits.append(most - used)
    except (OSError, ValueError):
        pass
    return min(limits)


def describe(model: Any) -> tuple[int, int]:  # noqa: ANN401  (an opaque native handle)
    """Parameters and bytes of weights of a loaded model."""
    return int(api.llama_model_n_params(model)), int(api.llama_model_size(model))


def chat_template(model: Any) -> str | None:  # noqa: ANN401  (an opaque native handle)
    """The chat template in a loaded model, or None."""
    data: bytes | None = api.llama_model_chat_template(model, ctypes.c_char_p(None))
    return data.decode("utf-8", "replace") if data else None
