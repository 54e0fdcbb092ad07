"""What helps to decide how long it thinks: the slider's marks, and looks ahead."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual import on

from r1chat.tui.screens.asking import AskingScreen
from r1chat.tui.thought_words import fit
from r1chat.tui.threads import on_thread
from r1chat.tui.widgets.slider import BudgetSlider

if TYPE_CHECKING:
    from r1chat.engine.base import Engine

_CORNERS = 2
"""Columns of a border's line that no words stand in."""


class BudgetingScreen(AskingScreen):
    """Tells what more thinking is worth."""

    async def on_mount(self) -> None:
        """Follows what the slider has to say."""
        self.watch(self.slider, "remark", self._show_remark)
        self.watch(self.slider, "has_focus", self._show_remark)

    def loaded(self, engine: Engine) -> None:
        """Goes on with another model, whose marks are others."""
        super().loaded(engine)
        self.slider.marks = ()
        self.run_worker(self._mark(engine), group="marks", exclusive=True, exit_on_error=False)

    async def _mark(self, engine: Engine) -> None:
        """Marks on the slider where the model was measured to grow no better."""

        def find() -> list[int]:
            from r1chat.evaluation.curves import flattening

            return flattening(engine.info)

        found = await on_thread(find, "r1chat-marks")
        if self.app.engine is engine:
            self.slider.marks = tuple(found)

    def _show_remark(self) -> None:
        """Shows what the slider has to say, on the line below it, while one is at it."""
        slider, composer = self.slider, self.composer
        said = slider.remark if slider.has_focus and slider.remark else ("",)
        composer.border_subtitle = fit(said, composer.size.width - _CORNERS)

    @on(BudgetSlider.FigureWanted)
    def _figure_wanted(self, event: BudgetSlider.FigureWanted) -> None:
        self._ask_for_figure(of_minimum=event.of_minimum)

    def action_type_budget(self) -> None:
        """Opens a field for the budget."""
        self._ask_for_figure(of_minimum=False)

    def action_type_minimum(self) -> None:
        """Opens a field for the minimum."""
        self._ask_for_figure(of_minimum=True)

    def action_budget_unit(self) -> None:
        """Counts the budget in the other unit."""
        self.slider.action_unit()

    def _ask_for_figure(self, *, of_minimum: bool, typed: str = "", about: str = "") -> None:
        """Opens a field for the budget, or for its minimum.

        Args:
            of_minimum: Whether it is the minimum.
            typed: What was typed before and could not be taken.
            about: Why not.
        """
        from r1chat.tui.screens.one_line import OneLine

        budget = self.slider.value
        value = typed or str(budget.minimum if of_minimum else budget)
        title = "At least so many tokens" if of_minimum else "Thinking budget"
        usual = "" if of_minimum else "off, 512 (tokens), 30s (seconds), auto or max"
        box = OneLine(title, value, about or usual, replaced=True)
        self.app.push_screen(box, partial(self._figure_typed, of_minimum))

    def _figure_typed(self, of_minimum: bool, typed: str | None) -> None:  # noqa: FBT001  (a partial's)
        if typed is None:
            return
        try:
            self.slider.take_typed(typed, of_minimum=of_minimum)
        except ValueError as error:
            self._ask_for_figure(of_minimum=of_minimum, typed=typed, about=str(error))

    @property
    def can_look_ahead(self) -> bool:
        """Whether it can be asked what it would answer now."""
        return self.thinking

    def action_look_ahead(self) -> None:
        """Asks what it would answer now; its thought goes on as it would without."""
        if self._run is not None and self._view is not None:
            self._run.control.peek()
            self._view.thinking.look_ahead()
