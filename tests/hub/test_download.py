"""Downloads from a Hub that breaks: whole, right, and where everybody finds them."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from huggingface_hub import hf_hub_download, scan_cache_dir, try_to_load_from_cache

from r1chat.errors import DownloadCancelled, ModelError, NetworkError
from r1chat.hub.download import Control, Progress, download, fetch, patience, transfer
from r1chat.hub.download.part import Part, journal, merged
from r1chat.hub.download.several import Several
from r1chat.hub.layout import RepoFolder
from r1chat.hub.remote import Remote
from r1chat.hub.variants import Variant, variants
from tests.hub.server import File, Generated, Hub, Repo, faults

NAME = "tester/Model-GGUF"
PATH = "Model-Q4_K_M.gguf"
SIZE = 3_000_000
LARGE = Generated(SIZE, seed=1, begin=b"GGUF")
LATENCY_S = 0.2

Pull = Callable[..., Path]


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_S", 0.01)


@pytest.fixture
def repo(hub: Hub) -> Repo:
    return hub.add(Repo(NAME, [File(PATH, LARGE)]))


@pytest.fixture
def pull(hub: Hub) -> Pull:
    return lambda **options: download(only_variant(), Remote(), **options)


def only_variant() -> Variant:
    (variant,) = variants(Remote().listing(NAME))
    return variant


def folder() -> RepoFolder:
    return RepoFolder(Path(os.environ["HF_HUB_CACHE"]), NAME)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def left_over() -> list[str]:
    """What lies among the blobs besides whole ones."""
    return sorted(path.name for path in folder().blobs.iterdir() if "." in path.name)


class Watch:
    """Runs a download on a thread of its own."""

    def __init__(self, **options: object) -> None:
        self.seen: list[Progress] = []
        self.control = Control()
        self.error: Exception | None = None
        self.path: Path | None = None
        self._news = threading.Condition()
        self._variant = only_variant()
        self._thread = threading.Thread(target=self._run, kwargs=options)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.path = download(
                self._variant, Remote(), control=self.control, on_progress=self._take
            )
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.error = error

    def _take(self, progress: Progress) -> None:
        with self._news:
            self.seen.append(progress)
            self._news.notify_all()

    def until(self, test: Callable[[Progress], bool], timeout: float = 20) -> Progress:
        with self._news:
            assert self._news.wait_for(lambda: any(map(test, self.seen)), timeout), self.seen[-5:]
            return next(filter(test, self.seen))

    def join(self, timeout: float = 20) -> None:
        self._thread.join(timeout)
        assert not self._thread.is_alive()


@pytest.fixture
def watch() -> Iterator[Callable[..., Watch]]:
    running: list[Watch] = []

    def start(**options: object) -> Watch:
        running.append(Watch(**options))
        return running[-1]

    yield start
    for each in running:
        each.control.cancel()
        each.join()


def test_a_download_is_where_the_library_would_have_put_it(repo: Repo, pull: Pull) -> None:
    path = pull()
    assert sha256(path) == LARGE.sha256
    commit = repo.refs["main"]
    cache = os.environ["HF_HUB_CACHE"]
    assert path == folder().snapshots / commit / PATH
    assert path.readlink() == Path("../../blobs", LARGE.sha256)
    assert (folder().folder / "refs" / "main").read_text() == commit
    assert try_to_load_from_cache(NAME, PATH, cache_dir=cache) == str(path)
    offline = hf_hub_download(NAME, PATH, cache_dir=cache, local_files_only=True)
    assert offline == str(path)
    found = scan_cache_dir(cache)
    assert not found.warnings
    assert not found.incomplete_files
    (known,) = found.repos
    (revision,) = known.revisions
    assert (known.repo_id, known.size_on_disk, revision.refs) == (NAME, SIZE, {"main"})
    assert left_over() == []


def test_what_hf_has_downloaded_is_not_downloaded_again(hub: Hub, repo: Repo, pull: Pull) -> None:
    cache = os.environ["HF_HUB_CACHE"]
    theirs = hf_hub_download(NAME, PATH, cache_dir=cache, endpoint=hub.url, token=False)
    fetched = len(hub.requests.bodies())
    assert str(pull()) == theirs
    assert len(hub.requests.bodies()) == fetched


def test_a_blob_that_another_commit_brought_is_linked_only(
    hub: Hub, repo: Repo, pull: Pull
) -> None:
    pull()
    commit = repo.push([File(PATH, LARGE), File("README.md", b"new", lfs=False)])
    path = pull()
    assert path == folder().snapshots / commit / PATH
    assert path.read_bytes() == LARGE.read(0, SIZE)
    assert hub.requests.sent() == SIZE


def test_without_symbolic_links_the_file_itself_lies_in_the_snapshot(
    repo: Repo, pull: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_SYMLINKS", "1")
    path = pull()
    assert not path.is_symlink()
    assert sha256(path) == LARGE.sha256
    assert list(folder().blobs.iterdir()) == []
    assert not scan_cache_dir(os.environ["HF_HUB_CACHE"]).warnings


def test_the_files_of_a_split_model_come_one_after_the_other(hub: Hub, pull: Pull) -> None:
    pieces = [Generated(400_000 + number, number) for number in range(3)]
    names = [f"F16/Model-F16-0000{number + 1}-of-00003.gguf" for number in range(3)]
    hub.add(Repo(NAME, list(map(File, names, pieces))))
    seen: list[Progress] = []
    path = pull(on_progress=seen.append)
    assert path.name == "Model-F16-00001-of-00003.gguf"
    for name, piece in zip(names, pieces, strict=True):
        assert sha256(path.parent / Path(name).name) == piece.sha256
    total = sum(piece.size for piece in pieces)
    assert {progress.total for progress in seen} == {total}
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)
    assert (seen[-1].state, seen[-1].done) == ("done", total)


def test_a_small_file_is_checked_against_git_s_sum(hub: Hub, pull: Pull) -> None:
    hub.add(Repo(NAME, [File(PATH, b"GGUF, and little else", lfs=False)]))
    assert pull().read_bytes() == b"GGUF, and little else"
    hub.add(Repo(NAME, [File(PATH, b"GGUF, and little more", lfs=False)]))
    hub.faults.add(faults.Corrupt(), "file", times=None)
    with pytest.raises(ModelError, match="damaged twice: its git SHA-1 is"):
        pull()


@pytest.mark.parametrize("how", ["reset", "close"])
def test_a_cut_connection_goes_on_at_the_exact_byte(
    hub: Hub, repo: Repo, pull: Pull, how: str
) -> None:
    hub.faults.add(faults.Cut(how), times=6)
    assert sha256(pull()) == LARGE.sha256
    asked = hub.requests.of("cdn", "GET")
    assert len(asked) == 7
    # What was under way when the connection was reset is lost; a clean end loses nothing.
    again = hub.requests.sent() - SIZE
    assert again == 0 if how == "close" else again <= 6 << 20
    assert sorted(request.first for request in asked) == [request.first for request in asked]


def test_an_address_that_has_expired_is_asked_for_again(hub: Hub, repo: Repo, pull: Pull) -> None:
    hub.faults.add(faults.Cut("close", 1_000_000)).add(faults.Expired(), skip=1)
    assert sha256(pull()) == LARGE.sha256
    assert hub.requests.sent() < SIZE + 1000
    assert len(hub.requests.of("file", "HEAD")) == 3


def test_a_server_that_is_busy_is_left_alone_for_as_long_as_it_asks(
    hub: Hub, repo: Repo, watch: Callable[..., Watch]
) -> None:
    hub.faults.add(faults.TooMany(wait=30))
    running = watch()
    progress = running.until(lambda seen: seen.state == "waiting")
    assert progress.wait_s is not None
    assert 29 < progress.wait_s < 31
    assert "429" in progress.note
    later = running.until(lambda seen: (seen.wait_s or 99) < progress.wait_s - 0.3)
    assert later.state == "waiting"
    assert len(hub.requests.of("cdn")) == 1


def test_errors_of_the_server_are_sat_out(hub: Hub, repo: Repo, pull: Pull) -> None:
    for skip, code in enumerate((500, 502, 503)):
        hub.faults.add(faults.Status(code), skip=skip)
    hub.faults.add(faults.Status(503), "file", method="HEAD")
    assert sha256(pull()) == LARGE.sha256


def test_after_enough_failures_in_a_row_it_gives_up_and_keeps_what_it_has(
    hub: Hub, repo: Repo, pull: Pull
) -> None:
    hub.faults.add(faults.Cut("close", 1_000_000)).add(faults.Status(503), skip=1, times=None)
    with pytest.raises(NetworkError, match=r"503.* gave up after 8 tries\. What was fetched"):
        pull()
    assert left_over() == [f"{LARGE.sha256}.r1chat.incomplete" + end for end in ("", ".json")]
    hub.faults.clear()
    hub.requests.clear()
    assert sha256(pull()) == LARGE.sha256
    assert hub.requests.sent() == SIZE - 1_000_000


def test_a_server_that_stalls_is_asked_again(
    hub: Hub, repo: Repo, pull: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "STALL_S", 0.3)
    hub.faults.add(faults.Stall(at=1_000_000))
    assert sha256(pull()) == LARGE.sha256
    assert [request.first for request in hub.requests.of("cdn", "GET")] == [0, 1_000_000]


@pytest.mark.parametrize("fault", [faults.IgnoreRange(), faults.Unsatisfiable()])
def test_one_slip_of_the_server_costs_nothing(
    hub: Hub, repo: Repo, pull: Pull, fault: faults.Fault
) -> None:
    hub.faults.add(faults.Cut("close", 2_000_000)).add(fault, skip=1)
    assert sha256(pull()) == LARGE.sha256
    assert hub.requests.of("cdn", "GET")[-1].first == 2_000_000


def test_a_server_that_knows_no_ranges_starts_again_from_the_beginning(
    hub: Hub, repo: Repo, pull: Pull
) -> None:
    hub.faults.add(faults.IgnoreRange(), times=None).add(faults.Cut("close", 2_000_000))
    assert sha256(pull()) == LARGE.sha256
    assert hub.requests.of("cdn", "GET")[-1].first == 0
    assert left_over() == []


def test_a_file_that_changes_meanwhile_is_fetched_as_it_is_now(
    hub: Hub, repo: Repo, pull: Pull
) -> None:
    now = Generated(2_500_000, seed=2, begin=b"GGUF")
    hub.faults.add(faults.Cut("close", 1_000_000))
    commit = repo.refs["main"]
    variant = only_variant()
    repo.commits[commit] = {PATH: File(PATH, now)}
    seen: list[Progress] = []
    path = download(variant, Remote(), on_progress=seen.append)
    assert sha256(path) == now.sha256
    assert (seen[-1].done, seen[-1].total) == (now.size, now.size)
    assert left_over() == []


def test_more_bytes_than_promised_are_not_read(hub: Hub, repo: Repo, pull: Pull) -> None:
    hub.faults.add(faults.NeverEnds(LARGE.read(0, SIZE)))
    assert sha256(pull()) == LARGE.sha256


def test_wrong_bytes_are_fetched_once_more(hub: Hub, repo: Repo, pull: Pull) -> None:
    hub.faults.add(faults.Corrupt())
    assert sha256(pull()) == LARGE.sha256
    assert [request.first for request in hub.requests.bodies()] == [0, 0]


def test_bytes_that_are_wrong_twice_are_refused_and_nothing_is_kept(
    hub: Hub, repo: Repo, pull: Pull
) -> None:
    hub.faults.add(faults.Corrupt(at=77), times=None)
    with pytest.raises(ModelError, match=f"its SHA-256 is .* the Hub says {LARGE.sha256[:12]}…"):
        pull()
    assert list(folder().blobs.iterdir()) == []
    assert not any(path.name == PATH for path in folder().snapshots.rglob("*"))


def test_damage_on_this_disk_is_noticed_and_mended(
    hub: Hub, repo: Repo, watch: Callable[..., Watch], pull: Pull
) -> None:
    hub.faults.add(faults.Slow(1e6))
    running = watch()
    running.until(lambda seen: seen.done > 500_000)
    running.control.cancel()
    running.join()
    part = folder().part(LARGE.sha256)
    with part.open("r+b") as file:
        file.write(b"oops")
    assert sha256(pull()) == LARGE.sha256


def test_a_journal_of_another_file_or_a_damaged_one_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "part"
    path.write_bytes(bytes(1000))
    part = Part(path, 1000, "a" * 64)
    part.write_journal([(0, 500)])
    assert Part(path, 1000, "a" * 64).ranges == ((0, 500),)
    assert Part(path, 999, "a" * 64).ranges == ()
    assert Part(path, 1000, "b" * 64).ranges == ()
    path.write_bytes(bytes(300))
    assert Part(path, 1000, "a" * 64).ranges == ((0, 300),)
    known = {"size": 1000, "etag": "a" * 64}
    for done in ([[-5, 10]], [[0.5, 10]], [["0", "10"]], [[1]], 7, [[True, 10]], None):
        journal(path).write_text(json.dumps(known | {"done": done}))
        assert Part(path, 1000, "a" * 64).ranges == (), done
    for text in ("", "{", "[]", "null", '{"size": 1000}', "[" * 100_000, "\ud7ff" * 10):
        journal(path).write_bytes(text.encode())
        assert Part(path, 1000, "a" * 64).ranges == (), text[:20]


def test_claims_never_overlap_and_fill_every_gap(tmp_path: Path) -> None:
    chance = random.Random(5)
    for _ in range(200):
        part = Part(tmp_path / "part", size := chance.randrange(1, 500), "a" * 64)
        covered = bytearray(size)
        active = []
        while part.done < size:
            span = part.claim(chance.choice([None, 1, 7, 100]))
            if span:
                active.append(span)
            span = active.pop(chance.randrange(len(active)))
            # Some are cut off on their way.
            stop = chance.choice([span.end, chance.randrange(span.start, span.end + 1)])
            for at in range(span.start, stop):
                assert not covered[at]
                covered[at] = 1
            span.at = stop
            assert part.prefix == (bytes(covered) + b"\0").index(0)
            part.release(span)
            assert part.done == sum(covered)
        assert part.claim() is None
        assert part.ranges == ((0, size),)


def test_ranges_are_put_together() -> None:
    assert merged([(5, 7), (0, 2), (2, 3), (9, 9), (6, 8)]) == ((0, 3), (5, 8))


@pytest.mark.parametrize("state", ["downloading", "stalled", "answerless", "waiting", "locating"])
def test_a_cancel_takes_hold_at_once_wherever_it_is(
    hub: Hub, repo: Repo, watch: Callable[..., Watch], state: str
) -> None:
    if state == "downloading":
        hub.faults.add(faults.Slow(1e6))
    elif state == "stalled":
        hub.faults.add(faults.Stall(at=500_000))
    elif state == "answerless":
        hub.faults.add(faults.SlowHeaders(30))
    elif state == "waiting":
        hub.faults.add(faults.TooMany(wait=60))
    else:
        hub.faults.add(faults.SlowHeaders(30), "file", method="HEAD")
    running = watch()
    if state in {"downloading", "stalled"}:
        running.until(lambda seen: seen.done > 100_000)
    elif state == "waiting":
        running.until(lambda seen: seen.state == "waiting")
    else:
        running.until(lambda seen: seen.state == "downloading")
        time.sleep(0.3)
    running.control.cancel()
    # Far more than the 0.2 s it should take and takes (scripts/bench_download), and far less
    # than what it would otherwise wait for.
    running.join(5)
    assert isinstance(running.error, DownloadCancelled)
    assert threading.active_count() < 20


def test_a_paused_download_lets_go_and_goes_on_later(
    hub: Hub, repo: Repo, watch: Callable[..., Watch]
) -> None:
    hub.faults.add(faults.Slow(1e6))
    running = watch()
    running.until(lambda seen: seen.done > 300_000)
    running.control.pause()
    paused = running.until(lambda seen: seen.state == "paused")
    assert paused.done >= 300_000
    requests = len(hub.requests.of("cdn"))
    time.sleep(0.3)
    assert len(hub.requests.of("cdn")) == requests
    running.control.resume()
    running.join()
    assert running.path is not None
    assert sha256(running.path) == LARGE.sha256
    assert hub.requests.of("cdn")[-1].first >= 300_000


def test_a_pause_while_the_hub_is_asked_again_is_a_pause_like_any_other(
    hub: Hub, repo: Repo, watch: Callable[..., Watch]
) -> None:
    hub.faults.add(faults.Etag(), "file", method="HEAD")
    hub.faults.add(faults.SlowHeaders(30), "info", skip=1)
    running = watch()
    for _ in range(400):
        if len(hub.requests.of("info")) == 2:
            break
        time.sleep(0.02)
    running.control.pause()
    running.until(lambda seen: seen.state == "paused")
    running.control.resume()
    running.join()
    assert running.path is not None
    assert sha256(running.path) == LARGE.sha256


def test_a_paused_download_can_be_cancelled(
    hub: Hub, repo: Repo, watch: Callable[..., Watch]
) -> None:
    hub.faults.add(faults.Slow(1e6))
    running = watch()
    running.control.pause()
    running.until(lambda seen: seen.state == "paused")
    running.control.cancel()
    running.join(5)
    assert isinstance(running.error, DownloadCancelled)


CHILD = """
import sys
from r1chat.hub.download import download
from r1chat.hub.remote import Remote
from r1chat.hub.variants import variants
(variant,) = variants(Remote().listing(sys.argv[1]))
def tell(progress):
    print(progress.state, progress.done, flush=True)
print("path", download(variant, Remote(), on_progress=tell))
"""


@pytest.fixture
def child() -> Iterator[Callable[[], subprocess.Popen[str]]]:
    running: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        running.append(
            subprocess.Popen([sys.executable, "-c", CHILD, NAME], stdout=subprocess.PIPE, text=True)
        )
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


def follow(process: subprocess.Popen[str], state: str, least: int = 0) -> int:
    """Reads what a child says until it is so far."""
    assert process.stdout is not None
    for line in process.stdout:
        said, number = line.split()
        if said == state and int(number) >= least:
            return int(number)
    pytest.fail(f"it ended before it was {state}")


def test_a_process_that_is_killed_costs_a_second_at_most(
    hub: Hub, repo: Repo, pull: Pull, child: Callable[[], subprocess.Popen[str]]
) -> None:
    rate = 1e6
    hub.faults.add(faults.Slow(rate), times=None)
    process = child()
    done = follow(process, "downloading", 1_500_000)
    process.kill()
    process.wait()
    hub.faults.clear()
    hub.requests.clear()
    assert sha256(pull()) == LARGE.sha256
    (request,) = hub.requests.of("cdn", "GET")
    assert request.first >= done - rate
    assert left_over() == []


def test_of_two_processes_one_fetches_and_the_other_follows(
    hub: Hub, repo: Repo, watch: Callable[..., Watch], child: Callable[[], subprocess.Popen[str]]
) -> None:
    hub.faults.add(faults.Slow(1.5e6))
    process = child()
    follow(process, "downloading", 100_000)
    running = watch()
    running.until(lambda seen: seen.state == "following" and seen.done > 0)
    running.join()
    assert running.path is not None
    assert sha256(running.path) == LARGE.sha256
    assert hub.requests.sent() == SIZE
    assert process.wait(20) == 0


def test_who_follows_a_process_that_dies_takes_over(
    hub: Hub, repo: Repo, watch: Callable[..., Watch], child: Callable[[], subprocess.Popen[str]]
) -> None:
    hub.faults.add(faults.Slow(1e6))
    process = child()
    follow(process, "downloading", 1_000_000)
    running = watch()
    running.until(lambda seen: seen.state == "following")
    process.send_signal(signal.SIGKILL)
    running.join()
    assert running.path is not None
    assert sha256(running.path) == LARGE.sha256
    assert hub.requests.of("cdn")[-1].first > 0


def test_hf_waits_for_us_and_takes_what_we_fetched(
    hub: Hub, repo: Repo, watch: Callable[..., Watch]
) -> None:
    hub.faults.add(faults.Slow(1.5e6))
    running = watch()
    running.until(lambda seen: seen.done > 100_000)
    cache = os.environ["HF_HUB_CACHE"]
    theirs = hf_hub_download(NAME, PATH, cache_dir=cache, endpoint=hub.url, token=False)
    running.join()
    assert theirs == str(running.path)
    assert hub.requests.sent() == SIZE


HF = """
import os, sys
from huggingface_hub import hf_hub_download
cache = os.environ["HF_HUB_CACHE"]
print(hf_hub_download(sys.argv[1], sys.argv[2], cache_dir=cache, token=False))
"""


def test_we_follow_hf_and_take_what_it_fetched(
    hub: Hub, repo: Repo, watch: Callable[..., Watch]
) -> None:
    hub.faults.add(faults.Slow(1e6))
    command = [sys.executable, "-c", HF, NAME, PATH]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        for _ in range(400):
            if hub.requests.of("cdn"):
                break
            time.sleep(0.05)
        running = watch()
        running.until(lambda seen: seen.state == "following")
        running.join()
        assert running.path is not None
        assert process.communicate()[0].decode().strip() == str(running.path)
    assert sha256(running.path) == LARGE.sha256
    assert hub.requests.sent() == SIZE


def test_several_connections_bring_one_file(
    hub: Hub, repo: Repo, pull: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "SEGMENT", 300_000)
    monkeypatch.setattr(transfer, "Several", Four)
    hub.faults.add(faults.Cut(), times=3)
    assert sha256(pull()) == LARGE.sha256
    ranges = [request.range for request in hub.requests.of("cdn", "GET")]
    assert len(ranges) >= SIZE / 300_000


class Four(Several):
    """Is sure from the beginning."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted = 4
        self._settled = True


def connections(rates: dict[int, float], size: int = 10**10) -> list[int]:
    """How many there are each half second, when so many are so fast."""
    several, done, counts = Several(), 0.0, []
    for half_seconds in range(200):
        several.look(half_seconds / 2, int(done), int(size - done))
        counts.append(several.wanted)
        done += rates[several.wanted] / 2
    return counts


@pytest.mark.parametrize(
    ("rates", "end", "most"),
    [
        ({1: 10e6, 2: 10e6}, 1, 2),
        ({1: 10e6, 2: 12e6}, 1, 2),
        ({1: 10e6, 2: 20e6, 3: 21e6}, 2, 3),
        ({1: 10e6, 2: 20e6, 3: 30e6, 4: 40e6}, 4, 4),
        ({1: 1000e6}, 1, 1),
    ],
    ids=["no gain", "little gain", "two", "four", "over too soon"],
)
def test_as_many_connections_stay_as_are_faster(
    rates: dict[int, float], end: int, most: int
) -> None:
    counts = connections(rates)
    assert (counts[-1], max(counts)) == (end, most)


def test_without_room_nothing_is_written(
    repo: Repo, pull: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.push([File(PATH, Generated(10**15, sha256="a" * 64))])
    with pytest.raises(NetworkError, match=r"not enough room at .* are to come .*; free \d+\."):
        pull()
    assert not folder().folder.exists()


def test_a_cache_that_cannot_be_written_is_one_line(
    repo: Repo, pull: Pull, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "file" / "hub"))
    with pytest.raises(NetworkError, match=r"the model cache at .*/file/hub"):
        pull()


def test_what_older_downloads_left_goes_when_nobody_wants_it(repo: Repo, pull: Pull) -> None:
    blobs = folder().blobs
    blobs.mkdir(parents=True)
    old = time.time() - 8 * 24 * 3600
    names = [f"{letter * 64}.r1chat.incomplete" for letter in "abc"] + ["x.incomplete"]
    for name in names:
        (blobs / name).write_bytes(b"left")
        (blobs / f"{name}.json").write_text("{}")
        if not name.startswith("b"):
            os.utime(blobs / name, (old, old))
    lock = folder().lock("c" * 64)
    lock.parent.mkdir(parents=True)
    from filelock import FileLock

    with FileLock(lock):
        pull()
    kept = [names[1], names[2], names[3]]
    assert left_over() == sorted(kept + [f"{name}.json" for name in kept])


def test_what_a_kill_left_at_the_very_end_goes_too(repo: Repo, pull: Pull) -> None:
    path = pull()
    part = folder().part(LARGE.sha256)
    journal(part).write_text("{}")
    path.unlink()
    assert pull() == path
    assert left_over() == []


def test_a_gated_repository_says_what_to_do_and_asks_once(hub: Hub, pull: Pull) -> None:
    hub.add(Repo(NAME, [File(PATH, LARGE)], gated="auto"))
    with pytest.raises(NetworkError):
        pull()
    assert len(hub.requests.of("file")) == 1
    assert hub.requests.of("cdn") == []


@pytest.mark.parametrize("address", ["file:///etc/hostname", "gopher://127.0.0.1/"])
def test_an_address_that_is_not_http_is_refused(
    hub: Hub, repo: Repo, pull: Pull, address: str
) -> None:
    hub.faults.add(faults.Redirect(address), times=None)
    with pytest.raises(NetworkError):
        pull()


def test_a_callback_that_fails_ends_the_download_and_nothing_else(repo: Repo, pull: Pull) -> None:
    def fail(_progress: Progress) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        pull(on_progress=fail)
    assert sha256(pull()) == LARGE.sha256


def test_a_full_disk_says_so_and_keeps_what_is_there(
    hub: Hub, repo: Repo, pull: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource

    # The system itself refuses to let the file grow, as it does on a full disk.
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, old[1]))
    try:
        with pytest.raises(NetworkError, match=os.strerror(errno.EFBIG)):
            pull()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, ignored)
    hub.requests.clear()
    assert sha256(pull()) == LARGE.sha256
    (request,) = hub.requests.of("cdn", "GET")
    assert request.first == 2_000_000
