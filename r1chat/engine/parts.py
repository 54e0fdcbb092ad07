"""The protocols of the machine and the vocabulary that the thinking loop drives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from r1chat import prompt
from r1chat.engine.confidence import Score

Scored: TypeAlias = tuple[int, Score]
"""A token, and how sure the model was of it."""

NOTHING = -1
"""Stands in the place of a token where nothing may follow, and the model has no end of its own."""


class Vocabulary(prompt.Vocabulary, Protocol):
    """A vocabulary that can also be read aloud."""

    @property
    def size(self) -> int:
        """How many tokens it has; they are numbered from 0."""

    def shown(self, token: int) -> bytes:
        """The bytes of a token that a reader should see."""

    def ends_reply(self, token: int) -> bool:
        """Whether the model ends its reply with this token."""


class Machine(Protocol):
    """Evaluates and samples."""

    @property
    def position(self) -> int:
        """Tokens in the cache."""

    @property
    def room(self) -> int:
        """Tokens that still fit."""

    @property
    def capacity(self) -> int:
        """Tokens of context."""

    @property
    def speculated(self) -> tuple[int, int]:
        """Tokens that were drafted so far, and those that the model confirmed."""

    def reuse(self, tokens: Sequence[int]) -> int:
        """Keeps of the cache what these tokens begin with; returns how many that are."""

    def clear(self) -> None:
        """Empties the cache."""

    def sample(self) -> int:
        """Draws the next token, or NOTHING where a grammar has come to its end."""

    def score(self, token: int) -> Score:
        """Measures how sure the model was of a token that comes next."""

    def constrain(self, grammar: str, ends: frozenset[int], written: Sequence[int]) -> None:
        """Draws from now on only what fits a grammar, of which something may stand already."""

    @property
    def complete(self) -> bool:
        """Whether what was drawn since `constrain` is a whole of the grammar."""

    def forbid(self, token: int) -> None:
        """Takes a token out of what may be drawn next."""

    def evaluate(
        self, tokens: Sequence[int], *, on_progress: Callable[[int], None] | None = None
    ) -> None:
        """Appends tokens to the cache."""

    def peek(
        self, tokens: Sequence[int], most: int, is_last: Callable[[int], bool]
    ) -> list[Scored]:
        """Says what would follow behind these tokens; the cache stays as it is."""

    def truncate(self, length: int) -> None:
        """Cuts the cache to a length."""
