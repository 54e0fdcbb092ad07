"""Whether a file is a model that one can chat with."""

from __future__ import annotations

import re
from difflib import get_close_matches

from r1chat.errors import ModelError
from r1chat.gguf.header import Header
from r1chat.gguf.reader import quoted, shown
from r1chat.gguf.tables import LISTED_FOR, OTHER_ARCHITECTURES, SUPPORTED_ARCHITECTURES

_KINDS = {
    "adapter": "a LoRA adapter, which is no model by itself",
    "mmproj": "the image part of a model (mmproj)",
    "imatrix": "an importance matrix, which is used for quantising",
}


def is_part(header: Header) -> bool:
    """Whether a file is no model by itself, but made for one: an adapter, its eyes."""
    return header.kind in _KINDS or OTHER_ARCHITECTURES.get(header.arch) == _KINDS["mmproj"]


def check_chat_model(header: Header) -> None:
    """Refuses, before any tensor is loaded, what r1chat cannot chat with.

    Raises:
        ModelError: In one line that names the file, and what it is.
    """
    what = _KINDS.get(header.kind) or OTHER_ARCHITECTURES.get(header.arch)
    if what:
        _fail(header, f"is {what}")
    if not header.arch:
        _fail(header, "does not say what architecture its model has")
    if header.arch not in SUPPORTED_ARCHITECTURES and not _newer():
        near = get_close_matches(header.arch, SUPPORTED_ARCHITECTURES, n=3)
        hint = f" (did you mean {' or '.join(near)}?)" if near else ""
        _fail(
            header,
            f"has the architecture {quoted(header.arch)}, which this llama.cpp does not "
            f"support{hint}; supported: {', '.join(SUPPORTED_ARCHITECTURES)}",
        )
    if not header.is_model:
        _fail(header, "holds only a vocabulary, no weights")


def _newer() -> bool:
    """Whether the installed llama.cpp may know architectures that are not listed here."""
    from importlib import metadata  # 25 ms, which a model that is listed need not wait for

    try:
        found = metadata.version("llama-cpp-python")
    except metadata.PackageNotFoundError:
        return False
    return tuple(int(n) for n in re.findall(r"\d+", found)[:3]) > LISTED_FOR


def _fail(header: Header, reason: str) -> None:
    msg = f"{shown(header.path)} {reason}"
    raise ModelError(msg)
