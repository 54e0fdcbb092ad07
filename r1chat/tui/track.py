"""The track of the budget's slider: what stands in which column. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from r1chat.reasoning.budget import Budget
from r1chat.tui import scale
from r1chat.tui.scale import Scale, Unit

Sign: TypeAlias = tuple[str, str]
"""What stands in a column, and the part of the slider that it belongs to."""


@dataclass(frozen=True, slots=True)
class Track:
    """A track.

    Attributes:
        width: Its columns.
        unit: What it counts.
        tokens_per_s: The measured speed; without one no tokens have a place among seconds.
        room: Tokens that the context leaves; None where nobody knows.
    """

    width: int
    unit: Unit
    tokens_per_s: float | None
    room: int | None = None

    @property
    def scale(self) -> Scale:
        """What stands on it: nothing that the context has no room for."""
        if self.unit == "tokens" or self.room is None:
            return scale.scale_up_to(self.unit, self.room)
        most = self.room / self.tokens_per_s if self.tokens_per_s else None
        return scale.scale_up_to(self.unit, most)

    @property
    def tokens(self) -> Scale:
        """The scale of the minimum, which counts tokens whatever the track counts."""
        return scale.scale_up_to("tokens", self.room)

    def of_budget(self, budget: Budget) -> int:
        """The column of a budget."""
        return self.scale.column(scale.figure_of(budget, self.unit), self.width)

    def of_tokens(self, tokens: float) -> int | None:
        """The column of a number of tokens, where it has one."""
        if self.unit == "tokens":
            return self.scale.column(tokens, self.width)
        if self.tokens_per_s:
            return self.scale.column(tokens / self.tokens_per_s, self.width)
        return None

    def of_used(self, tokens: int, seconds: float) -> int:
        """How many columns are used up."""
        if self.unit == "seconds" and seconds:
            return self.scale.column(seconds, self.width)
        return (self.of_tokens(tokens) or 0) if tokens else 0

    def figure_at(self, column: int) -> float | None:
        """The figure of the stop nearest to a column."""
        return self.scale.at_column(column, self.width)

    def dragged(self, figure: float | None, column: int) -> float | None:
        """Where a thumb is dragged to: never to the other side of where it stood.

        Args:
            figure: Where it stood; it may be between two stops, and stays there in its column.
            column: Where the mouse is.
        """
        began = self.scale.column(figure, self.width)
        if column == began:
            return figure
        here = self.figure_at(column)
        farther = max if column > began else min
        return farther(here, figure, key=self.scale.position)

    def dragged_minimum(self, tokens: float, column: int) -> float | None:
        """Where the minimum's thumb is dragged to, in tokens, as `dragged` has it."""
        in_one = self.tokens_per_s if self.unit == "seconds" and self.tokens_per_s else 1
        figure = self.dragged(tokens / in_one, column)
        return None if figure is None else figure * in_one

    def signs(
        self,
        budget: Budget,
        *,
        used: int,
        marks: Sequence[int] = (),
        expected: int | None = None,
        editing_minimum: bool = False,
    ) -> list[Sign]:
        """Draws it, a sign for each column.

        Args:
            budget: Where its thumbs stand.
            used: How many columns are used up.
            marks: Tokens that are marked.
            expected: Tokens that a thought is expected to take.
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
        if expected is not None and (at := self.of_tokens(expected)) is not None:
            both = signs[at][1] == "slider--mark"
            light, heavy = ("┼", "┿") if both else ("┬", "┯")
            signs[at] = (heavy if at < used else light, "slider--mark")
        at = self.of_tokens(budget.minimum)
        if at is not None and budget.minimum:
            signs[at] = ("┃", "slider--minimum")
        signs[self.of_budget(budget)] = ("●", "slider--thumb")
        if at is not None and editing_minimum:
            signs[at] = ("◆", "slider--minimum")
        return signs
