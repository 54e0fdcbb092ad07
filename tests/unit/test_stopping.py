"""A reply that is stopped at any moment and continued is the reply that was never stopped."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest

from r1chat.engine.base import Continuation, Message, Request
from r1chat.engine.loop import ThinkingLoop
from r1chat.errors import Cancelled, EngineError
from r1chat.events import AnswerText, Event, InjectedText, Reply, ThoughtText
from r1chat.prompt import Prompt
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control
from tests.unit.test_loop import MARKERS, Letters, Script

PROMPT = (1, 2, 3)
_PIECES = (*(ord(char) for char in "ab \n.<"), 0xC3, 0xA9, 0xE2, 0x82, 0xAC)
"""Bytes of which characters may be made, and the beginning of a tag in letters."""


class Greedy(Script):
    """A machine whose next token follows from what is in its cache, and that can be interrupted."""

    def __init__(self, seed: int, *, tags: bool, length: int = 40) -> None:
        super().__init__("")
        self._seed, self._tags, self._length = seed, tags, length
        self.left = -1
        """Evaluations until one is broken off; below 0, none is."""
        self.broken_off: type[EngineError] = Cancelled

    def sample(self) -> int:
        self.on_sample()
        rng = random.Random(repr((self._seed, self.cache)))
        written = len(self.cache) - len(PROMPT)
        closed = self._is_closed()
        if closed and written > self._length:
            return MARKERS["<eos>"]
        if not closed and written > self._length // 2 and self._wants_to_close(rng):
            return MARKERS["</think>"] if self._tags else self._next_of_tag()
        return rng.choice(_PIECES)

    def _wants_to_close(self, rng: random.Random) -> bool:
        text = "".join(map(chr, self.cache))
        begun = any(text.endswith("</think>"[:size]) for size in range(2, 8))
        return (begun and not self._tags) or rng.random() < 0.3

    def _is_closed(self) -> bool:
        if self._tags:
            return MARKERS["</think>"] in self.cache
        return "</think>" in "".join(map(chr, self.cache))

    def _next_of_tag(self) -> int:
        text = "".join(map(chr, self.cache))
        tag = "</think>"
        size = max(size for size in range(len(tag)) if text.endswith(tag[:size]))
        return ord(tag[size])

    def evaluate(
        self, tokens: Sequence[int], *, on_progress: Callable[[int], None] | None = None
    ) -> None:
        if self.left == 0:
            self.left = -1
            message = "broken off"
            raise self.broken_off(message)
        self.left -= 1
        super().evaluate(tokens, on_progress=on_progress)

    def reuse(self, tokens: Sequence[int]) -> int:
        shared = 0
        for one, other in zip(self.cache, tokens[:-1], strict=False):
            if one != other:
                break
            shared += 1
        self.truncate(shared)
        return shared


def written(events: Sequence[Event]) -> str:
    """All that a reader was told, in order."""
    kinds = (ThoughtText, InjectedText, AnswerText)
    return "".join(event.text for event in events if isinstance(event, kinds))


def run(
    machine: Greedy, control: Control, budget: Budget, resume: Continuation | None, *, tags: bool
) -> tuple[Reply, list[Event]]:
    request = Request((Message("user", "?"),), budget=budget, resume=resume)
    prompt = Prompt(ids=PROMPT, opened=True, thinks=True, framing="r1")
    events: list[Event] = []
    loop = ThinkingLoop(
        machine,
        Letters(tags=tags),
        prompt,
        request,
        control,
        events.append,
        lambda: 0.0,
        began=0.0,
    )
    return loop.run(seed=1, load_s=0.0), events


BUDGETS = {"free": Budget(), "landed": Budget(tokens=10), "waiting": Budget(minimum=24)}


@pytest.mark.parametrize("where", ["before a token", "in an evaluation", "by a failure"])
@pytest.mark.parametrize("tags", [True, False])
@pytest.mark.parametrize("budget", BUDGETS.values(), ids=BUDGETS)
def test_a_stop_at_any_moment_loses_and_doubles_nothing(
    budget: Budget, tags: bool, where: str
) -> None:
    for seed in (0, 1, 11):
        whole_machine = Greedy(seed, tags=tags)
        whole, told = run(whole_machine, Control(budget), budget, None, tags=tags)
        assert whole.receipt.answer_ended_by == "natural"
        for at in range(70):
            machine = Greedy(seed, tags=tags)
            control = Control(budget)
            if where == "before a token":
                left = iter(range(at))
                machine.on_sample = lambda left=left, control=control: (
                    control.cancel() if next(left, None) is None else None
                )
            else:
                machine.left = at
                machine.broken_off = Cancelled if where == "in an evaluation" else EngineError
            first, before = run(machine, control, budget, None, tags=tags)
            if first.receipt.answer_ended_by == "natural":
                break
            assert written(before) == first.thought + first.answer
            machine.on_sample = lambda: None
            second, after = run(machine, Control(budget), budget, Continuation(first), tags=tags)
            assert (second.thought, second.answer) == (whole.thought, whole.answer), at
            assert written([*before, *after]) == written(told), at
            assert second.ids == whole.ids
            # Words that asked in vain for an answer may stand behind it.
            kept = PROMPT + second.ids
            assert tuple(machine.cache[: len(kept)]) == kept
            assert second.injected == whole.injected
