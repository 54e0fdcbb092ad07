"""Has replies written: to new questions, as further versions, from where one was stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from r1chat import keymap
from r1chat.tui.chat import steering
from r1chat.tui.chat.attachment_bar import AttachmentBar
from r1chat.tui.chat.conversation_state import OpenConversation
from r1chat.tui.chat.full_context import ContextRoom
from r1chat.tui.chat.outbox import Held, Outbox
from r1chat.tui.chat.reply_runner import Job, ReplyRunner
from r1chat.tui.chat.sampling import SampleCount, reply_events, turn_view
from r1chat.tui.chat.think_first import ThinkFirst
from r1chat.tui.chat.toy_hint import ToyHint
from r1chat.tui.host import Host
from r1chat.tui.widgets.conversation import ConversationView
from r1chat.tui.widgets.slider import BudgetSlider
from r1chat.wording import model_name

if TYPE_CHECKING:
    from textual.visual import VisualType

    from r1chat.attachments import Attachment
    from r1chat.conversation import Node
    from r1chat.engine.base import Continuation
    from r1chat.events import Reply
    from r1chat.tui.widgets.turn import TurnView


class Replies:
    """Takes questions and replies from the conversation to the runner.

    Args:
        host: The app.
        turns: The turns on the screen.
        state: The conversation.
        runner: Runs replies.
        count: How many samples a question is asked with.
        outbox: Keeps questions until there is a model.
        bar: Has the attachments.
        slider: Has the budget.
        think: Has the choice which models think.
        hint: Tells what stands where there is no turn.
        room: Knows what becomes of the oldest turns in a full context.
    """

    def __init__(  # noqa: PLR0913  (the parts that a reply comes from)
        self,
        host: Host,
        *,
        turns: ConversationView,
        state: OpenConversation,
        runner: ReplyRunner,
        count: SampleCount,
        outbox: Outbox,
        bar: AttachmentBar,
        slider: BudgetSlider,
        think: ThinkFirst,
        hint: Callable[[], VisualType],
        room: ContextRoom,
    ) -> None:
        self._host = host
        self._turns = turns
        self._state = state
        self._runner = runner
        self._count = count
        self._outbox = outbox
        self._bar = bar
        self._slider = slider
        self._think = think
        self._hint = hint
        self._room = room
        self._toy = ToyHint(host)

    # -- what there is to go on from --

    @property
    def ready(self) -> bool:
        """Whether there is a model."""
        return self._state.session is not None and self._host.engine is not None

    @property
    def last_node(self) -> Node | None:
        """The last turn, once its reply has ended."""
        last = self._turns.last if self._turns.at_end else None
        node = last.node if last is not None else None
        return node if node is not None and node.turn is not None else None

    @property
    def last_reply(self) -> Reply | None:
        """What can be continued: the last reply, if the model in use wrote it."""
        return self.own_reply(self.last_node)

    def own_reply(self, node: Node | None) -> Reply | None:
        """The reply of a turn that can be continued; a sample that is only looked at cannot."""
        if any(turn.node is node and turn.astray for turn in self._turns.turns):
            return None
        return self._state.own_reply(node)

    @property
    def answer_missing(self) -> bool:
        """Whether the last reply is a thought without an answer, which can still be asked for."""
        reply = self.last_reply if self.ready else None
        return reply is not None and bool(reply.thought) and reply.unanswered

    def obstacle(self, action: str) -> str:
        """Why this model cannot do what an action is for; empty where it can."""
        # A reply under way goes on as it was asked for.
        can = self._think.steering(self._runner.think)
        return self._think.with_cure(steering.obstacle(can, action)) if can is not None else ""

    def show_hint(self) -> None:
        """Says at the last reply which key helps, where it is a dead end."""
        last, node = self._turns.last, self.last_node
        for view in self._turns.turns:
            view.hint = ""
        if last is None or node is None or node.turn is None:
            return
        if not node.turn.reply.unanswered:
            last.hint = self._toy.of(node) if self.last_reply is not None else ""
            return
        shown = self._host.shown_keys()
        hint = f"{keymap.written(shown['chat.regenerate'])} to regenerate"
        if self.answer_missing and not self.obstacle("go_on"):
            hint = f"{keymap.written(shown['chat.answer_now'])} to answer now · {hint}"
        last.hint = hint

    # -- new questions --

    async def ask(
        self,
        question: str,
        parent: Node | None = None,
        attached: tuple[Attachment, ...] | None = None,
    ) -> None:
        """Asks a question, once there is a model.

        Args:
            question: The question.
            parent: What it follows; by default the end of the conversation.
            attached: What goes along; by default what is attached now.
        """
        if attached is None:
            attached = self._bar.take()
        async with self._turns.lock:
            await self._ask(question, parent, attached)

    async def _ask(
        self, question: str, parent: Node | None, attached: tuple[Attachment, ...]
    ) -> None:
        view = self.new_view(question, attached, self._count.value)
        await self._turns.add(view)
        if not view.complete:
            self._outbox.give_back_failed(question, attached)
            return
        if not self._host.titled:
            self._host.titled = question
        coming = self._host.coming
        if not self.ready or self._outbox.awaited:
            self._outbox.hold(Held(view, attached, parent), loading=coming is not None)
            self._host.refresh_bindings()
            return
        if coming is not None:
            now, then = (model_name(each, 40) for each in (self._host.model_ref, coming))
            text = f"{now} answers this: {then} is still being loaded."
            self._host.notify(text, markup=False, timeout=5)
        self._start(view, parent, words=question)

    def ask_held(self) -> bool:
        """Asks the question that waited for a model; whether there was one."""
        held = self._outbox.release()
        if held is not None:
            self._start(held.view, held.parent, words=held.view.question)
        return held is not None

    async def give_back_held(self) -> None:
        """Takes the question back that waits for a model: off the screen, into the composer."""
        async with self._turns.lock:
            held = self._outbox.give_back_held()
            if held is not None:
                await self._turns.drop_from(held.view)
                tree = self._state.tree
                if tree is None or not self._state.has_turns:
                    self._host.titled = ""
                    await self._turns.show_hint(self._hint())
                elif held.parent is not None:
                    # It was to take the place of turns that have gone from the screen.
                    await self._turns.show(tree, collapsed=self._collapsed)
                    self.show_hint()
                self._host.refresh_bindings()

    async def replace(self, node: Node, question: str) -> None:
        """Asks an edited question in the place of an earlier one.

        Args:
            node: The earlier one.
            question: What became of it.
        """
        async with self._turns.lock:
            await self._drop_views_from(node)
            # What went along with the question goes along with what was made of it.
            before = node.turn.attachments if node.turn is not None else ()
            await self.ask(question, node.parent, (*before, *self._bar.take()))

    async def _drop_views_from(self, node: Node) -> None:
        """Takes a turn and what came after it off the screen."""
        for view in self._turns.turns:
            if view.node is node:
                await self._turns.drop_from(view)
                return
        if node.parent is not None:
            # It is too far up to be mounted.
            await self._turns.show_until(node.parent, collapsed=self._collapsed)

    # -- further versions --

    def forks(self) -> int:
        """How many continuations are drawn from one place; 0, said why, where that is useless."""
        return self._count.forks()

    async def branch(
        self, view: TurnView, resume: Continuation | None = None, *, samples: int = 1
    ) -> None:
        """Has another version of a turn written; what followed it stays with the old one.

        Args:
            view: The turn.
            resume: A place of its reply's thought to go on from; by default it begins again, with
                as many samples as are usual.
            samples: How many go on from that place.
        """
        async with self._turns.batch():
            node = view.node
            if view not in self._turns.turns or node is None:
                return
            turn, parent = node.turn, node.parent
            if turn is None or parent is None:
                return
            await self._turns.drop_from(view)
            samples = self._count.value if resume is None else samples
            view = self.new_view(turn.question, turn.attachments, samples)
            await self._turns.add(view)
            if resume is not None:
                view.show_thought(resume)
            self._start(view, parent, resume)

    def resume(self, resume: Continuation, words: str = "") -> None:
        """Continues the last reply as the same version of it.

        Args:
            resume: The place to go on from.
            words: What was typed into it.
        """
        view, node = self._turns.last, self.last_node
        if view is not None and node is not None and node.parent is not None:
            self._start(view, node.parent, resume, words=words, replaces=node)

    async def show_version(self, node: Node, step: int) -> bool:
        """Shows the version of a turn that is some steps further; whether there is one."""
        async with self._turns.lock:
            tree = self._state.tree
            wanted = node.version - 1 + step
            # The conversation may have been left, and the version have been removed.
            if tree is None or node not in set(tree.nodes()):
                return False
            if not 0 <= wanted < len(node.siblings):
                return False
            self._state.choose(node.siblings[wanted])
            await self._turns.show(tree, collapsed=self._collapsed)
            self.show_hint()
            return True

    # -- the way to the runner --

    @property
    def _collapsed(self) -> bool:
        return self._host.preferences.thoughts_hidden

    def new_view(self, question: str, attached: Sequence[Attachment], samples: int = 1) -> TurnView:
        """A turn to be mounted."""
        view = turn_view(question, attached, samples)
        view.collapsed_at_start = self._collapsed
        return view

    def _start(
        self,
        view: TurnView,
        parent: Node | None,
        resume: Continuation | None = None,
        *,
        words: str = "",
        replaces: Node | None = None,
    ) -> None:
        session, preferences = self._state.session, self._host.preferences
        if session is None:
            return
        from r1chat.reasoning.control import Control

        budget, think = self._slider.value, self._think.value
        if resume is not None and resume.reply.receipt.thought_style is not None:
            think = "on"
        if resume is not None:
            budget = resume.allowance(budget)
        pace = preferences.pace(self._host.model_ref)
        control = Control(budget, pace, preferences.peek_every, measures=preferences.confidence)
        # A reply that was stopped in its answer has no thought to come.
        answering = resume is not None and resume.keep is None and bool(resume.reply.answer)
        view.begin(budget, answering=answering)
        self._turns.anchor()
        for turn in self._turns.turns:
            turn.hint = ""
        events = partial(
            reply_events,
            session,
            view,
            control=control,
            preferences=preferences,
            think=think,
            parent=parent or session.conversation.last(),
            resume=resume,
            full_context=self._room.way,
            choose=self._room.choose(control),
        )
        kept = (0, 0) if resume is None else resume.kept_tokens
        self._runner.start(Job(view, control, events, think, words, replaces, kept=kept))
