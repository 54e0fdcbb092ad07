"""Checks JSON values against a schema of the supported keywords."""

from __future__ import annotations

import json
import math
from datetime import date, datetime, time
from fractions import Fraction
from typing import Any
from uuid import UUID

from r1chat.shapes import patterns
from r1chat.shapes.roots import Root
from r1chat.shapes.values import equal

_MOST_NESTED = 200
_SHOWN = 40
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
    "object": (dict,),
    "array": (list,),
}


def fault(value: Any, root: Root, schema: Any = None) -> str | None:  # noqa: ANN401  (any JSON)
    """Says where and why a value does not fit a schema; None where it does.

    Args:
        value: The value.
        root: The schema.
        schema: A part of it to check against, in place of all.
    """
    try:
        return _Checker(root).fault(value, root.schema if schema is None else schema, "")
    except RecursionError:
        return "it is nested too deeply"


class _Checker:
    def __init__(self, root: Root) -> None:
        self._root = root
        self._depth = 0

    def fault(self, value: Any, schema: Any, at: str) -> str | None:  # noqa: ANN401
        if schema is True:
            return None
        if schema is False:
            return f"{_named(at)} must not be there"
        self._depth += 1
        try:
            if self._depth > _MOST_NESTED:
                raise RecursionError
            return next((found for found in self._faults(value, schema, at) if found), None)
        finally:
            self._depth -= 1

    def _faults(self, value: Any, schema: dict[str, Any], at: str) -> Any:  # noqa: ANN401
        if "$ref" in schema:
            yield self.fault(value, self._root.target(schema["$ref"]), at)
        yield _type_fault(value, schema, at)
        if "const" in schema and not equal(value, schema["const"]):
            yield f"{_named(at)} is not {_short(schema['const'])}"
        if "enum" in schema and not any(equal(value, each) for each in schema["enum"]):
            yield f"{_named(at)}: {_short(value)} is none of the values that are allowed"
        for each in schema.get("allOf", ()):
            yield self.fault(value, each, at)
        yield self._alternatives(value, schema, at)
        if isinstance(value, str):
            yield _text_fault(value, schema, at)
        elif isinstance(value, dict):
            yield from self._object(value, schema, at)
        elif isinstance(value, list):
            yield from self._array(value, schema, at)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield _number_fault(value, schema, at)

    def _alternatives(self, value: Any, schema: dict[str, Any], at: str) -> str | None:  # noqa: ANN401
        for name in ("anyOf", "oneOf"):
            if name not in schema:
                continue
            faults = [self.fault(value, each, at) for each in schema[name]]
            fits = faults.count(None)
            if not fits:
                return faults[0] if len(faults) == 1 else f"{_named(at)} fits none of {name}"
            if name == "oneOf" and fits > 1:
                return f"{_named(at)} fits {fits} of oneOf"
        return None

    def _object(self, value: dict[str, Any], schema: dict[str, Any], at: str) -> Any:  # noqa: ANN401
        properties = schema.get("properties", {})
        for name in schema.get("required", ()):
            if name not in value:
                yield f"{_named(at)} lacks {_short(name)}"
        others = schema.get("additionalProperties", True)
        for name, each in value.items():
            there = f"{at}.{name[:_SHOWN]}" if at else name[:_SHOWN]
            yield self.fault(each, properties.get(name, others), there)

    def _array(self, value: list[Any], schema: dict[str, Any], at: str) -> Any:  # noqa: ANN401
        if len(value) < schema.get("minItems", 0):
            yield f"{_named(at)} has {len(value)} items of at least {schema['minItems']}"
        if len(value) > schema.get("maxItems", math.inf):
            yield f"{_named(at)} has {len(value)} items of at most {schema['maxItems']}"
        first = schema.get("prefixItems", [])
        for number, each in enumerate(value):
            rule = first[number] if number < len(first) else schema.get("items", True)
            yield self.fault(each, rule, f"{at}[{number}]")
        if schema.get("uniqueItems"):
            twice = any(equal(a, b) for n, a in enumerate(value) for b in value[:n])
            yield f"{_named(at)} has an item twice" if twice else None


def _named(at: str) -> str:
    """What a part of an answer is called: the way to it, such as ``people[0].name``."""
    return at or "it"


def _type_fault(value: Any, schema: dict[str, Any], at: str) -> str | None:  # noqa: ANN401
    names = schema.get("type")
    if names is None:
        return None
    if isinstance(names, str):
        names = [names]
    fits = any(_is(value, name) for name in names)
    return None if fits else f"{_named(at)} is no {' or '.join(names)}"


def _is(value: Any, name: str) -> bool:  # noqa: ANN401
    if name in {"number", "integer"}:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        return name == "number" or isinstance(value, int) or value.is_integer()
    return isinstance(value, _TYPES[name])


def _number_fault(value: float, schema: dict[str, Any], at: str) -> str | None:
    number = Fraction(str(value))

    def limit(name: str) -> Fraction | None:
        return Fraction(str(schema[name])) if name in schema else None

    if (least := limit("minimum")) is not None and number < least:
        return f"{_named(at)}: {value} is less than {schema['minimum']}"
    if (most := limit("maximum")) is not None and number > most:
        return f"{_named(at)}: {value} is more than {schema['maximum']}"
    if (least := limit("exclusiveMinimum")) is not None and number <= least:
        return f"{_named(at)}: {value} is not more than {schema['exclusiveMinimum']}"
    if (most := limit("exclusiveMaximum")) is not None and number >= most:
        return f"{_named(at)}: {value} is not less than {schema['exclusiveMaximum']}"
    if (step := limit("multipleOf")) is not None and (number / step).denominator != 1:
        return f"{_named(at)}: {value} is no multiple of {schema['multipleOf']}"
    return None


def _text_fault(value: str, schema: dict[str, Any], at: str) -> str | None:
    if len(value) < schema.get("minLength", 0):
        return f"{_named(at)} has {len(value):,} characters of at least {schema['minLength']:,}"
    if len(value) > schema.get("maxLength", math.inf):
        return f"{_named(at)} has {len(value):,} characters of at most {schema['maxLength']:,}"
    pattern = schema.get("pattern")
    if pattern is not None and not patterns.compiled(pattern).search(value):
        return f"{_named(at)}: {_short(value)} does not match {pattern[:_SHOWN]}"
    reads = _FORMATS.get(schema.get("format", ""))
    if reads is not None:
        try:
            reads(value)
        except ValueError:
            return f"{_named(at)}: {_short(value)} is no {schema['format']}"
    return None


def _utc(text: str) -> str:
    # Python 3.10 does not read the letter.
    return f"{text[:-1]}+00:00" if text.endswith(("Z", "z")) else text


_FORMATS: dict[str, Any] = {
    "date": date.fromisoformat,
    "time": lambda text: time.fromisoformat(_utc(text)),
    "date-time": lambda text: datetime.fromisoformat(_utc(text)),
    "uuid": UUID,
}
"""The formats that are checked; others say what a text is for."""


def _short(value: Any) -> str:  # noqa: ANN401
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
