"""Runs what may crash in a child process, and says how it ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from r1chat import paths
from r1chat.formatting import format_duration

_CRASHES_ON_WINDOWS = {0xC000001D: "SIGILL", 0xC0000005: "SIGSEGV", 0xC0000135: "a missing DLL"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a child ended.

    Attributes:
        result: The JSON object that it printed, where all went well.
        failure: One line on what went wrong, where it did not.
        signal: What killed it, e.g. "SIGILL".
    """

    result: dict[str, Any] | None = None
    failure: str = ""
    signal: str = ""


def run(module: str, timeout: float) -> Outcome:
    """Runs a module of r1chat that prints one JSON object.

    Args:
        module: Its name.
        timeout: Seconds after which it counts as hanging.
    """
    paths.settle_library_folder()
    try:
        done = subprocess.run(
            [sys.executable, "-m", module],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            check=False,
            # `-m` puts the working directory first on the path; nobody's own json.py may get in.
            cwd=paths.package().parent,
        )
    except subprocess.TimeoutExpired:
        return Outcome(failure=f"it hung for {format_duration(timeout, trim=True)}")
    except OSError as error:
        return Outcome(failure=f"no child process could be started: {error.strerror}")
    if killer := _killer(done.returncode):
        return Outcome(failure=f"it crashed: {killer}", signal=killer)
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        return Outcome(failure=lines[-1] if lines else f"it ended with {done.returncode}")
    try:
        result = json.loads(done.stdout)
    except ValueError:
        return Outcome(failure="it printed something else than it should")
    return Outcome(result=result)


def _killer(returncode: int) -> str:
    if os.name == "nt":
        return _CRASHES_ON_WINDOWS.get(returncode & 0xFFFFFFFF, "")
    if returncode >= 0:
        return ""
    try:
        return signal.Signals(-returncode).name
    except ValueError:
        return f"signal {-returncode}"
