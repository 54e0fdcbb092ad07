"""Writes exports to files; the file extension selects the format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from r1chat import user_files
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


def save(pieces: Iterable[str], path: Path, *, waits: Callable[[str], None] | None = None) -> None:
    """Writes a file, whole or not at all; one that is new is for this user alone.

    Args:
        pieces: What `written` makes.
        path: The file; a link, a pipe or a device is written through.
        waits: Is told, in words, if something must be waited for.

    Raises:
        R1ChatError: If it cannot be written.
    """
    try:
        user_files.write(path, pieces, waits=waits)
    except OSError as error:
        message = f"cannot write {line(str(path))}: {user_files.reason(error, path)}"
        raise R1ChatError(message) from None
