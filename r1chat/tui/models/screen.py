"""The models screen: finds models, uses, downloads, checks and deletes them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Input, OptionList, Static

from r1chat.errors import MissingModel, ModelError, R1ChatError
from r1chat.formatting import format_bytes
from r1chat.sanitize import line
from r1chat.tui import typed
from r1chat.tui.dropped import dropped_file
from r1chat.tui.keys import applies, bindings
from r1chat.tui.models import rows
from r1chat.tui.models.details import ModelDetails
from r1chat.tui.models.list import ModelList
from r1chat.tui.models.rows import NO_ROW, Row
from r1chat.tui.models.start import start
from r1chat.tui.screens.attach import entries
from r1chat.tui.screens.once import Once
from r1chat.tui.screens.question import Question
from r1chat.tui.threads import on_thread, while_shown
from r1chat.tui.widgets.key_bar import KeyBar

if TYPE_CHECKING:
    from r1chat.hub.inventory import Choice
    from r1chat.tui.host import Host
    from r1chat.tui.services.downloads import Downloads
    from r1chat.tui.services.known_models import KnownModels

_HINT = "Filter, owner/repo:QUANT, or the path of a .gguf file"
_SEARCHED = "Other words for the Hub; Escape goes back"
_NO_MATCH = "No match. Enter opens this path, or looks for it on Hugging Face."
_PATHS = ("/", "~/", "./", "../")
"""What a path begins with."""
_SHOWN = 4
"""Files that a beginning of a path may mean, in the line above the keys."""
_LONGEST = 300
_CHECKING_S = 0.2


class ModelsScreen(Once[str | None]):
    """Lists models; gives back the reference of the one to use, or nothing.

    Args:
        host: The app.
        known: What is known of models.
        downloads: The app's downloads.
        begin_with: The key of the row to begin with, where nobody chose a model yet.
    """

    DEFAULT_CSS = """
    ModelsScreen {
        background: $background;
        .models--line { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
        #machine { background: $panel; }
        #filter { margin: 0 1; }
        #head { color: $text-muted; text-style: underline; padding: 0 2 0 1; }
        ModelList { margin: 0 0 0 1; }
        #download { color: $text-accent; }
        #note { color: $text-warning; height: auto; max-height: 3; text-wrap: wrap; }
        &.-low ModelDetails { display: none; }
    }
    """
    VERTICAL_BREAKPOINTS = [(0, "-low"), (20, "-high")]  # noqa: RUF012  (Textual declares it)
    BINDINGS: ClassVar[list[BindingType]] = bindings("models")

    def __init__(
        self, host: Host, known: KnownModels, downloads: Downloads, begin_with: str = ""
    ) -> None:
        super().__init__()
        self._host = host
        self._known = known
        self._downloads = downloads
        self._begin_with = begin_with
        self._order: rows.Order = "usual"
        self._results: list[Row] | None = None
        """What a search has found; None while models here and the catalogue are shown."""
        self._searched_for = ""
        self._filtered = ""
        self.deciding = False
        """Whether it is looked up what was typed: what is typed next may be for the chat."""

    def compose(self) -> ComposeResult:
        """From the top: the machine, the filter, the list, what is known, downloads, keys."""
        yield Static(id="machine", classes="models--line", markup=False)
        yield Input(placeholder=_HINT, compact=True, select_on_focus=False, id="filter")
        yield Static(id="head", classes="models--line", markup=False)
        yield ModelList()
        yield ModelDetails()
        yield Static(id="download", classes="models--line", markup=False)
        yield Static(id="note", classes="models--line", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Shows what is known already, then what there is."""
        self.note("")
        self.show_rows()
        self.focus_text_field()
        self._downloads.watchers.add(self._downloads_changed)
        self.run_worker(while_shown(self, self._look_around()), group="look")
        self.run_worker(while_shown(self, self.ask_servers()), group="servers")

    def on_unmount(self) -> None:
        """Watches the downloads no more."""
        self._downloads.watchers.discard(self._downloads_changed)

    def _downloads_changed(self) -> None:
        if self.is_mounted:
            self.show_rows()

    async def _look_around(self) -> None:
        try:
            await self._known.look_around()
        except R1ChatError as error:
            self.note(str(error))
            return
        # Whoever was quicker than this thread has put the cursor where it belongs.
        begins = self._host.unset and not self.typed and (self.row is None or self.row.in_use)
        self.show_rows(cursor=self._begin_with if begins else None)

    async def ask_servers(self, name: str | None = None) -> None:
        """Asks named servers what they have; each is shown as soon as it has said.

        Args:
            name: The one to ask; by default all of them.
        """
        await self._known.ask_servers(self.show_rows, name)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Shows in the footer only what applies to the row under the cursor."""
        del parameters
        if action == "complete":
            return self.is_mounted and self.has_path
        return not self.is_mounted or applies(self.row or NO_ROW, "models", action)

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

    @property
    def has_path(self) -> bool:
        """Whether a path is being typed."""
        return self.typed.startswith(_PATHS)

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
        if self._results is not None:
            shown: Sequence[Row] = self._results
        else:
            engine = self._host.engine
            path = Path(engine.info.path) if engine else None
            there = rows.rows(
                self._known.survey,
                self._downloads.pending,
                self._host.model_ref,
                path,
                self._known.served.values(),
            )
            shown = rows.arranged(there, self._order, self.typed)
        self.list.show(shown, cursor=cursor)
        self.query_one("#head", Static).update(self.list.head)
        self.query_one("#machine", Static).update(self._about_machine())
        current = self._downloads.current
        self.query_one("#download", Static).update(current.line if current else "")
        self.query_one("#download", Static).display = current is not None
        if not shown and self._results is None and self.typed:
            self.note(_NO_MATCH)
        self.query_one(ModelDetails).show(self.row)
        self.refresh_bindings()

    def _about_machine(self) -> str:
        order = "" if self._order == "usual" else f" · by {self._order}"
        title = f"Models{order}" if self._results is None else f"The Hub: {self._searched_for}"
        if self._known.survey is None:
            return title
        machine = self._known.survey.machine
        parts = [title]
        if machine.ram_total:
            parts.append(f"{format_bytes(machine.ram_free)} of memory free")
        parts += [f"{format_bytes(gpu.free)} on {line(gpu.name, 40)}" for gpu in machine.gpus]
        if machine.disk_free:
            parts.append(f"{format_bytes(machine.disk_free)} of disk")
        return line(" · ".join(parts), 200)

    def on_resize(self) -> None:
        """Sets the columns again."""
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
        orders = rows.ORDERS
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
        try:
            found = await on_thread(lambda: self._known.inventory.search(words), "r1chat-search")
        except R1ChatError as error:
            self.note(str(error))
            return
        self._searched_for = words
        self._results = rows.found_rows(found)
        self.query_one(Input).placeholder = _SEARCHED
        self.note("" if found else "The Hub has no GGUF repository of that name.")
        self.show_rows()
        self.list.go_to_first()
        self.query_one(ModelDetails).show(self.row)

    # -- choosing --

    def action_use(self) -> None:
        """Uses a model that is here."""
        self.after_typing(self.choose)

    def action_download(self) -> None:
        """Downloads a model that is not here, or looks what there is of what was found."""
        self.after_typing(self.choose)

    def action_complete(self) -> None:
        """Completes a path as far as it can be only one."""
        self.after_typing(self._complete)

    def _complete(self) -> None:
        begun = self.typed
        several = [
            path
            for path, _ in entries(begun, Path.cwd())
            if path.endswith("/") or path.lower().endswith(".gguf")
        ]
        common = os.path.commonprefix(several)  # noqa: RUF071  (letters, not folders)
        if len(common) > len(begun):
            field = self.query_one(Input)
            field.value, field.cursor_position = common, len(common)
        elif several:
            shown = ", ".join(path.rstrip("/").rpartition("/")[2] for path in several[:_SHOWN])
            more = len(several) - _SHOWN
            self.note(shown + (f" and {more} more" if more > 0 else ""))
        else:
            self.note("No folder and no .gguf file begins so.")

    def action_ask(self) -> None:
        """Asks a server again that has not said what it has."""
        self.after_typing(self.choose)

    @work(group="choose", exclusive=True)
    async def choose(self) -> None:
        """Does with the row under the cursor, or with what was typed, what is to be done."""
        row, typed = self.row, self.typed
        if self._results is not None and typed != self._searched_for:
            self.action_search()
        elif row is not None:
            await self._choose(row)
        elif typed:
            await self._take_typed(typed)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """A second click on a row is Enter."""
        event.stop()
        self.choose()

    async def _choose(self, row: Row) -> None:
        if row.section == "here":
            if row.local is not None and row.local.problem:
                self.note(f"{row.name} cannot be used: {row.local.problem}")
            else:
                self.dismiss(row.ref)
        elif row.section == "served":
            if row.usable:
                self.dismiss(row.ref)
            else:
                await self._ask_again(row.ref)
        elif row.download is not None:
            self._downloads.choose(row.download)
            if row.download.active:
                self.note(f"{row.name} will be used as soon as it is downloaded.")
            else:
                self._downloads.resume(row.download)
        elif row.found is not None:
            await self._pick_quant(row)
        else:
            await self._download_offer(row)

    async def _ask_again(self, name: str) -> None:
        """Asks a server again, and says what hinders it: the details may have no room."""
        self.note(f"Asking {name} …")
        await self.ask_servers(name)
        said = self._known.served.get(name)
        self.note(said.problem if said else "")

    async def _download_offer(self, row: Row) -> None:
        """Downloads what the catalogue offers; where the Hub lacks that quant, asks which."""
        try:
            await self._download(row.ref, raises=True)
        except ModelError as error:
            self.note(str(error))
            await self._pick_quant(row)

    async def _take_typed(self, typed: str) -> None:
        """Uses what is named: a path, a server's model or one that is here; else downloads it."""
        from r1chat.compose import resolve

        self.deciding = True
        try:
            dropped = await on_thread(lambda: dropped_file(typed))
            typed = str(dropped) if dropped is not None else typed
            await on_thread(lambda: resolve(typed))
        except MissingModel as missing:
            self.deciding = False
            await self._download(missing.ref)
        except ModelError:
            # A server's, or nothing: who loads it says so.
            self.dismiss(typed)
        except R1ChatError as error:
            self.note(str(error))
        else:
            self.dismiss(typed)
        finally:
            self.deciding = False

    async def _download(
        self, ref: str, choice: Choice | None = None, *, raises: bool = False
    ) -> None:
        """Downloads a model and says what hinders it; what does not exist may be raised instead."""
        self.note(f"Asking the Hub for {line(ref, 100)} …")
        try:
            started = await start(self._host, self._known, self._downloads, ref, choice)
        except R1ChatError as error:
            if raises and isinstance(error, ModelError):
                raise
            self.note(str(error))
            return
        self.note("")
        if started:
            self.leave_results()

    # -- quants --

    @work(group="choose", exclusive=True)
    async def action_quants(self) -> None:
        """Chooses another quant."""
        if self.row is not None:
            await self._pick_quant(self.row)

    async def _pick_quant(self, row: Row) -> None:
        from r1chat.hub.inventory import Choice
        from r1chat.hub.reference import parse
        from r1chat.tui.models.quants import PickQuant

        name = row.entry.name if row.entry else row.found.repo if row.found else row.ref
        try:
            ref = parse(name)
        except R1ChatError as error:
            self.note(str(error))
            return
        survey, inventory = self._known.survey, self._known.inventory
        if ref is None or survey is None:
            return
        repos = {repo.lower() for repo in ref.repos}
        here = {each.quant: each.ref for each in survey.local if each.repo.lower() in repos}
        expected = inventory.expected(row.entry) if row.entry else None
        pick = PickQuant(name, lambda: inventory.quants(ref), here, expected)
        offer = await self.app.push_screen_wait(pick)
        if offer is None:
            return
        if offer.quant in here:
            self.dismiss(here[offer.quant])
        else:
            await self._download(offer.ref, offer if isinstance(offer, Choice) else None)

    # -- what is known --

    @work(group="details", exclusive=True)
    async def action_details(self) -> None:
        """Shows all that is known of a model."""
        from r1chat.hub.about import about
        from r1chat.tui.models.details import AboutModel

        row = self.row
        if row is None:
            return
        pairs: list[tuple[str, str]] = []
        if row.local is not None:
            model = row.local
            try:
                pairs = await on_thread(lambda: about(model).lines())
            except R1ChatError as error:
                pairs = [("problem", line(str(error), _LONGEST))]
        await self.app.push_screen_wait(AboutModel(row, pairs))

    @work(group="verify", exclusive=True)
    async def action_verify(self) -> None:
        """Compares a model's files with what was published."""
        row = self.row
        if row is None or row.local is None:
            return
        model, name = row.local, row.name
        share = 0

        def tell(done: int, total: int) -> None:
            nonlocal share
            share = int(100 * done / total) if total else 0

        def verified() -> str:
            from r1chat.hub.verify import verify

            return verify(model, tell).verdict

        timer = self.set_interval(_CHECKING_S, lambda: self.note(f"Checking {name} … {share} %"))
        try:
            text = f"{name}: {await on_thread(verified, 'r1chat-verify')}"
        except R1ChatError as error:
            text = str(error)
        finally:
            timer.stop()
        self.note(text)

    # -- downloads --

    def action_pause(self) -> None:
        """Pauses a download."""
        if self.row is not None and self.row.download is not None:
            self._downloads.pause(self.row.download)

    def action_resume(self) -> None:
        """Resumes a download."""
        if self.row is not None and self.row.download is not None:
            self._downloads.resume(self.row.download)

    @work(group="cancel", exclusive=True)
    async def action_cancel(self) -> None:
        """Stops a download, and asks what becomes of what is here of it."""
        row = self.row
        download = row.download if row else None
        if row is None or download is None:
            return
        done = format_bytes(download.progress.done if download.progress else 0)
        answer = await self.app.push_screen_wait(
            Question(
                f"Stop downloading {row.name} {row.quant}?",
                f"{done} of {format_bytes(download.total)} are here.",
                [
                    ("no", "Keep downloading"),
                    ("keep", f"Stop; keep the {done} for another time"),
                    ("drop", "Stop; delete the partial download"),
                ],
            )
        )
        if answer in {"keep", "drop"}:
            self._downloads.cancel(download, drop=answer == "drop")

    @work(group="delete", exclusive=True)
    async def action_delete(self) -> None:
        """Deletes a model, after saying what that frees."""
        from r1chat.hub.removal import removable, remove

        row = self.row
        if row is None or row.local is None:
            return
        model = row.local
        if row.in_use:
            self.note(f"{row.name} is in use: pick another model first.")
            return
        if removable(model):
            answer = await self.app.push_screen_wait(
                Question(
                    f"Delete {row.name} {row.quant}?",
                    f"This frees {format_bytes(model.size)}.\n{line(str(model.path), _LONGEST)}",
                    [("no", "Keep it"), ("yes", f"Delete it: {format_bytes(model.size)} less")],
                )
            )
            if answer != "yes":
                return
        try:
            freed = await on_thread(lambda: remove(model))
        except R1ChatError as error:
            self.note(str(error))
            return
        await self._known.look_around()
        self.show_rows()
        self.note(f"{row.name} is gone: {format_bytes(freed)} are free.")
