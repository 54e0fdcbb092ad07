"""The line at the bottom: the keys that apply now; on a narrow page as many lines as they take.

Below a dialog it names the dialog's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakSet

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
_NARROW = 80
"""On a page of fewer columns, as a telephone's, the keys that are named are all that there are."""
_HIGHEST = 5
"""The part of the screen's lines that they take at most there."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """A key that applies."""

    key: str
    written: str
    about: str
    able: bool
    """Whether it can be done now, and by this model."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a key stands."""

    row: int
    start: int
    end: int
    key: str
    text: Content


class KeyBar(Widget):
    """Names as many of the keys as there is room for; a click presses one, but for a dialog's.

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
        self._rows = 1
        self._followed: WeakSet[Screen[object]] = WeakSet()
        """The dialogs whose keys it follows."""

    def on_mount(self) -> None:
        """Follows what applies."""
        self.screen.bindings_updated_signal.subscribe(self, self._follow)
        self.app.screen_change_signal.subscribe(self, self._change_screens)
        self._follow(self.screen)

    @property
    def _front(self) -> Screen[object]:
        """The screen whose keys apply: its own, or the dialog that stands before it."""
        front = self.app.screen
        return front if front.is_modal else self.screen

    def _change_screens(self, _: Screen[object]) -> None:
        front = self._front
        if front is not self.screen and front not in self._followed:
            self._followed.add(front)
            front.bindings_updated_signal.subscribe(self, self._follow)
        self._follow(front)

    def _follow(self, screen: Screen[object]) -> None:
        # Several changes come at once, before any of them is drawn.
        if screen is self._front:
            self.call_next(self._collect)

    def _collect(self) -> None:
        if not self.is_attached:
            return
        shown: dict[str, _Shown] = {}
        front = self._front
        unable: Callable[[str], str] = getattr(front, "unable", lambda _: "")
        title_of: Callable[[str], str] = getattr(front, "title_of", lambda _: "")
        active = sorted(
            front.active_bindings.values(),
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
            self._fit()
            self.refresh()

    def on_resize(self) -> None:
        """Takes the lines that the keys need at this width."""
        self._fit()

    def _fit(self) -> None:
        wraps = self.app.is_web and self.app.size.width < _NARROW
        rows = 1
        if wraps and (placed := self._wrapped()):
            rows = max(1, min(placed[-1].row + 1, self.app.size.height // _HIGHEST))
        if rows != self._rows:
            self._rows = rows
            self.styles.height = rows

    def _wrapped(self) -> list[_Place]:
        """All of them, on as many lines as that takes."""
        placed: list[_Place] = []
        row = column = 0
        for each in self._shown.values():
            text = self._text(each)
            if column and column + text.cell_length > self.content_size.width:
                row, column = row + 1, 0
            placed.append(_Place(row, column, column + text.cell_length, each.key, text))
            column += text.cell_length + _GAP
        return placed

    def _placed(self) -> list[_Place]:
        """What there is room for."""
        if self._rows > 1:
            return [each for each in self._wrapped() if each.row < self._rows]
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
        placed: list[_Place] = []
        column = 0
        for action in [*fitting, *kept]:
            end = column + texts[action].cell_length
            if end > self.content_size.width:
                break
            placed.append(_Place(0, column, end, self._shown[action].key, texts[action]))
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
        """The keys that there is room for."""
        pointed = self.get_visual_style("key-bar--pointed", partial=True)
        rows: list[list[Content]] = [[] for _ in range(self._rows)]
        for each in self._placed():
            text = each.text.stylize(pointed) if each.key == self._pointed else each.text
            rows[each.row].append(text)
        return Content("\n").join(Content(" " * _GAP).join(texts) for texts in rows)

    def _key_at(self, x: int, y: int) -> str:
        column = x - self.styles.padding.left
        found = (
            each.key for each in self._placed() if each.row == y and each.start <= column < each.end
        )
        return next(found, "")

    def _point_at(self, key: str) -> None:
        if key != self._pointed:
            self._pointed = key
            self.styles.pointer = "pointer" if key else "default"
            self.refresh()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Shows what a click would press."""
        self._point_at(self._key_at(event.x, event.y))

    def on_leave(self) -> None:
        """Points at nothing any more."""
        self._point_at("")

    def on_click(self, event: events.Click) -> None:
        """Presses the key."""
        key = self._key_at(event.x, event.y)
        if key:
            event.stop()
            self.app.simulate_key(key)
