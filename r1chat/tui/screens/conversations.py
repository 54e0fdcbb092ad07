"""The chat with the panel of conversations beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.css.query import NoMatches

from r1chat.sanitize import line
from r1chat.tui.screens.managing import ManagingScreen
from r1chat.tui.widgets.topbar import TopBar

if TYPE_CHECKING:
    from r1chat.store import Hit
    from r1chat.tui.widgets.history_list import Entry
    from r1chat.tui.widgets.history_panel import HistoryPanel
    from r1chat.tui.widgets.turn import TurnView

_BESIDE = 80
"""Columns from which on there is room for both."""
_LOOKS_S = 1.0
"""How often the history is asked whether there is something to tell."""
_OF_THE_PANEL = frozenset({"attach", "previous_moment", "next_moment", "leave"})
"""Their keys are the panel's own while it has the focus."""


class ConversationsScreen(ManagingScreen):
    """Lists conversations, and finds them again."""

    DEFAULT_CSS = """
    ConversationsScreen {
        layers: default above;
        /* Where there is no room beside the conversation, the panel lies on it. */
        &.-narrow HistoryPanel { layer: above; width: 100%; }
        &.-vast HistoryPanel { width: 44; }
        &.-lowest HistoryPanel { margin: 1 0 0 0; }
    }
    """
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012  (Textual declares it)
        (0, "-narrow"),
        (_BESIDE, "-wide"),
        (120, "-vast"),
    ]
    BINDINGS: ClassVar[list[BindingType]] = [
        # Some terminals open a menu with F10.
        Binding("f10,alt+h", "panel", "History", id="chat.history", priority=True),
    ]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leaves some keys to the panel."""
        if action in _OF_THE_PANEL and self._in_panel:
            return False
        return super().check_action(action, parameters)

    # -- the panel --

    @property
    def panel(self) -> HistoryPanel | None:
        """The panel, while it is open."""
        try:
            return self.query_one("HistoryPanel")  # type: ignore[return-value]
        except NoMatches:
            return None

    @property
    def _in_panel(self) -> bool:
        panel = self.panel
        return panel is not None and panel.has_focus_within

    async def history_opened(self) -> None:
        """Tells how that went, and opens the panel where it was open the last time."""
        self._look_at_history()
        self.set_interval(_LOOKS_S, self._look_at_history)
        if self.app.settings.panel == "show" and self.app.size.width >= _BESIDE:
            await self._open_panel()

    def _look_at_history(self) -> None:
        history = self.app.history
        for notice in history.take_notices():
            self.notify(line(notice, 300), severity="warning", markup=False, timeout=10)
        # At the end the bar may be gone before the timer is.
        for bar in self.query(TopBar):
            bar.unsaved = not history.saves

    async def _open_panel(self) -> HistoryPanel:
        from r1chat.tui.widgets.history_panel import HistoryPanel

        panel = self.panel
        if panel is None:
            panel = HistoryPanel()
            panel.current = self.shown_id
            panel.restorable = bool(self.deleted)
            await self.mount(panel, before=0)
        return panel

    def focus_text_field(self) -> bool:
        """Gives the keyboard to the composer; a panel that hides it is closed."""
        panel = self.panel
        if panel is not None and self.app.size.width < _BESIDE:
            panel.remove()
        return super().focus_text_field()

    async def action_panel(self) -> None:
        """Opens the panel, goes to it, or closes it."""
        panel = self.panel
        if panel is None:
            panel = await self._open_panel()
            self.app.remember(panel="show")
        elif self._in_panel:
            await self._close_panel(panel)
            return
        panel.search.focus()

    def action_to_composer(self) -> None:
        """Goes back to where questions are written, and from there closes the panel."""
        panel = self.panel
        if panel is not None and self.composer.has_focus:
            self.call_later(self._close_panel, panel)
        else:
            super().action_to_composer()

    async def _close_panel(self, panel: HistoryPanel) -> None:
        self.composer.focus()
        await panel.remove()
        self.app.remember(panel="hide")

    def show_again(self) -> None:
        """Has the panel show what is new."""
        panel = self.panel
        if panel is not None:
            panel.current = self.shown_id
            panel.restorable = bool(self.deleted)
            panel.reload()

    async def on_history_panel_left(self, event: HistoryPanel.Left) -> None:
        """Escape closes the panel."""
        await self._close_panel(event.panel)

    # -- what has changed --

    def finished(self, view: TurnView) -> None:
        """A reply has ended."""
        super().finished(view)
        self.show_again()

    async def begin_anew(self) -> None:
        """Begins another conversation."""
        await super().begin_anew()
        self.show_again()

    async def open_conversation(self, name: str, hit: Hit | None = None) -> bool:
        """Opens a conversation."""
        opened = await super().open_conversation(name, hit)
        self.show_again()
        return opened

    # -- what is done in the panel --

    async def on_history_panel_chosen(self, event: HistoryPanel.Chosen) -> None:
        """Opens what was chosen."""
        name, hit = _parts(event.entry)
        if await self.open_conversation(name, hit):
            self.focus_text_field()

    async def on_history_panel_wanted(self, event: HistoryPanel.Wanted) -> None:
        """Does something with the conversation that the cursor is on."""
        name, hit = _parts(event.entry)
        if event.what == "duplicate":
            await self.duplicate(name, hit.node if hit is not None else None)
            return
        summary = await self.summary(name)
        if summary is None:
            return
        if event.what == "rename":
            self.rename(summary)
        elif event.what == "pin":
            await self.pin(summary)
        else:
            await self.delete(summary)


def _parts(entry: Entry) -> tuple[str, Hit | None]:
    """The conversation's id, and the place in it."""
    from r1chat.store import Hit

    return (entry.conversation, entry) if isinstance(entry, Hit) else (entry.id, None)
