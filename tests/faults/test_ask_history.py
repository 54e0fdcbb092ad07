"""`r1chat ask` where its turn cannot be kept: a full disk, a file in the way, damage."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from r1chat import paths
from tests.program import HANGS_S, run

# Only who may mount can make a small disk; in a name space of his own, every user may.
ALONE = ("unshare", "--mount", "--map-root-user")
ASK = ("ask", "-m", "tiny", "--temperature", "0", "-b", "off", "--check-sums", "off")
SMALL = """
set -e
mount -t tmpfs -o size=4m tmpfs "$R1CHAT_HOME"
r1chat() { code=0; "$PYTHON" -m r1chat "$@" || code=$?; echo "exit $code"; }
r1chat ask -m tiny --temperature 0 -b off "What is 1 + 2?"
"""
FULL = """
# The disk is full when dd fails.
dd if=/dev/zero of="$R1CHAT_HOME/ballast" bs=4k 2>/dev/null || true
r1chat ask -c "What is 3 + 3?"
r1chat history list
rm "$R1CHAT_HOME/ballast"
r1chat ask -c "What is 3 + 2?"
r1chat history show "$("$PYTHON" -m r1chat history list | tail -1 | cut -d' ' -f1)"
"""
TOO_MUCH = """
"$PYTHON" -c "
import base64, json, os
for _ in range(100):
    text = base64.b64encode(os.urandom(50000)).decode()
    print(json.dumps({'messages': [{'role': 'user', 'content': text}]}))
" | r1chat history import -
r1chat history list
"""


def on_a_small_disk(script, home, monkeypatch):
    """What a script says where the history has 4 MiB: stdout in parts, and stderr."""
    trial = [*ALONE, "mount", "-t", "tmpfs", "tmpfs", str(home)]
    if shutil.which("unshare") is None or subprocess.run(trial, check=False).returncode:
        pytest.skip("this system lets us mount no small disk")
    monkeypatch.setenv("PYTHON", sys.executable)
    command = [*ALONE, "bash", "-c", SMALL + script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANGS_S, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout.split("exit "), done.stderr


def test_on_a_full_disk_the_answer_is_given_and_what_was_kept_stays(home: Path, monkeypatch):
    said, told = on_a_small_disk(FULL, home, monkeypatch)
    first, full, listed, room, shown, end = said
    assert "1 + 2 = \\boxed" in first
    assert full.startswith("0\n")
    assert "3 + 3 = \\boxed" in full
    assert listed.startswith("1\n")
    assert listed.count("What is 1 + 2?") == 1
    assert "3 + 2 = \\boxed" in room
    assert shown.startswith("0\n")
    assert "> What is 1 + 2?" in shown
    assert "> What is 3 + 2?" in shown
    assert end == "0\n"
    assert "conversations are not saved" in told


def test_an_import_that_the_disk_has_no_room_for_ends_and_leaves_nothing(home: Path, monkeypatch):
    said, told = on_a_small_disk(TOO_MUCH, home, monkeypatch)
    _, imported, listed, end = said
    assert imported == "0\n"
    assert listed.startswith("1\n")
    assert listed.count("\n") == 3
    assert end == "0\n"
    assert told.count("not saved: the last") == 1
    assert "r1chat: nothing was imported: it could not be written\n" in told


def test_a_folder_that_cannot_be_made_costs_no_answer(home: Path):
    (home / "data").write_text("in the way", encoding="utf-8")
    code, out, err = run(*ASK, "What is 1 + 2?")
    assert (code, out.count("\\boxed")) == (1, 1)
    assert err.startswith("r1chat: note: conversations are not saved: ")
    assert err.count("\n") == 1


def test_a_damaged_history_costs_no_answer_and_is_set_aside():
    assert run(*ASK, "What is 1 + 2?")[0] == 0
    file = paths.history_file()
    file.write_bytes(b"nonsense" * 5000)
    code, out, err = run(*ASK, "What is 3 + 2?")
    assert (code, out.count("\\boxed")) == (0, 1)
    assert err.count("\n") <= 1
    kept = [each.read_bytes() for each in file.parent.iterdir() if each.is_file()]
    assert b"nonsense" * 5000 in kept
    assert "3 + 2" in run("history", "list")[1]
