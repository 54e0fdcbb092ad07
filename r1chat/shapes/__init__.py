"""The shape that an answer must have: a JSON schema, or a grammar in llama.cpp's GBNF.

The thought stays free. The engine constrains the answer to the shape while it is sampled
(`r1chat.engine.constraint`); what comes out is checked again here, because a schema says more than
a grammar can, and because a limit may have cut it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache

from r1chat.errors import UsageError
from r1chat.events import ShapeKind
from r1chat.shapes import roots, schema, validating, values


@dataclass(frozen=True, slots=True)
class Shape:
    """What an answer must look like. Made by `json_schema` or `grammar`, which check it."""

    kind: ShapeKind
    text: str = field(repr=False)
    """The JSON schema, or the grammar, as it was given."""

    def final(self, answer: str) -> str | None:
        """The answer by itself: its value as JSON on one line, or what the grammar made.

        Args:
            answer: All of an answer that was not cut.

        Returns:
            None where it has not this shape.
        """
        if self.fault(answer) is not None:
            return None
        if self.kind == "grammar":
            return answer.strip()
        return json.dumps(values.loaded(answer), ensure_ascii=False)

    def fault(self, answer: str) -> str | None:
        """Says in a few words why an answer has not this shape; None where it has."""
        if not answer.strip():
            return "it is empty"
        if self.kind == "grammar":
            # Whether it is whole only the engine knows, which ended it.
            return None
        try:
            value = values.loaded(answer)
        except ValueError as error:
            return f"it is no JSON: {error}"
        return validating.fault(value, _root(self.text))

    def same(self, one: str, other: str) -> bool:
        """Whether two final answers are the same: values for JSON, else texts."""
        if self.kind == "grammar" or one == other:
            return one == other
        try:
            return values.equal(values.loaded(one), values.loaded(other))
        except ValueError:
            return False


@lru_cache(maxsize=8)
def _root(text: str) -> roots.Root:
    return roots.read(text)


def json_schema(text: str) -> Shape:
    """The shape that a JSON schema describes.

    Args:
        text: The schema.

    Raises:
        UsageError: If it is none, or says something that is not supported; the message is one line.
    """
    schema.core(text)
    return Shape("json", text)


def grammar(text: str) -> Shape:
    """The shape that a grammar describes.

    Args:
        text: GBNF; the rule ``root`` is the answer.

    Raises:
        UsageError: If it is empty, or names tokens.
    """
    bare = schema.without_literals(text)
    if not bare.strip():
        message = "the grammar is empty: it needs a rule root ::= …"
        raise UsageError(message)
    if "\0" in text:
        message = "the grammar has a NUL character in it"
        raise UsageError(message)
    if "<" in bare or "!" in bare:
        message = "the grammar names tokens (<…>), which is not supported: write their characters"
        raise UsageError(message)
    return Shape("grammar", text)
