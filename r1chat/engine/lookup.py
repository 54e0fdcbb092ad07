"""Prompt lookup decoding: proposes the tokens that followed the same few tokens before.

After Saxena 2023 ("Prompt lookup decoding"). A reasoning model's answer repeats its thought, and
its thought the question, so that no second model is needed to draft what comes next.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

NGRAM = 3
"""Tokens that must agree for a place to count as the same."""
_BITS = 24
_GRAM = (1 << _BITS * NGRAM) - 1
_LENGTHS = (4, 6, 9, 14, 22)
"""How many agree tells how likely the next one is; lengths between two of these count alike."""
_SCORES = (0.4, 0.5, 0.65, 0.8, 0.9, 0.95)
"""What is believed of each class before anything was seen."""
_WEIGHT = 4.0
_MEMORY = 0.98


class Lookup:
    """Follows a text and finds the place before that it repeats.

    It learns, token by token, how often what it would have drafted was right: this costs nothing,
    since the tokens come anyway.
    """

    def __init__(self) -> None:
        self._hits = [score * _WEIGHT for score in _SCORES]
        self._trials = [_WEIGHT] * len(_SCORES)
        self.reset()

    def reset(self) -> None:
        """Forgets the text; what was learned stays."""
        self._seen = 0
        self._gram = 0
        """The last tokens, in one number."""
        self._places: dict[int, int] = {}
        """Where in the text each of them was last followed by something."""
        self._source = 0
        """Where in the text the repeated part goes on; 0 where nothing is repeated."""
        self._length = 0
        """Tokens that agree before that place."""

    @property
    def repeats(self) -> bool:
        """Whether the text repeats something just now."""
        return self._source > 0

    def follow(self, text: Sequence[int], token: int) -> None:
        """Indexes the new tokens of a text.

        Args:
            text: All of it; it begins with what was followed before, unless `reset` was called.
            token: The one that comes behind it.
        """
        for at in range(self._seen, len(text)):
            self._take(text, at, text[at])
        self._take(text, len(text), token)
        self._seen = len(text) + 1

    def _take(self, text: Sequence[int], at: int, token: int) -> None:
        if self._source:
            kind = bisect_right(_LENGTHS, self._length)
            hit = text[self._source] == token
            self._trials[kind] = _MEMORY * self._trials[kind] + 1
            self._hits[kind] = _MEMORY * self._hits[kind] + hit
            self._source = self._source + 1 if hit else 0
            self._length += 1
        self._gram = gram = (self._gram << _BITS | token) & _GRAM
        if at + 1 < NGRAM:
            return
        if not self._source:
            self._source = self._places.get(gram, 0)
            self._length = NGRAM
        self._places[gram] = at + 1

    def draft(self, text: Sequence[int], token: int, most: int) -> list[int]:
        """What would come next, if the text went on as it did before.

        Args:
            text: As `follow` saw it.
            token: As `follow` saw it.
            most: Tokens to return; there are none where nothing is repeated.
        """
        if not self._source:
            return []
        drafted = [*text[self._source : self._source + most], token][:most]
        # A place so near that the draft runs into its own beginning: the repetition goes on.
        period = len(drafted)
        while len(drafted) < most:
            drafted.append(drafted[-period])
        return drafted

    def chances(self) -> Iterator[float]:
        """The probability of each token of a draft to be accepted, in order."""
        chance, length = 1.0, self._length
        while self._source:
            kind = bisect_right(_LENGTHS, length)
            chance *= self._hits[kind] / self._trials[kind]
            yield chance
            length += 1
