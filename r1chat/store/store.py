"""The public interface of the history."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from r1chat import paths, tags
from r1chat.conversation import Conversation, TurnsSummary, new_id
from r1chat.errors import R1ChatError
from r1chat.events import Receipt
from r1chat.recording import Asked
from r1chat.sanitize import line
from r1chat.store import (
    aside,
    backup,
    copying,
    damage,
    index,
    opening,
    reading,
    repair,
    rows,
    saving,
    searching,
)
from r1chat.store.alive import Alive
from r1chat.store.aside import Aside, Call
from r1chat.store.chores import Chores
from r1chat.store.damage import elsewhere
from r1chat.store.database import Database, Identity, in_memory
from r1chat.store.streaming import StoredRecording
from r1chat.store.titles import LONGEST
from r1chat.store.values import ALL, Figures, Filter, Hit, Loaded, Summary, TitleSource
from r1chat.store.writer import PATIENCE_S, Job, Writer, nothing
from r1chat.wording import UNTITLED

log = logging.getLogger(__name__)

CLOSING_S = 10.0
_SETTLED_IN_S = 1.0
"""How long opening waits for a repair; a large one goes on in the background."""
_LOOK_S = 0.1
_REPAIRS = 3
_NO_INDEX = "this Python's SQLite has no full-text index (FTS5): searching the history takes longer"
T = TypeVar("T")


class Store:
    """Conversations that last. Made by `open`; for use from any thread.

    Args:
        database: Where they are.
        notices: What the user should know already.
        kept: Where what is written is kept besides, as the database is in memory.
    """

    def __init__(
        self, database: Database, notices: tuple[str, ...] = (), kept: Aside | None = None
    ) -> None:
        self._database = database
        self._notices = deque(notices)
        self._repairs = 0
        self._alive = Alive(database.path)
        if not database.searchable:
            self._notices.append(_NO_INDEX)
        self._chores = Chores(database, lambda: self._writer.busy)
        self._recovery: repair.Recovery | None = None
        self._writer = Writer(
            database,
            idle=lambda: self._chores.do(indexing=not self.recovering),
            repair=self._mend,
            tell=self._notices.append,
            aside=kept,
        )

    @classmethod
    def open(cls, path: Path | None = None) -> Store:
        """Opens the history, and makes it where there is none.

        Never fails: what cannot be saved is kept in memory while the program runs, and the
        notices say so.

        Args:
            path: The file; the user's own without it.
        """
        path = _led_to(path or paths.history_file())
        if damage.is_device(path):
            # Whoever links it to /dev/null wants nothing to be kept, and the device is not ours.
            notice = f"conversations are not saved: {line(str(path))} is a device"
            return cls(Database(None), (notice,))
        try:
            return cls._open_file(path)
        except Exception as error:
            log.warning("the history cannot be opened", exc_info=not elsewhere(error))
            reason = damage.reason(error, path)
            words, kept = _kept(path)
            notice = f"conversations are not saved: {line(str(path))}: {reason}{words}"
            return cls(in_memory(path), (notice,), kept)

    @classmethod
    def in_memory(cls) -> Store:
        """A history that ends with the program, for those who want none."""
        return cls(Database(None))

    # -- state --

    @property
    def path(self) -> Path | None:
        """The file; None where nothing is saved."""
        return self._database.path

    @property
    def saves(self) -> bool:
        """Whether conversations last."""
        return self._database.path is not None

    @property
    def failing(self) -> bool:
        """Whether nothing can be written just now; what waits is tried again."""
        return self._writer.failing

    @property
    def lost(self) -> bool:
        """Whether something could be kept nowhere."""
        return bool(self._writer.lost)

    @property
    def recovering(self) -> bool:
        """Whether conversations are still being brought back from a damaged file."""
        return self._recovery is not None and not self._recovery.over

    @property
    def indexed(self) -> bool:
        """Whether the search knows of everything; it follows the writing at some distance."""
        if self._chores.waiting or self.recovering:
            return False
        return not (self._database.searchable and self._read(index.behind))

    def take_notices(self) -> list[str]:
        """What the user should know, each line once."""
        return [self._notices.popleft() for _ in range(len(self._notices))]

    def flush(self, timeout: float | None = None) -> bool:
        """Waits until all that was asked before is safe, at most so many seconds.

        Without a limit it gives up where nothing can be written now.
        """
        done = self._put(nothing).done
        while not done.wait(_LOOK_S if timeout is None else timeout):
            if timeout is not None or self.failing:
                return False
        return not self._writer.lost

    def close(self, timeout: float = CLOSING_S) -> bool:
        """Writes what is left, at most so many seconds.

        Returns:
            Whether everything is safe.
        """
        if self._recovery is not None:
            self._notices.extend(self._recovery.stop())
        safe = self._writer.close(timeout)
        self._alive.close()
        self._database.close()
        return safe

    # -- writing: returns at once --

    def begin(self, asked: Asked) -> StoredRecording:
        """Saves a question at once, and begins to save its reply."""
        return StoredRecording(asked, self._writer.put, self._alive)

    def rename(self, conversation: str, title: str, source: TitleSource = "user") -> None:
        """Gives a conversation a title; a model's never takes the place of the user's."""
        cleaned = line(title, LONGEST * 2) or UNTITLED
        self._call(saving.rename, name=conversation, title=cleaned, source=source)

    def pin(self, conversation: str, *, pinned: bool = True) -> None:
        """Pins a conversation to the top of the list, or not."""
        self._call(saving.pin, name=conversation, pinned=pinned)

    def tag(self, conversation: str, names: Iterable[str]) -> None:
        """Gives a conversation tags in the place of those that it has.

        Args:
            conversation: Its id.
            names: The tags, in their normal form.
        """
        self._call(saving.tag, name=conversation, packed=tags.packed(names))

    def delete(self, conversation: str) -> None:
        """Hides a conversation; after `KEPT_DAYS` days it is gone for good."""
        self._call(saving.delete, name=conversation, when=time.time())

    def restore(self, conversation: str) -> None:
        """Takes a deletion back."""
        self._call(saving.delete, name=conversation, when=None)

    def purge(self, conversation: str) -> None:
        """Takes a conversation out of the file at once and for good."""
        self._put(partial(self._chores.purge, name=conversation))

    def choose(self, node: str) -> None:
        """Makes the conversation go through a node."""
        self._call(saving.choose, name=node)

    def summarise(self, node: str, summary: TurnsSummary | None) -> None:
        """Saves what stands for a node and all before it in prompts; None for nothing."""
        self._call(saving.summarise, name=node, summary=rows.summary_out(summary))

    def remove(self, node: str) -> None:
        """Takes a version away for good, with all that follows it."""
        self._call(saving.remove, name=node)

    def remember(
        self, conversation: str, *, model: str | None = None, budget: str | None = None
    ) -> None:
        """Saves the model and budget to continue a conversation with; None changes nothing."""
        self._call(saving.remember, name=conversation, model=model, budget=budget)

    def add(self, loaded: Loaded) -> str:
        """Saves a whole conversation; ids that are taken are replaced by new ones.

        Returns:
            Its id.

        Raises:
            R1ChatError: If the history cannot be read.
        """
        return self.add_all([loaded])[0]

    def add_all(self, conversations: Iterable[Loaded]) -> list[str]:
        """Saves whole conversations, all of them or none, as `add` does.

        Returns:
            Their ids.

        Raises:
            R1ChatError: If the history cannot be read.
        """
        made: list[Loaded] = []
        taken: set[str] = set()
        with self._reading() as connection:
            for loaded in conversations:
                taken.update(
                    name for name in _names(loaded.conversation) if reading.known(connection, name)
                )
                conversation = copying.copied(loaded.conversation, taken)
                taken.update(_names(conversation))
                made.append(replace(loaded, conversation=conversation))
        self._put(partial(_insert_all, made=made))
        return [loaded.conversation.id for loaded in made]

    def duplicate(self, conversation: str, node: str | None = None) -> str:
        """Copies a conversation, if it is there.

        Args:
            conversation: Its id.
            node: The id of the node with which the copy ends; None copies the whole tree.

        Returns:
            The copy's id.
        """
        copy = new_id()
        self._call(copying.duplicate, name=conversation, end=node, copy=copy)
        return copy

    # -- reading: from any thread --

    def conversations(
        self, limit: int = 50, offset: int = 0, *, deleted: bool = False, only: Filter = ALL
    ) -> list[Summary]:
        """A page of the list: pinned ones first, then by their last change, the newest first.

        Args:
            limit: Most of them.
            offset: How many to leave out at the top.
            deleted: Those that were deleted in place of the others.
            only: Which of them.

        Raises:
            R1ChatError: If the history cannot be read.
        """
        return self._read(
            partial(reading.summaries, limit=limit, offset=offset, deleted=deleted, only=only)
        )

    def count(self, only: Filter = ALL) -> int:
        """How many conversations there are, deleted ones left out.

        Args:
            only: Which of them.

        Raises:
            R1ChatError: If the history cannot be read.
        """
        return self._read(partial(reading.count, only=only))

    def tags(self) -> list[tuple[str, int]]:
        """All tags, the most frequent first, and how many conversations have each.

        Raises:
            R1ChatError: If the history cannot be read.
        """
        return self._read(reading.known_tags)

    def load(self, conversation: str) -> Loaded | None:
        """A conversation; None where there is none of this id.

        Raises:
            R1ChatError: If the history cannot be read.
        """
        return self._read(partial(reading.load_at_once, name=conversation))

    def last(self) -> str | None:
        """The id of the conversation that was changed last.

        Raises:
            R1ChatError: If the history cannot be read.
        """
        return self._read(reading.newest)

    def find(self, beginning: str, limit: int = 10) -> list[Summary]:
        """Conversations whose id begins so.

        Raises:
            R1ChatError: If the history cannot be read.
        """
        beginning = beginning.strip().lower()
        return self._read(partial(reading.starting_with, beginning=beginning, limit=limit))

    def search(
        self,
        text: str,
        *,
        thoughts: bool = False,
        limit: int = 20,
        offset: int = 0,
        only: Filter = ALL,
    ) -> list[Hit]:
        """Finds replies that have all of the words, the newest first.

        Args:
            text: What a user typed. The last word may be the beginning of one.
            thoughts: Whether to look into thoughts too, not just questions and answers.
            limit: Most of them.
            offset: How many to leave out at the top.
            only: In which conversations.

        Raises:
            R1ChatError: If the history cannot be read.
        """
        return self._read(
            partial(
                searching.search,
                text=text,
                thoughts=thoughts,
                limit=limit,
                offset=offset,
                only=only,
            )
        )

    def interrupted(self) -> Summary | None:
        """The conversation whose reply was broken off by a crash, if nothing was asked since.

        Raises:
            R1ChatError: If the history cannot be read.
        """
        return self._read(partial(reading.interrupted, living=self._alive.living()))

    def figures(self, since: float = 0.0) -> Iterator[Figures]:
        """What all replies cost, the oldest first.

        Args:
            since: Seconds since 1970; older ones are left out.

        Raises:
            R1ChatError: If the history cannot be read.
        """
        with self._reading() as connection:
            yield from reading.figures(connection, since)

    def thoughts(self, model: str, most: int) -> list[tuple[str, Receipt]]:
        """The questions that a model has replied to last, each with the reply's receipt.

        Args:
            model: Its reference.
            most: How many.

        Raises:
            R1ChatError: If the history cannot be read.
        """
        return self._read(partial(reading.thoughts, model=model, most=most))

    # -- inside --

    @classmethod
    def _open_file(cls, path: Path) -> Store:
        database, damaged_file = opening.open_file(path)
        notices: list[str] = []
        # What is to be recovered comes first: the other may follow it.
        if damaged_file is None:
            _take_in(database, notices.append)
        store = cls(database, tuple(notices))
        store._recover(damaged_file)
        return store

    def _recover(self, name: str | None) -> None:
        """Brings back what is in a damaged file.

        Args:
            name: The file's, beside the new one; None where there is none.
        """
        path = self._database.path
        if path is None or name is None:
            return
        kept = path.with_name(Path(name).name)
        if kept.is_file():
            copy = backup.path_of(path)
            self._recovery = repair.Recovery(path, [kept, copy], self._recovered)
            self._recovery.start()
            self._recovery.join(_SETTLED_IN_S)
        elif os.path.lexists(kept):
            # A folder or a pipe was in its place, of which nothing can be read.
            self._notices.append(f"what stood in the history's place is kept as {line(str(kept))}")
            self._put(repair.forget_note)

    def _call(self, function: Callable[..., object], **values: object) -> None:
        self._put(Call(function, values))

    def _put(self, do: Callable[[sqlite3.Connection], object]) -> Job:
        job = Job(do)
        self._writer.put(job)
        return job

    def _read(self, what: Callable[[sqlite3.Connection], T]) -> T:
        seen = self._database.identity
        try:
            with self._database.reading() as connection:
                return what(connection)
        except Exception as error:  # noqa: BLE001  (a damaged file may have anything raised)
            if self._is_damage(error):
                self._writer.mend(seen)
            elif "unable to open" in str(error):
                # It may be missing for the moment in which it is replaced.
                self.flush(PATIENCE_S)
        # What is read from the new file is what could be recovered by now.
        with self._reading() as connection:
            return what(connection)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        seen = self._database.identity
        try:
            with self._database.reading() as connection:
                yield connection
        except R1ChatError:
            raise
        except Exception as error:
            if not self._is_damage(error):
                log.exception("the history cannot be read")
                message = f"the history cannot be read: {line(str(error))}; try again"
                raise R1ChatError(message) from error
            self._writer.mend(seen)
            message = "the history is damaged and is being repaired; try again"
            raise R1ChatError(message) from error

    def _is_damage(self, error: Exception) -> bool:
        """Whether the file is to blame for an error that came while it was read."""
        if isinstance(error, R1ChatError) or elsewhere(error):
            return False
        return isinstance(error, sqlite3.Error) or self._database.fault() is not None

    def _mend(self, seen: Identity | None) -> None:
        """Puts a new file in the place of a damaged one. On the writer's thread."""
        path = self._database.path
        if path is None or self._database.identity != seen:
            return
        self._repairs += 1
        if self._repairs == 1 and self._database.remake_search():
            return
        if self._repairs > _REPAIRS:
            self._give_up("it was damaged again and again")
            return
        try:
            self._database.disconnect()
            kept = repair.set_aside(path, seen)
            self._database.reopen()
            if kept is not None:
                repair.note(self._database.writing, kept)
        except Exception as error:
            log.exception("the history cannot be repaired")
            self._give_up(line(str(error)))
        else:
            if self._recovery is not None:
                self._recovery.stop()
            self._recover(repair.noted(self._database.writing))

    def _give_up(self, reason: str) -> None:
        path = self._database.path
        words = ""
        if path is not None and self._writer.aside is None:
            words, self._writer.aside = _kept(path)
        self._database.move_to_memory()
        self._notices.append(f"conversations are not saved any more: {reason}{words}")

    def _recovered(self, notice: str) -> None:
        self._notices.append(notice)
        # So that the search comes to know of it.
        self._put(nothing)


def _led_to(path: Path) -> Path:
    """Resolves links to the history's file; keeps a link that leads to something else."""
    # SQLite follows links, and what it keeps beside a file stands where they lead.
    there = Path(os.path.realpath(path))
    if there.is_dir() or there.is_fifo() or there.is_socket():
        # It may be somebody else's folder: the link is what must give way.
        return Path(os.path.realpath(path.parent)) / path.name
    return there


def _take_in(database: Database, tell: Callable[[str], None]) -> None:
    """Imports what earlier processes could not write."""
    try:
        aside.take_in(database, tell)
    except Exception:
        # The next start tries again.
        log.exception("what was kept aside cannot be taken in")
        tell("what could not be saved before cannot be now either; it is kept still")


def _kept(history: Path) -> tuple[str, Aside | None]:
    """Where is kept what cannot go into the history, in words; nothing where there is no room."""
    kept = Aside(history)
    if not kept.open():
        return "", None
    return f"; what is asked is kept in {line(str(kept.path))} until it can be saved", kept


def _names(conversation: Conversation) -> list[str]:
    return [conversation.id, *(node.id for node in conversation.nodes())]


def _insert_all(connection: sqlite3.Connection, made: Iterable[Loaded]) -> None:
    for loaded in made:
        saving.insert(connection, loaded)
