"""Keeps in JSON lines what the database cannot take, until a later start imports it.

Each line is one call of a function that writes, with its values. A file lies beside the history,
or where there is room; it is locked as long as its process lives, and what is taken in from it
goes into the history in one transaction, together with the file's name: a process may die at any
moment, and nothing is lost or taken in twice.
"""

from __future__ import annotations

import glob
import hashlib
import json
import logging
import os
import sqlite3
import stat
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from r1chat import paths
from r1chat.attachments import Attachment
from r1chat.conversation import Origin, Turn, new_id
from r1chat.engine.base import ModelInfo, Request
from r1chat.events import Reply
from r1chat.formatting import counted
from r1chat.reasoning.budget import Budget
from r1chat.recording import Asked
from r1chat.store import copying, rows, saving
from r1chat.store.database import Database

log = logging.getLogger(__name__)

_SCHEMA = 1
_PRIVATE = 0o600
_FOLDER = 0o700
_TAKEN = "taken:"
"""Before the name of a file, in the history's notes."""
_CALLS: dict[str, Callable[..., object]] = {
    call.__name__: call
    for call in (
        saving.begin,
        saving.write_part,
        saving.write_acts,
        saving.finish,
        saving.choose,
        saving.discard,
        saving.remove,
        saving.summarise,
        saving.rename,
        saving.pin,
        saving.tag,
        saving.delete,
        saving.remember,
        copying.duplicate,
    )
}
"""What can be kept. Whoever reads a file must know all that any r1chat ever wrote into one."""


@dataclass(frozen=True, slots=True)
class Call:
    """A function that writes, and its values besides the connection."""

    function: Callable[..., object]
    values: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, connection: sqlite3.Connection) -> object:
        """Writes."""
        return self.function(connection, **self.values)

    @property
    def can_be_kept(self) -> bool:
        """Whether it can be written down."""
        return _CALLS.get(self.function.__name__) is self.function

    def as_line(self) -> str:
        """The call as a line of a file."""
        values = {
            key: _OUT[key](value) if key in _OUT else value for key, value in self.values.items()
        }
        return rows.dumps({"do": self.function.__name__, **values}) + "\n"


class Aside:
    """The files of one process.

    Args:
        history: Where what is kept belongs.
    """

    def __init__(self, history: Path) -> None:
        self._history = history
        self._files: list[tuple[Path, IO[bytes]]] = []
        self._written = False

    @property
    def path(self) -> Path | None:
        """Where it is kept; None before there is anything."""
        return self._files[-1][0] if self._files else None

    @property
    def beside(self) -> bool:
        """Whether all of it lies beside the history, where a copy of the folder has it too."""
        return all(path.parent == self._history.parent for path, _ in self._files)

    def open(self) -> bool:
        """Creates a file in the first folder that allows it."""
        return bool(self._files) or self._begin(_places(self._history))

    def keep(self, calls: Iterable[Call]) -> bool:
        """Writes calls down, safe from whatever ends the process.

        Returns:
            Whether they are kept: all of them, or none.
        """
        data = "".join(call.as_line() for call in calls).encode()
        if not data:
            return True
        if not self.open() or not (self._append(data) or self._go_on(data)):
            return False
        self._written = True
        return True

    def drop(self) -> None:
        """Removes the files once the history has everything in them."""
        for path, file in self._files:
            with suppress(OSError):
                path.unlink()
            file.close()
        self._files.clear()
        self._written = False

    def close(self) -> None:
        """Lets the next start take in what there is."""
        if not self._written:
            self.drop()
        for _, file in self._files:
            file.close()

    def note(self, connection: sqlite3.Connection) -> None:
        """Writes into the history that it has all that is in the files."""
        for path, _ in self._files:
            _note(connection, path)

    def _go_on(self, data: bytes) -> bool:
        """Writes to another place, where the present one is full."""
        here = self._files[-1][0].parent
        others = [place for place in _places(self._history) if place[0] != here]
        return self._begin(others) and self._append(data)

    def _begin(self, places: Iterable[tuple[Path, str]]) -> bool:
        head = rows.dumps({"r1chat": "unsaved", "schema": _SCHEMA}) + "\n"
        for folder, beginning in places:
            moment = time.time_ns()
            stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(moment // 10**9))
            path = folder / f"{beginning}{stamp}-{moment % 10**9:09}-{new_id()[:4]}.jsonl"
            try:
                _make(folder)
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
                file = open(os.open(path, flags, _PRIVATE), "ab", buffering=0)  # noqa: PTH123, SIM115  (a descriptor, open as long as the process)
            except OSError:
                continue
            _locked(file)
            self._files.append((path, file))
            if self._append(head.encode()):
                return True
            self._files.pop()
            file.close()
            with suppress(OSError):
                path.unlink()
        return False

    def _append(self, data: bytes) -> bool:
        _, file = self._files[-1]
        size = 0
        try:
            size = os.fstat(file.fileno()).st_size
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
        except OSError:
            with suppress(OSError):
                file.truncate(size)
            return False
        return True


def waiting(history: Path) -> list[Path]:
    """The files that are to be taken in, the oldest first."""
    found = []
    for folder, beginning in _places(history):
        pattern = f"{glob.escape(str(folder / beginning))}*.jsonl"
        found += [path for path in map(Path, glob.glob(pattern)) if _is_ours(path)]  # noqa: PTH207  (a pattern with a folder in it)
    return sorted(
        found, key=lambda path: path.name.split("unsaved-", 1)[-1].removeprefix(_key(history))
    )


def _places(history: Path) -> list[tuple[Path, str]]:
    """Folders for files, the best first, with what the names there begin with."""
    elsewhere = f"unsaved-{_key(history)}"
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return [
        (history.parent, f"{history.stem}.unsaved-"),
        (paths.cache_dir(), elsewhere),
        (Path(tempfile.gettempdir()) / f"r1chat-{user}", elsewhere),
    ]


def _key(history: Path) -> str:
    """Tells histories apart whose files lie in one place."""
    return hashlib.sha256(os.fsencode(history)).hexdigest()[:8] + "-"


def _make(folder: Path) -> None:
    """Makes a folder; refuses one that somebody else has made for us.

    Raises:
        OSError: If it cannot be had.
    """
    paths.made(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode=_FOLDER)
    state = folder.lstat()
    if folder.name.startswith("r1chat-") and (
        not stat.S_ISDIR(state.st_mode) or (hasattr(os, "getuid") and state.st_uid != os.getuid())
    ):
        message = "it is somebody else's"
        raise OSError(message)


def _is_ours(path: Path) -> bool:
    try:
        state = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(state.st_mode) and (
        not hasattr(os, "getuid") or state.st_uid == os.getuid()
    )


def _locked(file: IO[bytes]) -> bool:
    """Locks a file as long as it is open; False where a process that lives has it."""
    try:
        import fcntl
    except ImportError:
        # On Windows a file that is open cannot be removed, which comes to the same.
        return True
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # Some file systems know no locks.
        return True
    return True


# -- the way back --


def take_in(database: Database, tell: Callable[[str], None]) -> None:
    """Imports what earlier processes could not write.

    Args:
        database: The history.
        tell: Takes what the user should know.

    Raises:
        sqlite3.Error: If the history cannot be written.
    """
    if database.path is None:
        return
    taken = 0
    for path in waiting(database.path):
        with suppress(OSError), path.open("rb") as file:
            # Whoever else has just taken it in has removed it.
            if _locked(file) and os.fstat(file.fileno()).st_nlink:
                taken += _take_in_one(database, path, file, tell)
    if taken:
        tell("saved now, after it could not be before: " + counted(taken, "question"))


def _take_in_one(
    database: Database, path: Path, file: IO[bytes], tell: Callable[[str], None]
) -> int:
    questions = bad = 0
    with database.transaction() as connection:
        if not _noted(connection, path):
            for call in _calls(file):
                if call is None or not _done(connection, call):
                    bad += 1
                elif call.function is saving.begin:
                    questions += 1
            _note(connection, path)
    if bad:
        kept = path.with_suffix(".bad")
        with suppress(OSError):
            path.rename(kept)
        tell(f"a part of what could not be saved before cannot be read: it is kept in {kept}")
    with suppress(OSError):
        path.unlink(missing_ok=True)
    if not path.exists():
        with database.transaction() as connection:
            connection.execute("DELETE FROM notes WHERE name = ?", (_TAKEN + path.name,))
    return questions


def _done(connection: sqlite3.Connection, call: Call) -> bool:
    """Does what a line says, all of it or nothing."""
    connection.execute("SAVEPOINT line")
    try:
        call(connection)
    except sqlite3.OperationalError:
        # The history cannot be written now, which is no fault of the line's.
        raise
    except Exception:
        log.exception("a line of what was not saved cannot be taken in")
        connection.execute("ROLLBACK TO line")
        return False
    finally:
        connection.execute("RELEASE line")
    return True


def _calls(file: IO[bytes]) -> Iterator[Call | None]:
    """Parses a file's lines; None for a line that cannot be read."""
    for number, text in enumerate(file):
        if number == 0:
            continue
        if not text.endswith(b"\n"):
            # The process died while it wrote it.
            return
        try:
            values = json.loads(text)
            function = _CALLS[values.pop("do")]
            read = {key: _IN[key](value) if key in _IN else value for key, value in values.items()}
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            yield None
        else:
            yield Call(function, read)


def _note(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("INSERT OR REPLACE INTO notes VALUES (?, '')", (_TAKEN + path.name,))


def _noted(connection: sqlite3.Connection, path: Path) -> bool:
    found = connection.execute("SELECT 1 FROM notes WHERE name = ?", (_TAKEN + path.name,))
    return found.fetchone() is not None


# -- values --

_NO_MODEL = ModelInfo(
    "", "", "", "", "", 0, 0, 0, 0, thinks=True, threads=0, gpu_layers=0, load_s=0.0
)


def _asked_out(asked: Asked) -> dict[str, Any]:
    turn = asked.turn
    origin = turn.origin or Origin(created=time.time(), model=asked.model.ref)
    return {
        "conversation": asked.conversation,
        "node": asked.node,
        "parent": asked.parent,
        "system": asked.system,
        "budget": str(asked.request.budget),
        "question": turn.question,
        "attachments": [[each.name, each.text] for each in turn.attachments],
        "raw": turn.raw,
        "beside": asked.beside,
        "once": asked.once,
        "created": origin.created,
        "model": origin.model,
        "arch": origin.arch,
        "quant": origin.quant,
        "settings": rows.settings_out(origin.settings),
        "acts": rows.acts_out(origin.acts),
        "reply": _reply_out(turn.reply),
    }


def _asked_in(values: Mapping[str, Any]) -> Asked:
    turn = Turn(
        str(values["question"]),
        _reply_in(values["reply"]),
        tuple(Attachment(str(name), str(text)) for name, text in values["attachments"]),
        raw=bool(values["raw"]),
        origin=rows.origin_in(values),
    )
    parent, system = values["parent"], values["system"]
    return Asked(
        conversation=str(values["conversation"]),
        node=str(values["node"]),
        parent=None if parent is None else str(parent),
        turn=turn,
        request=Request((), budget=Budget.parse(rows.budget(values["budget"]))),
        model=_NO_MODEL,
        system=None if system is None else str(system),
        # Older files do not say.
        beside=bool(values.get("beside")),
        once=bool(values.get("once")),
    )


def _reply_out(reply: Reply) -> dict[str, Any]:
    return {
        "thought": reply.thought,
        "answer": reply.answer,
        "receipt": rows.receipt_out(reply.receipt),
        "final": reply.final,
        "injected": rows.injected_out(reply.injected),
        "error": reply.error,
    }


def _reply_in(values: Mapping[str, Any]) -> Reply:
    thought = str(values["thought"])
    return Reply(
        thought,
        str(values["answer"]),
        rows.receipt_in(values["receipt"]),
        final=rows.text_or_none(values["final"]),
        injected=rows.injected_in(values["injected"], thought),
        error=rows.text_or_none(values["error"]),
    )


_OUT: dict[str, Callable[[Any], object]] = {
    "asked": _asked_out,
    "reply": _reply_out,
    "acts": lambda acts: rows.acts_out(tuple(acts)),
}
_IN: dict[str, Callable[[Any], object]] = {
    "asked": _asked_in,
    "reply": _reply_in,
    "acts": rows.acts_in,
}
