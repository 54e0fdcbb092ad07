"""Exports chat messages as JSON lines, the form of data sets for distillation.

A line is a conversation: ``{"messages": [{"role": "user", "content": "…"}, …]}``. The thought
stands at the head of the assistant's content, between ``<think>`` and ``</think>``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from r1chat.attachments import with_attachments
from r1chat.conversation import Turn
from r1chat.output import to_json
from r1chat.reasoning.formats import written_in
from r1chat.reasoning.phrases import CLOSE, OPEN
from r1chat.store import Loaded

_DISARMED = {tag: tag.replace("<", "< ") for tag in (OPEN, CLOSE)}


def write(conversations: Iterable[Loaded], *, thoughts: bool = True) -> Iterator[str]:
    """Writes conversations, a line each.

    As for the model, a turn without an answer is left out, and a conversation without a turn.
    """
    for loaded in conversations:
        messages = [
            message
            for node in loaded.conversation.path()
            if node.turn is not None
            for message in _messages(node.turn, thoughts=thoughts)
        ]
        if messages:
            if loaded.system:
                messages.insert(0, {"role": "system", "content": loaded.system})
            yield to_json({"messages": messages}) + "\n"


def _messages(turn: Turn, *, thoughts: bool) -> list[dict[str, str]]:
    if not turn.reply.answer.strip():
        return []
    question = with_attachments(turn.question, turn.attachments, raw=turn.raw)
    return [
        {"role": "user", "content": question},
        {"role": "assistant", "content": _content(turn, thoughts=thoughts)},
    ]


def _content(turn: Turn, *, thoughts: bool) -> str:
    thought, answer = disarmed(turn.reply.thought), disarmed(turn.reply.answer)
    if not thoughts or not thought.strip():
        # An answer that begins like a thought must not be read as one.
        opens = written_in(answer).opens
        begun = next((each for each in opens if answer.lstrip().startswith(each)), "")
        return answer.replace(begun, f"{begun[:1]} {begun[1:]}", 1) if begun else answer
    # Models end a thought with a line break of their own; nothing is added that would not be
    # taken away when it is read.
    return f"{OPEN}\n{thought}{CLOSE}\n\n{answer}"


def disarmed(text: str) -> str:
    """A text in which nothing opens or closes a thought: the tags get a space."""
    for tag, harmless in _DISARMED.items():
        text = text.replace(tag, harmless)
    return text
