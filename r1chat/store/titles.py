"""Makes titles from questions, without a model."""

from __future__ import annotations

import re

from r1chat.sanitize import line

LONGEST = 60
"""Characters of a title."""
_SHORTEST = 12
"""A first sentence below this many bytes ("Hi!") is no title where more follows."""
_MARKS = re.compile(
    r"^(?:[#>*+\-\s]+|\d{1,3}[.)]\s+)|(?<!\w)[`*_]{1,3}(?=\S)|(?<=\S)[`*_]{1,3}(?!\w)"
)
_SENTENCE = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])")
_MUCH = 4096


def title_of(question: str) -> str:
    """The title of a conversation that begins with a question.

    Its first sentence, on one line, cleaned of what Markdown adds and cut at a word.

    Returns:
        At most `LONGEST` characters; nothing where the question has none that can be shown.
    """
    lines = (line(_MARKS.sub("", each), limit=_MUCH) for each in question[:_MUCH].splitlines())
    text = next((each for each in lines if any(char.isalnum() for char in each)), "")
    text = " ".join(text.split()) or line(" ".join(question[:_MUCH].split()), limit=LONGEST)
    end = 0
    for part in _SENTENCE.split(text):
        end = text.index(part, end) + len(part)
        if len(text[:end].encode()) >= _SHORTEST:
            break
    return _cut(text[:end])


def _cut(text: str) -> str:
    if len(text) <= LONGEST:
        # Titles end without a full stop, but a question keeps its mark.
        return text[:-1] if text.endswith(".") and not text.endswith("..") else text
    head = text[:LONGEST]
    # A text without spaces is cut where it must be.
    at = head.rfind(" ", LONGEST // 2)
    return head[: at if at > 0 else LONGEST - 1].rstrip(" ,;:–-") + "…"
