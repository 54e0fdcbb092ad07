"""The answers of `r1chat ask --batch`: JSON lines, from which a second run goes on."""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from r1chat import locks, paths, user_files
from r1chat.commands.batch_input import Item
from r1chat.commands.exits import ExitCode
from r1chat.errors import R1ChatError, UsageError
from r1chat.evaluation.reading import digest
from r1chat.output import Out, to_json, write_json
from r1chat.sanitize import line

if TYPE_CHECKING:
    from filelock import BaseFileLock
    from typing_extensions import Self

_PRIVATE = 0o600
_BEGINNING = b'{"line": '
"""How each line of an output begins."""
Name: TypeAlias = tuple[str, str]
"""Tells questions apart: the id as JSON, and the key of all that is asked."""


@dataclass(slots=True)
class Kept:
    """What an output holds already."""

    answered: Counter[Name] = field(default_factory=Counter)
    tried: Counter[Name] = field(default_factory=Counter)
    """Questions that were asked and not answered."""
    models: set[str] = field(default_factory=set)
    """What has answered."""
    whole: int = 0
    """Bytes up to the end of the last whole line: a run that was killed may leave part of one."""
    is_ended: bool = True
    """Whether that one has its line break; an editor may have taken it away."""


@dataclass(slots=True)
class Left:
    """What is still to be asked, of a file of questions."""

    items: list[Item] = field(default_factory=list)
    """Those never asked come first, then those that got no answer."""
    answered: int = 0
    others: int = 0
    """Answers to questions that are not in the file any more, or stand there otherwise."""


def name_of(item: Item) -> Name:
    """What an output knows a question by."""
    return json.dumps(item.id), item.key


def left(items: Iterable[Item], kept: Kept) -> Left:
    """Which questions are still to be asked; one that stands twice is asked twice."""
    found, again = Left(), []
    answered, tried = kept.answered.copy(), kept.tried.copy()
    for item in items:
        name = name_of(item)
        if answered[name]:
            answered[name] -= 1
            found.answered += 1
        elif tried[name]:
            tried[name] -= 1
            again.append(item)
        else:
            found.items.append(item)
    found.items += again
    found.others = answered.total()
    return found


class Answers:
    """Where the answers go: a file that only grows, or standard output.

    Args:
        path: The file; None writes to standard output, which nothing is resumed from.
        out: Standard output.
        waits: Is told, in words, if nobody reads a pipe yet that the answers are to go to.

    Raises:
        UsageError: If it is a file of another kind, or another r1chat is writing it.
        R1ChatError: If it cannot be read or written.
    """

    def __init__(self, path: Path | None, out: Out, waits: user_files.Told = None) -> None:
        self.path = path
        self.kept = Kept()
        self._out = out
        self._file: BinaryIO | None = None
        self._lock: BaseFileLock | None = None
        if path is None:
            return
        self._lock = _locked(path)
        try:
            self.kept = _read(path)
            self._file = _opened(path, self.kept, waits)
        except OSError as error:
            self.close()
            raise _failed(path, error) from None
        except R1ChatError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def shown(self) -> str:
        """Its name for people."""
        return line(str(self.path), 500) if self.path is not None else "stdout"

    def add(self, item: Item, values: Mapping[str, Any]) -> None:
        """Writes what came of a question.

        Args:
            item: The question.
            values: The reply as JSON has it, with an "exit_code" of its own.

        Raises:
            BrokenPipeError: If nobody reads any more.
            R1ChatError: If it cannot be written.
        """
        name = {} if item.id is None else {"id": item.id}
        entry = {"line": item.line, **name, "key": item.key, **values}
        if self._file is None:
            write_json(self._out, entry)
            return
        assert self.path is not None  # noqa: S101  (what is open has a name)
        try:
            # At once, in one piece: whatever ends this process later takes nothing away.
            self._file.write(to_json(entry).encode("utf-8", "replace") + b"\n")
            self._file.flush()
        except OSError as error:
            raise _failed(self.path, error) from None

    def close(self) -> None:
        """Closes the file, for others to write to."""
        if self._file is not None:
            # What could not be written has been told: the end tries once more.
            with contextlib.suppress(OSError):
                self._file.close()
        if self._lock is not None:
            locks.released(self._lock)
        self._file = self._lock = None


def _locked(path: Path) -> BaseFileLock | None:
    """Keeps other processes from the same output; where no lock can be had, nothing does.

    Raises:
        UsageError: If another has it.
    """
    folder = paths.cache_dir() / "batches"
    lock = locks.taken(folder / f"{digest(os.path.realpath(path))}.lock")
    if lock is None and folder.is_dir() and os.access(folder, os.W_OK):
        message = f"another r1chat is writing its answers to {line(str(path))}"
        raise UsageError(message)
    return lock


def _read(path: Path) -> Kept:
    """Reads what is there; a pipe or a device keeps nothing to go on from.

    Raises:
        UsageError: If it is a file of another kind.
        OSError: If it cannot be read.
    """
    kept = Kept()
    if not path.is_file():
        return kept
    with path.open("rb") as file:
        for text in file:
            begins = text.startswith(_BEGINNING) or _BEGINNING.startswith(text)
            if not kept.whole and not begins:
                message = f"{line(str(path))} has no answers of `r1chat ask --batch`; name another"
                raise UsageError(message)
            kept.is_ended = text.endswith(b"\n")
            if _take(kept, text) or kept.is_ended:
                kept.whole += len(text)
    return kept


def _take(kept: Kept, text: bytes) -> bool:
    """Takes in a line; one that somebody has changed into something else says nothing.

    Returns:
        Whether it says something.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return False
    if not isinstance(values, dict) or not isinstance(values.get("key"), str):
        return False
    name = json.dumps(values.get("id")), values["key"]
    if values.get("exit_code") == ExitCode.ANSWERED:
        kept.answered[name] += 1
        model = values.get("model")
        if isinstance(model, dict) and isinstance(model.get("ref"), str):
            kept.models.add(model["ref"])
    else:
        kept.tried[name] += 1
    return True


def _opened(path: Path, kept: Kept, waits: user_files.Told) -> BinaryIO:
    """Opens an output behind its last whole line; one that is new is for this user alone."""
    if path.is_fifo():
        return os.fdopen(user_files.through(path, waits), "wb")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, _PRIVATE)
    state = os.fstat(descriptor)
    file = os.fdopen(descriptor, "ab")
    if stat.S_ISREG(state.st_mode) and state.st_size > kept.whole:
        os.ftruncate(descriptor, kept.whole)
    elif kept.whole and not kept.is_ended:
        file.write(b"\n")
        file.flush()
    return file


def _failed(path: Path, error: OSError) -> R1ChatError:
    return R1ChatError(f"cannot write {line(str(path))}: {user_files.reason(error, path)}")
