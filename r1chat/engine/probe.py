"""Tries a model file in a child process first.

llama.cpp ends the whole process on some damaged files. A file that is new to us is therefore
loaded and asked for a few tokens where that hurts nobody; files that passed are remembered by
path, size and time of change.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import r1chat
from r1chat import paths
from r1chat.errors import ModelError, R1ChatError

_TIMEOUT_S = 900
_REMEMBERED = 256
_TOKENS = 4
_GOOD = b"this file is good"


def check(path: Path) -> None:
    """Makes sure that a file can be loaded without harm.

    Raises:
        ModelError: If it cannot.
    """
    key = _key(path)
    known = _known()
    if key in known:
        return
    _try_in_child(path)
    _remember([*known, key][-_REMEMBERED:])


def _try_in_child(path: Path) -> None:
    command = [sys.executable, "-m", "r1chat.engine.probe", os.fspath(path.resolve())]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
            # `-m` puts the working directory first on the path; nobody's own json.py may get in.
            cwd=Path(r1chat.__file__).parent.parent,
        )
    except subprocess.TimeoutExpired:
        message = f"{path.name} cannot be loaded: llama.cpp was still at it after {_TIMEOUT_S} s"
        raise ModelError(message) from None
    if done.returncode == 0 and done.stdout.strip() == _GOOD:
        return
    if done.returncode < 0:
        with contextlib.suppress(ValueError):
            name = signal.Signals(-done.returncode).name
            message = f"{path.name} cannot be loaded: llama.cpp crashes on it ({name})"
            raise ModelError(message)
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    message = lines[-1] if lines else f"{path.name} cannot be loaded"
    raise ModelError(message)


def _key(path: Path) -> str:
    try:
        status = path.stat()
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}"
        raise ModelError(message) from None
    return f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}"


def _memory_file() -> Path:
    return paths.cache_dir() / "known_models.json"


def _known() -> list[str]:
    try:
        known = json.loads(_memory_file().read_text("utf-8"))
    except (OSError, ValueError):
        return []
    return [entry for entry in known if isinstance(entry, str)] if isinstance(known, list) else []


def _remember(keys: list[str]) -> None:
    # Without it the file is merely tried again the next time.
    with contextlib.suppress(OSError):
        paths.write_private(_memory_file(), json.dumps(keys))


def _probe(path: Path) -> None:
    from r1chat.engine.base import Sampling
    from r1chat.engine.context import ContextOptions
    from r1chat.engine.loading import free_model, open_model
    from r1chat.engine.machine import TokenMachine
    from r1chat.engine.native import AbortByte

    model = open_model(path)
    machine = TokenMachine(model, ContextOptions(64, 1, 1), AbortByte())
    machine.set_sampler(Sampling(temperature=0), 0)
    vocabulary = machine.vocabulary
    tokens = vocabulary.tokenize("Hello, <think> 12 + 3", special=True) or [0]
    machine.evaluate(tokens[:32])
    for _ in range(_TOKENS):
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
        _probe(Path(sys.argv[1]))
    except R1ChatError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.buffer.write(_GOOD)
    return 0


if __name__ == "__main__":
    sys.exit(main())
