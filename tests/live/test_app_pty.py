"""The real program with the built-in model in a real terminal."""

from __future__ import annotations

import json
import re

from r1chat import paths
from tests.factory import write_model
from tests.pty_app import QUIT, terminal


def test_a_question_is_asked_thought_about_answered_and_what_was_set_is_remembered(home):
    with terminal("-m", "r1chat") as app:
        app.wait_for("Ask something")
        app.wait_for("of 1,024")
        app.send("What is 3 + 4?\r")
        app.wait_for("Thought for")
        app.wait_for("tokens/s")
        # The budget to off, then the same question once more: there is no thought this time.
        since = len(app.raw)
        app.send("\x1b[15~\x1b[H")
        app.wait_for("no thinking", since)
        since = len(app.raw)
        app.send("\x1b[15~\x12")
        app.wait_for("2/2", since)
        app.wait_for("tokens/s", since)
        app.send(QUIT)
        assert app.end() == 0
        assert b"\x1b]2;What is 3 + 4? \xc2\xb7 r1chat\x07" in app.raw
        # Behind the terminal's own title there is only the way back.
        assert re.search(rb"\x1b\[23;2tContinue this conversation: [^\x1b]+$", app.raw)
    assert json.loads(paths.settings_file().read_text())["budget"] == "off"


def test_a_thought_that_would_never_end_is_answered_at_once_on_a_key(tmp_path):
    model = write_model(tmp_path / "r1.gguf", context=32768)
    with terminal("-m", "r1chat", size=(120, 80)) as app:
        app.wait_for("Ask something")
        app.wait_for("of 1,024")
        app.send("\x1bOR")
        app.wait_for("path of a .gguf file")
        since = len(app.raw)
        app.send(str(model))
        app.wait_for("r1.gguf", since)
        since = len(app.raw)
        app.send("\r")
        app.wait_for("r1.gguf · ", since)
        app.send("hello\r")
        app.wait_for("Answer now")
        since = len(app.raw)
        app.send("\x0e")
        # The answer may have pushed the head of the thought out of sight before it was drawn.
        app.wait_for_one_of(r"ended by you|\^o Thoughts", since)
        app.send("\x03")
        app.wait_for("stopped")
        app.send(QUIT)
        assert app.end() == 0
