"""Tells the server of the page which conversation is open, and whether the app is at work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.screen import Screen


class WebPage:
    """What the server of the page knows of the app.

    Args:
        screen: The conversation's. Whenever a reply begins or ends there, and with each other
            conversation, other keys apply: then the server is told.
        conversation: Says the id of the open conversation; empty where there is none.
        busy: Says whether the end of the app would lose something.
        write: Sends the server a message.
    """

    def __init__(
        self,
        screen: Screen[Any],
        *,
        conversation: Callable[[], str],
        busy: Callable[[], bool],
        write: Callable[[dict[str, object]], None],
    ) -> None:
        self._conversation = conversation
        self._busy = busy
        self._write = write
        self._told: dict[str, object] = {}
        screen.bindings_updated_signal.subscribe(screen, self._tell)

    def _tell(self, _: Screen[Any]) -> None:
        said: dict[str, object] = {
            "type": "state",
            "conversation": self._conversation(),
            "busy": self._busy(),
        }
        if said != self._told:
            self._told = said
            self._write(said)
