"""The panel of conversations: the list of them, and the search."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, OptionList, Static

from r1chat.errors import R1ChatError
from r1chat.keymap import written
from r1chat.sanitize import line
from r1chat.tui.keys import applies, bindings
from r1chat.tui.tag_words import TagSuggester, sought
from r1chat.tui.threads import on_thread
from r1chat.tui.widgets.history_list import HistoryList

if TYPE_CHECKING:
    from r1chat.history import History
    from r1chat.tui.widgets.history_list import Entry

PAGE = 50
"""Conversations that are read at a time."""
_HITS = 30
_WAIT_S = 0.15
"""After a key the search waits for the next one."""
_FLUSH_S = 1.0
"""How long reading waits for what was written just before."""
_NONE = "No conversations yet: what you ask is listed here."
_NONE_ASKED = "Nothing was asked once: `r1chat ask` would be listed here."
_NO_SUCH_TAG = "No conversation has such a tag."
_NOT_FOUND = "Nothing has all of these words."


class HistoryPanel(Vertical):
    """Lists conversations, searches them, and says what is to be done with one.

    Args:
        history: Where they are.
        shown_keys: Tells the keys of all bindings by their ids.
    """

    DEFAULT_CSS = """
    HistoryPanel {
        dock: left;
        width: 32;
        height: 1fr;
        margin: 1 0;
        padding: 0 0 0 1;
        background: $surface;
        & > Input { margin: 0 1 0 0; }
        .history--scope, .history--note { height: auto; color: $text-muted; padding: 0 1 0 0; }
        .history--note { padding: 1 1 0 2; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("history")

    @dataclass
    class Chosen(Message):
        """A conversation is to be opened, or a place in one."""

        entry: Entry

    @dataclass
    class Wanted(Message):
        """Something else is to be done with one."""

        what: Literal["rename", "duplicate", "pin", "tag", "delete"]
        entry: Entry

    class Left(Message):
        """The user goes back to the conversation."""

    def __init__(self, history: History, shown_keys: Callable[[], Mapping[str, str]]) -> None:
        super().__init__()
        self._history = history
        self._shown_keys = shown_keys
        self.current = ""
        """The id of the conversation on the screen."""
        self.restorable = False
        """Whether a deletion can be taken back."""
        self._with_thoughts = False
        self._asked_once = False
        """Whether single questions of the command line are listed in the place of chats."""
        self._single = 0
        """How many of these there are."""
        self._tags = TagSuggester(marked=True)
        self._sought: tuple[object, ...] = ()
        self._complete = True
        self._reading = False
        self._typing: Timer | None = None

    def compose(self) -> ComposeResult:
        """The search, what it looks into, the list, and what there is to say of it."""
        yield Input(
            placeholder="Search, or #tag",
            compact=True,
            select_on_focus=False,
            suggester=self._tags,
        )
        yield Static("", classes="history--scope", markup=False)
        yield HistoryList()
        yield Static("", classes="history--note", markup=False)

    def on_mount(self) -> None:
        """Lists what there is."""
        self._tell("")
        self._show_scope()
        self.reload()

    # -- parts --

    @property
    def listing(self) -> HistoryList:
        """The list."""
        return self.query_one(HistoryList)

    @property
    def search(self) -> Input:
        """Where it is searched."""
        return self.query_one(Input)

    @property
    def entry(self) -> Entry | None:
        """What the cursor is on."""
        return self.listing.entry

    def _tell(self, text: str) -> None:
        note = self.query_one(".history--note", Static)
        note.update(line(text, 300))
        note.display = bool(text)
        self.listing.display = not text

    def _show_scope(self) -> None:
        words, tags, _ = sought(self.search.value)
        keys = self._shown_keys()
        said = ""
        if words:
            where = "thoughts too" if self._with_thoughts else "without thoughts"
            said = f"{where} · {written(keys['history.thoughts'])}"
        elif not tags and self._asked_once:
            said = f"asked once · {written(keys['history.asked'])} lists chats"
        elif not tags and self._single:
            said = f"{self._single:,} asked once · {written(keys['history.asked'])}"
        scope = self.query_one(".history--scope", Static)
        scope.update(said)
        scope.display = bool(said)

    @property
    def has_entry(self) -> bool:
        """Whether the cursor is on a conversation."""
        return self.entry is not None

    @property
    def is_searching(self) -> bool:
        """Whether there is something to search for."""
        return bool(sought(self.search.value)[0])

    @property
    def has_single(self) -> bool:
        """Whether there are single questions to be listed, or they are listed now."""
        listed = not self.search.value.strip()
        return listed and (self._single > 0 or self._asked_once)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Shows in the footer only what applies."""
        del parameters
        return not self.is_mounted or applies(self, "history", action)

    # -- what is listed --

    @work(group="history-list", exclusive=True, exit_on_error=False)
    async def reload(self) -> None:
        """Reads again what is listed."""
        words = sought(self.search.value)[0]
        size = max(_HITS if words else PAGE, len(self.listing.entries) if not words else 0)
        found = await self._read(size, 0)
        if found is None:
            return
        self._complete = len(found) < size
        wanted = (self.search.value.strip(), self._with_thoughts, self._asked_once)
        fresh, self._sought = wanted != self._sought, wanted
        self._show_scope()
        self.listing.show(found, self._history.clock(), self.current, fresh=fresh)
        if found:
            self._tell("")
        else:
            self._tell(self._none)
        self.refresh_bindings()

    @property
    def _none(self) -> str:
        """Why nothing is listed."""
        words, tags, _ = sought(self.search.value)
        if words:
            return _NOT_FOUND
        return _NO_SUCH_TAG if tags else _NONE_ASKED if self._asked_once else _NONE

    async def _read(self, limit: int, offset: int) -> list[Entry] | None:
        history = self._history
        thoughts, once = self._with_thoughts, self._asked_once
        words, tags, begun = sought(self.search.value)

        def read() -> tuple[list[Entry], int, list[str]]:
            from r1chat.store import Filter

            store = history.store
            store.flush(_FLUSH_S)
            single = store.count(Filter(once=True))
            known = [tag for tag, _ in store.tags()]
            # Whoever searches finds it wherever it was asked.
            only = Filter(tags, begun, None if words or tags else once)
            if words:
                hits = store.search(words, thoughts=thoughts, limit=limit, offset=offset, only=only)
                return [*hits], single, known
            return [*store.conversations(limit, offset, only=only)], single, known

        try:
            found, self._single, self._tags.known = await on_thread(read, "r1chat-history-read")
        except R1ChatError as error:
            self._tell(str(error))
            return None
        return found

    @on(HistoryList.MoreWanted)
    def _more(self) -> None:
        if not self._complete and not self._reading:
            self._reading = True
            self._read_more()

    @work(group="history-list", exit_on_error=False)
    async def _read_more(self) -> None:
        try:
            size = _HITS if self.is_searching else PAGE
            found = await self._read(size, len(self.listing.entries))
            if found is not None:
                self._complete = len(found) < size
                self.listing.add(found, self._history.clock(), self.current)
        finally:
            self._reading = False

    @on(Input.Changed)
    def _typed(self) -> None:
        self._show_scope()
        if self._typing is not None:
            self._typing.stop()
        self._typing = self.set_timer(_WAIT_S, self.reload)

    # -- what is done --

    @on(Input.Submitted)
    def _entered(self) -> None:
        if self.entry is not None:
            self.post_message(self.Chosen(self.entry))

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._entered()

    @on(OptionList.OptionHighlighted)
    def _moved(self) -> None:
        self.refresh_bindings()

    def action_move(self, how: str) -> None:
        """Moves the cursor of the list, wherever the focus is."""
        getattr(self.listing, f"action_{how}")()

    def action_leave(self) -> None:
        """Ends the search, then leaves the panel."""
        if self.search.value:
            self.search.value = ""
        else:
            self.post_message(self.Left())

    def action_thoughts(self) -> None:
        """Looks into thoughts, too, or not."""
        self._with_thoughts = not self._with_thoughts
        self._show_scope()
        self.reload()

    def action_asked(self) -> None:
        """Lists what was asked once by the command line, or chats again."""
        self._asked_once = not self._asked_once
        self._show_scope()
        self.reload()

    def _want(self, what: Literal["rename", "duplicate", "pin", "tag", "delete"]) -> None:
        if self.entry is not None:
            self.post_message(self.Wanted(what, self.entry))

    def action_rename(self) -> None:
        """Gives it another title."""
        self._want("rename")

    def action_duplicate(self) -> None:
        """Copies it; a hit up to where it is."""
        self._want("duplicate")

    def action_pin(self) -> None:
        """Pins it to the top, or not."""
        self._want("pin")

    def action_tag(self) -> None:
        """Gives it tags."""
        self._want("tag")

    def action_delete(self) -> None:
        """Deletes it; that can be undone."""
        self._want("delete")

    async def action_restore(self) -> None:
        """Takes the last deletion back."""
        await self.run_action("screen.restore")
