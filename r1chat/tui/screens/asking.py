"""The way of a question on the screen: from the composer through a run to its turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Horizontal

from r1chat.sanitize import line
from r1chat.tui import keys
from r1chat.tui.screens.running import DRAINS, RunningScreen
from r1chat.tui.widgets.composer import Composer
from r1chat.tui.widgets.conversation import ConversationView
from r1chat.tui.widgets.key_bar import KeyBar
from r1chat.tui.widgets.queue import Queue, Queued
from r1chat.tui.widgets.samples_sign import SamplesSign
from r1chat.tui.widgets.slider import BudgetSlider
from r1chat.tui.widgets.tail_sign import TailSign
from r1chat.tui.widgets.topbar import TopBar
from r1chat.wording import model_name

if TYPE_CHECKING:
    # What a turn needs is imported where it is used: the first frame has none.
    from r1chat.attachments import Attachment
    from r1chat.conversation import Conversation, Node
    from r1chat.engine.base import Continuation, Engine, Steering
    from r1chat.events import Event
    from r1chat.reasoning.budget import Budget
    from r1chat.reasoning.control import Control
    from r1chat.session import Session
    from r1chat.tui.services.drafts import Draft
    from r1chat.tui.widgets.turn import TurnView

_LOADING = "Waiting for the model"
_NO_MODEL = "Waiting for a model: F3 picks one, F9 gives the question back"
_EMPTY = (
    "Ask the model something and watch it think.\n\n"
    "The slider below sets how long it may think; it can be moved while it does.\n"
    "F1 explains the keys, Ctrl+P finds every command."
)
_EMPTY_WITHOUT_THOUGHTS = (
    "Ask the model something.\n\n"
    "It writes no thoughts; F3 picks one that does.\n"
    "F1 explains the keys, Ctrl+P finds every command."
)


class AskingScreen(RunningScreen):
    """Asks questions and shows what comes back."""

    DEFAULT_CSS = """
    AskingScreen {
        #talk { height: 1fr; layers: default above; }
        #spending { height: 1; margin: 0 1; }
        /* Where lines are few, they belong to the conversation. */
        &.-low, &.-lowest {
            ConversationView { padding: 0 1; }
            Composer, Composer:focus { border: none; min-height: 1; max-height: 3; }
        }
        &.-lowest KeyBar, &.-lowest #spending { display: none; }
    }
    """
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012  (Textual declares it)
        (0, "-lowest"),
        (7, "-low"),
        (16, "-high"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.resumed: Conversation | None = None
        """The conversation, as long as there is no session for the want of a model."""
        self.system: str | None = None
        """Instructions for the whole conversation, where it came with some."""
        self._waiting: tuple[TurnView, tuple[Attachment, ...], Node | None] | None = None
        """A question that was sent before the model was loaded."""
        self._foreign: set[Node] = set()
        """Turns of a model that is not loaded any more: none can be gone on with."""
        self._field = Composer(id="composer")
        self._queue = Queue()
        self._asked = ""
        """The words that the running reply answers, where they were written for it."""
        self._recommended = ""
        """What the hint says of the model to begin with."""

    def compose(self) -> ComposeResult:
        """From the top: model, conversation, slider, composer, keys."""
        yield TopBar()
        with Container(id="talk"):
            yield ConversationView(id="conversation")
            yield TailSign()
        yield Horizontal(BudgetSlider(self.app.preferences.budget), SamplesSign(), id="spending")
        yield self._queue
        yield self.attachment_line()
        yield self._field
        yield KeyBar()

    async def on_mount(self) -> None:
        """The composer takes keys at once, whatever is still being loaded."""
        await self.conversation.show_hint(self._hint)
        self.composer.focus()
        self._timer = self.set_interval(1 / DRAINS, self._drain, pause=True)
        self.watch(self.conversation, "news", self._show_news, init=False)
        self.watch(self._queue, "questions", self._show_queue, init=False)

    def _show_queue(self, questions: tuple[Queued, ...]) -> None:
        self.composer.queued = bool(questions)

    def _show_news(self, news: bool) -> None:  # noqa: FBT001  (Textual calls it)
        sign = self.query_one(TailSign)
        if news:
            # Not sooner: to look the keys up imports more than the first frame needs.
            sign.update(f"↓ new text · {keys.written(self.app.shown_keys()['chat.tail'])}")
        sign.display = news

    @on(TailSign.Pressed)
    async def action_tail(self) -> None:
        """Goes to the end of the conversation and follows the newest text again."""
        await self.conversation.action_tail()

    # -- asking --

    @on(Composer.Sent)
    async def _sent(self, event: Composer.Sent) -> None:
        if self.running or self._waiting is not None:
            self.put_off(event.text)
        else:
            await self.take_text(event.text)

    def put_off(self, text: str) -> None:
        """Has a question wait until the reply has ended."""
        self._queue.add(Queued(text, self.take_attached()))

    async def ask_next(self) -> None:
        """Asks the question that has waited longest, unless something else is in its way."""
        if self.running or self._waiting is not None or self.occupied:
            return
        question = self._queue.take_first()
        if question is not None:
            await self.ask(question.text, attached=question.attached)

    @property
    def occupied(self) -> bool:
        """Whether what is sent now is no question of its own."""
        return False

    @on(Queue.Pressed)
    def take_queued_back(self) -> None:
        """Takes the question back into the composer that was sent last and still waits."""
        question = self._queue.take_last()
        if question is not None:
            self.composer.give_back(question.text)
            self.attach_again(question.attached)
            self.composer.focus()

    @on(Composer.Emptied)
    async def _emptied(self, event: Composer.Emptied) -> None:
        if event.key == "enter":
            await self.ask_next()
        elif event.key == "up":
            self.take_queued_back()
        else:
            self.app.exit()

    async def take_text(self, text: str) -> None:
        """Does what is to be done with what was written: asks."""
        await self.ask(text)

    async def ask(
        self,
        question: str,
        parent: Node | None = None,
        attached: tuple[Attachment, ...] | None = None,
    ) -> None:
        """Puts a question, once there is a model.

        Args:
            question: The question.
            parent: What it follows; by default the end of the conversation.
            attached: What goes along; by default what is attached now.
        """
        if attached is None:
            attached = self.take_attached()
        self._asked = question
        view = self.new_view(question, attached)
        await self.conversation.add(view)
        if not view.complete:
            self._wrote = False
            self.failed(view)
            return
        if not self.app.titled:
            self.app.titled = question
        if self.session is None or not self.ready:
            self._waiting = (view, attached, parent)
            self._say_what_is_waited_for()
            return
        if self.app.coming is not None:
            now, then = (model_name(each, 40) for each in (self.app.model_ref, self.app.coming))
            text = f"{now} answers this: {then} is still being loaded."
            self.notify(text, markup=False, timeout=5)
        self.start(view, parent or self.session.conversation.last())

    def new_view(
        self, question: str, attached: Sequence[Attachment], *, alone: bool = False
    ) -> TurnView:
        """A turn to be mounted.

        Args:
            question: The question.
            attached: What goes along.
            alone: Whether it is to have one reply, whatever else is set.
        """
        del alone
        from r1chat.tui.widgets.turn import TurnView

        view = TurnView(question, attached)
        view.collapsed_at_start = self.app.preferences.thoughts_hidden
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

        control = Control(
            budget or self.slider.value,
            self.app.preferences.pace(self.app.model_ref),
            self.app.preferences.peek_every,
        )
        self._run = Run(lambda: self.events(session, view, control, parent, resume), control)
        # A reply that was stopped in its answer has no thought to come.
        answering = resume is not None and self._in_answer(resume)
        view.begin(control.budget, answering=answering)
        self.conversation.anchor()
        self._view = view
        for turn in self.conversation.turns:
            turn.hint = ""
        self._wrote = False
        if self._timer is not None:
            self._timer.resume()
        self.refresh_bindings()

    def events(
        self,
        session: Session,
        view: TurnView,
        control: Control,
        parent: Node,
        resume: Continuation | None,
    ) -> Iterator[Event]:
        """What the run of a turn reads; called on its thread."""
        return session.ask(
            view.question,
            control=control,
            sampling=self.app.preferences.sampling,
            max_answer=self.app.settings.max_answer,
            attachments=view.attachments,
            parent=parent,
            resume=resume,
        )

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
        self.leave_room(0)
        self.slider.tokens_per_s = None
        self._fit_slider(engine.info.steering)
        self.conversation.change_hint(self._hint)
        self.refresh_bindings()
        if self._waiting is not None:
            (view, _, parent), self._waiting = self._waiting, None
            self.start(view, parent or session.conversation.last())
        else:
            self.call_later(self.ask_next)

    def _fit_slider(self, steering: Steering) -> None:
        """Offers what can be kept of a budget; one that was remembered stays for other models."""
        why = steering.budget
        self.slider.disabled, self.slider.ends_only = bool(steering.off), bool(why)
        self.slider.tooltip = why or None
        budget = self.slider.value
        is_kept = str(budget) == "max" or (budget.off and not steering.off)
        if why and not is_kept:
            able = "" if steering.off else " Off and max are."
            text = f"The budget ({budget}) is not kept: {line(why, 200)}.{able}"
            self.notify(text, timeout=10, markup=False)

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

    # -- words that nobody has yet --

    def unsent(self) -> Draft:
        """What would be lost with the screen, whether or not it is still shown."""
        from r1chat.tui.services.drafts import Draft

        text, earlier = self._field.unsent
        attached = tuple(self._attached)
        waiting = self._queue.questions
        if self._waiting is not None:
            view, along, _ = self._waiting
            waiting = (Queued(view.question, along), *waiting)
        words = [*(each.text for each in waiting), *([text] if text.strip() else [])]
        along = tuple(each for question in waiting for each in question.attached)
        return Draft("\n".join(words) or text, earlier, (*along, *attached))

    def take_back(self, draft: Draft) -> None:
        """Puts the words of an app that has ended before what was written since."""
        for text in draft.earlier:
            self.composer.remember(text, unsent=True)
        if draft.text.strip():
            self.composer.give_back(draft.text)
        self.attach_again(draft.attachments)

    def failed(self, view: TurnView) -> None:
        """Puts words back into the composer that nothing came of."""
        if self._asked and not self._wrote:
            if self._field.text.strip():
                self._field.remember(self._asked, unsent=True)
            else:
                self._field.give_back(self._asked)
            self.attach_again(view.attachments)
        self._asked = ""

    def take_waiting_back(self) -> None:
        """Puts a question that waits for a model back into the composer."""
        if self._waiting is not None:
            (view, attached, _), self._waiting = self._waiting, None
            self.composer.give_back(view.question)
            self.attach_again(attached)

    async def begin_anew(self) -> None:
        """Begins another conversation with the same model."""
        self.resumed = self.system = None
        if self.app.engine is not None:
            self.begin_session(self.app.engine, None)
        self.take_waiting_back()
        self.topbar.used = 0
        self.leave_room(0)
        await self.conversation.clear()
        await self.conversation.show_hint(self._hint)
        self.app.titled = ""
        self.composer.focus()

    def unloaded(self, label: str) -> None:
        """There is no model now; a question that is asked waits for one."""
        self.topbar.progress = 0.0
        self.topbar.label = label
        self.topbar.info = None
        self._say_what_is_waited_for()

    def model_coming(self, label: str) -> None:
        """Another model is on its way; the one there is stays in use until then."""
        self.topbar.label = label
        self.topbar.progress = 0.0

    def recommend(self, text: str) -> None:
        """Adds to the hint which model to begin with."""
        self._recommended = text
        self.conversation.change_hint(self._hint)

    @property
    def _hint(self) -> str:
        """What stands where there is no turn yet."""
        info = self.topbar.info
        thinks = info is None or info.thinks
        recommended = self._recommended if self.app.unset else ""
        return (_EMPTY if thinks else _EMPTY_WITHOUT_THOUGHTS) + recommended

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
        self._say_what_is_waited_for()

    def _say_what_is_waited_for(self) -> None:
        if self._waiting is not None:
            self._waiting[0].status = _LOADING if self.app.coming is not None else _NO_MODEL
