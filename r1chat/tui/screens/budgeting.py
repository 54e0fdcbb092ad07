"""What helps to decide how long it thinks: the slider's marks, and looks ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from r1chat.tui.screens.asking import AskingScreen
from r1chat.tui.thought_words import fit
from r1chat.tui.threads import on_thread

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

    @property
    def can_look_ahead(self) -> bool:
        """Whether it can be asked what it would answer now."""
        return self.thinking

    def action_look_ahead(self) -> None:
        """Asks what it would answer now; its thought goes on as it would without."""
        if self._run is not None and self._view is not None:
            self._run.control.peek()
            self._view.thinking.look_ahead()
