"""`ask --compare`, the real program on the built-in model and on one of random weights."""

from __future__ import annotations

import json
import signal

import pytest

from r1chat.store import Store
from tests.factory import write_model
from tests.program import finish, replies_kept, run, start

QUESTION = "What is 44 + 41 + 25?"
SEEDED = ("ask", "-m", "tiny", "--seed", "7", "--check-sums", "off")


@pytest.fixture(scope="module")
def endless(tmp_path_factory):
    """A model that never comes to an end by itself."""
    return write_model(tmp_path_factory.mktemp("models") / "endless.gguf", context=65536)


@pytest.fixture
def kept():
    """The only conversation in the history."""

    def read():
        store = Store.open()
        try:
            (summary,) = store.conversations()
            return store.load(summary.id)
        finally:
            store.close()

    return read


def test_settings_are_compared_in_one_turn_and_the_conversation_keeps_its_own(kept):
    code, out, err = run(*SEEDED, QUESTION, "--compare", "budget=off", "--compare", "budget=16")
    assert code == 0
    # The answers are on stdout, each under what tells it apart; the receipts on stderr.
    heads = [line for line in out.splitlines() if line.startswith("## ")]
    assert heads == ["## tiny · budget max", "## tiny · budget off", "## tiny · budget 16"]
    assert out.count("\\boxed{") == 3
    receipts = err.splitlines()
    assert ["with thinking off" in each for each in receipts] == [False, True, False]
    assert ["with thinking budget 16" in each for each in receipts] == [False, False, True]
    # They are versions of one turn; the first is the one that is gone on with.
    loaded = kept()
    (chosen,) = loaded.conversation.path()
    assert [node.turn.reply.receipt.asked_with for node in chosen.siblings] == [
        None,
        "budget=off",
        "budget=16",
    ]
    assert chosen.version == 1
    assert len({node.turn.reply.receipt.seed for node in chosen.siblings}) == 1
    assert (loaded.summary.turns, loaded.summary.model, loaded.budget) == (1, "tiny", "max")
    code, out, _ = run("ask", "-c", "-b", "off", "And 2 + 2?", "--format", "json")
    assert code == 0
    last = kept().conversation.last()
    assert last.parent.id == chosen.id


def test_no_instructions_are_compared_with_the_given_ones(kept):
    code, out, err = run(*SEEDED, "-s", "Be brief.", QUESTION, "-b", "off", "--compare", "system=")
    assert code == 0, err
    heads = [line for line in out.splitlines() if line.startswith("## ")]
    assert heads == ["## tiny · instructions “Be brief.”", "## tiny · no instructions"]
    (chosen,) = kept().conversation.path()
    receipts = [node.turn.reply.receipt for node in chosen.siblings]
    assert [each.asked_with for each in receipts] == [None, "system="]
    assert receipts[0].prompt_tokens > receipts[1].prompt_tokens


def test_json_has_both_replies_whole_and_its_lines_say_whose_they_are(endless):
    options = (QUESTION, "--compare", f"{endless},budget=4,max_answer=3", "--format", "jsonl")
    code, out, _ = run(*SEEDED, *options)
    assert code == 0
    *events, last = map(json.loads, out.splitlines())
    assert last.pop("type") == "compared"
    assert [each["model"]["ref"] for each in last["replies"]] == ["tiny", str(endless)]
    for number, reply in enumerate(last["replies"]):
        mine = [each for each in events if each["which"] == number]
        thought = "".join(each["text"] for each in mine if each["type"] == "thought_text")
        answer = "".join(each["text"] for each in mine if each["type"] == "answer_text")
        assert thought == reply["thought"][: len(thought)]
        assert answer == reply["answer"]
        assert mine[-1] == {"type": "reply", "which": number, **reply}
    assert last["replies"][1]["receipt"]["asked_with"] == "budget=4, max_answer=3"


def test_what_cannot_be_compared_is_said_before_anything_is_asked(tmp_path):
    for value, code, said in (
        ("budgt=off", 2, "did you mean budget?"),
        ("budget=maybe", 2, "is not a budget"),
        ("preset=none", 2, "there is no preset"),
        ("/no/such.gguf", 3, "no such model file"),
    ):
        got, out, err = run(*SEEDED, QUESTION, "--compare", value)
        assert (got, out) == (code, ""), value
        assert said in err
    for more in (["-n", "2"], ["--resume", "-c"]):
        question = [] if "--resume" in more else [QUESTION]
        assert run(*SEEDED, *question, "--compare", "budget=off", *more)[0] == 2


def test_one_that_fails_leaves_the_other(tmp_path, kept):
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF" + bytes(1000))
    options = (QUESTION, "-b", "off", "--compare", str(bad), "--compare", "budget=8")
    code, out, err = run(*SEEDED, *options, "--format", "json")
    assert code == 3
    replies = json.loads(out)["replies"]
    assert [each.get("exit_code", 0) for each in replies] == [0, 3, 0]
    assert replies[1]["of"] == str(bad)
    assert err.startswith(f"r1chat: {bad}: ")
    assert len(kept().conversation.last().siblings) == 2


@pytest.mark.parametrize(("number", "came"), [(0, 1), (1, 2)])
def test_an_interrupt_keeps_what_there_is_and_asks_no_other(endless, kept, number, came):
    models = ("-m", endless, "--compare", "tiny") if number == 0 else ("--compare", endless)
    asked = (*SEEDED, *models) if number else ("ask", *models)
    process = start(*asked, QUESTION, "--ctx", "65536", "--format", "jsonl")
    # A machine that is slow to open the history is not what is tried here.
    thinks = b'{"type": "thought_text", "which": %d' % number
    assert any(thinks in each and replies_kept() == came for each in process.stdout)
    process.send_signal(signal.SIGINT)
    code, out, _ = finish(process)
    assert code == 130
    replies = json.loads(out.splitlines()[-1])["replies"]
    assert len(replies) == came
    assert replies[-1]["receipt"]["ended_by"] == "cancelled"
    assert replies[-1]["thought"]
    assert len(kept().conversation.last().siblings) == came
