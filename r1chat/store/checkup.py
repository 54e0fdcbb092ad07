"""Checks the history's file for `r1chat doctor` without changing it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from r1chat.sanitize import line
from r1chat.store import aside, damage, schema

_LOCKED_S = 1.0
"""How long a file that is locked is waited for."""


def look(path: Path) -> list[tuple[str, str]]:
    """What is odd about a history: in what way, and what to do or what will be done about it.

    Args:
        path: The file; it may be missing.
    """
    if damage.is_device(path):
        return [("a device: conversations are not saved", "Take it or the link to it away.")]
    found = []
    try:
        _check(path)
    except Exception as error:  # noqa: BLE001  (a damaged file may have anything raised)
        found.append(_said(error, path))
    kept = sorted(path.parent.glob(f"{path.stem}.damaged-*{path.suffix}"))
    if kept:
        names = ", ".join(line(each.name) for each in kept[-3:])
        found.append(
            (
                f"{len(kept)} damaged before: {names}",
                "What could be read of it is in the history; remove it when nothing is missed.",
            )
        )
    return found + [
        (f"not yet saved: {line(str(each))}", "The next start takes it in.")
        for each in aside.waiting(path)
    ]


def _check(path: Path) -> None:
    damage.check_file(path)
    if not path.exists():
        return
    if not path.stat().st_size and not damage.beside(path, "-wal").exists():
        return
    # Not `mode=ro`: a log that a process left behind could not be read then.
    name = f"{path.absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(name, uri=True, timeout=_LOCKED_S)) as connection:
        connection.execute("PRAGMA query_only = ON")
        schema.check(connection)
        damage.check(connection)
        if connection.execute("SELECT 1 FROM notes WHERE name = 'recover'").fetchone():
            message = "it is still being recovered"
            raise damage.DamagedError(message)


def _said(error: Exception, path: Path) -> tuple[str, str]:
    why = line(getattr(error, "strerror", None) or str(error), 200)
    if damage.locked(error):
        return "another program keeps it locked", "Close that program, a database browser perhaps."
    if isinstance(error, schema.NewerHistoryError):
        return why, "Until then what is asked is kept beside it."
    if damage.elsewhere(error):
        return f"cannot be read: {why}", f"Make {line(str(path))} readable and writable."
    return (
        f"damaged: {why}",
        "The next question puts it aside and brings back what can be read of it.",
    )
