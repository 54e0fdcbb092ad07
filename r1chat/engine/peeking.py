r"""Generates an answer preview in the middle of a thought, and rolls it back.

The thought is closed in a copy of the sequence and the model begins its final answer there, as in
Fu et al. 2024 ("Dynasor"): "\boxed{" is written for it, and the likeliest tokens follow until the
brace is closed. The thought itself does not notice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from r1chat.engine.confidence import certainty
from r1chat.engine.parts import Scored, Vocabulary
from r1chat.reasoning.final import last_box
from r1chat.reasoning.phrases import ANSWER, BOX

PROBE = ANSWER + BOX
MOST = 16
"""Tokens of an answer that are waited for."""


class Peekable(Protocol):
    """A machine that can generate previews."""

    def peek(
        self, tokens: Sequence[int], most: int, is_last: Callable[[int], bool]
    ) -> list[Scored]:
        """Says what would follow."""


def peek(
    machine: Peekable, vocabulary: Vocabulary, closing: Sequence[int]
) -> tuple[str | None, float | None]:
    """Asks what the final answer would be.

    Args:
        machine: Stands in the middle of a thought.
        vocabulary: The model's.
        closing: The tokens that close the thought.

    Returns:
        The answer, and how sure the model is of it, from 0 to 1; None if it does not come to one
        soon, or there is no room to ask.

    Raises:
        Cancelled: If it was stopped.
        EngineError: If llama.cpp fails.
    """
    data = bytearray()
    depth = 1

    def is_last(token: int) -> bool:
        nonlocal depth
        if vocabulary.ends_reply(token):
            return True
        piece = vocabulary.shown(token)
        for byte in piece:
            depth += (byte == ord("{")) - (byte == ord("}"))
            data.append(byte)
            if depth == 0:
                return True
        return b"\n" in piece

    probe = vocabulary.tokenize(PROBE, special=False)
    drawn = machine.peek([*closing, *probe], MOST, is_last)
    final = last_box(BOX + data.decode("utf-8", "replace")) if depth == 0 else None
    if final is None:
        return None, None
    # The brace that closes the box is one of them: without it "12" would be as sure as "12.5".
    return final, certainty([score.logprob for _, score in drawn])
