"""Draws several samples with a few concurrent requests, each steered by itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from queue import Empty, SimpleQueue
from typing import TypeAlias

from r1chat.engine.remote.link import LOOK_S
from r1chat.events import Evaluating, Event, LeftOut, Notice, Reply, Sampled
from r1chat.reasoning.control import Control, ControlGroup

Stream: TypeAlias = Callable[[int, Control], Generator[Event, None, None]]
"""Makes the stream of one reply: by its number, and what steers it."""


def draw(stream: Stream, group: ControlGroup, width: int) -> Generator[Event, None, None]:
    """Draws the replies.

    Args:
        stream: Makes the stream of one.
        group: Steers them.
        width: How many at a time.

    Yields:
        Their events as `Sampled`. What is said of the prompt comes as it is, from the first alone,
        and what the user should know once.
    """
    events: SimpleQueue[Sampled | Exception] = SimpleQueue()
    places = threading.Semaphore(width)

    def work(number: int, control: Control) -> None:
        try:
            with places, closing(stream(number, control)) as each:
                for event in each:
                    events.put(Sampled(number, event))
        except Exception as error:  # noqa: BLE001  (raised where the events are read)
            events.put(error)

    threads = [
        threading.Thread(target=work, args=each, name="r1chat-sample", daemon=True)
        for each in enumerate(group.parts)
    ]
    for thread in threads:
        thread.start()
    left = len(threads)
    told: set[Event] = set()
    try:
        while left:
            group.pass_on()
            try:
                event = events.get(timeout=LOOK_S)
            except Empty:
                continue
            if isinstance(event, Exception):
                raise event
            left -= isinstance(event.event, Reply)
            yield from _shown(event, told)
    finally:
        # They leave the server by themselves; nobody waits for them.
        group.stop()


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
