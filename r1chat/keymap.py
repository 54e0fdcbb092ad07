"""Keys by the names that Textual has for them: how they are written, and which a user may set."""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Mapping

from r1chat.nearest import did_you_mean, nearest

_WRITTEN = {
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
    "delete": "Delete",
    "insert": "Insert",
    "tab": "Tab",
    "ctrl": "Ctrl",
    "alt": "Alt",
    "shift": "Shift",
}
_KEPT_BY_BROWSERS = frozenset({"ctrl+n", "ctrl+t", "ctrl+w"})
"""New windows, new tabs and closed ones: no page ever sees these keys."""
_MODIFIERS = ("ctrl", "alt", "shift", "super", "hyper", "meta")
_FRIENDLY = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}
"""What Textual calls some characters in the place of their Unicode names."""
_NUL = "ctrl+@"
"""What Ctrl+Space sends, under the name that Textual has for it."""
_NAMED = frozenset(
    [
        *("escape", "enter", "return", "tab", "space", "backspace", "delete", "insert"),
        *("home", "end", "pageup", "pagedown", "left", "right", "up", "down"),
        *_FRIENDLY.values(),
        *(f"f{number}" for number in range(1, 25)),
    ]
)


def split(keys: str) -> list[str]:
    """The keys of an action, one by one."""
    return [key.strip() for key in keys.split(",") if key.strip()]


def in_a_browser(keys: str) -> str:
    """The keys of an action, those that reach a page in front."""
    return ",".join(sorted(split(keys), key=lambda each: each in _KEPT_BY_BROWSERS))


def written(key: str) -> str:
    """A key as people write it: "Ctrl+N" for "ctrl+n"; of several the first."""
    parts = key.split(",", maxsplit=1)[0].strip().split("+")
    return "+".join(_WRITTEN.get(part, part.upper() if _is_code(part) else part) for part in parts)


def _is_code(part: str) -> bool:
    return len(part) == 1 or (part[0] == "f" and part[1:].isdigit())


def shown(key: str) -> str:
    """The first of an action's keys, as people write it.

    Single letters that stand alone stay small, as they are typed.
    """
    first = key.split(",", maxsplit=1)[0].strip()
    return first if len(first) == 1 else written(first)


def checked(wanted: Mapping[str, str]) -> dict[str, str]:
    """A user's own keys in their normal form.

    Args:
        wanted: Ids of actions, with keys as Textual names them, separated by commas.

    Raises:
        ValueError: If there is no such action or no such key; the message is one line.
    """
    from r1chat.actions import BY_ID

    for name in wanted:
        if name not in BY_ID:
            hint = did_you_mean(name, BY_ID) or "; `r1chat keys` lists them"
            message = f"{name!r} is not an action{hint}"
            raise ValueError(message)
    return {name: ",".join(map(_known, split(keys) or [keys])) for name, keys in wanted.items()}


def _known(key: str) -> str:
    """The name that Textual has for a key.

    Raises:
        ValueError: If it has none.
    """
    if key == _NUL:
        return key
    *modifiers, last = [key] if len(key) == 1 else key.lower().split("+")
    if len(last) == 1:
        last = _name(last)
    if modifiers == ["shift"] and len(last) == 1:
        modifiers, last = [], last.upper()
    if all(each in _MODIFIERS for each in modifiers) and (
        len(last) == 1 or last in _NAMED or _is_character(last)
    ):
        return "+".join([*sorted(modifiers), last])
    near = [each if each in _MODIFIERS else nearest(each, _MODIFIERS) for each in modifiers]
    near.append(last if len(last) == 1 else nearest(last, _NAMED))
    hint = f"; did you mean {'+'.join(filter(None, near))}?" if all(near) else ""
    message = f"{key!r} is not a key{hint}"
    raise ValueError(message)


def _name(character: str) -> str:
    """What Textual calls a character's key."""
    if character.isalnum():
        return character
    name = unicodedata.name(character, character).lower().replace("-", "_").replace(" ", "_")
    return _FRIENDLY.get(name, name)


def _is_character(name: str) -> bool:
    """Whether it is what Textual calls a character's key."""
    if name in map(_name, string.punctuation):
        return True
    try:
        return _name(unicodedata.lookup(name.replace("_", " "))) == name
    except KeyError:
        return False
