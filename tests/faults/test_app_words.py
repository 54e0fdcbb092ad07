"""Typed and pasted words in a real terminal, and however the program ends."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from r1chat import paths
from r1chat.store import Store
from tests.pty_app import QUIT, terminal

APP = str(Path(__file__).parent / "an_app.py")
CTRL_C, F10 = "\x03", "\x1b[21~"
LINES = ["def double(x):", "    return 2 * x", "print(double(4))"]


def drafts() -> list[str]:
    return [json.loads(file.read_text())["text"] for file in paths.drafts().glob("*.json")]


def questions() -> list[str]:
    """The questions of the last conversation as they are in the file."""
    store = Store.open()
    try:
        store.flush(10)
        name = store.last()
        loaded = store.load(name) if name else None
        return [node.turn.question for node in loaded.conversation.path()] if loaded else []
    finally:
        store.close()


@pytest.mark.parametrize("line_break", ["\r", "\r\n", "\n"], ids=repr)
def test_lines_pasted_from_a_terminal_are_asked_as_lines(line_break, home):
    with terminal(APP, "plain") as app:
        app.wait_for("Ask something")
        app.wait_for("fake")
        app.send(f"\x1b[200~{line_break.join(LINES)}\x1b[201~")
        app.wait_for("print(double(4))")
        app.send("\r")
        app.wait(lambda: questions() == ["\n".join(LINES)])
        app.send(QUIT)
        assert app.end() == 0
    assert b"\r" not in app.raw.replace(b"\r\n", b"")


def by_key(app):
    app.send(QUIT)


def by_signal(number):
    return lambda app: app.signal(number)


def by_crash(app):
    app.send(F10)


ENDS = {
    "Ctrl+Q": by_key,
    "SIGTERM": by_signal(signal.SIGTERM),
    "SIGHUP": by_signal(signal.SIGHUP),
    "SIGINT": by_signal(signal.SIGINT),
    "SIGKILL": by_signal(signal.SIGKILL),
    "a crash": by_crash,
}


@pytest.mark.parametrize("mode", ["plain", "loading"])
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_draft_outlasts_the_end_of_the_program(end, mode, home):
    with terminal(APP, mode) as app:
        app.wait_for("Ask something")
        app.send("words that were typed")
        app.wait_for("were typed")
        if end is ENDS["SIGKILL"]:
            # Nothing can be done any more: it was saved before.
            app.wait(lambda: drafts() == ["words that were typed"])
        end(app)
        app.end()
    assert drafts() == ["words that were typed"]


def test_a_draft_is_there_again_at_the_next_start(home):
    for start in range(2):
        with terminal(APP, "plain") as app:
            app.wait_for("Ask something")
            if start == 0:
                app.send("words that were typed")
            app.wait_for("words that were typed")
            app.send(QUIT)
            assert app.end() == 0
        assert drafts() == ["words that were typed"]


@pytest.mark.parametrize("end", [by_key, by_signal(signal.SIGTERM)], ids=["key", "signal"])
def test_a_question_that_waits_for_its_model_outlasts_the_end(end, home):
    with terminal(APP, "loading") as app:
        app.wait_for("Ask something")
        app.send("a question\r")
        app.wait_for("Waiting for the model")
        app.send("and more")
        app.wait_for("and more")
        end(app)
        app.end()
    assert drafts() == ["a question\nand more"]
