"""Reads files of questions with reference answers, in the forms that such sets have."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from r1chat import paths, user_files
from r1chat.errors import UsageError
from r1chat.formatting import counted, format_bytes
from r1chat.reasoning.final import last_box
from r1chat.sanitize import line

SHIPPED = {"tiny": Path(__file__).parent / "questions" / "tiny.jsonl"}
"""The built-in sets, by name."""

_MOST = 100_000
_LONGEST = 1 << 20
_LARGEST = 256 << 20
"""Bytes of a file. What is longer is no set of questions; a device may have no end."""
_LONGEST_BARE = 100
_TOO_LONG = b"\xff"
"""Stands for a line that is too long; is no UTF-8."""
_NAMED = 3
_QUESTION = ("problem", "question")
_ANSWER = ("answer",)
_SOLUTION = ("solution",)
_ID = ("id", "unique_id")
_LAST_LINE = "####"
"""GSM8K writes it between the working and the answer."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question and what is right."""

    id: str
    """As the file names it, else the number of its line."""
    text: str
    answer: str

    @property
    def key(self) -> str:
        """Stays the same wherever in whatever file it stands."""
        return digest(self.text, self.answer)


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """The questions of a file."""

    name: str
    path: Path
    questions: tuple[Question, ...]
    skipped: int = 0
    """Lines that could not be used."""
    repeated: int = 0
    """Lines that say what an earlier one said."""

    @property
    def key(self) -> str:
        """Tells sets of questions apart, wherever they lie."""
        return digest(*sorted(question.key for question in self.questions))


def digest(*texts: str) -> str:
    """A short name for some texts; the same texts always get the same."""
    return hashlib.sha256("\0".join(texts).encode("utf-8", "replace")).hexdigest()[:16]


def read(
    name: str,
    *,
    skip_bad: bool = False,
    limit: int | None = None,
    waits: Callable[[str], None] | None = None,
) -> QuestionSet:
    """Reads a file of questions, or a pipe to its end.

    Args:
        name: A file of JSON lines, or the name of a built-in set. Each line is an object
            with a "problem" or "question", and an "answer" or a "solution" with a box.
        skip_bad: Leaves out lines that cannot be used.
        limit: Reads so many questions at most.
        waits: Is told, in words, if something must be waited for.

    Raises:
        UsageError: If it cannot be read, has lines that cannot be used, or no questions.
    """
    path = SHIPPED.get(name) or paths.named(name)
    shown = line(name)
    found: dict[str, Question] = {}
    bad: list[str] = []
    repeated = 0
    try:
        for number, text in lines(path, waits):
            if limit is not None and len(found) >= limit:
                break
            try:
                question = _question(text, number)
            except ValueError as error:
                bad.append(f"line {number}: {error}")
                continue
            repeated += question.key in found
            found.setdefault(question.key, question)
    except OSError as error:
        known = f"; built-in sets: {', '.join(SHIPPED)}" if not path.exists() else ""
        message = f"cannot read {shown}: {error.strerror}{known}"
        raise UsageError(message) from None
    except ValueError as error:
        message = f"cannot read {shown}: {error}"
        raise UsageError(message) from None
    if bad and not skip_bad:
        raise UsageError(_complaint(shown, bad))
    if not found:
        message = f"{shown} has no questions"
        raise UsageError(message)
    return QuestionSet(
        name if name in SHIPPED else path.stem, path, tuple(found.values()), len(bad), repeated
    )


def _complaint(shown: str, bad: list[str]) -> str:
    number = counted(len(bad), "line")
    more = "; …" if len(bad) > _NAMED else ""
    reasons = "; ".join(bad[:_NAMED]) + more
    return f"{shown} has {number} that cannot be used ({reasons}); --skip-bad leaves them out"


def lines(path: Path, waits: Callable[[str], None] | None) -> Iterator[tuple[int, bytes]]:
    """The lines of a file that are not empty, with their numbers from 1.

    Args:
        path: The file.
        waits: Is told, in words, if something must be waited for.

    Raises:
        OSError: If it cannot be read.
        ValueError: If there are too many of them, or too much of them.
    """
    size = number = 0
    begun = b""
    for data in chain(user_files.chunks(path, _LARGEST, waits=waits), [b"\n"]):
        size += len(data)
        if size > _LARGEST:
            message = f"it is larger than {format_bytes(_LARGEST)}"
            raise ValueError(message)
        *whole, begun = (begun + data).split(b"\n")
        for each in whole:
            number += 1
            if number > _MOST:
                message = f"it has more than {_MOST:,} lines"
                raise ValueError(message)
            if each.strip():
                yield number, each if len(each) < _LONGEST else _TOO_LONG
        # Never more than so much of a line, however long it is.
        begun = begun[: _LONGEST + 1]


def parsed(text: bytes) -> Any:  # noqa: ANN401  (any JSON)
    """The value of a line.

    Raises:
        ValueError: If it is no JSON, in a few words.
    """
    try:
        return json.loads(text.decode("utf-8-sig"))
    except UnicodeDecodeError:
        message = "not UTF-8, or too long"
        raise ValueError(message) from None
    except (ValueError, RecursionError):
        message = "not JSON"
        raise ValueError(message) from None


def _question(text: bytes, number: int) -> Question:
    values = parsed(text)
    if not isinstance(values, dict):
        message = "not a JSON object"
        raise ValueError(message)  # noqa: TRY004  (of the file it is the value that is wrong)
    # Some sets write "Problem" and "Answer".
    lower = {str(key).lower(): value for key, value in values.items()}
    question = _text(lower, _QUESTION)
    if question is None:
        message = "no problem or question"
        raise ValueError(message)
    answer = _reference(lower)
    if answer is None:
        message = "no answer, and no solution with a box"
        raise ValueError(message)
    return Question(_text(lower, _ID) or str(number), question, answer)


def _reference(values: Mapping[str, Any]) -> str | None:
    answer = _text(values, _ANSWER)
    if answer is not None:
        last = answer.rpartition(_LAST_LINE)[2].strip()
        return last_box(answer) or last or None
    solution = _text(values, _SOLUTION)
    if solution is None:
        return None
    bare = solution if len(solution) <= _LONGEST_BARE and "\n" not in solution else None
    return last_box(solution) or bare


def _text(values: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """The first value of these names that says something; a number as its digits."""
    for name in names:
        value = values.get(name)
        if isinstance(value, bool):
            continue
        if isinstance(value, (int, float)):
            return str(value)
        if isinstance(value, str) and value.strip():
            # Half a surrogate pair is valid JSON and no text.
            return value.strip().encode("utf-8", "replace").decode()
    return None
