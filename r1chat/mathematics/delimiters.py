r"""Finds formulas in Markdown."""

from __future__ import annotations

import re
from dataclasses import dataclass

from r1chat.mathematics.formula import LONGEST, render

LONGEST_INLINE = 1000
"""Characters of a formula between single dollars, or of a bare box."""
_ENVIRONMENTS = """
    equation align aligned gather gathered multline split eqnarray alignat array
    matrix pmatrix bmatrix Bmatrix vmatrix Vmatrix cases
"""

# A dollar opens where no space follows it, and closes where none stands before it and no digit
# follows it: pandoc's rule, which leaves "$5 and $10" alone.
_DOLLAR = re.compile(
    rf"\$(?![\s$])((?:[^\\$]|\\.){{1,{LONGEST_INLINE}}})(?<!\s)\$(?!\d)", re.DOTALL
)
_MONEY = re.compile(r"\d[\d.,]*\s+[A-Za-z]{2,}\s[^\\^_=]*\Z")
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_BEGIN = re.compile(rf"\\begin\{{({'|'.join(_ENVIRONMENTS.split())})\*?\}}")
_BOXED = re.compile(r"\\boxed\s?\{")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_SHORT = 30
_LIST_MARKS = " \t>-+*0123456789.)"
_PAIRS = {"$$": "$$", "\\[": "\\]", "\\(": "\\)"}

_FENCE = re.compile(r" {0,3}(?:(`{3,})[^`\n]*|(~{3,})[^\n]*)$")
_TICKS = re.compile(r"`+")
_STOP = re.compile(r"[\\$`]")


@dataclass(frozen=True, slots=True)
class Found:
    """A formula in a text.

    Attributes:
        end: Where the text goes on after it.
        latex: What stands between its delimiters.
        display: Whether it is to stand on lines of its own.
    """

    end: int
    latex: str
    display: bool


def find(text: str, at: int) -> Found | None:
    r"""Reads the formula that begins at a place of a text.

    Args:
        text: The text.
        at: Where a ``$`` or a backslash stands.

    Returns:
        The formula; None where none begins there, or where it has no end (yet).
    """
    opening = text[at : at + 2]
    if opening in _PAIRS:
        end = _closing(text, at + 2, _PAIRS[opening])
        if end < 0 or (_BLANK_LINE.search(text, at, end) and not _stands_alone(text, at, end)):
            return None
        latex = text[at + 2 : end]
        return Found(end + 2, latex, opening != "\\(") if latex.strip() else None
    if opening.startswith("$"):
        found = _DOLLAR.match(text, at)
        if found is None or _MONEY.match(found[1]) or _BLANK_LINE.search(found[1]):
            return None
        return Found(found.end(), found[1], display=False)
    if opening == "\\b":
        return _environment(text, at) or _boxed(text, at)
    return None


def _closing(text: str, at: int, sign: str) -> int:
    """Where a closing sign stands that is no half of a line break, or -1."""
    limit = at + LONGEST
    while (end := text.find(sign, at, limit)) > 0:
        slashes = end
        while slashes > at and text[slashes - 1] == "\\":
            slashes -= 1
        if (end - slashes) % 2 == 0:
            return end
        at = end + 1
    return -1


def _stands_alone(text: str, at: int, end: int) -> bool:
    """Whether a formula has its lines for itself; only then may it have a blank one."""
    first = text.rfind("\n", 0, at) + 1
    behind = text[end : text.find("\n", end) % (len(text) + 1)]
    if text[first:at].strip(_LIST_MARKS) or len(behind) > _SHORT:
        return False
    return not text.startswith("$$", at) or not text[at + 2 : text.find("\n", at)].strip()


def _environment(text: str, at: int) -> Found | None:
    begin = _BEGIN.match(text, at)
    if begin is None:
        return None
    closing = begin[0].replace("\\begin", "\\end", 1)
    end = text.find(closing, begin.end(), begin.end() + LONGEST)
    if end < 0:
        return None
    end += len(closing)
    if _BLANK_LINE.search(text, at, end) and not _stands_alone(text, at, end):
        return None
    return Found(end, text[at:end], display=True)


def _boxed(text: str, at: int) -> Found | None:
    begin = _BOXED.match(text, at)
    if begin is None:
        return None
    depth = 1
    for brace in _BRACE.finditer(text, begin.end(), begin.end() + LONGEST_INLINE):
        depth += (brace[0] == "{") - (brace[0] == "}")
        if depth == 0:
            return Found(brace.end(), text[at : brace.end()], display=False)
    return None


def render_math(markdown_text: str) -> str:
    """Writes the formulas of a Markdown text in signs, in one line each.

    Code is left alone, and so is what is no formula or cannot be read as one.
    """
    out: list[str] = []
    prose: list[str] = []
    fence = ""
    for line in markdown_text.split("\n"):
        mark = _FENCE.match(line)
        sign = (mark[1] or mark[2]) if mark else ""
        if not fence and not sign:
            prose.append(line)
            continue
        if prose:
            out.append(_render_prose("\n".join(prose)))
            prose.clear()
        out.append(line)
        if not fence:
            fence = sign
        elif sign.startswith(fence) and not line.strip().strip(sign[0]):
            fence = ""
    if prose:
        out.append(_render_prose("\n".join(prose)))
    return "\n".join(out)


def _render_prose(text: str) -> str:
    out: list[str] = []
    done = 0
    spans = _code_spans(text)
    stop = _STOP.search(text)
    while stop:
        at = stop.start()
        end = at + 1
        if stop[0] == "`":
            end = spans.get(at) or len(_TICKS.match(text, at)[0]) + at  # type: ignore[index]
        elif found := find(text, at):
            end = found.end
            if formula := render(found.latex):
                out += [text[done:at], formula.text]
                done = end
        elif stop[0] == "\\":
            end = at + 2
        stop = _STOP.search(text, end)
    out.append(text[done:])
    return "".join(out)


def _code_spans(text: str) -> dict[int, int]:
    """Where spans of code begin and end: at runs of as many backticks."""
    runs = [run.span() for run in _TICKS.finditer(text)]
    following: dict[int, int] = {}
    ends: dict[int, int] = {}
    for start, end in reversed(runs):
        length = end - start
        if length in following:
            ends[start] = following[length]
        following[length] = end
    return ends
