"""The themes in the app: the first one at once, the others after the first frame."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from textual.app import App
from textual.color import Color
from textual.theme import Theme

from r1chat import paths
from r1chat.sanitize import line
from r1chat.tui.threads import on_thread

if TYPE_CHECKING:
    from r1chat import themes

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULT = "midnight"
_MOST_FAILURES = 5
READABLE = 4.5
"""The contrast that a text has at least, by the Web's rules for all who read."""
_WEIGHTS = (0.2126, 0.7152, 0.0722)
_PALEST = 40
_GROUNDS = ("background", "surface", "panel")


class Themes:
    """Registers the themes with an app and shows them.

    Args:
        app: The app.
    """

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._themes: dict[str, themes.Theme] = {}
        self._wanted = DEFAULT

    def begin(self, wanted: str | None) -> None:
        """Shows a theme before the first frame.

        A shipped one is taken as its file has it: the checker takes longer to import than the
        first frame takes to draw, and the tests have checked these files.
        """
        self._wanted = wanted or DEFAULT
        path = paths.shipped_themes() / f"{self._wanted}.toml"
        if self._wanted.replace("-", "").isalnum() and path.is_file() and not _has_own():
            values = tomllib.loads(path.read_text(encoding="utf-8"))
            self._register(values)
            self._app.theme = values["name"]
        else:
            self.load_all()

    async def load_later(self) -> None:
        """Reads all themes on a thread: what checks them takes long to import."""
        found = await on_thread(_read, "r1chat-themes")
        # The app may have ended meanwhile.
        if self._app.screen_stack and not self._themes:
            self._take(*found)

    def load_all(self) -> None:
        """Reads all themes, the user's own among them; names those that failed in one toast."""
        if not self._themes:
            self._take(*_read())

    def _take(self, found: dict[str, themes.Theme], failures: list[str]) -> None:
        self._themes = found
        for theme in self._themes.values():
            self._register(theme.model_dump())
        if self._app.theme not in self._themes and self._themes:
            known = self._wanted in self._themes
            self.show(self._wanted if known else next(iter(self._themes)))
        if failures:
            text = "\n".join(line(failure, 200) for failure in failures[:_MOST_FAILURES])
            self._app.notify(text, title="Themes left out", severity="warning", markup=False)

    def show(self, name: str) -> None:
        """Shows a theme."""
        self._app.theme = name

    def described(self) -> dict[str, str]:
        """All themes by their names, with a few words on each."""
        self.load_all()
        return {
            name: theme.description or ("dark" if theme.dark else "light")
            for name, theme in self._themes.items()
        }

    def _register(self, values: dict[str, Any]) -> None:
        values = {name: value for name, value in values.items() if name != "description"}
        thinking = values.pop("thinking")
        grounds = [values[name] for name in _GROUNDS if values.get(name)]
        values["variables"] = {
            # Textual's own grey is no darker than the ground in some themes.
            "text-disabled": grey(values["foreground"], grounds),
            **values.get("variables", {}),
            "thought": thinking["text"],
            "injected": thinking["injected"],
            "wait": thinking["wait"],
        }
        self._app.register_theme(Theme(**values))


def contrast(one: Color, other: Color) -> float:
    """How well two colours are told apart: 1 not at all, 21 as black and white are."""
    low, high = sorted(_luminance(each) for each in (one, other))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: Color) -> float:
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4  # noqa: PLR2004  (sRGB)
        for part in colour.normalized
    ]
    return sum(weight * part for weight, part in zip(_WEIGHTS, linear, strict=True))


def grey(foreground: str, grounds: Sequence[str]) -> str:
    """A colour for what does not apply now: as pale as it can be and still be read.

    Args:
        foreground: The colour of what applies.
        grounds: What it may stand on; the first is the one that it pales toward.
    """
    colour = Color.parse(foreground)
    behind = [Color.parse(ground) for ground in grounds]
    for share in range(_PALEST, 100, 2):
        mixed = behind[0].blend(colour, share / 100)
        if all(contrast(mixed, each) >= READABLE for each in behind):
            return mixed.hex
    return colour.hex


def _read() -> tuple[dict[str, themes.Theme], list[str]]:
    from r1chat import themes

    return themes.load()


def _has_own() -> bool:
    try:
        return any(paths.user_themes().glob("*.toml"))
    except OSError:
        return False
