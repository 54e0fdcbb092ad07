"""`r1chat eval`: how its samples are drawn, with an engine that plays a script."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from r1chat.checking import Checker
from r1chat.engine.base import Sampling
from r1chat.engine.fake import INFO, FakeEngine
from r1chat.errors import PromptError, UsageError
from r1chat.evaluation import picture
from r1chat.evaluation.plan import Conditions, Plan, Setting
from r1chat.evaluation.reading import Question
from r1chat.evaluation.results import Results, read_results
from r1chat.evaluation.running import Runner, Stop, judged, why_wrong

QUESTIONS = tuple(Question(str(n), f"What is {n} + 1?", str(n + 1)) for n in range(3))
PLAN = Plan(QUESTIONS, (Setting("off"), Setting("max")), samples=2)
CONDITIONS = Conditions("fake", Sampling(), words="Think.")
SCRIPT = ("I ", "think.", "</think>", "It is ", r"\boxed{2}", ".")


class Clock:
    """A second passes whenever somebody looks."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


class Drawn:
    """A runner with all that it needs, and what it reported."""

    def __init__(self, path: Path, *, stop_after: int | None = None) -> None:
        self.engine = FakeEngine(SCRIPT)
        self.checker = Checker()
        self.stop = Stop(self.checker)
        self.states = []
        self.results = Results(path, CONDITIONS, INFO)
        self._stop_after = stop_after
        self.runner = Runner(
            self.engine,
            CONDITIONS,
            self.results,
            self.checker,
            self.stop,
            self._report,
            clock=Clock(),
        )

    def _report(self, state) -> None:
        self.states.append(state)
        if self._stop_after is not None and len(self.states) > self._stop_after:
            self.stop.cancel()

    def run(self) -> bool:
        with self.results:
            return self.runner.run(PLAN)


def test_everything_is_asked_and_judged(tmp_path):
    drawn = Drawn(tmp_path / "results.jsonl")
    assert drawn.run()
    samples = drawn.results.samples.values()
    assert len(samples) == PLAN.total == 12
    assert {s.final for s in samples} == {"2"}
    assert {s.question for s in samples if s.right} == {QUESTIONS[1].key}
    asked = drawn.engine.requests[0]
    assert asked.messages[-1].text == "What is 0 + 1?\nThink."
    assert asked.budget.off


def test_the_time_left_falls_to_nothing(tmp_path):
    drawn = Drawn(tmp_path / "results.jsonl")
    drawn.run()
    first, *rest = drawn.states
    assert (first.done, first.total, first.seconds_left) == (0, 12, None)
    assert first.reading == "0"
    left = [state.seconds_left for state in rest]
    assert left == sorted(left, reverse=True)
    assert left[-1] == 0
    done = [state.done for state in drawn.states]
    assert done == sorted(done)
    assert set(done) == set(range(13))


def test_a_run_that_is_stopped_goes_on_with_what_is_missing(tmp_path):
    path = tmp_path / "results.jsonl"
    first = Drawn(path, stop_after=6)
    assert not first.run()
    had = dict(first.results.samples)
    assert len(had) == 4
    second = Drawn(path)
    assert second.states == []
    assert second.run()
    assert second.states[0].done == 4
    assert len(second.engine.requests) < len(QUESTIONS) * 2 * 2
    assert {key: second.results.samples[key] for key in had} == had
    assert len(second.results.samples) == 12


def test_the_reading_of_the_prompt_is_billed_to_no_budget(tmp_path):
    drawn = Drawn(tmp_path / "results.jsonl")
    clock = drawn.runner._clock

    class Slow(FakeEngine):
        def _read(self, request):
            clock.now += 1000
            yield from super()._read(request)

    drawn.runner._engine = Slow(SCRIPT)
    drawn.run()
    assert all(sample.seconds < 100 for sample in drawn.results.samples.values())


def test_a_question_that_cannot_be_asked_is_out_of_the_count(tmp_path):
    drawn = Drawn(tmp_path / "results.jsonl")

    class Short(FakeEngine):
        def stream_many(self, request, group):
            if "0 + 1" in request.messages[-1].text:
                message = "too long"
                raise PromptError(message)
            return super().stream_many(request, group)

    drawn.runner._engine = Short(SCRIPT)
    with drawn.results:
        drawn.runner.run(Plan(QUESTIONS[:2], (Setting("max"),), samples=2))
    assert drawn.runner.unasked == {QUESTIONS[0].key}
    assert (drawn.states[-1].done, drawn.states[-1].total) == (2, 2)
    assert len(drawn.results.samples) == 2


def test_a_wrong_reply_is_kept_with_its_thought_and_the_reason(tmp_path):
    drawn = Drawn(tmp_path / "results.jsonl")
    drawn.run()
    kept = read_results(tmp_path / "results.jsonl")
    assert {question.key: question for question in QUESTIONS} == kept.questions
    (run,) = kept.runs.values()
    for sample in run.samples.values():
        assert sample.right == (sample.why == "")
        if sample.budget == "max":
            assert sample.thought == "I think."
    assert why_wrong(None, "length", "plain") == "no final answer (length limit)"


def test_samples_that_look_ahead_are_drawn_one_by_one(tmp_path):
    drawn = Drawn(tmp_path / "results.jsonl")
    plan = Plan(QUESTIONS, (Setting("auto"), Setting("max")), samples=2)
    with drawn.results:
        assert drawn.runner.run(plan)
    assert len(drawn.results.samples) == plan.total
    alone = [each for each in drawn.engine.requests if each.budget.agree]
    assert len(alone) == 6
    batches = [batch for batch in plan.left(()) if batch.setting.budget == "auto"]
    assert [each.sampling.seed for each in alone] == [
        batch.drawn_with + number for batch in batches for number in (0, 1)
    ]
    assert drawn.runner.notices == []


def test_what_another_comparison_has_judged_is_judged_anew(tmp_path, monkeypatch):
    drawn = Drawn(tmp_path / "results.jsonl")
    drawn.run()
    assert judged(drawn.results, PLAN, drawn.checker) == {}
    monkeypatch.setattr(Checker, "name", "another 1.0")
    again = judged(drawn.results, PLAN, drawn.checker)
    assert again == {(q.key, "2"): q.answer == "2" for q in QUESTIONS}


def test_a_picture_without_matplotlib_is_refused_before_the_work(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        picture, "find_spec", lambda name: None if name == "matplotlib" else find(name)
    )
    with pytest.raises(UsageError, match=r"r1chat\[plots\]"):
        picture.check()
