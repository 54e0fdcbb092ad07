"""Replies that are being written are seen to be, whoever else is looking at their locks."""

from __future__ import annotations

import threading
import time

from r1chat import locks
from r1chat.store.alive import Alive


def test_who_takes_a_lock_waits_for_who_looks_and_holds_what_others_see(tmp_path):
    file, got = tmp_path / "a.lock", []
    looking = locks.taken(file)
    assert locks.taken(file, 0) is None
    waiting = threading.Thread(target=lambda: got.append(locks.taken(file, 60)))
    waiting.start()
    # However long that takes, it is no less right; mostly it has tried by then.
    time.sleep(0.1)
    locks.released(looking)
    waiting.join()
    assert got[0] is not None
    assert locks.held(file)
    locks.released(got[0])
    assert not locks.held(file)
    assert not file.exists()


def test_a_reply_that_begins_while_others_look_is_alive_to_all_until_it_ends(tmp_path):
    writing, over = Alive(tmp_path / "history.db"), threading.Event()

    def look():
        others = Alive(tmp_path / "history.db")
        while not over.is_set():
            others.living()

    lookers = [threading.Thread(target=look) for _ in range(2)]
    for each in lookers:
        each.start()
    try:
        for number in range(40):
            name = f"reply{number}"
            writing.begin(name)
            # A lock whose file another has removed holds nothing that anybody sees.
            assert name in Alive(tmp_path / "history.db").living(), number
            writing.end(name)
    finally:
        over.set()
        for each in lookers:
            each.join()
    # What the lookers held for a moment is no reply.
    assert not writing.living()
    assert not list((tmp_path / "writing").iterdir())
