"""The app and `ask` while another program keeps the history locked, or it is damaged."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from r1chat import paths
from r1chat.store import Store
from tests.faults.test_store_aside import held
from tests.program import run
from tests.pty_app import QUIT, terminal

APP = str(Path(__file__).parent / "an_app.py")
ASK = ("ask", "-m", "tiny", "--temperature", "0", "-b", "off", "--check-sums", "off")
posix = pytest.mark.skipif(os.name != "posix", reason="there are no such locks elsewhere")


@pytest.fixture
def file():
    """The user's history, with a question in it."""
    assert run(*ASK, "What is 1 + 2?")[0] == 0
    return paths.history_file()


def questions():
    store = Store.open()
    try:
        return {
            node.turn.question: node.turn.reply
            for each in store.conversations()
            for node in store.load(each.id).conversation.nodes()
        }
    finally:
        store.close()


@posix
def test_ask_answers_says_where_its_turn_lies_and_the_next_one_goes_on_from_it(file):
    with held(file):
        code, out, err = run(*ASK, "What is 3 + 2?")
    (kept,) = file.parent.glob("history.unsaved-*")
    assert (code, out.count("\\boxed"), err.count("\n")) == (0, 1, 1)
    assert "locked" in err
    assert str(kept) in err
    code, out, _ = run("ask", "-c", "What is 4 + 2?")
    assert (code, out.count("\\boxed")) == (0, 1)
    found = questions()
    assert set(found) == {"What is 1 + 2?", "What is 3 + 2?", "What is 4 + 2?"}
    assert "\\boxed" in found["What is 3 + 2?"].answer
    store = Store.open()
    assert len(store.conversations()) == 2
    store.close()


@posix
def test_the_app_says_at_its_end_where_what_it_could_not_save_lies(file):
    with terminal(APP, "long") as app:
        app.wait_for("Ask something")
        with held(file):
            app.send("Is it kept?\r")
            app.wait_for("Done.")
            app.send(QUIT)
            code = app.end()
        (kept,) = file.parent.glob("history.unsaved-*")
        assert code == 0
        assert "r1chat: note: not saved" in app.words
        assert kept.name in app.words.replace("\r\n", "")
    assert questions()["Is it kept?"].answer == "Done."


DAMAGE = {
    "schema": lambda data: data[:600] + b"\xff\xfe" * 400 + data[1400:],
    "header": lambda data: data[:16] + b"\xff" * 84 + data[100:],
    "half": lambda data: data[: len(data) // 2],
    "nothing": lambda data: data[:0],
}


def schema_flip(data):
    """The bytes of a table's name in `sqlite_master` are no text any more."""
    at = data.index(b"CREATE TABLE conversations") + len("CREATE TABLE ")
    return data[:at] + bytes(each | 0x80 for each in data[at : at + 13]) + data[at + 13 :]


@pytest.mark.parametrize("how", [schema_flip, *DAMAGE.values()], ids=["names", *DAMAGE])
def test_whatever_is_damaged_ask_answers_and_keeps_its_turn(file, how):
    file.write_bytes(how(file.read_bytes()))
    code, out, err = run(*ASK, "What is 3 + 2?")
    assert (code, out.count("\\boxed")) == (0, 1)
    assert "Traceback" not in err
    assert err.count("\n") <= 2
    assert "What is 3 + 2?" in questions()


def test_the_app_keeps_what_is_asked_though_the_history_is_damaged(file):
    file.write_bytes(schema_flip(file.read_bytes()))
    with terminal(APP, "long") as app:
        app.wait_for("recovered")
        app.send("Is it kept?\r")
        app.wait_for("Done.")
        app.send(QUIT)
        assert app.end() == 0
    found = questions()
    assert found["Is it kept?"].answer == "Done."
    assert "What is 1 + 2?" in found


@posix
def test_a_pipe_in_the_history_s_place_is_set_aside(file):
    shutil.move(file, file.with_suffix(".old"))
    os.mkfifo(file)
    code, out, err = run(*ASK, "What is 3 + 2?")
    assert (code, out.count("\\boxed")) == (0, 1)
    assert "is kept as" in err
    assert list(questions()) == ["What is 3 + 2?"]
