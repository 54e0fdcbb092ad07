"""GBNF for the leaves of JSON: strings of known formats, and numbers within limits."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import groupby, takewhile
from typing import Any

HELPERS = {
    "space": '| " " | "\\n" [ \\t]{0,20}',
    "hex": "[0-9a-fA-F]",
    # Of a pair of surrogates one would come alone: such characters are written as they are.
    "unicode": "[0-9a-cA-CefEF] hex hex hex | [dD] [0-7] hex hex",
    "char": r'[^"\\\x00-\x1F\x7F] | "\\" (["\\/bfnrt] | "u" unicode)',
    "string": r'"\"" char* "\"" space',
    "number": '"-"? ("0" | [1-9] [0-9]{0,14}) ("." [0-9]{1,15})? ([eE] [-+]? [0-9]{1,2})? space',
    "object": '"{" space (string ":" space any ("," space string ":" space any)*)? "}" space',
    "array": '"[" space (any ("," space any)*)? "]" space',
    "any": 'object | array | string | number | ("true" | "false" | "null") space',
}
"""Rules that every grammar of a schema has, by their names."""
_DATE = (
    '[0-9]{3} [1-9] "-" (("0" [13578] | "10" | "12") "-" ("0" [1-9] | [12] [0-9] | "3" [01])'
    ' | ("0" [469] | "11") "-" ("0" [1-9] | [12] [0-9] | "30")'
    ' | "02-" ("0" [1-9] | "1" [0-9] | "2" [0-8]))'
)
"""Without the 29th of February, which not every year has."""
_HOUR = '([01] [0-9] | "2" [0-3])'
_SIXTY = '":" [0-5] [0-9]'
_TIME = f'{_HOUR} {_SIXTY} {_SIXTY} ("." [0-9]{{3}})? ("Z" | [-+] {_HOUR} {_SIXTY})'
FORMATS = {
    "date": _DATE,
    "time": _TIME,
    "date-time": f'{_DATE} "T" {_TIME}',
    "uuid": 'hex{8} "-" hex{4} "-" hex{4} "-" hex{4} "-" hex{12}',
}
"""The formats of texts that are kept; others say what a text is for."""
_ABOVE, _BELOW = "exclusiveMinimum", "exclusiveMaximum"
_LARGEST = 10**15
_ESCAPES = re.compile(r'["\\\x00-\x1f\x7f]')
_MOST_LISTED = 256
_MOST_DECIMALS = 12


def one_of(values: Iterable[Any]) -> str:
    """GBNF for one of some values, in which what they begin with in common stands once.

    Of thousands that were written one behind another all would be looked at at every token.
    """
    return _branches(sorted({json.dumps(value, ensure_ascii=False) for value in values}))


def _branches(texts: Sequence[str]) -> str:
    parts = []
    for first, group in groupby(texts, key=lambda text: text[:1]):
        some = list(group)
        # They are in order, so that what these two have in common all have.
        ends = zip(some[0], some[-1], strict=False)
        common = "".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], ends))
        escaped = common.replace("\\", "\\\\").replace('"', '\\"')
        rest = f" ({_branches([text[len(common) :] for text in some])})" if some[1:] else ""
        parts.append(f'"{escaped}"{rest}' if first else '""')
    return " | ".join(parts)


def other_key(names: Iterable[str]) -> str:
    """GBNF for the name of a property that is none of these.

    It has no escapes, by which one of them could be spelled otherwise.
    """
    plain = sorted({name for name in names if not _ESCAPES.search(name)})
    return f'"\\"" ({_other_than(plain)}) "\\"" space' if plain else "string"


def _other_than(texts: Sequence[str]) -> str:
    firsts = sorted({text[0] for text in texts if text})
    avoided = "".join(f"\\U{ord(each):08X}" for each in firsts)
    parts = [f'[^"\\\\\\x00-\\x1F\\x7F{avoided}] [^"\\\\\\x00-\\x1F\\x7F]*']
    for first in firsts:
        rest = _other_than([text[1:] for text in texts if text[:1] == first])
        parts.append(f"[\\U{ord(first):08X}] ({rest})")
    return " | ".join(parts if "" in texts else [*parts, '""'])


def number(schema: Mapping[str, Any], *, whole: bool) -> str:
    """GBNF for the numbers that a schema allows, as far as it can say so.

    Args:
        schema: Has the limits.
        whole: Whether they are integers.

    Raises:
        ValueError: If there is no such number.
    """
    least = _limit(schema, ("minimum", _ABOVE), max)
    most = _limit(schema, ("maximum", _BELOW), min)
    step = Fraction(str(schema["multipleOf"])) if "multipleOf" in schema else None
    decimals = 0 if whole else _decimals(step) if step is not None else None
    if least is None and most is None and decimals is None:
        return '"-"? ("0" | [1-9] [0-9]{0,14}) ("." [0-9]{1,15})? ([eE] [-+]? [0-9]{1,2})?'
    if decimals is None:
        decimals = max(_decimals(each) or 0 for each in (least, most) if each is not None) + 2
    low = -Fraction(_LARGEST) if least is None else least
    high = Fraction(_LARGEST) if most is None else most
    if least is None:
        low = min(low, high - _LARGEST)
    if most is None:
        high = max(high, low + _LARGEST)
    strict = (_is_strict(schema, _ABOVE, least), _is_strict(schema, _BELOW, most))
    if step is not None and (listed := _listed(low, high, strict, step, whole=whole)):
        return listed
    forms = []
    for places in sorted({0, min(1, decimals), min(2, decimals), decimals}):
        start, end = math.ceil(low * 10**places), math.floor(high * 10**places)
        start += strict[0] and Fraction(start, 10**places) == low
        end -= strict[1] and Fraction(end, 10**places) == high
        if start <= end:
            forms.append(_signed(start, end, places))
    if not forms:
        message = "no number fits its limits"
        raise ValueError(message)
    return " | ".join(forms)


def _limit(
    schema: Mapping[str, Any],
    names: tuple[str, str],
    stricter: Callable[[list[Fraction]], Fraction],
) -> Fraction | None:
    found = [Fraction(str(schema[each])) for each in names if each in schema]
    return stricter(found) if found else None


def _is_strict(schema: Mapping[str, Any], key: str, limit: Fraction | None) -> bool:
    return key in schema and Fraction(str(schema[key])) == limit


def _decimals(number: Fraction | None) -> int | None:
    """How many decimals a number has; None where they do not end soon."""
    if number is None:
        return None
    for places in range(_MOST_DECIMALS + 1):
        if (number * 10**places).denominator == 1:
            return places
    return None


def _listed(
    low: Fraction, high: Fraction, strict: tuple[bool, bool], step: Fraction, *, whole: bool
) -> str:
    """All multiples of a number between two others, where they are few."""
    first, last = math.ceil(low / step), math.floor(high / step)
    if last - first > _MOST_LISTED:
        return ""
    values = [number * step for number in range(first, last + 1)]
    values = [each for each in values if not whole or each.denominator == 1]
    values = [each for each in values if not (strict[0] and each == low)]
    values = [each for each in values if not (strict[1] and each == high)]
    texts = [_text(each) for each in values if _decimals(each) is not None]
    if not texts:
        message = "no number fits its limits"
        raise ValueError(message)
    return " | ".join(f'"{text}"' for text in texts)


def _text(number: Fraction) -> str:
    places = _decimals(number) or 0
    digits = str(abs(number) * 10**places).zfill(places + 1)
    text = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    return f"-{text}" if number < 0 else text


def _signed(low: int, high: int, places: int) -> str:
    parts = []
    if high >= 0:
        parts.append(_unsigned(max(low, 0), high, places))
    if low < 0:
        parts.append(f'"-" ({_unsigned(max(1, -high), -low, places)})')
    return " | ".join(parts)


def _unsigned(low: int, high: int, places: int) -> str:
    """The numbers from one to another, with so many of their digits behind the point."""
    parts = []
    shortest = places + 1
    for length in range(max(len(str(low)), shortest), max(len(str(high)), shortest) + 1):
        least = low if length == shortest else max(low, 10 ** (length - 1))
        most = min(high, 10**length - 1)
        parts.append(_span(str(least).zfill(length), str(most).zfill(length), places))
    return " | ".join(parts)


def _span(low: str, high: str, places: int) -> str:
    """All numbers of as many digits between two of them, the point in its place."""
    length = len(low)
    if not length:
        return ""
    rest = length - 1
    point = '"." ' if places and rest == places else ""
    if low == "0" * length and high == "9" * length:
        return _digits(length, places)
    first, last = int(low[0]), int(high[0])
    if first == last:
        return f'"{first}" {point}{_span(low[1:], high[1:], places)}'
    parts = []
    if low[1:] != "0" * rest:
        parts.append(f'"{first}" {point}{_span(low[1:], "9" * rest, places)}')
        first += 1
    upper = []
    if high[1:] != "9" * rest:
        upper.append(f'"{last}" {point}{_span("0" * rest, high[1:], places)}')
        last -= 1
    if first <= last:
        parts.append(f"[{first}-{last}] {point}{_digits(rest, places)}")
    return f"({' | '.join([*parts, *upper])})"


def _digits(count: int, places: int) -> str:
    before = max(0, count - places) if places else count
    texts = [f"[0-9]{{{before}}}" if before else ""]
    if places and before:
        texts.append('"."')
    if places and count:
        texts.append(f"[0-9]{{{count - before}}}")
    return " ".join(filter(None, texts))
