"""Sends what is typed to the text field of the screen, wherever the focus is."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from textual import events
from textual.screen import Screen
from textual.widgets import Input, TextArea

_EDITING = frozenset({"enter", "backspace", "delete"})
"""Keys that belong to a text as letters do, as long as nothing else listens to them."""
_COMMANDS = frozenset({"alt", "ctrl", "super", "hyper", "meta"})
"""With one of these a letter is no text."""


@runtime_checkable
class HasTextField(Protocol):
    """A screen with a text field that takes what is typed anywhere on it."""

    def focus_text_field(self) -> bool:
        """Gives the keyboard to the field; whether it is there already."""


@runtime_checkable
class Decides(Protocol):
    """A screen that may be finding out whether it closes; what is typed then waits for that."""

    @property
    def deciding(self) -> bool:
        """Whether it is finding out."""


def focus_first(screen: Screen[Any], kind: type[Input | TextArea]) -> bool:
    """Gives the keyboard to the first field of a kind; whether there is one yet."""
    for field in screen.query(kind):
        screen.set_focus(field)
        return True
    return False


def is_text(key: events.Key) -> bool:
    """Whether a key writes a character."""
    return key.is_printable and _COMMANDS.isdisjoint(key.key.split("+")[:-1])


def aim(screen: Screen[Any], event: events.Key | events.Paste) -> bool:
    """Gives the keyboard to the screen's text field where an event belongs to a text.

    Letters are no commands: a click or the tabulator may have taken the focus elsewhere, and who
    types on means the text. A field that has the focus already was opened on purpose and keeps it.

    Args:
        screen: The screen in front.
        event: A key or a paste on its way to what has the focus.

    Returns:
        Whether it can be sent on; not yet, where the screen has only just been opened, or is about
        to be closed.
    """
    if isinstance(screen, Decides) and screen.deciding:
        return False
    if not isinstance(screen, HasTextField) or isinstance(screen.focused, (Input, TextArea)):
        return True
    if (
        isinstance(event, events.Paste)
        or screen.focused is None
        or is_text(event)
        or (event.key in _EDITING and not _listens(screen, event.key))
    ):
        return screen.focus_text_field()
    return True


def _listens(screen: Screen[Any], key: str) -> bool:
    found = screen.active_bindings.get(key)
    return found is not None and found.enabled
