"""Typed budgets, and the mark on the slider where a model's accuracy flattens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from r1chat.tui.host import Host
from r1chat.tui.threads import on_thread
from r1chat.tui.widgets.slider import BudgetSlider

if TYPE_CHECKING:
    from r1chat.engine.base import Engine


class BudgetEntry:
    """Asks for figures, and marks where more thinking was measured to gain nothing.

    Args:
        host: The app.
        slider: Has the budget.
    """

    def __init__(self, host: Host, slider: BudgetSlider) -> None:
        self._host = host
        self._slider = slider

    async def mark(self, engine: Engine) -> None:
        """Marks on the slider where a model's accuracy flattens."""
        self._slider.marks = ()

        def find() -> list[int]:
            from r1chat.evaluation.curves import flattening

            return flattening(engine.info)

        found = await on_thread(find, "r1chat-marks")
        if self._host.engine is engine:
            self._slider.marks = tuple(found)

    def ask(self, *, of_minimum: bool) -> None:
        """Opens a field for the budget, or for its minimum, which stays until it has one.

        Args:
            of_minimum: Whether it is the minimum.
        """
        from r1chat.tui.screens.one_line import OneLine

        def taken(text: str) -> str:
            try:
                self._slider.take_typed(text, of_minimum=of_minimum)
            except ValueError as error:
                return str(error)
            return ""

        budget = self._slider.value
        value = str(budget.minimum if of_minimum else budget)
        title = "At least so many tokens" if of_minimum else "Thinking budget"
        usual = "" if of_minimum else "off, 512 (tokens), 30s (seconds), auto or max"
        self._host.push_screen(OneLine(title, value, usual, replaced=True, refused=taken))
