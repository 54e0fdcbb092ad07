"""The paths of r1chat's files. Nothing is created before it is asked for with `made`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

HOME_VARIABLE = "R1CHAT_HOME"
"""Names one folder for everything; for tests and portable installs."""
LIBRARY_VARIABLE = "LLAMA_CPP_LIB_PATH"
"""Names the folder of llama.cpp's libraries; llama-cpp-python reads it as well."""

Kind = Literal["settings", "data", "cache", "logs"]

_PRIVATE = 0o700


def named(text: str) -> Path:
    """The path that a user names; one that begins with ~ is in a home folder.

    Unlike pathlib's own it leaves a user whom nobody knows as he stands.
    """
    return Path(os.path.expanduser(text))  # noqa: PTH111


def folder(kind: Kind) -> Path:
    """One of the four folders, absolute, whether it exists or not."""
    home = os.environ.get(HOME_VARIABLE)
    if home:
        return named(home).absolute() / kind
    import platformdirs

    where = {
        "settings": platformdirs.user_config_path,
        "data": platformdirs.user_data_path,
        "cache": platformdirs.user_cache_path,
        "logs": platformdirs.user_log_path,
    }[kind]
    return where("r1chat", appauthor=False)


def package() -> Path:
    """The folder of r1chat's own code; its parent leads a child process to the same code."""
    return Path(__file__).parent


def library_folder() -> Path | None:
    """The folder that the user names for llama.cpp's libraries, absolute; None without one."""
    given = os.environ.get(LIBRARY_VARIABLE)
    return Path(given).absolute() if given else None


def settle_library_folder() -> None:
    """Makes the named folder mean the same in children that start elsewhere.

    An empty name counts as none: llama-cpp-python takes it for the working folder.
    """
    if (folder := library_folder()) is not None:
        os.environ[LIBRARY_VARIABLE] = str(folder)
    else:
        os.environ.pop(LIBRARY_VARIABLE, None)


def settings_file() -> Path:
    """The settings, as JSON."""
    return folder("settings") / "settings.json"


def user_themes() -> Path:
    """The folder of the user's own themes."""
    return folder("settings") / "themes"


def shipped_themes() -> Path:
    """The folder of the built-in themes."""
    # The wheel has them inside the package; in a checkout they lie beside it.
    inside = package() / "themes"
    return inside if inside.is_dir() else inside.parent.parent / "themes"


def cache_dir() -> Path:
    """The folder of what can be made again."""
    return folder("cache")


def models() -> Path:
    """The folder of downloaded models."""
    return folder("data") / "models"


_added: tuple[Path, ...] = ()


def use_folders(folders: Iterable[str]) -> None:
    """Has this process look for models in the user's own folders, too.

    Args:
        folders: As the settings have them.
    """
    global _added  # noqa: PLW0603  (what a process knows, as it starts)
    _added = tuple(named(each) for each in folders)


def model_folders() -> tuple[Path, ...]:
    """Where models may lie that no program keeps: r1chat's own folder first."""
    return (models(), *_added)


def recent_models_file() -> Path:
    """The model files that were opened by their paths, as JSON."""
    return cache_dir() / "recent-models.json"


def downloads_file() -> Path:
    """The downloads that were not finished, as JSON."""
    return cache_dir() / "downloads.json"


def history_file() -> Path:
    """The conversations, as an SQLite database."""
    return folder("data") / "history.db"


def drafts() -> Path:
    """The folder of what was written and not sent, a file for each app."""
    return folder("data") / "drafts"


def jobs() -> Path:
    """The folder of the jobs, which are done in the background."""
    return folder("data") / "jobs"


def states() -> Path:
    """The folder of conversations' saved states, which can be made again."""
    return cache_dir() / "states"


def log_file() -> Path:
    """The log of the latest runs."""
    return folder("logs") / "r1chat.log"


def everything() -> dict[str, Path]:
    """All of them by name, for people to read."""
    return {
        "settings": settings_file(),
        "themes": user_themes(),
        "models": models(),
        "history": history_file(),
        "cache": cache_dir(),
        "log": log_file(),
    }


def made(path: Path) -> Path:
    """Creates a folder, with what is missing above it, for this user alone.

    Returns:
        The same path.

    Raises:
        OSError: If it cannot be created.
    """
    missing = []
    above = path
    while not above.exists() and above != above.parent:
        missing.append(above)
        above = above.parent
    for each in reversed(missing):
        each.mkdir(mode=_PRIVATE, exist_ok=True)
    if not missing:
        path.mkdir(exist_ok=True)
    return path


def remember(path: Path, text: str) -> None:
    """Writes a file of the cache, where that can be done: what it holds can be made again.

    What is no regular file stays as it is: a pipe would have to wait for a reader.
    """
    with contextlib.suppress(OSError):
        if path.is_file() or not path.exists():
            write_private(path, text)


def write_private(path: Path, text: str) -> None:
    """Writes a file for this user alone, whole or not at all; creates its folder where it must.

    Raises:
        OSError: If it cannot be written; then the old one is still there.
    """
    from r1chat import user_files

    made(Path(os.path.realpath(path)).parent)
    user_files.write(path, [text], private=True)
