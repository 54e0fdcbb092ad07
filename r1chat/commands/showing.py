"""A conversation as text for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from r1chat import wording
from r1chat.conversation import Node, Turn
from r1chat.exchange import words
from r1chat.exchange.contents import contents
from r1chat.formatting import counted
from r1chat.sanitize import line, sanitize
from r1chat.store import Loaded

_DIM = "\x1b[2m"
_BOLD = "\x1b[1m"
_PLAIN = "\x1b[0m"


def pieces(
    loaded: Loaded, *, thoughts: bool, colour: bool, outlines: bool = False
) -> Iterator[str]:
    """A conversation as it stands, of each turn the version that was chosen.

    Args:
        loaded: The conversation.
        thoughts: Whether thoughts are shown.
        colour: Whether weight may be given to parts of it.
        outlines: Whether the outlines of thoughts are shown.
    """

    def dim(text: str) -> str:
        return f"{_DIM}{text}{_PLAIN}" if colour else text

    title = wording.title(loaded.summary.title)
    yield f"{_BOLD}{title}{_PLAIN}\n" if colour else f"{title}\n"
    yield dim(words.about(loaded.summary)) + "\n"
    if loaded.system:
        yield "\n" + dim(f"instructions: {sanitize(loaded.system)}") + "\n"
    for node in loaded.conversation.path():
        if node.turn is not None:
            yield from _turn(node, node.turn, thoughts=thoughts, colour=colour, outlines=outlines)


def _turn(node: Node, turn: Turn, *, thoughts: bool, colour: bool, outlines: bool) -> Iterator[str]:
    def dim(text: str) -> str:
        return f"{_DIM}{text}{_PLAIN}" if colour else text

    question = sanitize(turn.question).strip("\n").replace("\n", "\n  ")
    yield f"\n> {question}\n"
    for attachment in turn.attachments:
        name = line(attachment.name) or "unnamed"
        yield dim(f"  [attached: {name}, {counted(len(attachment.text), 'character')}]") + "\n"
    yield from _reply(turn, thoughts=thoughts, dim=dim, outlines=outlines)
    yield "\n" + dim(words.cost(node, turn)) + "\n"
    for heading, other in words.compared(node):
        yield f"\n{sanitize(heading)}\n"
        yield from _reply(other, thoughts=thoughts, dim=dim, outlines=outlines)
        yield "\n" + dim(wording.receipt_line(other.reply.receipt)) + "\n"
    if turn.summary is not None:
        yield "\n" + dim(f"{words.summary(turn)}\n{sanitize(turn.summary.text)}") + "\n"


def _reply(
    turn: Turn, *, thoughts: bool, dim: Callable[[str], str], outlines: bool
) -> Iterator[str]:
    reply = turn.reply
    entries = contents(turn, reply.thought) if outlines else []
    if entries:
        yield "\n" + dim(f"  {wording.outline_line(entry.kind for entry in entries)}") + "\n"
        for entry in entries:
            title = line(wording.part_title(entry.kind, entry.title))
            yield dim(f"  {wording.OUTLINE_SIGNS[entry.kind]} {title}") + "\n"
    if thoughts and reply.thought.strip():
        yield "\n" + dim(f"<think>\n{sanitize(reply.thought).strip()}\n</think>") + "\n"
    if reply.answer.strip():
        yield f"\n{sanitize(reply.answer).strip()}\n"
    failure = words.failure(turn)
    if failure:
        yield "\n" + dim(f"({failure})") + "\n"
