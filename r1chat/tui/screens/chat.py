"""The screen of a conversation: its keys, and what they do."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from r1chat.reasoning.phrases import WAIT
from r1chat.sanitize import line
from r1chat.tui import keys
from r1chat.tui.screens.looking import LookingScreen
from r1chat.tui.widgets.composer import ASK

if TYPE_CHECKING:
    from r1chat.conversation import Node
    from r1chat.engine.base import Continuation, Engine
    from r1chat.events import Reply
    from r1chat.reasoning.budget import Budget
    from r1chat.tui.widgets.thought import ThoughtView
    from r1chat.tui.widgets.turn import TurnView

_STEER = "Words for the thought…"
_STEERING = "Words for the thought · Enter puts them in · Escape leaves it stopped"
_EDITING = "Another question in its place · F2 the one before · Escape leaves it"
_LEAST_MORE = 256
"""Tokens that a thought goes on for at least where the user wants more of it."""
_OF_THE_SLIDER = ("type_budget", "type_minimum", "budget_unit")
_NOT_PAUSED = "The thought is about to pause: Enter once more then."
_FROM_HERE = (
    ("answer", "Answer from here", "the rest of the thought is dropped"),
    ("rethink", "Think again from here", "it goes on with “Wait,”"),
)
_NO_THOUGHT = "The model of the paused thought is not here: the words stay for a question."
STOP_FIRST = "Stop the reply first: Escape."


class ChatScreen(LookingScreen):
    """A conversation with a model."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Stop", id="chat.stop", priority=True),
        # Browsers keep Ctrl+N and Ctrl+T to themselves: there the second keys are shown.
        Binding("ctrl+n,alt+a", "answer_now", "Answer now", id="chat.answer_now", priority=True),
        Binding("ctrl+t,alt+m", "think_more", "Think more", id="chat.think_more", priority=True),
        Binding("ctrl+s", "steer", "Pause and steer", id="chat.steer", priority=True),
        Binding("ctrl+g", "go_on", "Go on", id="chat.go_on", priority=True),
        Binding("ctrl+r", "regenerate", "Again", id="chat.regenerate", priority=True),
        Binding("f2", "edit", "Edit", id="chat.edit"),
        # Ctrl+B is what tmux itself listens to.
        Binding("f5,ctrl+b", "slider", "Budget", id="chat.slider", priority=True),
        Binding("alt+p", "look_ahead", "Look ahead", id="chat.look_ahead", priority=True),
        Binding("f6", "attach", "Attach", id="chat.attach", priority=True, show=False),
        Binding("ctrl+o", "thoughts", "Thoughts", id="chat.thoughts", priority=True),
        Binding(
            "f7",
            "previous_moment",
            "Previous “wait”",
            id="chat.previous_wait",
            priority=True,
            show=False,
        ),
        Binding("f8", "next_moment", "Next “wait”", id="chat.next_wait", priority=True, show=False),
        Binding("f9", "begin_anew", "New conversation", id="chat.new", show=False),
        Binding("alt+left", "version(-1)", "Version before", id="chat.version-1", show=False),
        Binding("alt+right", "version(1)", "Version after", id="chat.version+1", show=False),
        # Ctrl+Y is redo where one writes.
        Binding("alt+y", "copy_answer", "Copy", id="chat.copy", priority=True, show=False),
        Binding("alt+c", "copy_code", "Copy code", id="chat.copy_code", priority=True, show=False),
        Binding("ctrl+l", "raw", "Source", id="chat.raw", priority=True, show=False),
        Binding("pageup", "page(-1)", "Up", id="chat.page_up", priority=True, show=False),
        Binding("pagedown", "page(1)", "Down", id="chat.page_down", priority=True, show=False),
        Binding("end,ctrl+end", "tail", "Newest text", id="chat.tail", show=False),
        Binding("escape", "to_composer", "Composer", id="chat.to_composer", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._editing: Node | None = None
        self._steering = False
        self._steer_wanted = False
        self._more_wanted = False

    # -- which keys apply --

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Shows in the footer only what applies now."""
        del parameters
        test = {
            **dict.fromkeys(("stop", "leave"), lambda: self._can_stop),
            **dict.fromkeys(_OF_THE_SLIDER, lambda: not self.slider.ends_only),
            "answer_now": lambda: self.thinking or self._answer_missing,
            "steer": lambda: self.thinking,
            "look_ahead": lambda: self.can_look_ahead,
            "think_more": lambda: self.thinking or (self._resting and self._thought_to_reopen),
            "go_on": lambda: self.ready and not self.running and self._stopped,
            "regenerate": lambda: self._resting and self._last_node is not None,
            "edit": lambda: self._resting and self._last_node is not None,
            "page": lambda: self.composer.has_focus or self.slider.has_focus,
        }.get(action)
        return True if test is None else test()

    def unable(self, action: str) -> str:
        """Why this model cannot do what a key is for, in a few words; empty where it can."""
        engine = self.app.engine
        if engine is None:
            return ""
        steering = engine.info.steering
        why = {"answer_now": steering.close, "slider": steering.off, "look_ahead": steering.peek}
        return (why | dict.fromkeys(("think_more", "steer", "go_on"), steering.go_on)).get(
            action, ""
        )

    def _is_unable(self, action: str) -> bool:
        """Says why something cannot be done, where it cannot."""
        why = self.unable(action)
        if why:
            self.notify(f"Not with this model: {line(why, 200)}.", timeout=5, markup=False)
        return bool(why)

    @property
    def steering(self) -> bool:
        """Whether a thought is paused, and words are being written into it."""
        return self._steering or self._steer_wanted

    @property
    def _resting(self) -> bool:
        return self.ready and not self.running and not self._steering

    @property
    def _can_stop(self) -> bool:
        return (self.running or self._something_to_leave) and not self._slider_listens

    @property
    def _slider_listens(self) -> bool:
        """Whether Escape is the slider's: it leaves the minimum."""
        return self.slider.has_focus and self.slider.editing_minimum

    @property
    def _something_to_leave(self) -> bool:
        if self._steering or self._editing is not None:
            return True
        return bool(self._attached) and self.composer.has_focus

    @property
    def _last_node(self) -> Node | None:
        """The last turn, once its reply has ended."""
        node = self.last.node if self.last and self.conversation.at_end else None
        return node if node is not None and node.turn is not None else None

    @property
    def _last_reply(self) -> Reply | None:
        """What can be gone on from: the last reply, if this model wrote it."""
        return self._own_reply(self._last_node)

    def _own_reply(self, node: Node | None) -> Reply | None:
        """The reply of a turn, if this model wrote it."""
        if node is None or node.turn is None or node in self._foreign:
            return None
        return node.turn.reply

    @property
    def _thought_to_reopen(self) -> bool:
        reply = self._last_reply
        return reply is not None and bool(reply.thought)

    @property
    def _stopped(self) -> bool:
        reply = self._last_reply
        if reply is None or not (reply.thought or reply.answer):
            return False
        return reply.receipt.ended_by in {"cancelled", "length", "time", "error"}

    @property
    def _answer_missing(self) -> bool:
        """Whether the last reply is a thought without an answer, which can still be asked for."""
        reply = self._last_reply if self._resting else None
        return reply is not None and bool(reply.thought) and reply.unanswered

    def show_hint(self) -> None:
        """Says at the last reply which key helps, where it is a dead end."""
        last, node = self.last, self._last_node
        for view in self.conversation.turns:
            view.hint = ""
        if last is None or node is None or node.turn is None or not node.turn.reply.unanswered:
            return
        shown = self.app.shown_keys()
        hint = f"{keys.written(shown['chat.regenerate'])} to regenerate"
        if self._answer_missing and not self.unable("go_on"):
            hint = f"{keys.written(shown['chat.answer_now'])} to answer now · {hint}"
        last.hint = hint

    # -- asking --

    @property
    def occupied(self) -> bool:
        """Whether what is sent now goes into a thought, or takes a question's place."""
        return self._steering or self._editing is not None

    def put_off(self, text: str) -> None:
        """Has a question wait; words for a thought stay in the composer until it has paused."""
        if self._steer_wanted or self._editing is not None:
            self.composer.give_back(text)
            self.notify(_NOT_PAUSED if self._steer_wanted else STOP_FIRST, timeout=3)
        else:
            super().put_off(text)

    async def take_text(self, text: str) -> None:
        """Puts what was written where it belongs: into the thought, or to the model."""
        if self._steering:
            await self._steer_with(text)
            return
        node, self._editing = self._editing, None
        self._tell("")
        if node is None:
            await self.ask(text)
            return
        await self._drop_views_from(node)
        # What went along with the question goes along with what was made of it.
        before = node.turn.attachments if node.turn is not None else ()
        await self.ask(text, node.parent, (*before, *self.take_attached()))

    def _tell(self, what: str) -> None:
        """Says above the composer what becomes of what is written."""
        self.composer.border_title = what
        self.composer.placeholder = _STEER if self._steering else ASK
        self.refresh_bindings()

    def finished(self, view: TurnView) -> None:
        """Does what had to wait for the reply's end."""
        self._asked = ""
        self.show_hint()
        if self._steer_wanted:
            self._steer_wanted = False
            self._steering = True
            view.status = "Paused"
            self._tell(_STEERING)
            self.composer.focus()
        elif self._more_wanted:
            self._more_wanted = False
            self.call_later(self._reopen)

    # -- steering --

    def action_leave(self) -> None:
        """Does what Escape is for, where it is nobody else's."""
        self.action_stop()

    def action_stop(self) -> None:
        """Stops the reply and keeps what there is; at rest, leaves what was begun."""
        if self._run is not None:
            self._steer_wanted = self._more_wanted = False
            self.cancel()
        elif self._steering:
            self._steering = False
            self._tell("")
            if self.last is not None:
                self.last.show_receipt()
        elif self._editing is not None:
            self._editing = None
            self.composer.leave()
            self._tell("")
        else:
            self.detach()
        self.call_later(self.ask_next)

    def action_slider(self) -> None:
        """Goes to the slider, or back to the composer."""
        if not self._is_unable("slider"):
            super().action_slider()

    def action_answer_now(self) -> None:
        """Closes the thought, so that the model answers; also one that ended without an answer."""
        if self._run is not None:
            if not self._is_unable("answer_now"):
                self._run.control.answer_now()
            return
        reply = self._last_reply
        if reply is not None and self._answer_missing and not self._is_unable("go_on"):
            self._go_on_with(_going_on(reply, keep=len(reply.thought), close=True))

    def action_look_ahead(self) -> None:
        """Asks what it would answer now, where that can be done."""
        if not self._is_unable("look_ahead"):
            super().action_look_ahead()

    async def action_think_more(self) -> None:
        """Makes it think on: at its next end of thinking, or after its answer."""
        if self._is_unable("think_more"):
            return
        if self._run is None:
            await self._reopen()
        elif self._run.written:
            # The thought has ended, though not on the screen yet.
            self._more_wanted = True
        else:
            self._run.control.think_more()
            self.notify("It will think on when it wants to end.", timeout=3)

    async def _reopen(self) -> None:
        reply = self._last_reply
        if self.last is not None and reply is not None and reply.thought:
            await self._branch(self.last, _going_on(reply, keep=len(reply.thought), words=WAIT))

    def action_steer(self) -> None:
        """Pauses the thought, so that words can be put into it."""
        if self._run is not None and not self._is_unable("steer"):
            self._steer_wanted = True
            self.cancel()

    async def _steer_with(self, text: str) -> None:
        self._steering = False
        self._tell("")
        reply, view = self._last_reply, self.last
        if reply is None or view is None or not self.ready:
            self.composer.give_back(text)
            self.notify(_NO_THOUGHT, timeout=5)
            return
        gap = "" if reply.thought.endswith("\n") or not reply.thought else "\n"
        words = f"{gap}{text}\n"
        self._asked = text
        view.reopen()
        self._go_on_with(_going_on(reply, keep=len(reply.thought), words=words))

    def action_go_on(self) -> None:
        """Goes on with a reply that was stopped."""
        reply = self._last_reply
        if reply is not None and not self._is_unable("go_on"):
            self._steering = False
            self._tell("")
            self._go_on_with(_going_on(reply))

    def _go_on_with(self, resume: Continuation) -> None:
        """Goes on with the last reply as the same version of it."""
        view, node = self.last, self._last_node
        if view is None or node is None or node.parent is None:
            return
        self._replaces = node
        self.start(view, node.parent, resume, self._allowance(resume))

    async def _branch(self, view: TurnView, resume: Continuation | None = None) -> None:
        """Has another version of a turn written; what followed it stays with the old one.

        Args:
            view: The turn.
            resume: A place of its reply's thought to go on from; by default it begins anew.
        """
        node = view.node
        if node is None or node.turn is None or node.parent is None:
            return
        turn = node.turn
        async with self.batch():
            await self.conversation.drop_from(view)
            view = self.new_view(turn.question, turn.attachments, alone=resume is not None)
            await self.conversation.add(view)
        if resume is None:
            self.start(view, node.parent)
            return
        view.show_thought(resume)
        self.start(view, node.parent, resume, self._allowance(resume))

    def _allowance(self, resume: Continuation) -> Budget:
        """The budget of a reply that goes on: what is spent counts, but is never all of it."""
        budget, reply = self.slider.value, resume.reply
        share = 1.0
        if resume.keep is not None and reply.thought:
            share = resume.keep / len(reply.thought)
        tokens = round(reply.receipt.thought_tokens * share)
        seconds = reply.receipt.thought_s * share
        if budget.tokens is not None and tokens >= budget.tokens:
            return replace(budget, tokens=tokens + max(budget.tokens, _LEAST_MORE))
        if budget.seconds is not None and seconds >= budget.seconds:
            return replace(budget, seconds=seconds + budget.seconds)
        return budget

    def on_thought_view_paragraph_chosen(self, event: ThoughtView.ParagraphChosen) -> None:
        """Asks what is to be done from a paragraph of the thought."""
        from r1chat.tui.screens.pick import Choice, Pick

        event.stop()
        views = [turn for turn in self.conversation.turns if turn.thinking.view is event.view]
        if self.running:
            self.notify(STOP_FIRST, timeout=3)
        elif not self.ready:
            self.notify("There is no model yet to go on with it.", timeout=3)
        elif not views or self._own_reply(views[0].node) is None:
            self.notify("Another model wrote this; it cannot be gone back into.", timeout=3)
        elif not self._is_unable("go_on"):
            pick = Pick("From this paragraph", [Choice(*choice) for choice in _FROM_HERE])
            self.app.push_screen(pick, partial(self._go_back, views[0], event.end))

    async def _go_back(self, view: TurnView, end: int, choice: str | None) -> None:
        reply = self._own_reply(view.node)
        if self.running or not self.ready or reply is None:
            return
        if choice is None or view not in self.conversation.turns:
            return
        self.leave_begun()
        if choice == "answer":
            await self._branch(view, _going_on(reply, keep=end, close=True))
        elif choice == "rethink":
            await self._branch(view, _going_on(reply, keep=end, words=WAIT))

    # -- versions --

    async def action_regenerate(self) -> None:
        """Asks the last question again; the reply so far is kept as a version."""
        if self.last is not None and self._last_node is not None:
            await self._branch(self.last)

    def action_edit(self) -> None:
        """Takes a question back into the composer: the last, and each time the one before."""
        before = self._editing.parent if self._editing is not None else None
        node = before if before is not None and before.turn is not None else self._last_node
        if node is None or node.turn is None:
            return
        self._editing = node
        self.composer.visit(node.turn.question)
        self.composer.focus()
        self._tell(_EDITING)

    async def action_version(self, step: int) -> None:
        """Shows another version of the last turn that has several."""
        if self.session is None:
            return
        several = [node for node in self.session.conversation.path() if len(node.siblings) > 1]
        if several:
            await self._show_version(several[-1], step)

    async def on_turn_view_version_wanted(self, event: TurnView.VersionWanted) -> None:
        """Shows the version before or after."""
        if event.view.node is not None:
            await self._show_version(event.view.node, event.step)

    async def _show_version(self, node: Node, step: int) -> None:
        if self.running or self.session is None:
            self.notify(STOP_FIRST, timeout=3)
            return
        wanted = node.version - 1 + step
        if 0 <= wanted < len(node.siblings):
            conversation = self.session.conversation
            conversation.choose(node.siblings[wanted])
            self.app.history.choose(node.siblings[wanted].id)
            await self.conversation.show(
                conversation, collapsed=self.app.preferences.thoughts_hidden
            )
            self.show_hint()
            self.refresh_bindings()

    async def _drop_views_from(self, node: Node) -> None:
        """Takes a turn and what came after it off the screen."""
        for view in self.conversation.turns:
            if view.node is node:
                await self.conversation.drop_from(view)
                return
        if self.session is not None and node.parent is not None:
            # It is too far up to be mounted.
            await self.conversation.show_until(
                node.parent, collapsed=self.app.preferences.thoughts_hidden
            )

    async def action_begin_anew(self) -> None:
        """Begins another conversation; the one so far is gone from the screen."""
        if self.running:
            self.notify(STOP_FIRST, timeout=3)
            return
        self.leave_begun()
        await self.begin_anew()

    def leave_begun(self) -> None:
        """Leaves what was begun with the conversation that is about to go; its words stay."""
        if self._editing is not None:
            self._editing = None
            self.composer.leave(unless_changed=True)
        while (question := self._queue.take_first()) is not None:
            self.composer.remember(question.text, unsent=True)
            self.attach_again(question.attached)
        self._steering = False
        self._tell("")

    def loaded(self, engine: Engine) -> None:
        """Goes on with another model, which cannot go into the thought that is paused."""
        super().loaded(engine)
        self.show_hint()
        if self._steering and self._last_reply is None:
            self._steering = False
            self._tell("")
            if self.last is not None:
                self.last.show_receipt()
            if self.composer.text.strip():
                self.notify(_NO_THOUGHT, timeout=5)


def _going_on(
    reply: Reply, *, keep: int | None = None, words: str = "", close: bool = False
) -> Continuation:
    from r1chat.engine.base import Continuation

    return Continuation(reply, keep, words, close)
