"""Runs the real program, as a user's shell would."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import IO

from r1chat import paths

HANGS_S = 90.0
"""A guard against hanging for ever; no test measures time with it."""


def start(
    *arguments: str | Path, stdin: IO[bytes] | int = subprocess.DEVNULL, **options: object
) -> subprocess.Popen[bytes]:
    """Starts `r1chat`, its streams being pipes.

    Where the tests run in the background of a shell, SIGINT is ignored, and a child would inherit
    that.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        command = [sys.executable, "-m", "r1chat", *map(str, arguments)]
        return subprocess.Popen(command, stdin=stdin, **streams)
    finally:
        signal.signal(signal.SIGINT, before)


def run(
    *arguments: str | Path, stdin: bytes | int = subprocess.DEVNULL, **options: object
) -> tuple[int, str, str]:
    """Runs `r1chat` to its end.

    Args:
        *arguments: Its arguments.
        stdin: What comes in through a pipe, or a descriptor.
        **options: More for `Popen`.

    Returns:
        The exit code, stdout and stderr.
    """
    piped = isinstance(stdin, bytes)
    with start(*arguments, stdin=subprocess.PIPE if piped else stdin, **options) as process:
        out, err = process.communicate(stdin if piped else None, timeout=HANGS_S)
    return process.returncode, _text(out), _text(err)


def finish(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    """Waits for the end of a program: its exit code, and the rest of stdout and stderr."""
    with process:
        out, err = process.communicate(timeout=HANGS_S)
    return process.returncode, _text(out), _text(err)


def wait_for(stream: IO[bytes], words: bytes) -> None:
    """Reads lines until one holds some words."""
    for line in stream:
        if words in line:
            return
    message = f"{words!r} never came"
    raise AssertionError(message)


def replies_kept() -> int:
    """How many replies the history has, of those that are being written too.

    A signal ends the program within half a second, whether the history is open by then or not: what
    must be in it is waited for before one is sent.
    """
    try:
        with closing(sqlite3.connect(f"file:{paths.history_file()}?mode=ro", uri=True)) as file:
            return int(file.execute("SELECT count(*) FROM replies").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def _text(data: bytes | None) -> str:
    return (data or b"").decode("utf-8")
