"""The outline of a thought for exports and `r1chat history show`."""

from __future__ import annotations

from dataclasses import replace

from r1chat.conversation import Turn
from r1chat.reasoning.outline import Entry, outline
from r1chat.sanitize import line

_FEWEST = 2
"""Parts from which on a thought has contents worth listing."""


def contents(turn: Turn, thought: str) -> list[Entry]:
    """What a thought consists of, titles clean.

    Args:
        turn: The turn.
        thought: Its thought, as it is written out: the places are meant in it.

    Returns:
        The parts and the first place of the final answer; nothing where the thought is one part.
    """
    entries = outline(thought, turn.reply.final, turn.question)
    if sum(entry.kind != "answer" for entry in entries) < _FEWEST:
        return []
    return [replace(entry, title=line(entry.title)) for entry in entries]
