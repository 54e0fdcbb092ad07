"""Downloads in processes of their own: killed at any moment, or several at once."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.hub.pulling import HANGS_S, leftovers, pull, serve, start, until
from tests.hub.server import Faults, Hub
from tests.hub.server.faults import Slow

SIZE = 9_000_000
RATE = 3e6
"""So that a second is much less than the file."""


@contextmanager
def running(count: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that all download the same model; none outlives the test."""
    with ExitStack() as stack:
        processes = [stack.enter_context(start()) for _ in range(count)]
        try:
            yield processes
        finally:
            for process in processes:
                process.kill()


def result(process: subprocess.Popen[str]) -> str:
    """What a process printed, once it has ended by itself."""
    printed = process.communicate(timeout=HANGS_S)[0].strip()
    assert process.returncode == 0, printed
    return printed


def check_kills(hub: Hub, seeds: range) -> None:
    """Kills a download of each file once, at a random moment, and lets another finish it."""
    for seed in seeds:
        chance = random.Random(seed)
        content = serve(hub, SIZE, seed)
        hub.requests.clear()
        hub.faults = Faults().add(Slow(RATE), times=None)
        moment = chance.randrange(SIZE)
        with running(1) as (first,):
            until(lambda moment=moment: hub.requests.sent() > moment)
            first.kill()
        # What was killed left no more than its own two files.
        assert len(leftovers()) <= 3
        hub.faults.clear()
        path = pull()
        assert path.read_bytes() == content.read(0, SIZE)
        assert leftovers() == []
        # The kill costs no more than what comes in a second.
        assert hub.requests.sent() - SIZE <= RATE


def test_a_killed_download_is_gone_on_with(hub: Hub) -> None:
    check_kills(hub, range(2))


@pytest.mark.long
@pytest.mark.parametrize("begin", range(0, 100, 20))
def test_100_killed_downloads_are_gone_on_with(hub: Hub, begin: int) -> None:
    check_kills(hub, range(begin, begin + 20))


def test_a_download_that_is_killed_again_and_again_ends_in_the_same_file(hub: Hub) -> None:
    content = serve(hub, SIZE)
    hub.faults.add(Slow(RATE), times=None)
    for _ in range(2):
        before = hub.requests.sent()
        with running(1) as (process,):
            until(lambda before=before: hub.requests.sent() > before + SIZE * 0.45)
            process.kill()
    hub.faults.clear()
    assert pull().read_bytes() == content.read(0, SIZE)
    assert leftovers() == []
    assert hub.requests.sent() - SIZE <= 2 * RATE


def test_two_processes_fetch_a_file_once(hub: Hub) -> None:
    content = serve(hub, SIZE)
    hub.faults.add(Slow(3 * RATE), times=None)
    with running(2) as processes:
        paths = {result(process) for process in processes}
    assert len(paths) == 1
    assert hub.requests.sent() == SIZE
    assert pull().read_bytes() == content.read(0, SIZE)
