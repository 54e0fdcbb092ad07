"""Reads a JSON schema, refuses what is not supported, and reduces it to what a grammar can say.

What is left is the *core*: references by plain names, unions, objects, arrays, and leaves,
``{"gbnf": …}``, that are grammar already: constants, strings and numbers with their limits, for
which llama-cpp-python's converter has no rules, or wrong ones. `r1chat.engine.native` has it
converted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from r1chat.errors import UsageError
from r1chat.shapes import leaves, patterns, values
from r1chat.shapes.roots import Root, read
from r1chat.shapes.validating import fault

MOST_REPEATED = 2000
"""Repetitions that llama.cpp's grammars can count."""
TYPES = ("string", "number", "integer", "boolean", "null", "object", "array")
_SAID = frozenset(
    {
        "$schema",
        "$id",
        "$comment",
        "title",
        "description",
        "default",
        "examples",
        "example",
        "deprecated",
        "readOnly",
        "writeOnly",
        "discriminator",
        "format",
        "contentMediaType",
        "contentEncoding",
    }
)
"""Keywords that say what a value is for."""
_WHOLE = "the schema"
"""Where a fault is that is none of a part."""
_HOLDERS = frozenset({"$defs", "definitions"})
_RULES = frozenset(
    {
        "$ref",
        "type",
        "enum",
        "const",
        "anyOf",
        "oneOf",
        "allOf",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "prefixItems",
        "minItems",
        "maxItems",
        "uniqueItems",
        "minLength",
        "maxLength",
        "pattern",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
    }
)
_OF_TYPE = {
    "string": frozenset({"minLength", "maxLength", "pattern", "format"}),
    "number": frozenset(
        {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
    ),
    "object": frozenset({"properties", "required", "additionalProperties"}),
    "array": frozenset({"items", "prefixItems", "minItems", "maxItems", "uniqueItems"}),
}
_ANY: dict[str, Any] = {"gbnf": "any"}
_LITERALS = re.compile(r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|#[^\r\n]*', re.DOTALL)


def without_literals(grammar: str) -> str:
    """A grammar without its texts, sets of characters and comments."""
    return _LITERALS.sub(" ", grammar)


def core(text: str) -> dict[str, Any]:
    """A schema reduced to what a grammar can say.

    Returns:
        ``{"$defs": {name: core}, "anyOf": [{"$ref": "#/$defs/…"}]}``

    Raises:
        UsageError: If it is no schema, or one that is not supported; the message is one line.
    """
    root = read(text)
    reducer = _Reducer(root)
    try:
        reducer.named("#", root.schema)
        while reducer.waiting:
            ref, schema = reducer.waiting.pop()
            reducer.rules[reducer.names[ref]] = reducer.reduced(schema, _place(ref))
    except RecursionError:
        message = "the schema is nested too deeply"
        raise UsageError(message) from None
    # Beside a reference at the top the converter would look for no others.
    return {"$defs": reducer.rules, "anyOf": [{"$ref": f"#/$defs/{reducer.names['#']}"}]}


def _place(ref: str) -> str:
    return ref.replace("#/", "").replace("#", "") or _WHOLE


class _Reducer:
    def __init__(self, root: Root) -> None:
        self._root = root
        self.names: dict[str, str] = {}
        """What each reference is called in the core."""
        self.rules: dict[str, Any] = {}
        self.waiting: list[tuple[str, Any]] = []

    def named(self, ref: str, schema: Any) -> dict[str, Any]:  # noqa: ANN401
        """A reference in the core; what it means is reduced later."""
        if ref not in self.names:
            self.names[ref] = f"ref{len(self.names)}"
            self.waiting.append((ref, schema))
        return {"$ref": f"#/$defs/{self.names[ref]}"}

    def reduced(self, schema: Any, at: str) -> dict[str, Any]:  # noqa: ANN401
        if schema is True:
            return _ANY
        if schema is False or not isinstance(schema, dict):
            raise _refusal(at, "nothing fits it" if schema is False else "it is no schema")
        self._check(schema, at)
        rules = schema.keys() & _RULES
        if "$ref" in schema:
            return self._reference(schema, rules, at)
        if "allOf" in schema:
            return self.reduced(self._merged(schema, at), at)
        for name in ("anyOf", "oneOf"):
            if name in schema:
                return self._union(schema, name, at)
        if "const" in schema or "enum" in schema:
            return self._values(schema, at)
        return self._typed(schema, at)

    def _check(self, schema: Mapping[str, Any], at: str) -> None:
        unknown = [name for name in schema if name not in _RULES | _SAID | _HOLDERS]
        # Extensions that others add begin with "x-".
        unknown = [name for name in unknown if not name.startswith("x-")]
        if unknown:
            raise _refusal(at, f"{unknown[0]!r} is not supported")
        for name, fits, what in _FORMS:
            if name in schema and not fits(schema[name]):
                raise _refusal(at, f"{name!r} must be {what}")

    def _reference(self, schema: dict[str, Any], rules: Any, at: str) -> dict[str, Any]:  # noqa: ANN401
        if len(rules) > 1:
            raise _refusal(at, "beside '$ref' nothing else is supported")
        ref = schema["$ref"]
        return self.named(ref, self._root.target(ref))

    def _union(self, schema: dict[str, Any], name: str, at: str) -> dict[str, Any]:
        rest = {key: each for key, each in schema.items() if key in _RULES and key != name}
        parts = []
        for number, each in enumerate(schema[name]):
            if rest:
                each = self._merged({"allOf": [rest, each]}, at)  # noqa: PLW2901
            if each is not False:
                parts.append(self.reduced(each, f"{at}/{name}/{number}"))
        if not parts:
            raise _refusal(at, "nothing fits it")
        return {"anyOf": parts}

    def _merged(self, schema: dict[str, Any], at: str) -> dict[str, Any]:
        """One schema for all of `allOf`, where their keywords do not contradict each other."""
        found = {key: each for key, each in schema.items() if key != "allOf"}
        for each in schema["allOf"]:
            part = each
            seen: set[str] = set()
            while isinstance(part, dict) and "$ref" in part:
                if part["$ref"] in seen or len(part.keys() & _RULES) > 1:
                    raise _refusal(at, "'allOf' refers to itself")
                seen.add(part["$ref"])
                part = self._root.target(part["$ref"])
            if part is True:
                continue
            if not isinstance(part, dict):
                raise _refusal(at, "nothing fits it")
            self._check(part, at)
            if "allOf" in part:
                part = self._merged(part, at)
            for key in part.keys() & _RULES:
                found[key] = _both(key, found[key], part[key], at) if key in found else part[key]
        return found

    def _values(self, schema: dict[str, Any], at: str) -> dict[str, Any]:
        name = "const" if "const" in schema else "enum"
        named = [schema["const"]] if name == "const" else schema["enum"]
        # The other keywords leave some of them out.
        rest = {key: each for key, each in schema.items() if key != name}
        fitting = [value for value in named if fault(value, self._root, rest) is None]
        if not fitting:
            raise _refusal(at, "none of its values fits the rest of it")
        return {"gbnf": f"({leaves.one_of(fitting)}) space"}

    def _typed(self, schema: dict[str, Any], at: str) -> dict[str, Any]:
        names = schema.get("type")
        if names is None:
            # Keywords hold for values of one type alone: that type is meant.
            names = [name for name, keys in _OF_TYPE.items() if keys & schema.keys() & _RULES]
        if not names:
            return _ANY
        names = [names] if isinstance(names, str) else list(names)
        if "number" in names and "integer" in names:
            names.remove("integer")
        parts = [getattr(self, f"_{name}")(schema, at) for name in names]
        return parts[0] if len(parts) == 1 else {"anyOf": parts}

    def _null(self, schema: dict[str, Any], at: str) -> dict[str, Any]:
        del schema, at
        return {"gbnf": '"null" space'}

    def _boolean(self, schema: dict[str, Any], at: str) -> dict[str, Any]:
        del schema, at
        return {"gbnf": '("true" | "false") space'}

    def _string(self, schema: dict[str, Any], at: str) -> dict[str, Any]:
        least, most = schema.get("minLength", 0), schema.get("maxLength")
        if least > MOST_REPEATED:
            raise _refusal(at, f"a 'minLength' above {MOST_REPEATED:,} is not supported")
        if most is not None and most < least:
            raise _refusal(at, "'maxLength' is below 'minLength'")
        if "pattern" in schema:
            try:
                inner = patterns.grammar(schema["pattern"])
                patterns.compiled(schema["pattern"])
            except ValueError as error:
                raise _refusal(at, f"the pattern {schema['pattern']!r}: {error}") from None
            return {"gbnf": f'"\\"" ({inner}) "\\"" space'}
        if schema.get("format") in leaves.FORMATS:
            return {"gbnf": f'"\\"" {leaves.FORMATS[schema["format"]]} "\\"" space'}
        return {"gbnf": f'"\\"" char{_times(least, most)} "\\"" space'}

    def _integer(self, schema: dict[str, Any], at: str) -> dict[str, Any]:
        return self._limited(schema, at, whole=True)

    def _number(self, schema: dict[str, Any], at: str) -> dict[str, Any]:
        return self._limited(schema, at, whole=False)

    def _limited(self, schema: dict[str, Any], at: str, *, whole: bool) -> dict[str, Any]:
        try:
            rule = leaves.number(schema, whole=whole)
        except ValueError as error:
            raise _refusal(at, str(error)) from None
        return {"gbnf": f"({rule}) space"}

    def _object(self, schema: dict[str, Any], at: str) -> dict[str, Any]:
        properties = schema.get("properties", {})
        others = schema.get("additionalProperties", not properties)
        found = {
            name: self.reduced(each, f"{at}/{name}")
            for name, each in properties.items()
            if each is not False
        }
        for name in schema.get("required", ()):
            if name in found:
                continue
            if name in properties or schema.get("additionalProperties") is False:
                raise _refusal(at, f"{name!r} is required and must not be there")
            found[name] = _ANY if others is True or others is False else self.reduced(others, at)
        core_of: dict[str, Any] = {
            "type": "object",
            "properties": found,
            "required": list(schema.get("required", ())),
            "additionalProperties": False,
        }
        if others is not False:
            core_of["additionalProperties"] = self.reduced(others, at)
            core_of["key"] = leaves.other_key(found)
        return core_of

    def _array(self, schema: dict[str, Any], at: str) -> dict[str, Any]:
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        if least > MOST_REPEATED:
            raise _refusal(at, f"a 'minItems' above {MOST_REPEATED:,} is not supported")
        if most is not None and most < least:
            raise _refusal(at, "'maxItems' is below 'minItems'")
        first = schema.get("prefixItems", [])
        items = schema.get("items", not first)
        if first:
            rules = [self.reduced(each, f"{at}/prefixItems") for each in first]
            return self._tuple(schema, rules, at)
        if items is False:
            most = 0
        item = _ANY if items is False else self.reduced(items, f"{at}/items")
        found: dict[str, Any] = {"type": "array", "items": item, "minItems": least}
        if most is not None and most <= MOST_REPEATED:
            found["maxItems"] = most
        return found

    def _tuple(
        self, schema: dict[str, Any], first: list[dict[str, Any]], at: str
    ) -> dict[str, Any]:
        """An array with a rule for each of its first items, as long as these."""
        least, most = schema.get("minItems", 0), schema.get("maxItems", len(first))
        rest = schema.get("items", False)
        while len(first) < least:
            if rest is False:
                why = "'minItems' asks for more than 'prefixItems' has"
                raise _refusal(at, why)
            first = [*first, self.reduced(rest, "items")]
        return {"type": "array", "items": first[:most]}


def _both(key: str, one: Any, other: Any, at: str) -> Any:  # noqa: ANN401
    """What two schemas that both hold say together by a keyword."""
    if one == other:
        return one
    if key == "required":
        return list(dict.fromkeys([*one, *other]))
    if key == "properties" and all(one[name] == other[name] for name in one.keys() & other.keys()):
        return {**one, **other}
    if key in {"minimum", "exclusiveMinimum", "minLength", "minItems"}:
        return max(one, other)
    if key in {"maximum", "exclusiveMaximum", "maxLength", "maxItems"}:
        return min(one, other)
    if key == "enum":
        return [value for value in one if any(values.equal(value, each) for each in other)]
    raise _refusal(at, f"'allOf' with {key!r} twice is not supported")


def _times(least: int, most: int | None) -> str:
    if most is not None and most <= MOST_REPEATED:
        return f"{{{least},{most}}}"
    return f"{{{least},}}" if least else "*"


def _refusal(at: str, why: str) -> UsageError:
    place = at.removeprefix(_WHOLE).removeprefix("/")
    return UsageError(f"the schema cannot be used: {f'at {place}: ' if place else ''}{why}")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_schema(value: object) -> bool:
    return isinstance(value, (dict, bool))


def _is_schemas(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_schema, value))


def _are_types(value: object) -> bool:
    names = [value] if isinstance(value, str) else value
    return isinstance(names, list) and bool(names) and all(name in TYPES for name in names)


_FORMS: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("$ref", lambda value: isinstance(value, str), "a text"),
    ("type", _are_types, f"one of {', '.join(TYPES)}, or a list of them"),
    ("enum", lambda value: isinstance(value, list) and bool(value), "a list of values"),
    *((name, _is_schemas, "a list of schemas") for name in ("anyOf", "oneOf", "allOf")),
    ("prefixItems", _is_schemas, "a list of schemas"),
    *((name, _is_schema, "a schema") for name in ("items", "additionalProperties")),
    ("properties", lambda value: isinstance(value, dict), "an object"),
    (
        "required",
        lambda value: isinstance(value, list) and all(isinstance(name, str) for name in value),
        "a list of names",
    ),
    *((name, _is_count, "a whole number") for name in ("minItems", "maxItems")),
    *((name, _is_count, "a whole number") for name in ("minLength", "maxLength")),
    *((name, _is_number, "a number") for name in ("minimum", "maximum")),
    *((name, _is_number, "a number") for name in ("exclusiveMinimum", "exclusiveMaximum")),
    ("multipleOf", lambda value: _is_number(value) and value > 0, "a number above 0"),
    ("uniqueItems", lambda value: isinstance(value, bool), "true or false"),
    ("pattern", lambda value: isinstance(value, str), "a text"),
    ("format", lambda value: isinstance(value, str), "a text"),
)
