"""A copy of the history stands by for the day on which nothing can be read of the file."""

from __future__ import annotations

import os
import stat

import pytest

from r1chat.store import Store, backup
from tests.faults.test_store_damage import kept
from tests.store.helpers import ask, session, settle, tree


@pytest.fixture
def file(tmp_path):
    """A history of three conversations with a copy of it, and one that is younger than the copy."""
    file = tmp_path / "data" / "history.db"
    for count in (3, 1):
        store = Store.open(file)
        for number in range(count):
            ask(session(store), f"Question {count} {number}?")
        settle(store)
        store.close()
    assert backup.path_of(file).is_file()
    return file


def trees(file):
    store = Store.open(file)
    found = {
        each.title: tree(store.load(each.id).conversation.root) for each in store.conversations()
    }
    notices = store.take_notices()
    store.close()
    return found, notices


@pytest.mark.parametrize(
    "how", [lambda data: data[:0], lambda data: data[:50], lambda data: os.urandom(len(data))]
)
def test_a_file_of_which_nothing_is_left_comes_back_from_the_copy(file, how):
    before, _ = trees(file)
    file.write_bytes(how(file.read_bytes()))
    after, notices = trees(file)
    assert len(after) >= 3
    assert all(after[title] == before[title] for title in after)
    assert any("recovered" in each for each in notices)
    assert len(kept(file)) == 1


def test_what_is_in_both_comes_from_the_file(file):
    before, _ = trees(file)
    data = file.read_bytes()
    file.write_bytes(bytes(4096) + data[4096:])
    assert trees(file)[0] == before


def test_the_copy_is_for_its_user_alone_and_stands_alone(file):
    assert stat.S_IMODE(backup.path_of(file).stat().st_mode) == 0o600
    assert not list(file.parent.glob("*.new*"))
    assert not list(file.parent.glob("*.backup*-*"))


def test_what_is_purged_is_gone_from_the_copy_too(file):
    store = Store.open(file)
    name = store.conversations()[-1].id
    store.purge(name)
    assert store.flush(10)
    store.close()
    copy = backup.path_of(file)
    assert not copy.exists() or name.encode() not in copy.read_bytes()


def test_a_copy_waits_for_what_there_is_to_do(file):
    backup.drop(file)
    store = Store.open(file)
    with store._database.reading() as connection:
        assert not backup.make(connection, file, lambda: True)
        assert not list(file.parent.glob("*.new*"))
    store.close()
