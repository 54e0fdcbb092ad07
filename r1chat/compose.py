"""Puts the parts together: from a model reference to an engine that runs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from r1chat.errors import EngineError, ModelError
from r1chat.sanitize import line

if TYPE_CHECKING:
    from r1chat.engine.base import Engine

TINY = "tiny"
_ACCEPTED = 'a model is "tiny" (built in) or the path of a .gguf file'


def resolve(ref: str) -> Path:
    """The file that a model reference means.

    Args:
        ref: ``tiny``, or the path of a GGUF file.

    Raises:
        ModelError: If there is none.
    """
    shown = line(ref)
    if ref == TINY:
        path = Path(__file__).parent / "models" / "tiny.gguf"
        if not path.is_file():
            message = f"the built-in model is missing: {path} is not there; install r1chat again"
            raise ModelError(message)
        return path
    if not ref.strip():
        message = f"no model named; {_ACCEPTED}"
        raise ModelError(message)
    try:
        path = Path(ref).expanduser()
        if path.is_dir():
            message = f"{shown} is a directory; {_ACCEPTED}"
            raise ModelError(message)
        if path.exists():
            return path
    except (OSError, ValueError, RuntimeError) as error:
        # RuntimeError: no home folder for "~". ValueError: a NUL in the name.
        message = f"cannot use the model {shown}: {line(str(error))}"
        raise ModelError(message) from None
    if ref.startswith(("/", "./", "../", "~", "\\")) or ref.lower().endswith(".gguf"):
        message = f"no such model file: {shown}"
        raise ModelError(message)
    if ref.startswith("r1:") or "/" in ref:
        message = (
            f"{shown} would have to be downloaded, which comes with `r1chat models` and is not "
            "built yet; give the path of a .gguf file"
        )
        raise ModelError(message)
    message = f"no such model: {shown!r}; {_ACCEPTED}"
    raise ModelError(message)


def load(
    ref: str = TINY,
    *,
    ctx: int | None = None,
    threads: int | None = None,
    gpu_layers: int | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> Engine:
    """Loads a model.

    Args:
        ref: ``tiny``, or the path of a GGUF file.
        ctx: Tokens of context; by default what the model was made for, as far as it fits.
        threads: Threads to compute with; by default measured.
        gpu_layers: Layers on the GPU; -1 is all of them, and None leaves it to the engine.
        on_progress: Is called from another thread with how much is loaded, from 0 to 1.

    Raises:
        ModelError: If it cannot be found or loaded.
        EngineError: If llama.cpp itself cannot be used.
    """
    path = resolve(ref)
    try:
        from r1chat.engine.llama import LlamaEngine, LoadOptions
    except (ImportError, OSError) as error:
        # OSError: the shared library is there but cannot be loaded.
        reason = line(str(error))
        message = f"llama.cpp cannot be used: {reason}; `r1chat doctor` says what to install"
        raise EngineError(message) from error
    options = LoadOptions(
        ctx=ctx,
        threads=threads,
        gpu_layers=gpu_layers,
        on_progress=on_progress,
        trusted=ref == TINY,
    )
    return LlamaEngine(path, ref=ref, options=options)
