"""Remembers which request fields a server refuses, and omits them from then on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from r1chat.engine.remote.refusals import Refused

_NEEDED = {"model", "messages", "prompt", "stream"}
LIMITS = _LIMIT, _NEW_LIMIT = "max_tokens", "max_completion_tokens"
"""The names of what limits a reply."""
_ABOUT_FIELDS = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}
_ECHO = re.compile(r"""["']?input(_value)?["']?\\*["']?\s*[:=]""")
"""Behind this a refusal repeats what it was sent, where other fields stand too."""


class Fields:
    """What a server takes of the fields that requests may have. Thread-safe: names are only added.

    Args:
        host: What to call the server.
    """

    def __init__(self, host: str) -> None:
        self._host = host
        self._refused: set[str] = set()
        self._renames = False
        """Whether the limit goes by its newer name."""

    def takes(self, name: str) -> bool:
        """Whether a field is sent, as far as it is known."""
        return name not in self._refused

    def fit(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A request without the fields that are refused."""
        renamed = {
            _NEW_LIMIT if self._renames and name == _LIMIT else name: value
            for name, value in body.items()
        }
        return {name: value for name, value in renamed.items() if self.takes(name)}

    def learn(self, error: Refused, sent: Mapping[str, Any]) -> str | None:
        """Learns from a refusal.

        Args:
            error: The refusal.
            sent: The request, as `fit` gave it.

        Returns:
            What the user should know: nothing, where it is known already; None where the refusal
            is of no field that could be left out.
        """
        if error.status not in _ABOUT_FIELDS or error.too_long:
            return None
        if _LIMIT in sent and _NEW_LIMIT in error.said and _LIMIT in _named(error, {_LIMIT: None}):
            known, self._renames = self._renames, True
            return "" if known else f"{self._host} takes {_NEW_LIMIT} in place of {_LIMIT}"
        named = _named(error, sent)
        new = [name for name in named if self.takes(name)]
        self._refused.update(new)
        if not new:
            return "" if named else None
        return f"{self._host} does not take {_listed(new)} as asked: left out"


def _named(error: Refused, sent: Mapping[str, Any]) -> list[str]:
    """The fields of a request that a refusal names."""
    # A part of a field is left out with all of it.
    whole = {
        part: name
        for name, value in sent.items()
        if name not in _NEEDED
        for part in _parts(name, value)
    }
    by_themselves = [
        whole[part]
        for field in error.fields
        for part in re.split(r"[.\[\]]+", field)
        if part in whole
    ]
    if by_themselves:
        return list(dict.fromkeys(by_themselves))
    words = error.said[: found.start()] if (found := _ECHO.search(error.said)) else error.said
    said = [word for word in re.findall(r"\w+", words) if word in whole]
    # Parts of fields have names that are words of the language as well.
    said = [word for word in said if word == whole[word]] or said
    return list(dict.fromkeys(whole[word] for word in said))


def _parts(name: str, value: object) -> list[str]:
    inner = (
        [part for key, each in value.items() for part in _parts(key, each)]
        if isinstance(value, dict)
        else []
    )
    return [name, *inner]


def _listed(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
