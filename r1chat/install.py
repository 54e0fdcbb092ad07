"""The exact commands that install something into the environment that r1chat runs in."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from r1chat import paths

_FALLBACK = "llama-cpp-python>=0.3.36,<0.4"


def requirement() -> str:
    """What r1chat needs of llama-cpp-python, as its own metadata say."""
    try:
        wanted = metadata.requires("r1chat") or []
    except metadata.PackageNotFoundError:
        wanted = []
    return next((each for each in wanted if re.match(r"llama[-_]cpp[-_]python", each)), _FALLBACK)


def add(wanted: str) -> str:
    """The command that installs a package, to be pasted into a shell.

    Args:
        wanted: The package, with the versions that will do.
    """
    return _shown([*_installer(), wanted])


def reinstall(flag: str = "") -> str:
    """The command that reinstalls llama.cpp, to be pasted into a shell.

    Args:
        flag: An option for the compilation, e.g. ``-DGGML_CUDA=on``.
    """
    # A ready-made wheel would know nothing of this processor, nor of the option.
    compile_here = ["--no-cache-dir", "--no-binary", "llama-cpp-python"]
    options = ["--force-reinstall", "--no-deps", *compile_here]
    command = [*_installer(), *options, requirement()]
    shown = _shown(command)
    windows = os.name == "nt"
    if flag:
        shown = f'$env:CMAKE_ARGS="{flag}"; {shown}' if windows else f'CMAKE_ARGS="{flag}" {shown}'
    if paths.library_folder() is not None:
        # What is installed is not looked at as long as the variable names another folder.
        variable = paths.LIBRARY_VARIABLE
        shown = f'$env:{variable}=""; {shown}' if windows else f"unset {variable}; {shown}"
    return shown


def _shown(command: list[str]) -> str:
    if os.name == "nt":
        return f"& {subprocess.list2cmdline(command)}"
    return shlex.join(command)


def _installer() -> list[str]:
    environment = Path(sys.prefix)
    if (environment / "pipx_metadata.json").is_file():
        return ["pipx", "runpip", environment.name, "install"]
    if importlib.util.find_spec("pip") is None:
        # Environments made by uv have no pip of their own.
        return ["uv", "pip", "install", "--python", sys.executable]
    return [sys.executable, "-m", "pip", "install"]
