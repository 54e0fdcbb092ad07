"""A process that is killed in the middle of a thought: another one continues it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from r1chat.store import Store
from tests.factory import write_model
from tests.program import run

THINK = ("--temperature", "0", "--min-think", "1500", "--format", "jsonl", "What is 44 + 41 + 25?")


def killed(*arguments, tokens=80):
    """What `r1chat ask` had thought when it was killed after so many tokens."""
    command = [sys.executable, "-m", "r1chat", "ask", *arguments, *THINK]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as asking:
        assert asking.stdout is not None
        for line in asking.stdout:
            event = json.loads(line)
            if event["type"] == "thought_text" and event["tokens"] >= tokens:
                break
        # Nobody reads on, so that it waits for us while what it has told is being saved.
        store = Store.open()
        while not thought_in(store):
            assert asking.poll() is None
        asking.kill()
    assert store.interrupted() is not None
    thought = thought_in(store)
    store.close()
    return thought


def thought_in(store):
    """What the history has of the last thought."""
    loaded = store.load(store.last() or "")
    return loaded.conversation.last().turn.reply.thought if loaded else ""


@pytest.mark.parametrize("tokens", [30, 300])
def test_a_thought_goes_on_in_the_next_process_where_it_was(tokens):
    thought = killed(tokens=tokens)
    assert thought
    greedy = ("--format", "json", "--temperature", "0", "--min-think", "0")
    code, out, err = run("ask", "--resume", *greedy)
    assert code in (0, 4), err
    reply = json.loads(out)
    assert reply["question"] == THINK[-1]
    assert reply["thought"].startswith(thought)
    assert len(reply["thought"]) > len(thought)
    store = Store.open()
    assert store.interrupted() is None
    (kept,) = store.load(reply["conversation"]).conversation.root.children
    assert kept.turn.reply.thought == reply["thought"]
    store.close()
    code, _, err = run("ask", "--resume")
    assert code == 2
    assert "the last reply of this conversation was not broken off" in err


def test_what_cannot_go_on_is_left_as_it_was_and_goes_on_where_there_is_room():
    cut = ("ask", "--temperature", "0", "--max-answer", "2", "--format", "json", THINK[-1])
    thought = json.loads(run(*cut)[1])["thought"]
    code, _, err = run("ask", "--resume", "--ctx", "256")
    assert code == 2
    assert "no room to continue" in err
    store = Store.open()
    (kept,) = store.load(store.last()).conversation.root.children
    assert kept.turn.reply.thought == thought
    store.close()
    # It has more bytes than this context has tokens for it.
    assert len(thought.encode()) + 64 > 380
    code, out, err = run("ask", "--resume", "--ctx", "380", "--format", "json")
    assert code == 0, err
    assert json.loads(out)["thought"] == thought


@pytest.mark.parametrize("what", [["What?"], ["-n", "2"], ["-f", "x"], ["--raw"], ["-s", "x"]])
def test_what_makes_no_sense_beside_resume_is_refused(what):
    code, out, err = run("ask", "--resume", *what)
    assert (code, out, len(err.splitlines())) == (2, "", 1)


def test_another_model_does_not_continue_a_reply(tmp_path):
    killed()
    other = write_model(tmp_path / "other.gguf")
    code, _, err = run("ask", "--resume", "-m", str(other))
    assert code == 2
    assert "--resume: tiny wrote the reply, and only it can continue it" in err
