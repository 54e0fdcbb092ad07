"""Asks what is still to be asked, and keeps every sample as it ends."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import groupby

from r1chat.checking import Checker
from r1chat.engine.base import Engine, Message, Request
from r1chat.errors import Cancelled, EngineError, PromptError
from r1chat.evaluation.interventions import Intervention
from r1chat.evaluation.placing import Steer, steer
from r1chat.evaluation.plan import Batch, Conditions, Key, Plan, Sample, Setting, base_of
from r1chat.evaluation.reading import Question
from r1chat.evaluation.results import Results
from r1chat.events import Confidence, EndedBy, Evaluating, Event, Notice, Reply, Sampled
from r1chat.reasoning.control import Control, ControlGroup
from r1chat.wording import ENDINGS


class Stop:
    """Stops a run from a signal's handler: the replies under way, and those to come.

    Args:
        checker: Is not waited for any more.
    """

    def __init__(self, checker: Checker) -> None:
        self.wanted = False
        self.control: Control | None = None
        """Of the replies under way."""
        self._checker = checker

    def cancel(self) -> None:
        """Asks it to stop."""
        self.wanted = True
        if self.control is not None:
            self.control.cancel()
        self._checker.close()


@dataclass(frozen=True, slots=True)
class State:
    """How far a run is."""

    done: int
    """Samples, those of earlier runs among them."""
    total: int
    """Samples in all, less those of questions that cannot be put to this model."""
    seconds_left: float | None
    """About; None where nothing has been measured yet."""
    reading: str = ""
    """The question whose prompt is being read, if one is."""


class Runner:
    """Draws the samples that are missing.

    Args:
        engine: Answers.
        conditions: How it is asked.
        results: Where the samples are kept.
        checker: Compares answers with the references.
        stop: Ends it early.
        report: Is told how far it is.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        engine: Engine,
        conditions: Conditions,
        results: Results,
        checker: Checker,
        stop: Stop,
        report: Callable[[State], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._conditions = conditions
        self._results = results
        self._checker = checker
        self._stop = stop
        self._report = report
        self._clock = clock
        self._paces: dict[Setting, tuple[int, float]] = {}
        self._left: Counter[Setting] = Counter()
        self._total = 0
        self._bases: frozenset[Setting] = frozenset()
        """Settings from whose replies others are steered."""
        self._drawn: set[str] = set()
        """Keys of questions that have been put in this run."""
        self.notices: list[str] = []
        """What the engine had to say, each thing once."""
        self.unasked: set[str] = set()
        """Keys of questions that cannot be put to this model, e.g. because they are too long."""

    def run(self, plan: Plan) -> bool:
        """Asks until nothing is left.

        Returns:
            Whether it came to its end, and was not stopped.

        Raises:
            EngineError: If a reply failed.
            R1ChatError: If a sample cannot be kept.
        """
        self._bases = plan.bases
        whole = self._results.replies
        # A sample of a run without steering does not say all that is needed to go on from it.
        done = {key for key in self._results.samples if key[1] not in self._bases or key in whole}
        batches = list(plan.left(done))
        self._total = plan.total
        for batch in batches:
            self._left[batch.setting] += batch.count
        for batch in self._in_order(batches):
            if self._stop.wanted:
                break
            self._report(self._state(batch.question))
            drawn = self._left[batch.setting] - batch.count
            try:
                self._draw(batch)
            except PromptError as error:
                self.unasked.add(batch.question.key)
                self._note(f"a question cannot be asked: {error}")
            missing = self._left[batch.setting] - drawn
            if missing and not self._stop.wanted:
                # The question cannot be asked, or its thought has no such place.
                self._left[batch.setting] -= missing
                self._total -= missing
        self._report(self.state)
        return not self._stop.wanted

    def _in_order(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Those that share a beginning one after another, the one with the last place first.

        So what they share is never read anew: that would cost time, and, by the last bit of a
        figure, lead a model another way.
        """
        for _, of_base in groupby(batches, lambda each: base_of(each.keys[0])[:2]):
            steered: list[Batch] = []
            for batch in of_base:
                if batch.setting.steer:
                    steered.append(batch)
                else:
                    yield batch
            # By now what they are steered from has been drawn.
            yield from sorted(steered, key=self._place, reverse=True)

    def _place(self, batch: Batch) -> tuple[int, int]:
        found = self._steered(batch.keys[0], batch.question)
        return -batch.seed, found.keep if found else 0

    @property
    def state(self) -> State:
        """How far it is."""
        return self._state()

    def _draw(self, batch: Batch) -> None:
        control = Control(batch.setting.parsed, measures=True)
        self._stop.control = control
        if self._stop.wanted:
            control.cancel()
        since = self._clock()
        try:
            with closing(self._replies(batch, control)) as events:
                for event in events:
                    if isinstance(event, Notice):
                        self._note(event.text)
                    elif isinstance(event, Evaluating):
                        # The prompt is read once for all budgets of a question: its time would
                        # be billed to the first of them.
                        since = self._clock()
                    elif isinstance(event, Sampled) and isinstance(event.event, Reply):
                        now = self._clock()
                        self._keep(batch, event.sample, event.event, now - since)
                        since = now
        except Cancelled:
            # Asked to stop before the replies began.
            return
        finally:
            self._stop.control = None

    def _replies(self, batch: Batch, control: Control) -> Generator[Event, None, None]:
        """Draws the samples: side by side where they neither look ahead nor are steered."""
        request, setting = self._request(batch), batch.setting
        if request.budget.agree is None and not setting.steer and setting not in self._bases:
            yield from self._engine.stream_many(request, ControlGroup(control, batch.count))
            return
        for number in range(batch.count):
            sampling = replace(request.sampling, seed=batch.drawn_with + number)
            asked = replace(request, sampling=sampling)
            if setting.steer:
                key = batch.keys[number]
                steered = self._steered(key, batch.question)
                if steered is None or self._stop.wanted:
                    continue
                resume = steered.of(self._results.replies[base_of(key)])
                if Intervention.parse(setting.steer).kind == "wait":
                    # Else a thought that its budget has ended would go on by no word.
                    control.budget = resume.allowance(setting.parsed)
                asked = replace(asked, resume=resume)
            for event in self._engine.stream(asked, control):
                yield event if isinstance(event, Notice) else Sampled(number, event)

    def _steered(self, key: Key, question: Question) -> Steer | None:
        """How a reply is steered; None where its thought has no such place, or is not known."""
        base = self._results.replies.get(base_of(key))
        if base is None:
            return None
        return steer(Intervention.parse(key[1].steer), base, question.answer)

    def _request(self, batch: Batch) -> Request:
        words = self._conditions.words
        text = f"{batch.question.text}\n{words}" if words else batch.question.text
        return Request(
            messages=(Message("user", text),),
            budget=batch.setting.parsed,
            think=batch.setting.think,
            language=batch.setting.language,
            sampling=replace(self._conditions.sampling, seed=batch.drawn_with),
            max_answer=self._conditions.max_answer,
            timeout=self._conditions.timeout,
        )

    def _keep(self, batch: Batch, number: int, reply: Reply, seconds: float) -> None:
        receipt = reply.receipt
        if receipt.ended_by == "error":
            raise EngineError(reply.error or "the engine failed")
        if receipt.ended_by == "cancelled" or self._stop.wanted:
            return
        final = reply.final
        right = final is not None and self._checker.same(batch.question.answer, final)
        if self._stop.wanted:
            # The checker was ended with all the rest: it may not have come to its verdict.
            return
        setting, key = batch.setting, batch.keys[number]
        sure = receipt.confidence or Confidence()
        steered = self._steered(key, batch.question) if setting.steer else None
        sample = Sample(
            question=batch.question.key,
            budget=setting.budget,
            minimum=setting.minimum,
            think=setting.think,
            language=setting.language,
            seed=batch.seed,
            sample=batch.first + number,
            final=final,
            right=right,
            judge=self._checker.name,
            answer=reply.answer,
            thought_ended_by=receipt.thought_ended_by,
            answer_ended_by=receipt.answer_ended_by,
            thought_tokens=receipt.thought_tokens,
            answer_tokens=receipt.answer_tokens,
            injected_tokens=receipt.injected_tokens,
            thought_s=round(receipt.thought_s, 4),
            answer_s=round(receipt.answer_s, 4),
            seconds=round(seconds, 4),
            thought=reply.thought,
            why="" if right else why_wrong(final, receipt.answer_ended_by, self._checker.name),
            confidence=_rounded(sure.answer),
            final_confidence=_rounded(sure.final),
            thought_confidence=_rounded(sure.thought),
            steer=setting.steer,
            goes_on=steered.goes_on if steered else None,
            planted=steered.value if steered else "",
            replaced=steered.true if steered else "",
        )
        self._results.add(sample, batch.question, reply if setting in self._bases else None)
        self._left[setting] -= 1
        drawn, took = self._paces.get(setting, (0, 0.0))
        self._paces[setting] = (drawn + 1, took + seconds)
        self._report(self.state)

    def _note(self, text: str) -> None:
        if text not in self.notices:
            self.notices.append(text)

    def _state(self, question: Question | None = None) -> State:
        left = sum(self._left.values())
        reading = ""
        if question is not None and question.key not in self._drawn:
            self._drawn.add(question.key)
            reading = question.id
        return State(self._total - left, self._total, self._seconds_left(), reading)

    def _seconds_left(self) -> float | None:
        """By the pace of each setting; of one that was not measured yet, by that of all."""
        drawn = sum(number for number, _ in self._paces.values())
        if not drawn:
            return None
        usual = sum(took for _, took in self._paces.values()) / drawn
        return sum(
            count * (took / number if number else usual)
            for setting, count in self._left.items()
            for number, took in [self._paces.get(setting, (0, 0.0))]
        )


def _rounded(confidence: float | None) -> float | None:
    return None if confidence is None else round(confidence, 6)


def why_wrong(final: str | None, answer_ended_by: EndedBy, judge: str) -> str:
    """Why a reply counts as wrong, in a few words.

    Args:
        final: Its final answer.
        answer_ended_by: Why its answer ended.
        judge: What compared it with the reference.
    """
    cut = "" if answer_ended_by == "natural" else f" ({ENDINGS[answer_ended_by].label})"
    if final is None:
        return f"no final answer{cut}"
    return f"differs from the reference ({judge}){cut}"


def judged(results: Results, plan: Plan, checker: Checker) -> dict[tuple[str, str], bool]:
    """Judges again what another checker has judged, e.g. before math-verify was installed.

    Returns:
        What is right, by the question's key and the final answer.
    """
    answers = {question.key: question.answer for question in plan.questions}
    return {
        (sample.question, sample.final): checker.same(answers[sample.question], sample.final)
        for sample in results.samples.values()
        if sample.question in answers and sample.final is not None and sample.judge != checker.name
    }
