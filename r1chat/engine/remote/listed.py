"""Parses the lists of models that servers return, in all their shapes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_PLACES = ("data", "models", "result")
"""Where a list stands: OpenAI's name, Ollama's own, and that of some gateways."""
_NAMES = ("id", "name", "model")


def models(answer: object) -> list[dict[str, Any]] | None:
    """The models of a list.

    Args:
        answer: What a server says, unchecked.

    Returns:
        What it says of each, with a name in `id`; None where it is no list of models.
    """
    places = [answer] if answer != [] else []
    if isinstance(answer, dict):
        places = [answer.get(name) for name in _PLACES]
    lists = [list(_named(place)) for place in places if isinstance(place, list)]
    return next(filter(None, lists), [] if lists else None)


def _named(entries: list[Any]) -> Iterator[dict[str, Any]]:
    for entry in entries:
        about = {"id": entry} if isinstance(entry, str) else entry
        if isinstance(about, dict):
            names = (about.get(name) for name in _NAMES)
            name = next((n for n in names if isinstance(n, str) and n.strip()), None)
            if name is not None:
                yield {**about, "id": name}
