"""Reads a conversation ahead, while the user writes the next question."""

from __future__ import annotations

import logging

from r1chat import prompt
from r1chat.engine.base import Message
from r1chat.engine.fitting import Window
from r1chat.engine.machine import AHEAD, TokenMachine
from r1chat.errors import Cancelled, R1ChatError

log = logging.getLogger(__name__)


def read_ahead(
    machine: TokenMachine, messages: tuple[Message, ...], template: str | None, window: Window
) -> None:
    """Evaluates what the next turn will begin with; what goes wrong is logged and left.

    Args:
        machine: Is cancelled through its abort byte.
        messages: The conversation so far.
        template: The model's chat template.
        window: Leaves out turns that the next question will find no room for.
    """

    def build(said: tuple[Message, ...]) -> prompt.Prompt:
        return prompt.build(machine.vocabulary, said, template=template)

    try:
        kept = window.ahead(messages, build, capacity=machine.capacity)
        ids = common_beginning(machine, kept, template)
        done = machine.begin_ahead(ids)
        if len(ids) > done and machine.cells_for_ahead(len(ids) - done):
            machine.evaluate(ids[done:], sequence=AHEAD)
    except Cancelled:
        pass
    except R1ChatError as error:
        log.warning("reading ahead failed: %s", error)
        machine.drop_ahead()
    except Exception:
        log.exception("reading ahead failed")
        machine.drop_ahead()


def common_beginning(
    machine: TokenMachine, messages: tuple[Message, ...], template: str | None
) -> tuple[int, ...]:
    """The tokens that every next turn begins with, whatever its question."""
    first, second = (
        prompt.build(machine.vocabulary, (*messages, Message("user", text)), template=template).ids
        for text in ("A", "1")
    )
    length = next((i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), 0)
    return tuple(first[:length])
