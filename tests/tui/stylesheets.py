"""Stylesheets that all apps of a process share, once parsed: a third of an app's start."""

from __future__ import annotations

from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

_parse = Stylesheet._parse_rules
_parsed: dict[object, list[RuleSet]] = {}


def _once(self: Stylesheet, css: str, **where: object) -> list[RuleSet]:
    """The rules of one source under the variables of a theme; nothing changes rules once made."""
    key = (css, *where.items(), frozenset(self._variables.items()))
    if key not in _parsed:
        _parsed[key] = _parse(self, css, **where)  # type: ignore[arg-type]
    return _parsed[key]


def share() -> None:
    """Has all stylesheets of this process share what they have parsed."""
    Stylesheet._parse_rules = _once  # type: ignore[method-assign]
