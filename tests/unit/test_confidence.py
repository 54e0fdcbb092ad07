"""How sure a model is: measured from its logits, noted of each token, summed up of a reply."""

from __future__ import annotations

import ctypes
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1chat.engine.base import Continuation
from r1chat.engine.confidence import Meter, confidence_of
from r1chat.events import Confidence, Receipt, TokenScore
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control
from r1chat.reasoning.final import final_answer
from r1chat.store import rows
from tests.unit.test_loop import Script, run

LOGITS = st.floats(-80, 80, width=32) | st.just(-math.inf)


@given(st.lists(LOGITS, min_size=2, max_size=60).filter(lambda row: max(row) > -math.inf))
def test_a_token_is_measured_by_the_whole_distribution_as_it_was_first_read(row):
    array = (ctypes.c_float * len(row))(*row)
    logits = ctypes.cast(array, ctypes.POINTER(ctypes.c_float))
    exact = np.array(row, np.float64) - max(row)
    weights = np.exp(exact)
    chances = weights / weights.sum()
    entropy = -sum(each * math.log(each) for each in chances if each > 0)
    meter = Meter(len(row))
    found = [meter.score(0, logits, token) for token in range(len(row))]
    for score, chance in zip(found, chances, strict=True):
        assert math.exp(score.logprob) == pytest.approx(chance, rel=1e-4, abs=1e-6)
        assert score.entropy == pytest.approx(entropy, rel=1e-3, abs=1e-4)
    # What is forbidden later, or stands elsewhere, changes nothing of it; another batch does.
    logits[0] = -math.inf
    assert [meter.score(0, logits, token).logprob for token in range(1, len(row))] == [
        score.logprob for score in found[1:]
    ]
    array[:] = [0.0] * len(row)
    meter.forget()
    assert meter.score(0, logits, 1).logprob == pytest.approx(-math.log(len(row)), abs=1e-5)


REPLIES = {
    "natural": ({}, "so.\n\nIt is é?</think>\n\nIt is \\boxed{42}.<eos>"),
    "letters": ({"tags": False}, "so < that </think>\n\n\\boxed{42} <b?<eos>"),
    "opened by itself": ({"opened": False}, "<think>\nhm</think>\n42<eos>"),
    "landed": ({"budget": "20"}, "x" * 18 + ". more and more</think>42<eos>"),
    "thinks on": ({"minimum": 12}, "a few.</think>words more</think>42?<eos>"),
    "prefilled": ({"prefilled": True, "opened": False, "budget": "off"}, "42<eos>"),
    "asked": ({}, "so \\boxed{4?}<eos>4?}<eos>"),
    "cut": ({"max_answer": 3}, "so</think>\n\nIt is \\boxed{42}"),
    "thinks twice": ({}, "one</think>\n<think>two</think>It is 42<eos>"),
}


@pytest.mark.parametrize("name", REPLIES)
def test_the_tokens_spell_the_reply_and_say_which_words_are_not_the_models(name):
    options, text = REPLIES[name]
    control = Control(
        Budget.parse(options.pop("budget", "max"), minimum=options.pop("minimum", 0)), measures=True
    )
    reply, events, _ = run(text, control=control, **options)
    parts = {"thought": reply.thought, "answer": reply.answer}
    for part, whole in parts.items():
        scores = [each for each in reply.scores if each.part == part]
        assert "".join(each.text for each in scores).startswith(whole)
        for score in scores:
            assert whole.startswith(score.text[: len(whole) - score.at], score.at)
            assert (score.logprob is None) == score.injected == (score.entropy is None)
    ours = [each.text for each in reply.scores if each.injected]
    assert ours == [each.text for each in (*reply.injected, *reply.answer_injected)]
    told = [event for event in events if isinstance(event, TokenScore)]
    assert set(reply.scores) <= set(told)
    sure = reply.receipt.confidence
    assert sure is not None
    assert sure.answer_least == pytest.approx(0.5 if "?" in reply.answer else 0.9)
    assert sure.answer_least - 1e-9 <= sure.answer <= 0.9 + 1e-9
    if reply.final:
        assert sure.final == pytest.approx(math.sqrt(0.45) if "?" in reply.final else 0.9)
    # It makes no difference to the reply, and costs nothing where nobody asks.
    plain, quiet, machine = run(text, control=Control(control.budget), **options)
    assert (plain.thought, plain.answer, plain.ids) == (reply.thought, reply.answer, reply.ids)
    assert (machine.measured, plain.scores, plain.receipt.confidence) == (0, (), None)
    assert not any(isinstance(event, TokenScore) for event in quiet)


def test_what_is_continued_keeps_what_was_measured_of_it():
    control = Control(measures=True)
    reply, _, _ = run("one. two.</think>\n\n4?<eos>", control=control)
    went_on, _, _ = run(
        Script("more</think>42<eos>"),
        control=control,
        resume=Continuation(reply, keep=5, words="W"),
    )
    assert went_on.thought == "one. Wmore"
    assert "".join(each.text for each in went_on.scores) == "one. Wmore42"
    assert [each.text for each in went_on.scores if each.injected] == ["W"]


@pytest.mark.parametrize(
    ("answer", "spelled"),
    [
        ("It is \\boxed{1?}.", [0.9, 0.5]),
        ("12? No.\n\nThe answer is 12.", [0.9, 0.9]),
        ("It may be so? Who knows", []),
    ],
)
def test_the_final_answer_is_measured_by_its_own_tokens(answer, spelled):
    scores = [
        TokenScore(char, "answer", at, math.log(0.5 if char == "?" else 0.9), 0.0)
        for at, char in enumerate(answer)
    ]
    found = confidence_of(scores, "", answer, final_answer(answer))
    expected = math.prod(spelled) ** (1 / len(spelled)) if spelled else None
    assert found.final == pytest.approx(expected) if spelled else found.final is None


@given(st.builds(Confidence, *[st.none() | st.floats(0, 1)] * 5))
def test_the_history_gives_back_how_sure_a_model_was(confidence):
    kept = rows.receipt_in(rows.receipt_out(Receipt(confidence=confidence)))
    assert kept.confidence == (None if confidence == Confidence() else confidence)


@pytest.mark.parametrize("value", ["1", "[]", '{"answer": 7}', '{"answer": "x", "final": true}'])
def test_what_is_no_confidence_in_a_history_is_none(value):
    assert rows.receipt_in(f'{{"confidence": {value}}}').confidence is None
