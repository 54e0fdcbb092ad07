"""Finds where in a thought the final answer stands first, as a value of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from typing import NamedTuple

from r1chat.reasoning.equality import measure, normal, value

_NUMBER = re.compile(
    r"\\[dtc]?frac\s*\{(?P<over>\d{1,20})\}\s*\{(?P<under>\d{1,20})\}"
    r"|(?P<plain>(?:(?<![\w.)\]}])[-−]|(?<=[(\[{=,:])[-−])?"
    r"(?<![\d.])(?:\d(?:[\d,]|\{,\}|\.(?=\d))*|\.\d+))(?P<percent>\s?\\?%)?"
)
_DIVIDED = re.compile(r"\s?/\s?(?P<under>\d{1,20})(?!\d|\.\d)")
_LINE = re.compile(r"(?:\A|\n)[ \t>*#]{0,10}\Z")
_ITEM = re.compile(r"[.)]\s")
"""Behind the number of an item of a list, which begins a line."""
_NAMED = re.compile(
    r"[A-Za-z_^]\Z|\b(?:step|case|part|method|approach|equation|condition)s?\s\(?\Z", re.IGNORECASE
)
"""Before a number that is a part of a name, or an exponent."""
_LONGEST_NAME = 12
_LAYOUT = re.compile(r"\s+|\\(?:text|textbf|mathrm|mathbf|mbox)\s*\{|\\[,;: ]|[{}$~]")
"""What may stand between the signs of a value, and makes no other of it."""
_SHORT_UNIT = re.compile(
    r"(?P<number>[-−]?\d[\d,]*(?:\.\d+)?)\s?(?:°\s?[CF]?|(?:\s|\\[,;])\s?[kMcdmµn]?[mgslLNJWVAKhC]"
    r"(?:\s?[/·]\s?[a-z]{1,3})?(?:\^?\{?[23]\}?|[²³])?)"
)
"""A number with a unit of a letter or two, which might be a variable elsewhere."""
_UNIT = re.compile(
    r"(?:\s|\\(?:text|mathrm|mbox)\s?\{|\\[,;: ]|[$~]){0,4}"
    r"(?P<unit>[^\W\d_]{3,}s\b|[^\W\d_]{2,}(?=\s?(?:per\b|/)))"
)
"""What surely is a unit behind a number: something in the plural, or something per something."""
_CHOICE = re.compile(r"\(?[A-Za-z]\)?\.?")
_VERDICTS = ("yes", "no", "true", "false", "none")
_SAID = re.compile(
    r"(?:\b(?:answer|option|choice|choose|pick|conclusion|correct|be|is)\b[^.\n\w]{0,6}(?:is|are|be|it)?"
    r"|boxed\{(?:\\text\{)?|=|答案(?:是|为)?|选(?:择|项)?)\W{0,6}\Z",
    re.IGNORECASE,
)
"""Before a letter or a verdict that is the answer, and not a word among others."""
_RESULT = re.compile(
    r"(?:[=≈≡→]|boxed\{|\*\*|[得剩]|\b(?:gets?|gives?|giving|equals?|makes?|yields?|leaves?|leaving"
    r"|obtain|becomes?|answer|total|result)\b(?:\s+(?:is|of|be))?"
    r"|(?:\b(?:so|therefore|thus|hence|largest|smallest|larger|smaller"
    r"|greatest|greater|biggest|bigger|highest|lowest|longest|shortest|best)\b|所以|因此)[^.!?\n]{0,80}(?:\b(?:is|are|be)\b|[是为有成]))"
    r"[\s\\(\[{$*:：]{0,6}(?:(?:only|just|exactly|now|about|a|the)\s+){0,2}[$£€¥]?\Z",
    re.IGNORECASE,
)
"""Before a value that comes out, where the question gives the same one."""
_OPERAND = re.compile(r"(?:[-+*/×÷^·−]|\\(?:times|cdot|div))\s?\Z")
_OPERATES = re.compile(
    r"[A-Za-z(](?![A-Za-z])|\s?(?:[*/×÷^·]|[-+−]\s?[\w(\\]|!|\\(?:times|cdot|div))"
)
"""Before and behind a number that is only reckoned with."""
_LONGEST_FINAL = 64
_LONGEST_NUMBER = 60
_BEFORE = 100
"""Characters before a place that are looked at."""


def first_place(thought: str, final: str, question: str = "") -> tuple[int, int] | None:
    """Finds where a final answer stands first as a value of its own.

    A number counts however it is written, and never as a part of another. One that the question
    gives counts only where it is said to come out.

    Args:
        thought: The thought.
        final: The final answer.
        question: What was asked.

    Returns:
        Where it begins and ends, in characters of the thought.
    """
    number, unit = measure(final)
    short = _SHORT_UNIT.fullmatch(final.strip())
    if number is None and short is not None:
        number = value(normal(short["number"]))
    if number is None:
        places = _text_places(thought, final)
        given = next(_text_places(question, final), None) is not None
    else:
        places = (
            (each.start, each.end)
            for each in _values(thought)
            if each.number == number and not _has_other_unit(thought, each.end, unit)
        )
        given = any(each.number == number for each in _values(question))
    if _CHOICE.fullmatch(final.strip()) or final.strip().lower() in _VERDICTS:
        return next((place for place in places if _is_said(thought, place)), None)
    first = next(places, None)
    if first is None:
        return None
    stands = _comes_out if given else _stands_alone
    # A number of the question that never comes out is no answer.
    other = None if given and number is not None else first
    return next((p for p in chain([first], places) if stands(thought, p)), other)


class _Value(NamedTuple):
    """A number in a thought."""

    number: Fraction
    start: int
    end: int


def _values(text: str) -> Iterator[_Value]:
    """The numbers of a text, each as a whole: fractions, thousands, percentages."""
    for found in _NUMBER.finditer(text):
        start, end = found.span()
        if found["plain"] is None:
            if int(found["under"]):
                yield from _fraction(Fraction(int(found["over"]), int(found["under"])), start, end)
            continue
        written = found["plain"].rstrip(",")
        if not found["percent"]:
            end = start + len(written)
        number = None
        begins_line = _LINE.search(text, max(0, start - _LONGEST_NAME), start)
        if begins_line and _ITEM.match(text, end):
            continue
        if len(written) <= _LONGEST_NUMBER and not _NAMED.search(
            text, max(0, start - _LONGEST_NAME), start
        ):
            number = value(normal(written + (found["percent"] or "").strip()))
        if number is None:
            continue
        divided = _DIVIDED.match(text, end)
        if divided and int(divided["under"]):
            yield from _fraction(number / int(divided["under"]), start, divided.end())
        yield _Value(number, start, end)


def _fraction(number: Fraction, start: int, end: int) -> Iterator[_Value]:
    if number.denominator > 1:
        # What a division comes to stands behind it.
        yield _Value(number, start, end)


def _text_places(text: str, final: str) -> Iterator[tuple[int, int]]:
    """Where a final answer that is no number stands, however it is set."""
    signs = _LAYOUT.sub("", final).rstrip(".")
    if not signs or len(signs) > _LONGEST_FINAL:
        return
    before = r"(?<!\w)" if signs[0].isalnum() and signs[0].isascii() else ""
    after = r"(?!\w)" if signs[-1].isalnum() and signs[-1].isascii() else ""
    first, last = re.compile(before), re.compile(after)
    # Looked for in the signs alone: a pattern with layout in all places can take for ever.
    bare, places = _signs(text)
    # "A" is a choice, and "a" a word.
    flags = re.IGNORECASE if len(signs) > 1 else 0
    for found in re.finditer(re.escape(signs), bare, flags):
        start, end = places[found.start()], places[found.end() - 1] + 1
        if first.match(text, start) and last.match(text, end):
            yield start, end


def _signs(text: str) -> tuple[str, list[int]]:
    """A text without what only sets it, and where each of its signs stands in it."""
    places: list[int] = []
    at = 0
    for layout in _LAYOUT.finditer(text):
        places += range(at, layout.start())
        at = layout.end()
    places += range(at, len(text))
    return "".join(map(text.__getitem__, places)), places


def _has_other_unit(text: str, end: int, unit: str) -> bool:
    """Whether a number is of something else than the answer."""
    found = _UNIT.match(text, end, end + _BEFORE) if unit else None
    if found is None:
        return False
    number, other = measure(f"1 {found['unit']}")
    return number is not None and other != unit


def _is_said(text: str, place: tuple[int, int]) -> bool:
    return _SAID.search(text, max(0, place[0] - _BEFORE), place[0]) is not None


def _stands_alone(text: str, place: tuple[int, int]) -> bool:
    start, end = place
    before = _OPERAND.search(text, max(0, start - _BEFORE), start)
    return before is None and _OPERATES.match(text, end) is None


def _comes_out(text: str, place: tuple[int, int]) -> bool:
    if not _stands_alone(text, place):
        return False
    return _RESULT.search(text, max(0, place[0] - _BEFORE), place[0]) is not None
