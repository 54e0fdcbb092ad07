"""Migrations of the history."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from r1chat.store import Store, schema
from tests.store.helpers import ask, session, settle


def add_mood(connection):
    connection.execute("ALTER TABLE conversations ADD COLUMN mood TEXT")


def fail_half_way(connection):
    connection.execute("CREATE TABLE half (way)")
    # Two conversations have the same.
    connection.execute("CREATE UNIQUE INDEX budgets ON conversations (budget)")


@pytest.fixture
def with_one_more(monkeypatch):
    """Has a later r1chat with one more migration open the file."""

    def use(migration):
        monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, migration))

    return use


def test_an_older_file_is_brought_up_to_date_with_all_that_is_in_it(store, file, with_one_more):
    ask(session(store), "an old question")
    settle(store)
    store.close()
    with_one_more(add_mood)
    later = Store.open()
    assert [each.title for each in later.conversations()] == ["an old question"]
    assert later.take_notices() == []
    later.close()
    with closing(sqlite3.connect(file)) as connection:
        assert schema.version(connection) == len(schema.MIGRATIONS)
        assert connection.execute("SELECT mood FROM conversations").fetchone() == (None,)


def test_a_migration_that_fails_leaves_the_file_as_it_was(store, file, with_one_more, monkeypatch):
    ask(session(store), "an old question")
    ask(session(store), "another")
    settle(store)
    store.close()
    with_one_more(fail_half_way)
    later = Store.open()
    assert not later.saves
    assert "UNIQUE" in later.take_notices()[0]
    later.close()
    monkeypatch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:-1])
    again = Store.open(file)
    assert again.saves
    assert [each.title for each in again.conversations()] == ["another", "an old question"]
    tables = again._read(lambda c: [n for (n,) in c.execute("SELECT name FROM sqlite_master")])
    assert "half" not in tables
    again.close()


def test_a_file_says_whose_it_is_and_how_far_it_has_come(store, file):
    store.close()
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (schema.APPLICATION_ID,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert schema.version(connection) == len(schema.MIGRATIONS)
