"""The texts that the arrows bring back into the composer. Pure: knows no widget."""

from __future__ import annotations

from dataclasses import dataclass

MOST = 200
"""Texts that are remembered."""


@dataclass(eq=False, slots=True)
class _Entry:
    text: str
    shown: str
    """What has been made of it since."""
    unsent: bool = False
    """Whether nobody but the composer has it."""


class Recall:
    """Remembers what was sent or put aside, below it the draft.

    Whoever leaves a text for another finds it again as it was left: the draft as well as an
    earlier text that was changed.
    """

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._at: _Entry | None = None
        """The text that is in the composer; None is the draft."""
        self._draft = ""
        """The draft, while another text is in the composer."""

    def add(self, text: str, *, unsent: bool = False) -> None:
        """Remembers a text.

        Args:
            text: The text.
            unsent: Whether it is to outlast the app, because nothing else has it.
        """
        if not text.strip():
            return
        if self._entries and self._entries[-1].text == text:
            self._entries[-1].unsent &= unsent
            return
        if not unsent:
            for entry in self._entries:
                if entry.text == text:
                    entry.unsent = False
        self._entries.append(_Entry(text, text, unsent))
        dropped = self._entries[:-MOST]
        self._entries = [e for e in dropped if e is self._at] + self._entries[-MOST:]

    @property
    def texts(self) -> list[str]:
        """The texts, from old to new."""
        return [entry.text for entry in self._entries]

    def earlier(self, current: str) -> str | None:
        """Goes to the text before; None where there is none.

        Args:
            current: What is in the composer.
        """
        at = self._index - 1
        return self._go_to(self._entries[at], current) if at >= 0 else None

    def later(self, current: str) -> str | None:
        """Goes to the text after, at last to the draft; None where that is in the composer.

        Args:
            current: What is in the composer.
        """
        if self._at is None:
            return None
        at = self._index + 1
        return self._go_to(self._entries[at] if at < len(self._entries) else None, current)

    def visit(self, text: str, current: str) -> str:
        """Goes to an earlier text wherever it stands, to change it.

        Args:
            text: The text.
            current: What is in the composer.
        """
        entry = next((e for e in reversed(self._entries) if e.text == text), None)
        if entry is None:
            entry = _Entry(text, text)
            self._entries.append(entry)
        self._go_to(entry, current)
        self._keep_change(entry)
        return text

    def leave(self, current: str, *, unless_changed: bool = False) -> str:
        """Goes back to the draft; what was changed is remembered as a text of its own.

        Args:
            current: What is in the composer.
            unless_changed: Whether a changed text becomes the draft, where there is none.
        """
        entry = self._at
        if entry is None:
            return current
        if unless_changed and current != entry.text and not self._draft.strip():
            entry.shown, self._at = entry.text, None
            return current
        draft = self._go_to(None, current)
        self._keep_change(entry)
        return draft

    def sent(self, text: str) -> str:
        """Takes note that what is in the composer was sent.

        Returns:
            The draft, which is to be continued.
        """
        draft = self._draft if self._at is not None and self._draft != text else ""
        at, self._at, self._draft = self._at, None, ""
        for entry in list(self._entries):
            if entry is at:
                entry.shown = entry.text
            self._keep_change(entry)
        self.add(text)
        return draft

    def unsent(self, current: str) -> tuple[str, tuple[str, ...]]:
        """What would be lost with the app.

        Args:
            current: What is in the composer.

        Returns:
            The draft, and the other texts from old to new.
        """
        others = []
        for entry in self._entries:
            shown = current if entry is self._at else entry.shown
            if entry.unsent:
                others.append(entry.text)
            if shown != entry.text and shown.strip() and shown not in others:
                others.append(shown)
        draft = current if self._at is None else self._draft
        at = self._at
        if at is not None and not draft.strip() and (at.unsent or current != at.text):
            draft = current
        return draft, tuple(each for each in others if each != draft)

    @property
    def _index(self) -> int:
        return len(self._entries) if self._at is None else self._entries.index(self._at)

    def _go_to(self, entry: _Entry | None, current: str) -> str:
        if self._at is None:
            self._draft = current
        else:
            self._at.shown = current
        self._at = entry
        return self._draft if entry is None else entry.shown

    def _keep_change(self, entry: _Entry) -> None:
        """Remembers what was made of a text as a text of its own, which nobody else has."""
        changed, entry.shown = entry.shown, entry.text
        if changed != entry.text:
            self.add(changed, unsent=True)
