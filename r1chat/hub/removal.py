"""Removes models from the Hub's cache and our own folder, and from nowhere else."""

from __future__ import annotations

import stat
from pathlib import Path

from r1chat import paths
from r1chat.errors import ModelError
from r1chat.hub import cache
from r1chat.hub.local import LocalModel
from r1chat.hub.places import same_file, shards
from r1chat.sanitize import line


def removable(model: LocalModel) -> bool:
    """Whether `remove` would remove it."""
    return not obstacle_to(model)


def remove(model: LocalModel) -> int:
    """Removes a model's files.

    Returns:
        Bytes that are free now. A link, or a file with a second name elsewhere, frees none.

    Raises:
        ModelError: If it belongs to another program, or cannot be removed. One line.
    """
    if obstacle := obstacle_to(model):
        raise ModelError(obstacle)
    if model.source == "hub":
        return sum(cache.remove(path) for path in _in_all_commits(model.path))
    total = 0
    for file in shards(model.path):
        try:
            size = _freed(file)
            file.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            msg = f"{line(str(file))} cannot be removed: {error.strerror}"
            raise ModelError(msg) from None
        total += size
    return total


def _in_all_commits(path: Path) -> list[Path]:
    """The names that a file of the Hub's cache has: a list shows it once, so all of them go."""
    same = [each.file for each in cache.installed() if same_file(each.file, path)]
    return same or [path]


def _freed(file: Path) -> int:
    """What removing a name frees: nothing if the bytes have another one."""
    info = file.lstat()
    return info.st_size if stat.S_ISREG(info.st_mode) and info.st_nlink == 1 else 0


def obstacle_to(model: LocalModel) -> str:
    """Why it is not for us to remove a model, and who can; empty where it is."""
    match model.source:
        case "hub":
            return ""
        case "built in":
            return "the built-in model is a part of r1chat and goes with it"
        case "lm studio":
            return f"{model.name} belongs to LM Studio: remove it there, under My Models"
        case "ollama":
            return f"{model.name} belongs to Ollama: remove it with `ollama rm {model.name}`"
        case "folder":
            if model.path.is_relative_to(paths.models()):
                return ""
            return f"{model.ref} is a file of your own: remove it yourself"
