"""A program in a pty, as its user sees it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import pexpect

ROOT = Path(__file__).parent.parent.parent
HANGS_S = 120.0
CODES = re.compile(r"\x1b\[[0-9;?<>=]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)|\x1b[ -/]*[0-~]")


class Screen:
    """A Python program in a pty of its own, with a home of its own."""

    def __init__(self, *arguments: str) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="r1chat-bench-"))
        environment = os.environ | {
            "R1CHAT_HOME": str(self.home),
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "PYTHONPATH": str(ROOT),
        }
        # What is installed has its byte code beside it.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self.began = time.perf_counter()
        self._child = pexpect.spawn(
            sys.executable, list(arguments), dimensions=(30, 100), env=environment, cwd=str(ROOT)
        )
        self._child.delaybeforesend = None
        self.raw = b""

    @property
    def shown(self) -> str:
        """All that was ever written, without the codes."""
        return CODES.sub("", self.raw.decode("utf-8", "replace"))

    def wait_for(self, words: str, since: int = 0) -> float:
        """Waits until words were written; returns when that was."""
        end = time.perf_counter() + HANGS_S
        while words not in CODES.sub("", self.raw[since:].decode("utf-8", "replace")):
            assert time.perf_counter() < end, f"{words!r} never came"
            self._read(0.5)
        return time.perf_counter()

    def effect_ms(self, key: str, words: str) -> float:
        """Presses a key; returns the milliseconds until words were written."""
        since = len(self.raw)
        began = time.perf_counter()
        self.send(key)
        return 1000 * (self.wait_for(words, since) - began)

    def look(self, seconds: float) -> None:
        """Reads along for a while."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self._read(left)

    def _read(self, seconds: float) -> None:
        try:
            self.raw += self._child.read_nonblocking(65536, seconds)
        except pexpect.TIMEOUT:
            pass
        except pexpect.EOF:
            message = f"the program has ended: {self.shown[-500:]}"
            raise RuntimeError(message) from None

    def cpu_s(self) -> float:
        """Seconds of processor time so far, which a busy machine changes less than the clock."""
        stat = Path(f"/proc/{self._child.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def send(self, text: str) -> None:
        """Types."""
        self._child.send(text)

    def close(self) -> None:
        """Ends the program."""
        if self._child.isalive():
            self._child.kill(signal.SIGKILL)
            self._child.wait()
        self._child.close()
        shutil.rmtree(self.home, ignore_errors=True)
