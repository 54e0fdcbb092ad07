"""Says what a file is that is not a GGUF file."""

from __future__ import annotations

import re

_STARTS = (
    (
        rb"\s*(<!doctype|<html|<\?xml|<head|<body)",
        "is a web page that was saved in place of the model",
    ),
    (rb"version https://git-lfs", "is a git-lfs pointer, not the model: run `git lfs pull`"),
    (rb"PK\x03\x04", "is a zip archive or a PyTorch checkpoint: unpack or convert it to GGUF"),
    (rb"\x80[\x02-\x05]", "is a Python pickle: convert the model to GGUF"),
    (rb"(tjgg|lmgg|fmgg|algg)", "is in the GGML format of before 2023-08: convert it to GGUF"),
    (rb".{8}\{\s*\"", "is a safetensors file: convert the model to GGUF"),
    (
        rb"(\x1f\x8b|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd|7z\xbc\xaf|Rar!)",
        "is a packed file: unpack it first",
    ),
    (rb"\s*[{\[]", "is a JSON file, not the model"),
    (rb"\x00{64}", "begins with zeros: its download was not finished"),
)


def looks_like(start: bytes, name: str) -> str:
    """Why a file without GGUF's magic is not a model, from its first bytes and its name."""
    part = piece_of(name)
    if part:
        return part
    for pattern, reason in _STARTS:
        if re.match(pattern, start, re.IGNORECASE | re.DOTALL):
            return reason
    return "is not a GGUF file"


def piece_of(name: str) -> str | None:
    """What to do with a file whose name says that it was cut up, or nothing."""
    match = re.fullmatch(r"(.*\.gguf)[.-](part|split)[-_]?\w+", name, re.IGNORECASE | re.DOTALL)
    if match is None:
        return None
    whole = "".join(c if c.isprintable() else "?" for c in match[1])
    return f"is a piece of a model: join the pieces first (cat {whole}?{match[2]}* > {whole})"
