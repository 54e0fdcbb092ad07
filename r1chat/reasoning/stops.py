"""Ends a text at the first of several stop sequences."""

from __future__ import annotations


class StopPhrases:
    """Looks for phrases in a text that comes in chunks, and holds back what may become one.

    Args:
        phrases: None of them empty.
    """

    def __init__(self, phrases: tuple[str, ...]) -> None:
        self._phrases = phrases
        self._held = ""
        self.found = False
        """Whether a phrase has come; nothing more comes out after it."""

    def feed(self, text: str) -> str:
        """Takes the next chunk and returns the text before any stop phrase."""
        if not self._phrases:
            return text
        if self.found:
            return ""
        text = self._held + text
        starts = [at for phrase in self._phrases if (at := text.find(phrase)) >= 0]
        if starts:
            self.found = True
            self._held = ""
            return text[: min(starts)]
        keep = max(
            size
            for phrase in self._phrases
            for size in range(len(phrase))
            if text.endswith(phrase[:size])
        )
        cut = len(text) - keep
        self._held = text[cut:]
        return text[:cut]

    @property
    def holding(self) -> str:
        """What came in and may become a phrase."""
        return self._held

    def close(self) -> str:
        """Returns what was held back, at the end of the text."""
        held, self._held = self._held, ""
        return held
