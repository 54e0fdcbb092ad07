"""What an R1 distill writes by itself is left as it is: token streams in its own vocabulary."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from r1chat import prompt as prompts
from r1chat.engine.base import Message, Request
from r1chat.engine.llama import LlamaEngine, LoadOptions
from r1chat.engine.loop import ThinkingLoop
from r1chat.engine.parts import Vocabulary
from r1chat.events import Event, Reply
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control
from r1chat.reasoning.phrases import ANSWER, BOX, LANDING
from tests.unit.test_loop import Script

pytestmark = pytest.mark.real

THOUGHTS = [
    "Okay, so I need to add 18 and 24.\n\n18 + 24 = 42.\n\nWait, let me check: 42 - 24 = 18.\n",
    "嗯,我需要把 18 和 24 加起来。\n结果是 42。\n",
    "Alors, \\( \\frac{1}{2} + \\frac{1}{3} = \\frac{5}{6} \\) — c'est \\boxed{\\frac{5}{6}}.\n",
    "```python\nprint('</' + 'think>')  # <|im_start|> is only a text here\n```\n🙂\n",
    "\n",
]
ANSWERS = [
    "\n\nThe sum is **42**.",
    "\n\n**Solution:**\n\n\\[\n18 + 24 = \\boxed{42}\n\\]",
    "\n\n答案是 \\boxed{42}。",
]


@pytest.fixture(scope="module")
def vocabulary(real_model) -> Iterator[Vocabulary]:
    engine = LlamaEngine(real_model("r1-vocabulary"), options=LoadOptions(ctx=256))
    yield engine.inside(lambda model: model.machine.vocabulary)
    engine.close()


def written(
    vocabulary: Vocabulary, text: str, question: str, budget: str = "max"
) -> tuple[Reply, list[int], list[int]]:
    """The reply to a question, the tokens that the model was said to write, and those kept."""
    machine = Script(vocabulary.tokenize(text, special=True))
    wanted = list(machine.wanted)
    # What `Script` says at its end is a token of another vocabulary.
    machine.wanted += [vocabulary.eos] * 99
    messages = (Message("user", question),)
    control = Control(Budget.parse(budget))
    prompt = prompts.build(vocabulary, messages, template=None)
    events: list[Event] = []
    loop = ThinkingLoop(
        machine,
        vocabulary,
        prompt,
        Request(messages, budget=control.budget),
        control,
        events.append,
        lambda: 0.0,
        began=0.0,
    )
    reply = loop.run(seed=1, load_s=0.0)
    return reply, wanted, machine.cache[len(prompt.ids) :]


@pytest.mark.parametrize("thought", THOUGHTS)
@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("question", ["18 + 24?", r"18 + 24? Put the answer within \boxed{}."])
def test_a_reply_that_is_whole_is_kept_token_by_token(vocabulary, thought, answer, question):
    reply, wanted, kept = written(vocabulary, f"{thought}</think>{answer}", question)
    assert kept == wanted
    assert reply.thought == thought.lstrip("\n")
    assert reply.answer == answer.strip("\n")
    assert reply.receipt.injected_tokens == 0
    assert reply.receipt.answer_asked is None


@pytest.mark.parametrize("answer", ["\n\nI am not sure.", "\n\nLet me add: 18 and 24 make it."])
def test_a_whole_answer_without_a_result_gets_the_box_it_was_asked_for(vocabulary, answer):
    reply, wanted, kept = written(
        vocabulary, f"{THOUGHTS[0]}</think>{answer}", "18 + 24? \\boxed{}"
    )
    assert kept[: len(wanted)] == wanted
    assert reply.answer.startswith(answer.strip())
    assert reply.receipt.answer_asked == "final"
    kept_as_it_is, _, _ = written(vocabulary, f"{THOUGHTS[0]}</think>{answer}", "18 + 24?")
    assert kept_as_it_is.receipt.answer_asked is None


@pytest.mark.parametrize("thought", THOUGHTS[:4])
@pytest.mark.parametrize("budget", ["8", "16"])
def test_behind_a_budgets_end_the_answer_is_the_models_own(vocabulary, thought, budget):
    tokens = vocabulary.tokenize(thought, special=True)
    spent = " and so on" * 40
    reply, _, kept = written(vocabulary, thought + spent, "18 + 24?", budget)
    assert len(tokens) > 0
    assert reply.receipt.thought_ended_by == "budget"
    assert reply.receipt.thought_tokens <= int(budget)
    assert LANDING in reply.thought
    closing = vocabulary.tokenize("</think>", special=True)
    assert kept.count(closing[0]) == 1
    # A model that was made to think works its answer out: no words begin it.
    assert not reply.answer.startswith(ANSWER)


@pytest.mark.parametrize(
    ("text", "question", "asked", "begins"),
    [
        ("I think it is 42.<｜end▁of▁sentence｜>It is 42.", "18 + 24?", "words", ANSWER),
        ("It is \\boxed{42}.<｜end▁of▁sentence｜>42}", "18 + 24?", "words", ANSWER + BOX),
        ("It is 42.\n</think><｜end▁of▁sentence｜>So 42.", "18 + 24?", "again", "So 42."),
        ("It is 42.\n</think>\n\n<｜end▁of▁sentence｜>42", "18 + 24?", "again", "42"),
        ("It is 42.\n</think><｜User｜>42", "18 + 24?", "again", "42"),
    ],
)
def test_a_reply_that_ends_without_an_answer_is_asked_for_one(
    vocabulary, text, question, asked, begins
):
    reply, _, _ = written(vocabulary, text, question)
    assert reply.receipt.answer_asked == asked
    assert reply.answer.startswith(begins)
