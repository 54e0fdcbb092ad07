"""Titles made by a model, from a question and its answer."""

from __future__ import annotations

import re

from r1chat.conversation import Turn
from r1chat.engine.base import Engine, Message, Request, Sampling
from r1chat.events import Reply
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control
from r1chat.sanitize import line

WORDS = 6
"""Of a title, at most."""
BUDGET = Budget.parse("off")
_MUCH = 1500
"""Characters of the question and of the answer that the model is shown."""
_TOKENS = 40
_TIMEOUT_S = 60.0
_LONGEST = 60
_WANTED = (
    "Give this conversation a title of at most six words. Write the title and nothing else.\n\n"
    "Question: {question}\n\nAnswer: {answer}"
)
_LABEL = re.compile(r"^\W*title\W*:\s*", re.IGNORECASE)
_QUOTES = "\"'“”‘’«»*_`#: "


def ask(engine: Engine, turn: Turn, control: Control) -> str:
    """Asks a model for a title. Waits for the reply.

    Args:
        engine: The model.
        turn: What the title is to be about. Its thought is not shown to the model.
        control: Stops it; its budget should be off.

    Returns:
        At most `WORDS` words; nothing where there is no title in what the model says, or where
        it was stopped.
    """
    text = _WANTED.format(question=turn.question[:_MUCH], answer=turn.reply.answer[:_MUCH])
    request = Request(
        (Message("user", text),),
        budget=control.budget,
        sampling=Sampling(temperature=0.0),
        max_answer=_TOKENS,
        timeout=_TIMEOUT_S,
    )
    answer = ""
    for event in engine.stream(request, control):
        if isinstance(event, Reply):
            answer = event.answer
    return "" if control.cancelled else cleaned(answer)


def cleaned(answer: str) -> str:
    """The title in what a model said."""
    lines = (_LABEL.sub("", line(each, 400)).strip(_QUOTES) for each in answer.splitlines())
    first = next((each for each in lines if any(char.isalnum() for char in each)), "")
    words = first.split()[:WORDS]
    return line(" ".join(words).rstrip(" .,;:").strip(_QUOTES), _LONGEST)
