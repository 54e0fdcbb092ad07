"""Several samples in the real program, with the built-in model, in a real terminal."""

from __future__ import annotations

import json

from r1chat import paths
from tests.program import run
from tests.pty_app import QUIT, terminal


def test_four_samples_are_drawn_tallied_kept_and_shown_again(home):
    with terminal("-m", "r1chat", size=(30, 100)) as app:
        app.wait_for("Ask something")
        app.wait_for("of 1,024")
        app.send("\x1bk")
        app.wait_for("×4")
        app.send("What is 44 + 41 + 25?\r")
        app.wait_for("4 samples · 4 thinking")
        since = len(app.raw)
        app.send("\x1b[1;3C")
        app.wait_for("▸2", since)
        app.wait_for("of 4 agree on")
        app.wait_for("agree on 110")
        app.send(QUIT)
        assert app.end() == 0
    assert json.loads(paths.settings_file().read_text())["samples"] == 4
    code, out, _ = run("history", "export", "--all", "--format", "json")
    assert code == 0
    (kept,) = json.loads(out)["conversations"]
    votes = [turn["receipt"]["vote"] for turn in kept["turns"]]
    assert "110" in votes
    assert None not in votes
    assert {turn["receipt"]["samples"] for turn in kept["turns"]} == {4}
    assert len({turn["created"] for turn in kept["turns"]}) == 1
    with terminal("-m", "r1chat", size=(30, 100)) as app:
        app.wait_for("of 1,024")
        app.wait_for("×4")
        app.send("\x1bh")
        app.wait_for("Today")
        app.send("\x1b[B\r")
        app.wait_for("agree on 110")
        app.send(QUIT)
        assert app.end() == 0
