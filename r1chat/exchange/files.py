"""Conversations in files: which form, and how it is written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from r1chat.errors import R1ChatError
from r1chat.exchange import chat, document, markdown, page
from r1chat.sanitize import line
from r1chat.store import Loaded

_WRITERS = {
    "md": markdown.write,
    "json": document.write,
    "jsonl": chat.write,
    "html": page.write,
}
_OTHER_ENDINGS = {"htm": "html", "markdown": "md"}
_PRIVATE = 0o600


def form_of(path: Path | None) -> str:
    """The form that a file's name asks for; Markdown where it asks for none."""
    ending = path.suffix.lower().lstrip(".") if path is not None else ""
    ending = _OTHER_ENDINGS.get(ending, ending)
    return ending if ending in _WRITERS else "md"


def written(form: str, several: Iterable[Loaded], *, thoughts: bool = True) -> Iterator[str]:
    """Conversations in a form, in pieces.

    Args:
        form: One of "md", "json", "jsonl" and "html".
        several: The conversations, one after another.
        thoughts: Whether thoughts are kept.
    """
    return _WRITERS[form](several, thoughts=thoughts)


def save(pieces: Iterable[str], path: Path) -> None:
    """Writes a file for this user alone, whole or not at all.

    Raises:
        R1ChatError: If it cannot be written.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
        with open(descriptor, "w", encoding="utf-8", newline="\n") as file:  # noqa: PTH123  (a descriptor)
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        message = f"cannot write {line(str(path))}: {error.strerror}"
        raise R1ChatError(message) from None
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
