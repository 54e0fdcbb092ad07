"""Real models answer, and the real vocabulary of an R1 distill is handled as its own."""

from __future__ import annotations

import json

import pytest

from tests.program import run

pytestmark = pytest.mark.real


def test_the_model_with_r1s_vocabulary_thinks_within_its_budget_and_then_answers(real_model):
    model = real_model("r1-vocabulary")
    code, out, _ = run(
        "ask", "-m", model, "-b", "20", "--max-answer", "10", "--format", "json", "hi"
    )
    assert code == 0
    receipt = json.loads(out)["receipt"]
    assert receipt["thought_ended_by"] == "budget"
    assert 0 < receipt["thought_tokens"] <= 22
    assert receipt["answer_tokens"] == 10


@pytest.mark.parametrize("name", ["smollm2-135m", "qwen2.5-coder-0.5b"])
def test_an_instruct_model_answers_and_nothing_but_the_answer_is_on_stdout(real_model, name):
    code, out, _ = run(
        "ask", "-m", real_model(name), "--seed", "1", "--max-answer", "40", "Say hello."
    )
    assert code == 0
    assert out.strip()
    assert "<|im_" not in out
