"""Parses Markdown emphasis as models mean it: not in arithmetic or names, also in Chinese.

CommonMark reads ``3*4*5`` as emphasis, and ``**注意：**我们`` as none, because it was made for
languages with spaces between words. `use` gives a markdown-it parser other rules for which runs of
``*``, ``_`` and ``~~`` begin and end emphasis; pairing them is left to markdown-it.

An asterisk that is taken for text is shown, and nothing is lost; one that is wrongly taken for
emphasis vanishes, and 3*4*5 becomes 345. So what could be arithmetic is text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.common.utils import isPunctChar
from markdown_it.rules_inline import StateInline, emphasis, strikethrough
from markdown_it.token import Token

_OPENING = frozenset("([{")
_BEGINNING = frozenset("([{√∛∜∞∑∏∫∂")
"""What begins an operand, besides letters and digits."""
_CLOSING = frozenset(")]}")
_AFTER_OPERANDS = frozenset(")]}$`.!%°′″/\\")
"""What ends an operand, a formula, a file name: an asterisk behind it multiplies."""
_BEFORE_OPERANDS = frozenset("([{$`")

_IDENTIFIER = re.compile(r"__([A-Za-z]\w{0,60}?)__(?!\w)", re.ASCII)
_UNFINISHED = re.compile(r"(?<![\\*_])[ \t]*[*_]+\Z")
_NUMBER_BETWEEN = re.compile(r"[\d.]+\*\s*[\d(]")
_ONE_WORD = re.compile(r"\*\*\(?\w+\)?\Z")
_POWER = re.compile(r"[\w(√∛∜∞∑∏∫∂](?:[\w()\[\].!^√∛∜∞∑∏∫∂]| ?[-+*/=](?!\*) ?)*\*\*")
"""What follows two asterisks that are a power, up to the next two."""
_EQUALS_BEFORE = re.compile(r"[=＝]\s*[^\s=＝，。；：、！？]*\Z")
_EQUALS_AFTER = re.compile(r"[^\s=＝，。；：、！？]*\s*[=＝]")
_REACH = 80
"""Characters to either side that can say what an asterisk is."""
_STRONG = 2
_RUN_OR_END = re.compile(r"(?<!\\)(\*+|_+)|\n[ \t]*\n")
_OPEN = "emphasis_open"


class Run(NamedTuple):
    """What a run of signs can do."""

    opens: bool
    closes: bool


def use(parser: MarkdownIt) -> None:
    """Gives a parser these rules."""
    parser.inline.ruler.at("emphasis", _emphasis)
    parser.inline.ruler.at("strikethrough", _strikethrough)
    parser.inline.ruler2.after("balance_pairs", "emphasis_open", _note_open)


def run_at(text: str, start: int, end: int) -> Run:
    """Says what a run of one sign can do.

    Args:
        text: The text around it.
        start: Where it begins.
        end: Where it ends.
    """
    before = text[start - 1] if start else " "
    after = text[end] if end < len(text) else " "
    flanking = Run(_faces(after, before), _faces(before, after))
    sign = text[start]
    if sign == "_":
        return _underscores(before, after, flanking)
    if sign == "~":
        return flanking
    if before == after == "/":
        return Run(opens=False, closes=False)
    if end - start == 1:
        return _asterisk(text, start, flanking)
    return _asterisks(text, start, end)


def escaped(text: str, protected: Iterable[re.Match[str]] = ()) -> str:
    """Escapes, for parsers of others, what they would take for emphasis and is none here.

    Args:
        text: The text.
        protected: What stays as it is, code and formulas, in order.
    """
    theirs = StateInline(text, _commonmark(), {}, [])
    out: list[str] = []
    done = 0
    for start, end in _literal(text, [found.span() for found in protected]):
        scanned = theirs.scanDelims(start, canSplitWord=text[start] == "*")
        if scanned.can_open or scanned.can_close:
            out += [text[done:start], re.sub("([*_])", r"\\\1", text[start:end])]
            done = end
    return "".join([*out, text[done:]])


def _literal(text: str, protected: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The runs of signs that neither begin nor end emphasis here."""
    literal: list[tuple[int, int]] = []
    opened: dict[str, list[tuple[int, int]]] = {"*": [], "_": []}
    done = 0
    for found in _RUN_OR_END.finditer(text):
        start, end = found.span()
        while protected and protected[0][1] <= start:
            protected.pop(0)
        if start < done or (protected and protected[0][0] <= start):
            continue
        if not found[1]:
            literal += opened["*"] + opened["_"]
            opened = {"*": [], "_": []}
            continue
        if length := _identifier(text, start):
            done = start + length
            literal.append((start, done))
            continue
        run = run_at(text, start, end)
        if run.closes and opened[text[start]]:
            opened[text[start]].pop()
        elif run.opens:
            opened[text[start]].append((start, end))
        else:
            literal.append((start, end))
    return sorted(literal + opened["*"] + opened["_"])


@cache
def _commonmark() -> MarkdownIt:
    return MarkdownIt("commonmark")


def parse_growing(parser: MarkdownIt, text: str) -> list[Token]:
    """Reads a paragraph whose end is still being written, its strong emphasis closed.

    Args:
        parser: A parser with these rules.
        text: The paragraph so far.

    Returns:
        Its inline tokens.
    """
    text = _UNFINISHED.sub("", text)
    env: dict[str, object] = {}
    tokens = parser.parseInline(text, env)
    if signs := env.get(_OPEN):
        tokens = parser.parseInline(f"{text}{signs}", {})
    return tokens[0].children or []


# What stands around a run.


@lru_cache(maxsize=4096)
def _is_cjk(sign: str) -> bool:
    """Whether a sign belongs to a script that is written without spaces, or to Korean."""
    wide = unicodedata.east_asian_width(sign) in "WFH"
    return wide and unicodedata.category(sign) != "So"


def _is_word(sign: str) -> bool:
    return sign.isalnum() and not _is_cjk(sign)


def _faces(inside: str, outside: str) -> bool:
    """Whether a run stands at the edge of what is inside: CommonMark's rule, friendly to CJK."""
    if inside.isspace():
        return False
    if _is_cjk(inside) or not isPunctChar(inside):
        return True
    return outside.isspace() or isPunctChar(outside) or _is_cjk(outside)


def _identifier(text: str, at: int) -> int:
    """The length of a name such as __init__ that begins at a place, or 0."""
    found = _IDENTIFIER.match(text, at)
    if found is None or (at and text[at - 1].isalnum()):
        return 0
    name = found[1]
    return len(found[0]) if name in (name.lower(), name.upper()) or "_" in name else 0


def _underscores(before: str, after: str, flanking: Run) -> Run:
    opens = flanking.opens and (not flanking.closes or isPunctChar(before))
    closes = flanking.closes and (not flanking.opens or isPunctChar(after))
    # f(x)_n and x_(n) are subscripts.
    return Run(opens and before not in _CLOSING, closes and after not in _OPENING)


def _asterisk(text: str, at: int, flanking: Run) -> Run:
    before = text[at - 1] if at else " "
    after = text[at + 1] if at + 1 < len(text) else " "
    opens = flanking.opens and after not in _CLOSING
    closes = flanking.closes and not _is_bracket(before) and after not in _BEFORE_OPERANDS
    if before in _AFTER_OPERANDS or _is_symbol(before) or (after == "." and before != " "):
        opens = False
    if _is_word(before) and not (before.isalpha() and _is_cjk(after) and after.isalpha()):
        opens = False
    if (_is_word(after) and not _is_cjk(before)) or _is_symbol(after):
        closes = False
    if after in "-−" and not _is_words(text, at - 1):
        closes = False
    if _is_cjk(before) and before.isalpha():
        opens = opens and not after.isdecimal() and not _in_equation(text, at)
    if _is_cjk(before) and _is_cjk(after):
        closes = closes and not _in_equation(text, at)
    if opens and before.isspace() and _NUMBER_BETWEEN.match(text, at + 1):
        operand = text[max(0, at - _REACH) : at].rstrip(" ")[-1:]
        opens = not (operand.isdecimal() or operand == ")")
    return Run(opens, closes)


def _is_words(text: str, last: int) -> bool:
    """Whether a word of two letters or more ends at a place, and not the name of a variable."""
    return last > 0 and text[last - 1 : last + 1].isalpha()


def _is_bracket(sign: str) -> bool:
    """Whether a sign is an opening bracket, of whatever script; a quotation mark may be either."""
    return unicodedata.category(sign) == "Ps"


def _is_symbol(sign: str) -> bool:
    """Whether a sign is mathematical, as ∞, and no fence of Markdown's."""
    return sign not in "|~<>" and unicodedata.category(sign) == "Sm"


def _in_equation(text: str, at: int) -> bool:
    """Whether an asterisk between words without spaces belongs to a formula, as in 面积=长*宽."""
    before = text[max(0, at - _REACH) : at]
    after = text[at + 1 : at + 1 + _REACH]
    return bool(_EQUALS_BEFORE.search(before) or _EQUALS_AFTER.match(after))


def _asterisks(text: str, start: int, end: int) -> Run:
    before = text[start - 1] if start else " "
    after = text[end] if end < len(text) else " "
    operand = _is_word(before) or before in ")]}$`"
    operand_behind = _is_word(after) or after in _BEGINNING
    if (
        before in "!%°′"
        and operand_behind
        and (after.isdecimal() or not _is_words(text, start - 2))
    ):
        return Run(opens=False, closes=False)
    # Behind a word or a bracket it is a power.
    opens = not after.isspace() and (not operand or _is_cjk(after))
    closes = not before.isspace() and not _is_bracket(before)
    if closes and operand and operand_behind:
        closes = _ends_words(text[max(0, start - _REACH) : start], text[end : end + _REACH])
    return Run(opens, closes)


def _ends_words(before: str, after: str) -> bool:
    """Whether two asterisks in the middle of a word end strong words, and are no power."""
    if after[0].isdecimal() or _POWER.match(after):
        return False
    if _is_words(before, len(before) - 1):
        return True
    return bool(_ONE_WORD.search(before))


# markdown-it's rules.


def _emphasis(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - markdown-it's signature
    start = state.pos
    if length := _identifier(state.src, start):
        if not silent:
            state.pending += state.src[start : start + length]
        state.pos += length
        return True
    known = len(state.delimiters)
    if not emphasis.tokenize(state, silent):
        return False
    _decide(state, start, known)
    return True


def _strikethrough(state: StateInline, silent: bool) -> bool:  # noqa: FBT001
    start, known = state.pos, len(state.delimiters)
    if not strikethrough.tokenize(state, silent):
        return False
    _decide(state, start, known)
    return True


def _decide(state: StateInline, start: int, known: int) -> None:
    run = run_at(state.src, start, state.pos)
    for delimiter in state.delimiters[known:]:
        delimiter.open, delimiter.close = run


def _note_open(state: StateInline) -> None:
    """Notes what would close the strong emphasis that begins in a text and does not end there."""
    signs = ""
    for each in state.delimiters:
        if each.open and each.end < 0 and each.marker == ord("*"):
            # Behind *args, ** begins nothing either.
            if not signs and each.length != _STRONG:
                break
            signs += "*"
    state.env[_OPEN] = signs
