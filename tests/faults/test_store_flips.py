"""Bytes of the history are flipped: each question is answered and kept, and no loss is silent."""

from __future__ import annotations

import contextlib
import random
import shutil

import pytest

from r1chat import paths
from r1chat.doctor import examination
from r1chat.store import Store, checkup, rows
from tests.faults.test_store_aside import LOCKS, held
from tests.store.helpers import ask, session, settle

NORMAL, LONG = 60, 1000
SHORT = 40
"""Characters of a text up to which it is stored as it is: SQLite has no sums that tell a flip."""
PLACES = {
    "header": ("history.db", 0, 100),
    "schema": ("history.db", 100, 4096),
    "file": ("history.db", 0, None),
    "log": ("history.db-wal", 0, None),
    "index of the log": ("history.db-shm", 0, None),
}
WHOLE = {
    "cut": lambda rng, data: data[: rng.randrange(1, len(data))],
    "cut at a page": lambda rng, data: data[: 4096 * rng.randrange(1, len(data) // 4096)],
    "zeros in a page": lambda rng, data: _page(rng, data, bytes(4096)),
    "noise in a page": lambda rng, data: _page(rng, data, rng.randbytes(4096)),
}


def _page(rng, data, page):
    at = 4096 * rng.randrange(len(data) // 4096)
    return data[:at] + page + data[at + 4096 :]


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A history whose last turn stands in the log only, as a kill leaves it."""
    root = tmp_path_factory.mktemp("good")
    file = root / "open" / "history.db"
    rng = random.Random(1)
    store = Store.open(file)
    for number in range(8):
        thought = [f" w{rng.randrange(999)}" for _ in range(rng.randrange(400))]
        talk = session(store, [*thought, "</think>", f"Answer {number}"])
        for turn in range(2):
            ask(talk, f"Question {number} {turn}?")
    settle(store)
    # The next one starts with an empty log.
    store.close()
    store = Store.open(file)
    ask(session(store), "Only in the log?")
    settle(store)
    shutil.copytree(file.parent, root / "killed")
    store.close()
    return root / "killed"


def replies(store):
    return {
        node.id: (node.turn.question, node.turn.reply.thought, node.turn.reply.answer)
        for each in store.conversations(1000)
        for node in store.load(each.id).conversation.nodes()
    }


def damage(folder, rng):
    if rng.random() < 0.15:
        how = WHOLE[rng.choice(sorted(WHOLE))]
        file = folder / "history.db"
        file.write_bytes(how(rng, file.read_bytes()))
        return
    name, start, end = PLACES[rng.choice(sorted(PLACES))]
    file = folder / name
    data = bytearray(file.read_bytes())
    for _ in range(rng.choice((1, 1, 4, 64))):
        flipped = 1 << rng.randrange(8) if rng.random() < 0.5 else rng.randrange(1, 256)
        data[rng.randrange(start, end or len(data))] ^= flipped
    file.write_bytes(data)


def answered_and_kept(good, folder, seeds):
    want = replies(Store.open(shutil.copytree(good, folder / "whole") / "history.db"))
    assert len(want) == 17
    for seed in seeds:
        place = shutil.copytree(good, folder / str(seed))
        damage(place, random.Random(seed))
        store = Store.open(place / "history.db")
        node = ask(session(store), "A new question?")
        assert node.turn.reply.answer, seed
        assert store.flush(30), seed
        store.search("question", thoughts=True)
        assert store.close(), seed
        notices = store.take_notices()
        again = Store.open(place / "history.db")
        found = replies(again)
        notices += again.take_notices()
        again.close()
        newer = any("newer r1chat" in each for each in notices)
        assert node.id in found or (newer and list(place.glob("*.unsaved-*"))), (seed, notices)
        silent = [] if notices else [*_missed(want, found)]
        assert silent == [], (seed, silent)
        shutil.rmtree(place)


def _missed(want, found):
    """Replies that are gone, or other than they were, and do not say so."""
    for name, texts in want.items():
        for text, now in zip(texts, found.get(name, ("",) * 3), strict=True):
            marked = now.endswith(rows.DAMAGED)
            if now != text and not marked and len(text) > SHORT:
                yield name, text, now
        if name not in found:
            yield name


def test_wherever_bytes_are_flipped_the_answer_is_kept_and_no_loss_is_silent(good, tmp_path):
    answered_and_kept(good, tmp_path, range(NORMAL))


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_thousand_damaged_histories_keep_a_thousand_answers(good, tmp_path):
    answered_and_kept(good, tmp_path, range(NORMAL, NORMAL + LONG))


@pytest.mark.parametrize("how", [*PLACES, "cut", "cut at a page", "nothing", "locked", "folder"])
def test_the_doctor_sees_what_is_wrong(good, tmp_path, how):
    rng = random.Random(3)
    place = shutil.copytree(good, tmp_path / "damaged")
    file = place / "history.db"
    holder = contextlib.nullcontext()
    if how in WHOLE:
        file.write_bytes(WHOLE[how](rng, file.read_bytes()))
    elif how in PLACES:
        name, start, end = PLACES[how]
        data = bytearray((place / name).read_bytes())
        end = end or len(data)
        for at in range(start, end):
            data[at] ^= rng.randrange(256)
        (place / name).write_bytes(data)
    elif how == "folder":
        file.unlink()
        file.mkdir()
    elif how == "locked":
        holder = held(file, LOCKS[1])
    with holder:
        found = checkup.look(file)
    # An index of a log that nobody uses is made anew.
    expected = [] if how in ("nothing", "index of the log") else [how]
    assert len(found) == len(expected), found


def test_the_doctor_says_so_in_its_report(good):
    shutil.copytree(good, paths.history_file().parent)
    paths.history_file().write_bytes(b"nonsense")
    findings = [each for each in examination._history() if each.level == "odd"]
    assert [(each.name, each.value[:8]) for each in findings] == [("history", "damaged:")]
