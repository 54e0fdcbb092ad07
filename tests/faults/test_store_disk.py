"""The history where it cannot be written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from r1chat.events import ThoughtText
from r1chat.store import Store
from tests.store.helpers import ask, asked, session, settle

ROOT = Path(__file__).parents[2]
posix = pytest.mark.skipif(os.name != "posix", reason="rights are another matter elsewhere")

CHILD = """
import json, os, sys
from pathlib import Path
from tests.store.helpers import ask, session
from r1chat.store import Store
import r1chat.store.store
# What a session imports late: another user may not be able to read this Python.
import r1chat.hub.speeds

if os.getuid() == 0:
    # Root may write everywhere.
    os.setgid(65534)
    os.setuid(65534)
store = Store.open(Path(sys.argv[1]))
before = [each.title for each in store.conversations()]
talk = session(store)
node = ask(talk, "This is not saved.")
flushed = store.flush(10)
print(json.dumps({
    "before": before,
    "after": [each.title for each in store.conversations()],
    "flushed": flushed,
    "saves": store.saves,
    "notices": store.take_notices(),
    "closed": store.close(),
}))
"""


def as_somebody_else(file):
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    if "PermissionError" in done.stderr and "setuid" in done.stderr:
        pytest.skip("cannot become another user here")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def open_place():
    """A folder that everybody can reach; pytest's own are for its user alone."""
    import shutil
    import tempfile

    place = Path(tempfile.mkdtemp(prefix="r1chat-test-"))
    place.chmod(0o755)
    yield place
    place.chmod(0o755)
    shutil.rmtree(place)


@posix
def test_a_folder_that_cannot_be_written_to_keeps_nobody_from_asking(open_place):
    open_place.chmod(0o555)
    said = as_somebody_else(open_place / "history.db")
    assert said["after"] == ["This is not saved"]
    assert not said["saves"]
    (notice,) = said["notices"]
    assert "not saved" in notice
    assert str(open_place) in notice
    assert list(open_place.iterdir()) == []


@posix
def test_a_history_that_cannot_be_written_to_is_shown_all_the_same(open_place):
    file = open_place / "history.db"
    store = Store.open(file)
    ask(session(store), "An old question.")
    settle(store)
    store.close()
    file.chmod(0o444)
    open_place.chmod(0o555)
    data = file.read_bytes()
    said = as_somebody_else(file)
    assert said["before"] == ["An old question"]
    assert said["after"] == ["This is not saved", "An old question"]
    assert len(said["notices"]) == 1
    assert file.read_bytes() == data


@posix
def test_a_history_of_somebody_else_is_left_alone(open_place):
    file = open_place / "history.db"
    Store.open(file).close()
    data = file.read_bytes()
    said = as_somebody_else(file)
    assert not said["saves"]
    assert len(said["notices"]) == 1
    assert file.read_bytes() == data


def test_a_folder_in_the_place_of_the_file_keeps_nobody_from_asking(tmp_path):
    file = tmp_path / "history.db"
    file.mkdir()
    store = Store.open(file)
    assert len(store.take_notices()) == 1
    ask(session(store), "Well?")
    assert store.flush(10)
    assert len(store.conversations()) == 1
    store.close()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of two megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", "size=2m", "tmpfs"]
    try:
        mounted = subprocess.run(["mount", *options, place], capture_output=True, check=False)  # noqa: S607
    except OSError:
        pytest.skip("there is no mount here")
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    yield place
    subprocess.run(["umount", place], check=True)  # noqa: S607


def fill(place):
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    return ballast


def test_a_full_disk_is_told_once_and_all_is_saved_once_there_is_room(small_disk):
    file = small_disk / "history.db"
    store = Store.open(file)
    talk = session(store)
    ask(talk, "before")
    settle(store)
    ballast = fill(small_disk)
    question = asked("while it was full")
    recording = store.begin(question)
    for number in range(2000):
        recording.take(ThoughtText(f" thought{number}", number))
    assert not recording.acknowledged(3)
    (notice,) = store.take_notices()
    assert "not saved" in notice
    # What was saved before is still read.
    assert [each.title for each in store.conversations()] == ["before"]
    ballast.unlink()
    assert recording.acknowledged(30)
    assert store.flush(30)
    (notice,) = store.take_notices()
    assert "saved now" in notice
    (node,) = store.load(question.conversation).conversation.nodes()
    assert node.turn.reply.thought == "".join(f" thought{number}" for number in range(2000))
    assert store.close()


def test_what_could_not_be_saved_until_the_end_is_told(small_disk):
    file = small_disk / "history.db"
    store = Store.open(file)
    ask(session(store), "before")
    settle(store)
    fill(small_disk)
    for number in range(300):
        ask(session(store), f"question {number} " + "and so on " * 100)
    assert not store.close()
    assert any("not saved" in notice for notice in store.take_notices())
    again = Store.open(file)
    assert "before" in [each.title for each in again.conversations(1000)]
    again.close()


def test_a_disk_that_is_full_from_the_start_keeps_nobody_from_asking(small_disk):
    fill(small_disk)
    store = Store.open(small_disk / "history.db")
    assert "not saved" in store.take_notices()[0]
    ask(session(store), "Well?")
    assert store.flush(10)
    assert len(store.conversations()) == 1
    store.close()
