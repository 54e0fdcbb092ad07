"""Looking at a conversation: scrolling, opening and closing, copying."""

from __future__ import annotations

from typing import TYPE_CHECKING

from r1chat.tui import typed
from r1chat.tui.screens.budgeting import BudgetingScreen
from r1chat.tui.widgets.composer import Composer

if TYPE_CHECKING:
    from r1chat.tui.widgets.answer import AnswerView
    from r1chat.tui.widgets.turn import TurnView


class LookingScreen(BudgetingScreen):
    """What the user can do without the model."""

    def action_slider(self) -> None:
        """Goes to the slider, or back to the composer."""
        # `focus` and `has_focus` come about later: the key may be pressed twice in a row.
        self.set_focus(self.composer if self.focused is self.slider else self.slider)

    def focus_text_field(self) -> bool:
        """Gives the keyboard to the composer."""
        return typed.focus_first(self, Composer)

    def action_to_composer(self) -> None:
        """Goes back to where questions are written."""
        self.focus_text_field()

    def action_page(self, step: int) -> None:
        """Scrolls the conversation from where one writes."""
        self.conversation.page(step)

    def action_attach(self) -> None:
        """Picks a file to attach."""
        from r1chat.tui.screens.attach import AttachFile

        if self.app.screen is self:
            self.app.push_screen(AttachFile(), self._file_picked)

    async def _file_picked(self, path: str | None) -> None:
        if path is not None:
            await self.attach_file(path)

    def action_thoughts(self) -> None:
        """Opens or closes all thoughts; the choice is remembered."""
        hidden = self.app.preferences.thoughts_hidden = not self.app.preferences.thoughts_hidden
        for turn in self.conversation.turns:
            turn.thinking.collapsed = hidden

    @property
    def _turn(self) -> TurnView | None:
        """The turn that the keys mean: the one with the focus in it, else the last."""
        return next((turn for turn in self.conversation.turns if turn.has_focus_within), self.last)

    @property
    def _answer(self) -> AnswerView | None:
        """The answer that the keys mean."""
        return self._turn.answer if self._turn is not None else None

    def action_copy_answer(self) -> None:
        """Copies the last answer, never the thought."""
        if self._answer is not None:
            self._answer.action_copy_answer()

    def action_copy_code(self) -> None:
        """Copies the last block of code of the last answer."""
        if self._answer is not None and not self._answer.copy_code():
            self.notify("There is no code in it.", timeout=2)

    def action_raw(self) -> None:
        """Shows the last answer's source, or its rendering."""
        if self._answer is not None:
            self._answer.action_toggle_raw()

    def action_next_moment(self) -> None:
        """Goes to the next place of the last thought where the model doubts."""
        self._go_to_moment(1)

    def action_previous_moment(self) -> None:
        """Goes to the place before."""
        self._go_to_moment(-1)

    def _go_to_moment(self, step: int) -> None:
        if self._turn is not None and self._turn.thinking.display:
            self._turn.thinking.go_to_moment(step)
