"""Evaluates the conversation in advance, while the user writes the next question."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeAlias

from r1chat.engine.base import Message
from r1chat.engine.fitting import Window
from r1chat.engine.machine import AHEAD, TokenMachine
from r1chat.errors import Cancelled, ContextFull, R1ChatError
from r1chat.prompt import Prompt

Build: TypeAlias = Callable[[tuple[Message, ...]], Prompt]

log = logging.getLogger(__name__)


def read_ahead(
    machine: TokenMachine,
    messages: tuple[Message, ...],
    build: Build,
    window: Window,
    load: Callable[[Sequence[int]], None],
    *,
    drops: bool = True,
) -> None:
    """Evaluates what the next turn will begin with; what goes wrong is logged and left.

    Args:
        machine: Is cancelled through its abort byte.
        messages: The conversation so far.
        build: Puts a conversation to the model.
        window: Leaves out turns that the next question will find no room for.
        load: Brings back what was saved of some tokens, where that is more than is in the cache.
        drops: Whether turns may be left out.
    """
    try:
        kept = window.ahead(messages, build, capacity=machine.capacity, drops=drops)
        ids = common_beginning(kept, build)
        load(ids)
        done = machine.begin_ahead(ids)
        if len(ids) > done and machine.cells_for_ahead(len(ids) - done):
            machine.evaluate(ids[done:], sequence=AHEAD)
    except (Cancelled, ContextFull):
        pass
    except R1ChatError as error:
        log.warning("reading ahead failed: %s", error)
        machine.drop_ahead()
    except Exception:
        log.exception("reading ahead failed")
        machine.drop_ahead()


def common_beginning(messages: tuple[Message, ...], build: Build) -> tuple[int, ...]:
    """The tokens that every next turn begins with, whatever its question."""
    first, second = (build((*messages, Message("user", text))).ids for text in ("A", "1"))
    length = next((i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), 0)
    return tuple(first[:length])
