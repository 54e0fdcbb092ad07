"""Native code that ends a process: said in one line, and the terminal is given back."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from r1chat.engine import probe
from r1chat.engine.context import ContextOptions
from r1chat.engine.llama import LlamaEngine, LoadOptions
from r1chat.engine.opening import Opening
from r1chat.errors import ModelError
from tests.conftest import ROOT, Run
from tests.factory import write_model
from tests.pty_app import QUIT, terminal

HEADER = 16384
"""More than the header of such a file, and less than the whole."""
_SCREEN_CODES = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l", b"\x1b[?1006l", b"\x1b[?2004l")

SHORT_CONTEXTS = """
import sys
from pathlib import Path
from r1chat.engine.llama import LlamaEngine, LoadOptions
from r1chat.errors import R1ChatError
from r1chat.reasoning.budget import Budget
from r1chat.session import Session
from tests.factory import write_model

first = True
for context in (0, 1, 2, 3, 5, 8, 13, 16, 17, 18, 20):
    path = write_model(Path(sys.argv[1]) / f"{context}.gguf", context=context)
    for options in (
        LoadOptions(trusted=True),
        LoadOptions(trusted=True, ctx=context or 1),
        LoadOptions(trusted=True, samples=16),
        LoadOptions(trusted=not first),
    ):
        first = False
        try:
            engine = LlamaEngine(path, options=options)
            list(Session(engine).ask("Hi", budget=Budget(tokens=2), max_answer=2))
        except R1ChatError as error:
            assert "\\n" not in str(error)
        else:
            engine.close()
print("alive")
"""


def test_no_context_is_too_short_for_the_process_to_live(run_python: Run, tmp_path: Path) -> None:
    done = run_python("-c", SHORT_CONTEXTS, str(tmp_path), cwd=ROOT)
    assert (done.stdout, done.stderr) == ("alive\n", "")


@pytest.mark.parametrize("context", [1, 5, 17])
def test_a_short_context_is_tried_in_a_child_as_it_is_loaded_here(
    context: int, tmp_path: Path
) -> None:
    path = write_model(tmp_path / "short.gguf", context=context)
    opening = Opening(ContextOptions(context, 1, 1, cells=8 * context))
    assert Opening.from_text(opening.as_text()) == opening
    probe.check(path, opening)
    LlamaEngine(path, options=LoadOptions(ctx=context)).close()


@pytest.mark.parametrize(
    ("name", "said", "blamed"),
    [
        ("KILL", "memory", False),
        ("TERM", "try again", False),
        ("SEGV", "cannot be loaded", True),
        ("BUS", "cut", True),
    ],
)
def test_a_trial_that_was_ended_says_by_whom(
    name: str,
    said: str,
    blamed: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = write_model(tmp_path / "m.gguf")
    ended = tmp_path / "python"
    ended.write_text(f"#!/bin/sh\nkill -{name} $$\n")
    ended.chmod(stat.S_IRWXU)
    monkeypatch.setattr(sys, "executable", str(ended))
    with pytest.raises(ModelError, match=said) as caught:
        LlamaEngine(path, options=LoadOptions(ctx=256))
    assert ("cannot be loaded" in str(caught.value)) is blamed
    assert "\n" not in str(caught.value)


def asking(path: Path, *options: str) -> subprocess.Popen[bytes]:
    """Asks a model that never ends, and waits until it writes."""
    command = [sys.executable, "-m", "r1chat", "ask", "-m", str(path), "--no-save", *options, "Hi"]
    child = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    assert child.stderr is not None
    os.read(child.stderr.fileno(), 1)
    return child


def long_model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "m.gguf", context=32768)


def test_a_file_that_is_cut_while_it_is_in_use_ends_the_question_in_one_line(
    tmp_path: Path,
) -> None:
    path = long_model(tmp_path)
    child = asking(path, "--thoughts", "show", "--format", "text")
    os.truncate(path, HEADER)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 3
    assert out == b""
    *_, last = err.decode("utf-8", "replace").split("r1chat: ")
    assert re.fullmatch(r"the model's file was cut [^\n]*\n", last)


def test_a_script_that_wants_json_learns_it_too(tmp_path: Path) -> None:
    path = long_model(tmp_path)
    child = subprocess.Popen(
        [sys.executable, "-m", "r1chat", "ask", "-m", str(path), "--format", "jsonl", "Hi"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    assert child.stdout is not None
    child.stdout.readline()
    os.truncate(path, HEADER)
    out, _ = child.communicate(timeout=60)
    assert child.returncode == 3
    last = out.splitlines()[-1]
    assert last.startswith(b'{"type": "error"')
    assert last.endswith(b'"exit_code": 3}')


# A signal from outside may come while the interpreter has a lock of its own, and no crash does.
CRASHING = """
import ctypes, sys
from r1chat.__main__ import main
from r1chat.engine.context import Context

crash, decode = getattr(ctypes.CDLL(None), "raise"), Context.decode
calls = []

def crashing(self, *arguments):
    calls.append(self)
    if len(calls) == 9:
        crash(NUMBER)
    return decode(self, *arguments)

Context.decode = crashing
sys.exit(main())
"""


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGFPE"])
def test_a_crash_in_the_middle_is_one_line(tmp_path: Path, run_python: Run, name: str) -> None:
    options = ("--no-save", "--thoughts", "show")
    done = run_python(
        *("-c", CRASHING.replace("NUMBER", str(int(signal.Signals[name])))),
        *("ask", "-m", str(long_model(tmp_path)), *options, "Hi"),
        cwd=ROOT,
    )
    assert done.returncode == 1
    # Another thread may still write what came before the crash.
    assert "the log has the details\n" in done.stderr
    assert done.stderr.count("r1chat: ") == 1


def test_a_file_that_is_replaced_or_removed_while_it_is_in_use_does_no_harm(
    tmp_path: Path,
) -> None:
    path = long_model(tmp_path)
    child = asking(path, "--thoughts", "show", "--budget", "300", "--max-answer", "4")
    write_model(tmp_path / "other.gguf", seed=5).replace(path)
    path.unlink()
    child.communicate(timeout=60)
    assert child.returncode in {0, 4}


def test_the_app_gives_the_terminal_back_when_its_model_is_cut(tmp_path: Path) -> None:
    path = long_model(tmp_path)
    with terminal("-m", "r1chat", "-m", str(path)) as app:
        app.wait_for("m.gguf")
        app.wait_for("Ask something")
        app.send("hello\r")
        app.wait_for("Answer now")
        app.wait(lambda: "thinking" in app.words.lower())
        os.truncate(path, HEADER)
        assert app.end() == 3
        after = app.raw[app.raw.rindex(b"\x1b[?1049l") :]
    assert all(code in app.raw for code in _SCREEN_CODES)
    assert b"the model's file was cut" in after
    assert after.count(b"\n") == 1


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found in /proc")
def test_the_terminal_is_given_back_by_another_when_the_app_is_killed() -> None:
    with terminal("-m", "r1chat") as app:
        app.wait_for("Ask something")
        tasks = Path(f"/proc/{app.pid}/task")
        app.wait(lambda: any((each / "children").read_text() for each in tasks.iterdir()))
        since = len(app.raw)
        app.signal(signal.SIGKILL)
        app.read_until(b"the app was killed", since)
    after = app.raw[app.raw.rindex(b"\x1b[?2004l", since) :]
    assert all(code in after for code in _SCREEN_CODES)
    assert after.count(b"\n") == 1


def test_an_app_that_ends_by_itself_leaves_no_watcher_behind() -> None:
    with terminal("-m", "r1chat") as app:
        app.wait_for("of 1,024")
        app.send(QUIT)
        assert app.end() == 0
    assert b"killed" not in app.raw


def test_without_a_screen_of_ours_crashes_are_left_to_the_program(run_python: Run) -> None:
    code = "import os; from r1chat.engine import native; native.start(); os.kill(os.getpid(), 11)"
    assert run_python("-c", code).returncode == -signal.SIGSEGV


def test_ggml_starts_no_debugger(run_python: Run) -> None:
    code = "import os, r1chat.engine.native; print(os.environ['GGML_NO_BACKTRACE'])"
    assert run_python("-c", code).stdout == "1\n"
