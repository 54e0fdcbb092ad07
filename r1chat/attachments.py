"""Attachments: text files and standard input that are sent with a question."""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from r1chat import paths, user_files
from r1chat.errors import UsageError
from r1chat.formatting import format_bytes
from r1chat.sanitize import line, line_breaks

LIMIT = 1024 * 1024
"""Most bytes of one attachment: some 250,000 tokens, more than any R1 distill can read."""

_MARKS = (
    # UTF-32's little-endian mark begins with that of UTF-16, so it must be looked for first.
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_TEXT_CONTROLS = frozenset("\t\n\r\v\f\b\x1b")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A named text that is sent with a question."""

    name: str
    text: str


def decode(data: bytes, name: str) -> str:
    """Reads bytes as text: UTF-8, or what a byte order mark says.

    Escape sequences and back spaces are let pass, as they are common in saved terminal output. Line
    breaks of all systems become newlines.

    Raises:
        UsageError: If they are no text.
    """
    try:
        text = _decode(data)
    except UnicodeDecodeError as error:
        problem = f"at byte {error.start} it is neither UTF-8 nor UTF-16 with a mark"
        message = f"{line(name)} is not a text file: {problem}"
        raise UsageError(message) from None
    for char in text:
        if char < " " and char not in _TEXT_CONTROLS:
            message = f"{line(name)} is not a text file: it holds the byte 0x{ord(char):02x}"
            raise UsageError(message)
    return line_breaks(text)


def _decode(data: bytes) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding)
    return data.decode("utf-8")


def read_file(path: str, *, waits: Callable[[str], None] | None = None) -> Attachment:
    """Reads a text file, or a pipe to its end.

    Args:
        path: The file.
        waits: Is told, in words, if something must be waited for.

    Raises:
        UsageError: If it cannot be read, is no text or too large.
    """
    shown = line(path)
    place = paths.named(path)
    try:
        mode = place.stat().st_mode
        if stat.S_ISDIR(mode):
            message = f"{shown} is a directory; attach the files in it one by one"
            raise UsageError(message)
        data = user_files.read(place, LIMIT, waits=waits)
    except (OSError, ValueError) as error:
        # ValueError: a NUL in the name.
        reason = getattr(error, "strerror", None) or str(error)
        message = f"cannot read {shown}: {line(reason)}"
        raise UsageError(message) from None
    check_size(data, shown)
    return Attachment(place.name, decode(data, path))


def check_size(data: bytes, name: str) -> None:
    """Refuses more bytes than an attachment may have.

    Raises:
        UsageError: If there are more.
    """
    if len(data) > LIMIT:
        message = f"{name} is larger than {format_bytes(LIMIT)}; attach the part that matters"
        raise UsageError(message)


def with_attachments(question: str, attachments: Iterable[Attachment], *, raw: bool = False) -> str:
    """The question as it is put to the model, attachments first.

    The frame is the one that DeepSeek gives for R1: the question comes last, so that a model that
    forgets the beginning of a long prompt still knows what it was asked.

    Args:
        question: The question.
        attachments: What goes along.
        raw: Puts the texts one after another, without a frame.
    """
    if raw:
        return "".join([*(attachment.text for attachment in attachments), question])
    parts = [
        f"[file name]: {line(os.path.basename(attachment.name)) or 'unnamed'}\n"  # noqa: PTH119  (a name, not a path of this system)
        f"[file content begin]\n{_closed(attachment.text)}[file content end]\n"
        for attachment in attachments
    ]
    return "".join([*parts, question])


def _closed(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"
