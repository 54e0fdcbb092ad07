"""The models that can be picked."""

from __future__ import annotations

from pathlib import Path

from r1chat import paths
from r1chat.tui.screens.pick import Choice

_MOST = 200


def choices(current: str) -> list[Choice]:
    """The built-in model, the one in use, and the files in the usual places."""
    found = {"tiny": Choice("tiny", "tiny", "built in, a toy for arithmetic")}
    if current not in found:
        found[current] = Choice(current, Path(current).name or current, "in use")
    for folder in (paths.models(), Path.cwd()):
        try:
            files = sorted(folder.glob("*.gguf"))[:_MOST]
        except OSError:
            continue
        for file in files:
            size = f"{file.stat().st_size / 1e9:.2f} GB"
            found.setdefault(str(file), Choice(str(file), file.name, size))
    return list(found.values())
