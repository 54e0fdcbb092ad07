"""A reply under way on the screen: what a run brings goes to its turn, until it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on
from textual.timer import Timer

from r1chat.tui.screens.attaching import AttachingScreen
from r1chat.tui.threads import on_thread
from r1chat.tui.widgets.composer import Composer
from r1chat.tui.widgets.conversation import ConversationView
from r1chat.tui.widgets.slider import BudgetSlider
from r1chat.tui.widgets.topbar import TopBar

if TYPE_CHECKING:
    from r1chat.conversation import Node
    from r1chat.events import Event, Reply
    from r1chat.session import Session
    from r1chat.tui.app import R1ChatApp
    from r1chat.tui.run import Run
    from r1chat.tui.widgets.turn import TurnView

DRAINS = 20
"""How often a second the screen takes what a run has brought."""
LONG_S = 10.0
"""A reply that took longer is announced where the terminal is not looked at."""
_STOPS_S = 0.3
"""How long the end waits for a reply to stop."""


class RunningScreen(AttachingScreen):
    """Shows a reply while it is written."""

    app: R1ChatApp

    def __init__(self) -> None:
        super().__init__()
        self.session: Session | None = None
        self._run: Run | None = None
        self._view: TurnView | None = None
        """The turn that the run writes."""
        self._wrote = False
        """Whether anything of the reply has come."""
        self._timer: Timer | None = None
        self._replaces: Node | None = None
        """The stopped version that the running reply goes on with."""

    async def on_unmount(self) -> None:
        """Stops what runs, so that its end is saved."""
        run = self._run
        if run is not None:
            run.cancel()
            await on_thread(lambda: run.join(_STOPS_S), "r1chat-stop")

    # -- parts --

    @property
    def conversation(self) -> ConversationView:
        """The turns."""
        return self.query_one(ConversationView)

    @property
    def composer(self) -> Composer:
        """Where the question is written."""
        return self.query_one(Composer)

    @property
    def slider(self) -> BudgetSlider:
        """The thinking budget."""
        return self.query_one(BudgetSlider)

    @property
    def topbar(self) -> TopBar:
        """The line at the top."""
        return self.query_one(TopBar)

    @property
    def running(self) -> bool:
        """Whether a reply is under way."""
        return self._run is not None

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop, and has not ended yet."""
        return self._run is not None and self._run.control.cancelled

    @property
    def ready(self) -> bool:
        """Whether there is a model."""
        return self.session is not None and self.app.engine is not None

    @property
    def thinking(self) -> bool:
        """Whether the model is in its thought."""
        view = self._view
        return self._run is not None and view is not None and view.thinking.running

    @property
    def last(self) -> TurnView | None:
        """The last turn on the screen."""
        turns = self.conversation.turns
        return turns[-1] if turns else None

    # -- while it runs --

    def cancel(self) -> None:
        """Stops the reply, and says so at once."""
        if self._run is not None:
            self._run.cancel()
            self._drain()

    def _drain(self) -> None:
        run, view = self._run, self._view
        if run is None or view is None:
            return
        from r1chat.events import Evaluating, Notice

        was_thinking = self.thinking
        for event in run.take():
            view.take(event)
            self._take_note(event)
            self._wrote = self._wrote or not isinstance(event, (Evaluating, Notice))
        if view.thinking.running:
            self.slider.used_s = view.thinking.seconds
        if run.finished:
            self._finish(run, view)
        elif self.stopping:
            view.status = "Stopping…"
        elif was_thinking != self.thinking:
            self.refresh_bindings()

    def _take_note(self, event: Event) -> None:
        """Keeps the slider and the meter up to date."""
        from r1chat.events import AnswerText, Evaluating, Reply, ThoughtText

        match event:
            case Evaluating(total=total):
                self.topbar.prompt = total
                self.leave_room(total)
            case ThoughtText(tokens=tokens):
                self.slider.used = tokens
                self.topbar.used = self.topbar.prompt + tokens
            case AnswerText(tokens=tokens):
                self.topbar.used = self.topbar.prompt + self.slider.used + tokens
            case Reply():
                self._take_receipt(event)
            case _:
                pass

    def leave_room(self, used: int) -> None:
        """Has the slider offer no more than the context leaves.

        Args:
            used: Tokens of it that the next thought will find taken.
        """
        info = self.topbar.info
        context = info.context if info is not None else 0
        self.slider.room = max(0, context - used) if context else None

    def _take_receipt(self, reply: Reply) -> None:
        receipt = reply.receipt
        used = len(reply.ids)
        if self.topbar.info is not None and self.topbar.info.host:
            # A server shows no tokens, but says how many there are.
            used = receipt.thought_tokens + receipt.injected_tokens + receipt.answer_tokens
        self.topbar.used = receipt.prompt_tokens + used
        # Thoughts do not go along with the next question.
        self.leave_room(receipt.prompt_tokens + receipt.answer_tokens)
        if receipt.tokens_per_s > 0:
            self.topbar.speed = self.slider.tokens_per_s = receipt.tokens_per_s
        if receipt.thought_s + receipt.answer_s >= LONG_S:
            self.app.announce("The model has answered.")

    def _finish(self, run: Run, view: TurnView) -> None:
        if self._timer is not None:
            self._timer.pause()
        self._run = None
        self.slider.used = 0
        self.slider.used_s = 0.0
        session = self.session
        if run.error is not None:
            view.fail(run.error)
            self.failed(view)
        elif session is not None:
            if self._replaces is not None:
                session.conversation.remove(self._replaces)
                self.app.history.remove(self._replaces.id)
            view.place(session.conversation.last())
        self._replaces = None
        self.refresh_bindings()
        self.finished(view)
        if run.error is None:
            self.call_later(self.ask_next)

    def failed(self, view: TurnView) -> None:
        """What is to be done where there is no reply, before `finished`."""

    async def ask_next(self) -> None:
        """Asks what was sent while something else was going on."""

    def finished(self, view: TurnView) -> None:
        """What is to be done once a reply has ended."""

    @on(BudgetSlider.Changed)
    def _budget_moved(self, event: BudgetSlider.Changed) -> None:
        self.app.preferences.budget = event.budget
        if self._run is not None and self._view is not None:
            self._run.control.budget = event.budget
            self._view.thinking.budget = event.budget
