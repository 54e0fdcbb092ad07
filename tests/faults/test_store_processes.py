"""The history when its process is killed, and when two write to it."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from r1chat.engine.base import Continuation
from r1chat.store import Store
from tests.store.helpers import session
from tests.store.streamer import ANSWER, THOUGHT

ROOT = Path(__file__).parents[2]


def start(module, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", f"tests.store.{module}", *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def killed_while_streaming(file, delay):
    """Lets a process stream, kills it, and returns what it had said."""
    process = start("streamer", file)
    said = [process.stdout.readline()]
    try:
        process.wait(delay)
    except subprocess.TimeoutExpired:
        process.kill()
    said += process.communicate()[0].splitlines()
    return [line.split() for line in said]


def check(file, said):
    """The file is whole, and has all that was said to be safe."""
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    store = Store.open(file)
    loaded = store.load(said[0][1])
    turns = {node.id: node.turn for node in loaded.conversation.nodes()}
    for what, _, node in said:
        reply = turns[node].reply
        if what == "done":
            assert (reply.thought, reply.answer) == ("".join(THOUGHT), "".join(ANSWER))
            assert reply.receipt.ended_by == "natural"
        assert "".join(THOUGHT).startswith(reply.thought)
        assert "".join(ANSWER).startswith(reply.answer)
    assert store.take_notices() == []
    assert store.close()
    return loaded


def kill_again_and_again(file, times):
    rng = random.Random(times)
    cut = 0
    for _ in range(times):
        loaded = check(file, killed_while_streaming(file, rng.uniform(0, 0.5)))
        cut += loaded.conversation.last().turn.reply.receipt.ended_by == "cancelled"
    assert cut > 0


def test_a_kill_leaves_a_whole_file_with_all_that_was_acknowledged(tmp_path):
    kill_again_and_again(tmp_path / "history.db", 5)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_thousand_kills_leave_a_whole_file_with_all_that_was_acknowledged(tmp_path):
    kill_again_and_again(tmp_path / "history.db", 1000)


def test_what_a_killed_process_was_writing_is_gone_on_with(tmp_path):
    file = tmp_path / "history.db"
    said = killed_while_streaming(file, 0.35)
    store = Store.open(file)
    loaded = store.load(said[0][1])
    talk = session(store, (" more", "</think>", "Done"), conversation=loaded.conversation)
    last = loaded.conversation.last()
    before = last.turn.reply
    resume = Continuation(before, keep=len(before.thought))
    list(talk.ask(last.turn.question, parent=last.parent, resume=resume))
    assert store.flush(10)
    reply = store.load(said[0][1]).conversation.last().turn.reply
    assert reply.thought == before.thought + " more"
    assert reply.answer == "Done"
    store.close()


def two_processes_write(file, count):
    both = [start("many_writes", file, count) for _ in range(2)]
    said = [json.loads(process.communicate(timeout=600)[0]) for process in both]
    for each in said:
        assert each["safe"]
        assert each["notices"] == []
    store = Store.open(file)
    kept = {figures.node for figures in store.figures()}
    assert kept == {node for each in said for node in each["nodes"]}
    assert len(kept) == 2 * count
    store.close()


def test_two_processes_write_and_nothing_is_lost(tmp_path):
    two_processes_write(tmp_path / "history.db", 100)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_two_processes_write_a_thousand_times_each_and_nothing_is_lost(tmp_path):
    two_processes_write(tmp_path / "history.db", 1000)


def test_two_processes_that_make_the_file_at_once_share_it(tmp_path):
    for number in range(3):
        two_processes_write(tmp_path / f"history{number}.db", 1)
