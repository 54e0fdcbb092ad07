"""Tags of conversations: their normal form, and how they are stored and sought."""

from __future__ import annotations

import re
from collections.abc import Iterable

MOST = 32
"""Tags of one conversation."""
RULE = "letters, digits, and . - _ / between them, 40 at most"
_TAG = re.compile(r"\w(?:[\w./-]{0,38}\w)?")


def normal(text: str) -> str:
    """The normal form of a tag: small letters, without the # in front.

    Raises:
        ValueError: If it is none; the message is one line.
    """
    tag = text.strip().removeprefix("#").lower()
    if not _TAG.fullmatch(tag):
        from r1chat.sanitize import line

        message = f"{line(text, 40)!r} is no tag: {RULE}"
        raise ValueError(message)
    return tag


def packed(tags: Iterable[str]) -> str:
    """Tags as they are stored: in their order, each between spaces."""
    found = list(dict.fromkeys(tags))[:MOST]
    return f" {' '.join(found)} " if found else ""


def unpacked(value: object) -> tuple[str, ...]:
    """Reads what `packed` wrote, or anybody else."""
    if not isinstance(value, str):
        return ()
    return tuple(each for each in value.split(" ") if _TAG.fullmatch(each))[:MOST]


def sought(tag: str, *, begun: bool = False) -> str:
    """What stands in a stored text that has a tag.

    Args:
        tag: The tag.
        begun: Whether it may go on: it is still being typed.
    """
    return f" {tag}" if begun else f" {tag} "
