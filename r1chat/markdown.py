"""The parser: CommonMark with tables, strikethrough and formulas; without HTML.

HTML is text here, so that nothing an answer says is swallowed. Links and images load and open
nothing; they are shown with their address.
"""

from __future__ import annotations

import re
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from r1chat import emphasis
from r1chat.mathematics import find, render

_MOST_LINES = 100
_BLOCK_OPENINGS = ("$$", "\\[", "\\b")
_AFTER = " \t.,;:"
_PARAGRAPH_END = re.compile(r"\n[ \t]*\n[ \t]*\Z")


def parse(source: str, *, growing: bool = False) -> list[Token]:
    """Reads Markdown.

    Args:
        source: The text.
        growing: Whether its end is still being written. Signs at its very end may not be complete
            and are left out, and strong emphasis counts as closed, so that nothing changes its
            looks when the rest arrives.
    """
    tokens = _parser().parse(source)
    if growing and not _PARAGRAPH_END.search(source):
        last = next((token for token in reversed(tokens) if token.nesting >= 0), None)
        if last is not None and last.type == "inline":
            last.children = emphasis.parse_growing(_parser(), last.content)
    return tokens


def parse_inline(source: str) -> list[Token]:
    """Reads the text of a paragraph, or a part of it."""
    return _parser().parseInline(source)[0].children or []


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": 20})
    parser.enable(["table", "strikethrough"])
    emphasis.use(parser)
    # What is no HTML would be hidden as such.
    parser.disable(["html_block", "html_inline"])
    parser.block.ruler.before(
        "fence",
        "math_block",
        _math_block,
        {"alt": ["paragraph", "reference", "blockquote", "list"]},
    )
    parser.inline.ruler.before("escape", "math_inline", _math_inline)
    return parser


def _math_inline(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - markdown-it's signature
    sign = state.src[state.pos]
    if sign not in "$\\":
        return False
    found = find(state.src, state.pos)
    if found is None:
        # An opening that is not closed yet is shown as it stands, not as an escaped bracket.
        opening = state.src[state.pos : state.pos + 2]
        if opening not in ("\\(", "\\["):
            return False
        if not silent:
            state.pending += opening
        state.pos += 2
        return True
    if not silent:
        formula = render(found.latex)
        token = state.push("math_inline", "", 0)
        token.content = formula.text if formula else state.src[state.pos : found.end]
        token.meta = {
            "boxed": formula is not None and formula.boxed,
            "source": (state.pos, found.end),
        }
    state.pos = found.end
    return True


def _math_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001
    first = state.bMarks[start] + state.tShift[start]
    if not state.src.startswith(_BLOCK_OPENINGS, first):
        return False
    lines: list[str] = []
    for at in range(start, min(end, start + _MOST_LINES)):
        begin = state.bMarks[at] + state.tShift[at]
        line = state.src[begin : state.eMarks[at]]
        if at > start and line and state.sCount[at] < state.blkIndent:
            break
        lines.append(line)
        text = "\n".join(lines)
        found = find(text, 0) if line else None
        if found is None:
            continue
        if not found.display or text[found.end :].strip(_AFTER):
            break
        if not silent:
            token = state.push("math_block", "", 0)
            token.content, token.markup = found.latex, text
            token.map = [start, at + 1]
            state.line = at + 1
        return True
    return False
