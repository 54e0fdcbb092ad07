"""Downloads onto a disk that is full, for real: a file system of 20 MB."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hub.pulling import HANGS_S, ROOT, serve
from tests.hub.server import Hub
from tests.hub.server.faults import Slow

SIZE = 12_000_000

# Only who may mount can make a small disk; in a name space of his own, every user may.
ALONE = ["unshare", "--mount", "--map-root-user"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """Where a small disk can be mounted."""
    folder = tmp_path / "small"
    folder.mkdir()
    trial = [*ALONE, "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if shutil.which("unshare") is None or subprocess.run(trial, check=False).returncode:
        pytest.skip("this system lets us mount no small disk")
    return folder


def on_a_small_disk(folder: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> dict[str, object]:
    """Lets a process of its own download onto a disk of 20 MB; what it found."""
    monkeypatch.setenv("HF_HUB_CACHE", str(folder / "cache"))
    monkeypatch.setenv("R1CHAT_HOME", str(folder / "home"))
    command = [*ALONE, sys.executable, "-m", "tests.hub.full_disk", str(folder), how]
    found = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=HANGS_S, check=False
    )
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


def test_too_little_room_is_seen_before_anything_is_fetched(
    hub: Hub, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(hub, SIZE)
    found = on_a_small_disk(small_disk, monkeypatch, "before")
    assert "not enough room" in found["error"]
    assert "12.0 MB are needed" in found["error"]
    assert "HF_HOME" in found["error"]
    assert found["kept"] == 0
    assert found["whole"]
    assert hub.requests.sent() == SIZE


def test_a_disk_that_runs_full_keeps_what_came_and_goes_on_when_there_is_room(
    hub: Hub, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(hub, SIZE)
    hub.faults.add(Slow(1e7))
    found = on_a_small_disk(small_disk, monkeypatch, "during")
    assert "disk is full" in found["error"]
    assert found["error"].isprintable()
    assert found["whole"]
    assert found["leftovers"] == []
    # What stood in the part when it ended was not fetched again.
    assert hub.requests.sent() < 1.5 * SIZE
    first, last = hub.requests.of("cdn")
    assert last.first > SIZE / 4
    assert first.first == 0
