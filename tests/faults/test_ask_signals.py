"""`r1chat ask` when it is told to stop, or when nobody listens any more."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pexpect
import pytest

from tests.factory import write_model
from tests.program import HANGS_S, finish, run, start, wait_for

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
stopped_by = pytest.mark.parametrize("signum", CODES)


@pytest.fixture(scope="module")
def endless(tmp_path_factory):
    """A model with random weights, which has much context and nothing to say."""
    path = tmp_path_factory.mktemp("models") / "endless.gguf"
    return write_model(path, context=65536)


@pytest.fixture
def ask(endless):
    """Asks it."""
    return ("ask", "-m", endless, "--ctx", "65536", "Well?")


@pytest.fixture
def long_file(tmp_path):
    """A text that takes such a model minutes to read."""
    path = tmp_path / "long.txt"
    path.write_text("All work and no play makes Jack a dull boy.\n" * 1200, encoding="utf-8")
    return path


def last_object(text):
    value = json.loads(text.splitlines()[-1])
    assert value["type"] == "reply"
    return value


@stopped_by
def test_a_signal_while_it_thinks_keeps_what_there_is(ask, signum):
    process = start(*ask, "--format", "jsonl")
    wait_for(process.stdout, b'"thought_text"')
    process.send_signal(signum)
    code, out, err = finish(process)
    assert (code, err) == (CODES[signum], "")
    reply = last_object(out)
    assert reply["receipt"]["ended_by"] == "cancelled"
    assert reply["thought"]


@stopped_by
def test_a_signal_while_it_reads_the_prompt_stops_it(ask, long_file, signum):
    process = start(*ask, "-f", long_file, "--format", "jsonl")
    wait_for(process.stdout, b'"evaluating"')
    process.send_signal(signum)
    code, out, err = finish(process)
    assert (code, err) == (CODES[signum], "")
    reply = last_object(out)
    assert reply["receipt"]["ended_by"] == "cancelled"
    assert reply["receipt"]["thought_tokens"] == 0


@stopped_by
def test_a_signal_while_it_loads_ends_it(ask, signum):
    process = start(*ask, "--format", "jsonl")
    wait_for(process.stdout, b'"loading"')
    process.send_signal(signum)
    code, _, err = finish(process)
    assert (code, err) == (CODES[signum], "")


@stopped_by
def test_a_signal_while_it_waits_for_the_question_ends_it(signum):
    process = start("ask", "-m", "tiny", stdin=subprocess.PIPE)
    wait_for(process.stderr, b"waiting")
    process.send_signal(signum)
    code = process.wait(HANGS_S)
    with process:
        assert (code, process.stdout.read(), process.stderr.read()) == (CODES[signum], b"", b"")


@stopped_by
@pytest.mark.parametrize("blocked_in", ["os.read(read, 1)", "queue.SimpleQueue().get()"])
def test_a_signal_that_does_not_interrupt_the_blocked_main_thread_ends_it(
    run_python, blocked_in, signum
):
    """It may come in the moment before that thread blocks; here another thread gets it."""
    code = f"""
import os, queue, signal, threading
from r1chat.interrupts import Interrupted, Interrupts
read, written = os.pipe()
def send():
    blocking.wait()
    signal.pthread_kill(threading.get_ident(), {int(signum)})
blocking = threading.Event()
threading.Thread(target=send).start()
signal.signal({int(signum)}, signal.default_int_handler)
try:
    with Interrupts(lambda code: os._exit(99)) as interrupts:
        blocking.set()
        {blocked_in}
except Interrupted as end:
    os._exit(end.code)
"""
    assert run_python("-c", code).returncode == CODES[signum]


def test_an_answer_that_is_interrupted_ends_its_line(ask):
    process = start(*ask, "-b", "off")
    assert process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    code, out, err = finish(process)
    assert (code, err) == (130, "")
    assert out.endswith("\n")
    assert out == out.rstrip() + "\n"


def test_a_signal_ends_it_although_its_reader_sleeps(ask):
    process = start(*ask, "--format", "jsonl")
    wait_for(process.stdout, b'"thought_text"')
    # Nobody reads on: the pipe fills up and the program is stuck in a write.
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(3)
    process.send_signal(signal.SIGINT)
    assert process.wait(HANGS_S) == 130
    finish(process)


def test_two_signals_at_once_are_one(ask):
    """As `timeout` sends them: to the process, and to its whole group."""
    process = start(*ask, "--format", "jsonl")
    wait_for(process.stdout, b'"thought_text"')
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    code, out, _ = finish(process)
    assert code == 143
    assert last_object(out)["thought"]


def test_a_thread_that_dies_does_not_leave_others_waiting(run_python):
    code = """
import queue, threading
from r1chat import cli, compose
def load(*_, **options):
    threading.Thread(target=lambda: 1 / 0).start()
    queue.SimpleQueue().get()
compose.load = load
cli.main(["ask", "-m", "tiny", "Well?"])
"""
    done = run_python("-c", code, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("r1chat: something went wrong inside r1chat (ZeroDivisionError")
    assert done.stderr.count("\n") == 1


def test_a_signal_that_was_ignored_from_the_start_stays_ignored(ask):
    """As nohup does with SIGHUP, and a shell with SIGINT in the background."""
    script = 'trap "" HUP INT; exec "$@"'
    command = ["/bin/sh", "-c", script, "sh", sys.executable, "-m", "r1chat", *map(str, ask)]
    options = ["--format", "jsonl", "-b", "32", "--max-answer", "32"]
    with subprocess.Popen([*command, *options], stdout=-1, stderr=-1, stdin=-3) as process:
        wait_for(process.stdout, b'"loading"')
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGINT)
        code, out, _ = finish(process)
    assert code == 0
    assert last_object(out)["receipt"]["ended_by"] != "cancelled"


def test_control_c_at_a_terminal_stops_it_and_leaves_the_screen_in_order(ask):
    variables = {**os.environ, "TERM": "xterm"}
    command = ["-m", "r1chat", *map(str, ask)]
    child = pexpect.spawn(sys.executable, command, env=variables, timeout=HANGS_S)
    child.expect_exact(b"\x1b[2m")
    child.sendintr()
    shown = child.read().decode("utf-8")
    child.close()
    assert child.exitstatus == 130
    *_, receipt, end = shown.split("\r\n")
    assert end == ""
    assert receipt.startswith("\x1b[2mThought for ")
    assert receipt.endswith("\x1b[0m")
    assert "stopped" in receipt
    assert "Traceback" not in shown


@pytest.mark.parametrize("reader", ["head -1", "true", "head -c 1"])
@pytest.mark.parametrize("form", ["text", "jsonl"])
def test_a_reader_that_has_enough_ends_it_quietly(endless, reader, form):
    script = (
        f"{sys.executable} -m r1chat ask -m {endless} -b off --max-answer 2000 --format {form} "
        f"--seed 1 Well | {reader} >/dev/null; exit ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(
        ["/bin/bash", "-c", script],
        capture_output=True,
        timeout=HANGS_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("arguments", [("--help",), ("ask", "--help"), ("settings",)])
def test_the_smaller_verbs_end_quietly_too(arguments):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert run(*arguments, stdout=writing) == (0, "", "")
    finally:
        os.close(writing)


@pytest.mark.parametrize("arguments", [("ask", "-m", "tiny", "Well?"), ("--help",), ("settings",)])
def test_a_full_disk_under_stdout_is_one_line(arguments):
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        code, _, err = run(*arguments, stdout=full)
    assert code == 1
    assert err.startswith("r1chat: cannot write")
    assert "No space left on device" in err
    assert err.count("\n") == 1


def test_a_full_disk_under_stderr_costs_nothing():
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        code, out, _ = run("ask", "-b", "off", "1 + 1?", "--thoughts", "show", stderr=full)
    assert code == 0
    assert out
