"""Thoughts of the history and of evaluations, as what is learnt of a model."""

from __future__ import annotations

from dataclasses import replace

from r1chat.engine.fake import INFO
from r1chat.evaluation import curves
from r1chat.evaluation.interventions import Intervention
from r1chat.evaluation.plan import Sample
from r1chat.evaluation.reading import Question, QuestionSet
from r1chat.evaluation.summary import Summary
from r1chat.events import Receipt, Reply
from r1chat.reasoning.difficulty import FEWEST
from r1chat.thought_lengths import learn
from tests.store.helpers import asked


def test_it_is_learnt_from_the_history_and_from_what_was_measured(store, tmp_path):
    path = tmp_path / "model.gguf"
    path.write_bytes(b"weights")
    info = replace(INFO, path=str(path), ref="fake")
    assert learn(info, store).expected("2 + 2") is None
    for index in range(FEWEST):
        receipt = Receipt(thought_ended_by="natural", thought_tokens=100)
        store.begin(asked(f"What is {index} + 2?")).take(Reply("hm", "2", receipt))
    store.flush()
    expected = learn(info, store).expected("What is 9 + 9?")
    assert expected is not None
    assert (expected.tokens, expected.examples) == (100, FEWEST)
    # Those of other models, of thoughts that were asked to be short, and that went round.
    for index, receipt in enumerate(
        [
            Receipt(thought_ended_by="natural", thought_tokens=9, thought_style="brief"),
            Receipt(thought_ended_by="loop", thought_tokens=9),
            Receipt(thought_ended_by=None),
        ]
    ):
        store.begin(asked(f"What is {index} + 3?")).take(Reply("hm", "2", receipt))
    store.flush()
    assert learn(info, store).expected("What is 9 + 9?") == expected
    assert learn(replace(info, ref="other"), store).expected("What is 9 + 9?") is None

    questions = [Question(f"q{index}", f"{index} + 1 = ?", "1") for index in range(FEWEST)]
    usual = [
        Sample(
            question=each.key, budget=budget, minimum=0, seed=0, sample=0, final="1", right=True,
            judge="plain", answer="1", thought_ended_by=ended_by, answer_ended_by="natural",
            thought_tokens=tokens, answer_tokens=1, injected_tokens=0, thought_s=1, answer_s=1,
            seconds=1,
        )
        for each in questions
        for budget, tokens, ended_by in (
            ("off", 0, "budget"), ("512", 400, "budget"), ("max", 50, "natural"),
            ("9s", 500, "time"),
        )
    ]  # fmt: skip
    asked_set = QuestionSet("set", tmp_path / "set.jsonl", tuple(questions))
    # No longer than usual: the first of several samples counts, and none that r1chat prolonged.
    steered = str(Intervention("wait", "end", "Wait,"))
    prolonged = ({"sample": 1}, {"steer": steered}, {"minimum": 90}, {"language": "de"})
    samples = [
        replace(each, thought_tokens=90, **changes)
        for each in usual
        for changes in prolonged
        if each.thought_tokens
    ]
    samples += usual
    other = replace(info, ref="third")
    curves.remember(other, curves.identity(other), asked_set, Summary((), None), samples)
    expected = learn(other, store).expected("3 + 1 = ?")
    assert expected is not None
    assert (expected.tokens, expected.examples) == (50, FEWEST)
