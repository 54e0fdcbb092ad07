"""The track of the budget's slider: what stands in which column. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from r1chat.reasoning.budget import Budget
from r1chat.tui import scale
from r1chat.tui.scale import Unit

Sign: TypeAlias = tuple[str, str]
"""What stands in a column, and the part of the slider that it belongs to."""


@dataclass(frozen=True, slots=True)
class Track:
    """A track.

    Attributes:
        width: Its columns.
        unit: What it counts.
        tokens_per_s: The measured speed; without one no tokens have a place among seconds.
    """

    width: int
    unit: Unit
    tokens_per_s: float | None

    def of_budget(self, budget: Budget) -> int:
        """The column of a budget."""
        return scale.SCALES[self.unit].column(scale.figure_of(budget, self.unit), self.width)

    def of_tokens(self, tokens: float) -> int | None:
        """The column of a number of tokens, where it has one."""
        if self.unit == "tokens":
            return scale.TOKENS.column(tokens, self.width)
        if self.tokens_per_s:
            return scale.SECONDS.column(tokens / self.tokens_per_s, self.width)
        return None

    def of_used(self, tokens: int, seconds: float) -> int:
        """How many columns are used up."""
        if self.unit == "seconds" and seconds:
            return scale.SECONDS.column(seconds, self.width)
        return (self.of_tokens(tokens) or 0) if tokens else 0

    def figure_at(self, column: int) -> float | None:
        """The figure of the stop nearest to a column."""
        return scale.SCALES[self.unit].at_column(column, self.width)

    def minimum_at(self, column: int) -> float | None:
        """The minimum, in tokens, that a column stands for."""
        figure = self.figure_at(column)
        if figure is None or self.unit == "tokens" or not self.tokens_per_s:
            return figure
        return figure * self.tokens_per_s

    def signs(
        self,
        budget: Budget,
        *,
        used: int,
        marks: Sequence[int] = (),
        editing_minimum: bool = False,
    ) -> list[Sign]:
        """Draws it, a sign for each column.

        Args:
            budget: Where its thumbs stand.
            used: How many columns are used up.
            marks: Tokens that are marked.
            editing_minimum: Whether the thumb of the minimum is the one that moves.
        """
        # The signs differ as well as the colours: used up is heavy, to come is light.
        signs = [
            ("━", "slider--used") if column < used else ("─", "slider--track")
            for column in range(self.width)
        ]
        for tokens in marks:
            at = self.of_tokens(tokens)
            if at is not None:
                signs[at] = ("┷" if at < used else "┴", "slider--mark")
        at = self.of_tokens(budget.minimum)
        if at is not None and budget.minimum:
            signs[at] = ("┃", "slider--minimum")
        signs[self.of_budget(budget)] = ("●", "slider--thumb")
        if at is not None and editing_minimum:
            signs[at] = ("◆", "slider--minimum")
        return signs
