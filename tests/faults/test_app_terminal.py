"""What the terminal sees of the app, whatever goes wrong."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from r1chat import paths
from tests.pty_app import QUIT, Terminal, terminal

APP = str(Path(__file__).parent / "an_app.py")
LEFT = b"\x1b[?1049l"
TITLE = b"\x1b]2;hello \xc2\xb7 r1chat\x07"
SHOWN_CURSOR = b"\x1b[?25h"
ESCAPE = "\x1b[27u"
"""The key as new terminals send it: nothing that comes behind it makes another key of it."""
FOREIGN = (b"\x1b]52", b"\x1b]0;", b"\x1b]8;", "\u202e".encode(), "\x9b".encode())


def ready(app: Terminal, words: str = "fake") -> None:
    app.wait_for(words)
    app.wait_for("Ask something")


def is_restored(app: Terminal) -> bool:
    return app.raw.rfind(LEFT) > app.raw.rfind(b"\x1b[?1049h") and (
        app.raw.rfind(SHOWN_CURSOR) > app.raw.rfind(b"\x1b[?25l")
    )


@pytest.mark.parametrize("key", ["\x1b[21~", "\x1b[23~"], ids=["handler", "worker"])
def test_a_crash_is_one_calm_line_and_the_log_has_the_rest(key, home):
    with terminal(APP, "plain") as app:
        ready(app)
        app.send(key)
        assert app.end() == 1
        after = app.raw[app.raw.rfind(LEFT) :].decode()
        assert "r1chat: something went wrong; the log has the details: " in after
        assert "SECRET" not in app.words
        assert "Traceback" not in app.words
        assert is_restored(app)
    log = (home / "logs" / "r1chat.log").read_text()
    assert "action_raise" in log


def test_what_native_code_prints_goes_to_the_log_and_not_to_the_screen(home):
    with terminal(APP, "plain") as app:
        ready(app)
        app.send("\x1b[24~")
        app.wait_for("written natively")
        app.send(QUIT)
        assert app.end() == 0
        assert "NATIVE" not in app.words
    assert "NATIVE-ONE\nNATIVE-TWO" in (home / "logs" / "r1chat.log").read_text()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]
)
def test_a_signal_in_the_middle_of_a_thought_ends_it_calmly(number, code):
    with terminal(APP, "plain") as app:
        ready(app)
        app.send("hello\r")
        app.wait_for_one_of(r"thought \d+\.")
        app.signal(number)
        assert app.end() == code
        assert is_restored(app)
        assert "something went wrong" not in app.words


def test_leaving_while_a_model_is_being_loaded_does_not_wait_for_it():
    with terminal(APP, "loading") as app:
        app.wait_for("Loading")
        app.send(QUIT)
        assert app.end() == 0
        assert is_restored(app)


def test_ctrl_c_stops_the_reply_and_then_quits_when_pressed_twice():
    with terminal(APP, "plain") as app:
        ready(app)
        app.send("hello\r")
        app.wait_for_one_of(r"thought \d+\.")
        app.send("\x03")
        app.wait_for("stopped")
        app.send("\x03")
        app.wait_for("again to quit")
        assert app.alive
        app.send("\x03")
        assert app.end() == 0
        assert is_restored(app)


def test_three_ctrl_c_in_a_hurry_end_it_in_the_middle_of_a_thought():
    with terminal(APP, "plain") as app:
        ready(app)
        app.send("hello\r")
        app.wait_for_one_of(r"thought \d+\.")
        app.send("\x03\x03\x03")
        assert app.end() == 0
        assert is_restored(app)


def test_a_terminal_of_one_cell_and_back_many_times_breaks_nothing():
    with terminal(APP, "plain") as app:
        ready(app)
        app.send("hello\r")
        app.wait_for_one_of(r"thought \d+\.")
        for round_ in range(100):
            for size in ((1, 1), (3, 200), (60, 12), (2, 40), (24, 80)):
                since = len(app.raw)
                app.resize(*size)
                if not round_:
                    app.wait(lambda since=since: len(app.raw) > since)
                app.read(0)
        app.wait_for("thought", since)
        since = len(app.raw)
        app.send("\x03")
        app.wait_for("stopped", since)
        app.send(QUIT)
        assert app.end() == 0


@pytest.mark.parametrize("away", [True, False])
def test_a_long_reply_is_announced_while_the_terminal_is_not_looked_at_and_only_then(away):
    with terminal(APP, "away" if away else "back") as app:
        ready(app)
        assert b"\x1b[?1004h" in app.raw, "nobody asked the terminal to tell of its focus"
        since = len(app.raw)
        app.send("hello\r")
        app.wait_for("hm.", since)
        app.send("\x1b[O" if away else "\x1b[O\x1b[I")
        note = b"\x1b]9;r1chat: The model has answered.\x07"
        app.wait_for("Done.", since)
        if away:
            app.wait(lambda: note in app.raw[since:])
        else:
            # What is typed now is drawn after all that the end of the reply brought.
            app.send("later")
            app.wait_for("later", since)
            assert note not in app.raw[since:]
        assert (b"\x07" in app.raw[since:].replace(note, b"").replace(TITLE, b"")) == away
        app.send(QUIT)
        assert app.end() == 0


def test_no_escape_sequence_of_others_reaches_the_terminal():
    evil = "\x1b]52;c;RVZJTA==\x07\x1b]0;EVIL\x07\x1b]8;;http://evil\x07EVIL\u202e\x9b31m"
    with terminal(APP, "evil", size=(40, 120)) as app:
        app.wait_for("Ask something")
        app.wait_for("EVIL")
        # Into the composer, the filter of the models, the palette, and the path of a file.
        app.send(f"\x1b[200~{evil} pasted whole\x1b[201~")
        app.wait_for("pasted whole")
        app.send("\r")
        # While a reply runs no other model can be picked.
        app.wait_for("Regenerate")
        for key, shown in (("\x1bOR", "Models"), ("\x10", "Search"), ("\x1b[17~", "Attach a")):
            since = len(app.raw)
            app.send(key)
            app.wait_for(shown, since)
            app.send(f"\x1b[200~{evil} into {shown[:3]}\x1b[201~")
            app.wait_for(f"into {shown[:3]}", since)
            app.send(ESCAPE)
        app.send(QUIT)
        assert app.end() == 0
        assert not any(code in app.raw for code in FOREIGN)
        titles = re.findall(rb"\x1b\]2;([^\x07]*)\x07", app.raw)
        assert titles
        assert not any(b"\x1b" in title for title in titles)


@pytest.mark.skipif(os.name != "posix", reason="no such names of files elsewhere")
def test_names_of_files_notices_and_errors_bring_no_escape_sequence_to_the_terminal(home):
    evil = "\x1b]0;EVIL\x07\x9b31m\u202eEVIL"
    folder = home / "attached"
    folder.mkdir()
    (folder / f"{evil}.txt").write_text("text", "utf-8")
    themes = paths.user_themes()
    themes.mkdir(parents=True)
    (themes / f"{evil}.toml").write_text("name = 1", "utf-8")
    with terminal(APP, "evil-words", size=(40, 120)) as app:
        ready(app)
        app.wait_for("Themes left out")
        app.send("\x1b[17~")
        app.wait_for("Attach a text file")
        app.send(f"{folder}/")
        app.wait_for("EVIL.txt")
        app.send("\r")
        app.wait_for("4 characters")
        app.send("hello\r")
        app.wait_for("✗")
        app.send(QUIT)
        assert app.end() == 0
        assert not any(code in app.raw for code in FOREIGN)
    with terminal(APP, "evil-file", size=(40, 120)) as app:
        app.wait_for("No model")
        app.wait_for("EVIL")
        app.send(QUIT)
        assert app.end() == 0
        assert not any(code in app.raw for code in FOREIGN)


def test_alt_enter_begins_a_new_line():
    with terminal(APP, "plain") as app:
        ready(app)
        app.send("one\x1b\rtwo")
        app.wait_for("two")
        app.send("\r")
        app.wait(lambda: b"\x1b]2;one two \xc2\xb7 r1chat\x07" in app.raw)
        app.send(QUIT)
        assert app.end() == 0


def test_a_paste_with_escape_characters_is_one_paste_and_sends_nothing():
    with terminal(APP, "plain") as app:
        ready(app)
        app.send("\x1b[200~one\r\x1b[31mtwo\x1b[0m\r\x1b")
        app.read(0.5)  # Longer than Textual waits for the rest of a key.
        app.send("[Athree\r\x1b\rfour\x1b[20")
        app.read(0.5)
        app.send("1~!")
        app.wait_for("four!")
        assert b"\x1b]2;one" not in app.raw
        app.send("\r")
        app.wait(lambda: b"\x1b]2;one two three  four! \xc2\xb7 r1chat\x07" in app.raw)
        app.send(QUIT)
        assert app.end() == 0


@pytest.mark.skipif(not hasattr(signal, "SIGCONT"), reason="no process can be stopped")
@pytest.mark.parametrize("stop", ["SIGTSTP", "SIGSTOP"])
def test_after_a_stop_all_is_drawn_again_and_the_keys_come_once(stop):
    with terminal(APP, "plain") as app:
        ready(app)
        app.send("draft ")
        app.wait_for("draft")
        for _ in range(2):
            app.signal(getattr(signal, stop))
            app.wait(lambda: app.stopped)
            before = len(app.raw)
            app.signal(signal.SIGCONT)
            app.wait_for("draft", before)
            app.wait_for("Help", before)
        app.send("abc\r")
        app.wait(lambda: b"\x1b]2;draft abc \xc2\xb7 r1chat\x07" in app.raw)
        app.send(QUIT)
        assert app.end() == 0
        assert is_restored(app)
        assert app.echoes


@pytest.mark.parametrize("name", ["dumb", "unknown"])
def test_a_terminal_that_draws_nothing_is_told_what_works_there(name):
    with terminal("-m", "r1chat", TERM=name) as app:
        assert app.end() == 2
        assert 'r1chat ask "QUESTION"' in app.words
        assert b"\x1b[?1049h" not in app.raw


def test_leaving_prints_the_command_that_opens_the_same_conversation_and_so_does_c(home):
    with terminal(APP, "long") as app:
        ready(app)
        app.send("one question\r")
        app.wait_for("Done.")
        app.send(QUIT)
        assert app.end() == 0
    name = re.search(r"Continue this conversation: (r1chat --conversation (\w+))", app.words)
    assert name is not None
    for arguments in (("--conversation", name[2]), ("-c",)):
        with terminal("-m", "r1chat", *arguments) as again:
            again.wait_for("one question")
            again.send(QUIT)
            assert again.end() == 0
            assert name[1] in again.words
