"""Batches the tokens of several replies that are drawn side by side.

Eight tokens in one batch cost about twice what one costs, so that eight replies take a fraction
of the time that they take one after another. Each reply is written by a thinking loop of its own,
which knows nothing of the others: where it evaluates a token it is put to sleep, and when all
sleep, what they want is evaluated as one batch. They are threads, but never two of them run at a
time, so that nothing needs a lock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from r1chat.engine.base import Sampling
from r1chat.engine.confidence import Score
from r1chat.engine.machine import LANES, TokenMachine
from r1chat.engine.parts import Scored
from r1chat.engine.samplers import Sampler
from r1chat.engine.ways import Ways
from r1chat.errors import EngineError
from r1chat.formatting import counted


class Lane:
    """One of the replies, as its thinking loop sees the machine.

    Args:
        machine: Is shared with the other lanes.
        sequence: The lane's own in the cache.
        capacity: Tokens that it may come to hold.
        sampling: How its tokens are chosen.
        seed: Its own.
    """

    def __init__(
        self,
        machine: TokenMachine,
        sequence: int,
        capacity: int,
        sampling: Sampling,
        seed: int,
    ) -> None:
        self.sequence = sequence
        self.capacity = capacity
        self.position = 0
        self.wanted: list[int] = []
        """Tokens that it wants evaluated."""
        self.index = 0
        """Where its last token stands in the last batch."""
        self.failure: EngineError | None = None
        """Why its tokens could not be evaluated."""
        self.finished = False
        self._machine = machine
        self._sampler = Sampler(sampling, seed)
        # Two locks that are released by the other side: whose turn it is.
        self._go = threading.Lock()
        self._back = threading.Lock()
        self._go.acquire()
        self._back.acquire()

    # -- for the loop --

    @property
    def room(self) -> int:
        """Tokens that still fit."""
        return self.capacity - self.position

    @property
    def speculated(self) -> tuple[int, int]:
        """Nothing: side by side, batches are full anyway."""
        return 0, 0

    def reuse(self, tokens: Sequence[int]) -> int:
        """Shares with the main sequence what both begin with, where it has been evaluated.

        The last token is left to be evaluated, since sampling needs its logits.
        """
        shared = self._machine.shared(tokens[:-1])
        self.position = shared if self._machine.fork(self.sequence, shared) else 0
        return self.position

    def clear(self) -> None:
        """Empties the lane."""
        self.position = 0
        self._machine.fork(self.sequence, 0)

    def truncate(self, length: int) -> None:
        """Cuts the lane to a length, or reads its beginning again where that must be."""
        tokens = self._machine.tokens(self.sequence)[:length]
        self.position = length
        if self._machine.cut(self.sequence, length):
            return
        shared = self._machine.shared(tokens)
        self.position = shared if self._machine.fork(self.sequence, shared) else 0
        if rest := tokens[self.position :]:
            self.evaluate(rest)

    def peek(
        self, tokens: Sequence[int], most: int, is_last: Callable[[int], bool]
    ) -> list[Scored]:
        """Nothing: a batch of its own would make all others wait, and their votes say more."""
        del tokens, most, is_last
        return []

    def sample(self) -> int:
        """Draws the next token."""
        return self._machine.sample_with(self._sampler, self.index)

    def score(self, token: int) -> Score:
        """Measures how sure the model was of a token that comes next."""
        return self._machine.score_at(token, self.index)

    def constrain(self, grammar: str, ends: frozenset[int], written: Sequence[int]) -> None:
        """Draws from now on only what fits a grammar; see `TokenMachine.constrain`."""
        self._sampler.constrain(self._machine.constraint(grammar, ends, written))

    @property
    def complete(self) -> bool:
        """Whether what was drawn since `constrain` is a whole of the grammar."""
        return self._sampler.complete

    def forbid(self, token: int) -> None:
        """Takes a token out of what may be drawn next."""
        self._machine.forbid_at(token, self.index)

    def evaluate(
        self, tokens: Sequence[int], *, on_progress: Callable[[int], None] | None = None
    ) -> None:
        """Appends tokens, together with those of the other lanes.

        Raises:
            Cancelled: If it was stopped.
            EngineError: If they do not fit, or llama.cpp fails.
        """
        if len(tokens) > self.room:
            message = f"a sample's share of the context, {counted(self.capacity, 'token')}, is full"
            raise EngineError(message)
        self.wanted = list(tokens)
        self._sleep()
        if self.failure is not None:
            raise self.failure
        if on_progress is not None:
            on_progress(len(tokens))

    def _sleep(self) -> None:
        self._back.release()
        self._go.acquire()

    # -- for the one who runs them --

    def start(self, work: Callable[[], None]) -> None:
        """Runs what writes the reply until it wants something evaluated, or ends."""

        def run() -> None:
            self._go.acquire()
            try:
                work()
            finally:
                self.finished = True
                self._back.release()

        threading.Thread(target=run, name=f"r1chat-lane-{self.sequence}", daemon=True).start()
        self.wake()

    def wake(self) -> None:
        """Resumes it until it needs another evaluation, or ends."""
        self._go.release()
        self._back.acquire()

    def took(self, count: int) -> bool:
        """Records how many tokens were evaluated; returns whether those were all."""
        self.position += count
        del self.wanted[:count]
        return not self.wanted

    def close(self) -> None:
        """Frees what it holds in the cache, and the sampler."""
        self._machine.fork(self.sequence, 0)
        self._sampler.close()


def run_side_by_side(
    machine: TokenMachine,
    width: int,
    begin: Callable[[int], Lane | None],
    refresh: Callable[[], None],
    ways: Ways[tuple[int, int]],
) -> None:
    """Writes replies in lanes until all are done.

    Args:
        machine: Evaluates.
        width: Lanes at a time. When one is done, the next takes its place.
        begin: Makes and starts the next reply's lane in a sequence; None where none is to begin.
        refresh: Brings what steers the replies up to date; called around each batch.
        ways: With how many threads, and how many lanes in a batch.
    """
    free = list(range(LANES + width - 1, LANES - 1, -1))
    lanes: list[Lane] = []
    while True:
        for lane in [lane for lane in lanes if lane.finished]:
            lanes.remove(lane)
            free.append(lane.sequence)
            lane.close()
        begun = begin(free[-1]) if free else None
        if begun is not None:
            free.pop()
            lanes.append(begun)
        elif lanes:
            refresh()
            _timed_step(machine, lanes, refresh, ways)
        else:
            return


def _timed_step(
    machine: TokenMachine,
    lanes: list[Lane],
    refresh: Callable[[], None],
    ways: Ways[tuple[int, int]],
) -> None:
    """Takes a step in the way that is fastest on this machine just now."""
    threads, most = ways.way
    machine.context.use_threads(threads)
    began = time.perf_counter()
    tokens = _step(machine, lanes, refresh, most)
    # Closing words come in bunches and would flatter the way that met them.
    if 0 < tokens <= most:
        ways.took((time.perf_counter() - began) / tokens)


def _step(machine: TokenMachine, lanes: list[Lane], refresh: Callable[[], None], most: int) -> int:
    """Evaluates what some of the lanes want, as far as it goes into one batch, and wakes them.

    Args:
        machine: Evaluates.
        lanes: Those that come next stand first.
        refresh: See `run_side_by_side`.
        most: Lanes in the batch.

    Returns:
        Tokens that were evaluated; none where that failed.
    """
    rows: list[tuple[Lane, list[int]]] = []
    left = machine.chunk
    for lane in lanes[:most]:
        if left:
            rows.append((lane, lane.wanted[:left]))
            left -= len(rows[-1][1])
    try:
        ends = machine.evaluate_together([(lane.sequence, tokens) for lane, tokens in rows])
    except EngineError as failure:
        # One batch, one fate: whoever sleeps wakes up to the failure, and should know its reason.
        refresh()
        for lane in lanes:
            lane.failure = failure
            lane.wake()
        return 0
    ready = []
    for (lane, tokens), end in zip(rows, ends, strict=True):
        if lane.took(len(tokens)):
            lane.index = end
            ready.append(lane)
    for lane in ready:
        lane.wake()
    # Those that had no place come first the next time.
    waited = lanes[len(rows) :]
    lanes[:] = waited + lanes[: len(rows)]
    return sum(len(tokens) for _, tokens in rows)
