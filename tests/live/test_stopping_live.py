"""A reply of a real model that is stopped in any evaluation and continued."""

from __future__ import annotations

import time

import pytest

from r1chat.engine.base import Continuation, Message, Request, Sampling
from r1chat.engine.llama import LlamaEngine
from r1chat.events import AnswerText, Event, InjectedText, Reply, ThoughtText
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control

QUESTION = (Message("user", "What is 44 + 41 + 25?"),)


class Told:
    """Takes the events on the engine's own thread, and stops the reply at one of them.

    What is told of a token comes before its evaluation, so that this evaluation is broken off.
    """

    def __init__(self, control: Control, at: int) -> None:
        self.events: list[Event] = []
        self._control, self._at = control, at

    def put(self, event: Event) -> None:
        self.events.append(event)
        if len(self.events) == self._at:
            self._control.cancel()

    @property
    def text(self) -> str:
        kinds = (ThoughtText, InjectedText, AnswerText)
        return "".join(event.text for event in self.events if isinstance(event, kinds))

    @property
    def reply(self) -> Reply:
        assert isinstance(self.events[-1], Reply)
        return self.events[-1]


def answered(engine: LlamaEngine, request: Request, at: int = -1) -> Told:
    control = Control(request.budget)
    told = Told(control, at)
    engine.inside(lambda _: engine._serve(request, control, told, time.perf_counter()))
    return told


@pytest.mark.parametrize(
    ("budget", "step"),
    [(Budget(tokens=12), 2), (Budget(minimum=70), 17)],
    ids=["cut", "waiting"],
)
def test_a_reply_that_is_stopped_in_any_evaluation_goes_on_as_if_it_was_not(
    tiny: LlamaEngine, budget: Budget, step: int
) -> None:
    request = Request(QUESTION, budget=budget, sampling=Sampling(temperature=0))
    whole = answered(tiny, request)
    for at in range(1, len(whole.events), step):
        first = answered(tiny, request, at)
        assert first.reply.receipt.ended_by == "cancelled"
        resumed = Request(
            QUESTION,
            budget=budget,
            sampling=request.sampling,
            resume=Continuation(first.reply),
        )
        second = answered(tiny, resumed)
        assert first.text + second.text == whole.text, at
        assert second.reply.thought + second.reply.answer == whole.text
        assert second.reply.ids == whole.reply.ids
        ledger = tiny.inside(lambda model: tuple(model.machine._main))
        assert ledger[-len(second.reply.ids) :] == second.reply.ids
