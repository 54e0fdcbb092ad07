"""Reads what a terminal pastes where a file is dropped on it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from r1chat import paths


def dropped_file(text: str) -> Path | None:
    """The file that a pasted text names, if it is the path of one and nothing else.

    Terminals put quotes around it, or backslashes before spaces and other signs, or write an
    address with `file://`.
    """
    name = text.strip()
    if "\n" in name:
        return None
    for path in (name, name.strip("'\""), _unescaped(name), _of_address(name)):
        if path.startswith(("/", "~", "./", "../")) and (found := _file(path)) is not None:
            return found
    return None


def _unescaped(name: str) -> str:
    return name.replace("\\\\", "\0").replace("\\", "").replace("\0", "\\")


def _of_address(name: str) -> str:
    address = name.strip("'\"").removeprefix("file://")
    return unquote(address) if address != name.strip("'\"") else ""


def _file(name: str) -> Path | None:
    try:
        path = paths.named(name)
        return path if path.is_file() else None
    except (OSError, RuntimeError, ValueError):
        return None
