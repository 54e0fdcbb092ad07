"""Runs jobs on the engine's thread one after another, each of which can be cancelled."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

from r1chat.engine.base import Request
from r1chat.engine.native import AbortByte
from r1chat.events import EndedBy, Receipt, Reply


class Job:
    """Work for the engine's thread, which can be taken back until it has begun.

    Args:
        work: What is to be done.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._taken = threading.Lock()

    def take(self) -> bool:
        """Claims the job; only the first claim succeeds."""
        return self._taken.acquire(blocking=False)

    def run(self) -> None:
        """Does the work, unless it was taken back."""
        if self.take():
            self._work()


class Breaker:
    """Breaks off the evaluation that is meant, and never the one after it.

    Args:
        abort: What llama.cpp reads while it evaluates.
    """

    def __init__(self, abort: AbortByte) -> None:
        self._abort = abort
        # A signal's handler may come in between on the same thread.
        self._lock = threading.RLock()
        self._current: object = None
        self._closed = False

    @contextlib.contextmanager
    def breakable(self) -> Iterator[Callable[[], None]]:
        """Lets evaluations run.

        Yields:
            What breaks them off, from any thread; afterwards it does nothing.
        """
        mine = object()
        self._become(mine)

        def stop() -> None:
            with self._lock:
                if self._current is mine:
                    self._abort.set()

        try:
            yield stop
        finally:
            self._become(None)

    def _become(self, current: object) -> None:
        with self._lock:
            self._current = current
            if not self._closed:
                self._abort.clear()

    def close(self) -> None:
        """Breaks off what runs, and all that comes."""
        with self._lock:
            self._closed = True
            self._abort.set()


def unserved(request: Request, ended_by: EndedBy, budget: str) -> Reply:
    """The reply to a question that was given up before its turn came.

    Args:
        request: The question; of a reply that was to be continued, that is left as it was.
        ended_by: Why it was given up.
        budget: As the receipt says it.
    """
    resume = request.resume
    if resume is None:
        receipt = Receipt(ended_by=ended_by, answer_ended_by=ended_by, budget=budget)
        return Reply(thought="", answer="", receipt=receipt)
    reply = resume.reply
    receipt = replace(reply.receipt, ended_by=ended_by, answer_ended_by=ended_by)
    if resume.keep is None:
        return replace(reply, receipt=receipt)
    thought = reply.thought[: resume.keep]
    return Reply(
        thought=thought,
        answer="",
        receipt=replace(receipt, thought_ended_by=ended_by, answer_tokens=0, answer_s=0.0),
        injected=tuple(i for i in reply.injected if i.at + len(i.text) <= len(thought)),
    )
