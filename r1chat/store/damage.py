"""Diagnoses damage to a history's file from errors and from its contents."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import struct
import time
from contextlib import closing, suppress
from functools import cache
from pathlib import Path

from r1chat import user_files
from r1chat.sanitize import line
from r1chat.store import schema, wal

PAGE = 4096
"""Bytes of a page in all our files, so that a damaged header need not be asked."""
SIDES = ("-wal", "-journal", "-shm")
"""What SQLite keeps beside a file, by the ends of the names."""
_MAGIC = b"SQLite format 3\0"
_HEADERS = tuple(
    _MAGIC + struct.pack(">HBBBBBB", PAGE, written, written, 0, 64, 32, 32) for written in (1, 2)
)
"""What all our files begin with; the first while they are made."""
_LOCKED = ("locked", "busy")
_DAMAGED = (
    *("malformed", "not a database", "corrupt", "unsupported file format", "vtable"),
    *("no such table", "no such column", "no such index"),
)
_ELSEWHERE = ("unable to open", "readonly", "disk i/o", "full", "interrupted", *_LOCKED)
"""What SQLite says where something other than the file's content may be the reason."""
_NUMBERED = {"table_info": 0, "foreign_key_list": 2, "index_info": 1}
"""What a form is asked for, and how many numbers without a meaning it begins with."""
_ROOM = 64 * 1024
"""Bytes without which SQLite cannot write, whatever it says then."""
_CHECK_S = 0.5
"""Seconds of computing for which a file is checked."""
_STEPS = 1000
"""Instructions of SQLite's machine between two looks at the clock."""


class DamagedError(Exception):
    """A file is not what it once was."""


def locked(error: BaseException) -> bool:
    """Whether an error says that another process has the file."""
    return isinstance(error, sqlite3.OperationalError) and any(
        each in str(error).lower() for each in _LOCKED
    )


def certain(error: BaseException) -> bool:
    """Whether an error can only come from a damaged file."""
    if isinstance(error, sqlite3.DatabaseError):
        return any(each in str(error).lower() for each in _DAMAGED)
    # SQLite's messages quote the file's schema, which Python then cannot read.
    return isinstance(error, (DamagedError, schema.ForeignFileError, UnicodeDecodeError))


def elsewhere(error: BaseException) -> bool:
    """Whether the reason of an error may lie outside of the file: a lock, a right, the disk."""
    if isinstance(error, sqlite3.OperationalError):
        return any(each in str(error).lower() for each in _ELSEWHERE)
    return isinstance(error, (OSError, MemoryError, schema.NewerHistoryError))


def is_device(path: Path) -> bool:
    """Whether the path is a device, such as the null device, which must not be moved."""
    return path.is_char_device() or path.is_block_device()


def reason(error: Exception, path: Path) -> str:
    """Why a file cannot be written now, in a few words, and where it helps what to do."""
    if locked(error):
        return "another program keeps it locked"
    with suppress(OSError):
        if "full" in str(error) or shutil.disk_usage(path.parent).free < _ROOM:
            return user_files.full(path.parent)
    return line(getattr(error, "strerror", None) or str(error))


def beside(path: Path, ending: str) -> Path:
    """A file that belongs to another one, by the end of its name."""
    return path.with_name(path.name + ending)


def check_file(path: Path) -> None:
    """Looks at a file before SQLite does, which would write over some of what is damaged.

    Raises:
        DamagedError: If it is damaged, or no file at all.
        OSError: If it cannot be read.
    """
    if not path.exists():
        return
    for each in (path, *(beside(path, ending) for ending in SIDES)):
        # What is no file could be waited for without an end.
        if each.exists() and not stat.S_ISREG(each.stat().st_mode):
            message = f"{each.name} is not a file"
            raise DamagedError(message)
    with path.open("rb") as file:
        header = file.read(len(_HEADERS[0]))
    # What is shorter than a header SQLite would take for nothing.
    if not header and path.with_name(f"{path.stem}.backup{path.suffix}").exists():
        message = "nothing is left of it"
        raise DamagedError(message)
    if header not in (b"", *_HEADERS):
        message = "its header is damaged"
        raise DamagedError(message)
    if wal.damaged(beside(path, "-wal"), PAGE):
        message = "its write-ahead log is damaged"
        raise DamagedError(message)


def check(connection: sqlite3.Connection, *, whole: bool = True) -> None:
    """Looks whether a file is whole, as far as can be seen in a moment.

    Args:
        connection: To the file.
        whole: Whether to look at all of it, else just at the tables' forms and the list of
            conversations.

    Raises:
        DamagedError: If it is damaged.
        Exception: If it cannot even be looked at.
    """
    _check_tables(connection)
    check_pages(connection, whole=whole)


def check_pages(connection: sqlite3.Connection, *, whole: bool = True) -> None:
    """Does so without a look at the tables' forms, which a migration may not have made yet."""
    end = time.thread_time() + _CHECK_S
    connection.set_progress_handler(lambda: time.thread_time() > end, _STEPS)
    try:
        what = "1" if whole else "conversations"
        said = connection.execute(f"PRAGMA integrity_check({what})").fetchone()[0]
    except sqlite3.OperationalError as error:
        # Not done in time: then it is too large to know.
        if "interrupt" not in str(error):
            raise
        said = "ok"
    finally:
        connection.set_progress_handler(None, 0)
    if said != "ok":
        raise DamagedError(said)


def _check_tables(connection: sqlite3.Connection) -> None:
    """Compares the tables with what they were made as; there may be more of them."""
    if connection.execute("PRAGMA encoding").fetchone()[0] != "UTF-8":
        message = "its texts are written in another way"
        raise DamagedError(message)
    found = _forms(connection)
    for name, form in _made(schema.MIGRATIONS).items():
        if not form <= found.get(name, set()):
            message = f"the form of {name} is damaged"
            raise DamagedError(message)


@cache
def _made(migrations: object) -> dict[str, frozenset[tuple[object, ...]]]:
    """The forms that tables have after these migrations."""
    del migrations
    with closing(sqlite3.connect(":memory:")) as connection:
        schema.migrate(connection)
        return {name: frozenset(form) for name, form in _forms(connection).items()}


def _forms(connection: sqlite3.Connection) -> dict[str, set[tuple[object, ...]]]:
    """What tables and indexes are made of, by their names."""
    forms: dict[str, set[tuple[object, ...]]] = {}
    rows = connection.execute("SELECT type, name FROM sqlite_master").fetchall()
    for kind, name in rows:
        # The search is made again where it is missing.
        if str(name).startswith("search"):
            continue
        parts = ("table_info", "foreign_key_list") if kind == "table" else ("index_info",)
        forms[f"{kind} {name}"] = {
            (part, *tuple(each)[_NUMBERED[part] :])
            for part in parts
            for each in connection.execute(f"SELECT * FROM pragma_{part}(?)", (name,))  # noqa: S608
        }
    return forms
