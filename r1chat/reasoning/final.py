r"""Finds the final answer of a reply: the one value that it comes to.

Votes, `r1chat eval`, answer previews and JSON all ask `final_answer`, which looks in this order:

1. the last ``\boxed{…}`` of the answer;
2. what stands between ``<answer>`` and ``</answer>``;
3. what follows "final answer is", "answer:" and the like;
4. the answer's last line, if it is a value: a number, with a unit or not, a formula, a choice such
   as "(B)", or an equation that ends in one; or a whole answer of a word or a few; or the
   value in bold that a sentence ends in, as "The sum is **42**.", if no other value in it is bold;
5. the last ``\boxed{…}`` of the thought, and then it says so.

No other sentence is a final answer: where the number in it stands for something else, it would be
wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from r1chat.reasoning.equality import measure

Source: TypeAlias = Literal["answer", "thought"]

# One pass over these, so that no text, however broken, costs much more than its length. Two
# backslashes before "boxed" are what is left of one where a model quotes as if for a program.
_TOKEN = re.compile(r"\\{1,2}(?P<box>boxed|fbox)(?![A-Za-z])\s*(?P<brace>\{)?|\\.|[{}]", re.DOTALL)
# TeX boxes a single sign where no brace follows; models mean the whole number.
_BARE = re.compile(r"[-+−]?[0-9][0-9.,/]*%?|[A-Za-z](?![A-Za-z])")

_AROUND = "$ \t\r\n"
_EMPHASIS = "*_` \t"
_AFTER = _AROUND + ".,;:"
_END = 4_000
"""Characters at the end of an answer in which phrases and values are looked for."""
_WRAPPED = re.compile(r"<((?:verifier_)?answer)>(.{1,2000}?)</\1>", re.DOTALL | re.IGNORECASE)
_PHRASE = re.compile(
    r"(?:^[#>*_ \t-]{0,8}|\b(?:the|my|our|final|correct)[*_ \t]{1,4})answer\b"
    r"(?: to [^.\n:=]{1,80}?)?[*_ \t]{0,8}(?:\bis\b|=|:)[*_ \t:]{0,8}(?=(?P<rest>[^\n]{1,200}))",
    re.IGNORECASE | re.MULTILINE,
)
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)")
_NO_NOUN = re.compile(
    r"(?:that|to|not|as|in|on|given|found|correct|wrong|unknown|because|therefore|also|simply|just)\b",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"\b(?:is|are|was|were|am|be|has|have|had|can|cannot|makes?|gets?|i|you|we)\b|[?<>]|n't\b",
    re.IGNORECASE,
)
"""What a few words have in them that say more than a name does."""
_IT_IS = re.compile(r"(?:so |thus,? |then )?(?:it|that|this|which)(?: is|'s) ", re.IGNORECASE)
_BOLD = re.compile(r"\*\*([^*]{1,80})\*\*")
_BOLD_END = re.compile(r"\*\*[.!。]?$")
_MARKS = re.compile(r"^(?:(?:[#>•-]+\s+)+|\d{1,2}[.)]\s+(?=\S))")
_CHOICE = re.compile(r"\(?([A-Za-z])\)?")
_FORMULA = re.compile(
    r"\\\((?P<a>.{1,400})\\\)|\\\[(?P<b>.{1,400})\\\]|\${1,2}(?P<c>[^$]{1,400})\${1,2}"
)
_NO_CONTENT = re.compile(r"[\s$`*_\-=#]*|\\[\])]|<[^>]*>")
_FEW_WORDS = 4


@dataclass(frozen=True, slots=True)
class Final:
    """A final answer, and where it stands."""

    text: str
    """As it was written, less the ``$`` around it and the punctuation after it."""
    source: Source


def final_answer(answer: str, thought: str = "") -> Final | None:
    """Finds the final answer of a reply.

    Args:
        answer: The reply's answer.
        thought: Its thought, whose last box counts where the answer has no final answer.
    """
    found = last_box(answer) or _unboxed(answer[-_END:])
    if found is not None:
        return Final(found, "answer")
    boxed = last_box(thought)
    return None if boxed is None else Final(boxed, "thought")


def last_box(text: str) -> str | None:
    r"""Finds the content of the last ``\boxed{…}`` or ``\fbox{…}`` that is closed and not empty.

    Args:
        text: An answer, a thought or a solution.

    Returns:
        The content as it was written, less the ``$`` around it and the punctuation after it; None
        where there is none. Of boxes within a box the innermost last one counts.
    """
    if "box" not in text:
        return None
    for start, end in sorted(_boxes(text), reverse=True):
        content = _tidy(text[start:end])
        if content:
            return content
    return None


def open_boxes(text: str) -> int:
    """How many braces are open at the end of a text, from its outermost unclosed box on."""
    _, open_braces = _scan(text)
    first = next((at for at, start in enumerate(open_braces) if start is not None), None)
    return 0 if first is None else len(open_braces) - first


def _unboxed(text: str) -> str | None:
    """The final answer at the end of a text without a box."""
    wrapped = [found[2] for found in _WRAPPED.finditer(text)]
    if wrapped:
        inside = wrapped[-1].strip()
        return _unboxed(inside) or (_tidy(inside) or None if "\n" not in inside else None)
    phrases = list(_PHRASE.finditer(text))
    for found in reversed(phrases):
        value = _after_phrase(found["rest"])
        if value is not None:
            return value
    lines = [row.strip() for row in text.split("\n") if not _NO_CONTENT.fullmatch(row.strip())]
    if not lines:
        return None
    last = _plain(lines[-1])
    words = len(last.split())
    value = _value(_IT_IS.sub("", last, count=1))
    if value is None:
        value = _bold_end(lines[-1])
    whole = len(lines) == 1 and words <= _FEW_WORDS and "**" not in last
    if value is None and whole and not _CLAUSE.search(last):
        return _tidy(last) or None
    return value


def _bold_end(line: str) -> str | None:
    """The value in bold that a line ends in, where it is the only one."""
    if not _BOLD_END.search(line):
        return None
    *before, last = [_value(bold) for bold in _BOLD.findall(line)] or [None]
    return last if not any(before) else None


def _after_phrase(rest: str) -> str | None:
    """What an answer was said to be: a value, or a few words that are no clause."""
    whole = _SENTENCE_END.split(rest.strip(_EMPHASIS), maxsplit=1)[0].strip(_EMPHASIS)
    value = _value(whole) or _leading_number(whole)
    if value is not None:
        return value
    clause = _NO_NOUN.match(whole) or _CLAUSE.search(whole)
    few = len(whole.split()) <= _FEW_WORDS and not clause and "boxed" not in whole
    return _tidy(whole) or None if few else None


def _leading_number(text: str) -> str | None:
    """The number that a phrase begins with, e.g. of "18 eggs that she can sell"."""
    found = re.match(r"[-+−]?\\?[$£€]?\d[\d,]*(?:\.\d+)?(?:/\d+)?%?(?![\w.^*/+−=-])", text)
    return None if found is None else _tidy(found[0])


def _value(text: str) -> str | None:
    """A text that is a value as a whole, or an equation that ends in one; else None."""
    text = text.strip().rstrip(".")
    choice = _CHOICE.fullmatch(text)
    if choice is not None:
        return choice[1]
    formula = _FORMULA.fullmatch(text)
    if formula is not None:
        inside = (formula["a"] or formula["b"] or formula["c"]).strip()
        return _right_side(inside) or _tidy(inside) or None
    if measure(text)[0] is not None:
        return _tidy(text)
    return _right_side(text)


def _right_side(text: str) -> str | None:
    """The value that an equation ends in."""
    left, equals, right = text.rpartition("=")
    if not equals or left.rstrip().endswith(("<", ">", "!", "\\ne")):
        return None
    right = right.strip(_AROUND + "()\\[]*")
    return _tidy(right) if measure(right)[0] is not None else None


def _plain(text: str) -> str:
    """A line of Markdown without the marks of lists, headings and emphasis around it."""
    return _MARKS.sub("", text.strip(_EMPHASIS), count=1).strip(_EMPHASIS)


def _boxes(text: str) -> list[tuple[int, int]]:
    return _scan(text)[0]


def _scan(text: str) -> tuple[list[tuple[int, int]], list[int | None]]:
    """Finds the closed boxes; and of the braces open at the end, where the contents of boxes begin.

    A brace that belongs to no box is None.
    """
    boxes: list[tuple[int, int]] = []
    open_braces: list[int | None] = []
    for token in _TOKEN.finditer(text):
        if token["box"] and token["brace"]:
            open_braces.append(token.end())
        elif token["box"]:
            bare = _BARE.match(text, token.end())
            if bare:
                boxes.append(bare.span())
        elif token[0] == "{":
            open_braces.append(None)
        elif token[0] == "}" and open_braces:
            start = open_braces.pop()
            if start is not None:
                boxes.append((start, token.start()))
    return boxes, open_braces


def _tidy(text: str) -> str:
    text = text.lstrip(_AROUND)
    short = text.rstrip(_AFTER)
    # The sign after a backslash belongs to it: \$ and \, are commands.
    return text[: len(short) + 1] if short.endswith("\\") else short
