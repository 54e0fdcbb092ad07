"""Edits a text in the user's own editor, which has the terminal meanwhile."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from r1chat.errors import R1ChatError
from r1chat.sanitize import line

_USUAL = ("sensible-editor", "nano", "vim", "vi") if os.name != "nt" else ("notepad",)


class EditorError(R1ChatError):
    """The text could not be edited; the message is one line."""


def command(environment: Mapping[str, str]) -> list[str]:
    """The editor with its arguments: $VISUAL, $EDITOR, or what is usually there.

    Args:
        environment: The environment.

    Raises:
        EditorError: If there is none.
    """
    for name in ("VISUAL", "EDITOR"):
        wanted = environment.get(name, "").strip()
        if wanted:
            try:
                words = shlex.split(wanted)
            except ValueError as error:
                message = f"${name} cannot be read: {error}"
                raise EditorError(message) from None
            if shutil.which(words[0]) is None:
                message = f"${name} names {line(words[0], 80)}, which is not installed."
                raise EditorError(message)
            return words
    found = next((each for each in _USUAL if shutil.which(each)), None)
    if found is None:
        message = "There is no editor: set $VISUAL or $EDITOR to one."
        raise EditorError(message)
    return [found]


def edit(text: str, environment: Mapping[str, str]) -> str:
    """Opens a text in the editor, and waits until that has ended.

    Args:
        text: The text.
        environment: Says which editor.

    Returns:
        What became of it, without the line break that editors put at the end.

    Raises:
        EditorError: If the editor could not be run, or says that it failed.
    """
    words = command(environment)
    # Nobody else may read a draft.
    with tempfile.TemporaryDirectory(prefix="r1chat-") as folder:
        file = Path(folder, "question.md")
        file.write_text(text, "utf-8")
        try:
            with _terminal() as terminal:
                done = subprocess.run(
                    [*words, str(file)],
                    check=False,
                    stdin=terminal,
                    stdout=terminal,
                    stderr=terminal,
                )
        except OSError as error:
            message = f"{line(words[0], 80)} could not be run: {error.strerror}"
            raise EditorError(message) from None
        if done.returncode:
            message = f"{line(words[0], 80)} ended with {done.returncode}: the text is as it was."
            raise EditorError(message)
        edited = file.read_text("utf-8", errors="replace")
    return edited.removesuffix("\n") if not text.endswith("\n") else edited


@contextlib.contextmanager
def _terminal() -> Iterator[IO[bytes] | None]:
    """The terminal itself, since our own outputs lead to the log; None inherits these."""
    try:
        # Windows has none of that name.
        terminal = Path("/dev/tty").open("r+b", buffering=0)  # noqa: SIM115  (closed below)
    except OSError:
        yield None
        return
    with terminal:
        yield terminal
