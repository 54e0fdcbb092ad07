"""The outline of a thought on the screen: its parts by where they stand. Knows no widget."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

from r1chat.reasoning.occurrence import first_place
from r1chat.reasoning.outline import Entry, Kind, Outline
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
        self._settled = 0
        """How many of the parts can no longer change."""
        self._found: list[Part] = []
        self._answer: Part | None = None

    @property
    def parts(self) -> Sequence[Part]:
        """What was found so far, in order."""
        if self._answer is None:
            return self._found
        at = bisect_right(self._found, self._answer.start, key=lambda part: part.start)
        return [*self._found[:at], self._answer, *self._found[at:]]

    def update(self) -> bool:
        """Takes what is new; whether a part has come or has another title."""
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
        before = self._found[self._settled :], self._answer
        self._found[self._settled :] = map(self._part, self._machine.since(self._settled))
        after = self._found[self._settled :]
        self._settled = self._machine.settled
        if asked != self._known or not text.closed:
            self._answer = self._first_place(asked)
        self._closed, self._known = text.closed, asked
        # Where the last one ends makes no difference to see.
        shown = [[part[:3] for part in parts] for parts in (before[0], after)]
        return shown[0] != shown[1] or before[1] != self._answer

    def _first_place(self, asked: Asked) -> Part | None:
        if asked.final is None:
            return None
        text = self._text.text
        found = first_place(text, asked.final, asked.question)
        if found is None:
            return None
        start, end = map(self._place, found)
        return Part("answer", text[found[0] : found[1]], start, end)

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
