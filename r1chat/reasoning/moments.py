"""Finds the moments of doubt in a thought, such as "Wait, …"."""

from __future__ import annotations

import re

LOOKAHEAD = 64
"""Characters of a sentence's beginning that are looked at."""

_LEADING = r"[\s>*_#\"'“‘”’」』）(\[•–—-]*"
_TURNS = (
    r"(?:(?:ah|and|but|except|no|now|oh|ok|okay|right|so|still|then|uh|well|yes|yet)\b\W{1,4})*"
)
# Every form ends in a character that settles it: what matches keeps matching, whatever follows.
_WORDS = (
    # Of "Wait" as an order or a noun the next word tells.
    r"wait(?:\s*[^\w\s]|\s*\n|\s+(?!(?:for|in|list|on|staff|till|time|times|until)\b)\w+\W)"
    r"|(?:hold|hang)\s+on(?:\s*[^\w\s]|\s*\n|\s+(?!to\b)\w+\W)"
    r"|(?:h+m+|oops|actually|not\s+so\s+fast|scratch\s+that|on\s+second\s+thoughts?)\W"
    r"|(?:let\s+me|let['’]s|let\s+us|i['’]ll|i\s+(?:should|must|(?:need|have|want)\s+to))"
    r"\s+(?:just\s+|quickly\s+|now\s+|also\s+|carefully\s+)?"
    r"(?:(?:double|cross)[-\s]?(?:check|verify)|check|verify|confirm|make\s+sure|start\s+over"
    r"|re-?(?:check|calculate|compute|consider|count|do|examine|evaluate|think|trace|read|visit"
    r"|verify)|backtrack|think\s+again|try\s+(?:again|another|a\s+different)"
    r"|test\s+(?:this|that|it))\W"
    r"|(?:that|this|it)(?:['’]s|\s+is)\s+(?:not\s+right|not\s+correct|wrong|incorrect)\W"
    r"|(?:that|this|it)\s+(?:can['’]t|cannot)\s+be\W"
    r"|(?:that|this|it)\s+(?:doesn['’]t|does\s+not)\s+(?:seem|look|sound|feel)\s+right\W"
    r"|(?:is|was)\s+(?:that|this|it)\s+(?:right|correct)\W"
    r"|(?:i\s+think\s+)?i\s+(?:(?:may|might|must)\s+have\s+)?made\s+a\s+mistake\W"
    r"|等等|等一下|等下|不对|不對|嗯"
    r"|(?:让我(?:们)?|我)?(?:再|重新|仔细)(?:检查|验证|确认|核对|想想|算)"
)
_MOMENT = re.compile(rf"{_LEADING}(?P<moment>{_TURNS}(?:{_WORDS}))", re.IGNORECASE)
_SENTENCE_END = re.compile(r"\n|[.!?…][\"'”’)\]*_]{0,4}\s|[。！？]")
_LONGEST_END = 6


def moments(text: str) -> list[int]:
    """Finds the moments of doubt in a text.

    Args:
        text: A thought, or a part of it that begins with a sentence.

    Returns:
        Where the sentences begin in which the model doubts, in characters.
    """
    finder = Moments()
    return finder.feed(text) + finder.close()


class Moments:
    """Does what `moments` does to a text that comes in chunks, however it is cut.

    A sentence counts once, and only by how it begins; one is told as soon as the words are there.
    The work is constant a character, and only the beginning of a sentence is kept.
    """

    def __init__(self) -> None:
        self._text = ""
        """The sentence so far; of one that is decided only what may be a part of its end."""
        self._at = 0
        """Where `_text` stands in the whole."""
        self._decided = False

    def feed(self, text: str) -> list[int]:
        """Takes the next chunk and returns the moments that are certain now."""
        found: list[int] = []
        text = self._text + text
        start = 0
        for end in _SENTENCE_END.finditer(text):
            if not self._decided:
                self._look(text, start, end.end(), found)
            start = end.end()
            self._decided = False
        if not self._decided:
            self._look(text, start, len(text), found)
            self._decided = self._decided or len(text) - start >= LOOKAHEAD
        if self._decided:
            start = max(start, len(text) - _LONGEST_END)
        self._text = text[start:]
        self._at += start
        return found

    def close(self) -> list[int]:
        """Returns what the end of the text has made certain."""
        return self.feed("\n")

    def _look(self, text: str, start: int, end: int, found: list[int]) -> None:
        match = _MOMENT.match(text, start, min(end, start + LOOKAHEAD))
        if match:
            self._decided = True
            found.append(self._at + match.start("moment"))
