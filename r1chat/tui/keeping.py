"""An app that keeps its conversations."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from r1chat.history import History
from r1chat.tui.keyed import KeyedApp
from r1chat.tui.threads import on_thread

if TYPE_CHECKING:
    from r1chat.tui.chat.screen import ChatScreen


class KeepingApp(KeyedApp):
    """Opens the history after the first frame, tells of its troubles, and closes it in the end.

    Args:
        history: Where conversations are kept.
    """

    def __init__(self, history: History | None = None) -> None:
        super().__init__()
        self.history = history or History()

    @property
    def chat(self) -> ChatScreen:
        """The conversation's screen."""
        raise NotImplementedError

    def open_history(self, *, saves: bool) -> None:
        """Opens it in the background.

        Args:
            saves: Whether conversations are to last.
        """
        self.run_worker(self._open(saves=saves), group="history", exit_on_error=False)

    async def _open(self, *, saves: bool) -> None:
        await on_thread(partial(self.history.open, saves=saves), "r1chat-history-open")
        # The app may have ended meanwhile.
        if self.screen_stack:
            await self.chat.history_opened()

    async def on_unmount(self) -> None:
        """Writes what is left."""
        await on_thread(self.history.close, "r1chat-history-close")
