"""Corrects the wrong sums of a thought in the model's place, while it is written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from r1chat.reasoning.equations import Statement
from r1chat.reasoning.phrases import CORRECTION
from r1chat.reasoning.sums import Sums, corrected, right_of

if TYPE_CHECKING:
    from r1chat.events import Injection

MOST_DOUBTS = 3
"""Most wrong sums of a reply that r1chat doubts by itself."""

_LONGEST_SUM = 100
"""Characters of a sum that is corrected; r1chat's words have it twice."""
_FORMULA = re.compile(r"\\[\[\]()]|\$\$|\\(?P<begin>begin|end)\{")
_TAIL = 4
_BEGINS = CORRECTION[: CORRECTION.index("{")]


class SumDoubts:
    """Says where r1chat is to write that a sum is wrong.

    Args:
        most: How often in a reply; 0 costs nothing.
        before: What r1chat has written into the reply before, where it goes on from another.
    """

    def __init__(self, most: int = 0, before: Iterable[Injection] = ()) -> None:
        self.written = sum(_BEGINS in words.text for words in before) if most else 0
        """How often it has said so."""
        self._most = most
        self._sums = Sums(patient=False)
        self._due: Statement | None = None
        self._line: list[str] = []
        """The line that is being written."""
        self._open = 0
        """How many formulas were open where it began."""
        self._tail = ""

    @property
    def wanted(self) -> bool:
        """Whether any may be doubted at all."""
        return self._most > 0

    def feed(self, text: str) -> None:
        """Takes what the model has written of the thought."""
        if self._most <= 0:
            return
        wrong = [each for each in self._take(text) if each.wrong]
        self._due = self._due or next(filter(_is_short, wrong), None)

    def skip(self, text: str) -> None:
        """Takes words that others have written into it."""
        if self._most > 0:
            self._take(text)
            self._due = None

    def forget(self) -> None:
        """Lets what has been written so far be."""
        self._due = None

    def words(self, following: str) -> str:
        """What is to be written in place of the text that comes next; nothing, mostly.

        Args:
            following: The text; a line break where the thought would end.
        """
        if self._most <= 0 or self.written >= self._most:
            return ""
        wrong = self._due or self._sums.wrong_before(following)
        wrong = wrong if wrong is not None and _is_short(wrong) else None
        whole = self._tail.endswith("\n") or following[:1].isspace()
        # Behind the formula that it stands in.
        if wrong is None or not whole or self._in_formula:
            return ""
        self.written += 1
        self._due = None
        gap = "" if self._tail.endswith("\n\n") else "\n" if self._tail.endswith("\n") else "\n\n"
        return gap + corrected(wrong.left, wrong.claim, right_of(wrong))

    def _take(self, text: str) -> list[Statement]:
        self._tail = (self._tail + text)[-_TAIL:]
        *lines, last = text.split("\n")
        for line in lines:
            self._line.append(line)
            self._open = self._opened
            self._line.clear()
        self._line.append(last)
        return self._sums.feed(text)

    @property
    def _in_formula(self) -> bool:
        return self._opened > 0

    @property
    def _opened(self) -> int:
        """How many formulas are open at the end."""
        count = self._open
        for sign in _FORMULA.finditer("".join(self._line)):
            if sign[0] == "$$":
                count = 0 if count else 1
            else:
                opens = sign[0] in {"\\[", "\\("} or sign["begin"] == "begin"
                count = max(0, count + (1 if opens else -1))
        return count


def _is_short(each: Statement) -> bool:
    return len(each.left) + len(each.claim) <= _LONGEST_SUM
