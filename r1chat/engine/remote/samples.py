"""Draws several samples with a few concurrent requests, each steered by itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from queue import Empty, SimpleQueue
from typing import TypeAlias

from r1chat.engine.base import unbegun
from r1chat.engine.remote.link import LOOK_S
from r1chat.events import Evaluating, Event, LeftOut, Notice, Reply, Sampled
from r1chat.reasoning.control import Control, ControlGroup

Stream: TypeAlias = Callable[[int, Control], Generator[Event, None, None]]
"""Makes the stream of one reply: by its number, and what steers it."""


def draw(
    stream: Stream, group: ControlGroup, width: int, seed: int
) -> Generator[Event, None, None]:
    """Draws the replies.

    Args:
        stream: Makes the stream of one.
        group: Steers them.
        width: How many at a time at most.
        seed: The first one's.

    Yields:
        Their events as `Sampled`. What is said of the prompt comes as it is, from the first alone,
        and what the user should know once.
    """
    events: SimpleQueue[Sampled | Exception] = SimpleQueue()

    def work(number: int) -> None:
        try:
            with closing(stream(number, group.parts[number])) as each:
                for event in each:
                    events.put(Sampled(number, event))
        except Exception as error:  # noqa: BLE001  (raised where the events are read)
            events.put(error)

    def begun(places: int) -> int:
        """Begins as many as are wanted and have a place; returns how many those are."""
        count = 0
        while count < places and (number := group.begin()) is not None:
            threading.Thread(target=work, args=(number,), name="r1chat-sample", daemon=True).start()
            count += 1
        return count

    under_way = begun(width)
    told: set[Event] = set()
    try:
        while under_way:
            group.pass_on()
            event = _next(events)
            if event is None:
                continue
            if isinstance(event.event, Reply):
                group.ended(event.sample, event.event)
                under_way += begun(width - under_way + 1) - 1
            yield from _shown(event, told)
        for number in group.left_out():
            yield Sampled(number, unbegun(seed=seed + number))
    finally:
        # They leave the server by themselves; nobody waits for them.
        group.stop()


def _next(events: SimpleQueue[Sampled | Exception]) -> Sampled | None:
    """The next event; None where there was none for a while."""
    try:
        event = events.get(timeout=LOOK_S)
    except Empty:
        return None
    if isinstance(event, Exception):
        raise event
    return event


def _shown(sampled: Sampled, told: set[Event]) -> Iterator[Event]:
    """An event as it is handed on, if it is."""
    event = sampled.event
    if isinstance(event, (Notice, LeftOut)):
        if event not in told:
            told.add(event)
            yield event
    elif not isinstance(event, Evaluating):
        yield sampled
    elif sampled.sample == 0:
        yield event
