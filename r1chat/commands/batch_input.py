"""Reads the questions of `r1chat ask --batch`: JSON lines, each a question with its options."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from r1chat import paths
from r1chat.attachments import read_file
from r1chat.commands.options import LARGEST_SEED
from r1chat.errors import UsageError
from r1chat.evaluation.reading import digest, lines, parsed
from r1chat.sanitize import line, line_breaks
from r1chat.settings import PRESET_FIELDS, SETTINGS
from r1chat.values import Kind, Whole

STDIN = "-"
_OPTIONS: Mapping[str, Kind[Any]] = {
    **{name: SETTINGS[name].kind for name in PRESET_FIELDS},
    "seed": Whole(0, LARGEST_SEED),
}
"""What a line may set for its question alone."""
_FIELDS = ("id", "question", "files", *_OPTIONS)
_NAMED = 3
_LONGEST_ID = 200
_CLOSE = 0.8
"""How like a field's name another must be to be taken for a slip: "answer" is none."""


@dataclass(frozen=True, slots=True)
class Item:
    """A question of the file."""

    line: int
    """The number of its line, from 1."""
    id: str | int | None
    """Its name, where it has one."""
    question: str
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """What holds for it alone, by the names of the options of `r1chat ask`."""
    files: tuple[str, ...] = ()
    """Paths of what is attached."""
    key: str = ""
    """Tells questions apart by all that is asked, attachments included."""


def read(name: str, waits: Callable[[str], None] | None = None) -> list[Item]:
    """Reads a file of questions, or a pipe to its end.

    Args:
        name: The file; "-" is stdin.
        waits: Is told, in words, if something must be waited for.

    Raises:
        UsageError: If it cannot be read, has no questions, or has lines that cannot be used: their
            numbers are named.
    """
    path = Path("/dev/stdin") if name == STDIN else paths.named(name)
    shown = "stdin" if name == STDIN else line(name)
    found: list[Item] = []
    ids: dict[str | int, int] = {}
    bad: list[str] = []
    try:
        # What a pipe brings has no folder of its own.
        folder = path.resolve().parent if path.is_file() else Path.cwd()
        for number, text in lines(path, waits):
            try:
                item = _item(parsed(text), number, folder)
                if item.id is not None and ids.setdefault(item.id, number) != number:
                    bad.append(f"line {number}: its id is that of line {ids[item.id]}")
                    continue
            except (ValueError, UsageError) as error:
                bad.append(f"line {number}: {error}")
                continue
            found.append(item)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        message = f"cannot read {shown}: {reason}"
        raise UsageError(message) from None
    if bad:
        more = f"; and {len(bad) - _NAMED} more" if len(bad) > _NAMED else ""
        message = f"{shown}: {'; '.join(bad[:_NAMED])}{more}"
        raise UsageError(message)
    if not found:
        message = f"{shown} has no questions"
        raise UsageError(message)
    return found


def _item(value: object, number: int, folder: Path) -> Item:
    """Checks what a line says.

    Raises:
        ValueError: If it is no question, in a few words.
        UsageError: If an attachment cannot be read.
    """
    if isinstance(value, str):
        value = {"question": value}
    if not isinstance(value, dict):
        message = "neither an object nor a text"
        raise ValueError(message)  # noqa: TRY004  (of the file it is the value that is wrong)
    for name in value:
        # Data sets have fields of their own; a slip of the pen is none of them.
        meant = [] if name in _FIELDS else get_close_matches(name.lower(), _FIELDS, 1, _CLOSE)
        if meant:
            message = f"no field {line(name, 40)!r}; did you mean {meant[0]}?"
            raise ValueError(message)
    question = value.get("question")
    if not isinstance(question, str) or not question.strip():
        message = "no question"
        raise ValueError(message)
    question = _text(question)
    options = {name: _option(name, value[name]) for name in _OPTIONS if value.get(name) is not None}
    files = _files(value.get("files"), folder)
    attached = [(each.name, each.text) for each in map(read_file, files)]
    asked = json.dumps([question, options, attached], sort_keys=True)
    return Item(number, _id(value.get("id")), question, options, files, digest(asked))


def _text(text: str) -> str:
    # Half a surrogate pair is valid JSON and no text.
    return line_breaks(text.encode("utf-8", "replace").decode())


def _id(value: object) -> str | int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_ID:
        message = f"its id is neither a number nor a text of at most {_LONGEST_ID:,} letters"
        raise ValueError(message)
    return _text(value)


def _option(name: str, value: object) -> object:
    if name == "budget" and isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if name == "system" and isinstance(value, str):
        value = _text(value)
    try:
        return _OPTIONS[name].check(value)
    except ValueError as error:
        message = f"{name}: {line(str(error))}"
        raise ValueError(message) from None


def _files(value: object, folder: Path) -> tuple[str, ...]:
    """The paths of attachments; a file of questions may name what lies beside it, or below.

    Whoever made the file need not be who asks: it must not reach for what else is on this machine.
    """
    if value is None:
        return ()
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        message = "files: not a list of paths"
        raise ValueError(message)
    found = []
    for each in names:
        # Unlike pathlib's own it does not fail where links go round in a circle.
        path = Path(os.path.realpath(folder / each))
        if not path.is_relative_to(os.path.realpath(folder)):
            message = f"files: {line(each, 100)} lies outside the folder of the questions"
            raise ValueError(message)
        found.append(str(path))
    return tuple(found)
