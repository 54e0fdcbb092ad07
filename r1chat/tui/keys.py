"""All keys by the name that the settings give them, and how they are written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from textual.binding import Binding
from textual.dom import DOMNode

_NAMES = {
    "escape": "Escape",
    "enter": "Enter",
    "space": "Space",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
    "pageup": "Page Up",
    "pagedown": "Page Down",
    "home": "Home",
    "end": "End",
    "backspace": "Backspace",
    "ctrl": "Ctrl",
    "alt": "Alt",
    "shift": "Shift",
}
_KEPT_BY_BROWSERS = frozenset({"ctrl+n", "ctrl+t", "ctrl+w"})
"""New windows, new tabs and closed ones: no page ever sees these keys."""


def bindings_of(nodes: Iterable[type[DOMNode]]) -> dict[str, Binding]:
    """The bindings of some widgets and screens by their ids."""
    return {binding.id: binding for node in nodes for binding in _own(node) if binding.id}


def _own(node: type[DOMNode]) -> Iterator[Binding]:
    for binding in vars(node).get("BINDINGS", ()):
        if isinstance(binding, Binding):
            yield binding


def in_a_browser(key: str) -> str:
    """The keys of a binding, those that reach a page in front."""
    return ",".join(sorted(key.split(","), key=lambda each: each.strip() in _KEPT_BY_BROWSERS))


def written(key: str) -> str:
    """A key as people write it: "Ctrl+N" for "ctrl+n"; of several the first."""
    parts = key.split(",", maxsplit=1)[0].strip().split("+")
    return "+".join(_NAMES.get(part, part.upper() if _is_code(part) else part) for part in parts)


def _is_code(part: str) -> bool:
    return len(part) == 1 or (part[0] == "f" and part[1:].isdigit())


def shown(key: str) -> str:
    """The first of a binding's keys, as people write it.

    Single letters that stand alone stay small, as they are typed.
    """
    first = key.split(",", maxsplit=1)[0].strip()
    return first if len(first) == 1 else written(first)
