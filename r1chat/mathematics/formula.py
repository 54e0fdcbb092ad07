"""Writes a formula."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pylatexenc.latexwalker import LatexWalker, get_default_latex_context_db
from pylatexenc.macrospec import std_macro

from r1chat.mathematics import symbols
from r1chat.mathematics.writer import Writer

LONGEST = 4000
"""Characters of a formula that is written; a longer one stays as it is."""
DEEPEST = 30
"""Groups within groups that are written; the parser is recursive."""
HIGHEST = 40
"""Lines of a formula; a higher one is written in one line."""

_NESTING = re.compile(r"\\.|\\begin|\\end|[{}]", re.DOTALL)
_BARE_PERCENT = re.compile(r"(?<!\\)((?:\\\\)*)%")
_BLANK_LINE = re.compile(r"\n(?:[ \t]*\n)+")
_TWO = """
    frac dfrac tfrac cfrac nicefrac sfrac flatfrac binom dbinom tbinom overset underset stackrel
    cancelto enclose
"""
_ONE = """
    boxed fbox pmod pod mathbb phantom hphantom cancel bcancel xcancel sout underbrace overbrace tag
    label hspace vspace require cline
"""
"""Macros that pylatexenc does not know to take an argument, or two."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula in signs.

    Attributes:
        lines: Its lines, all of one width; one only where it was not to be tall.
        boxed: Whether something in it was boxed, as final answers are.
    """

    lines: tuple[str, ...]
    boxed: bool = False

    @property
    def text(self) -> str:
        """Its lines as one text."""
        return "\n".join(self.lines)


@lru_cache(maxsize=512)
def render(latex: str, *, tall: bool = False) -> Formula | None:
    """Writes a formula in signs.

    Args:
        latex: What stands between the delimiters.
        tall: Whether it may take several lines.

    Returns:
        The formula, or None where it cannot be read: then its source is the best there is to show.
    """
    if not latex.strip() or len(latex) > LONGEST or _depth(latex) > DEEPEST:
        return None
    try:
        # Models write 50% and do not mean a comment.
        source = _BARE_PERCENT.sub(r"\1\%", latex.strip())
        # And mean a new line where they leave one blank.
        source = _BLANK_LINE.sub(r" \\\\ ", source)
        walker = LatexWalker(source, latex_context=_CONTEXT, tolerant_parsing=False)
        nodes, _, _ = walker.get_latex_nodes()
        writer = Writer(tall=tall)
        box = writer.formula(nodes)
        if len(box.lines) > HIGHEST:
            writer = Writer(tall=False)
            box = writer.formula(nodes)
    except Exception:  # noqa: BLE001 - whatever the parser stumbles over, the source can be shown
        return None
    lines = tuple(line.rstrip() if box.flat else line for line in box.lines)
    return Formula(lines, writer.boxed) if any(line.strip() for line in lines) else None


def _depth(latex: str) -> int:
    depth = deepest = 0
    for token in _NESTING.finditer(latex):
        text = token[0]
        if text == "{":
            depth += 1
        elif text == "}":
            depth -= 1
        deepest = max(deepest, depth)
    # Environments, fences and macros that take a macro nest without braces.
    return max(deepest, latex.count("\\begin"), latex.count("\\left") - latex.count("\\leftarrow"))


def _context() -> Any:  # noqa: ANN401 - pylatexenc has no annotations
    context = get_default_latex_context_db()
    faces = symbols.PLAIN | symbols.UPRIGHT | symbols.ACCENTS.keys()
    context.add_context_category(
        "r1chat",
        macros=[
            *(std_macro(name, "{{") for name in _TWO.split()),
            *(std_macro(name, "{") for name in {*_ONE.split(), *faces} - {"operatorname*"}),
            std_macro("operatorname", "*{"),
            *(std_macro(name, "[{") for name in ("color", "bbox")),
            *(std_macro(name, "[{{") for name in ("textcolor", "colorbox")),
            std_macro("fcolorbox", "[{{{"),
            std_macro("xrightarrow", "[{"),
            std_macro("xleftarrow", "[{"),
        ],
        prepend=True,
    )
    return context


_CONTEXT = _context()
