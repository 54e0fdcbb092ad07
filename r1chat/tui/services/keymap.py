"""The user's own keys: set by the ids of the bindings, and shown as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.app import App
from textual.binding import Binding

from r1chat import keymap
from r1chat.actions import BY_ID
from r1chat.sanitize import line


class Keymap:
    """Owns which keys the user has changed.

    Args:
        app: The app.
    """

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._changed: dict[str, str] = {}
        self._clashes: set[str] = set()

    def change(self, wanted: Mapping[str, str]) -> None:
        """Changes keys, and says which could not be set.

        Args:
            wanted: Ids of bindings, with keys as Textual names them.
        """
        if wanted:
            self._changed = {name: key for name, key in wanted.items() if name in BY_ID}
            self._app.set_keymap(self._changed)
            unknown = [name for name in wanted if name not in BY_ID]
            if unknown:
                self._warn_later(f"No such keys to set: {line(', '.join(unknown), 200)}")

    def shown(self) -> dict[str, str]:
        """The keys of the actions that have some, by their ids; those that work here in front."""
        usual = {name: each.keys for name, each in BY_ID.items() if each.keys}
        shown = {**usual, **self._changed}
        if self._app.is_web:
            return {name: keymap.in_a_browser(key) for name, key in shown.items()}
        return shown

    def shown_binding(self, binding: Binding) -> Binding:
        """The binding whose key the footer writes: in a browser, one that reaches the page."""
        if not self._app.is_web:
            return binding
        active = self._app.screen.active_bindings.values()
        twins = [each.binding for each in active if each.binding.id == binding.id]
        first = keymap.in_a_browser(",".join(twin.key for twin in twins)).split(",")[0]
        return next((twin for twin in twins if twin.key == first), binding)

    def warn_of_clash(self, clashed: set[Binding]) -> None:
        """Says once which keys of the settings push out others."""
        names = {each.id for each in clashed if each.id and self._is_pushed_out(each)}
        names -= self._clashes
        if names:
            self._clashes |= names
            self._warn_later(f"The keys in the settings leave none for {', '.join(sorted(names))}")

    def _is_pushed_out(self, binding: Binding) -> bool:
        """Whether a binding has to leave its key to another; Textual counts its own twins too."""
        others = (taken for name, taken in self._changed.items() if name != binding.id)
        return any(binding.key in taken.split(",") for taken in others)

    def _warn_later(self, text: str) -> None:
        self._app.call_later(self._app.notify, text, severity="warning", markup=False, timeout=10)
