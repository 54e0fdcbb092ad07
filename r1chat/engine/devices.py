"""Lists the GPUs that llama.cpp sees, in the order in which it uses them.

Its Python bindings leave out ggml's functions for this, so that they are looked up in the library
itself.
"""

from __future__ import annotations

import ctypes
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1chat.engine import native
from r1chat.engine.native import api
from r1chat.sanitize import line

log = logging.getLogger(__name__)

_GPU, _SHARED = 1, 2
_REMOTE = "RPC"
_FILES = ("{}.dll", "lib{}.dylib", "lib{}.so")
_BACKEND = re.compile(r"(?:lib)?ggml-(cuda|hip|vulkan|metal|sycl|musa|opencl|cann)\b")
_LIBRARIES = ("ggml-base", "ggml")


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU.

    Attributes:
        name: As llama.cpp calls it, e.g. "CUDA0".
        description: What it is.
        total: Bytes of its memory; 0 where it does not say.
        free: Bytes that can be taken.
        shared: Whether it computes in the main memory.
    """

    name: str
    description: str
    total: int
    free: int
    shared: bool


def devices() -> tuple[Device, ...]:
    """The GPUs that a model is spread over, in the order of a tensor split."""
    native.start()
    try:
        seen = list(_seen())
    except (OSError, AttributeError) as error:
        log.warning("ggml's devices cannot be listed: %s", error)
        return ()
    # llama.cpp's own choice: other machines' first, and a processor's graphics only where there is
    # nothing better.
    remote = [device for device, kind in seen if kind == _REMOTE]
    cards = [device for device, kind in seen if kind != _REMOTE and not device.shared]
    return (*remote, *(cards or [device for device, _ in seen if device.shared]))


def backends(folder: Path | None = None) -> tuple[str, ...]:
    """What the installed llama.cpp is built for beside the processor, e.g. "cuda".

    Without a driver it sees no GPU all the same.

    Args:
        folder: Where its libraries are; by default where they were loaded from.
    """
    place = folder or Path(getattr(api, "_base_path", ""))
    found = (_BACKEND.match(file.name) for file in place.glob("*ggml-*"))
    return tuple(sorted({match[1] for match in found if match}))


def _seen() -> Iterator[tuple[Device, str]]:
    """Each of them with what it is reached through."""
    count = _function("ggml_backend_dev_count", ctypes.c_size_t)()
    get = _function("ggml_backend_dev_get", ctypes.c_void_p, ctypes.c_size_t)
    kind = _function("ggml_backend_dev_type", ctypes.c_int, ctypes.c_void_p)
    for index in range(count):
        device = get(index)
        if kind(device) in {_GPU, _SHARED}:
            free, total = _memory(device)
            name, description = _text("name", device), _text("description", device)
            shared = kind(device) == _SHARED
            yield Device(name, description, total, min(free, total), shared), _registry(device)


def _memory(device: int) -> tuple[int, int]:
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    ask = _function("ggml_backend_dev_memory", None, *[ctypes.c_void_p] * 3)
    ask(device, ctypes.addressof(free), ctypes.addressof(total))
    return free.value, total.value


def _text(what: str, device: int) -> str:
    text = _function(f"ggml_backend_dev_{what}", ctypes.c_char_p, ctypes.c_void_p)(device)
    return line((text or b"").decode("utf-8", "replace"), 80)


def _registry(device: int) -> str:
    registry = _function("ggml_backend_dev_backend_reg", ctypes.c_void_p, ctypes.c_void_p)(device)
    name = _function("ggml_backend_reg_name", ctypes.c_char_p, ctypes.c_void_p)(registry)
    return _REMOTE if (name or b"").startswith(_REMOTE.encode()) else ""


def _function(name: str, result: Any, *arguments: Any) -> Any:  # noqa: ANN401  (ctypes' own)
    """One of ggml's functions.

    Raises:
        AttributeError: If this llama.cpp has none of that name.
    """
    for library in _libraries():
        function = getattr(library, name, None)
        if function is not None:
            function.restype, function.argtypes = result, arguments
            return function
    raise AttributeError(name)


def _libraries() -> Iterator[ctypes.CDLL]:
    # llama.cpp's own library hands on those that it needs, but not on Windows.
    if isinstance(library := getattr(api, "_lib", None), ctypes.CDLL):
        yield library
    folder = Path(getattr(api, "_base_path", ""))
    for name in _LIBRARIES:
        for pattern in _FILES:
            file = folder / pattern.format(name)
            if file.is_file():
                yield ctypes.CDLL(str(file))
