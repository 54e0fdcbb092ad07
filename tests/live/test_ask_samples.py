"""`r1chat ask -n K`: several samples, of which the majority counts, in real processes."""

from __future__ import annotations

import json
import re

import pytest

from tests.program import run

SUM = "What is 44 + 41 + 25?"


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("R1CHAT_HOME", str(tmp_path / "home"))


def test_the_answer_of_the_majority_is_on_stdout_and_the_votes_on_stderr():
    code, out, err = run("ask", "-n", "4", "--seed", "1", "--thoughts", "show", SUM)
    assert code == 0
    assert out == "44 + 41 + 25 = \\boxed{110}\n"
    # The fourth is stopped where the others have agreed before it ended.
    assert re.search(r"[34] of 4 agree on", err)
    assert "110 (" in err


def test_samples_do_not_look_ahead_and_that_is_said():
    code, out, err = run("ask", "-n", "2", "--seed", "1", "-b", "auto", "What is 3 + 4?")
    assert code == 0
    assert "\\boxed{7}" in out
    assert '"auto" is "max"' in err


def test_json_has_all_samples_and_the_votes():
    code, out, _ = run("ask", "-n", "4", "--seed", "1", "--format", "json", SUM)
    found = json.loads(out)
    assert code == 0
    assert found["final"] == "110"
    ends = sorted(sample["receipt"]["ended_by"] for sample in found["samples"])
    # The fourth is stopped where the others have agreed before it ended.
    ended = ends.count("natural")
    assert ends in (["cancelled", *["natural"] * 3], ["natural"] * 4)
    assert found["votes"] == {"110": ended}
    assert len(found["samples"]) == 4
    assert found["receipt"]["samples"] == 4
    assert found["receipt"]["vote"] == "110"
    assert found["receipt"]["agreement"] == ended / 4, "the least that it can be"
    assert [sample["receipt"]["seed"] for sample in found["samples"]] == [1, 2, 3, 4]


def test_json_lines_tell_which_sample_an_event_is_of():
    _, out, _ = run("ask", "-n", "3", "--seed", "1", "--format", "jsonl", SUM)
    lines = [json.loads(text) for text in out.splitlines()]
    sampled = [each for each in lines if each["type"] == "sampled"]
    assert {each["sample"] for each in sampled} == {0, 1, 2}
    assert {each["event"]["type"] for each in sampled} >= {"thought_text", "answer_text", "reply"}
    assert [each["done"] for each in lines if each["type"] == "tallied"] == [1, 2, 3]
    assert lines[-1]["type"] == "reply"
    assert lines[-1]["final"] == "110"


def test_the_samples_that_ended_are_kept_as_versions_and_the_winner_is_gone_on_with():
    _, said, _ = run("ask", "-n", "4", "--seed", "1", "--format", "json", SUM)
    ended = [
        each for each in json.loads(said)["samples"] if each["receipt"]["ended_by"] != "cancelled"
    ]
    code, out, _ = run("history", "export", "--all", "--format", "json")
    assert code == 0
    (kept,) = json.loads(out)["conversations"]
    assert [turn["receipt"]["seed"] for turn in kept["turns"]] == [
        each["receipt"]["seed"] for each in ended
    ]
    chosen = [turn["chosen"] for turn in kept["turns"]]
    finals = [turn["final"] for turn in kept["turns"]]
    assert finals == [each["final"] for each in ended]
    assert chosen == [number == finals.index("110") for number in range(len(finals))]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--raw"], "--raw completes a text"),
        (["--temperature", "0"], "all samples are the same"),
    ],
)
def test_what_makes_no_sense_with_samples_is_refused(options, words):
    code, out, err = run("ask", "-n", "3", *options, "?")
    assert (code, out) == (2, "")
    assert words in err


def test_a_temperature_of_0_is_refused_wherever_it_is_set_before_a_model_is_looked_for():
    assert run("settings", "set", "temperature", "0")[0] == 0
    code, out, err = run("ask", "-n", "4", "-m", "nowhere.gguf", SUM)
    assert (code, out) == (2, "")
    assert "all samples are the same" in err
    assert run("ask", "-n", "4", "--temperature", "0.6", "--seed", "1", SUM)[0] == 0


def test_a_tree_draws_what_its_samples_share_once_and_a_seed_gives_it_again():
    asked = ("ask", "--tree", "-n", "4", "--no-reuse", "--no-save", "--format", "json", "--seed")
    once, again = (run(*asked, "1", "What is 517 - 268 + 89?") for _ in range(2))
    assert once[0] == 0
    found, repeated = json.loads(once[1]), json.loads(again[1])
    assert len(found["samples"]) == 4
    trunk, *others = found["samples"]
    for fork in found["receipt"]["forks"]:
        assert fork["entropy"] > 0
        assert set(fork["samples"]) <= {1, 2, 3}
        assert fork["drawn_tokens"] > 0 < fork["shared_tokens"]
    for sample in others:
        at = sample["receipt"]["fork"]["at"]
        assert 0 < at < len(trunk["thought"])
        assert sample["thought"][:at] == trunk["thought"][:at]
    assert [each["receipt"]["seed"] for each in found["samples"]] == [1, 2, 3, 4]
    # Which of them are stopped once the result is certain depends on how fast each is.
    for one, other in zip(found["samples"], repeated["samples"], strict=True):
        shorter = min(len(one["thought"]), len(other["thought"]))
        assert one["thought"][:shorter] == other["thought"][:shorter]
    assert "it goes with -n" in run("ask", "--samples-stop", "never", "What is 3 + 4?")[2]
    code, _, err = run("ask", "--tree", "-n", "1", "What is 3 + 4?")
    assert (code, "-n of 2" in err) == (2, True)
