"""Reads a user's own formats of thoughts, as the settings file has them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from r1chat.nearest import did_you_mean
from r1chat.values import Kind

if TYPE_CHECKING:
    from r1chat.reasoning.formats import Format

_LONGEST = 80
_MOST = 32
"""Of formats, and of what each has several of."""


class Formats(Kind[list[dict[str, Any]]]):
    """A list of formats, each by the names of its fields."""

    allowed = 'a list of formats: objects with "name", "opens" and "closes"'

    def read(self, text: str) -> list[dict[str, Any]]:
        """Reads a list in JSON."""
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        return self.check(value)

    def check(self, value: object) -> list[dict[str, Any]]:
        """Takes a list in which each format can be used, and leaves it as it is written."""
        if not isinstance(value, list) or not 0 < len(value) <= _MOST:
            message = f"not {self.allowed}; at most {_MOST}"
            raise ValueError(message)
        names: set[str] = set()
        for number, each in enumerate(value, 1):
            try:
                name = described(each).name
                if name in names:
                    message = f"name: {name!r} is there already"
                    raise ValueError(message)  # noqa: TRY301  (the entry is put in front of it)
            except ValueError as error:
                named = each.get("name") if isinstance(each, dict) else None
                entry = f"entry {number}" + (
                    f" ({named[:_LONGEST]!r})" if isinstance(named, str) else ""
                )
                message = f"{entry}: {error}"
                raise ValueError(message) from None
            names.add(name)
        return value


def described(values: object) -> Format:
    """A format as JSON describes it: by the names of its fields, a single text in place of a list.

    Raises:
        ValueError: If it is none; says in which field.
    """
    if not isinstance(values, Mapping):
        msg = "it is not an object of fields"
        raise ValueError(msg)  # noqa: TRY004  (the user's slip, not the program's)
    taken: dict[str, Any] = {}
    for name, value in values.items():
        read = _READ.get(name)
        if read is None:
            shown = str(name)[:_LONGEST]
            msg = f"{shown!r} is no field{did_you_mean(shown, _READ)}"
            raise ValueError(msg)
        try:
            taken[name] = read(value)
        except ValueError as error:
            msg = f"{name}: {error}"
            raise ValueError(msg) from None
    for name in ("name", "opens", "closes"):
        if name not in taken:
            msg = f"{name}: a format of thoughts needs it"
            raise ValueError(msg)
    from r1chat.reasoning.formats import Format

    return Format(**taken)


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > 4 * _LONGEST:
        msg = f"not a text of at most {4 * _LONGEST} characters"
        raise ValueError(msg)
    return value


def _name(value: object) -> str:
    text = _text(value)
    if not (text.strip() == text and text.isprintable() and 0 < len(text) <= _LONGEST):
        msg = f"not a name of 1 to {_LONGEST} characters"
        raise ValueError(msg)
    return text


def _texts(value: object) -> tuple[str, ...]:
    several = value if isinstance(value, (list, tuple)) else [value]
    if len(several) > _MOST:
        msg = f"more than {_MOST}"
        raise ValueError(msg)
    return tuple(map(_text, several))


def _pairs(value: object) -> tuple[tuple[str, str], ...]:
    several = value if isinstance(value, (list, tuple)) else [None]
    if several and all(isinstance(each, str) for each in several):
        several = [several]
    pairs = [_texts(each) for each in several]
    if len(pairs) > _MOST or any(len(pair) != 2 for pair in pairs):  # noqa: PLR2004  (a pair)
        msg = "not pairs of what stands before an answer and behind it"
        raise ValueError(msg)
    return tuple((before, behind) for before, behind in pairs)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        msg = "not true or false"
        raise ValueError(msg)  # noqa: TRY004  (the user's slip, not the program's)
    return value


_READ: Mapping[str, Callable[[object], Any]] = {
    "name": _name,
    "opens": _texts,
    "closes": _texts,
    "opening": _text,
    "closing": _text,
    "wrappers": _pairs,
    "wrapped": _flag,
    "alone": _texts,
    "used_by": _text,
    "sentences": _flag,
}
"""What reads each field of a format."""
