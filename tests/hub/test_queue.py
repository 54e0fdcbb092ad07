"""Downloads in the background: one at a time, steered from outside, remembered."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from r1chat import paths
from r1chat.hub.layout import RepoFolder, hub_cache
from r1chat.hub.queue import Job, Queue
from r1chat.hub.remote import Remote
from r1chat.hub.variants import Variant, variants
from tests.hub.server import File, Generated, Hub, Repo, faults

NAME = "tester/Model-GGUF"
SIZE = 2_000_000


@pytest.fixture
def repo(hub: Hub) -> Repo:
    quants = ("Q2_K", "Q4_K_M", "Q8_0")
    files = [File(f"M-{quant}.gguf", Generated(SIZE + n, n)) for n, quant in enumerate(quants)]
    return hub.add(Repo(NAME, files))


@pytest.fixture
def three(repo: Repo) -> list[Variant]:
    return variants(Remote().listing(NAME))


class Watched:
    def __init__(self) -> None:
        self.news = threading.Condition()
        self.queue = Queue(Remote(), self._changed)
        self.most_at_once = 0

    def _changed(self) -> None:
        with self.news:
            running = sum(job.phase == "running" for job in self.queue.jobs)
            self.most_at_once = max(self.most_at_once, running)
            self.news.notify_all()

    def until(self, test: Callable[[], object], timeout: float = 20) -> None:
        with self.news:
            seen = [(job.phase, job.progress, job.error) for job in self.queue.jobs]
            assert self.news.wait_for(test, timeout), seen


@pytest.fixture
def watched(hub: Hub) -> Iterator[Callable[[], Watched]]:
    made: list[Watched] = []

    def make() -> Watched:
        made.append(Watched())
        return made[-1]

    yield make
    for each in made:
        each.queue.close()


def done(job: Job) -> int:
    return job.progress.done if job.progress else 0


def parts() -> list[Path]:
    return list(RepoFolder(hub_cache(), NAME).blobs.glob("*.incomplete"))


def test_models_come_one_after_the_other(
    three: list[Variant], watched: Callable[[], Watched]
) -> None:
    running = watched()
    jobs = [running.queue.add(variant) for variant in three]
    running.until(lambda: all(job.phase == "done" for job in jobs))
    assert running.most_at_once == 1
    for job in jobs:
        assert job.path is not None
        assert job.path.stat().st_size == job.variant.size
        assert job.progress is not None
        assert (job.progress.state, job.progress.done) == ("done", job.variant.size)
    assert not parts()


def test_who_pauses_gives_his_turn_away_and_goes_on_later(
    hub: Hub, three: list[Variant], watched: Callable[[], Watched]
) -> None:
    hub.faults.add(faults.Slow(1e6), path="*", times=1)
    running = watched()
    first, second = (running.queue.add(variant) for variant in three[:2])
    running.until(lambda: done(first) > 200_000)
    running.queue.pause(first)
    assert first.progress is not None
    assert (first.phase, first.progress.state) == ("paused", "paused")
    running.until(lambda: second.phase == "done")
    assert first.phase == "paused"
    assert 200_000 < done(first) < SIZE
    running.queue.resume(first)
    running.until(lambda: first.phase == "done")
    assert hub.requests.sent() < 2 * SIZE + 500_000


def test_a_pause_that_is_taken_back_at_once_does_no_harm(
    hub: Hub, three: list[Variant], watched: Callable[[], Watched]
) -> None:
    hub.faults.add(faults.Slow(2e6), times=2)
    running = watched()
    job = running.queue.add(three[0])
    running.until(lambda: done(job) > 100_000)
    for _ in range(20):
        running.queue.pause(job)
        running.queue.resume(job)
    running.until(lambda: job.phase == "done")


def test_a_job_that_is_cancelled_is_gone_and_its_bytes_only_if_wished(
    hub: Hub, three: list[Variant], watched: Callable[[], Watched]
) -> None:
    hub.faults.add(faults.Slow(1e6), times=None)
    running = watched()
    for drop in (False, True):
        job = running.queue.add(three[0])
        running.until(lambda job=job: done(job) > 100_000)
        running.queue.cancel(job, drop=drop)
        assert running.queue.jobs == ()
        if drop:
            deleters = [each for each in threading.enumerate() if "forget" in each.name]
            for each in deleters:
                each.join()
        assert bool(parts()) is not drop


def test_a_job_that_fails_says_why_and_can_be_tried_again(
    hub: Hub, repo: Repo, three: list[Variant], watched: Callable[[], Watched]
) -> None:
    repo.gated = "manual"
    running = watched()
    job, other = running.queue.add(three[0]), running.queue.add(three[1])
    running.until(lambda: job.phase == other.phase == "failed")
    assert job.error is not None
    assert "\n" not in str(job.error)
    repo.gated = False
    assert running.queue.add(three[0]) is job
    running.until(lambda: job.phase == "done")
    assert job.error is None


def test_what_is_not_finished_is_there_after_a_restart(
    hub: Hub, three: list[Variant], watched: Callable[[], Watched]
) -> None:
    hub.faults.add(faults.Slow(1e6), times=None)
    running = watched()
    first, _ = (running.queue.add(variant) for variant in three[:2])
    running.until(lambda: done(first) > 300_000)
    running.queue.close()
    hub.faults.clear()
    again = watched()
    assert [job.variant for job in again.queue.jobs] == three[:2]
    assert [job.phase for job in again.queue.jobs] == ["paused", "paused"]
    assert done(again.queue.jobs[0]) > 200_000
    for job in again.queue.jobs:
        again.queue.resume(job)
    again.until(lambda: all(job.phase == "done" for job in again.queue.jobs))
    assert watched().queue.jobs == ()


CHILD = """
import sys, time
from r1chat.hub.queue import Queue
from r1chat.hub.remote import Remote
from r1chat.hub.variants import variants
queue = Queue(Remote())
job = queue.add(variants(Remote().listing(sys.argv[1]))[0])
while not (job.progress and job.progress.done > 300_000):
    time.sleep(0.02)
print("so far", flush=True)
time.sleep(60)
"""


def test_a_killed_app_finds_its_downloads_again(
    hub: Hub, three: list[Variant], watched: Callable[[], Watched]
) -> None:
    hub.faults.add(faults.Slow(1e6))
    command = [sys.executable, "-c", CHILD, NAME]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "so far\n"
        process.kill()
    running = watched()
    (job,) = running.queue.jobs
    assert job.variant == three[0]
    running.queue.resume(job)
    running.until(lambda: job.phase == "done")


HOSTILE = """[{"quant": "Q8_0", "files": [
  {"repo": "../..", "commit": "x", "path": "/etc/passwd", "size": 1, "sha256": null, "etag": "/x"}
]}]"""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "{}",
        '[{"quant": 7}]',
        '[{"quant": "Q8_0", "files": []}]',
        HOSTILE,
        "\x00",
    ],
)
def test_a_damaged_memory_is_no_memory(hub: Hub, text: str, watched: Callable[[], Watched]) -> None:
    paths.write_private(paths.cache_dir() / "downloads.json", text)
    assert watched().queue.jobs == ()


def test_a_listener_that_fails_stops_no_download(hub: Hub, three: list[Variant]) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    queue = Queue(Remote(), fail)
    job = queue.add(three[0])
    deadline = threading.Event()
    for _ in range(400):
        if job.phase == "done" or deadline.wait(0.05):
            break
    assert job.phase == "done"
    queue.close()
