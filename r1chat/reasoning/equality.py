r"""Compares two final answers by plain arithmetic and notation.

What is written differently but is the same number is the same: ``\frac{1}{2}``, ``1/2``, ``0.5``
and ``50\%``; ``1{,}000``, ``1,000`` and ``1000``. A number with a unit is the same as the number
alone: ``18 dollars``, ``\$18`` and ``18``; two units have to agree. Anything else is compared sign
by sign, less what only sets it: spaces, ``$``, ``\left``, ``\text{…}``, a name in front as in
``x = 3``.
"""

from __future__ import annotations

import re
from fractions import Fraction

LONGEST = 400
"""Characters of an answer that are looked at; a longer one is only the same as itself."""
_LONGEST_NUMBER = 60
_WORDS = re.compile(r"\\(?:text|textbf|mathrm|mathbf|mbox|operatorname)\s*\{([^{}]*)\}")
_FRACTION = re.compile(r"\\[dtc]?frac\s*(?:\{([^{}]+)\}\s*\{([^{}]+)\}|(\d)\s*(\d))")
_LAYOUT = re.compile(r"\\(?:left|right|displaystyle|[,;:!> ])|[\s$~]|\{,\}")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_NAME = re.compile(r"[A-Za-z]=(?=.)")
_NUMBER = re.compile(r"([+-]?)(\d+(?:\.\d*)?|\.\d+)(?:/(\d+(?:\.\d*)?))?(\\?%)?")
_WITH_UNIT = re.compile(
    r"(?P<number>[-+−]?(?:\\?[$£€¥]\s*)?\d[\d,]*(?:\.\d+)?(?:\s*/\s*\d+)?|\\[dtc]?frac\{\d+\}\{\d+\})"
    r"(?:\s+|(?<=\d)(?=[a-zA-Z]{2}))"
    r"(?P<unit>[^\W\d_]{2,}(?:[ -](?!(?i:that|which|who|and|or|is|are)\b)[^\W\d_]+){0,3})"
)
"""A number with a word or several behind it. One letter may be a variable."""
_NO_UNITS = re.compile(
    r"(?i:pi|sin|cos|tan|log|ln|exp|sqrt|sum|or|and|to|mod|of|in|is|out|over|plus|minus|times|than|more"
    r"|less|million|billion|thousand|hundred|dozen|pair|percent|if|not|infty)\b.*"
)
"""First words behind a number that change what it is."""
_SHORTEST_PLURAL = 3
_CURRENCY = re.compile(r"\\?[$£€¥]|(?<![a-z])(?:US|USD|EUR|GBP)(?=\s*[$£€¥\d])")
_DEGREES = re.compile(r"\^(?:\{\\circ\}|\\circ)|°")


def same_answer(one: str, other: str) -> bool:
    """Whether two final answers say the same.

    Args:
        one: An answer as the model wrote it, e.g. what stands in its box.
        other: Another.
    """
    if one == other:
        return True
    if len(one) > LONGEST or len(other) > LONGEST:
        return False
    plain, also = normal(one), normal(other)
    if plain == also:
        return True
    number, unit = measure(one)
    second, other_unit = measure(other)
    if number is None or number != second:
        return False
    return not unit or not other_unit or unit == other_unit


def measure(answer: str) -> tuple[Fraction | None, str]:
    """Reads a number with or without a unit.

    Returns:
        The number, None where the answer is none; and the unit's first word, or nothing.
    """
    number = value(normal(answer))
    if number is not None:
        return number, ""
    text = _WORDS.sub(r" \1 ", answer.replace("\\ ", " ").replace("~", " ")).strip(" .$\n")
    found = _WITH_UNIT.fullmatch(text)
    if found is None or _NO_UNITS.fullmatch(found["unit"]):
        return None, ""
    return value(normal(found["number"])), _singular(found["unit"])


def _singular(unit: str) -> str:
    """A unit's first word in one form: "Dollars per day" and "dollar" are the same unit."""
    word = unit.split(maxsplit=1)[0].lower()
    return word[:-1] if word.endswith("s") and len(word) > _SHORTEST_PLURAL else word


def normal(answer: str) -> str:
    """An answer without what only sets it."""
    text = answer.replace("−", "-").replace("\\cdot", "*").replace("×", "*")
    text = _CURRENCY.sub("", _WORDS.sub(r"\1", text))
    text = _FRACTION.sub(lambda m: f"({m[1] or m[3]})/({m[2] or m[4]})", text)
    text = text.replace(r"\dfrac", r"\frac").replace(r"\tfrac", r"\frac")
    text = re.sub(r"\((\d+)\)/\((\d+)\)", r"\1/\2", text)
    text = _DEGREES.sub("", _LAYOUT.sub("", text))
    text = _NAME.sub("", _THOUSANDS.sub("", text), count=1)
    return text.rstrip(".").lower()


def value(text: str) -> Fraction | None:
    """The number that a normal answer is; None if it is none."""
    match = _NUMBER.fullmatch(text) if len(text) <= _LONGEST_NUMBER else None
    if match is None:
        return None
    number = Fraction(match[2].rstrip(".") or "0")
    if match[3] is not None:
        below = Fraction(match[3].rstrip("."))
        if not below:
            return None
        number /= below
    if match[4]:
        number /= 100
    return -number if match[1] == "-" else number
