"""An instruct model is asked to think first: it thinks about the question, and then answers."""

from __future__ import annotations

import pytest

from r1chat import prompt
from r1chat.engine.base import Message
from r1chat.engine.llama import LlamaEngine, LoadOptions
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.phrases import OPEN_ANSWER, STEPS_BOXED
from tests.live.test_think_first_live import request

pytestmark = pytest.mark.real

QUESTION = f"Natalia sold 48 clips in April and half as many in May. How many?\n{STEPS_BOXED}"


@pytest.fixture(scope="module")
def qwen(real_model):
    options = LoadOptions(trusted=True, ctx=1024)
    engine = LlamaEngine(real_model("qwen2.5-coder-1.5b"), options=options)
    yield engine
    engine.close()


@pytest.mark.parametrize("budget", ["max", "128"])
def test_with_the_instruction_it_gets_the_tokens_of_a_template_that_opens_thoughts(qwen, budget):
    """So that the figures of docs/thinking.md hold for `--think on`."""
    messages = (Message("user", QUESTION),)
    brief = Budget.parse(budget).is_brief

    def both(model):
        asked = model.prompt(messages, first=True, brief=brief)
        opening = model._template + "{{- '<think>\\n' }}"
        vocabulary = model.machine.vocabulary
        return asked, prompt.build(vocabulary, messages, template=opening, brief=brief)

    asked, opened = qwen.inside(both)
    assert asked.ids == opened.ids
    assert (asked.stops, asked.ends, asked.begins) == (opened.stops, opened.ends, "")
    assert asked.style == ("brief" if brief else "free")


@pytest.mark.parametrize("question", ["hi", "Write a haiku about the sea."])
def test_its_thought_is_about_the_question_and_the_answer_follows(qwen, question):
    *_, reply = qwen.stream(*_asked(question))
    assert reply.thought.startswith("The user wants")
    answer = reply.answer.removeprefix(OPEN_ANSWER).strip()
    assert answer
    assert answer != reply.thought.strip()


def _asked(question):
    from r1chat.reasoning.control import Control

    asked = request(question, budget="256", max_answer=60)
    return asked, Control(asked.budget)
