"""What `r1chat ask` keeps and goes on from, on a scripted engine."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from r1chat import cli, compose, logs, paths
from r1chat.engine.fake import INFO, FakeEngine
from r1chat.errors import PromptError
from r1chat.store import Store

SCRIPT = ("Hm", ".", "</think>", "It is ", "\\boxed{2}")


class Named(FakeEngine):
    """Says that it is the model that was loaded."""

    ref = ""

    @property
    def info(self):
        return replace(INFO, ref=self.ref)


@pytest.fixture
def model(monkeypatch):
    """A scripted model in the place of the real one; keeps what it was asked."""

    class Loader:
        engine = Named(SCRIPT)

        def __call__(self, ref, **options):  # noqa: ARG002
            self.ref = ref
            self.engine.ref = ref
            return self.engine

        @property
        def request(self):
            return self.engine.requests[-1]

    loader = Loader()
    monkeypatch.setattr(compose, "load", loader)
    monkeypatch.setattr(compose, "resolve", lambda ref: ref)
    yield loader
    logs.stop()


@pytest.fixture
def run(model, capsys):
    """Runs the command line: exit code, stdout, stderr."""

    def call(*argv):
        code = cli.main(argv)
        return (code, *capsys.readouterr())

    return call


@pytest.fixture
def ask(run):
    def call(*argv):
        assert run("ask", *argv) == (0, "It is \\boxed{2}\n", "")

    return call


def kept():
    """The conversations in the history, with all that is in them."""
    store = Store.open()
    try:
        return [store.load(each.id) for each in store.conversations()]
    finally:
        store.close()


def test_a_turn_is_kept_with_all_that_belongs_to_it(ask, tmp_path):
    (tmp_path / "a.txt").write_text("7 apples", encoding="utf-8")
    ask("-m", "m1", "-b", "64", "-s", "Be brief.", "-f", str(tmp_path / "a.txt"), "1 + 1?")
    (loaded,) = kept()
    (node,) = loaded.conversation.path()
    turn = node.turn
    assert (turn.question, turn.attachments[0].text) == ("1 + 1?", "7 apples")
    assert (turn.reply.thought, turn.reply.answer) == ("Hm.", "It is \\boxed{2}")
    assert turn.reply.receipt.thought_ended_by == "natural"
    assert turn.origin.settings["temperature"] == 0.6
    assert (loaded.summary.title, loaded.budget, loaded.system) == ("1 + 1?", "64", "Be brief.")


def test_with_no_save_nothing_is_kept_and_no_file_made(ask):
    ask("-m", "m1", "--no-save", "1 + 1?")
    assert not paths.history_file().exists()


@pytest.mark.parametrize(("word", "made"), [("off", False), ("false", False), ("on", True)])
def test_saving_can_be_turned_off_for_good(run, ask, word, made):
    assert run("settings", "set", "save", word) == (0, "", "")
    ask("-m", "m1", "1 + 1?")
    assert paths.history_file().exists() == made


def test_going_on_tells_the_model_what_was_said(ask, model):
    ask("-m", "m1", "-b", "64", "-s", "Be brief.", "1 + 1?")
    ask("-c", "And one more?")
    assert [message.text for message in model.request.messages] == [
        "Be brief.",
        "1 + 1?",
        "It is \\boxed{2}",
        "And one more?",
    ]
    assert model.ref == "m1"
    assert str(model.request.budget) == "64"
    (loaded,) = kept()
    assert len(list(loaded.conversation.path())) == 2


def test_options_go_before_what_the_conversation_had(ask, model):
    ask("-m", "m1", "-b", "64", "1 + 1?")
    ask("-c", "-m", "m2", "-b", "off", "And one more?")
    assert (model.ref, str(model.request.budget)) == ("m2", "off")
    ask("-c", "And now?")
    assert (model.ref, str(model.request.budget)) == ("m2", "off")


def test_what_the_conversation_had_goes_before_the_settings(run, ask, model):
    ask("-m", "m1", "-b", "64", "--min-think", "8", "1 + 1?")
    run("settings", "set", "model", "r1:7b")
    run("settings", "set", "budget", "128")
    ask("-c", "And one more?")
    assert (model.ref, str(model.request.budget)) == ("m1", "64")
    assert model.request.budget.minimum == 8


def test_a_conversation_is_found_by_the_beginning_of_its_id(run, ask, model):
    ask("-m", "m1", "One?")
    ask("-m", "m1", "Two?")
    other, first = kept()
    ask("--conversation", first.summary.id[:6].upper(), "More?")
    assert model.request.messages[0].text == "One?"
    name = first.summary.id
    assert [each.summary.id for each in kept()] == [name, other.summary.id]


def test_going_on_without_saving_leaves_the_conversation_as_it_is(ask, model):
    ask("-m", "m1", "One?")
    ask("-c", "--no-save", "Two?")
    assert len(model.request.messages) == 3
    assert kept()[0].summary.turns == 1


def test_the_json_says_where_it_is_kept(run):
    code, out, err = run("ask", "-m", "m1", "--format", "json", "1 + 1?")
    assert (code, err) == (0, "")
    assert json.loads(out)["conversation"] == kept()[0].summary.id
    out = run("ask", "-m", "m1", "--format", "jsonl", "--no-save", "1 + 1?")[1]
    assert "conversation" not in json.loads(out.splitlines()[-1])


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("-c", "?"), 1, "no conversation to continue yet"),
        (("--conversation", "zz", "?"), 1, "no conversation has an id that begins with 'zz'"),
        (("--conversation", " ", "?"), 2, "no conversation named"),
        (("-c", "--conversation", "zz", "?"), 2, "not allowed with"),
        (("-c", "--raw", "?"), 2, "--raw cannot continue a conversation"),
        (("-c", "-s", "x", "?"), 2, "--system belongs to the start"),
        (("--conversation", "a\x1b[31m", "?"), 1, "'a'"),
    ],
)
def test_what_cannot_be_gone_on_with_is_said_in_a_line(run, options, code, words):
    found, out, err = run("ask", "-m", "m1", *options)
    assert (found, out) == (code, "")
    assert words in err
    assert err.count("\n") == 1


def test_an_id_that_is_not_enough_names_the_choices(run, ask):
    for number in range(40):
        ask("-m", "m1", f"{number}?")
    several = {}
    for each in kept():
        several.setdefault(each.summary.id[0], []).append(each.summary.id)
    letter = next(letter for letter, names in several.items() if len(names) > 1)
    code, _, err = run("ask", "--conversation", letter, "?")
    assert code == 2
    assert f"{letter!r} may be " in err
    assert any(name in err for name in several[letter])


def test_a_raw_text_is_kept_as_such(ask):
    ask("-m", "m1", "--raw", "Once upon")
    assert kept()[0].conversation.last().turn.raw


def test_a_question_that_cannot_be_put_leaves_nothing_behind(run, model, monkeypatch):
    def refuse(*arguments):
        message = "too long"
        raise PromptError(message)
        yield

    monkeypatch.setattr(model.engine, "stream", refuse)
    assert run("ask", "-m", "m1", "1 + 1?")[0] == 2
    assert kept() == []


def test_an_answer_that_cannot_be_kept_is_printed_and_the_exit_code_says_so(run, home):
    (home / "data").write_text("in the way", encoding="utf-8")
    code, out, err = run("ask", "-m", "m1", "1 + 1?")
    assert (code, out) == (1, "It is \\boxed{2}\n")
    assert err.startswith("r1chat: note: conversations are not saved: ")
    assert err.count("\n") == 1
    assert run("ask", "-m", "m1", "--no-save", "1 + 1?") == (0, "It is \\boxed{2}\n", "")
