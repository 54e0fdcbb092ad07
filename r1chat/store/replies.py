"""Assembles a reply from its row and from the parts that were written after it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import replace

from r1chat.events import (
    AnswerText,
    Event,
    InjectedText,
    Injection,
    Reply,
    ThoughtEnded,
    ThoughtText,
)
from r1chat.store import rows

THOUGHT, INJECTED, ENDED, ANSWER = "t", "i", "e", "a"


def part_of(event: Event) -> tuple[str, str, int] | None:
    """What is written of an event: kind, text, and tokens so far; None where nothing is."""
    match event:
        case ThoughtText(text=text, tokens=tokens):
            return THOUGHT, text, tokens
        case InjectedText(text=text):
            return INJECTED, text, 0
        case ThoughtEnded(ended_by=ended_by, tokens=tokens):
            return ENDED, ended_by, tokens
        case AnswerText(text=text, tokens=tokens):
            return ANSWER, text, tokens
        case _:
            return None


def reply_of(row: sqlite3.Row, parts: Iterable[sqlite3.Row] = ()) -> Reply:
    """The reply in a row.

    Args:
        row: The row; one that is not done is as far as it was saved.
        parts: What comes after it.
    """
    thought = rows.unpack(row["thought"])
    reply = Reply(
        thought=thought,
        answer=rows.unpack(row["answer"]),
        receipt=rows.receipt_in(row["receipt"]),
        final=rows.text_or_none(row["final"]),
        injected=rows.injected_in(row["injected"], thought),
        error=rows.text_or_none(row["error"]),
    )
    return reply if row["status"] == "done" else _cut_off(reply, parts)


def _cut_off(reply: Reply, parts: Iterable[sqlite3.Row]) -> Reply:
    """A reply whose end was never written, e.g. because the process died."""
    thought, answer = [reply.thought], [reply.answer]
    length = len(reply.thought)
    injected = list(reply.injected)
    receipt = replace(reply.receipt, ended_by="cancelled", answer_ended_by="cancelled")
    for part in parts:
        kind, text, tokens = part["kind"], rows.unpack(part["text"]), rows.count(part["tokens"])
        if kind == ANSWER:
            answer.append(text)
            receipt = replace(receipt, answer_tokens=tokens)
        elif kind == ENDED:
            receipt = replace(receipt, thought_ended_by=rows.ended(text), thought_tokens=tokens)
        elif kind in (THOUGHT, INJECTED):
            if kind == INJECTED:
                injected.append(Injection(length, text))
                receipt = replace(receipt, injected_tokens=receipt.injected_tokens + 1)
            else:
                receipt = replace(receipt, thought_tokens=tokens)
            thought.append(text)
            length += len(text)
    return replace(
        reply,
        thought="".join(thought),
        answer="".join(answer),
        injected=tuple(injected),
        receipt=receipt,
    )
