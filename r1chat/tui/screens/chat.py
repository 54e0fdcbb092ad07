"""The screen of a conversation: the turns, the slider, the composer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Footer, Static

from r1chat import attachments
from r1chat.attachments import Attachment
from r1chat.conversation import Node
from r1chat.engine.base import Continuation
from r1chat.errors import R1ChatError
from r1chat.events import Reply, ThoughtText
from r1chat.reasoning.control import Control
from r1chat.reasoning.phrases import WAIT
from r1chat.sanitize import line
from r1chat.session import Session
from r1chat.tui.run import Run
from r1chat.tui.widgets.answer import AnswerView
from r1chat.tui.widgets.composer import Composer
from r1chat.tui.widgets.conversation import ConversationView
from r1chat.tui.widgets.slider import BudgetSlider
from r1chat.tui.widgets.thinking import ThinkingPane
from r1chat.tui.widgets.thought import ThoughtView
from r1chat.tui.widgets.topbar import TopBar
from r1chat.tui.widgets.turn import TurnView

if TYPE_CHECKING:
    from r1chat.tui.app import R1ChatApp

_DRAINS = 20
_ASK = "Ask something…  (Enter sends, Ctrl+J begins a new line)"
_STEER = "Words for the thought…  (Enter goes on with them, Escape leaves it stopped)"
_LONG_S = 10.0
_EMPTY = (
    "Ask the model something and watch it think.\n\n"
    "The slider below sets how long it may think; it can be moved while it does.\n"
    "F1 explains the keys, Ctrl+P finds every command."
)


class ChatScreen(Screen[None]):
    """A conversation with a model."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop", "Stop", id="chat.stop", priority=True),
        Binding("ctrl+n", "answer_now", "Answer now", id="chat.answer_now", priority=True),
        Binding("ctrl+t", "think_more", "Think more", id="chat.think_more", priority=True),
        Binding("ctrl+s", "steer", "Pause and steer", id="chat.steer", priority=True),
        Binding("ctrl+g", "go_on", "Go on", id="chat.go_on", priority=True),
        Binding("ctrl+r", "regenerate", "Again", id="chat.regenerate", priority=True),
        Binding("f2", "edit", "Edit", id="chat.edit"),
        Binding("alt+left", "version(-1)", "‹", id="chat.earlier_version", show=False),
        Binding("alt+right", "version(1)", "›", id="chat.later_version", show=False),
        Binding("ctrl+b", "slider", "Budget", id="chat.slider", priority=True),
        Binding("ctrl+o", "thoughts", "Thoughts", id="chat.thoughts", priority=True),
        Binding("ctrl+y", "copy_answer", "Copy", id="chat.copy", priority=True, show=False),
        Binding("ctrl+l", "raw", "Source", id="chat.raw", priority=True, show=False),
        Binding("f8", "next_moment", "Next “wait”", id="chat.next_moment", show=False),
        Binding("f7", "previous_moment", "Previous “wait”", id="chat.last_moment", show=False),
    ]

    app: R1ChatApp

    def __init__(self) -> None:
        super().__init__()
        self.session: Session | None = None
        self._run: Run | None = None
        self._view: TurnView | None = None
        self._timer: Timer | None = None
        self._waiting: tuple[TurnView, tuple[Attachment, ...]] | None = None
        """A question that was sent before the model was loaded."""
        self._attached: list[Attachment] = []
        self._replaces: Node | None = None
        """The stopped version that the running reply goes on with."""
        self._editing: Node | None = None
        self._steering = False
        self._steer_wanted = False

    def compose(self) -> ComposeResult:
        """From the top: model, conversation, slider, composer, keys."""
        yield TopBar()
        yield ConversationView(id="conversation")
        yield BudgetSlider(self.app.budget)
        yield Static("", id="attached", markup=False)
        yield Composer(id="composer")
        yield Footer(show_command_palette=False, compact=True)

    async def on_mount(self) -> None:
        """The composer takes keys at once, whatever is still being loaded."""
        self.query_one("#attached").display = False
        await self.conversation.mount(Static(_EMPTY, classes="conversation--empty", markup=False))
        self.composer.focus()
        self._timer = self.set_interval(1 / _DRAINS, self._drain, pause=True)

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
    def thinking(self) -> bool:
        """Whether the model is in its thought."""
        view = self._view
        return self._run is not None and view is not None and view.thinking.running

    @property
    def last(self) -> TurnView | None:
        """The last turn on the screen."""
        turns = self.conversation.turns
        return turns[-1] if turns else None

    def _last_reply(self) -> Reply | None:
        node = self.last.node if self.last else None
        return node.turn.reply if node is not None and node.turn is not None else None

    # -- asking --

    @on(Composer.Sent)
    async def _sent(self, event: Composer.Sent) -> None:
        text = event.text
        if self._steering:
            self.composer.take()
            await self._steer_with(text)
            return
        if self.running:
            self.notify("The model is still at it: Escape stops it.", timeout=3)
            return
        if self._waiting is not None:
            self.notify("The model is still being loaded.", timeout=3)
            return
        self.composer.take()
        await self._ask(text)

    def loaded(self) -> None:
        """A model is there: begins a conversation with it."""
        engine = self.app.engine
        if engine is None:
            return
        self.session = Session(engine)
        self.topbar.info = engine.info
        self.topbar.loading = None
        if self._waiting is not None:
            (view, attached), self._waiting = self._waiting, None
            self._start(view, view.question, attached, self.session.conversation.last())

    async def _ask(self, question: str) -> None:
        attached = tuple(self._attached)
        self._attached.clear()
        self._show_attached()
        parent = None
        if self._editing is not None:
            parent, self._editing = self._editing.parent, None
            await self._drop_views_after(parent)
        view = self._new_view(question, attached)
        await self.conversation.add(view)
        if self.session is None:
            view.status = "Waiting for the model"
            self._waiting = (view, attached)
            return
        self._start(view, question, attached, parent or self.session.conversation.last())

    def _new_view(self, question: str, attached: Sequence[Attachment]) -> TurnView:
        view = TurnView(question, tuple(item.name for item in attached))
        view.collapsed_at_start = self.app.thoughts_hidden
        return view

    def _start(
        self,
        view: TurnView,
        question: str,
        attached: tuple[Attachment, ...],
        parent: Node,
        resume: Continuation | None = None,
    ) -> None:
        session = self.session
        if session is None:
            return
        control = Control(self.slider.value)
        view.begin(control.budget)
        self._view = view
        self._run = Run(
            lambda: session.ask(
                question,
                control=control,
                sampling=self.app.sampling,
                max_answer=self.app.settings.max_answer,
                attachments=attached,
                parent=parent,
                resume=resume,
            ),
            control,
        )
        if self._timer is not None:
            self._timer.resume()
        self.refresh_bindings()

    # -- while it runs --

    def _drain(self) -> None:
        run, view = self._run, self._view
        if run is None or view is None:
            return
        was_thinking = self.thinking
        for event in run.take():
            view.take(event)
            if isinstance(event, ThoughtText):
                self.slider.used = event.tokens
            elif isinstance(event, Reply):
                self._take_reply(event)
        if run.finished:
            self._finish(run, view)
        elif was_thinking != self.thinking:
            self.refresh_bindings()

    def _take_reply(self, reply: Reply) -> None:
        receipt = reply.receipt
        self.topbar.used = receipt.prompt_tokens + len(reply.ids)
        if receipt.tokens_per_s > 0:
            self.topbar.speed = self.slider.tokens_per_s = receipt.tokens_per_s
        spent = receipt.thought_s + receipt.answer_s
        if spent >= _LONG_S and not self.app.app_focus:
            self.app.bell()

    def _finish(self, run: Run, view: TurnView) -> None:
        if self._timer is not None:
            self._timer.pause()
        self._run = None
        self.slider.used = 0
        session = self.session
        if run.error is not None:
            view.fail(run.error)
        elif session is not None:
            if self._replaces is not None:
                session.conversation.remove(self._replaces)
            view.place(session.conversation.last())
        self._replaces = None
        self.refresh_bindings()
        if self._steer_wanted:
            self._steer_wanted = False
            self._begin_steering()

    @on(BudgetSlider.Changed)
    def _budget_moved(self, event: BudgetSlider.Changed) -> None:
        self.app.budget = event.budget
        if self._run is not None and self._view is not None:
            self._run.control.budget = event.budget
            self._view.thinking.budget = event.budget

    # -- steering --

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Shows in the footer only what applies now."""
        del parameters
        applies = {
            "stop": self.running or self._steering or self._editing is not None,
            "answer_now": self.thinking,
            "steer": self.thinking,
            "think_more": self.thinking or (not self.running and self._thought_to_reopen()),
            "go_on": not self.running and self._stopped(),
            "regenerate": not self.running and self.last is not None,
            "edit": not self.running and self.last is not None,
        }
        return applies.get(action, True)

    def _thought_to_reopen(self) -> bool:
        reply = self._last_reply()
        return reply is not None and bool(reply.thought)

    def _stopped(self) -> bool:
        reply = self._last_reply()
        return reply is not None and reply.receipt.ended_by in {"cancelled", "length", "time"}

    def action_stop(self) -> None:
        """Stops the reply and keeps what there is; at rest, leaves steering or editing."""
        if self._run is not None:
            self._run.control.cancel()
        elif self._steering or self._editing is not None:
            self._steering = False
            self._editing = None
            self.composer.clear()
            self.composer.placeholder = _ASK
            self.refresh_bindings()

    def action_answer_now(self) -> None:
        """Closes the thought, so that the model answers."""
        if self._run is not None:
            self._run.control.answer_now()

    async def action_think_more(self) -> None:
        """Makes it think on: at its next end of thinking, or after its answer."""
        if self._run is not None:
            self._run.control.think_more()
            self.notify("It will think on when it wants to end.", timeout=3)
            return
        reply = self._last_reply()
        if reply is not None:
            await self._resume(Continuation(reply, keep=len(reply.thought), words=WAIT))

    def action_steer(self) -> None:
        """Pauses the thought, so that words can be put into it."""
        if self._run is not None:
            self._steer_wanted = True
            self._run.control.cancel()

    def _begin_steering(self) -> None:
        self._steering = True
        self.composer.placeholder = _STEER
        self.composer.focus()
        self.refresh_bindings()

    async def _steer_with(self, text: str) -> None:
        self._steering = False
        self.composer.placeholder = _ASK
        reply = self._last_reply()
        if reply is None:
            return
        gap = "" if reply.thought.endswith("\n") else "\n"
        words = f"{gap}\n{text}"
        await self._resume(Continuation(reply, keep=len(reply.thought), words=words), same=True)

    async def action_go_on(self) -> None:
        """Goes on with a reply that was stopped."""
        reply = self._last_reply()
        if reply is not None:
            await self._resume(Continuation(reply), same=True)

    async def _resume(self, resume: Continuation, *, same: bool = False) -> None:
        """Goes on from the last reply, as the same version of it or as another."""
        view = self.last
        node = view.node if view is not None else None
        if view is None or node is None or node.turn is None or node.parent is None:
            return
        turn = node.turn
        self._replaces = node if same else None
        keeps_view = resume.keep is None or (same and resume.keep == len(turn.reply.thought))
        if not keeps_view:
            await view.remove()
            view = self._new_view(turn.question, turn.attachments)
            await self.conversation.add(view)
            view.show_thought(resume)
        self._start(view, turn.question, turn.attachments, node.parent, resume)

    @on(ThoughtView.ParagraphChosen)
    async def _back_to_paragraph(self, event: ThoughtView.ParagraphChosen) -> None:
        event.stop()
        view = self.last
        if self.running or view is None or event.view not in view.query(ThoughtView):
            self.notify("Stop the reply first: Escape.", timeout=3)
            return
        reply = self._last_reply()
        if reply is None:
            return
        choice = await self.app.choose_from_here()
        if choice == "answer":
            await self._resume(Continuation(reply, keep=event.end, close=True))
        elif choice == "rethink":
            await self._resume(Continuation(reply, keep=event.end, words=WAIT))

    async def action_regenerate(self) -> None:
        """Asks the last question again; the reply so far is kept as a version."""
        node = self.last.node if self.last else None
        if node is None or node.turn is None or node.parent is None or self.last is None:
            return
        turn, parent = node.turn, node.parent
        await self.last.remove()
        view = self._new_view(turn.question, turn.attachments)
        await self.conversation.add(view)
        self._start(view, turn.question, turn.attachments, parent)

    def action_edit(self) -> None:
        """Takes the last question back into the composer; sending it makes a version of it."""
        node = self.last.node if self.last else None
        if node is None or node.turn is None:
            return
        self._editing = node
        self.composer.load_text(node.turn.question)
        self.composer.focus()
        self.refresh_bindings()

    async def action_version(self, step: int) -> None:
        """Shows the version before or after of the last turn that has several."""
        if self.running or self.session is None:
            return
        conversation = self.session.conversation
        several = [node for node in conversation.path() if len(node.siblings) > 1]
        if not several:
            return
        node = several[-1]
        wanted = node.version - 1 + step
        if 0 <= wanted < len(node.siblings):
            conversation.choose(node.siblings[wanted])
            await self.conversation.show(conversation, collapsed=self.app.thoughts_hidden)
            self.refresh_bindings()

    async def _drop_views_after(self, parent: Node | None) -> None:
        for view in self.conversation.turns:
            if view.node is not None and view.node.parent is parent:
                await self.conversation.drop_from(view)
                return

    # -- looking --

    def action_slider(self) -> None:
        """Goes to the slider, or back to the composer."""
        target = self.composer if self.slider.has_focus else self.slider
        target.focus()

    def action_thoughts(self) -> None:
        """Opens or closes all thoughts; the choice is remembered."""
        hidden = self.app.thoughts_hidden = not self.app.thoughts_hidden
        for pane in self.query(ThinkingPane):
            pane.collapsed = hidden

    def action_copy_answer(self) -> None:
        """Copies the last answer, never the thought."""
        if self.last is not None:
            self.last.answer.action_copy_answer()

    def action_raw(self) -> None:
        """Shows the last answer's source, or its rendering."""
        if self.last is not None:
            self.last.answer.action_toggle_raw()

    def action_next_moment(self) -> None:
        """Goes to the next place of the last thought where the model doubts."""
        if self.last is not None:
            self.last.thinking.view.action_next_moment()

    def action_previous_moment(self) -> None:
        """Goes to the place before."""
        if self.last is not None:
            self.last.thinking.view.action_previous_moment()

    @on(AnswerView.Copied)
    def _copied(self, event: AnswerView.Copied) -> None:
        self.notify(f"Copied: {event.what}", timeout=2)

    # -- attachments --

    @on(Composer.Attach)
    def _attach_pasted(self, event: Composer.Attach) -> None:
        if event.path is not None:
            self.attach_file(str(event.path))
            return
        self._attached.append(Attachment(f"pasted text {len(self._attached) + 1}", event.text))
        self._show_attached()

    def attach_file(self, path: str) -> None:
        """Attaches a text file to the next question, or says why not."""
        try:
            self._attached.append(attachments.read_file(path))
        except R1ChatError as error:
            self.notify(line(str(error), 300), severity="error", markup=False)
            return
        self._show_attached()

    def _show_attached(self) -> None:
        shown = self.query_one("#attached", Static)
        names = "  ".join(f"[{line(item.name, 60)}]" for item in self._attached)
        shown.update(f" Attached: {names}")
        shown.display = bool(self._attached)
