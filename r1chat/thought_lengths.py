"""Gathers how long a model's thoughts were, from the history and from what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from r1chat.reasoning.difficulty import Example, ThoughtLengths, Traits

if TYPE_CHECKING:
    from r1chat.engine.base import ModelInfo
    from r1chat.store import Store

_MOST_REPLIES = 400
"""The newest ones; older ones tell little that they do not."""


def learn(info: ModelInfo, store: Store) -> ThoughtLengths:
    """Learns how long a model thinks about which questions.

    Args:
        info: The model.
        store: The history.

    Raises:
        R1ChatError: If the history cannot be read.
    """
    from r1chat.evaluation import curves

    examples = curves.thoughts(info)
    for question, receipt in store.thoughts(info.ref, _MOST_REPLIES):
        if receipt.thought_style == "brief":
            # It was asked to be short.
            continue
        traits = Traits.of(question)
        example = Example.of(traits, receipt.thought_tokens, receipt.thought_ended_by)
        if example is not None:
            examples.append(example)
    return ThoughtLengths(examples)
