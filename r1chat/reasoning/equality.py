r"""Whether two final answers say the same, as far as plain arithmetic can tell.

What is written differently but is the same number is the same: ``\frac{1}{2}``, ``1/2``, ``0.5``
and ``50\%``; ``1{,}000``, ``1,000`` and ``1000``. Anything else is compared sign by sign, less what
only sets it: spaces, ``$``, ``\left``, ``\text{…}``, a name in front (``x = 3``).
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
    number, second = value(plain), value(also)
    return number is not None and number == second


def normal(answer: str) -> str:
    """An answer without what only sets it."""
    text = answer.replace("−", "-").replace("\\cdot", "*").replace("×", "*")
    text = _WORDS.sub(r"\1", text)
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
