"""The chat with the panel of conversations beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.css.query import NoMatches

from r1chat.sanitize import line
from r1chat.tui import keys
from r1chat.tui.screens.resuming import ResumingScreen
from r1chat.tui.widgets.topbar import TopBar

if TYPE_CHECKING:
    from r1chat.store import Hit, Summary
    from r1chat.tui.widgets.history_list import Entry
    from r1chat.tui.widgets.history_panel import HistoryPanel
    from r1chat.tui.widgets.turn import TurnView

_BESIDE = 80
"""Columns from which on there is room for both."""
_UNDO_S = 10.0
_LOOKS_S = 1.0
"""How often the history is asked whether there is something to tell."""
_NOT_YET = "It is kept from its first question on."
_OF_THE_PANEL = frozenset({"attach", "previous_moment", "next_moment"})
"""Their keys are the panel's own while it has the focus."""


class ConversationsScreen(ResumingScreen):
    """Lists, names, pins and deletes conversations."""

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

    def __init__(self) -> None:
        super().__init__()
        self._deleted: list[tuple[str, str]] = []
        """Ids and titles, the last one deleted at the end."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leaves some keys to the panel."""
        if action in _OF_THE_PANEL and self._in_panel:
            return False
        if action == "restore":
            return bool(self._deleted)
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
            panel.restorable = bool(self._deleted)
            await self.mount(panel, before=0)
        return panel

    async def action_panel(self) -> None:
        """Opens the panel, goes to it, or closes it."""
        panel = self.panel
        if panel is None:
            panel = await self._open_panel()
            self.app.remember(panel="show")
        elif self._in_panel:
            await self._close_panel(panel)
            self.app.remember(panel="hide")
            return
        panel.search.focus()

    async def _close_panel(self, panel: HistoryPanel) -> None:
        self.composer.focus()
        await panel.remove()

    async def _leave_panel(self) -> None:
        """Goes back to the conversation, which the panel may hide."""
        panel = self.panel
        if panel is not None and self.app.size.width < _BESIDE:
            await self._close_panel(panel)
        self.composer.focus()

    def _show_again(self) -> None:
        """Has the panel show what is new."""
        panel = self.panel
        if panel is not None:
            panel.current = self.shown_id
            panel.restorable = bool(self._deleted)
            panel.reload()

    async def on_history_panel_left(self) -> None:
        """Escape leaves the panel."""
        await self._leave_panel()

    # -- what has changed --

    def finished(self, view: TurnView) -> None:
        """A reply has ended."""
        super().finished(view)
        self._show_again()

    async def begin_anew(self) -> None:
        """Begins another conversation."""
        await super().begin_anew()
        self._show_again()

    async def open_conversation(self, name: str, hit: Hit | None = None) -> bool:
        """Opens a conversation."""
        opened = await super().open_conversation(name, hit)
        self._show_again()
        return opened

    # -- what is done in the panel --

    async def on_history_panel_chosen(self, event: HistoryPanel.Chosen) -> None:
        """Opens what was chosen."""
        name, hit = _parts(event.entry)
        if await self.open_conversation(name, hit):
            await self._leave_panel()

    async def on_history_panel_wanted(self, event: HistoryPanel.Wanted) -> None:
        """Does something with the conversation that the cursor is on."""
        name, hit = _parts(event.entry)
        if event.what == "duplicate":
            await self.duplicate(name, hit.node if hit is not None else None)
            return
        summary = await self._summary(name)
        if summary is None:
            return
        if event.what == "rename":
            self.rename(summary)
        elif event.what == "pin":
            await self.with_history(lambda store: store.pin(name, pinned=not summary.pinned))
            self._show_again()
        else:
            await self.delete(summary)

    async def _summary(self, name: str) -> Summary | None:
        found = await self.with_history(lambda store: store.find(name))
        for each in found or ():
            if each.id == name:
                return each
        if found is not None:
            self.notify(_NOT_YET, timeout=3)
        return None

    def rename(self, summary: Summary, proposal: str = "") -> None:
        """Asks for another title.

        Args:
            summary: The conversation.
            proposal: What a model proposes.
        """
        from r1chat.tui.screens.one_line import OneLine

        def take(title: str | None) -> None:
            if title is not None and title != summary.title:
                source = "model" if title == proposal else "user"
                self.run_worker(self._rename(summary, title, source), group="rename")

        about = "Enter takes it; it can be edited." if proposal else ""
        self.app.push_screen(OneLine("Title", proposal or summary.title, about), take)

    async def _rename(self, summary: Summary, title: str, source: str) -> None:
        # The user has agreed to a model's title that takes the place of one of their own.
        model = source == "model" and summary.title_source != "user"
        await self.with_history(
            lambda store: store.rename(summary.id, title, "model" if model else "user")
        )
        if summary.id == self.shown_id:
            self.app.titled = title
        self._show_again()

    async def delete(self, summary: Summary) -> None:
        """Deletes a conversation, until it is restored."""
        if summary.id == self.shown_id and self.running:
            self.notify("Stop the reply first: Escape.", timeout=3)
            return
        await self.with_history(lambda store: store.delete(summary.id))
        self._deleted.append((summary.id, summary.title))
        if summary.id == self.shown_id:
            in_panel = self._in_panel
            await self.action_begin_anew()
            if in_panel and self.panel is not None:
                self.panel.search.focus()
        self._show_again()
        key = keys.shown(self.app.shown_keys()["history.restore"])
        from r1chat.tui.past import title

        self.notify(
            f"Deleted: {title(summary)}. {key} in the panel takes it back.",
            markup=False,
            timeout=_UNDO_S,
        )
        self.refresh_bindings()

    async def action_restore(self) -> None:
        """Takes the last deletion back."""
        if self._deleted:
            name, _ = self._deleted.pop()
            await self.with_history(lambda store: store.restore(name))
            self._show_again()
            self.refresh_bindings()

    # -- the conversation on the screen --

    async def action_rename_this(self) -> None:
        """Gives the conversation another title."""
        summary = await self._summary(self.shown_id)
        if summary is not None:
            self.rename(summary)

    async def action_pin_this(self) -> None:
        """Pins the conversation, or not."""
        summary = await self._summary(self.shown_id)
        if summary is not None:
            await self.with_history(lambda store: store.pin(summary.id, pinned=not summary.pinned))
            self.notify("Not pinned any more." if summary.pinned else "Pinned.", timeout=2)
            self._show_again()

    async def action_delete_this(self) -> None:
        """Deletes the conversation; that can be undone."""
        summary = await self._summary(self.shown_id)
        if summary is not None:
            await self.delete(summary)


def _parts(entry: Entry) -> tuple[str, Hit | None]:
    """The conversation's id, and the place in it."""
    from r1chat.store import Hit

    return (entry.conversation, entry) if isinstance(entry, Hit) else (entry.id, None)
