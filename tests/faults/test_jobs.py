"""Questions that are answered in the background, by one process for each model."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import stat
import time
from pathlib import Path
from typing import get_args

import pytest

from r1chat import events, notifications, paths
from r1chat.commands import attach
from r1chat.commands.options import add_ask
from r1chat.jobs import End, Jobs, Order, options_of
from r1chat.output import event_line, to_json
from r1chat.store import Store
from tests.factory import write_model
from tests.program import HANGS_S, finish, run, start
from tests.pty_app import terminal

ASK = ("ask", "--background", "-m")


@pytest.fixture(autouse=True)
def no_worker_stays(home):
    settings = home / "settings" / "settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"notify": false}', encoding="utf-8")
    yield
    # Without their folder they end.
    for pid in workers(home):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(home / "data" / "jobs", ignore_errors=True)


@pytest.fixture(scope="module")
def endless(tmp_path_factory):
    """A model that thinks for ever."""
    return write_model(tmp_path_factory.mktemp("model") / "endless.gguf", context=1 << 17)


def workers(home):
    """The processes that work on jobs in this home."""
    found = []
    for each in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if b"r1chat.commands.worker" in (
                each / "cmdline"
            ).read_bytes() and f"R1CHAT_HOME={home}".encode() in (
                each / "environ"
            ).read_bytes().split(b"\0"):
                found.append(int(each.name))
    return found


def until(condition):
    end = time.monotonic() + HANGS_S
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return found


def thinking(job):
    """Waits until a job has thought a little."""
    until(lambda: job.events.exists() and job.events.read_bytes().count(b"thought_text") > 20)


def thought_of(job):
    lines = job.events.read_bytes().splitlines()[:-1]
    return "".join(e["text"] for e in map(json.loads, lines) if e["type"] == "thought_text")


def saved_of(job):
    """What the history has of the thought."""
    return saved_in(job.order.conversation)


def last_thought():
    store = Store.open()
    last = store.last()
    store.close()
    return saved_in(last) if last else ""


def saved_in(conversation):
    store = Store.open()
    loaded = store.load(conversation)
    turn = loaded.conversation.last().turn if loaded is not None else None
    store.close()
    return turn.reply.thought if turn is not None else ""


def listed():
    code, out, err = run("jobs", "--json", "list")
    assert code == 0, err
    return json.loads(out)["jobs"]


def test_jobs_that_are_made_at_once_share_one_process_and_are_kept_as_other_turns_are(home):
    questions = [f"What is {n + 20} + 41?" for n in range(4)]
    processes = [start(*ASK, "tiny", each) for each in questions]
    ids = []
    for process in processes:
        code, out, err = finish(process)
        assert code == 0, err
        ids.append(out.strip())
    assert run("jobs", "wait", *ids)[0] == 0
    until(lambda: len(workers(home)) == 1)
    loads = []
    for name, question in zip(ids, questions, strict=True):
        code, out, err = run("jobs", "attach", name, "--format", "json")
        reply = json.loads(out)
        assert (code, reply["question"]) == (0, question), err
        loads.append(reply["receipt"]["load_s"] > 0)
        _, text, thought = run("jobs", "attach", name[:10], "--thoughts", "show")
        assert text.strip() == reply["answer"].strip()
        assert reply["thought"].strip() in thought
    assert loads.count(True) == 1
    found = listed()
    assert {each["id"]: each["state"] for each in found} == dict.fromkeys(ids, "done")
    store = Store.open()
    for each in found:
        turn = store.load(each["conversation"]).conversation.last().turn
        assert turn.question == each["question"]
        assert turn.reply.receipt.answer_ended_by == "natural"
    store.close()
    for path in (home / "data" / "jobs").rglob("*"):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
    assert run("history", "rm", "--purge", "-y", found[0]["conversation"])[0] == 0
    assert [each["id"] for each in listed()] == [each["id"] for each in found[1:]]


def test_who_follows_a_job_may_go_and_come_back_and_it_keeps_what_there_is_when_it_is_stopped(
    endless,
):
    first, second = (run(*ASK, endless, "Why?", *more)[1].strip() for more in ((), ("-s", "x")))
    jobs = {job.id: job for job in Jobs().all()}
    thinking(jobs[first])
    following = start("jobs", "attach", first, "--thoughts", "only")
    assert following.stdout.read(20)
    following.send_signal(signal.SIGINT)
    code, _, err = finish(following)
    assert code == 130
    assert f"the job goes on; to follow it again: r1chat jobs attach {first[:8]}" in err
    assert (jobs[first].state, jobs[second].state) == ("running", "waiting")
    assert run("jobs", "stop", second, first)[0] == 0
    assert run("jobs", "wait", second, first)[0] == 130
    assert (jobs[first].state, jobs[second].state) == ("stopped", "stopped")
    assert not jobs[second].events.exists()
    code, out, err = run("jobs", "attach", first, "--format", "json")
    assert code == 130
    assert "it was stopped" in err
    reply = json.loads(out)
    store = Store.open()
    kept = store.load(reply["conversation"]).conversation.last().turn.reply
    store.close()
    assert kept.thought == reply["thought"] != ""
    assert "is over: stopped" in run("jobs", "stop", first)[2]


def test_a_process_that_dies_leaves_its_job_with_its_words_and_the_reply_goes_on(home, endless):
    name = run(*ASK, endless, "Why?", "--temperature", "0")[1].strip()
    after = run(*ASK, endless, "And then?", "-b", "16", "--max-answer", "4")[1].strip()
    jobs = {job.id: job for job in Jobs().all()}
    assert jobs[name].order.options["temperature"] == 0
    thinking(jobs[name])
    assert jobs[after].state == "waiting"
    waiting = start("jobs", "wait", after)
    until(lambda: len(workers(home)) == 1 and saved_of(jobs[name]))
    os.kill(*workers(home), signal.SIGKILL)
    until(lambda: jobs[name].state != "running")
    assert jobs[name].state == "interrupted"
    # Whoever waits for what waits has another process begin.
    assert finish(waiting)[0] == 0
    saved = saved_of(jobs[name])
    assert thought_of(jobs[name]).startswith(saved)
    code, out, err = run("jobs", "attach", name, "--thoughts", "only")
    assert code == 1
    assert out.strip()
    command = f"r1chat ask --resume --background --conversation {jobs[name].order.conversation[:8]}"
    assert command in err
    assert command in run("jobs", "show", name)[1]
    code, out, err = run("jobs", "attach", name, "--format", "json")
    told = json.loads(out)
    assert (code, told["schema"], told["exit_code"]) == (1, 1, 1)
    assert command in told["error"]
    again = run(*command.split()[1:], "-b", "64", "--max-answer", "4")[1].strip()
    assert run("jobs", "wait", again, after)[0] == 0
    code, out, err = run("jobs", "attach", again, "--format", "json")
    assert code == 0, err
    reply = json.loads(out)
    assert reply["question"] == "Why?"
    assert reply["thought"].startswith(saved)
    assert len(reply["thought"]) > len(saved)
    store = Store.open()
    assert len(store.load(jobs[name].order.conversation).conversation.root.children) == 1
    store.close()


def test_files_that_somebody_has_changed_harm_nobody(home):
    job = Jobs().add(Order("tiny", "What?\x1b[31m"))
    other = Jobs().add(Order("tiny", "Else?"))
    (other.folder / "order.json").write_text('{"created": [], "options": 7}', encoding="utf-8")
    (paths.jobs() / "dust").write_text("x", encoding="utf-8")
    (job.folder / "end.json").write_text('{"state": "done", "code": 0, "notes": 7}', "utf-8")
    lines = ["[1]", "{", '{"type": "reply"}', '{"type": "answer_text", "text": 7, "tokens": -1}']
    lines.append(json.dumps({"type": "answer_text", "text": "yes\x1b]0;x\x07"}))
    lines.append(json.dumps({"type": "reply", "receipt": {"thought_s": "x"}, "votes": []}))
    job.events.write_text("\n".join(lines) + "\n", encoding="utf-8")
    code, out, err = run("jobs", "attach", job.id)
    assert (code, out) == (0, "yes\n"), err
    code, out, err = run("jobs")
    assert (code, err) == (0, "")
    assert out.count("\n") == 2
    assert "\x1b" not in out


def test_whoever_follows_a_job_is_shown_whatever_ask_shows():
    shown = [
        events.Notice("Mind."),
        events.LeftOut(2),
        events.SummaryText("Two", 1, 2),
        events.Summarised("id", "Two.", 2, 3, 40, 1.5),
        events.Evaluating(1, 2, 1),
        events.ThoughtText("Hm", 1),
        events.InjectedText("Wait", 3),
        events.AnswerText("5", 1),
        events.Peeked("5", 2, 1, 0.9),
        events.Drawing(4, 2, short=True),
        events.Tallied((("5", 2),), 2, 4, certain=True),
    ]
    # What belongs to a program, to one of several samples, or is not written.
    silent = {"Loading", "ThoughtEnded", "TokenScore", "WrongSum", "Sampled", "Forked", "Reply"}
    named = {type(each).__name__ for each in shown}
    assert {kind.__name__ for kind in get_args(events.Event)} == named | silent
    for each in shown:
        assert attach.event_of(json.loads(to_json(event_line(each)))) == each


def test_every_option_of_ask_is_kept_by_a_job_or_named_here():
    parser = argparse.ArgumentParser(add_help=False)
    add_ask(parser)
    every = {action.dest: 1 for action in parser._actions}
    # They say where a question comes from, where its answer goes, or belong to the order itself.
    others = "question files model conversation go_on json_schema grammar no_save background"
    others += " batch output compare format thoughts plain"
    assert every.keys() - options_of(every).keys() == set(others.split())


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("ask", "--background", "--no-save", "What?"), 2),
        (("ask", "--background", "--format", "json", "What?"), 2),
        (("ask", "--background", "--compare", "budget=off", "What?"), 2),
        (("ask", "--background", "--batch", "x"), 2),
        (("ask", "--background", "-m", "missing.gguf", "What?"), 3),
        (("ask", "--background", "--resume"), 1),
        (("jobs", "show", "nothing"), 1),
        (("jobs", "attach"), 1),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line_and_makes_no_job(home, arguments, code):
    ended, _, err = run(*arguments)
    assert (ended, err.count("\n")) == (code, 1), err
    # Only what there is an option for at `jobs attach` is said to belong there.
    assert "--compare belongs" not in err
    assert not Jobs().all()


def test_the_desktop_is_told_unless_the_user_wants_no_such_words(tmp_path, monkeypatch, home):
    told = tmp_path / "told"
    program = tmp_path / "notify-send"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {told}\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("DISPLAY", ":0")
    notifications.job_ended("Why <b>?", done=True)
    assert not told.exists()
    (home / "settings" / "settings.json").write_text("{}", encoding="utf-8")
    notifications.job_ended("Why\x1b[31m <b>?\n$(rm)", done=True)
    words = told.read_text("utf-8").splitlines()
    assert words[-2:] == ["r1chat: answered", "Why &lt;b&gt;? $(rm)"]


def test_a_reply_that_the_app_leaves_running_goes_on_in_its_conversation(endless):
    with terminal("-m", "r1chat", "-m", str(endless), size=(40, 100)) as app:
        app.wait_for("Ask something")
        app.wait_for("endless.gguf · ")
        app.send("Why?\r")
        until(lambda: app.read() or last_thought())
        app.send("\x11")
        app.wait_for("Leave it running in the background")
        app.send("\r")
        assert app.end() == 0
        assert "Continue this conversation: r1chat --conversation" in app.words
    (job,) = Jobs().all()
    assert f"The reply goes on in the background: r1chat jobs attach {job.id[:8]}" in app.words
    assert job.order.question == "Why?"
    thinking(job)
    assert run("jobs", "stop", job.id)[0] == 0
    assert run("jobs", "wait", job.id)[0] == 130
    reply = json.loads(run("jobs", "attach", job.id, "--format", "json")[1])
    # The job has written the rest of it alone.
    assert reply["thought"].endswith(thought_of(job))
    assert len(reply["thought"]) > len(thought_of(job)) > 0
    store = Store.open()
    (node,) = store.load(job.order.conversation).conversation.root.children
    store.close()
    assert node.turn.reply.thought == reply["thought"]


def test_nothing_of_a_job_outlasts_its_conversation(endless):
    assert run(*ASK, endless, "Why?")[0] == 0
    (job,) = Jobs().all()
    thinking(job)
    until(lambda: saved_of(job))
    conversation = job.order.conversation
    assert run("history", "rm", "--purge", "-y", conversation)[0] == 0
    # It is stopped, and what it has said does not come back.
    until(lambda: not job.folder.exists())
    assert listed() == []
    assert json.loads(run("history", "list", "--format", "json")[1])["conversations"] == []
    # The history has purged by itself what was deleted so long ago.
    old, new = (Jobs().add(Order("tiny", "What?")) for _ in range(2))
    for each in (old, new):
        each.finish(End("done", 0))
    order = old.folder / "order.json"
    values = json.loads(order.read_text("utf-8"))
    order.write_text(json.dumps({**values, "created": time.time() - 31 * 24 * 3600}), "utf-8")
    assert [each["id"] for each in listed()] == [new.id]
    assert not old.folder.exists()
