"""How soon a download stops, in every state that it can be in."""

from __future__ import annotations

import os
import random
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import report

from r1chat.errors import DownloadCancelled
from r1chat.hub.download import Control, Progress, download
from r1chat.hub.download.part import Part, discard
from r1chat.hub.layout import place
from r1chat.hub.remote import Remote
from r1chat.hub.variants import Variant, variants
from tests.hub.server import File, Generated, Hub, OnDisk, Repo
from tests.hub.server.faults import Fault, Redirect, SlowHeaders, Stall, TooMany
from tests.hub.server.record import Route

BAR_MS = 200
REPO = "tester/cancel-GGUF"
PATH = "Cancel-Q4_K_M.gguf"
SIZE = 1_000_000_000
HANGS_S = 30.0


State = Callable[[Hub, Variant], Iterator[None]]
"""Makes it so, and undoes it."""


def spoilt(fault: Fault, on: Route = "cdn") -> State:
    """A state that a fault leads to."""

    def state(hub: Hub, _variant: Variant) -> Iterator[None]:
        hub.faults.add(fault, on, method="any", times=None)
        yield
        hub.faults.clear()

    return state


def plain(_hub: Hub, _variant: Variant) -> Iterator[None]:
    """Nothing goes wrong."""
    yield


def away(hub: Hub, _variant: Variant) -> Iterator[None]:
    """Nobody listens."""
    hub.stop()
    yield
    hub.start()


def silent(hub: Hub, variant: Variant) -> Iterator[None]:
    """The store is at an address that answers no call for a connection."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(8):
            # They fill the queue of those who are waiting to be let in.
            caller = stack.enter_context(socket.socket())
            caller.settimeout(0)
            with suppress(BlockingIOError):
                caller.connect(server.getsockname())
        time.sleep(0.05)
        address = "http://{}:{}/".format(*server.getsockname())
        yield from spoilt(Redirect(address), "file")(hub, variant)


def followed(_hub: Hub, variant: Variant) -> Iterator[None]:
    """Somebody else fetches the file."""
    from filelock import FileLock

    file = variant.files[0]
    lock = place(file).lock(file.etag)
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):
        yield


def complete(_hub: Hub, variant: Variant) -> Iterator[None]:
    """Everything is here, and only its checksum is missing."""
    file = variant.files[0]
    path = place(file).part(file.etag)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        os.truncate(out.fileno(), file.size)
    Part(path, file.size, file.etag).write_journal([(0, file.size)])
    yield


STATES: dict[str, tuple[str, State]] = {
    "transferring": ("downloading", plain),
    "the store stalls": ("downloading", spoilt(Stall(at=500_000))),
    "the store does not answer": ("downloading", spoilt(SlowHeaders(60))),
    "the store does not connect": ("downloading", silent),
    "the store says to wait": ("waiting", spoilt(TooMany(600))),
    "the Hub does not answer": ("downloading", spoilt(SlowHeaders(60), "file")),
    "the Hub says to wait": ("waiting", spoilt(TooMany(600), "file")),
    "the Hub is away": ("waiting", away),
    "another process has the file": ("following", followed),
    "the checksum is taken": ("checking", complete),
    "paused": ("paused", plain),
}


def measure(rounds: int) -> None:
    """Prints a table of how soon downloads stop."""
    lines = []
    with scene() as (hub, variant, remote):
        for name, (state, prepare) in STATES.items():
            prepared = contextmanager(prepare)
            times = []
            for number in range(rounds):
                with prepared(hub, variant):
                    times.append(1000 * stop_once(variant, remote, state, random.Random(number)))
                # Else the file would be whole sooner or later.
                discard(place(variant.files[0]).part(variant.files[0].etag))
            times.sort()
            kept = sum(took <= BAR_MS for took in times)
            figures = (times[len(times) // 2], times[int(len(times) * 0.99)], times[-1])
            lines.append((name, *(f"{ms:.1f} ms" for ms in figures), f"{kept} of {len(times)}"))
    print(f"{rounds} times each; {report.machine()}\n")
    head = ("cancelled while", "median", "p99", "worst", f"within {BAR_MS} ms")
    print(report.table(head, lines))


@contextmanager
def scene() -> Iterator[tuple[Hub, Variant, Remote]]:
    """A Hub with one large file, which is sent as fast as the system can."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        data = Generated(SIZE, 1, begin=b"GGUF")
        path = folder / "served"
        with path.open("wb") as out:
            for start in range(0, SIZE, 1 << 20):
                out.write(data.read(start, min(start + (1 << 20), SIZE)))
        with Hub([Repo(REPO, [File(PATH, OnDisk(path))])]) as hub:
            os.environ |= {"HF_ENDPOINT": hub.url, "HF_HUB_CACHE": str(folder / "cache")}
            remote = Remote()
            (variant,) = variants(remote.listing(REPO))
            yield hub, variant, remote


def stop_once(variant: Variant, remote: Remote, state: str, chance: random.Random) -> float:
    """Cancels a download some moments after it has reached a state; seconds to its end."""
    control = Control()
    reached = threading.Event()
    ended: list[float] = []

    def look(progress: Progress) -> None:
        if progress.state == state:
            reached.set()

    def work() -> None:
        with suppress(DownloadCancelled):
            download(variant, remote, control=control, on_progress=look)
            message = "the download came to its end before it was stopped"
            raise SystemExit(message)
        ended.append(time.perf_counter())

    thread = threading.Thread(target=work)
    thread.start()
    if state == "paused":
        control.pause()
    assert reached.wait(HANGS_S), f"it was never {state}"
    time.sleep(chance.uniform(0.01, 0.2))
    began = time.perf_counter()
    control.cancel()
    thread.join()
    if not ended:
        message = f"the download ended by itself while {state}"
        raise SystemExit(message)
    return ended[0] - began
