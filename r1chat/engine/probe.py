"""Tries a new model file in a child process, which may crash in its place.

llama.cpp ends the whole process on some damaged files. A file that is new to us is therefore
opened, just as it is going to be, and asked for a few tokens where that hurts nobody. Files that
passed are remembered by path, size and time of change, and by how they were opened.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from r1chat import paths
from r1chat.errors import ModelError, R1ChatError
from r1chat.formatting import format_duration
from r1chat.user_files import small_text

if TYPE_CHECKING:
    from r1chat.engine.opening import Opening

_TIMEOUT_S = 900
_REMEMBERED = 256
_TOKENS, _LONGEST = 4, 32
_FROM_OUTSIDE = {"SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGXCPU"}
_GOOD = b"this file is good"


def check(path: Path, opening: Opening) -> None:
    """Makes sure that a file can be loaded without harm.

    Args:
        path: The file.
        opening: How it is going to be opened.

    Raises:
        ModelError: If it cannot.
    """
    key = _key(path, opening)
    known = _known()
    if key in known:
        return
    _try_in_child(path, opening)
    _remember([*known, key][-_REMEMBERED:])


def _try_in_child(path: Path, opening: Opening) -> None:
    file = os.fspath(path.resolve())
    command = [sys.executable, "-m", "r1chat.engine.probe", file, opening.as_text()]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
            # `-m` puts the working directory first on the path; nobody's own json.py may get in.
            cwd=paths.package().parent,
        )
    except subprocess.TimeoutExpired:
        limit = format_duration(_TIMEOUT_S, trim=True)
        message = f"{path.name} cannot be loaded: llama.cpp was still loading it after {limit}"
        raise ModelError(message) from None
    if done.returncode == 0 and done.stdout.strip() == _GOOD:
        return
    if done.returncode < 0:
        raise ModelError(_ended_by(-done.returncode, path))
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    message = lines[-1] if lines else f"{path.name} cannot be loaded"
    raise ModelError(message)


def _ended_by(number: int, path: Path) -> str:
    """Says what it means that a child was ended by a signal."""
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    if name == "SIGKILL":
        return (
            f"the system stopped the trial of {path.name} (SIGKILL), most likely for want of "
            "memory; close other programs, or take a smaller --ctx or a smaller model"
        )
    if name in _FROM_OUTSIDE:
        return f"the trial of {path.name} was stopped from outside ({name}); try again"
    if name == "SIGBUS":
        return f"{path.name} cannot be loaded: the file was cut, or cannot be read ({name})"
    return f"{path.name} cannot be loaded: llama.cpp crashes on it ({name})"


def _key(path: Path, opening: Opening) -> str:
    try:
        status = path.stat()
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}"
        raise ModelError(message) from None
    sizes = opening.sizes
    # How many layers a GPU has room for changes from day to day, and makes no difference.
    how = f"{sizes.size}|{sizes.cells}|{sizes.lanes}|{bool(opening.layers)}"
    if (library := paths.library_folder()) is not None:
        how += f"|{library}"
    return f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}|{how}"


def _memory_file() -> Path:
    return paths.cache_dir() / "known_models.json"


def _known() -> list[str]:
    try:
        known = json.loads(small_text(_memory_file()) or "[]")
    except (ValueError, RecursionError):
        return []
    return [entry for entry in known if isinstance(entry, str)] if isinstance(known, list) else []


def _remember(keys: list[str]) -> None:
    paths.remember(_memory_file(), json.dumps(keys))


def _probe(path: Path, opening: Opening) -> None:
    from r1chat.engine import gpus
    from r1chat.engine.base import Sampling
    from r1chat.engine.loading import free_model
    from r1chat.engine.native import AbortByte

    abort = AbortByte()
    planned = gpus.Plan(opening.layers, opening.count, opening.split)
    (model, machine), _ = gpus.settle(
        planned, lambda layers: replace(opening, layers=layers).open(path, abort)
    )
    machine.set_sampler(Sampling(temperature=0), 0)
    vocabulary = machine.vocabulary
    tokens = vocabulary.tokenize("Hello, <think> 12 + 3", special=True) or [0]
    machine.evaluate(tokens[: min(_LONGEST, machine.room)])
    for _ in range(min(_TOKENS, machine.room)):
        token = machine.sample()
        vocabulary.piece(token)
        machine.evaluate([token])
    machine.close()
    free_model(model)


def main() -> int:
    """Tries the file named on the command line; 0 if it is good."""
    # Some files make llama.cpp abort; the dump of its memory helps nobody. Windows knows no limits.
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        from r1chat.engine.opening import Opening

        _probe(Path(sys.argv[1]), Opening.from_text(sys.argv[2]))
    except R1ChatError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.buffer.write(_GOOD)
    return 0


if __name__ == "__main__":
    sys.exit(main())
