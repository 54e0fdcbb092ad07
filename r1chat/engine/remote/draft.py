"""The text of an unfinished reply, in the form from which a server can continue it."""

from __future__ import annotations

import re

from r1chat.prompt import Content, Item
from r1chat.reasoning.formats import THINK, Format


class Draft:
    """Collects the texts of a reply. Only the tags of a thought are markers in it.

    Args:
        format: How the model sets its thoughts apart, as far as is known.
    """

    def __init__(self, format: Format = THINK) -> None:  # noqa: A002  (as in `Splitter`)
        self.format = format
        self._items: list[Item] = []
        self._written: list[str] = []

    def write(self, text: str) -> None:
        """Adds what the model wrote; a tag that it wrote is one."""
        self._written.append(text)

    def quote(self, text: str) -> None:
        """Adds words in which nothing is a marker."""
        self._settle()
        self._items.append(Content(text))

    def mark(self, text: str) -> None:
        """Adds r1chat's words, in which tags are control tokens."""
        self._settle()
        self._items.append(text)

    @property
    def line_break(self) -> str:
        """What separates it from an answer that begins here."""
        last = self._written[-1] if self._written else (self._items or [""])[-1]
        text = last if isinstance(last, str) else last.text
        return "" if text.endswith("\n") else "\n\n"

    def items(self) -> list[Item]:
        """All of it."""
        self._settle()
        return list(self._items)

    def _settle(self) -> None:
        text = "".join(self._written)
        self._written.clear()
        tags = sorted(self.format.markers, key=len, reverse=True)
        for part in re.split(f"({'|'.join(map(re.escape, tags))})", text):
            if part in tags:
                self._items.append(part)
            elif part:
                self._items.append(Content(part))


class Finder:
    """Finds the first of some phrases in a text that comes in chunks.

    What may become a phrase is held back.

    Args:
        phrases: None of them empty.
    """

    def __init__(self, *phrases: str) -> None:
        self._phrases = phrases
        self._held = ""

    def feed(self, text: str) -> tuple[str, str, str]:
        """Takes the next chunk.

        Returns:
            What stands before a phrase, the phrase, and what stands behind it; without one, what
            certainly belongs to none, and two empty texts.
        """
        text = self._held + text
        self._held = ""
        found = [(at, phrase) for phrase in self._phrases if (at := text.find(phrase)) >= 0]
        if found:
            at, phrase = min(found)
            return text[:at], phrase, text[at + len(phrase) :]
        keep = max(_overlap(text, phrase) for phrase in self._phrases)
        cut = len(text) - keep
        self._held = text[cut:]
        return text[:cut], "", ""

    def drop(self) -> str:
        """Returns what is held back, and forgets it."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, phrase: str) -> int:
    """How much of a phrase's beginning a text ends with."""
    sizes = range(min(len(text), len(phrase) - 1), 0, -1)
    return next((size for size in sizes if text.endswith(phrase[:size])), 0)
