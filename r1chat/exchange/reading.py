"""Detects the format of an imported file, and reads it."""

from __future__ import annotations

import json

from r1chat.errors import UsageError
from r1chat.exchange import checked, messages
from r1chat.formatting import format_bytes
from r1chat.sanitize import line
from r1chat.store import Loaded

LIMIT = 512 * 1024 * 1024
"""Most bytes of a file: what is read stands in memory several times over."""
_NO_FORM = 'it is neither an export of r1chat in JSON nor JSON lines of {"messages": […]}'


def read(data: bytes) -> list[Loaded]:
    """Reads conversations.

    Args:
        data: A file: our own JSON, or JSON lines of chat messages.

    Raises:
        UsageError: If it is something else, or a part of it is wrong; says which line.
    """
    if len(data) > LIMIT:
        message = f"it is larger than {format_bytes(LIMIT)}; export fewer conversations at a time"
        raise UsageError(message)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"it is not UTF-8 (byte {error.start})"
        raise UsageError(message) from None
    lines = text.split("\n")
    first = next((each for each in lines if each.strip()), "")
    if not first:
        message = "it is empty"
        raise UsageError(message)
    if first.rstrip().endswith("}") and not _is_document(_parsed_or_none(first)):
        return _json_lines(lines)
    value = _parsed(text)
    if not _is_document(value):
        raise UsageError(_NO_FORM)
    return checked.conversations(value)


def _is_document(value: object) -> bool:
    return isinstance(value, dict) and "r1chat" in value


def _json_lines(lines: list[str]) -> list[Loaded]:
    found = []
    for number, each in enumerate(lines, 1):
        if each.strip():
            try:
                found.append(messages.conversation(_parsed(each)))
            except UsageError as error:
                message = f"line {number}: {error}"
                raise UsageError(message) from None
    return found


def _parsed_or_none(text: str) -> object:
    try:
        return _parsed(text)
    except UsageError:
        return None


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except RecursionError:
        message = "it is nested too deeply"
    except json.JSONDecodeError as error:
        where = (
            f"line {error.lineno}, column {error.colno}"
            if "\n" in text
            else f"column {error.colno}"
        )
        message = f"it is not JSON: {line(error.msg)} ({where})"
    except ValueError:
        message = "it has a number that is too long"
    raise UsageError(message)
