"""Where `r1chat ask` keeps its turn, and what it goes on from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from r1chat.console import Console
from r1chat.recording import LateRecorder, Recorder

if TYPE_CHECKING:
    from r1chat.store import Loaded, Store


class Keeper:
    """The history, as far as one question needs it.

    Args:
        saves: Whether the turn is to be kept.
    """

    def __init__(self, *, saves: bool) -> None:
        self._saves = saves
        self._store: Store | None = None
        self._late: LateRecorder | None = None

    def loaded(self, beginning: str | None) -> Loaded:
        """The conversation to go on with.

        Args:
            beginning: Of its id; the last conversation without it.

        Raises:
            R1ChatError: If there is none.
        """
        from r1chat.commands import conversations

        store = self._opened()
        if beginning is None:
            return conversations.last(store)
        return conversations.loaded(store, beginning)

    @property
    def recorder(self) -> Recorder | None:
        """Where the turn is kept; None where it is not."""
        if not self._saves:
            return None
        if self._store is not None:
            return self._store
        self._late = self._late or LateRecorder(self._opened)
        return self._late

    def close(self, console: Console) -> bool:
        """Writes what is left, and says what the user should know of it.

        Returns:
            Whether all that was to be kept is kept where the next start finds it.
        """
        if self._late is not None:
            self._late.join()
        store = self._store
        if store is None:
            begun = self._late is not None and self._late.begun
            if begun:
                console.note("not saved: the history could not be opened in time")
            return not begun
        safe = store.close()
        for notice in store.take_notices():
            console.note(notice)
        return not self._saves or safe

    def _opened(self) -> Store:
        if self._store is None:
            from r1chat.store import Store

            self._store = Store.open()
        return self._store
