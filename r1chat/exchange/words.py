"""The text that Markdown, HTML and `r1chat history show` share: dates, costs, failures."""

from __future__ import annotations

import time

from r1chat.conversation import Node, Turn
from r1chat.formatting import counted, format_duration
from r1chat.sanitize import line
from r1chat.store import Summary
from r1chat.wording import model_name, receipt_line, summary_line, why_unanswered


def about(summary: Summary) -> str:
    """When it was, and with which model."""
    parts = [moment(summary.created), model_name(summary.model), f"r1chat {summary.short}"]
    parts.append(tagged(summary))
    return " · ".join(part for part in parts if part)


def tagged(summary: Summary) -> str:
    """The tags of a conversation, e.g. "#work #mathematics"."""
    return " ".join(f"#{tag}" for tag in summary.tags)


def moment(when: float) -> str:
    """A time, in this machine's zone."""
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(when))
    except (OverflowError, ValueError, OSError):
        return ""


def cost(node: Node, turn: Turn) -> str:
    """What a reply cost, and which version it is."""
    parts = [receipt_line(turn.reply.receipt)]
    if turn.origin is not None and turn.origin.model:
        parts.append(model_name(turn.origin.model))
    if len(node.siblings) > 1:
        parts.append(f"version {node.version} of {len(node.siblings)}")
    return " · ".join(parts)


def compared(node: Node) -> list[tuple[str, Turn]]:
    """The other versions of a reply where other models, or settings, wrote them, with headings."""
    if not node.has_other_authors:
        return []
    return [
        (f"Version {each.version} of {len(node.siblings)}: {each.author}", each.turn)
        for each in node.versions
        if each is not node and each.turn is not None
    ]


def failure(turn: Turn) -> str:
    """What one should know of a reply that is not whole; nothing where it is."""
    reply = turn.reply
    if reply.error is not None:
        return f"failed: {line(reply.error, 500)}"
    if reply.answer.strip():
        return ""
    why = why_unanswered(reply)
    return f"no answer: {why}" if why else "no answer"


def summary(turn: Turn) -> str:
    """The head of a summary; nothing where there is none."""
    said = turn.summary
    return summary_line(said.model, said.tokens, edited=said.edited) if said is not None else ""


def thought(turn: Turn) -> str:
    """The head of a thought."""
    receipt = turn.reply.receipt
    parts = ["Thought"]
    if receipt.thought_s > 0:
        parts = [f"Thought for {format_duration(receipt.thought_s)}"]
    if receipt.thought_tokens > 0:
        parts.append(counted(receipt.thought_tokens, "token"))
    return " · ".join(parts)
