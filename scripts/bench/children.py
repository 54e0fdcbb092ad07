"""Child processes, and what they cost."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import llama_source

HOME = llama_source.CACHE / "home"
"""R1CHAT_HOME of every child, so that nobody's settings and history are touched."""


_FOREIGN = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PYTHONPROFILEIMPORTTIME")


@dataclass(frozen=True)
class Child:
    """A process that has ended."""

    stdout: str
    stderr: str
    code: int
    wall_s: float
    cpu_s: float
    peak_mib: float


@dataclass(frozen=True)
class Run:
    """A reply, by r1chat or by the bare loop."""

    tokens_per_s: float
    """Of the tokens that the model wrote, the prompt not counted."""
    first_token_s: float
    load_s: float
    peak_mib: float
    wall_s: float
    cpu_s: float
    """Of the whole process, like the wall clock's."""
    written: tuple[int, int, int]
    """Tokens of thought, of closing words, and of answer."""


def environment() -> dict[str, str]:
    """The same for all who are compared."""
    own = {
        "R1CHAT_HOME": str(HOME),
        "PYTHONPATH": os.pathsep.join(
            filter(None, [str(llama_source.ROOT), os.environ.get("PYTHONPATH")])
        ),
        # r1chat sets this itself; without it two threads starve each other on a busy machine.
        "GOMP_SPINCOUNT": os.environ.get("GOMP_SPINCOUNT", "1000"),
        # Modules are compiled once, as those of an installed package are, but not into the tree.
        "PYTHONPYCACHEPREFIX": str(llama_source.CACHE / "pycache"),
    }
    return {name: os.environ[name] for name in os.environ if name not in _FOREIGN} | own


def run(command: Sequence[str], *, stdin: str = "", may_fail: bool = False) -> Child:
    """Runs a process to its end.

    Args:
        command: The program and its arguments.
        stdin: What it reads.
        may_fail: Whether the caller looks at the exit code.

    Raises:
        SystemExit: If it fails.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=out, stderr=err, env=environment()
        )
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(stdin.encode())
            process.stdin.close()
        # wait4 knows this child's own peak; RUSAGE_CHILDREN knows only that of the largest.
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        child = Child(
            stdout=out.read().decode("utf-8", "replace"),
            stderr=err.read().decode("utf-8", "replace"),
            code=process.returncode,
            wall_s=wall,
            cpu_s=usage.ru_utime + usage.ru_stime,
            peak_mib=usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10),
        )
    if child.code != 0 and not may_fail:
        name = Path(command[0]).name
        message = f"{name} failed with exit code {child.code}: {child.stderr.strip()[-500:]}"
        raise SystemExit(message)
    return child


def r1chat() -> list[str]:
    """The command that starts r1chat: the installed one, else the module."""
    script = Path(sys.executable).with_name("r1chat")
    return [str(script)] if script.is_file() else [sys.executable, "-m", "r1chat"]
