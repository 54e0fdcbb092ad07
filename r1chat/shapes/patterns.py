"""Translates a regular expression into GBNF for the inside of a JSON string.

What JSON writes with a backslash, a quote or a line break, is written so. Understood is what
JSON schemas recommend: characters, sets, groups, alternatives, and repetitions; not what looks
around, and no references back. A pattern that is not anchored matches anywhere.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NoReturn, TypeAlias

Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""Characters, as ranges of code points in order."""

_LAST = 0x10FFFF
_RAW: Ranges = ((0x20, 0x21), (0x23, 0x5B), (0x5D, 0x7E), (0x80, 0xD7FF), (0xE000, _LAST))
"""What stands in a JSON string as it is."""
_ESCAPED = {0x22: '\\"', 0x5C: "\\\\", 0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t"}
_DIGITS: Ranges = ((0x30, 0x39),)
_WORD: Ranges = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_SPACE: Ranges = ((0x09, 0x0A), (0x0D, 0x0D), (0x20, 0x20))
_CLASSES = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_CONTROLS = {"n": 0x0A, "r": 0x0D, "t": 0x09, "f": 0x0C, "v": 0x0B, "0": 0}
_HEX = {"x": 2, "u": 4}
_MOST_REPEATED = 2000
_MOST_NESTED = 50
_NOTHING = '""'


def grammar(pattern: str) -> str:
    """Translates a pattern.

    Args:
        pattern: As JavaScript writes it, with neither slashes nor flags.

    Raises:
        ValueError: If it has something that is not supported.
    """
    return _Parser(pattern).whole()


@lru_cache(maxsize=64)
def compiled(pattern: str) -> re.Pattern[str]:
    """The same for Python.

    Raises:
        ValueError: If Python does not take it.
    """
    # There a dollar sign also stands in front of a line break at the end.
    text = re.sub(r"(?<!\\)((?:\\\\)*)\$(?=$|\|)", r"\1\\Z", pattern)
    try:
        return re.compile(text, re.ASCII)
    except re.error as error:
        raise ValueError(str(error)) from None


class _Parser:
    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0
        self._depth = 0

    def whole(self) -> str:
        """All of the pattern; each of its outermost alternatives has anchors of its own."""
        parts = [self._anchored()]
        while self._take("|"):
            parts.append(self._anchored())
        if self._at < len(self._text):
            self._fail("a bracket or an anchor stands where none can")
        return " | ".join(parts)

    def _anchored(self) -> str:
        begins = self._take("^")
        inner = self._sequence()
        ends = self._take("$")
        return " ".join(filter(None, ["" if begins else "char*", inner, "" if ends else "char*"]))

    def _alternatives(self) -> str:
        parts = [self._sequence()]
        while self._take("|"):
            parts.append(self._sequence())
        inner = " | ".join(part or _NOTHING for part in parts)
        return f"({inner})"

    def _sequence(self) -> str:
        parts = []
        while self._at < len(self._text) and self._text[self._at] not in "|)$":
            parts.append(self._repeated(self._unit()))
        return " ".join(parts)

    def _unit(self) -> str:
        char = self._text[self._at]
        if char == "(":
            return self._group()
        if char == "[":
            return _written(self._set())
        self._at += 1
        if char == ".":
            return _written(_without(((0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029))))
        if char == "\\":
            return _written(self._escape())
        if char in "*+?{^":
            self._fail(f"{char!r} has nothing to stand behind")
        return _written(((ord(char), ord(char)),))

    def _group(self) -> str:
        self._at += 1
        if self._take("?") and not self._take(":"):
            self._fail("groups that begin with '(?' are not supported")
        self._depth += 1
        if self._depth > _MOST_NESTED:
            self._fail("it is nested too deeply")
        inner = self._alternatives()
        self._depth -= 1
        if not self._take(")"):
            self._fail("an anchor stands in a group, or a group is not closed")
        return inner

    def _repeated(self, unit: str) -> str:
        char = self._text[self._at : self._at + 1]
        if char and char in "*+?":
            self._at += 1
            unit = f"({unit}){char}"
        elif char == "{":
            end = self._text.find("}", self._at)
            least, comma, most = self._text[self._at + 1 : max(end, 0)].partition(",")
            if not least.isdecimal() or not (most.isdecimal() or not most):
                self._fail("a brace that is no count must stand behind a backslash")
            if max(int(least), int(most or 0)) > _MOST_REPEATED:
                self._fail(f"more than {_MOST_REPEATED:,} repetitions are not supported")
            if most and int(most) < int(least):
                self._fail("a count ends before it begins")
            self._at = end + 1
            unit = f"({unit}){{{least}{comma}{most}}}"
        else:
            return unit
        self._take("?")  # How a match is looked for makes no difference to what matches.
        return unit

    def _set(self) -> Ranges:
        self._at += 1
        negated = self._take("^")
        found: list[tuple[int, int]] = []
        while not self._take("]"):
            first = self._member()
            single = len(first) == 1 and first[0][0] == first[0][1]
            is_range = self._text[self._at : self._at + 1] == "-" and self._text[
                self._at + 1 : self._at + 2
            ] not in {"]", ""}
            if single and is_range:
                self._at += 1
                last = self._member()
                if len(last) != 1 or last[0][1] < first[0][0]:
                    self._fail("a range ends before it begins")
                first = ((first[0][0], last[0][1]),)
            found += first
        ranges = tuple(sorted(found))
        return _without(ranges) if negated else ranges

    def _member(self) -> Ranges:
        if self._at >= len(self._text):
            self._fail("a set is not closed")
        char = self._text[self._at]
        self._at += 1
        return self._escape(inside=True) if char == "\\" else ((ord(char), ord(char)),)

    def _escape(self, *, inside: bool = False) -> Ranges:
        char = self._text[self._at : self._at + 1]
        self._at += 1
        if char.lower() in _CLASSES and char:
            ranges = _CLASSES[char.lower()]
            return ranges if char.islower() else _without(ranges)
        code = _CONTROLS.get(char)
        if char == "b" and inside:
            code = 0x08
        if char in _HEX:
            digits = self._text[self._at : self._at + _HEX[char]]
            self._at += _HEX[char]
            try:
                code = int(digits, 16) if len(digits) == _HEX[char] else None
            except ValueError:
                code = None
        elif code is None and char and not char.isalnum():
            code = ord(char)
        if code is None:
            self._fail(f"'\\{char}' is not supported")
        return ((code, code),)

    def _take(self, char: str) -> bool:
        found = self._text[self._at : self._at + 1] == char
        self._at += found
        return found

    def _fail(self, why: str) -> NoReturn:
        raise ValueError(why)


def _without(ranges: Ranges) -> Ranges:
    """All characters but these."""
    found, start = [], 0
    for low, high in sorted(ranges):
        if start < low:
            found.append((start, low - 1))
        start = max(start, high + 1)
    return (*found, (start, _LAST)) if start <= _LAST else tuple(found)


def _written(ranges: Ranges) -> str:
    """GBNF for one of some characters, as it is written in a JSON string.

    Raises:
        ValueError: If none of them can be.
    """
    parts = []
    raw = [
        (max(low, first), min(high, last))
        for low, high in ranges
        for first, last in _RAW
        if max(low, first) <= min(high, last)
    ]
    if raw:
        inner = "".join(
            f"\\U{low:08X}" if low == high else f"\\U{low:08X}-\\U{high:08X}" for low, high in raw
        )
        parts.append(f"[{inner}]")
    for code, text in _ESCAPED.items():
        if any(low <= code <= high for low, high in ranges):
            escaped = text.replace("\\", "\\\\").replace('"', '\\"')
            parts.append(f'"{escaped}"')
    if not parts:
        message = "a character in it cannot be written"
        raise ValueError(message)
    return parts[0] if len(parts) == 1 else f"({' | '.join(parts)})"
