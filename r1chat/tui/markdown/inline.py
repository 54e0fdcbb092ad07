"""Running text: the inline tokens of a block as Content."""

from __future__ import annotations

import re
from collections.abc import Sequence

from markdown_it.token import Token
from textual.content import Content, Span
from textual.style import Style

from r1chat.sanitize import sanitize
from r1chat.tui.markdown.origins import Tracer

_STYLES = {
    "em_open": "answer--em",
    "strong_open": "answer--strong",
    "s_open": "answer--struck",
    "link_open": "answer--link",
}
_LONGEST_ADDRESS = 300
_LINKED = re.compile(r"(?:https?://|mailto:)[!-~]{1,2000}")
"""What a terminal may open: others' addresses of no other kind, and no control characters."""
_BARE = re.compile(r"https?://[!-;=?-Z\\^_a-z{|}~]*[\w/#=&~-]")
"""An address that stands in the text by itself."""


def link_to(address: str) -> Style | None:
    """What makes a text a link, in terminals that know them; None where it must be none.

    Args:
        address: Where it leads, as the model wrote it.
    """
    return Style(link=address) if _LINKED.fullmatch(address) else None


class _Text:
    def __init__(self, tracer: Tracer | None) -> None:
        self.parts: list[str] = []
        self.spans: list[Span] = []
        self.length = 0
        self.tracer = tracer

    def add(self, text: str, style: str = "", *, written: bool = False) -> None:
        # Entities such as &#x202e; are signs only now.
        text = sanitize(text)
        if style and text:
            self.spans.append(Span(self.length, self.length + len(text), style))
        if written and self.tracer is not None:
            self.tracer.text(self.length, text)
        if "://" in text and not style:
            for bare in _BARE.finditer(text):
                self.link(self.length + bare.start(), self.length + bare.end(), bare[0])
        self.parts.append(text)
        self.length += len(text)

    def link(self, start: int, end: int, address: str) -> None:
        """Makes a part of it a link."""
        link = link_to(address)
        if link is not None and start < end:
            self.spans.append(Span(start, end, link))


def content_of(token: Token, tracer: Tracer | None = None) -> Content:
    """Writes an inline token with its styles.

    Args:
        token: The token.
        tracer: Follows its text through the source.
    """
    text = _Text(tracer)
    _write(token.children or (), text)
    return Content("".join(text.parts), spans=text.spans)


def _write(tokens: Sequence[Token], text: _Text) -> None:
    opened: list[tuple[str, int, str]] = []
    for token in tokens:
        kind = token.type
        if kind in _STYLES:
            opened.append((_STYLES[kind], text.length, str(token.attrGet("href") or "")))
        elif kind.endswith("_close") and opened:
            _close(*opened.pop(), text)
        elif kind in ("softbreak", "hardbreak"):
            # Models break lines where they mean to.
            text.add("\n")
            if text.tracer is not None:
                text.tracer.line_break()
        elif kind == "code_inline":
            text.add(token.content, "answer--code", written=True)
        elif kind in ("math_inline", "image"):
            _put_whole(token, text)
        else:
            text.add(token.content, written=True)


def _close(style: str, start: int, address: str, text: _Text) -> None:
    """Ends emphasis or a link, whose address is shown behind its words."""
    text.spans.append(Span(start, text.length, style))
    if not address:
        return
    if text.tracer is not None:
        text.tracer.address()
    if "".join(text.parts)[start:] != address:
        text.add(f" ({_shortened(address)})", "answer--address")
    text.link(start, text.length, address)


def _put_whole(token: Token, text: _Text) -> None:
    """Writes what stands for its source as a whole: a formula, or a word on an image."""
    start = text.length
    if token.type == "math_inline":
        text.add(token.content, "answer--boxed" if token.meta["boxed"] else "answer--math")
        if text.tracer is not None:
            text.tracer.whole(start, text.length, *token.meta["source"])
        return
    text.add(f"[image: {token.content}]" if token.content else "[image]", "answer--link")
    text.add(f" ({_shortened(str(token.attrGet('src') or ''))})", "answer--address")
    if text.tracer is not None:
        text.tracer.image(start, text.length)


def _shortened(address: str) -> str:
    return address if len(address) <= _LONGEST_ADDRESS else address[:_LONGEST_ADDRESS] + "…"
