"""What is done with conversations: names, pins, deletion, files, figures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from textual import work

from r1chat.errors import R1ChatError
from r1chat.sanitize import line
from r1chat.tui import keys
from r1chat.tui.screens.chat import STOP_FIRST
from r1chat.tui.screens.resuming import ResumingScreen
from r1chat.tui.threads import on_thread

if TYPE_CHECKING:
    from r1chat.reasoning.control import Control
    from r1chat.store import Store, Summary

_UNDO_S = 10.0
_NOT_YET = "It is kept from its first question on."
_NAMING = "The model makes a title: Escape stops it."
_NO_TITLE = "The model gave no title."
_FORMS = "Its ending says the form: .md, .html, .json or .jsonl."


class ManagingScreen(ResumingScreen):
    """Names, pins, deletes and exports conversations."""

    def __init__(self) -> None:
        super().__init__()
        self.deleted: list[str] = []
        """Ids, the last one deleted at the end."""
        self._naming: Control | None = None
        """Steers the reply that is to be a title."""

    @property
    def running(self) -> bool:
        """Whether the model is at work."""
        return super().running or self._naming is not None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leaves out what there is nothing for."""
        if action == "restore":
            return bool(self.deleted)
        if action in {"rename_this", "pin_this", "delete_this", "duplicate_from", "export"}:
            return self._something_said
        if action == "suggest_title":
            return self._something_said and self.ready and not self.running
        return super().check_action(action, parameters)

    @property
    def _something_said(self) -> bool:
        tree = self.tree_shown
        return tree is not None and bool(tree.root.children)

    def show_again(self) -> None:
        """Shows that conversations have changed."""

    def action_stop(self) -> None:
        """Stops what the model is at."""
        if self._naming is not None:
            self._naming.cancel()
        else:
            super().action_stop()

    async def summary(self, name: str) -> Summary | None:
        """What the history says of a conversation; None, and a word on it, where that is nothing.

        Args:
            name: Its id.
        """
        found = await self.with_history(lambda store: store.find(name))
        for each in found or ():
            if each.id == name:
                return each
        if found is not None:
            self.notify(_NOT_YET, timeout=3)
        return None

    async def pin(self, summary: Summary) -> None:
        """Pins a conversation to the top of the list, or not any more."""
        await self.with_history(lambda store: store.pin(summary.id, pinned=not summary.pinned))
        self.show_again()

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
        self.show_again()

    async def delete(self, summary: Summary) -> None:
        """Deletes a conversation, until it is restored."""
        if summary.id == self.shown_id and self.running:
            self.notify(STOP_FIRST, timeout=3)
            return
        await self.with_history(lambda store: store.delete(summary.id))
        self.deleted.append(summary.id)
        if summary.id == self.shown_id:
            focused = self.focused
            await self.action_begin_anew()
            if focused is not None:
                focused.focus()
        self.show_again()
        key = keys.written(self.app.shown_keys()["history.restore"])
        self.notify(
            f"Deleted: {line(summary.title, 60)}. {key} in the list takes it back.",
            markup=False,
            timeout=_UNDO_S,
        )
        self.refresh_bindings()

    async def action_restore(self) -> None:
        """Takes the last deletion back."""
        if self.deleted:
            name = self.deleted.pop()
            await self.with_history(lambda store: store.restore(name))
            self.show_again()
            self.refresh_bindings()

    # -- the conversation on the screen --

    async def action_rename_this(self) -> None:
        """Gives the conversation another title."""
        summary = await self.summary(self.shown_id)
        if summary is not None:
            self.rename(summary)

    async def action_pin_this(self) -> None:
        """Pins the conversation, or not."""
        summary = await self.summary(self.shown_id)
        if summary is not None:
            await self.with_history(lambda store: store.pin(summary.id, pinned=not summary.pinned))
            self.notify("Not pinned any more." if summary.pinned else "Pinned.", timeout=2)
            self.show_again()

    async def action_delete_this(self) -> None:
        """Deletes the conversation; that can be undone."""
        summary = await self.summary(self.shown_id)
        if summary is not None:
            await self.delete(summary)

    # -- titles of the model's --

    @work(group="title", exclusive=True)
    async def action_suggest_title(self) -> None:
        """Has the model make a title, which can be edited before it is taken."""
        session, engine = self.session, self.app.engine
        summary = await self.summary(self.shown_id)
        if summary is None or session is None or engine is None or self.running:
            return
        from r1chat.reasoning.control import Control
        from r1chat.tui import titling

        turn = session.turns[0]
        self._naming = control = Control(titling.BUDGET)
        self.notify(_NAMING, timeout=3)
        self.refresh_bindings()
        title = ""
        try:
            title = await on_thread(lambda: titling.ask(engine, turn, control), "r1chat-title")
        except R1ChatError as error:
            self.notify(line(str(error), 300), severity="error", markup=False)
        finally:
            self._naming = None
            self.refresh_bindings()
            self.call_later(self.ask_next)
        # What was in the model's cache is gone; the next question should not wait for it.
        engine.prepare(session.messages())
        if title:
            self.rename(summary, title)
        elif not control.cancelled:
            self.notify(_NO_TITLE, timeout=3)

    # -- files and figures --

    async def action_export(self) -> None:
        """Asks for a file to write the conversation to."""
        from r1chat.tui.screens.one_line import OneLine

        name = self.shown_id
        summary = await self.summary(name)
        if summary is None:
            return

        def take(path: str | None) -> None:
            if path is not None:
                self.run_worker(self._export(name, path), group="export")

        where = Path.cwd() / f"{_file_name(summary.title)}.md"
        self.app.push_screen(OneLine("Export to", str(where), _FORMS), take)

    async def _export(self, name: str, path: str) -> None:
        from r1chat.exchange import files

        def save(store: Store) -> str:
            loaded = store.load(name)
            if loaded is None:
                message = "it is not there any more"
                raise R1ChatError(message)
            where = Path(path).expanduser()
            if os.path.lexists(where):
                message = f"{line(str(where))} is there already; take another name"
                raise R1ChatError(message)
            files.save(files.written(files.form_of(where), [loaded]), where)
            return str(where)

        saved = await self.with_history(save)
        if saved is not None:
            self.notify(f"Exported to {line(saved, 300)}", markup=False)

    def action_statistics(self) -> None:
        """Shows what all the thinking came to."""
        from r1chat.tui.screens.statistics import StatisticsScreen

        self.app.push_screen(StatisticsScreen())


def _file_name(title: str) -> str:
    """A title as a file may be called."""
    kept = "".join(char if char.isalnum() or char in " -_" else " " for char in title)
    return "-".join(kept.split())[:60] or "conversation"
