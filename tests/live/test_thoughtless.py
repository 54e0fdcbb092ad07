"""A model that writes no thoughts says so, once, where anything about thoughts is asked of it."""

from __future__ import annotations

import json

import pytest
from textual.widgets import Static

from r1chat.engine.base import NO_THOUGHTS
from r1chat.engine.llama import LlamaEngine, LoadOptions
from r1chat.settings import Settings
from r1chat.tui.app import R1ChatApp
from tests.program import run
from tests.tui.chat import loading, ready, toasts, until
from tests.tui.shelves import StillHub

SAYS = "writes no thoughts"
ASK = ("--max-answer", "3", "--seed", "1", "--no-save")


@pytest.mark.parametrize(
    ("options", "effect"),
    [
        (("-b", "20"), "--budget changes nothing"),
        (("-b", "20", "--min-think", "9"), "--budget and --min-think change nothing"),
        (("--thoughts", "only"), "nothing for --thoughts only to show"),
        (("--thoughts", "hide"), ""),
    ],
)
def test_ask_says_once_what_has_no_effect(random_models, options, effect):
    model = random_models["chatml"]
    _, out, err = run("ask", "-m", model, *ASK, *options, "Hi", "--format", "json")
    notes = [line for line in err.splitlines() if SAYS in line]
    assert len(notes) == bool(effect)
    assert effect in "".join(notes)
    json.loads(out)


def test_a_model_that_thinks_has_nothing_to_say():
    _, _, err = run("ask", "-m", "tiny", *ASK, "-b", "20", "--thoughts", "only", "Hi")
    assert SAYS not in err


def test_a_text_that_is_completed_has_no_thoughts_either():
    _, _, err = run("ask", "-m", "tiny", "--raw", *ASK, "-b", "20", "Hi")
    assert "no thoughts: --budget changes nothing" in err


def test_eval_says_it_and_measures_once(random_models, tmp_path):
    questions = tmp_path / "q.jsonl"
    questions.write_text('{"question": "1 + 1?", "answer": "2"}\n', "utf-8")
    model = random_models["chatml"]
    _, out, err = run("eval", questions, "-m", model, "--max-answer", "3", "--format", "json")
    assert err.count(SAYS) == 1
    assert len(json.loads(out)["rows"]) == 1


@pytest.mark.parametrize(
    ("options", "budgets", "says"),
    [
        (("-b", "64,128,256"), [("off", "auto")], "--think on makes it think first"),
        (("-b", "4,8", "--think", "on"), [("4", "on"), ("8", "on")], ""),
        (("-b", "4,off", "--think", "on,off"), [("4", "on"), ("off", "auto")], ""),
    ],
)
def test_eval_measures_what_differs(random_models, tmp_path, options, budgets, says):
    questions = tmp_path / "q.jsonl"
    questions.write_text('{"question": "1 + 1?", "answer": "2"}\n', "utf-8")
    model = random_models["chatml"]
    code, out, err = run(
        "eval", questions, "-m", model, *options, "--max-answer", "3", "--format", "json"
    )
    assert code == 0
    document = json.loads(out)
    assert [(row["budget"], row["think"]) for row in document["rows"]] == budgets
    compares = len(budgets) > 1 and ("off", "auto") in budgets
    assert (document["rows"][0]["against_off"] is not None) == compares
    assert says in err
    assert err.count("writes no thoughts") == bool(says)
    kept = (tmp_path / "q.results.jsonl").read_text("utf-8").splitlines()
    assert sum('"type": "sample"' in line for line in kept) == len(budgets)


def test_eval_says_why_a_model_cannot_be_asked(random_models, tmp_path):
    questions = tmp_path / "q.jsonl"
    questions.write_text('{"question": "1 + 1?", "answer": "2"}\n', "utf-8")
    options = ("--think", "on", "--max-answer", "3", "--format", "json")
    _, out, err = run("eval", questions, "-m", random_models["base"], *options)
    assert "this model cannot be asked to think: it has no chat template" in err
    assert [row["budget"] for row in json.loads(out)["rows"]] == ["off"]


@pytest.mark.asyncio
async def test_the_app_says_it_at_the_slider(random_models):
    engine = LlamaEngine(random_models["chatml"], options=LoadOptions(trusted=True, ctx=256))
    settings = Settings(pace=0, save=False, budget="512")
    app = R1ChatApp(model="m", given=settings, load=loading(engine), inventory=StillHub())
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        await until(pilot, lambda: NO_THOUGHTS in toasts(app))
        assert chat.slider.disabled
        assert chat.slider.tooltip == f"{NO_THOUGHTS}; Alt+T makes it think first"
        hint = chat.query_one(".conversation--empty", Static).render()
        assert "writes no thoughts" in str(hint)
        assert "watch it think" not in str(hint)
