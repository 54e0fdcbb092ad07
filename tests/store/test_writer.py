"""The thread that writes, where not all goes well."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from r1chat.store import Store
from tests.store.helpers import ask, asked, session, settle


def test_a_part_that_cannot_be_written_does_not_take_the_others_with_it(store):
    twice = asked("twice")
    first = store.begin(twice)
    assert first.acknowledged(10)
    # The same node again breaks a rule of the table; what stands beside it does not.
    store.begin(twice)
    ask(session(store), "beside it")
    store.flush(10)
    assert {each.title for each in store.conversations()} == {"twice", "beside it"}
    assert any("not saved" in notice for notice in store.take_notices())


def test_a_file_that_another_keeps_busy_is_waited_for(store, file):
    store.flush(10)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        recording = store.begin(asked("patience"))
        assert not recording.acknowledged(0.5)
        # Reading goes on all the while.
        assert store.conversations() == []
        other.execute("COMMIT")
    assert recording.acknowledged(20)
    assert store.take_notices() == []


def test_a_file_that_was_taken_away_is_made_anew(store, file):
    talk = session(store)
    ask(talk, "before")
    settle(store)
    for each in file.parent.glob("history.db*"):
        each.unlink()
    ask(talk, "after")
    settle(store)
    assert file.exists()
    loaded = store.load(talk.conversation.id)
    assert [node.turn.question for node in loaded.conversation.nodes()] == ["after"]


def test_closing_writes_what_is_left(file):
    store = Store.open()
    for number in range(50):
        store.begin(asked(f"number {number}"))
    assert store.close()
    again = Store.open()
    assert len(again.conversations(100)) == 50
    again.close()
