"""Whether a file is a model that one can chat with."""

from __future__ import annotations

import re

from r1chat.errors import ModelError
from r1chat.gguf.header import Array, Header
from r1chat.gguf.reader import quoted, shown
from r1chat.gguf.tables import LISTED_FOR, OTHER_ARCHITECTURES, SUPPORTED_ARCHITECTURES

_KINDS = {
    "adapter": "a LoRA adapter, which is no model by itself",
    "mmproj": "the image part of a model (mmproj)",
    "imatrix": "an importance matrix, which is used for quantising",
}


UPGRADE = "a newer one may: pip install --upgrade llama-cpp-python"
"""What to do where the installed llama.cpp does not know something about a model."""

_EMBEDDING = "an embedding model, which has no words to answer with"
_RERANKER = "a reranker, which only says how well a text answers a question"
_CLASSIFIER = "a classifier, which only says what kind of text it is given"
_SCORING = ("cls.", "cls_", "score.")
_TAGS = ("sentence-transformers", "sentence-similarity", "feature-extraction")
"""What authors call embedding models on the Hub, which some files carry as their only sign."""
_RANK = 4
"""The number of llama.cpp's pooling by which rerankers and classifiers give one figure."""


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
        # Kept short: whoever has a new model wants to know how to run it.
        _fail(
            header,
            f"has the architecture {quoted(header.arch)}, which this llama.cpp does not know; "
            f"{UPGRADE}",
        )
    what = _without_words(header)
    if what:
        _fail(header, f"is {what}")
    if not header.is_model:
        _fail(header, "holds only a vocabulary, no weights")


def _without_words(header: Header) -> str:
    """What a model is that is built like one that chats, but was made to give figures."""
    pooling = header.integer(f"{header.arch}.pooling_type") or 0
    labels = header.metadata.get(f"{header.arch}.classifier.output_labels") is not None
    scores = any(tensor.name.startswith(_SCORING) for tensor in header.tensors)
    if pooling == _RANK or labels or scores:
        named = re.search(r"rank", f"{header.name} {header.path.name}", re.IGNORECASE)
        return _RERANKER if pooling == _RANK or named else _CLASSIFIER
    causal = header.metadata.get(f"{header.arch}.attention.causal")
    # Above 0, which is none. A negative figure says that nobody has said.
    if pooling > 0 or causal is False:
        return _EMBEDDING
    tags = header.metadata.get("general.tags")
    if not isinstance(tags, Array) or not any(tags.holds(*_TAGS)):
        return ""
    # Some that chat have such a tag as well.
    return "" if any(tags.holds("text-generation", "conversational")) else _EMBEDDING


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
