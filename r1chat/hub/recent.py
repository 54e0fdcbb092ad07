"""Remembers the model files that were opened by their paths."""

from __future__ import annotations

import json
from pathlib import Path

from r1chat import paths
from r1chat.user_files import small_text

_KEPT = 30
_LONGEST = 4096


def files() -> list[Path]:
    """Model files that were opened by their paths and are still there, the newest first."""
    return [path for path in _known() if _is_file(path)]


def keep(path: Path) -> None:
    """Remembers that a model file was opened.

    Args:
        path: Absolute.
    """
    before = _known()
    if before[:1] == [path]:
        return
    kept = [path, *(each for each in before if each != path)][:_KEPT]
    paths.remember(paths.recent_models_file(), json.dumps([str(each) for each in kept]))


def _known() -> list[Path]:
    try:
        found = json.loads(small_text(paths.recent_models_file()) or "[]")
    except (ValueError, RecursionError):
        return []
    texts = [each for each in found if isinstance(each, str)] if isinstance(found, list) else []
    good = [Path(each) for each in texts[:_KEPT] if len(each) <= _LONGEST]
    return [path for path in good if path.is_absolute()]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return False
