"""Exports conversations as one self-contained HTML page, without scripts.

Everything in it was written by others. What is not Markdown is escaped; Markdown is rendered
without HTML, without pictures and with links to the web and to mail only. Should something get
through all the same, the page's own policy lets it load and run nothing.
"""

from __future__ import annotations

import base64
import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from r1chat import wording
from r1chat.conversation import Node, Turn
from r1chat.events import Injection
from r1chat.exchange import words
from r1chat.exchange.contents import contents
from r1chat.exchange.rendering import rendered
from r1chat.reasoning.outline import Entry
from r1chat.sanitize import line, sanitize
from r1chat.store import Loaded

_STYLE = Path(__file__).with_name("page.css")


def write(conversations: Iterable[Loaded], *, thoughts: bool = True) -> Iterator[str]:
    """Writes conversations, one after another.

    Args:
        conversations: The conversations.
        thoughts: Whether thoughts are written too.
    """
    yield _head()
    for loaded in conversations:
        yield "".join(_conversation(loaded, thoughts=thoughts))
    yield "</main>\n</body>\n</html>\n"


def _head() -> str:
    style = _STYLE.read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<title>r1chat: conversations</title>\n"
        f"<style>{style}</style>\n</head>\n<body>\n<main>\n"
    )


def _conversation(loaded: Loaded, *, thoughts: bool) -> Iterator[str]:
    summary = loaded.summary
    yield f'<article>\n<h1 dir="auto">{_text(wording.title(summary.title))}</h1>\n'
    yield f'<p class="note">{_text(words.about(summary))}</p>\n'
    if loaded.system:
        yield f'<div class="system" dir="auto">{_text(loaded.system)}</div>\n'
    for node in loaded.conversation.path():
        if node.turn is not None:
            yield "".join(_turn(node, node.turn, thoughts=thoughts))
    yield "</article>\n"


def _turn(node: Node, turn: Turn, *, thoughts: bool) -> Iterator[str]:
    yield "<section>\n"
    for attachment in turn.attachments:
        name = _text(line(attachment.name) or "unnamed")
        yield f"<details><summary>Attached: {name}</summary>"
        yield f"<pre>{_text(attachment.text)}</pre></details>\n"
    yield f'<div class="question" dir="auto">{_text(turn.question)}</div>\n'
    yield from _reply(turn, node.id, thoughts=thoughts)
    yield f'<p class="note">{_text(words.cost(node, turn))}</p>\n'
    for number, (heading, other) in enumerate(words.compared(node), 1):
        yield f"<p><strong>{_text(heading)}</strong></p>\n"
        yield from _reply(other, f"{node.id}-{number}", thoughts=thoughts)
        yield f'<p class="note">{_text(wording.receipt_line(other.reply.receipt))}</p>\n'
    if turn.summary is not None:
        said = _text(words.summary(turn))
        yield f'<aside class="summary"><p class="note">{said}</p>'
        yield f'<div dir="auto">{_text(turn.summary.text)}</div></aside>\n'
    yield "</section>\n"


def _reply(turn: Turn, name: str, *, thoughts: bool) -> Iterator[str]:
    reply = turn.reply
    if thoughts and reply.thought.strip():
        yield f'<details class="thought"><summary>{_text(words.thought(turn))}</summary>'
        entries = contents(turn, reply.thought)
        yield "".join(_contents(name, entries))
        thought = _thought(reply.thought, reply.injected, _anchors(name, entries))
        yield f'<div dir="auto">{"".join(thought)}</div>'
        yield "</details>\n"
    if reply.answer.strip():
        yield f'<div class="answer" dir="auto">\n{rendered(reply.answer)}</div>\n'
    failure = words.failure(turn)
    if failure:
        yield f'<p class="failure">{_text(failure)}</p>\n'


def _anchors(name: str, entries: Sequence[Entry]) -> dict[int, str]:
    """Names for the places of a thought to which its contents lead."""
    return {entry.start: escape(f"{name}-part-{number}") for number, entry in enumerate(entries, 1)}


def _contents(name: str, entries: Sequence[Entry]) -> Iterator[str]:
    if not entries:
        return
    names = _anchors(name, entries)
    kinds = _text(wording.outline_line(entry.kind for entry in entries))
    yield f'<details class="outline"><summary>Outline: {kinds}</summary>\n<ul>\n'
    for entry in entries:
        title = _text(wording.part_title(entry.kind, entry.title))
        sign = wording.OUTLINE_SIGNS[entry.kind]
        yield f'<li>{sign} <a href="#{names[entry.start]}">{title}</a></li>\n'
    yield "</ul>\n</details>\n"


def _thought(
    thought: str, injected: Iterable[Injection], anchors: Mapping[int, str]
) -> Iterator[str]:
    """The thought, the words marked that r1chat put into it, and the places that have names."""
    places = list(anchors)
    at = 0
    for each in sorted(injected, key=lambda each: each.at):
        if each.at >= at:
            yield from _named(thought, at, each.at, anchors, places)
            at = each.at + len(each.text)
            words = "".join(_named(thought, each.at, at, anchors, places))
            yield f'<mark title="written by r1chat">{words}</mark>'
    yield from _named(thought, at, len(thought), anchors, places)


def _named(
    thought: str, start: int, end: int, anchors: Mapping[int, str], places: Sequence[int]
) -> Iterator[str]:
    for place in places[bisect_left(places, start) : bisect_left(places, end)]:
        yield _text(thought[start:place])
        yield f'<a id="{anchors[place]}"></a>'
        start = place
    yield _text(thought[start:end])


def _text(text: str) -> str:
    return escape(sanitize(text))
