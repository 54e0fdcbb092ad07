r"""Compares answers as mathematics: ``\frac{\sqrt2}{2}`` and ``\frac{1}{\sqrt{2}}`` are the same.

What `r1chat.reasoning.equality` finds the same is the same. Only where it does not, and both look
like mathematics, math-verify is asked (the extra ``math``), in a child process: it evaluates what
a model wrote, which may take for ever or all memory.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import re
import subprocess
import sys
import threading
from functools import lru_cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any

from r1chat.reasoning.equality import LONGEST, normal, same_answer, value

log = logging.getLogger(__name__)

CPU_SECONDS = 3
"""Processor time for one comparison; honest ones take a fraction of a second. POSIX only."""
WALL_SECONDS = 8.0
"""Wall-clock time for one comparison."""
START_SECONDS = 60.0
"""The import of sympy takes a second or two, on a busy machine many."""
MEMORY = 1 << 28
"""Bytes for one comparison, on top of what the libraries take. POSIX only."""
INSTALL = "pip install 'r1chat[math]'"
"""What brings math-verify."""
_MOST_REMEMBERED = 10_000
_FAILED_STARTS = 2
_CHILD = Path(__file__).with_name("child.py")
_PACKAGES = ("math_verify", "latex2sympy2_extended", "sympy", "mpmath", "antlr4")
_MATHEMATICAL = re.compile(r"[0-9\\^_=+*/<>()\[\]{}√π∞-]")


class Checker:
    """Compares answers, with a child process that is started at the first need and kept.

    May be used by several threads; they take turns.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        self._known: dict[tuple[str, str], bool] = {}
        self._failed_starts = 0
        self._lock = threading.Lock()
        atexit.register(self.close)

    @property
    def name(self) -> str:
        """What compares: "math-verify" and its version, or "plain"."""
        version = _version()
        return f"math-verify {version}" if version and self._usable else "plain"

    @property
    def _usable(self) -> bool:
        return self._failed_starts < _FAILED_STARTS

    def same(self, one: str, other: str) -> bool:
        """Whether two final answers say the same.

        Args:
            one: An answer, e.g. the reference.
            other: Another.
        """
        if same_answer(one, other):
            return True
        if not _worth_asking(one, other) or not _version():
            return False
        pair = (one, other) if one < other else (other, one)
        with self._lock:
            if pair not in self._known:
                if len(self._known) >= _MOST_REMEMBERED:
                    self._known.clear()
                self._known[pair] = self._ask(*pair)
            return self._known[pair]

    def prepare(self) -> None:
        """Starts the child, so that the first comparison need not wait for it."""
        with self._lock:
            if self._process is None and _version():
                self._start()

    def close(self) -> None:
        """Ends the child, from any thread; the next comparison starts another."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    if stream is not None:
                        stream.close()

    def _ask(self, one: str, other: str) -> bool:
        process = self._process or self._start()
        if process is None or process.stdin is None:
            return False
        try:
            process.stdin.write(json.dumps({"one": one, "other": other}).encode() + b"\n")
            process.stdin.flush()
        except (OSError, ValueError):
            self.close()
            return False
        answer = self._next(WALL_SECONDS)
        if answer is None:
            # It hangs, or its limit has ended it.
            log.info("math-verify found no end with an answer; it counts as different")
            self.close()
            return False
        return answer.get("same") is True

    def _start(self) -> subprocess.Popen[bytes] | None:
        if not self._usable:
            return None
        setup = {"path": _homes(), "cpu_seconds": CPU_SECONDS, "memory": MEMORY}
        try:
            process = subprocess.Popen(
                # Without site and the user's environment: it starts as we expect.
                [sys.executable or "python3", "-I", "-S", str(_CHILD)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            log.warning("math-verify cannot be started: %s", error.strerror)
            self._failed_starts = _FAILED_STARTS
            return None
        self._answers = SimpleQueue()
        self._process = process
        reader = threading.Thread(
            target=_read, args=(process.stdout, self._answers), name="r1chat-checker", daemon=True
        )
        reader.start()
        try:
            assert process.stdin is not None  # noqa: S101  (a pipe was asked for)
            process.stdin.write(json.dumps(setup).encode() + b"\n")
            process.stdin.flush()
            ready = self._next(START_SECONDS)
        except (OSError, ValueError):
            ready = None
        if ready is None:
            log.warning("math-verify does not start; answers are compared plainly")
            self._failed_starts += 1
            self.close()
            return None
        self._failed_starts = 0
        return process

    def _next(self, seconds: float) -> dict[str, Any] | None:
        try:
            return self._answers.get(timeout=seconds)
        except Empty:
            return None


@lru_cache(maxsize=1)
def _shared() -> Checker:
    return Checker()


def same(one: str, other: str) -> bool:
    """Whether two final answers say the same; for `r1chat.reasoning.consensus.Tally`.

    Args:
        one: An answer.
        other: Another.
    """
    return _shared().same(one, other)


def prepare() -> None:
    """Makes ready to compare, in the background: answers are about to come."""
    threading.Thread(target=_shared().prepare, name="r1chat-checker-start", daemon=True).start()


def _worth_asking(one: str, other: str) -> bool:
    if max(len(one), len(other)) > LONGEST:
        return False
    if value(normal(one)) is not None and value(normal(other)) is not None:
        # Two plain numbers: arithmetic has told them apart for sure.
        return False
    return bool(_MATHEMATICAL.search(one)) and bool(_MATHEMATICAL.search(other))


def _read(stream: IO[bytes] | None, answers: SimpleQueue[dict[str, Any] | None]) -> None:
    with contextlib.suppress(OSError, ValueError):
        for line in stream or ():
            answers.put(json.loads(line))
    answers.put(None)


@lru_cache(maxsize=1)
def _version() -> str:
    """Of math-verify; nothing where it is not installed."""
    if find_spec("math_verify") is None:
        return ""
    try:
        return metadata.version("math-verify")
    except metadata.PackageNotFoundError:
        return ""


def _homes() -> list[str]:
    """The folders that the child imports from."""
    specs = [find_spec(package) for package in _PACKAGES]
    folders = [Path(spec.origin).parent.parent for spec in specs if spec and spec.origin]
    return [str(folder) for folder in dict.fromkeys(folders)]
