"""Names what the recipe makes, and where it is kept: outside the tree, beside the real models."""

from __future__ import annotations

import os
from pathlib import Path

from scripts.real.models import folder as real_models

COMMAND = "scripts/real_vllm"
FOLDER_VARIABLE = "R1CHAT_REAL_VLLM"


_NAMED = os.environ.get(FOLDER_VARIABLE)
_FOLDER = Path(_NAMED).expanduser().absolute() if _NAMED else real_models().parent / "real-vllm"
"""Found out at once: tests take the environment away that tells it."""


def folder() -> Path:
    """Where all of it lies."""
    return _FOLDER


def environment() -> Path:
    """The virtual environment of vLLM alone."""
    return folder() / "env"


def python() -> Path:
    """Its Python."""
    return environment() / "bin" / "python"


def model(name: str) -> Path:
    """The folder of a converted model."""
    return folder() / "models" / name
