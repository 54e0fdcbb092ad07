"""The reply that a crash broke off: offered at the next start, and continued by one key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from r1chat import keymap
from r1chat.errors import R1ChatError
from r1chat.sanitize import line
from r1chat.tui.chat.conversation_state import OpenConversation
from r1chat.tui.host import Host
from r1chat.tui.threads import on_thread

if TYPE_CHECKING:
    from r1chat.store import Summary

_TITLE = 60


class InterruptedReply:
    """Owns the offer to continue it.

    Args:
        host: The app.
        state: The conversation on the screen.
        show: Shows the offer, a line, where there is no turn yet.
        open_: Opens a conversation by its id; whether that could be done.
    """

    def __init__(
        self,
        host: Host,
        state: OpenConversation,
        *,
        show: Callable[[str], None],
        open_: Callable[[str], Awaitable[bool]],
    ) -> None:
        self._host = host
        self._state = state
        self._show = show
        self._open = open_
        self._found: Summary | None = None
        self._wanted = ""
        """The conversation that is to go on once its model is there; empty where none is."""

    async def look(self) -> None:
        """Looks into the history for it, and offers it."""
        history = self._host.history

        def look() -> Summary | None:
            return history.store.interrupted()

        try:
            found = await on_thread(look, "r1chat-interrupted")
        except R1ChatError:
            # Whoever opens the history is told.
            return
        self._found = found
        if self.offered and found is not None:
            key = keymap.written(self._host.shown_keys()["chat.go_on"])
            title = line(found.title, _TITLE)
            self._show(f"The reply to “{title}” was interrupted: {key} continues it.")
            self._host.refresh_bindings()

    @property
    def offered(self) -> bool:
        """Whether it can be continued by the key."""
        return self._found is not None and not self._state.has_turns

    async def take(self) -> None:
        """Opens its conversation, which goes on as soon as its model is there."""
        found = self._found
        self.withdraw()
        if found is not None and await self._open(found.id):
            self._wanted = found.id

    def withdraw(self) -> None:
        """Takes the offer back: something else was asked."""
        self._found, self._wanted = None, ""
        self._show("")

    def due(self) -> bool:
        """Whether it is to go on now, its model being there; once."""
        wanted, self._wanted = self._wanted, ""
        return bool(wanted) and wanted == self._state.id
