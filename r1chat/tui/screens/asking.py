"""The way of a question on the screen: from the composer through a run to its turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.timer import Timer

from r1chat.sanitize import line
from r1chat.tui import keys
from r1chat.tui.screens.attaching import AttachingScreen
from r1chat.tui.threads import on_thread
from r1chat.tui.widgets.composer import Composer
from r1chat.tui.widgets.conversation import ConversationView
from r1chat.tui.widgets.key_bar import KeyBar
from r1chat.tui.widgets.slider import BudgetSlider
from r1chat.tui.widgets.topbar import TopBar

if TYPE_CHECKING:
    # What a turn needs is imported where it is used: the first frame has none.
    from r1chat.attachments import Attachment
    from r1chat.conversation import Conversation, Node
    from r1chat.engine.base import Continuation, Engine
    from r1chat.events import Event, Reply
    from r1chat.reasoning.budget import Budget
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
_BUSY = "The model is still at it: Escape stops it."
_LOADING = "The model is still being loaded; the question before is waiting for it."
_EMPTY = (
    "Ask the model something and watch it think.\n\n"
    "The slider below sets how long it may think; it can be moved while it does.\n"
    "F1 explains the keys, Ctrl+P finds every command."
)


class AskingScreen(AttachingScreen):
    """Asks questions and shows what comes back."""

    DEFAULT_CSS = """
    AskingScreen {
        BudgetSlider { margin: 0 1; }
        /* Where lines are few, they belong to the conversation. */
        &.-low, &.-lowest {
            ConversationView { padding: 0 1; }
            Composer, Composer:focus { border: none; min-height: 1; max-height: 3; }
        }
        &.-lowest KeyBar, &.-lowest BudgetSlider { display: none; }
    }
    """
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012  (Textual declares it)
        (0, "-lowest"),
        (7, "-low"),
        (16, "-high"),
    ]

    app: R1ChatApp

    def __init__(self) -> None:
        super().__init__()
        self.session: Session | None = None
        self.resumed: Conversation | None = None
        """The conversation, as long as there is no session for the want of a model."""
        self.system: str | None = None
        """Instructions for the whole conversation, where it came with some."""
        self._run: Run | None = None
        self._view: TurnView | None = None
        """The turn that the run writes."""
        self._timer: Timer | None = None
        self._waiting: tuple[TurnView, tuple[Attachment, ...], Node | None] | None = None
        """A question that was sent before the model was loaded."""
        self._replaces: Node | None = None
        """The stopped version that the running reply goes on with."""
        self._foreign: set[Node] = set()
        """Turns of a model that is not loaded any more: none can be gone on with."""
        self._recommended = ""
        """What the hint says of the model to begin with."""

    def compose(self) -> ComposeResult:
        """From the top: model, conversation, slider, composer, keys."""
        yield TopBar()
        yield ConversationView(id="conversation")
        yield BudgetSlider(self.app.budget)
        yield self.attachment_line()
        yield Composer(id="composer")
        yield KeyBar()

    async def on_mount(self) -> None:
        """The composer takes keys at once, whatever is still being loaded."""
        await self.conversation.show_hint(_EMPTY)
        self.composer.focus()
        self._timer = self.set_interval(1 / DRAINS, self._drain, pause=True)

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

    # -- asking --

    @on(Composer.Sent)
    async def _sent(self, event: Composer.Sent) -> None:
        if self.running or self._waiting is not None:
            # Two questions were sent at once.
            self.composer.give_back(event.text)
            self.notify(_BUSY if self.running else _LOADING, timeout=3)
            return
        await self.take_text(event.text)

    @on(Composer.Refused)
    def _refused(self, event: Composer.Refused) -> None:
        self.notify(event.reason, timeout=3)

    async def take_text(self, text: str) -> None:
        """Does what is to be done with what was written: asks."""
        await self.ask(text)

    async def ask(self, question: str, parent: Node | None = None) -> None:
        """Puts a question, once there is a model.

        Args:
            question: The question.
            parent: What it follows; by default the end of the conversation.
        """
        attached = self.take_attached()
        view = self.new_view(question, attached)
        await self.conversation.add(view)
        if not self.app.titled:
            self.app.titled = question
        if self.session is None or not self.ready:
            view.status = "Waiting for the model"
            self._waiting = (view, attached, parent)
            self.composer.blocked = _LOADING
            return
        self.start(view, parent or self.session.conversation.last())

    def new_view(self, question: str, attached: Sequence[Attachment]) -> TurnView:
        """A turn to be mounted."""
        from r1chat.tui.widgets.turn import TurnView

        view = TurnView(question, attached)
        view.collapsed_at_start = self.app.thoughts_hidden
        return view

    def start(
        self,
        view: TurnView,
        parent: Node,
        resume: Continuation | None = None,
        budget: Budget | None = None,
    ) -> None:
        """Has a turn's reply written.

        Args:
            view: The turn.
            parent: What it follows.
            resume: An earlier reply to go on from.
            budget: How long it may think; by default as the slider says.
        """
        session = self.session
        if session is None:
            return
        from r1chat.reasoning.control import Control
        from r1chat.tui.run import Run

        control = Control(budget or self.slider.value, self.app.pace)
        self._run = Run(
            lambda: session.ask(
                view.question,
                control=control,
                sampling=self.app.sampling,
                max_answer=self.app.settings.max_answer,
                attachments=view.attachments,
                parent=parent,
                resume=resume,
            ),
            control,
        )
        # A reply that was stopped in its answer has no thought to come.
        answering = resume is not None and self._in_answer(resume)
        view.begin(control.budget, answering=answering)
        self.conversation.anchor()
        self._view = view
        self.composer.blocked = _BUSY
        if self._timer is not None:
            self._timer.resume()
        self.refresh_bindings()

    @staticmethod
    def _in_answer(resume: Continuation) -> bool:
        return resume.keep is None and bool(resume.reply.answer)

    # -- the model --

    def loaded(self, engine: Engine) -> None:
        """Goes on with another model, or begins with the first."""
        tree = self.resumed if self.session is None else self.session.conversation
        if tree is not None:
            tree.forget_tokens()
        session = self.begin_session(engine, tree)
        self.topbar.info = engine.info
        self.topbar.progress = None
        self.topbar.used = 0
        self.topbar.speed = 0.0
        self.slider.tokens_per_s = None
        why = engine.info.steering.budget
        self.slider.disabled, self.slider.tooltip = bool(why), why or None
        self.refresh_bindings()
        if self._waiting is not None:
            (view, _, parent), self._waiting = self._waiting, None
            self.start(view, parent or session.conversation.last())

    def begin_session(self, engine: Engine, tree: Conversation | None) -> Session:
        """Begins a conversation, or goes on with one.

        Args:
            engine: The model.
            tree: What was said before.
        """
        from r1chat.session import Session

        session = Session(engine, system=self.system, conversation=tree, recorder=self.app.history)
        self.session = session
        self.resumed = None
        self._foreign = {
            node
            for node in session.conversation.nodes()
            if node.turn is None
            or node.turn.origin is None
            or node.turn.origin.model != engine.info.ref
        }
        return session

    async def begin_anew(self) -> None:
        """Begins another conversation with the same model."""
        self.resumed = self.system = None
        if self.app.engine is not None:
            self.begin_session(self.app.engine, None)
        self._waiting = None
        self.composer.blocked = ""
        self.topbar.used = 0
        await self.conversation.clear()
        await self.conversation.show_hint(_EMPTY + (self._recommended if self.app.unset else ""))
        self.app.titled = ""
        self.composer.focus()

    def unloaded(self, label: str) -> None:
        """There is no model now; a question that is asked waits for one."""
        self.topbar.progress = 0.0
        self.topbar.label = label
        self.topbar.info = None

    def recommend(self, text: str) -> None:
        """Adds to the hint which model to begin with."""
        self._recommended = text
        self.conversation.change_hint(_EMPTY + text)

    def not_loaded(self, missing: str = "") -> None:
        """Says where a model can be had.

        Args:
            missing: The model, where it could be fetched.
        """
        self.topbar.progress = None
        start = "No model"
        if missing:
            key = keys.shown(self.app.shown_keys()["app.fetch"])
            start = f"{line(missing, 60)} is not here · {key} fetches it"
        self.topbar.label = f"{start} · F3 picks one"
        if self._waiting is not None:
            self._waiting[0].status = "Waiting for a model: F3 picks one"

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
        was_thinking = self.thinking
        for event in run.take():
            view.take(event)
            self._take_note(event)
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
            case ThoughtText(tokens=tokens):
                self.slider.used = tokens
                self.topbar.used = self.topbar.prompt + tokens
            case AnswerText(tokens=tokens):
                self.topbar.used = self.topbar.prompt + self.slider.used + tokens
            case Reply():
                self._take_receipt(event)
            case _:
                pass

    def _take_receipt(self, reply: Reply) -> None:
        receipt = reply.receipt
        used = len(reply.ids)
        if self.topbar.info is not None and self.topbar.info.host:
            # A server shows no tokens, but says how many there are.
            used = receipt.thought_tokens + receipt.injected_tokens + receipt.answer_tokens
        self.topbar.used = receipt.prompt_tokens + used
        if receipt.tokens_per_s > 0:
            self.topbar.speed = self.slider.tokens_per_s = receipt.tokens_per_s
        if receipt.thought_s + receipt.answer_s >= LONG_S:
            self.app.announce("The model has answered.")

    def _finish(self, run: Run, view: TurnView) -> None:
        if self._timer is not None:
            self._timer.pause()
        self._run = None
        self.composer.blocked = ""
        self.slider.used = 0
        self.slider.used_s = 0.0
        session = self.session
        if run.error is not None:
            view.fail(run.error)
        elif session is not None:
            if self._replaces is not None:
                session.conversation.remove(self._replaces)
                self.app.history.remove(self._replaces.id)
            view.place(session.conversation.last())
        self._replaces = None
        self.refresh_bindings()
        self.finished(view)

    def finished(self, view: TurnView) -> None:
        """What is to be done once a reply has ended."""

    @on(BudgetSlider.Changed)
    def _budget_moved(self, event: BudgetSlider.Changed) -> None:
        self.app.budget = event.budget
        if self._run is not None and self._view is not None:
            self._run.control.budget = event.budget
            self._view.thinking.budget = event.budget
