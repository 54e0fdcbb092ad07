"""Finds models that LM Studio has downloaded, to use them in place.

Its home is named in `~/.lmstudio-home-pointer`, else `~/.lmstudio`, once `~/.cache/lm-studio`.
Models lie in `models/<publisher>/<repository>/` there, or in the folder that its settings name.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from r1chat import paths
from r1chat.hub.names import good_path, good_repo
from r1chat.hub.places import Place, files
from r1chat.user_files import small_text

_LONGEST_SETTINGS = 1 << 20
_LONGEST_POINTER = 1 << 12
_DEPTH = 3
"""Publisher, repository, and a folder for the files of a split model."""


def folders() -> list[Path]:
    """Where LM Studio may keep models, those that exist, each once."""
    found: dict[Path, None] = {}
    for home in _homes():
        for folder in (_configured(home), home / "models"):
            if folder is not None and os.path.isdir(folder):  # noqa: PTH112  (takes any name)
                found[folder] = None
    return list(found)


def models() -> Iterator[Place]:
    """The GGUF files of LM Studio."""
    for folder in folders():
        for path in files(folder, depth=_DEPTH, suffix=".gguf"):
            parts = path.relative_to(folder).parts
            repo, file = "/".join(parts[:2]), "/".join(parts[2:])
            if not good_repo(repo) or not good_path(file):
                repo = file = ""
            yield Place(path, "lm studio", repo=repo, file=file)


def _homes() -> list[Path]:
    try:
        user = Path.home()
    except RuntimeError:
        return []
    homes = [user / ".lmstudio", user / ".cache" / "lm-studio"]
    pointer = small_text(user / ".lmstudio-home-pointer", _LONGEST_POINTER).strip()
    if pointer and Path(pointer).is_absolute():
        homes.insert(0, Path(pointer))
    return homes


def _configured(home: Path) -> Path | None:
    """The folder that the settings name, if they name one."""
    try:
        settings = json.loads(small_text(home / "settings.json", _LONGEST_SETTINGS) or "{}")
    except (ValueError, RecursionError):
        return None
    folder = settings.get("downloadsFolder") if isinstance(settings, dict) else None
    if not isinstance(folder, str):
        return None
    path = paths.named(folder)
    return path if path.is_absolute() else None
