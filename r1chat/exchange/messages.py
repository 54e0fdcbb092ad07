"""Imports chat messages from JSON lines."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, Field, ValidationError

from r1chat.conversation import Conversation, Origin, Turn
from r1chat.errors import UsageError
from r1chat.events import Receipt, Reply
from r1chat.exchange.fields import Checked, phrase, text
from r1chat.reasoning.final import final_answer
from r1chat.reasoning.formats import written_in
from r1chat.reasoning.phrases import CLOSE, OPEN
from r1chat.reasoning.splitter import split
from r1chat.store import Loaded, Summary, title_of
from r1chat.wording import UNTITLED

_MOST_MESSAGES = 100_000


def _content(value: object) -> str:
    """A text as it is, or in parts as the interface of OpenAI has it; null is an empty one."""
    if value is None:
        return ""
    if not isinstance(value, list):
        return text(value)
    parts = []
    for part in value:
        if not isinstance(part, dict) or part.get("type") != "text":
            message = "it has a part that is no text"
            raise ValueError(message)
        parts.append(text(part.get("text")))
    return "".join(parts)


class _Message(Checked):
    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[Any, AfterValidator(_content)] = ""
    reasoning: Annotated[Any, AfterValidator(_content)] = Field(
        default="", validation_alias=AliasChoices("reasoning_content", "reasoning", "thinking")
    )


class _Line(Checked):
    messages: Annotated[list[_Message], Field(min_length=1, max_length=_MOST_MESSAGES)]


def conversation(value: object) -> Loaded:
    """Reads the conversation of one line.

    Args:
        value: The object, as JSON gives it.

    Raises:
        UsageError: If it is none, or none that r1chat could go on with.
    """
    try:
        messages = _Line.model_validate(value).messages
    except ValidationError as error:
        raise UsageError(phrase(error)) from None
    system = "\n\n".join(
        each.content for each in messages if each.role in ("system", "developer") and each.content
    )
    said = [each for each in messages if each.role in ("user", "assistant")]
    now = time.time()
    tree = Conversation()
    last = tree.root
    for number in range(0, len(said), 2):
        question, *answers = said[number : number + 2]
        if question.role != "user" or any(each.role != "assistant" for each in answers):
            message = "questions and answers do not take turns"
            raise UsageError(message)
        reply = _reply(answers[0]) if answers else _unanswered()
        last = tree.add(Turn(question.content, reply, origin=Origin(created=now)), last)
    if not said:
        message = "there is no question in it"
        raise UsageError(message)
    title = title_of(said[0].content) or UNTITLED
    summary = Summary(tree.id, title, created=now, updated=now, turns=(len(said) + 1) // 2)
    return Loaded(summary, tree, system or None)


def _reply(message: _Message) -> Reply:
    # In some data the opening tag is missing: it stands in the prompt of those models.
    head, closed, _ = message.content.partition(CLOSE)
    thought, answer = split(
        message.content,
        opened=bool(closed) and OPEN not in head,
        format=written_in(message.content),
    )
    if message.reasoning:
        thought = f"{message.reasoning}\n{thought}" if thought else message.reasoning
    final = final_answer(answer, thought)
    return Reply(
        thought,
        answer,
        Receipt(
            thought_ended_by="natural" if thought else None,
            final_from=final.source if final else None,
        ),
        final=final.text if final else None,
    )


def _unanswered() -> Reply:
    return Reply("", "", Receipt(ended_by="cancelled", answer_ended_by="cancelled"))
