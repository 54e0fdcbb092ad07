"""The words with which a model that does not think by itself is asked to.

They stand behind the question in the prompt and nowhere else: the conversation never has them.
"""

from __future__ import annotations

from r1chat.events import ThoughtStyle
from r1chat.reasoning.phrases import BRIEF, STEPS, STEPS_BOXED
from r1chat.reasoning.rescue import asks_for_box

_STEPS = ("step by step", "step-by-step")


def words(style: ThoughtStyle, question: str, system: str, *, native: bool) -> str:
    """The words to put behind a question; empty where it says enough itself.

    Args:
        style: What kind of thought is wanted.
        question: The question.
        system: What else the model is told.
        native: Whether a thought is opened without r1chat's doing.
    """
    said = (system, question)
    asks_for_steps = native or any(each in text.lower() for text in said for each in _STEPS)
    steps = "" if asks_for_steps else STEPS_BOXED if asks_for_box(said) else STEPS
    return "\n".join(filter(None, (steps, BRIEF if style == "brief" else "")))
