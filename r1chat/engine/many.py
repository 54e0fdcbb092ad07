"""Draws several samples to one question side by side, for a consensus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from r1chat.engine.base import Request, unbegun
from r1chat.engine.lanes import Lane, run_side_by_side
from r1chat.engine.loop import ThinkingLoop, answer_reserve
from r1chat.engine.machine import TokenMachine
from r1chat.engine.pacing import ReadingPace
from r1chat.events import Drawing, Evaluating, Event, Sampled
from r1chat.gguf.needs import MOST_LANES
from r1chat.prompt import Prompt
from r1chat.reasoning.control import Control, ControlGroup

_CLOSING = 64
"""Tokens for the words that close a thought."""


def width(cells: int, capacity: int, prompt: int, count: int, request: Request) -> int:
    """The number of samples that fit into the cache at once; the others queue.

    Args:
        cells: Tokens that the cache holds.
        capacity: Tokens of context of each.
        prompt: Tokens of the prompt, which all of them share.
        count: How many samples are wanted.
        request: The question.
    """
    return max(1, min(count, MOST_LANES, (cells - prompt) // share(capacity, prompt, request)))


def share(capacity: int, prompt: int, request: Request, *, times: int = 1) -> int:
    """Tokens that a sample may come to hold beside the prompt.

    Args:
        capacity: Tokens of context of each.
        prompt: Tokens of the prompt.
        request: The question.
        times: How many times the budget there is to be room for.
    """
    most = max(1, capacity - prompt)
    tokens = request.budget.tokens
    if tokens is None:
        return most
    tokens *= times
    return min(most, tokens + tokens // 10 + answer_reserve(most, request.max_answer) + _CLOSING)


def beginnings(
    machine: TokenMachine, prompt: Prompt, request: Request, count: int
) -> list[tuple[int, ...]]:
    """The tokens that each of several replies begins with, which are read once.

    Args:
        machine: The model's.
        prompt: What to answer.
        request: The question it was made from.
        count: How many replies there are to be.
    """
    if not request.forks:
        return [prompt.ids] * count
    known: dict[int | None, tuple[int, ...]] = {}
    for number, fork in enumerate(request.forks):
        if fork.keep not in known:
            part = request.of(number)
            loop = ThinkingLoop(
                machine, machine.vocabulary, prompt, part, Control(), _nobody, _never, began=0.0
            )
            known[fork.keep] = loop.restore()
    return [known[fork.keep] for fork in request.forks]


def _nobody(_: Event) -> None:
    pass


def _never() -> float:
    return 0.0


class ManyReplies:
    """Writes several replies to a question.

    Args:
        machine: The model's.
        prompt: What to answer.
        begin: The tokens that each reply begins with; the longest begin with all others.
        request: The question it was made from.
        group: Steers them; has as many parts as there are replies.
        emit: Takes the events as they happen.
        clock: Seconds, monotonic.
        began: When the question was asked, on that clock.
    """

    def __init__(
        self,
        machine: TokenMachine,
        prompt: Prompt,
        begin: Sequence[tuple[int, ...]],
        request: Request,
        group: ControlGroup,
        emit: Callable[[Event], None],
        clock: Callable[[], float],
        *,
        began: float,
    ) -> None:
        self._machine = machine
        self._prompt = prompt
        self._begin = begin
        self._request = request
        self._group = group
        self._emit = emit
        self._clock = clock
        self._began = began
        self._pace = ReadingPace(group.whole, clock)

    def run(self, *, seed: int, load_s: float) -> None:
        """Reads what they share once and writes the replies.

        Args:
            seed: The first sample's; the others have those that follow.
            load_s: Goes into the receipts.

        Raises:
            Cancelled: If it was stopped before the first of them began.
            EngineError: If the prompt cannot be evaluated.
        """
        ids = max(self._begin, key=len)
        self._machine.speculates = False
        reused = self._machine.reuse(ids)
        self._emit(Evaluating(reused, len(ids), reused))
        rest = ids[reused:-1]
        if rest:
            report = partial(self._report, reused, len(ids))
            self._machine.evaluate(rest, on_progress=report)
        count = len(self._group.parts)
        cells, most = self._machine.cells, self._machine.capacity
        lanes = min(width(cells, most, len(ids), count, self._request), self._machine.lanes)
        each = (cells - len(ids)) // lanes
        short = lanes < min(count, MOST_LANES)
        self._emit(Drawing(count, min(lanes, self._group.wanted), short=short))

        def begin(sequence: int) -> Lane | None:
            number = self._group.begin()
            if number is None:
                return None
            lane_seed = seed + number
            capacity = min(most, len(self._begin[number]) + each)
            lane = Lane(self._machine, sequence, capacity, self._request.sampling, lane_seed)
            lane.start(partial(self._write, lane, number, lane_seed, load_s))
            return lane

        # At a pace all lanes take their steps together, and a seed asks for the same each time.
        steady = self._request.sampling.seed is not None or self._group.whole.pace is not None
        ways = self._machine.steady_ways if steady else self._machine.ways
        with self._machine.context.few_threads():
            run_side_by_side(self._machine, lanes, begin, self._between, ways)
        for number in self._group.left_out():
            self._emit(Sampled(number, unbegun(seed=seed + number)))

    def _between(self) -> None:
        """Passes on what the user has changed, and keeps the reading pace: one for all lanes."""
        self._group.pass_on()
        self._pace.keep()
        self._group.pass_on()

    def _report(self, reused: int, total: int, done: int) -> None:
        self._emit(Evaluating(reused + done, total, reused))

    def _write(self, lane: Lane, number: int, seed: int, load_s: float) -> None:
        def emit(event: Event) -> None:
            # All of them share the prompt, which has been read.
            if not isinstance(event, Evaluating):
                self._emit(Sampled(number, event))

        loop = ThinkingLoop(
            lane,
            self._machine.vocabulary,
            self._prompt,
            self._request.of(number),
            self._group.parts[number],
            emit,
            self._clock,
            began=self._began,
        )
        reply = loop.run(seed=seed, load_s=load_s)
        self._group.ended(number, reply)
        emit(reply)
