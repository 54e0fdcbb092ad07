"""Downloads from the test Hub: here, in a thread, or in a process of their own."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from r1chat.hub.download import Control, Progress, download
from r1chat.hub.layout import hub_cache
from r1chat.hub.reference import parse
from r1chat.hub.remote import Remote
from r1chat.hub.variants import find
from tests.hub.server import Content, File, Generated, Hub, Repo

REPO = "tester/Model-GGUF"
REF = f"{REPO}:Q4_K_M"
NAME = "Model-Q4_K_M.gguf"
ROOT = Path(__file__).parents[2]
HANGS_S = 60.0
"""A guard against hanging for ever; no test measures time with it."""


def serve(hub: Hub, data: bytes | Content | int, seed: int = 1) -> Content:
    """Gives the Hub a model of these bytes, or of so many; returns its content."""
    made = Generated(data, seed, begin=b"GGUF") if isinstance(data, int) else data
    file = File(NAME, made)
    hub.add(Repo(REPO, [file], gguf={"architecture": "qwen2"}))
    return file.content


def pull(
    ref: str = REF,
    *,
    control: Control | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Path:
    """Downloads a model as r1chat does."""
    remote = Remote()
    meant = parse(ref)
    assert meant is not None
    return download(find(remote, meant), remote, control=control, on_progress=on_progress)


class Pull:
    """A download on a thread of its own, to be looked at and steered.

    Attributes:
        control: Steers it.
        seen: What it reported, oldest first.
        path: The file, at the end.
        error: Why it ended without one.
    """

    def __init__(self, ref: str = REF) -> None:
        self.control = Control()
        self.seen: list[Progress] = []
        self.path: Path | None = None
        self.error: Exception | None = None
        self._ref = ref
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Pull:  # noqa: PYI034 - Self is in typing from Python 3.11 on
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.control.cancel()
        self.join()

    def _run(self) -> None:
        try:
            self.path = pull(self._ref, control=self.control, on_progress=self.seen.append)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.error = error

    def join(self) -> None:
        """Waits for its end."""
        self._thread.join(HANGS_S)
        assert not self._thread.is_alive(), "the download hangs"

    def until(self, looks: Callable[[], bool]) -> None:
        """Waits until something is so.

        Raises:
            AssertionError: The download ended before.
        """
        until(lambda: looks() or not self._thread.is_alive())
        assert looks(), self.error or "the download ended too early"

    def reaches(self, state: str) -> Progress:
        """Waits until it has reported a state; returns the latest such report."""
        self.until(lambda: any(each.state == state for each in self.seen))
        return [each for each in self.seen if each.state == state][-1]


def until(looks: Callable[[], bool]) -> None:
    """Waits until something is so."""
    end = time.monotonic() + HANGS_S
    while not looks():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.002)


def start(ref: str = REF) -> subprocess.Popen[str]:
    """Starts a download in a process of its own; it prints the path, or the error."""
    command = [sys.executable, "-m", "tests.hub.puller", ref]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def cached_files() -> dict[str, int]:
    """All files in the cache, without the locks and links, with their sizes."""
    cache = hub_cache()
    return {
        str(path.relative_to(cache)): path.stat().st_size
        for path in cache.rglob("*")
        if path.is_file() and not path.is_symlink() and ".locks" not in path.parts
    }


def leftovers() -> list[str]:
    """What of unfinished downloads lies in the cache."""
    return [name for name in cached_files() if "incomplete" in name or name.endswith(".tmp")]


def installed() -> list[Path]:
    """What stands in the cache under a model's name, and all finished blobs."""
    found = [
        *hub_cache().glob("models--*/snapshots/*/**/*"),
        *hub_cache().glob("models--*/blobs/*"),
    ]
    return [path for path in found if not path.is_dir() and "incomplete" not in path.name]
