"""What is done with conversations of the history: names, pins, deletion, copies, files."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from r1chat import keymap, paths
from r1chat.errors import R1ChatError
from r1chat.sanitize import line
from r1chat.tui.chat.conversation_state import OpenConversation
from r1chat.tui.chat.reply_runner import STOP_FIRST
from r1chat.tui.host import Host
from r1chat.tui.threads import on_thread

if TYPE_CHECKING:
    from r1chat.reasoning.control import Control
    from r1chat.store import Loaded, Store, Summary

_FLUSH_S = 5.0
"""How long one waits for what is being written."""
_UNDO_S = 10.0
_GONE = "It is not there any more."
_NOTHING = "There is nothing in this conversation yet."
_NOT_YET = "Nothing to save yet: ask something first."
_NAMING = "The model makes a title: Escape stops it."
_TAGS = "words with spaces between; → completes"
_KNOWN_TAGS = 8
_NO_TITLE = "The model gave no title."
_FORMS = "The file extension selects the format: .md, .html, .json or .jsonl."
T = TypeVar("T")


class HistoryActions:
    """Renames, pins, deletes, copies and exports conversations.

    Args:
        host: The app.
        state: The conversation on the screen.
        busy: Tells whether the model is at work.
        changed: Called when what is listed, or which keys apply, has changed.
        leave: Leaves the conversation on the screen, because it was deleted.
    """

    def __init__(
        self,
        host: Host,
        state: OpenConversation,
        *,
        busy: Callable[[], bool],
        changed: Callable[[], None],
        leave: Callable[[], Awaitable[None]],
    ) -> None:
        self._host = host
        self._state = state
        self._busy = busy
        self._changed = changed
        self._leave = leave
        self._deleted: list[str] = []
        """Ids, the last one deleted at the end."""
        self._naming: Control | None = None
        """Steers the reply that is to be a title."""

    @property
    def restorable(self) -> bool:
        """Whether a deletion can be undone."""
        return bool(self._deleted)

    # -- the store --

    async def _with_store(self, work: Callable[[Store], T]) -> T | None:
        """Does something with the history on a thread; what went wrong is told.

        Args:
            work: What to do. What was written before can be read by then, and what it writes
                can be when it is over.
        """
        history = self._host.history

        def run() -> T:
            store = history.store
            store.flush(_FLUSH_S)
            result = work(store)
            store.flush(_FLUSH_S)
            return result

        try:
            return await on_thread(run, "r1chat-history")
        except R1ChatError as error:
            self._host.notify(line(str(error), 300), severity="error", markup=False)
            return None

    async def load(self, name: str) -> Loaded | None:
        """Reads a conversation; None, and a word on it, where it cannot be had.

        Args:
            name: Its id.
        """
        found = await self._with_store(lambda store: (store.load(name),))
        if found is not None and found[0] is None:
            self._host.notify(_GONE, severity="warning")
        return found[0] if found is not None else None

    async def _summary(self, name: str) -> Summary | None:
        """What the history says of a conversation; None, and a word on it, where that is nothing.

        Args:
            name: Its id.
        """
        found = await self._with_store(lambda store: store.find(name))
        for each in found or ():
            if each.id == name:
                return each
        if found is not None:
            self._host.notify(_NOT_YET, timeout=3)
        return None

    def pick_turn(self, title: str, take: Callable[[str], None]) -> None:
        """Asks for a turn of the conversation on the screen.

        Args:
            title: What for.
            take: Takes its id.
        """
        from r1chat.tui.screens.pick import Choice, Pick

        nodes = list(self._state.tree.path()) if self._state.tree is not None else []
        if self._busy() or not nodes:
            self._host.notify(STOP_FIRST if self._busy() else _NOTHING, timeout=3)
            return
        choices = [
            Choice(node.id, node.turn.question, f"turn {number}")
            for number, node in enumerate(nodes, 1)
            if node.turn is not None
        ]
        self._host.push_screen(
            Pick(title, choices, current=nodes[-1].id), lambda node: take(node) if node else None
        )

    async def copy(self, name: str, node: str | None = None) -> str | None:
        """Copies a conversation.

        Args:
            name: Its id.
            node: The id of the node with which the copy ends; None copies the whole tree.

        Returns:
            The id of the copy.
        """
        return await self._with_store(lambda store: store.duplicate(name, node))

    async def manage(self, what: Literal["rename", "pin", "tag", "delete"], name: str) -> None:
        """Renames a conversation, pins it to the top of the list or unpins it, tags or deletes it.

        Args:
            what: Which of these.
            name: The conversation's id.
        """
        summary = await self._summary(name)
        if summary is None:
            return
        if what == "rename":
            self._ask_for_title(summary)
        elif what == "pin":
            await self._pin(summary)
        elif what == "tag":
            await self._ask_for_tags(summary)
        elif name == self._state.id and self._busy():
            self._host.notify(STOP_FIRST, timeout=3)
        else:
            await self._delete(summary)

    # -- names and pins --

    async def _pin(self, summary: Summary) -> None:
        await self._with_store(lambda store: store.pin(summary.id, pinned=not summary.pinned))
        self._host.notify("Not pinned any more." if summary.pinned else "Pinned.", timeout=2)
        self._changed()

    async def _ask_for_tags(self, summary: Summary) -> None:
        """Asks for the tags of a conversation; known ones are completed."""
        from r1chat.tui.screens.one_line import OneLine
        from r1chat.tui.tag_words import TagSuggester, read

        known = await self._with_store(lambda store: [tag for tag, _ in store.tags()])
        if known is None:
            return
        completes = TagSuggester(marked=False)
        completes.known = known

        def refused(text: str) -> str:
            try:
                read(text)
            except ValueError as error:
                return str(error)
            return ""

        def take(text: str | None) -> None:
            if text is not None and tuple(tags := read(text)) != summary.tags:
                self._host.run_worker(self._tag(summary, tags), group="tag")

        others = " ".join(f"#{tag}" for tag in known[:_KNOWN_TAGS])
        about = _TAGS + (f" · {others}" if others else "")
        written = "".join(f"{tag} " for tag in summary.tags)
        field = OneLine("Tags", written, about, optional=True, suggester=completes, refused=refused)
        self._host.push_screen(field, take)

    async def _tag(self, summary: Summary, tags: list[str]) -> None:
        await self._with_store(lambda store: store.tag(summary.id, tags))
        self._changed()

    def _ask_for_title(self, summary: Summary, proposal: str = "") -> None:
        """Asks for another title.

        Args:
            summary: The conversation.
            proposal: What a model proposes.
        """
        from r1chat.tui.screens.one_line import OneLine

        def take(title: str | None) -> None:
            if title is not None and title != summary.title:
                source = "model" if title == proposal else "user"
                self._host.run_worker(self._rename(summary, title, source), group="rename")

        about = "Enter takes it; it can be edited." if proposal else ""
        self._host.push_screen(OneLine("Title", proposal or summary.title, about), take)

    async def _rename(self, summary: Summary, title: str, source: str) -> None:
        # The user has agreed to a model's title that takes the place of one of their own.
        model = source == "model" and summary.title_source != "user"
        await self._with_store(
            lambda store: store.rename(summary.id, title, "model" if model else "user")
        )
        if summary.id == self._state.id:
            self._host.titled = title
        self._changed()

    # -- titles of the model's --

    @property
    def naming(self) -> bool:
        """Whether the model is making a title."""
        return self._naming is not None

    def stop_naming(self) -> None:
        """Stops the title that is being made."""
        if self._naming is not None:
            self._naming.cancel()

    async def suggest_title(self) -> None:
        """Has the model make a title, which can be edited before it is taken."""
        session, engine = self._state.session, self._host.engine
        summary = await self._summary(self._state.id)
        if summary is None or session is None or engine is None or self._busy():
            return
        from r1chat.reasoning.control import Control
        from r1chat.tui import titling

        turn = session.turns[0]
        self._naming = control = Control(titling.BUDGET)
        self._host.notify(_NAMING, timeout=3)
        self._changed()
        title = ""
        try:
            title = await on_thread(lambda: titling.ask(engine, turn, control), "r1chat-title")
        except R1ChatError as error:
            self._host.notify(line(str(error), 300), severity="error", markup=False)
        finally:
            self._naming = None
            self._changed()
        # What was in the model's cache is gone; the next question should not wait for it.
        engine.prepare(session.messages(), state=session.state)
        if title:
            self._ask_for_title(summary, title)
        elif not control.cancelled:
            self._host.notify(_NO_TITLE, timeout=3)

    # -- deletion --

    async def _delete(self, summary: Summary) -> None:
        """Deletes a conversation, until it is restored."""
        await self._with_store(lambda store: store.delete(summary.id))
        self._deleted.append(summary.id)
        if summary.id == self._state.id:
            await self._leave()
        self._changed()
        key = keymap.written(self._host.shown_keys()["history.restore"])
        self._host.notify(
            f"Deleted: {line(summary.title, 60)}. {key} in the list takes it back.",
            markup=False,
            timeout=_UNDO_S,
        )

    async def restore(self) -> None:
        """Undoes the last deletion."""
        if self._deleted:
            name = self._deleted.pop()
            await self._with_store(lambda store: store.restore(name))
            self._changed()

    # -- files --

    async def export(self, name: str) -> None:
        """Asks for a file to write a conversation to.

        Args:
            name: Its id.
        """
        summary = await self._summary(name)
        if summary is not None:
            self._ask_where(name, str(Path.cwd() / f"{_file_name(summary.title)}.md"))

    def _ask_where(self, name: str, path: str) -> None:
        from r1chat.tui.screens.one_line import OneLine

        def take(path: str | None) -> None:
            if path is not None:
                self._host.run_worker(self._export(name, path), group="export")

        self._host.push_screen(OneLine("Export to", path, _FORMS), take)

    async def _export(self, name: str, path: str) -> None:
        from r1chat import user_files
        from r1chat.exchange import files

        def save(store: Store) -> str:
            loaded = store.load(name)
            if loaded is None:
                message = "it is not there any more"
                raise R1ChatError(message)
            where = paths.named(path)
            if user_files.would_replace(where):
                message = f"{line(str(where))} is there already; take another name"
                raise R1ChatError(message)
            files.save(files.written(files.form_of(where), [loaded]), where)
            return str(where)

        saved = await self._with_store(save)
        if saved is None:
            # What was typed is kept: another name may be a letter away.
            self._ask_where(name, path)
        else:
            self._host.notify(f"Exported to {line(saved, 300)}", markup=False)


def _file_name(title: str) -> str:
    """A title as a file may be called."""
    kept = "".join(char if char.isalnum() or char in " -_" else " " for char in title)
    return "-".join(kept.split())[:60] or "conversation"
