"""Makes random JSON schemas of what r1chat supports, the same for the same seed."""

from __future__ import annotations

import random
from typing import Any

_WORDS = ("name", "age", "city", "tags", "größe", 'a "quote"', "back\\slash", "x", "note", "", "😀")
_PATTERNS = (
    "^[A-Z]{3}-[0-9]{4}$",
    "^(red|green|blue)$",
    "^\\d+(\\.\\d{1,2})?$",
    "[aeiou]$",
    '^"\\w+"$',
    "^[^\\s]{2,6}$",
    "^\\\\[a-z]+\\\\$",
)
_FORMATS = ("date", "time", "date-time", "uuid", "email")
_VALUES = (
    None,
    True,
    False,
    0,
    -3,
    2.5,
    "",
    "yes",
    'say "no"',
    "a\\b",
    "é\n",
    "😀",
    [1, "2"],
    {"k": 1},
)


class Schemas:
    """Draws one schema after another.

    Args:
        seed: The same makes the same schemas.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def root(self) -> dict[str, Any]:
        """A whole schema, with definitions that refer to each other."""
        names = ["first", "a/b", "string"][: self._random.randint(0, 3)]
        defs = {name: self._object(2, names) for name in names}
        found = self._object(3, names)
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": defs, **found}

    def _schema(self, depth: int, refs: list[str]) -> dict[str, Any]:
        makers = [self._string, self._number, self._integer, self._constant, self._plain]
        if depth > 0:
            makers += [self._object, self._array, self._union, self._object]
            if refs and depth > 1:
                makers.append(self._optional_ref)
        return self._random.choice(makers)(depth, refs)

    def _object(self, depth: int, refs: list[str]) -> dict[str, Any]:
        names = self._random.sample(_WORDS, self._random.randint(1, 4))
        found: dict[str, Any] = {
            "type": "object",
            "properties": {name: self._schema(depth - 1, refs) for name in names},
            "required": [name for name in names if self._random.random() < 0.7],
        }
        if self._random.random() < 0.3:
            found["additionalProperties"] = self._random.choice([False, {"type": "integer"}])
        return found

    def _array(self, depth: int, refs: list[str]) -> dict[str, Any]:
        if self._random.random() < 0.2:
            parts = [self._schema(depth - 1, refs) for _ in range(2)]
            return {"type": "array", "prefixItems": parts, "minItems": 2, "items": False}
        least = self._random.randint(0, 2)
        found: dict[str, Any] = {"type": "array", "items": self._schema(depth - 1, refs)}
        return {**found, "minItems": least, "maxItems": least + self._random.randint(0, 2)}

    def _union(self, depth: int, refs: list[str]) -> dict[str, Any]:
        part = self._schema(depth - 1, refs)
        # Of oneOf only one may fit, which no grammar can say: these two never do both.
        name = "oneOf" if isinstance(part.get("type"), str) else "anyOf"
        return {name: [part, {"type": "null"}]}

    def _optional_ref(self, depth: int, refs: list[str]) -> dict[str, Any]:
        del depth
        name = self._random.choice(refs).replace("/", "~1")
        return {"anyOf": [{"type": "null"}, {"$ref": f"#/$defs/{name}"}]}

    def _string(self, depth: int, refs: list[str]) -> dict[str, Any]:
        del depth, refs
        which = self._random.randint(0, 2)
        if which == 0:
            return {"type": "string", "pattern": self._random.choice(_PATTERNS)}
        if which == 1:
            return {"type": "string", "format": self._random.choice(_FORMATS), "maxLength": 40}
        least = self._random.randint(0, 5)
        return {"type": "string", "minLength": least, "maxLength": least + 12}

    def _integer(self, depth: int, refs: list[str]) -> dict[str, Any]:
        del depth, refs
        low = self._random.randint(-200, 2000)
        found: dict[str, Any] = {"type": "integer", "minimum": low}
        if self._random.random() < 0.7:
            found["maximum"] = low + self._random.randint(0, 3000)
        if self._random.random() < 0.2:
            found = {"type": "integer", "multipleOf": 5, "minimum": 0, "maximum": 500}
        return found

    def _number(self, depth: int, refs: list[str]) -> dict[str, Any]:
        del depth, refs
        low = round(self._random.uniform(-5, 5), self._random.randint(0, 2))
        name = self._random.choice(["minimum", "exclusiveMinimum"])
        found: dict[str, Any] = {"type": "number", name: low}
        if self._random.random() < 0.7:
            found["maximum"] = low + 0.5 + self._random.randint(0, 20)
        return found

    def _constant(self, depth: int, refs: list[str]) -> dict[str, Any]:
        del depth, refs
        if self._random.random() < 0.3:
            return {"const": self._random.choice(_VALUES)}
        return {"enum": self._random.sample(_VALUES, 3)}

    def _plain(self, depth: int, refs: list[str]) -> dict[str, Any]:
        del depth, refs
        kinds = ["boolean", "integer", ["null", "boolean"], "number"]
        return {"type": self._random.choice(kinds)}
