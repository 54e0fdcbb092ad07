"""The models screen: use a model, fetch one, pause, check or delete it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.widgets import OptionList

from r1chat.errors import ModelError, R1ChatError
from r1chat.formatting import format_bytes
from r1chat.sanitize import line
from r1chat.tui.hub import Quant
from r1chat.tui.screens.models_list import ModelsListScreen
from r1chat.tui.screens.question import Question
from r1chat.tui.shelf import Row, published_quant
from r1chat.tui.threads import on_thread

_LONGEST = 300
_CHECKING_S = 0.2


class ModelsScreen(ModelsListScreen):
    """Gives back the reference of the model to use, or nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "use", "Use", id="models.choose", priority=True),
        Binding("enter", "fetch", "Fetch", id="models.choose", priority=True),
        Binding("enter", "ask", "Ask again", id="models.choose", priority=True),
        Binding("escape,f3", "leave", "Close", id="models.leave", priority=True),
        Binding("f7", "pause", "Pause", id="models.pause"),
        Binding("f7", "resume", "Resume", id="models.pause"),
        Binding("f8", "cancel", "Stop", id="models.delete"),
        Binding("f2", "quants", "Quants", id="models.quants"),
        Binding("f5", "search", "Search", id="models.search"),
        Binding("f4", "sort", "Sort", id="models.sort"),
        Binding("f6", "details", "Details", id="models.details"),
        Binding("f8", "delete", "Delete", id="models.delete"),
        Binding("f9", "verify", "Verify", id="models.verify"),
        Binding("down", "move('cursor_down')", id="models.down", priority=True, show=False),
        Binding("up", "move('cursor_up')", id="models.up", priority=True, show=False),
        Binding("pagedown", "move('page_down')", id="models.page_down", priority=True, show=False),
        Binding("pageup", "move('page_up')", id="models.page_up", priority=True, show=False),
    ]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Shows in the footer only what applies to the row under the cursor."""
        del parameters
        if not self.is_mounted:
            return True
        row = self.row
        fetch = row.fetch if row else None
        usable = row is not None and row.usable
        served = row is not None and row.section == "served"
        tests = {
            "use": usable,
            "fetch": not usable and not served,
            "ask": served and not usable,
            "quants": row is not None and (row.distill is not None or row.found is not None),
            "details": row is not None,
            "pause": fetch is not None and fetch.active,
            "resume": fetch is not None and not fetch.active,
            "cancel": fetch is not None,
            "delete": row is not None and row.local is not None and fetch is None,
            "verify": row is not None and row.local is not None,
        }
        return tests.get(action, True)

    # -- choosing --

    def action_use(self) -> None:
        """Uses a model that is here."""
        self.after_typing(self.choose)

    def action_fetch(self) -> None:
        """Fetches a model that is not, or looks what there is of what was found."""
        self.after_typing(self.choose)

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
        elif row.fetch is not None:
            self.app.fetching.choose(row.fetch)
            if row.fetch.active:
                self.note(f"{row.name} will be used as soon as it is here.")
            else:
                self.app.fetching.resume(row.fetch)
        elif row.found is not None:
            await self._pick_quant(row)
        else:
            await self._fetch_offer(row)

    async def _ask_again(self, name: str) -> None:
        """Asks a server again, and says what hinders it: the details may have no room."""
        self.note(f"Asking {name} …")
        await self.ask_servers(name)
        said = self.app.fetching.served.get(name)
        self.note(said.problem if said else "")

    async def _fetch_offer(self, row: Row) -> None:
        """Fetches a distill; where the Hub has not that quant of it, asks which other."""
        try:
            await self._fetch(row.ref, raises=True)
        except ModelError as error:
            self.note(str(error))
            await self._pick_quant(row)

    async def _take_typed(self, typed: str) -> None:
        """Opens a path, uses a named model that is here, or fetches it."""
        from r1chat.hub.reference import parse

        hub = self.app.fetching.hub
        if typed.partition("#")[0] not in self.app.fetching.served and not _is_path(typed):
            try:
                if parse(typed) is not None and not await on_thread(lambda: hub.is_here(typed)):
                    await self._fetch(typed)
                    return
            except R1ChatError as error:
                self.note(str(error))
                return
        self.dismiss(typed)

    async def _fetch(self, ref: str, quant: Quant | None = None, *, raises: bool = False) -> None:
        """Fetches a model and says what hinders it; what does not exist may be raised instead."""
        self.note(f"Asking the Hub for {line(ref, 100)} …")
        try:
            fetched = await self.app.fetching.fetch(ref, quant)
        except R1ChatError as error:
            if raises and isinstance(error, ModelError):
                raise
            self.note(str(error))
            return
        self.note("")
        if fetched:
            self.leave_results()

    # -- quants --

    @work(group="choose", exclusive=True)
    async def action_quants(self) -> None:
        """Chooses another quant."""
        if self.row is not None:
            await self._pick_quant(self.row)

    async def _pick_quant(self, row: Row) -> None:
        from r1chat.hub.reference import parse
        from r1chat.tui.screens.quants import PickQuant

        fetching = self.app.fetching
        name = row.distill.name if row.distill else row.found.repo if row.found else row.ref
        try:
            ref = parse(name)
        except R1ChatError as error:
            self.note(str(error))
            return
        known = fetching.shelf
        if ref is None or known is None:
            return
        repos = {repo.lower() for repo in ref.repos}
        here = {
            published_quant(each): each.ref for each in known.local if each.repo.lower() in repos
        }
        hub, machine = fetching.hub, known.machine
        expected = hub.expected(row.distill, machine) if row.distill else None
        pick = PickQuant(name, lambda: hub.quants(ref, machine), here, expected)
        quant = await self.app.push_screen_wait(pick)
        if quant is None:
            return
        if quant.quant in here:
            self.dismiss(here[quant.quant])
        else:
            await self._fetch(quant.ref, quant)

    # -- what is known --

    @work(group="details", exclusive=True)
    async def action_details(self) -> None:
        """Shows all that is known of a model."""
        from r1chat.tui.screens.about import AboutModel

        row, hub = self.row, self.app.fetching.hub
        if row is None:
            return
        pairs: list[tuple[str, str]] = []
        if row.local is not None:
            model = row.local
            try:
                pairs = await on_thread(lambda: hub.describe(model))
            except R1ChatError as error:
                pairs = [("problem", line(str(error), _LONGEST))]
        await self.app.push_screen_wait(AboutModel(row, pairs))

    @work(group="verify", exclusive=True)
    async def action_verify(self) -> None:
        """Compares a model's files with what was published."""
        row, hub = self.row, self.app.fetching.hub
        if row is None or row.local is None:
            return
        model, name = row.local, row.name
        share = 0

        def tell(done: int, total: int) -> None:
            nonlocal share
            share = int(100 * done / total) if total else 0

        timer = self.set_interval(_CHECKING_S, lambda: self.note(f"Checking {name} … {share} %"))
        try:
            found = await on_thread(lambda: hub.verify(model, tell), "r1chat-verify")
            text = f"{name}: {found.verdict}"
        except R1ChatError as error:
            text = str(error)
        finally:
            timer.stop()
        self.note(text)

    # -- downloads --

    def action_pause(self) -> None:
        """Pauses a download."""
        if self.row is not None and self.row.fetch is not None:
            self.app.fetching.pause(self.row.fetch)

    def action_resume(self) -> None:
        """Goes on with a download."""
        if self.row is not None and self.row.fetch is not None:
            self.app.fetching.resume(self.row.fetch)

    @work(group="cancel", exclusive=True)
    async def action_cancel(self) -> None:
        """Stops a download, and asks what becomes of what is here of it."""
        row = self.row
        fetch = row.fetch if row else None
        if row is None or fetch is None:
            return
        done = format_bytes(fetch.progress.done if fetch.progress else 0)
        answer = await self.app.push_screen_wait(
            Question(
                f"Stop fetching {row.name} {row.quant}?",
                f"{done} of {format_bytes(fetch.total)} are here.",
                [
                    ("no", "Go on fetching it"),
                    ("keep", f"Stop; keep the {done} for another time"),
                    ("drop", "Stop; delete what is here of it"),
                ],
            )
        )
        if answer in {"keep", "drop"}:
            self.app.fetching.cancel(fetch, drop=answer == "drop")

    @work(group="delete", exclusive=True)
    async def action_delete(self) -> None:
        """Deletes a model, after saying what that frees."""
        row, fetching = self.row, self.app.fetching
        if row is None or row.local is None:
            return
        model = row.local
        if row.in_use:
            self.note(f"{row.name} is in use: pick another model first.")
            return
        if fetching.hub.removable(model):
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
            freed = await on_thread(lambda: fetching.hub.remove(model))
        except R1ChatError as error:
            self.note(str(error))
            return
        await fetching.look_around()
        self.show_rows()
        self.note(f"{row.name} is gone: {format_bytes(freed)} are free.")


def _is_path(typed: str) -> bool:
    """Whether there is such a file; what looks like one, but is not there, may be on the Hub."""
    try:
        return Path(typed).expanduser().exists()
    except (OSError, RuntimeError, ValueError):
        return True
