"""Running text: the inline tokens of a block as Content."""

from __future__ import annotations

from collections.abc import Sequence

from markdown_it.token import Token
from textual.content import Content, Span

from r1chat.sanitize import sanitize

_STYLES = {
    "em_open": "answer--em",
    "strong_open": "answer--strong",
    "s_open": "answer--struck",
    "link_open": "answer--link",
}
_LONGEST_ADDRESS = 300


class _Text:
    def __init__(self) -> None:
        self.parts: list[str] = []
        self.spans: list[Span] = []
        self.length = 0

    def add(self, text: str, style: str = "") -> None:
        # Entities such as &#x202e; are signs only now.
        text = sanitize(text)
        if style and text:
            self.spans.append(Span(self.length, self.length + len(text), style))
        self.parts.append(text)
        self.length += len(text)


def content_of(token: Token) -> Content:
    """Writes an inline token with its styles."""
    text = _Text()
    _write(token.children or (), text)
    return Content("".join(text.parts), spans=text.spans)


def _write(tokens: Sequence[Token], text: _Text) -> None:
    opened: list[tuple[str, int, str]] = []
    for token in tokens:
        kind = token.type
        if kind in _STYLES:
            opened.append((_STYLES[kind], text.length, str(token.attrGet("href") or "")))
        elif kind.endswith("_close") and opened:
            style, start, address = opened.pop()
            text.spans.append(Span(start, text.length, style))
            if address and "".join(text.parts)[start:] != address:
                text.add(f" ({_shortened(address)})", "answer--address")
        elif kind in ("softbreak", "hardbreak"):
            # Models break lines where they mean to.
            text.add("\n")
        elif kind == "code_inline":
            text.add(token.content, "answer--code")
        elif kind == "math_inline":
            text.add(token.content, "answer--boxed" if token.meta["boxed"] else "answer--math")
        elif kind == "image":
            text.add(f"[image: {token.content}]" if token.content else "[image]", "answer--link")
            text.add(f" ({_shortened(str(token.attrGet('src') or ''))})", "answer--address")
        else:
            text.add(token.content)


def _shortened(address: str) -> str:
    return address if len(address) <= _LONGEST_ADDRESS else address[:_LONGEST_ADDRESS] + "…"
