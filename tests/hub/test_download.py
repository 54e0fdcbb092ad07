"""Downloads: where they end up, what they take up again, and with whom they share.

What goes wrong on the way has tests of its own (`test_download_faults` and others).
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock
from huggingface_hub import hf_hub_download, scan_cache_dir, try_to_load_from_cache

from r1chat.errors import ModelError, NetworkError
from r1chat.hub.download import Progress, fetch, patience, transfer
from r1chat.hub.download.part import journal
from r1chat.hub.download.several import Several
from r1chat.hub.layout import RepoFolder, hub_cache
from tests.hub.pulling import NAME, REPO, ROOT, Pull, leftovers, pull, serve, start, until
from tests.hub.server import Content, File, Generated, Hub, Repo, faults

SIZE = 3_000_000


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_S", 0.01)


@pytest.fixture
def large(hub: Hub) -> Content:
    return serve(hub, SIZE)


def folder() -> RepoFolder:
    return RepoFolder(hub_cache(), REPO)


def sha256(path: Path | None) -> str:
    assert path is not None
    return hashlib.sha256(path.read_bytes()).hexdigest()


def starts(hub: Hub) -> list[int]:
    """The first byte of each request for bytes."""
    return [request.first for request in hub.requests.of("cdn", "GET")]


def test_a_download_is_where_the_library_would_have_put_it(hub: Hub, large: Content) -> None:
    path = pull()
    commit = hub.repos[REPO].refs["main"]
    assert sha256(path) == large.sha256
    assert path == folder().snapshots / commit / NAME
    assert path.readlink() == Path("../../blobs", large.sha256)
    assert (folder().folder / "refs" / "main").read_text() == commit
    assert try_to_load_from_cache(REPO, NAME, cache_dir=hub_cache()) == str(path)
    offline = hf_hub_download(REPO, NAME, cache_dir=hub_cache(), local_files_only=True)
    assert offline == str(path)
    found = scan_cache_dir(hub_cache())
    assert not found.warnings
    assert not found.incomplete_files
    (known,) = found.repos
    (revision,) = known.revisions
    assert (known.repo_id, known.size_on_disk, revision.refs) == (REPO, SIZE, {"main"})
    assert leftovers() == []


def test_an_unfinished_download_disturbs_nobody_else(hub: Hub, large: Content) -> None:
    hub.faults.add(faults.Slow(1e6))
    with Pull() as running:
        running.until(lambda: running.seen[-1].done > 100_000 if running.seen else False)
    found = scan_cache_dir(hub_cache())
    assert not found.warnings
    (part,) = found.incomplete_files
    assert part.file_path == folder().part(large.sha256)


def test_what_hf_has_downloaded_is_not_downloaded_again(hub: Hub, large: Content) -> None:
    theirs = hf_hub_download(REPO, NAME, cache_dir=hub_cache(), endpoint=hub.url, token=False)
    hub.requests.clear()
    assert str(pull()) == theirs
    assert hub.requests.bodies() == []


def test_a_blob_that_another_commit_brought_is_linked_only(hub: Hub, large: Content) -> None:
    pull()
    commit = hub.repos[REPO].push([File(NAME, large), File("README.md", b"new", lfs=False)])
    path = pull()
    assert path == folder().snapshots / commit / NAME
    assert sha256(path) == large.sha256
    assert hub.requests.sent() == SIZE


def test_a_damaged_file_under_the_right_name_is_replaced(hub: Hub, large: Content) -> None:
    path = pull()
    with path.resolve().open("r+b") as file:
        file.truncate(SIZE - 1)
    assert sha256(pull()) == large.sha256


def test_without_symbolic_links_the_file_itself_lies_in_the_snapshot(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_SYMLINKS", "1")
    names = [f"F16/M-F16-0000{number}-of-00002.gguf" for number in (1, 2)]
    hub.add(Repo(REPO, [File(name, Generated(1000, seed)) for seed, name in enumerate(names)]))
    path = pull(f"{REPO}:F16")
    assert not path.is_symlink()
    assert list(folder().blobs.iterdir()) == []
    assert not scan_cache_dir(hub_cache()).warnings
    # One of two is missing: the other one is not fetched again.
    path.unlink()
    hub.requests.clear()
    assert sha256(pull(f"{REPO}:F16")) == Generated(1000, 0).sha256
    assert hub.requests.sent() == 1000


def test_the_files_of_a_split_model_come_one_after_the_other(hub: Hub) -> None:
    pieces = [Generated(400_000 + number, number) for number in range(3)]
    names = [f"F16/Model-F16-0000{number + 1}-of-00003.gguf" for number in range(3)]
    hub.add(Repo(REPO, list(map(File, names, pieces))))
    seen: list[Progress] = []
    path = pull(f"{REPO}:F16", on_progress=seen.append)
    assert path.name == "Model-F16-00001-of-00003.gguf"
    for name, piece in zip(names, pieces, strict=True):
        assert sha256(path.parent / Path(name).name) == piece.sha256
    total = sum(piece.size for piece in pieces)
    assert {progress.total for progress in seen} == {total}
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)
    assert (seen[-1].state, seen[-1].done) == ("done", total)


def test_after_enough_failures_in_a_row_it_gives_up_and_keeps_what_it_has(
    hub: Hub, large: Content
) -> None:
    hub.faults.add(faults.Cut("close", 1_000_000)).add(faults.Status(503), skip=1, times=None)
    kept = r"503.* gave up after 8 tries\. The partial download is kept"
    with pytest.raises(NetworkError, match=kept):
        pull()
    hub.faults.clear()
    hub.requests.clear()
    assert sha256(pull()) == large.sha256
    assert hub.requests.sent() == SIZE - 1_000_000


def test_a_server_that_stalls_is_asked_again(
    hub: Hub, large: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "STALL_S", 0.3)
    hub.faults.add(faults.Stall(at=1_000_000))
    assert sha256(pull()) == large.sha256
    assert starts(hub) == [0, 1_000_000]


@pytest.mark.parametrize("fault", [faults.IgnoreRange(), faults.Unsatisfiable()])
def test_one_slip_of_the_server_costs_nothing(
    hub: Hub, large: Content, fault: faults.Fault
) -> None:
    hub.faults.add(faults.Cut("close", 2_000_000)).add(fault, skip=1)
    assert sha256(pull()) == large.sha256
    assert starts(hub) == [0, 2_000_000, 2_000_000]


def test_a_server_that_knows_no_ranges_starts_again_from_the_beginning(
    hub: Hub, large: Content
) -> None:
    hub.faults.add(faults.IgnoreRange(), times=None).add(faults.Cut("close", 2_000_000))
    assert sha256(pull()) == large.sha256
    assert starts(hub)[-1] == 0
    assert leftovers() == []


def test_a_file_that_changes_meanwhile_is_fetched_as_it_is_now(hub: Hub, large: Content) -> None:
    now = Generated(2_500_000, seed=2, begin=b"GGUF")
    repo = hub.repos[REPO]
    hub.faults.add(faults.Slow(1e6)).add(faults.Cut("close", 1_000_000))
    with Pull() as running:
        running.reaches("downloading")
        repo.commits[repo.refs["main"]] = {NAME: File(NAME, now)}
        running.until(lambda: running.path is not None)
    assert sha256(running.path) == now.sha256
    assert (running.seen[-1].done, running.seen[-1].total) == (now.size, now.size)
    assert leftovers() == []


def test_more_bytes_than_promised_are_not_read(hub: Hub, large: Content) -> None:
    hub.faults.add(faults.NeverEnds(large.read(0, SIZE)))
    assert sha256(pull()) == large.sha256


def test_bytes_that_are_wrong_twice_are_refused_and_nothing_is_kept(
    hub: Hub, large: Content
) -> None:
    hub.faults.add(faults.Corrupt(at=77), times=None)
    with pytest.raises(ModelError, match=f"its SHA-256 is .* the Hub says {large.sha256[:12]}…"):
        pull()
    assert list(folder().blobs.iterdir()) == []
    assert not any(path.name == NAME for path in folder().snapshots.rglob("*"))


def test_damage_on_this_disk_is_noticed_and_mended(hub: Hub, large: Content) -> None:
    hub.faults.add(faults.Slow(1e6))
    with Pull() as running:
        running.until(lambda: running.seen[-1].done > 500_000 if running.seen else False)
    with folder().part(large.sha256).open("r+b") as file:
        file.write(b"oops")
    assert sha256(pull()) == large.sha256


def test_a_cache_that_cannot_be_written_is_one_line(
    hub: Hub, large: Content, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "file" / "hub"))
    with pytest.raises(NetworkError, match=r"the model cache at .*/file/hub"):
        pull()


def test_a_gated_repository_is_asked_for_once(hub: Hub, large: Content) -> None:
    hub.repos[REPO].gated = "auto"
    with pytest.raises(NetworkError):
        pull()
    assert len(hub.requests.of("file")) == 1
    assert hub.requests.of("cdn") == []


def test_what_older_downloads_left_goes_when_nobody_wants_it(hub: Hub, large: Content) -> None:
    blobs = folder().blobs
    blobs.mkdir(parents=True)
    old = time.time() - 8 * 24 * 3600
    gone, young, locked, foreign = names = [
        *(f"{letter * 64}.r1chat.incomplete" for letter in "abc"),
        "x.incomplete",
    ]
    for name in names:
        (blobs / name).write_bytes(b"left")
        (blobs / f"{name}.json").write_text("{}")
        if name != young:
            os.utime(blobs / name, (old, old))
    lock = folder().lock("c" * 64)
    lock.parent.mkdir(parents=True)
    with FileLock(lock):
        pull()
    kept = [each for name in (young, locked, foreign) for each in (name, f"{name}.json")]
    assert sorted(kept) == sorted(path.name for path in blobs.iterdir() if "." in path.name)
    assert gone not in kept


def test_what_a_kill_left_at_the_very_end_goes_too(hub: Hub, large: Content) -> None:
    path = pull()
    journal(folder().part(large.sha256)).write_text("{}")
    path.unlink()
    assert pull() == path
    assert leftovers() == []


def test_who_follows_another_process_takes_over_when_it_dies(hub: Hub, large: Content) -> None:
    hub.faults.add(faults.Slow(1e6))
    with start() as process:
        until(lambda: journal(folder().part(large.sha256)).exists())
        with Pull() as running:
            running.until(lambda: running.reaches("following").done > 500_000)
            process.send_signal(signal.SIGKILL)
            running.until(lambda: running.path is not None)
    assert sha256(running.path) == large.sha256
    assert starts(hub)[-1] >= 500_000


def test_who_follows_another_process_takes_what_it_fetched(hub: Hub, large: Content) -> None:
    hub.faults.add(faults.Slow(2e6))
    with start() as process:
        until(lambda: journal(folder().part(large.sha256)).exists())
        with Pull() as running:
            running.reaches("following")
            running.until(lambda: running.path is not None)
        assert process.wait(20) == 0
    assert hub.requests.sent() == SIZE


def test_hf_waits_for_us_and_takes_what_we_fetched(hub: Hub, large: Content) -> None:
    hub.faults.add(faults.Slow(1.5e6))
    with Pull() as running:
        running.until(lambda: running.seen[-1].done > 100_000 if running.seen else False)
        theirs = hf_hub_download(REPO, NAME, cache_dir=hub_cache(), endpoint=hub.url, token=False)
        running.until(lambda: running.path is not None)
    assert theirs == str(running.path)
    assert hub.requests.sent() == SIZE


HF = """
import os, sys
from huggingface_hub import hf_hub_download
cache = os.environ["HF_HUB_CACHE"]
print(hf_hub_download(sys.argv[1], sys.argv[2], cache_dir=cache, token=False))
"""


def test_we_follow_hf_and_take_what_it_fetched(hub: Hub, large: Content) -> None:
    hub.faults.add(faults.Slow(1e6))
    command = [sys.executable, "-c", HF, REPO, NAME]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        until(lambda: hub.requests.of("cdn"))
        with Pull() as running:
            running.reaches("following")
            running.until(lambda: running.path is not None)
        assert process.communicate()[0].strip() == str(running.path)
    assert sha256(running.path) == large.sha256
    assert hub.requests.sent() == SIZE


class Four(Several):
    """Is sure from the beginning."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted = 4
        self._settled = True


def test_several_connections_bring_one_file(
    hub: Hub, large: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "SEGMENT", 300_000)
    monkeypatch.setattr(transfer, "Several", Four)
    hub.faults.add(faults.Cut(), times=3)
    assert sha256(pull()) == large.sha256
    assert len(starts(hub)) >= SIZE / 300_000
