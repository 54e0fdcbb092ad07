"""What cannot be written into the history is kept aside, and taken in by the next start."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from r1chat.attachments import Attachment
from r1chat.events import Receipt, Reply, ThoughtText
from r1chat.store import Store, aside, database, writer
from tests.store.helpers import ask, asked, said, session, settle, tree

ROOT = Path(__file__).parents[2]
posix = pytest.mark.skipif(os.name != "posix", reason="there are no such locks elsewhere")
LOCKS = ["BEGIN EXCLUSIVE", "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE"]
HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
for statement in sys.argv[2].split(";"):
    connection.execute(statement)
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held(file, how=LOCKS[0]):
    """Another program has the file."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout.readline() == "held\n"
        yield
        process.stdin.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Gives up sooner what takes too long."""
    monkeypatch.setattr(database, "OPENING_S", 0.3)
    monkeypatch.setattr(database, "BUSY_S", 0.1)
    monkeypatch.setattr(writer, "PATIENCE_S", 0.3)
    monkeypatch.setattr(writer, "_LAST_PATIENCE_S", 0.2)


@pytest.fixture
def file(tmp_path):
    """A history with a conversation in it."""
    file = tmp_path / "data" / "history.db"
    store = Store.open(file)
    ask(session(store), "An old question.")
    settle(store)
    store.close()
    return file


def unsaved(file):
    return list(file.parent.glob("history.unsaved-*.jsonl"))


def trees(store):
    return {
        each.id: (each.title, each.pinned, tree(store.load(each.id).conversation.root))
        for each in store.conversations(100)
    }


@posix
@pytest.mark.parametrize("how", LOCKS)
def test_what_a_lock_keeps_out_is_kept_aside_told_of_and_taken_in_by_the_next_start(file, how):
    with held(file, how):
        store = Store.open(file)
        talk = session(store)
        ask(talk, "Now?", attachments=[Attachment("a\udcff.txt", "seven \udcff apples")])
        ask(talk, "And \udcff now?")
        assert store.close()
        notices = store.take_notices()
    (kept,) = unsaved(file)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert any("locked" in each and str(kept) in each for each in notices)
    again = Store.open(file)
    assert [each for each in again.take_notices() if "2 questions" in each]
    found = again.load(talk.conversation.id)
    first, second = tree(found.conversation.root), tree(talk.conversation.root)
    assert [each[0] for each in first] == [each[0] for each in second]
    kept_turn, asked_turn = (each.last().turn for each in (found.conversation, talk.conversation))
    assert kept_turn.question == asked_turn.question == "And \udcff now?"
    assert said(kept_turn)[2:] == said(asked_turn)[2:]
    assert len(again.conversations()) == 2
    assert again.close()
    assert unsaved(file) == []
    third = Store.open(file)
    assert third.take_notices() == []
    assert len(third.conversations()) == 2
    third.close()


@posix
def test_all_that_can_be_done_to_conversations_is_taken_in(file):
    """A history that was locked comes to be the same as one that was not."""
    twin = file.parent / "twin.db"
    twin.write_bytes(file.read_bytes())

    def use(path):
        store = Store.open(path)
        (old,) = store.conversations()
        kept = store.load(old.id).conversation
        talk = session(store, conversation=kept)
        rng = random.Random(1)
        ask(talk, "More?")
        list(talk.ask("More?", parent=kept.last().parent))
        list(talk.ask("More?", parent=kept.last().parent, beside="budget=off"))
        store.choose(kept.root.children[0].children[0].id)
        copy = store.duplicate(old.id)
        store.rename(copy, "Renamed")
        store.pin(copy)
        store.tag(copy, ["work"])
        other = asked(f"Question {rng.random()}")
        store.begin(other).take(Reply("hm", "gone", Receipt()))
        store.delete(other.conversation)
        left = store.begin(asked("Left")).take(ThoughtText("half a thou", 3))
        assert left is None
        discarded = store.begin(asked("Discarded"))
        discarded.discard()
        store.remember(old.id, model="m9", budget="77")
        store.close()

    use(twin)
    with held(file):
        use(file)
    both = []
    for path in (twin, file):
        store = Store.open(path)
        settle(store)
        both.append(
            sorted(
                (
                    each.title,
                    each.pinned,
                    each.tags,
                    each.turns,
                    each.model,
                    [
                        (node.turn.question, node.turn.reply.thought, node.turn.reply.answer)
                        for node in store.load(each.id).conversation.nodes()
                    ],
                )
                for each in store.conversations()
            )
        )
        assert len(store.conversations(deleted=True)) == 1
        store.close()
    assert both[0] == both[1]
    assert len(both[0]) == 3


@posix
def test_what_waited_for_a_lock_goes_into_the_history_once_it_is_free(file):
    store = Store.open(file)
    with held(file):
        recording = store.begin(asked("Well?"))
        while not store.failing:
            recording.acknowledged(0.05)
        while not (notices := store.take_notices()):
            recording.acknowledged(0.05)
        (kept,) = unsaved(file)
        assert str(kept) in notices[0]
        recording.take(Reply("hm", "late", Receipt()))
    assert recording.acknowledged(30)
    assert store.flush(30)
    assert unsaved(file) == []
    assert store.close()
    again = Store.open(file)
    assert [each.title for each in again.conversations()] == ["Well?", "An old question"]
    assert again.take_notices() == []
    again.close()


TAKER = """
import os, sys
from pathlib import Path
from r1chat.store import aside
from r1chat.store.store import Store

step, count = sys.argv[2], 0

def dies(real):
    def call(*arguments):
        global count
        count += 1
        if count == int(sys.argv[3]):
            os.kill(os.getpid(), 9)
        return real(*arguments)
    return call

setattr(aside, step, dies(getattr(aside, step)))
Store.open(Path(sys.argv[1])).close()
"""


@posix
@pytest.mark.parametrize(
    ("step", "number"), [("_done", 1), ("_done", 3), ("_note", 1), ("_noted", 1), ("suppress", 2)]
)
def test_a_start_that_dies_while_it_takes_in_loses_and_doubles_nothing(file, step, number):
    with held(file):
        store = Store.open(file)
        talk = session(store)
        ask(talk, "One?")
        ask(talk, "Two?")
        assert store.close()
    done = subprocess.run(
        [sys.executable, "-c", TAKER, str(file), step, str(number)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == -9
    again = Store.open(file)
    assert len(again.conversations()) == 2
    assert len(list(again.load(talk.conversation.id).conversation.nodes())) == 2
    assert again.close()
    assert unsaved(file) == []


@posix
def test_what_a_process_that_lives_keeps_aside_is_left_to_it(file):
    with held(file):
        store = Store.open(file)
        ask(session(store), "Mine?")
        while not unsaved(file):
            store.flush(0.05)
        other = Store.open(file)
        assert len(other.conversations()) == 1
        other.close()
        assert len(unsaved(file)) == 1
        assert store.close()


@pytest.mark.parametrize("cut", [1, 40, 200])
def test_a_file_that_was_cut_gives_what_is_whole(file, cut):
    kept = aside.Aside(file)
    from r1chat.store import saving

    first, second = asked("First?"), asked("Second?")
    assert kept.keep([aside.Call(saving.begin, {"asked": each}) for each in (first, second)])
    kept.close()
    (path,) = unsaved(file)
    path.write_bytes(path.read_bytes()[:-cut])
    store = Store.open(file)
    titles = [each.title for each in store.conversations()]
    assert "First?" in titles
    assert "Second?" not in titles
    store.close()
    assert unsaved(file) == []


def test_a_line_that_makes_no_sense_is_kept_and_costs_the_others_nothing(file):
    from r1chat.store import saving

    kept = aside.Aside(file)
    assert kept.keep([aside.Call(saving.begin, {"asked": asked("First?")})])
    kept.close()
    (path,) = unsaved(file)
    lines = path.read_bytes()
    bad = [b"{", b"[]", b'{"do": "rm"}', b'{"do": "pin"}', b'{"do": "begin", "asked": 7}', b"\xff"]
    path.write_bytes(lines + b"".join(each + b"\n" for each in bad) + lines.split(b"\n")[1] + b"\n")
    store = Store.open(file)
    assert {each.title for each in store.conversations()} == {"First?", "An old question"}
    assert any("cannot be read" in each for each in store.take_notices())
    store.close()
    assert unsaved(file) == []
    assert len(list(file.parent.glob("*.bad"))) == 1


@posix
def test_somebody_else_s_file_is_not_taken_in(file, tmp_path):
    trap = tmp_path / "trap"
    trap.write_text('{}\n{"do": "delete", "name": "x", "when": 1}\n')
    (file.parent / "history.unsaved-0.jsonl").symlink_to(trap)
    os.mkfifo(file.parent / "history.unsaved-1.jsonl")
    store = Store.open(file)
    assert store.take_notices() == []
    store.close()
    assert trap.exists()


def test_where_nothing_is_to_be_kept_nothing_is_left(file):
    file.unlink()
    file.mkdir()
    (file / "in the way").touch()
    Store.open(file).close()
    with closing(sqlite3.connect(file.parent / "history.db")) as connection:
        connection.execute("SELECT 1 FROM conversations")
    assert unsaved(file) == []


def test_a_history_that_is_closed_in_the_middle_of_a_reply_leaves_no_lock_of_it(file):
    store = Store.open(file)
    recording = store.begin(asked("Half of it?"))
    assert recording.acknowledged(30)
    assert store.flush(10)
    assert list((file.parent / "writing").glob("*.lock"))
    assert store.close()
    assert not list((file.parent / "writing").glob("*.lock"))
