"""The line at the bottom: the keys that apply now."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.app import RenderResult
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

_GAP = 2


class KeyBar(Widget):
    """Names as many of the keys as there is room for; a click presses one.

    Textual's own Footer mounts a widget for each key whenever one of them changes, which takes
    long, and never lets the old ones go.
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

    def __init__(self) -> None:
        super().__init__()
        self._shown: list[tuple[str, str, str, bool]] = []
        """Of each: the key, how it is written, what it does, whether this model can do it."""
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
        shown: dict[str, tuple[str, str, str, bool]] = {}
        unable: Callable[[str], str] = getattr(self.screen, "unable", lambda _: "")
        for _, binding, enabled, _ in self.screen.active_bindings.values():
            if binding.show and enabled and binding.action not in shown:
                written = self.app.get_key_display(binding)
                able = not unable(binding.action)
                shown[binding.action] = (binding.key, written, binding.description, able)
        if list(shown.values()) != self._shown:
            self._shown = list(shown.values())
            self.refresh()

    def _placed(self) -> list[tuple[int, int, str, Content]]:
        """What there is room for: first column, column after the last, key, text."""
        placed = []
        column = 0
        style = self.get_visual_style("key-bar--key", partial=True)
        unable = self.get_visual_style("key-bar--unable", partial=True)
        for key, written, about, able in self._shown:
            text = Content.assemble((f"{written} ", style), about)
            if not able:
                text = Content(text.plain).stylize(unable)
            if column + text.cell_length > self.content_size.width:
                break
            placed.append((column, column + text.cell_length, key, text))
            column += text.cell_length + _GAP
        return placed

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
