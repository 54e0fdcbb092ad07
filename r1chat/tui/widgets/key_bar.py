"""The line at the bottom: the keys that apply now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textual import events
from textual.app import RenderResult
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

_GAP = 2
_ALWAYS = ("help", "models")
"""What is named in any case, at the end of the line: where all is explained, and another model."""
_SHARE = 3
"""Where these take more than such a part of the line, what applies now goes first."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """A key that applies."""

    key: str
    written: str
    about: str
    able: bool
    """Whether this model can do it."""


class KeyBar(Widget):
    """Names as many of the keys as there is room for; a click presses one.

    Textual's own Footer mounts a widget for each key whenever one of them changes, which takes
    long, and never lets the old ones go.

    Args:
        first: The part of the app whose keys are named before those of what has the focus.
    """

    DEFAULT_CSS = """
    KeyBar {
        dock: bottom;
        height: 1;
        padding: 0 1;
        background: $background;
        color: $foreground;
        & > .key-bar--key { color: $footer-key-foreground; text-style: bold; }
        & > .key-bar--unable { color: $text-disabled; }
        & > .key-bar--pointed { background: $block-hover-background; }
    }
    """
    COMPONENT_CLASSES = {"key-bar--key", "key-bar--unable", "key-bar--pointed"}  # noqa: RUF012  (Textual's)
    ALLOW_SELECT = False

    def __init__(self, first: str = "") -> None:
        super().__init__()
        self._first = f"{first}."
        self._shown: dict[str, _Shown] = {}
        """The keys by their actions."""
        self._pointed = ""

    def on_mount(self) -> None:
        """Follows what applies."""
        self.screen.bindings_updated_signal.subscribe(self, self._follow)
        self._follow(self.screen)

    def _follow(self, screen: Screen[object]) -> None:
        # Several changes come at once, before any of them is drawn.
        if screen is self.screen:
            self.call_next(self._collect)

    def _collect(self) -> None:
        if not self.is_attached:
            return
        shown: dict[str, _Shown] = {}
        unable: Callable[[str], str] = getattr(self.screen, "unable", lambda _: "")
        title_of: Callable[[str], str] = getattr(self.screen, "title_of", lambda _: "")
        active = sorted(
            self.screen.active_bindings.values(),
            key=lambda each: not str(each.binding.id).startswith(self._first),
        )
        for _, binding, enabled, _ in active:
            if binding.show and enabled and binding.action not in shown:
                written = self.app.get_key_display(binding)
                able = not unable(binding.action)
                about = title_of(binding.action) or binding.description
                shown[binding.action] = _Shown(binding.key, written, about, able)
        if list(shown.items()) != list(self._shown.items()):
            self._shown = shown
            self.refresh()

    def _placed(self) -> list[tuple[int, int, str, Content]]:
        """What there is room for: first column, column after the last, key, text."""
        texts = {action: self._text(each) for action, each in self._shown.items()}
        kept = [action for action in texts if action in _ALWAYS]
        needed = sum(texts[each].cell_length + _GAP for each in kept)
        if _SHARE * needed > self.content_size.width:
            kept, needed = [], 0
        room = self.content_size.width - needed
        fitting: list[str] = []
        for action, text in texts.items():
            if action not in kept:
                room -= text.cell_length + (_GAP if fitting else 0)
                if room < 0:
                    break
                fitting.append(action)
        placed = []
        column = 0
        for action in [*fitting, *kept]:
            end = column + texts[action].cell_length
            if end > self.content_size.width:
                break
            placed.append((column, end, self._shown[action].key, texts[action]))
            column = end + _GAP
        return placed

    def _text(self, shown: _Shown) -> Content:
        """A key and what it does."""
        if not shown.able:
            unable = self.get_visual_style("key-bar--unable", partial=True)
            return Content(f"{shown.written} {shown.about}").stylize(unable)
        style = self.get_visual_style("key-bar--key", partial=True)
        return Content.assemble((f"{shown.written} ", style), shown.about)

    def render(self) -> RenderResult:
        """One line."""
        pointed = self.get_visual_style("key-bar--pointed", partial=True)
        texts = [
            text.stylize(pointed) if key == self._pointed else text
            for _, _, key, text in self._placed()
        ]
        return Content(" " * _GAP).join(texts)

    def _key_at(self, x: int) -> str:
        column = x - self.styles.padding.left
        return next((key for start, end, key, _ in self._placed() if start <= column < end), "")

    def _point_at(self, key: str) -> None:
        if key != self._pointed:
            self._pointed = key
            self.styles.pointer = "pointer" if key else "default"
            self.refresh()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Shows what a click would press."""
        self._point_at(self._key_at(event.x))

    def on_leave(self) -> None:
        """Points at nothing any more."""
        self._point_at("")

    def on_click(self, event: events.Click) -> None:
        """Presses the key."""
        key = self._key_at(event.x)
        if key:
            event.stop()
            self.app.simulate_key(key)
