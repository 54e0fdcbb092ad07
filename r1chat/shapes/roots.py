"""Reads a whole JSON schema, and looks up what references in it mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from r1chat.errors import UsageError
from r1chat.shapes import values


@dataclass(frozen=True, slots=True)
class Root:
    """A whole schema, in which references are looked up."""

    schema: Any

    def target(self, ref: str) -> Any:  # noqa: ANN401  (a schema is any JSON)
        """What a reference means.

        Raises:
            UsageError: If it leads out of the schema, or to nothing.
        """
        if not ref.startswith("#"):
            message = (
                f"the schema refers to {ref!r}, which is not in it: nothing is fetched; "
                "put it under $defs"
            )
            raise UsageError(message)
        found = self.schema
        for part in unquote(ref[1:]).split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and name.isdecimal() and int(name) < len(found):
                found = found[int(name)]
            elif isinstance(found, dict) and name in found:
                found = found[name]
            else:
                found = None
        if not isinstance(found, (dict, bool)) or (ref != "#" and not ref.startswith("#/")):
            message = f"the schema refers to {ref!r}, which is not in it"
            raise UsageError(message)
        return found


def read(text: str) -> Root:
    """Reads a schema.

    Raises:
        UsageError: If it is no JSON, or no schema.
    """
    try:
        found = values.loaded(text)
    except ValueError as error:
        message = f"the schema is no JSON: {error}"
        raise UsageError(message) from None
    if not isinstance(found, (dict, bool)):
        message = 'this is no JSON schema: it must be an object, e.g. {"type": "object", …}'
        raise UsageError(message)
    return Root(found)
