"""Looking at a conversation: scrolling, opening and closing, copying."""

from __future__ import annotations

from typing import TYPE_CHECKING

from r1chat.tui.screens.budgeting import BudgetingScreen

if TYPE_CHECKING:
    from r1chat.tui.widgets.answer import AnswerView


class LookingScreen(BudgetingScreen):
    """What the user can do without the model."""

    def action_slider(self) -> None:
        """Goes to the slider, or back to the composer."""
        # `focus` and `has_focus` come about later: the key may be pressed twice in a row.
        self.set_focus(self.composer if self.focused is self.slider else self.slider)

    def action_to_composer(self) -> None:
        """Goes back to where questions are written."""
        self.composer.focus()

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
        hidden = self.app.thoughts_hidden = not self.app.thoughts_hidden
        for turn in self.conversation.turns:
            turn.thinking.collapsed = hidden

    def action_copy_answer(self) -> None:
        """Copies the last answer, never the thought."""
        if self.last is not None:
            self.last.answer.action_copy_answer()

    def action_copy_code(self) -> None:
        """Copies the last block of code of the last answer."""
        if self.last is not None and not self.last.answer.copy_code():
            self.notify("There is no code in it.", timeout=2)

    def action_raw(self) -> None:
        """Shows the last answer's source, or its rendering."""
        if self.last is not None:
            self.last.answer.action_toggle_raw()

    def action_next_moment(self) -> None:
        """Goes to the next place of the last thought where the model doubts."""
        self._go_to_moment(1)

    def action_previous_moment(self) -> None:
        """Goes to the place before."""
        self._go_to_moment(-1)

    def _go_to_moment(self, step: int) -> None:
        if self.last is not None and self.last.thinking.display:
            self.last.thinking.go_to_moment(step)

    def on_answer_view_copied(self, event: AnswerView.Copied) -> None:
        """Says what was copied."""
        self.notify(f"Copied: {event.what}", timeout=2)
