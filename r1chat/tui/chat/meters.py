"""The figures around a reply: tokens and context in the top bar, the thought on the slider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from r1chat.tui.widgets.slider import BudgetSlider
from r1chat.tui.widgets.topbar import TopBar

if TYPE_CHECKING:
    from r1chat.engine.base import ModelInfo
    from r1chat.events import Event, Receipt, Reply


class Meters:
    """Keeps the top bar and the slider up to date while a reply is written.

    Args:
        topbar: Shows the model and its context.
        slider: Shows the budget and what is used of it.
    """

    def __init__(self, topbar: TopBar, slider: BudgetSlider) -> None:
        self._topbar = topbar
        self._slider = slider
        self._thought = self._answer = 0
        """Tokens of the reply so far, those that it goes on from among them."""
        self._read = 0
        """Of them, those that were read with the prompt when it was read last."""

    def show_model(self, info: ModelInfo) -> None:
        """Shows a model that was just loaded and has not answered yet."""
        self._topbar.info = info
        self._topbar.progress = None
        self._topbar.speed = 0.0
        self._slider.tokens_per_s = None
        self.show_used(0)

    def show_used(self, used: int, taken: int = 0) -> None:
        """Shows how much of the context is in use.

        Args:
            used: Tokens in use now.
            taken: Tokens of them that the next thought will find taken.
        """
        self._topbar.used = used
        self._leave_room(taken)

    def show_kept(self, cost: Receipt | None, *, foreign: bool) -> None:
        """Shows what a conversation from the history takes.

        Args:
            cost: The receipt of its last reply.
            foreign: Whether another model wrote that, whose tokens are not this one's.
        """
        if cost is None:
            self.show_used(0)
            return
        used = cost.prompt_tokens + cost.thought_tokens + cost.answer_tokens
        self.show_used(0 if foreign else used, cost.prompt_tokens + cost.answer_tokens)

    def tick(self, seconds: float) -> None:
        """Shows for how long the model has been thinking."""
        self._slider.used_s = seconds

    def begin(self, thought: int, answer: int) -> None:
        """Begins to count a reply.

        Args:
            thought: Tokens of thought that it goes on from.
            answer: Tokens of answer that it goes on from.
        """
        self._thought, self._answer, self._read = thought, answer, 0
        self._slider.used = thought

    def reset_thought(self) -> None:
        """Shows on the slider that no thought is under way."""
        self._slider.used = 0
        self._slider.used_s = 0.0

    def take(self, event: Event) -> None:
        """Takes in an event of the reply that is on the screen."""
        from r1chat.events import AnswerText, Evaluating, Reply, ThoughtText

        match event:
            case Evaluating(total=total):
                self._topbar.prompt = total
                # A server may not say how much it reads.
                self._read = self._thought + self._answer if total else 0
                self._leave_room(total)
            case ThoughtText(tokens=tokens):
                self._slider.used = self._thought = tokens
                self._count()
            case AnswerText(tokens=tokens):
                self._answer = tokens
                self._count()
            case Reply():
                self._take_receipt(event)
            case _:
                pass

    def _count(self) -> None:
        written = self._thought + self._answer
        self._topbar.used = self._topbar.prompt + written - self._read

    def _take_receipt(self, reply: Reply) -> None:
        receipt = reply.receipt
        used = len(reply.ids)
        if self._topbar.info is not None and self._topbar.info.host:
            # A server shows no tokens, but says how many there are.
            used = receipt.thought_tokens + receipt.injected_tokens + receipt.answer_tokens
        # Thoughts do not go along with the next question.
        self.show_used(receipt.prompt_tokens + used, receipt.prompt_tokens + receipt.answer_tokens)
        if receipt.tokens_per_s > 0:
            self._topbar.speed = self._slider.tokens_per_s = receipt.tokens_per_s

    def _leave_room(self, taken: int) -> None:
        """Has the slider offer no more than the context leaves."""
        info = self._topbar.info
        context = info.context if info is not None else 0
        self._slider.room = max(0, context - taken) if context else None
