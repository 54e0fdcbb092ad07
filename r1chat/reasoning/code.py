"""Tracks whether the end of a growing Markdown text is inside code."""

from __future__ import annotations

import re

_FENCE = re.compile(r"\s*(?P<fence>`{3,}|~{3,})(?P<rest>[^\n]*)")
_TICKS = re.compile(r"`+")


class CodeTracker:
    """Takes a text in chunks and tells code from prose: fenced blocks, and code between backticks.

    A span of code within a line is taken to end with its line at the latest. The work is a line's
    length for each line, and for each question.
    """

    def __init__(self) -> None:
        self._fence = ""
        self._line: list[str] = []

    def feed(self, text: str) -> None:
        """Takes the next chunk."""
        *ended, last = text.split("\n")
        for line in ended:
            self._line.append(line)
            self._end_line()
        self._line.append(last)

    @property
    def inside(self) -> bool:
        """Whether the next character is inside code."""
        line = "".join(self._line)
        if self._fence:
            return not self._closes(line)
        return self._begun(line) != "" or _in_span(line)

    @property
    def fence(self) -> str:
        """What closes the block of code that the end stands in; empty where it stands in none."""
        line = "".join(self._line)
        if self._fence:
            return "" if self._closes(line) else self._fence
        return self._begun(line)

    def _end_line(self) -> None:
        line = "".join(self._line)
        self._line.clear()
        if not self._fence:
            self._fence = self._begun(line)
        elif self._closes(line):
            self._fence = ""

    @staticmethod
    def _begun(line: str) -> str:
        """The fence that begins a block of code on a line, or nothing."""
        found = _FENCE.match(line)
        if not found or (found["fence"][0] == "`" and "`" in found["rest"]):
            return ""
        return found["fence"]

    def _closes(self, line: str) -> bool:
        found = _FENCE.match(line)
        return bool(found and found["fence"].startswith(self._fence) and not found["rest"].strip())


def _in_span(line: str) -> bool:
    """Whether a line so far ends inside backticks."""
    opened = 0
    for match in _TICKS.finditer(line):
        ticks = len(match[0])
        if not opened:
            opened = ticks
        elif opened == ticks:
            opened = 0
    return opened > 0
