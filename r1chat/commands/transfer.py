"""`r1chat history export` and `import`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from r1chat import paths, user_files
from r1chat.commands import conversations
from r1chat.commands.exits import ExitCode
from r1chat.console import Console
from r1chat.errors import R1ChatError, UsageError
from r1chat.exchange import files
from r1chat.formatting import counted
from r1chat.output import Out
from r1chat.sanitize import line
from r1chat.store import Loaded, Store

if TYPE_CHECKING:
    from collections.abc import Iterable

INDEXING_S = 600.0
"""How long an import waits for the index. What is missing then is made up for later."""
_PAGE = 200


def export(args: argparse.Namespace, store: Store, out: Out, console: Console) -> int:
    """Writes conversations to a file or to stdout.

    Raises:
        UsageError: If it is not clear what to write where.
        R1ChatError: If it cannot be written.
    """
    if bool(args.ids) == args.all:
        message = "name the conversations by their ids, or take --all of them"
        raise UsageError(message)
    path = None if args.output == "-" else paths.named(args.output)
    if path is not None and user_files.would_replace(path) and not args.force:
        message = f"{line(str(path))} is there already; --force overwrites it"
        raise UsageError(message)
    names = [conversations.found(store, each).id for each in args.ids]
    found = _Counted(_every(store) if args.all else map(store.load, dict.fromkeys(names)))
    pieces = files.written(args.format or files.form_of(path), found, thoughts=not args.no_thoughts)
    if path is None:
        _print(pieces, out)
        return ExitCode.ANSWERED
    files.save(pieces, path, waits=console.note)
    console.aside(f"{_conversations(found.count)} in {line(str(path), 500)}")
    return ExitCode.ANSWERED


class _Counted:
    """Passes conversations on and counts them."""

    def __init__(self, several: Iterable[Loaded | None]) -> None:
        self._several = several
        self.count = 0

    def __iter__(self) -> Iterator[Loaded]:
        for each in self._several:
            # Another r1chat may have removed it just now.
            if each is not None:
                self.count += 1
                yield each


def _every(store: Store) -> Iterator[Loaded | None]:
    """All conversations, one in memory at a time; what is there at the start."""
    names: list[str] = []
    while page := store.conversations(_PAGE, len(names)):
        names += [summary.id for summary in page]
    return map(store.load, dict.fromkeys(names))


def _print(pieces: Iterator[str], out: Out) -> None:
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if not out.tty and reconfigure is not None:
        # What is written is a file, and files are UTF-8.
        reconfigure(encoding="utf-8", newline="\n")
    for piece in pieces:
        out.write(piece)


def take_in(args: argparse.Namespace, store: Store, out: Out, console: Console) -> int:
    """Takes conversations in: all that is in the files, or nothing of it.

    Raises:
        UsageError: If a file is wrong.
        R1ChatError: If it cannot be read or saved.
    """
    from r1chat.exchange.reading import read

    if not store.saves:
        message = "nothing was imported: the history cannot be written to"
        raise R1ChatError(message)
    several: list[Loaded] = []
    for name in args.files:
        try:
            several += read(_bytes(name, console))
        except UsageError as error:
            message = f"{'standard input' if name == '-' else line(name)}: {error}"
            raise UsageError(message) from None
    fresh = several if args.copies else [each for each in several if not _is_here(store, each)]
    names = store.add_all(fresh)
    if not store.flush():
        message = "nothing was imported: it could not be written"
        raise R1ChatError(message)
    out.write("".join(f"{name}\n" for name in names))
    console.progress("saved; making it searchable")
    conversations.searchable(store, INDEXING_S)
    console.end_progress()
    console.aside(f"imported {_conversations(len(names))}")
    if len(fresh) < len(several):
        left = _conversations(len(several) - len(fresh))
        console.note(f"left out {left} that are here already; --copies takes them in again")
    return ExitCode.ANSWERED


def _is_here(store: Store, each: Loaded) -> bool:
    return any(found.id == each.conversation.id for found in store.find(each.conversation.id))


def _bytes(name: str, console: Console) -> bytes:
    from r1chat.exchange.reading import LIMIT

    try:
        if name == "-":
            if sys.stdin is None:
                message = "standard input is closed"
                raise UsageError(message)
            return sys.stdin.buffer.read(LIMIT + 1)
        return user_files.read(paths.named(name), LIMIT, waits=console.note)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        message = f"cannot be read: {line(reason)}"
        raise UsageError(message) from None


def _conversations(number: int) -> str:
    return counted(number, "conversation")
