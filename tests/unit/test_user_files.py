"""Files that users name: pipes, devices, links, full disks."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from r1chat import settings, user_files
from r1chat.attachments import read_file
from r1chat.errors import UsageError
from r1chat.evaluation import reading
from r1chat.settings import Settings
from tests.program import finish, run, start

posix = pytest.mark.skipif(os.name != "posix", reason="there are no such files elsewhere")
pytestmark = posix
QUESTION = b'{"problem": "1 + 1?", "answer": "2"}\n'


@pytest.fixture
def fifo(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def read_from(fifo):
    """Reads a pipe on a thread: what comes, once it is joined."""
    found = []
    thread = threading.Thread(target=lambda: found.append(fifo.read_bytes()))
    thread.start()
    return thread, found


# -- writing --


def test_a_pipe_is_written_through(fifo):
    thread, found = read_from(fifo)
    user_files.write(fifo, ["ä", "b"])
    thread.join()
    assert found == ["äb".encode()]
    assert stat.S_ISFIFO(fifo.stat().st_mode)


def test_who_writes_to_a_pipe_that_nobody_reads_is_told(fifo):
    said = []
    threads = []

    def waits(words):
        said.append(words)
        threads.append(read_from(fifo))

    user_files.write(fifo, ["x"], waits=waits)
    thread, found = threads[0]
    thread.join()
    assert found == [b"x"]
    assert str(fifo) in said[0]


@pytest.mark.parametrize("through", [[], ["one"], ["one", "two"]])
def test_links_lead_to_what_is_written(tmp_path, through):
    target = tmp_path / "deep" / "target.md"
    target.parent.mkdir()
    target.write_text("old")
    target.chmod(0o640)
    path = target
    for name in through:
        (tmp_path / name).symlink_to(path)
        path = tmp_path / name
    user_files.write(path, ["new"])
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert all((tmp_path / name).is_symlink() for name in through)
    assert [each.name for each in target.parent.iterdir()] == ["target.md"]


def test_a_link_that_leads_nowhere_yet_makes_what_it_leads_to(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    user_files.write(tmp_path / "link", ["new"])
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new"
    assert stat.S_IMODE((tmp_path / "target").stat().st_mode) == 0o600


def test_links_in_a_circle_are_an_error(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(OSError, match="symbolic links"):
        user_files.write(tmp_path / "a", ["new"])


def test_a_device_stays_one():
    user_files.write(Path("/dev/null"), ["x"])
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_node_of_a_device_stays_one(tmp_path):
    node = tmp_path / "null"
    try:
        os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root makes devices")
    user_files.write(node, ["x"])
    settings.save(Settings(budget="64"), node)
    assert stat.S_ISCHR(node.stat().st_mode)
    assert [each.name for each in tmp_path.iterdir()] == ["null"]


def test_a_full_device_is_told_with_what_is_needed():
    with pytest.raises(user_files.DiskFullError) as caught:
        user_files.write(Path("/dev/full"), ["x" * 3_000_000] * 2)
    assert caught.value.needed == 6_000_000
    assert caught.value.errno == errno.ENOSPC


def test_a_full_disk_keeps_the_old_file_and_says_how_much_room_it_lacks(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        path = disk / "export.md"
        user_files.write(path, ["old"])
        with pytest.raises(OSError, match="No space") as caught:
            user_files.write(path, ["x" * 1_000_000] * 9)
        said = user_files.reason(caught.value, path)
        assert "9.00 MB" in said
        assert str(disk) in said
        assert path.read_text() == "old"
        assert [each.name for each in disk.iterdir()] == ["export.md"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)  # noqa: S607


@pytest.mark.engine
def test_every_export_and_setting_writes_through_a_device(tmp_path):
    """The verbs of the program: none of them replaces a link or a device."""
    link = tmp_path / "link"
    link.symlink_to("/dev/null")
    assert run("ask", "-m", "tiny", "--temperature", "0", "-b", "off", "What is 1 + 2?")[0] == 0
    for form in ("md", "json", "jsonl", "html"):
        code, _, err = run("history", "export", "--all", "--format", form, "-o", link)
        assert code == 0, err
    assert run("history", "stats", "--png", link)[0] == 0
    assert link.readlink() == Path("/dev/null")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@pytest.mark.engine
def test_an_export_comes_out_of_a_pipe_and_of_the_standard_output(fifo):
    assert run("ask", "-m", "tiny", "--temperature", "0", "-b", "off", "What is 1 + 2?")[0] == 0
    thread, found = read_from(fifo)
    assert run("history", "export", "--all", "-o", fifo)[0] == 0
    thread.join()
    assert b"1 + 2" in found[0]
    code, out, _ = run("history", "export", "--all", "-o", "/dev/stdout")
    assert code == 0
    assert "1 + 2" in out


# -- reading --


def feed(fifo, data):
    """Writes into a pipe on a thread, as far as it is read."""

    def write():
        with contextlib.suppress(BrokenPipeError):
            fifo.write_bytes(data)

    thread = threading.Thread(target=write)
    thread.start()
    return thread


def test_what_comes_late_out_of_a_pipe_is_waited_for_and_that_is_said(fifo, monkeypatch):
    monkeypatch.setattr(user_files, "_PATIENCE_S", 0.05)
    said, threads = [], []

    def waits(words):
        said.append(words)
        threads.append(feed(fifo, b"apples"))

    assert read_file(str(fifo), waits=waits).text == "apples"
    threads[0].join()
    assert len(said) == 1
    assert str(fifo) in said[0]


def test_a_pipe_of_questions_is_read_to_its_end(fifo):
    thread = feed(fifo, QUESTION)
    assert [each.text for each in reading.read(str(fifo)).questions] == ["1 + 1?"]
    thread.join()


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom"])
def test_what_never_ends_is_read_as_far_as_it_may(device, monkeypatch):
    with pytest.raises(UsageError, match="larger than"):
        read_file(device)
    monkeypatch.setattr(reading, "_LARGEST", 4 << 20)
    with pytest.raises(UsageError, match=r"larger than|lines"):
        reading.read(device)


def test_a_pipe_that_never_ends_is_read_as_far_as_it_may(fifo):
    def endless():
        with fifo.open("wb", buffering=0) as file:
            try:
                while file.write(b"x" * 65536):
                    pass
            except BrokenPipeError:
                pass

    thread = threading.Thread(target=endless)
    thread.start()
    with pytest.raises(UsageError, match="larger than"):
        read_file(str(fifo))
    thread.join()


@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero", "fifo"])
def test_settings_that_are_no_file_keep_nobody_waiting(fifo, device):
    path = fifo if device == "fifo" else Path(device)
    found, fault = settings.load(path)
    assert found == Settings()
    assert "not a file" in fault


@pytest.mark.parametrize(
    "command",
    [("ask", "-m", "tiny", "-b", "off", "-f", None, "?"), ("history", "import", None)],
    ids=["attachment", "import"],
)
def test_the_program_says_what_it_waits_for_and_bounds_it(fifo, command):
    arguments = [fifo if each is None else each for each in command]
    with start(*arguments) as process:
        assert b"waiting for what" in process.stderr.readline()
        feed(fifo, b"x\n" * 700_000).join()
        code, _, err = finish(process)
    assert code == 2
    assert err.startswith("r1chat: ")


def test_an_import_of_a_device_without_an_end_is_refused(monkeypatch):
    from r1chat.commands import transfer
    from r1chat.console import Console
    from r1chat.exchange import reading as incoming

    monkeypatch.setattr(incoming, "LIMIT", 1 << 20)
    assert len(transfer._bytes("/dev/zero", Console(None))) == (1 << 20) + 1


@pytest.mark.engine
def test_eval_through_pipes_and_devices(fifo):
    thread = feed(fifo, QUESTION)
    code, _, err = run("eval", "-m", "tiny", "--budgets", "off", fifo, "-o", "/dev/null")
    thread.join()
    assert code == 0, err
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="there is no /dev/full")
def test_where_something_else_than_the_disk_is_full_no_room_is_asked_for():
    with pytest.raises(OSError, match="space") as failed:
        user_files.write(Path("/dev/full"), ["word"])
    told = user_files.reason(failed.value, Path("/dev/full"))
    assert "a quota" in told
    assert "more" not in told


def test_nobody_waits_for_a_pipe_where_nobody_can_be_told(tmp_path):
    fifo = tmp_path / "settings.json"
    os.mkfifo(fifo)
    for write in (lambda: user_files.write(fifo, ["x"]), lambda: settings.save(Settings(), fifo)):
        with pytest.raises(OSError, match="no program reads this pipe"):
            write()
    assert fifo.is_fifo()
