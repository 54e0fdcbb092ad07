"""Conversations that outlive the app, with the real program in a real terminal."""

from __future__ import annotations

import signal
from pathlib import Path

from r1chat.conversation import Conversation, Origin, Turn
from r1chat.events import Receipt, Reply
from r1chat.store import Loaded, Store, Summary
from tests.factory import write_model
from tests.pty_app import QUIT, terminal

APP = str(Path(__file__).parent.parent / "faults" / "an_app.py")
F10 = "\x1b[21~"
EVIL = "\x1b]52;c;RVZJTA==\x07\x1b]0;EVIL\x07\x9b31mEVIL\x1b[2J\u202eEVIL\x1b]8;;http://evil\x07"


def turns():
    """The turns of the last conversation as they are in the file."""
    store = Store.open()
    try:
        store.flush(10)
        name = store.last()
        return [node.turn for node in store.load(name).conversation.path()] if name else []
    finally:
        store.close()


def answered():
    """Those with an answer that has ended."""
    return [turn for turn in turns() if turn.reply.receipt.answer_s > 0]


def test_a_conversation_is_there_after_a_kill_and_goes_on():
    with terminal("-m", "r1chat", size=(30, 100)) as app:
        app.wait_for("of 1,024")
        app.send("What is 3 + 4?\r")
        app.wait(lambda: len(answered()) == 1)
        app.signal(signal.SIGKILL)
        assert app.end() == -signal.SIGKILL
    with terminal("-m", "r1chat", size=(30, 100)) as app:
        app.wait_for("of 1,024")
        app.send(F10)
        app.wait_for("Today")
        app.wait_for("1 turn")
        since = len(app.raw)
        app.send("\r")
        app.wait_for("Thought for", since)
        app.send("What is 5 + 2?\r")
        app.wait(lambda: len(answered()) == 2)
        app.send(QUIT)
        assert app.end() == 0
    assert [turn.question for turn in answered()] == ["What is 3 + 4?", "What is 5 + 2?"]


def test_a_thought_that_a_kill_cut_off_is_gone_on_with_by_its_text(tmp_path):
    model = write_model(tmp_path / "r1.gguf", context=32768)
    with terminal("-m", "r1chat", "--model", str(model), size=(30, 100)) as app:
        app.wait_for("r1.gguf · ")
        app.send("hello\r")
        app.wait_for("Answer now")
        app.wait(lambda: any(turn.reply.thought for turn in turns()))
        app.signal(signal.SIGKILL)
        assert app.end() == -signal.SIGKILL
    (before,) = [turn.reply for turn in turns()]
    assert before.thought
    # So high that the head of the thought is drawn before the answer pushes it out of sight.
    with terminal("-m", "r1chat", "--model", str(model), size=(120, 100)) as app:
        app.wait_for("The reply to “hello” was interrupted: Ctrl+G continues it.")
        app.wait_for("r1.gguf · ")
        since = len(app.raw)
        app.send("\x07")
        app.wait_for("Answer now", since)
        app.wait(lambda: len(turns()[0].reply.thought) > len(before.thought))
        app.send("\x0e")
        app.wait_for("ended by you", since)
        app.send("\x03")
        app.wait_for("stopped", since)
        app.send(QUIT)
        assert app.end() == 0
    (after,) = [turn.reply for turn in turns()]
    assert after.thought.startswith(before.thought)
    assert len(after.thought) > len(before.thought)


def test_no_escape_sequence_of_the_file_reaches_the_terminal():
    tree = Conversation()
    made = Origin(created=1000.0, model=EVIL, arch=EVIL, quant=EVIL)
    tree.add(Turn(f"hello {EVIL}", Reply(EVIL, EVIL, Receipt(), error=EVIL), origin=made))
    store = Store.open()
    store.add(Loaded(Summary(tree.id, EVIL, 1000.0, 1000.0, model=EVIL), tree))
    store.flush(10)
    store.close()
    with terminal(APP, "plain", size=(40, 120)) as app:
        app.wait_for("of 4,096")
        # F10 is that app's own.
        app.send("\x1bh")
        app.wait_for("1 turn")
        since = len(app.raw)
        app.send("hello")
        app.wait_for("asked", since)
        since = len(app.raw)
        app.send("\r")
        app.wait_for("Written by", since)
        since = len(app.raw)
        app.send("\x1bl")
        app.wait_for("no such model", since)
        app.send(QUIT)
        assert app.end() == 0
        raw = app.raw
    for code in (b"\x1b]52", b"\x1b]0;", b"\x1b]8;;http://evil", b"\xc2\x9b", "\u202e".encode()):
        assert code not in raw, code
