"""The history when its file is damaged."""

from __future__ import annotations

import os
import random
import shutil
import socket
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from r1chat.attachments import Attachment
from r1chat.events import ThoughtText
from r1chat.store import Store, checkup, salvage
from r1chat.store.salvage import PAGE
from tests.store.helpers import ask, asked, session, settle, tree

TURNS = 3
INNER = 5
"""The type of a page of a table that has no rows, only the way to them."""
WORDS = ["consider", "the", "sum", "of", "two", "odd", "numbers", "and", "whether", "it", "is"]


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A small history that is whole, and what is in it."""
    file = tmp_path_factory.mktemp("good") / "history.db"
    rng = random.Random(3)
    store = Store.open(file)
    trees = {}
    for number in range(20):
        thought = [f" {word}" for word in rng.choices(WORDS, k=rng.randrange(2000))]
        talk = session(store, [*thought, "</think>", f"Answer{number}", " is ", "this. " * 99])
        for turn in range(TURNS):
            text = f"{number} {turn} " + " ".join(rng.choices(WORDS, k=500))
            attached = [Attachment("a.txt", text)] if turn == 0 else []
            ask(talk, f"Question {number} {turn}?", attachments=attached)
        trees[talk.conversation.id] = tree(talk.conversation.root)
    settle(store)
    store.close()
    return file, trees


@pytest.fixture
def copy(good, tmp_path):
    """A copy of it that may be damaged."""
    return Path(shutil.copy(good[0], tmp_path / "history.db"))


def opened(file):
    """Opens a file, and uses all of it as the app would."""
    store = Store.open(file)
    read(store)
    # By now the repair has been done, if one was needed.
    settle(store)
    found = read(store)
    ask(session(store), "a new question")
    settle(store)
    # The search may be what meets the damage; the index is made anew then.
    store.search("new question")
    settle(store)
    assert [hit.title for hit in store.search("new question")] == ["a new question"]
    notices = store.take_notices()
    assert store.close()
    return found, notices


def read(store):
    found = {}
    for summary in store.conversations(1000):
        loaded = store.load(summary.id)
        # What was listed may be gone by now, where a repair came between.
        if loaded is not None:
            found[summary.id] = tree(loaded.conversation.root)
    store.search("odd", thoughts=True)
    list(store.figures())
    return found


def kept(file):
    return [each for each in file.parent.glob("*.damaged-*") if each.suffix == ".db"]


def nodes(trees):
    return {id_ for each in trees.values() for id_ in ids(each)}


def ids(children):
    return [name for child in children for name in (child[0], *ids(child[3]))]


def pages_of(file):
    return range(1, file.stat().st_size // PAGE + 1)


def rows_on(file, number):
    """The rows of a page, as the whole file has them."""
    pages = salvage.Pages(file)
    rows = list(salvage._leaf(pages, number))
    pages.close()
    return len(rows)


def is_sound(file):
    """Whether SQLite itself sees no damage."""
    try:
        with closing(
            sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True)
        ) as connection:
            return connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    except sqlite3.DatabaseError:
        return False


def flip(file, number, rng):
    """Flips bytes of a page."""
    data = bytearray(file.read_bytes())
    for at in rng.sample(range(PAGE), 64):
        data[(number - 1) * PAGE + at] ^= rng.randrange(1, 256)
    file.write_bytes(data)


def flipped_pages(good, copy, numbers, *, small):
    file, trees = good
    rng = random.Random(1)
    repaired = 0
    for number in numbers:
        shutil.copy(file, copy)
        flip(copy, number, rng)
        damaged = copy.read_bytes()
        at_once = small and not is_sound(copy)
        found, notices = opened(copy)
        for old in kept(copy):
            repaired += 1
            # What was not found at once may have been written to.
            assert old.read_bytes() == damaged or not at_once
            assert any("recovered" in notice for notice in notices), notices
            old.unlink()
        # A page has replies or conversations; of others nothing is missed.
        lost = nodes(trees) - nodes(found)
        assert len(lost) <= rows_on(file, number) * TURNS
    assert repaired > len(numbers) / 4


@pytest.mark.parametrize("small", [True, False])
def test_flipped_bytes_in_any_page_cost_what_stood_there_at_most(good, copy, monkeypatch, small):
    if not small:
        # A large file is not checked whole when it is opened.
        monkeypatch.setattr("r1chat.store.opening._SMALL", 0)
    flipped_pages(good, copy, pages_of(good[0])[::6], small=small)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("small", [True, False])
def test_flipped_bytes_in_each_page_cost_what_stood_there_at_most(good, copy, monkeypatch, small):
    if not small:
        monkeypatch.setattr("r1chat.store.opening._SMALL", 0)
    flipped_pages(good, copy, pages_of(good[0]), small=small)


def test_a_wiped_first_page_costs_no_conversation(good, copy):
    data = copy.read_bytes()
    copy.write_bytes(bytes(PAGE) + data[PAGE:])
    found, notices = opened(copy)
    assert found == good[1]
    assert "20 conversations recovered" in notices[0]
    assert kept(copy)[0].name in notices[0]


def test_without_its_inner_pages_the_file_still_gives_all_that_is_in_the_leaves(good, copy):
    data = bytearray(copy.read_bytes())
    inner = [number for number in pages_of(copy) if data[(number - 1) * PAGE] == INNER]
    assert inner
    for number in inner:
        data[(number - 1) * PAGE : number * PAGE] = bytes(PAGE)
    copy.write_bytes(data)
    found, _ = opened(copy)
    assert found == good[1]


@pytest.mark.parametrize("share", [0.2, 0.501, 0.9])
def test_a_file_that_lacks_its_end_gives_what_is_left(good, copy, share):
    data = copy.read_bytes()
    rest = data[: int(len(data) * share)]
    copy.write_bytes(rest)
    found, _ = opened(copy)
    assert kept(copy)[0].read_bytes() == rest
    assert found
    some = nodes(found) & nodes(good[1])
    assert len(some) < len(nodes(good[1]))
    assert len(some) > 0 or share < 0.9


@pytest.mark.parametrize(
    "data",
    [b"x", b"not a database\n" * 500, bytes(10 * PAGE), random.Random(2).randbytes(10 * PAGE)],
    ids=["a byte", "text", "zeros", "noise"],
)
def test_what_is_no_database_is_kept_under_another_name(tmp_path, data):
    file = tmp_path / "history.db"
    file.write_bytes(data)
    found, notices = opened(file)
    assert found == {}
    assert kept(file)[0].read_bytes() == data
    assert len(notices) == 1


def test_an_empty_file_is_a_new_history(tmp_path):
    file = tmp_path / "history.db"
    file.touch()
    assert opened(file) == ({}, [])
    assert kept(file) == []


def test_the_database_of_another_program_is_kept_under_another_name(tmp_path):
    file = tmp_path / "history.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE things (name)")
        connection.commit()
    data = file.read_bytes()
    opened(file)
    assert kept(file)[0].read_bytes() == data


def test_a_history_of_a_newer_version_is_left_as_it_is(copy):
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("PRAGMA user_version = 99")
    data = copy.read_bytes()
    store = Store.open(copy)
    (notice,) = store.take_notices()
    assert "newer r1chat" in notice
    assert not store.saves
    ask(session(store), "This is not saved.")
    assert store.close()
    assert copy.read_bytes() == data
    assert kept(copy) == []


def test_noise_in_the_wal_costs_nothing_that_was_in_the_file(good, copy):
    copy.with_name("history.db-wal").write_bytes(random.Random(4).randbytes(20 * PAGE))
    found, _ = opened(copy)
    assert found == good[1]


def test_what_stood_in_the_wal_is_recovered_with_the_rest(copy, good):
    store = Store.open(copy)
    talk = session(store)
    ask(talk, "only in the WAL")
    settle(store)
    # As a kill would leave it: the file, and the WAL beside it.
    other = copy.parent / "other"
    other.mkdir()
    for each in copy.parent.glob("history.db*"):
        shutil.copy(each, other)
    store.close()
    data = bytearray((other / "history.db").read_bytes())
    data[:PAGE] = bytes(PAGE)
    (other / "history.db").write_bytes(data)
    (other / "history.db-shm").unlink()
    found, _ = opened(other / "history.db")
    if talk.conversation.id not in found:
        # Where SQLite took the file without its first page for an empty one.
        pytest.fail(f"{len(found)} of {len(good[1]) + 1} conversations")
    assert len(found) == len(good[1]) + 1


def test_damage_that_is_met_while_it_runs_is_repaired_while_it_runs(good, copy):
    store = Store.open(copy)
    store.close()
    store = Store.open(copy)
    data = bytearray(copy.read_bytes())
    for number in pages_of(copy):
        if number > 1 and not rows_on(good[0], number):
            data[(number - 1) * PAGE : number * PAGE] = b"\xff" * PAGE
    copy.write_bytes(data)
    for question in ("first", "second"):
        ask(session(store), question)
    settle(store)
    assert len(nodes(good[1]) - nodes(read(store))) == 0
    titles = [each.title for each in store.conversations()]
    assert {"first", "second"} <= set(titles)
    assert store.close()
    assert kept(copy)


def test_two_that_find_the_damage_at_once_repair_it_once(good, copy):
    data = bytearray(copy.read_bytes())
    data[:PAGE] = bytes(PAGE)
    copy.write_bytes(data)
    first = Store.open(copy)
    second = Store.open(copy)
    settle(first)
    settle(second)
    assert nodes(read(first)) == nodes(read(second)) == nodes(good[1])
    ask(session(first), "one")
    ask(session(second), "two")
    settle(first)
    settle(second)
    assert len(read(first)) == len(read(second)) == len(good[1]) + 2
    first.close()
    second.close()
    assert len(kept(copy)) == 1


def test_a_reply_that_is_being_written_survives_the_repair(copy):
    store = Store.open(copy)
    question = asked("Well?")
    recording = store.begin(question)
    recording.take(ThoughtText("before", 1))
    assert store.flush(10)
    copy.rename(copy.with_name("gone.db"))
    recording.take(ThoughtText(" after", 2))
    assert store.flush(10)
    from r1chat.events import Receipt, Reply

    recording.take(Reply("before after", "done", Receipt()))
    assert store.flush(10)
    (node,) = store.load(question.conversation).conversation.nodes()
    assert node.turn.reply.answer == "done"
    store.close()


def test_hostile_values_in_the_file_become_harmless_ones(copy, good):
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute(
            'UPDATE replies SET receipt = \'{"thought_tokens": -5, "budget": "x", '
            '"ended_by": [], "load_s": 1e999, "seed": true, "more": 1}\', '
            'injected = \'[[0, "nowhere"], [-1, 2], 3]\', acts = \'[{"kind": "rm"}, 4]\', '
            "settings = '[1]', created = 'yesterday', model = x'ff', final = 5, chosen = 'x'"
        )
        connection.execute("UPDATE conversations SET budget = 'x', title = x'00', pinned = 'a'")
        # Each follows a later one: round in a circle.
        connection.execute("UPDATE turns SET parent = key + 1")
        connection.commit()
    found, _ = opened(copy)
    assert nodes(found) >= nodes(good[1])


def test_a_text_that_unpacks_to_too_much_is_cut(copy):
    import zlib

    machine = zlib.compressobj(9)
    bomb = b"".join(machine.compress(bytes(1 << 20)) for _ in range(200)) + machine.flush()
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute(
            "UPDATE replies SET thought = ? WHERE key = (SELECT min(key) FROM replies)", (bomb,)
        )
        connection.commit()
    store = Store.open(copy)
    for summary in store.conversations():
        for node in store.load(summary.id).conversation.nodes():
            assert len(node.turn.reply.thought) <= 64 << 20
    store.close()


def test_each_table_is_told_apart_by_its_rows(good):
    pages = salvage.Pages(good[0])
    rows = list(salvage.rows(pages))
    pages.close()
    with closing(sqlite3.connect(good[0])) as connection:
        for table in salvage.LOOKS:
            count = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
            assert sum(each == table for each, _ in rows) == count
    for table, (_, row) in rows:
        assert [name for name, looks in salvage.LOOKS.items() if looks(row)] == [table]


@pytest.mark.parametrize("part", ["search", "search_data", "search_idx", "search_config"])
def test_a_search_that_is_missing_is_made_anew(good, copy, part):
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute(f"DROP TABLE {part}")
    found, notices = opened(copy)
    assert (found, notices, kept(copy)) == (good[1], [], [])


@pytest.mark.parametrize("part", ["search", "search_data"])
def test_a_search_that_goes_missing_while_it_is_used_is_made_anew(good, copy, part):
    store = Store.open(copy)
    settle(store)
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute(f"DROP TABLE {part}")
    store.search("odd")
    settle(store)
    assert [hit.title for hit in store.search("Question 7 2", thoughts=True)]
    assert store.take_notices() == []
    assert store.close()
    assert kept(copy) == []
    assert opened(copy)[0] == good[1]


def device(folder):
    """Where a device is to stand in the history's place: one that may be moved, just in case."""
    node = folder / "null"
    if os.getuid() != 0:
        return Path("/dev/null")
    try:
        os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except OSError:
        pytest.skip("no device can be made here")
    return node


@pytest.mark.parametrize("linked", [True, False])
def test_a_device_in_its_place_is_left_where_it_is_and_nothing_is_kept(tmp_path, linked):
    node = device(tmp_path)
    file = tmp_path / "data" / "history.db" if linked else node
    if linked:
        file.parent.mkdir()
        file.symlink_to(node)
    before = sorted(node.parent.iterdir()) if node.parent == tmp_path else None
    store = Store.open(file)
    assert not store.saves
    assert store.take_notices() == [f"conversations are not saved: {node} is a device"]
    assert checkup.look(file)[0][0] == "a device: conversations are not saved"
    ask(session(store), "a question")
    assert store.close()
    assert node.is_char_device()
    assert file.parent == node.parent or list(file.parent.iterdir()) == [file]
    assert before is None or sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("kind", ["folder", "pipe", "socket"])
def test_what_a_link_leads_to_and_is_no_file_stays_where_it_is(tmp_path, kind):
    there = tmp_path / "documents"
    if kind == "folder":
        there.mkdir()
        (there / "thesis.txt").write_text("mine")
    elif kind == "pipe":
        os.mkfifo(there)
    else:
        with closing(socket.socket(socket.AF_UNIX)) as listener:
            listener.bind(os.path.relpath(there))
    file = tmp_path / "data" / "history.db"
    file.parent.mkdir()
    file.symlink_to(there)
    before = there.stat()
    store = Store.open(file)
    ask(session(store), "a question")
    settle(store)
    store.close()
    assert (there.stat().st_ino, there.stat().st_mode) == (before.st_ino, before.st_mode)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["data", "documents"]
    assert file.is_file()
    assert not file.is_symlink()
    with closing(Store.open(file)) as again:
        assert len(again.conversations()) == 1
