"""`ask --preset`, and a model's own advice, on real engines."""

from __future__ import annotations

import json

from r1chat.settings import Settings, save
from tests.program import run

QUESTION = "What is 44 + 41 + 25?"


def asked(*options):
    code, out, err = run("ask", "-m", "tiny", "--format", "json", *options, QUESTION)
    assert code == 0, err
    return json.loads(out), err


def test_a_preset_lies_between_the_options_and_the_settings():
    save(Settings(presets={"mine": {"budget": "64", "temperature": 0, "system": "Be brief."}}))
    plain, _ = asked("--no-save", "--seed", "1")
    preset, _ = asked("--no-save", "--preset", "mine")
    over, _ = asked("--no-save", "--preset", "mine", "-b", "16")
    assert [each["receipt"]["budget"] for each in (plain, preset, over)] == ["max", "64", "16"]
    # Its instructions are a part of the prompt.
    longer = preset["receipt"]["prompt_tokens"] - plain["receipt"]["prompt_tokens"]
    assert longer > 5
    again, _ = asked("--no-save", "--preset", "mine")
    assert again["thought"] == preset["thought"]  # At a temperature of 0.


def test_a_conversation_keeps_its_instructions_and_takes_the_rest():
    asked("--preset", "mathematics", "-b", "off")
    reply, err = asked("-c", "--preset", "short")
    assert reply["receipt"]["budget"] == "512"
    assert err.count("the conversation keeps its own instructions") == 1
    other, err = asked("-c", "-b", "off")
    assert "instructions" not in err
    assert other["conversation"] == reply["conversation"]


def test_a_preset_that_is_none_is_one_line():
    code, out, err = run("ask", "--preset", "none", "Hi")
    assert (code, out) == (2, "")
    assert "there is no preset" in err
