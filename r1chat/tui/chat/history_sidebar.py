"""The panel of conversations beside the chat: opened, closed, told what has changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from textual.widget import Widget

from r1chat.tui.host import Host

if TYPE_CHECKING:
    from r1chat.tui.widgets.history_panel import HistoryPanel

BESIDE = 80
"""Columns from which on there is room for both."""


class HistorySidebar:
    """Owns the panel while it is open.

    Args:
        host: The app.
        current: Tells the id of the conversation on the screen.
        restorable: Tells whether a deletion can be undone.
        mount: Mounts the panel beside the chat.
    """

    def __init__(
        self,
        host: Host,
        *,
        current: Callable[[], str],
        restorable: Callable[[], bool],
        mount: Callable[[Widget], Awaitable[object]],
    ) -> None:
        self._host = host
        self._current = current
        self._restorable = restorable
        self._mount = mount
        self.panel: HistoryPanel | None = None

    @property
    def has_focus(self) -> bool:
        """Whether the keyboard is the panel's."""
        return self.panel is not None and self.panel.has_focus_within

    async def begin(self, width: int) -> None:
        """Opens the panel where it was open the last time and there is room.

        Args:
            width: The app's columns.
        """
        if self._host.settings.panel == "show" and width >= BESIDE:
            await self._open()

    async def toggle(self) -> bool:
        """Opens the panel, goes to it, or closes it.

        Returns:
            Whether it is open.
        """
        if self.has_focus:
            await self.close()
            return False
        if self.panel is None:
            self._host.remember(panel="show")
        (await self._open()).search.focus()
        return True

    async def _open(self) -> HistoryPanel:
        if self.panel is None:
            from r1chat.tui.widgets.history_panel import HistoryPanel

            self.panel = HistoryPanel(self._host.history, self._host.shown_keys)
            self.panel.current, self.panel.restorable = self._current(), self._restorable()
            await self._mount(self.panel)
        return self.panel

    async def close(self) -> None:
        """Closes the panel; it stays closed at the next start."""
        panel, self.panel = self.panel, None
        if panel is not None:
            self._host.remember(panel="hide")
            await panel.remove()

    def uncover(self, width: int) -> None:
        """Closes a panel that hides the chat, for this time.

        Args:
            width: The app's columns.
        """
        if self.panel is not None and width < BESIDE:
            self.panel.remove()
            self.panel = None

    def reload(self) -> None:
        """Has the panel list what is new."""
        if self.panel is not None:
            self.panel.current, self.panel.restorable = self._current(), self._restorable()
            self.panel.reload()
