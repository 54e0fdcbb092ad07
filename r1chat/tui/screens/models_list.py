"""The models screen as far as it shows and finds models; what is done with them is in models.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.widgets import Input, OptionList, Static

from r1chat.errors import R1ChatError
from r1chat.formatting import format_bytes
from r1chat.sanitize import line
from r1chat.tui import shelf, typed
from r1chat.tui.screens.once import Once
from r1chat.tui.shelf import Row
from r1chat.tui.threads import on_thread, while_shown
from r1chat.tui.widgets.key_bar import KeyBar
from r1chat.tui.widgets.model_details import ModelDetails
from r1chat.tui.widgets.model_list import ModelList

if TYPE_CHECKING:
    from r1chat.tui.app import R1ChatApp

_HINT = "Filter, owner/repo:QUANT, or the path of a .gguf file"
_SEARCHED = "Other words for the Hub; Escape goes back"
_NOTHING = "Nothing here is called that. Enter opens it as a path or fetches it from the Hub."


class ModelsListScreen(Once[str | None]):
    """Shows models, filters and sorts them, and searches the Hub."""

    DEFAULT_CSS = """
    ModelsListScreen {
        background: $background;
        .models--line { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
        #machine { background: $panel; }
        #filter { margin: 0 1; }
        #head { color: $text-muted; text-style: underline; padding: 0 2 0 1; }
        ModelList { margin: 0 0 0 1; }
        #fetching { color: $text-accent; }
        #note { color: $text-warning; height: auto; max-height: 3; text-wrap: wrap; }
        &.-low ModelDetails { display: none; }
    }
    """
    VERTICAL_BREAKPOINTS = [(0, "-low"), (20, "-high")]  # noqa: RUF012  (Textual declares it)
    app: R1ChatApp

    def __init__(self) -> None:
        super().__init__()
        self._order: shelf.Order = "usual"
        self._results: list[Row] | None = None
        """What a search has found; None while models here and the catalogue are shown."""
        self._searched_for = ""
        self._filtered = ""

    def compose(self) -> ComposeResult:
        """From the top: the machine, the filter, the list, what is known, downloads, keys."""
        yield Static(id="machine", classes="models--line", markup=False)
        yield Input(placeholder=_HINT, compact=True, select_on_focus=False, id="filter")
        yield Static(id="head", classes="models--line", markup=False)
        yield ModelList()
        yield ModelDetails()
        yield Static(id="fetching", classes="models--line", markup=False)
        yield Static(id="note", classes="models--line", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Shows what is known already, then what there is."""
        self.note("")
        self.show_rows()
        self.focus_text_field()
        self.run_worker(while_shown(self, self._look_around()), group="look")
        self.run_worker(while_shown(self, self.ask_servers()), group="servers")

    async def _look_around(self) -> None:
        try:
            await self.app.fetching.look_around()
        except R1ChatError as error:
            self.note(str(error))
            return
        # Whoever was quicker than this thread has put the cursor where it belongs.
        begins = self.app.unset and not self.typed and (self.row is None or self.row.in_use)
        self.show_rows(cursor=self.app.fetching.begin_with if begins else None)

    async def ask_servers(self, name: str | None = None) -> None:
        """Asks named servers what they have; each is shown as soon as it has said.

        Args:
            name: The one to ask; by default all of them.
        """
        await self.app.fetching.ask_servers(self.show_rows, name)

    # -- parts --

    def focus_text_field(self) -> bool:
        """Gives the keyboard to the filter."""
        return typed.focus_first(self, Input)

    @property
    def list(self) -> ModelList:
        """The rows."""
        return self.query_one(ModelList)

    @property
    def row(self) -> Row | None:
        """The row that the cursor is on."""
        return self.list.row

    @property
    def typed(self) -> str:
        """What stands in the filter."""
        return self.query_one(Input).value.strip()

    def note(self, text: str) -> None:
        """Says something in the line above the keys; nothing takes it away."""
        note = self.query_one("#note", Static)
        note.update(line(text, 300))
        note.display = bool(text)

    # -- showing --

    def show_rows(self, *, cursor: str | None = None) -> None:
        """Shows what there is now.

        Args:
            cursor: The key of the row that the cursor is to be on.
        """
        fetching = self.app.fetching
        if self._results is not None:
            rows: Sequence[Row] = self._results
        else:
            engine = self.app.engine
            path = Path(engine.info.path) if engine else None
            served = fetching.served.values()
            known = shelf.rows(fetching.shelf, fetching.fetches, self.app.model_ref, path, served)
            rows = shelf.arranged(known, self._order, self.typed)
        self.list.show(rows, cursor=cursor)
        self.query_one("#head", Static).update(self.list.head)
        self.query_one("#machine", Static).update(self._about_machine())
        current = fetching.current
        self.query_one("#fetching", Static).update(current.line if current else "")
        self.query_one("#fetching", Static).display = current is not None
        if not rows and self._results is None and self.typed:
            self.note(_NOTHING)
        self.query_one(ModelDetails).show(self.row)
        self.refresh_bindings()

    def _about_machine(self) -> str:
        order = "" if self._order == "usual" else f" · by {self._order}"
        title = f"Models{order}" if self._results is None else f"The Hub: {self._searched_for}"
        known = self.app.fetching.shelf
        if known is None:
            return title
        machine = known.machine
        parts = [title]
        if machine.ram_total:
            parts.append(f"{format_bytes(machine.ram_free)} of memory free")
        parts += [f"{format_bytes(gpu.free)} on {line(gpu.name, 40)}" for gpu in machine.gpus]
        if machine.disk_free:
            parts.append(f"{format_bytes(machine.disk_free)} of disk")
        return line(" · ".join(parts), 200)

    def on_resize(self) -> None:
        """Sets the columns anew."""
        self.call_after_refresh(self._redraw)

    def _redraw(self) -> None:
        self.list.redraw()
        self.query_one("#head", Static).update(self.list.head)

    def after_typing(self, then: Callable[[], object]) -> None:
        """Does something once the keys before it have arrived: a paste and Enter come at once."""

        def act() -> None:
            self._filter()
            then()

        (self.focused or self).call_later(act)

    @on(Input.Changed)
    def _filter(self) -> None:
        if self._results is None and self.typed != self._filtered:
            self._filtered = self.typed
            self.note("")
            self.show_rows()
            self.list.go_to_first()
            self.query_one(ModelDetails).show(self.row)

    @on(OptionList.OptionHighlighted)
    def _moved(self) -> None:
        self.query_one(ModelDetails).show(self.row)
        self.refresh_bindings()

    def action_move(self, how: str) -> None:
        """Moves the cursor of the list, wherever the focus is."""
        getattr(self.list, f"action_{how}")()

    def action_sort(self) -> None:
        """Sorts by the next thing there is to sort by."""
        orders = shelf.ORDERS
        self._order = orders[(orders.index(self._order) + 1) % len(orders)]
        self.show_rows()

    def action_leave(self) -> None:
        """Leaves the results of a search, then the screen."""
        if self._results is None:
            self.dismiss(None)
            return
        self.note("")
        self.leave_results()

    def leave_results(self) -> None:
        """Goes back to what is here and the catalogue."""
        self._results = None
        self.query_one(Input).value = ""
        self.query_one(Input).placeholder = _HINT
        self.show_rows()

    # -- searching --

    def action_search(self) -> None:
        """Searches the Hub for what stands in the filter."""
        self.after_typing(
            lambda: self.run_worker(
                while_shown(self, self.search(self.typed)), group="search", exclusive=True
            )
        )

    async def search(self, words: str) -> None:
        """Searches the Hub, and shows what it has."""
        self.note("Searching the Hub …")
        hub = self.app.fetching.hub
        try:
            found = await on_thread(lambda: hub.search(words), "r1chat-search")
        except R1ChatError as error:
            self.note(str(error))
            return
        self._searched_for = words
        self._results = shelf.found_rows(found)
        self.query_one(Input).placeholder = _SEARCHED
        self.note("" if found else "The Hub has no GGUF repository of that name.")
        self.show_rows()
        self.list.go_to_first()
        self.query_one(ModelDetails).show(self.row)
