"""Who waits for whom while the history is written, and what a kill costs."""

from __future__ import annotations

import argparse
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from report import middle, verdict

from r1chat.conversation import Conversation, Turn, new_id
from r1chat.engine.base import Request
from r1chat.engine.fake import INFO
from r1chat.events import AnswerText, Receipt, Reply, ThoughtText
from r1chat.recording import Asked
from r1chat.store import Store

ROOT = Path(__file__).resolve().parents[2]
LONGEST_WAIT_MS = 50
MOST_LOST_S = 0.5


def asked(question: str, conversation: str | None = None) -> Asked:
    """A question at a conversation's beginning."""
    reply = Reply("", "", Receipt(ended_by="cancelled"))
    turn = Turn(question, reply)
    return Asked(conversation or Conversation().id, new_id(), None, turn, Request(()), INFO)


def child(mode: str, path: Path, count: int) -> subprocess.Popen[str]:
    """Starts this file as a process that writes."""
    command = [sys.executable, __file__, mode, str(path), str(count)]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)


def write(path: Path, count: int) -> None:
    """Saves replies one after another; prints how long it had to wait at most."""
    store = Store.open(path)
    waits = []
    for number in range(count):
        began = time.perf_counter()
        recording = store.begin(asked(f"Question {number} of {os.getpid()}?"))
        recording.take(ThoughtText("Let me see.", 3))
        recording.take(AnswerText("So it is.", 3))
        recording.take(Reply("Let me see.", "So it is.", Receipt()))
        waits.append(time.perf_counter() - began)
        # A write is a write of its own, not one of a thousand in a transaction.
        assert recording.acknowledged(60)
    safe = store.close(60)
    print(json.dumps({"wait": 1000 * max(waits), "safe": safe, "notices": store.take_notices()}))


def stream(path: Path, count: int) -> None:
    """Streams so many tokens, each of which says when it was written."""
    store = Store.open(path)
    question = asked("Well?")
    recording = store.begin(question)
    assert recording.acknowledged(60)
    print(question.conversation, flush=True)
    for number in range(count):
        recording.take(ThoughtText(f" {time.time():.3f}", number))
        time.sleep(0.005)


def two_writers(count: int) -> list[list[str]]:
    """Two processes that write at once."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.db"
        began = time.perf_counter()
        both = [child("write", path, count) for _ in range(2)]
        said = [json.loads(each.communicate()[0]) for each in both]
        took = time.perf_counter() - began
        store = Store.open(path)
        lost = 2 * count - len(list(store.figures()))
        store.close()
    notices = sum(len(each["notices"]) for each in said)
    longest = max(each["wait"] for each in said)
    return [
        [f"two processes, {count} writes each", f"{took:.1f} s", ""],
        ["notices of a locked file", str(notices), verdict(notices, 0)],
        ["replies lost", str(lost), verdict(lost, 0)],
        ["longest wait of who writes", f"{longest:.2f} ms", verdict(longest, LONGEST_WAIT_MS)],
    ]


def kills(times: int, seed: int = 9) -> list[list[str]]:
    """A process is killed while it streams, again and again, always with the same file."""
    rng = random.Random(seed)
    lost: list[float] = []
    bad = missing = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.db"
        for _ in range(times):
            process = child("stream", path, 10_000)
            assert process.stdout is not None
            conversation = process.stdout.readline().strip()
            time.sleep(rng.uniform(0.05, 1.0))
            killed = time.time()
            process.kill()
            process.communicate()
            with closing(sqlite3.connect(path)) as connection:
                found = connection.execute("PRAGMA quick_check").fetchone()[0]
            bad += found != "ok"
            store = Store.open(path)
            loaded = store.load(conversation)
            if loaded is None:
                missing += 1
            else:
                (node,) = loaded.conversation.nodes()
                assert node.turn is not None
                words = node.turn.reply.thought.split()
                lost.append(killed - float(words[-1]) if words else 0.0)
            bad += bool(store.take_notices())
            store.close()
    return [
        [f"kill -9 while streaming, {times} times: bad files", str(bad), verdict(bad, 0)],
        ["acknowledged questions lost", str(missing), verdict(missing, 0)],
        ["text lost", f"{middle(lost, '.2f')} s", verdict(max(lost), MOST_LOST_S)],
    ]


def a_long_reply(tokens: int) -> list[list[str]]:
    """What a token costs at the beginning and at the end of a long reply."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder) / "history.db")
        recording = store.begin(asked("Well?"))
        waits, batches = [], []
        for number in range(tokens):
            began = time.perf_counter()
            recording.take(ThoughtText(" token", number))
            waits.append(1e6 * (time.perf_counter() - began))
            if number % 100 == 99:
                # A batch, as a second of a fast model makes it.
                began = time.perf_counter()
                store.flush()
                batches.append(1000 * (time.perf_counter() - began))
        recording.take(Reply(" token" * tokens, "", Receipt()))
        began = time.perf_counter()
        store.flush()
        end = 1000 * (time.perf_counter() - began)
        store.close()
    tenth = len(batches) // 10
    first, last = batches[1 : tenth + 1], batches[-tenth:]
    return [
        ["a token, for who hands it over", f"{middle(waits, '.1f')} µs", ""],
        ["saving 100 tokens, at the start", f"{middle(first, '.2f')} ms", ""],
        [f"the same after {tokens - 100 * tenth} tokens", f"{middle(last, '.2f')} ms", ""],
        ["the end of the reply", f"{end:.1f} ms", ""],
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=["write", "stream"])
    parser.add_argument("path", type=Path)
    parser.add_argument("count", type=int)
    args = parser.parse_args()
    (write if args.mode == "write" else stream)(args.path, args.count)
