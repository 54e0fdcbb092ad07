"""A very long paste into a real terminal."""

from __future__ import annotations

from pathlib import Path

from tests.pty_app import QUIT, terminal

APP = str(Path(__file__).parent / "an_app.py")


def test_a_megabyte_is_offered_as_an_attachment_and_keys_go_on_working():
    with terminal(APP, "plain") as app:
        app.wait_for("fake")
        app.wait_for("Ask something")
        text = ("All work and no play. " * 48_000)[:1_000_000]
        app.send("\x1b[200~" + text[:500_000])
        app.read(0.05)
        app.send(text[500_000:] + "\x1b[201~")
        app.wait_for("[pasted text 1, 1,000,000 characters]")
        since = len(app.raw)
        app.send("hello")
        app.wait_for("hello", since)
        app.send(QUIT)
        assert app.end() == 0
