"""The outline of a thought on the screen: its parts by where they stand. Knows no widget."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

from r1chat.reasoning.outline import Entry, Kind, Outline, with_answer
from r1chat.tui.markdown.origins import Place
from r1chat.tui.widgets.lines import Written


class Part(NamedTuple):
    """A part of a thought, or the place where the final answer stands first."""

    kind: Kind
    title: str
    start: Place
    end: Place


class Asked(NamedTuple):
    """What the outline has to know of the reply."""

    question: str = ""
    final: str | None = None
    """Its final answer, once there is one."""


class Outlined:
    """Follows a thought as it is written; each look costs what is new.

    Args:
        text: The thought.
        asked: Tells what was asked, and the final answer.
    """

    def __init__(self, text: Written, asked: Callable[[], Asked]) -> None:
        self._text = text
        self._asked = asked
        self._machine = Outline()
        self._fed = Place(0, 0)
        """Up to where the machine has the text."""
        self._begins = [0]
        """Where the paragraphs begin, as the machine counts."""
        self._closed = False
        self._known = Asked()
        self.parts: tuple[Part, ...] = ()
        """What was found so far, in order."""

    def update(self) -> bool:
        """Takes what is new; whether that has changed the parts."""
        text, end = self._text, self._text.end
        asked = self._asked() if text.closed else Asked()
        if end == self._fed and text.closed == self._closed and asked == self._known:
            return False
        if end != self._fed:
            at, char = self._fed
            pieces = [text.paragraphs[at].text[char:]]
            for paragraph in text.paragraphs[at + 1 :]:
                self._begins.append(self._begins[-1] + len(text.paragraphs[at].text) + 1)
                pieces.append(paragraph.text)
                at += 1
            self._machine.feed("\n".join(pieces))
            self._fed = end
        if text.closed:
            self._machine.close()
        self._closed, self._known = text.closed, asked
        entries: Sequence[Entry] = self._machine.entries
        if asked.final is not None:
            entries = with_answer(entries, text.text, asked.final, asked.question)
        parts = tuple(self._part(entry) for entry in entries)
        before, self.parts = self.parts, parts
        return before != parts

    def at(self, place: Place) -> int | None:
        """The number of the part, no answer, that a place is in."""
        found = None
        for number, part in enumerate(self.parts):
            if part.start > place:
                break
            if part.kind != "answer":
                found = number
        return found

    def _part(self, entry: Entry) -> Part:
        return Part(entry.kind, entry.title, self._place(entry.start), self._place(entry.end))

    def _place(self, at: int) -> Place:
        paragraph = bisect_right(self._begins, at) - 1
        return Place(paragraph, at - self._begins[paragraph])
