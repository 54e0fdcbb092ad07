"""The chat screen: composes its parts, says which keys apply, and takes each key to its part."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Horizontal
from textual.screen import Screen

from r1chat import keymap
from r1chat.reasoning.phrases import WAIT
from r1chat.sanitize import line
from r1chat.tui import keys, typed
from r1chat.tui.chat import steering
from r1chat.tui.chat.attachment_bar import AttachmentBar
from r1chat.tui.chat.budget_entry import BudgetEntry
from r1chat.tui.chat.comparing import Comparing
from r1chat.tui.chat.completion import Completion
from r1chat.tui.chat.conditions import Conditions
from r1chat.tui.chat.conversation_state import OpenConversation
from r1chat.tui.chat.expectation import Expectation
from r1chat.tui.chat.full_context import Asked, ContextRoom
from r1chat.tui.chat.history_actions import HistoryActions
from r1chat.tui.chat.history_sidebar import BESIDE, HistorySidebar
from r1chat.tui.chat.input_mode import Ask, Edit, ModalInput, Revise, Steer
from r1chat.tui.chat.interrupted import InterruptedReply
from r1chat.tui.chat.meters import Meters
from r1chat.tui.chat.model_status import ModelStatus
from r1chat.tui.chat.original_model import OriginalModel
from r1chat.tui.chat.outbox import Outbox
from r1chat.tui.chat.passages import Passages
from r1chat.tui.chat.preset_choice import PresetChoice
from r1chat.tui.chat.replies import Replies
from r1chat.tui.chat.reply_runner import STOP_FIRST, Finished, ReplyRunner
from r1chat.tui.chat.sampling import SampleCount
from r1chat.tui.chat.shading import Shading
from r1chat.tui.chat.think_first import ThinkFirst
from r1chat.tui.commands import named_commands
from r1chat.tui.host import Host
from r1chat.tui.services.guest_model import GuestModel
from r1chat.tui.thought_words import fit
from r1chat.tui.widgets.composer import Composer
from r1chat.tui.widgets.conversation import ConversationView
from r1chat.tui.widgets.key_bar import KeyBar
from r1chat.tui.widgets.queue import Queue, Queued
from r1chat.tui.widgets.samples_sign import SamplesSign
from r1chat.tui.widgets.slider import BudgetSlider
from r1chat.tui.widgets.tail_sign import TailSign
from r1chat.tui.widgets.topbar import TopBar

if TYPE_CHECKING:
    # What a turn needs is imported where it is used: the first frame has none.
    from r1chat.conversation import Node
    from r1chat.engine.base import Engine
    from r1chat.events import Reply
    from r1chat.session import Session
    from r1chat.store import Hit, Loaded
    from r1chat.tui.widgets.compared import ComparedTurn
    from r1chat.tui.widgets.history_list import Entry
    from r1chat.tui.widgets.history_panel import HistoryPanel
    from r1chat.tui.widgets.thought import ThoughtView
    from r1chat.tui.widgets.turn import TurnView

LONG_S = 10.0
"""A reply that took longer is announced where the terminal is not looked at."""
_LOOKS_S = 1.0
"""How often the history is asked whether there is something to tell."""
_CORNERS = 2
"""Columns of a border's line that no words stand in."""
_REMEMBERED = 50
"""Earlier questions that the composer gives back."""
_NOT_PAUSED = "The thought is about to pause: then press Enter again."
_NO_THOUGHT = "The model of the paused thought is not here: the words stay for a question."
_WAYS = ("previous", "next")
_WAITING = "A question is waiting for its model; F9 starts a new conversation."


class ChatScreen(Screen[None]):
    """A conversation with a model.

    Args:
        host: The app.
        guest: Has another model answer once.
    """

    DEFAULT_CSS = """
    ChatScreen {
        layers: default above;
        #talk { height: 1fr; layers: default above; }
        #spending { height: 1; margin: 0 1; }
        /* Where lines are few, they belong to the conversation. */
        &.-low, &.-lowest {
            ConversationView { padding: 0 1; }
            Composer, Composer:focus { border: none; min-height: 1; max-height: 3; }
            Tally { max-height: 2; }
        }
        &.-lowest KeyBar, &.-lowest #spending { display: none; }
        /* Where there is no room beside the conversation, the panel lies on it. */
        &.-narrow HistoryPanel { layer: above; width: 100%; }
        &.-vast HistoryPanel { width: 44; }
        &.-lowest HistoryPanel { margin: 1 0 0 0; }
    }
    """
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012  (Textual declares it)
        (0, "-lowest"),
        (7, "-low"),
        (16, "-high"),
    ]
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012  (Textual declares it)
        (0, "-narrow"),
        (BESIDE, "-wide"),
        (120, "-vast"),
    ]
    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("chat")

    def __init__(self, host: Host, guest: GuestModel) -> None:
        super().__init__()
        self._host = host
        self.topbar = TopBar()
        self.conversation = ConversationView(id="conversation")
        self.slider = BudgetSlider(host.preferences.budget)
        self.composer = Composer(id="composer")
        self.queue = Queue()
        self.attachments = AttachmentBar()
        self._tail = TailSign()
        self._sign = SamplesSign()

        self.state = OpenConversation(host.history)
        self.state.instruct(None, host.settings.system)
        self.input = ModalInput(self.composer, self.refresh_bindings)
        self.outbox = Outbox(self.composer, self.queue, self.attachments)
        self._meters = Meters(self.topbar, self.slider)
        self._room = ContextRoom(
            host,
            turns=self.conversation,
            state=self.state,
            topbar=self.topbar,
            every=self.set_interval,
            post=self.post_message,
            changed=self.refresh_bindings,
            ended=lambda: self.call_later(self.ask_next),
            typed=self.composer.insert,
        )
        self.runner = ReplyRunner(
            self.set_interval, self._meters, self.refresh_bindings, self._finished, self._room.take
        )
        self._count = SampleCount(host, self._sign)
        self._budget = BudgetEntry(host, self.slider)
        self._expectation = Expectation(
            host,
            self.composer,
            self.slider,
            asked=lambda: self.last.question if self.running and self.last else "",
            after=self.set_timer,
        )
        self._preset = PresetChoice(host, self.state, self.slider)
        self._think = ThinkFirst(host)
        self.replies = Replies(
            host,
            turns=self.conversation,
            state=self.state,
            runner=self.runner,
            count=self._count,
            outbox=self.outbox,
            bar=self.attachments,
            slider=self.slider,
            think=self._think,
            hint=lambda: self.model.hint,
            room=self._room,
        )
        self._comparing = Comparing(
            host,
            guest,
            turns=self.conversation,
            state=self.state,
            runner=self.runner,
            replies=self.replies,
            slider=self.slider,
            think=self._think,
            leave_begun=self._leave_begun,
        )
        self._completion = Completion(
            host,
            self.composer,
            mount=partial(self.mount, before=self.composer),
            commands=lambda: named_commands(self.app, self),
            run=self.run_action,
        )
        self._original = OriginalModel(host, self.state)
        self._shading = Shading(host, self.conversation, self.runner)
        self._passages = Passages(
            host,
            self.conversation,
            self.replies,
            running=lambda: self.running,
            unable=self._is_unable,
            leave_begun=self._leave_begun,
        )
        self._history = HistoryActions(
            host,
            self.state,
            busy=lambda: self.running,
            changed=self._history_changed,
            leave=self._leave_the_deleted,
        )
        self.sidebar = HistorySidebar(
            host,
            current=lambda: self.state.id,
            restorable=lambda: self._history.restorable,
            mount=partial(self.mount, before=0),
        )
        self.model = ModelStatus(
            host,
            topbar=self.topbar,
            turns=self.conversation,
            slider=self.slider,
            meters=self._meters,
            outbox=self.outbox,
            think=self._think,
            running=lambda: self.running,
            changed=self._change_model,
            forsaken=self._give_back_held,
        )
        self._interrupted = InterruptedReply(
            host, self.state, show=self.model.offer, open_=self.open_conversation
        )
        self.conditions = Conditions(
            attachments=self.attachments,
            composer=self.composer,
            history=self._history,
            input=self.input,
            interrupted=self._interrupted,
            original=self._original,
            outbox=self.outbox,
            replies=self.replies,
            room=self._room,
            runner=self.runner,
            sidebar=self.sidebar,
            slider=self.slider,
            state=self.state,
            think=self._think,
            turns=self.conversation,
        )

    def compose(self) -> ComposeResult:
        """From the top: model, conversation, slider, composer, keys."""
        yield self.topbar
        yield Container(self.conversation, self._tail, id="talk")
        yield Horizontal(self.slider, self._sign, id="spending")
        yield self.queue
        yield self.attachments
        yield self.composer
        yield KeyBar()

    async def on_mount(self) -> None:
        """The composer takes keys at once, whatever is still being loaded."""
        await self.conversation.show_hint(self.model.hint)
        self.composer.focus()
        self._count.show()
        self._shading.show()
        self.watch(self.conversation, "news", self._show_news, init=False)
        self.watch(self.queue, "questions", self._show_queue, init=False)
        self.watch(self.composer, "selection", self._completion.look, init=False)
        self.watch(self.composer, "selection", self._expectation.look, init=False)
        self.watch(self.slider, "remark", self._show_remark)
        self.watch(self.slider, "has_focus", self._show_remark)

    async def on_unmount(self) -> None:
        """Stops what runs, so that its end is saved."""
        await self.runner.close()

    # -- what others ask it --

    @property
    def session(self) -> Session | None:
        """The conversation with the model, once there is one."""
        return self.state.session

    @property
    def shown_id(self) -> str:
        """Its id; empty where there is none."""
        return self.state.id

    @property
    def last(self) -> TurnView | None:
        """The last turn on the screen."""
        return self.conversation.last

    @property
    def panel(self) -> HistoryPanel | None:
        """The panel of conversations, while it is open."""
        return self.sidebar.panel

    @property
    def running(self) -> bool:
        """Whether the model is at work."""
        return self.conditions.running

    @property
    def thinking(self) -> bool:
        """Whether the model is in its thought."""
        return self.runner.thinking

    @property
    def ready(self) -> bool:
        """Whether there is a model."""
        return self.replies.ready

    @property
    def occupied(self) -> bool:
        """Whether a reply runs or a thought is paused, which another model would disturb."""
        return self.running or self.input.steering

    def focus_text_field(self) -> bool:
        """Gives the keyboard to the composer; a panel that hides it is closed."""
        self.sidebar.uncover(self.app.size.width)
        return typed.focus_first(self, Composer)

    # -- which actions apply, by the conditions that the table of actions names --

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Shows in the footer only what applies now."""
        del parameters
        return keys.applies(self.conditions, "chat", action)

    def title_of(self, action: str) -> str:
        """What the footer calls an action now; empty where that is its usual title."""
        if action == "think_first" and self._think.thinks:
            return "Plain answer"
        return self.conditions.cancelled if action == "stop" and not self.running else ""

    def unable(self, action: str) -> str:
        """Why what a key is for cannot be done now, in a few words; empty where it can."""
        if action == "models" and self.running:
            return STOP_FIRST
        return self.replies.obstacle(action)

    def _is_unable(self, action: str) -> bool:
        """Says why this model cannot do something, where it cannot."""
        why = self.replies.obstacle(action)
        if why:
            self.notify(f"Not with this model: {line(why, 200)}.", timeout=5, markup=False)
        return bool(why)

    # -- the composer --

    @on(Composer.Sent)
    async def _sent(self, event: Composer.Sent) -> None:
        """Takes a text where it belongs: to the model, into a thought, or to those that wait."""
        async with self.conversation.lock:
            mode = self.input.mode
            if not (self.running or self.outbox.held is not None):
                await self._take_text(event.text)
            elif isinstance(mode, Ask):
                self.outbox.put_off(event.text)
            else:
                self.composer.give_back(event.text)
                pausing = isinstance(mode, Steer) and self.input.paused is None
                self.notify(_NOT_PAUSED if pausing else STOP_FIRST, timeout=3)

    async def _take_text(self, text: str) -> None:
        match self.input.sent():
            case Edit(node):
                await self.replies.replace(node, text)
            case Revise(node):
                self._room.keep(node, text)
            case Steer(view, reply) if reply is not None:
                if view is self.last and reply is self.replies.last_reply and self.ready:
                    view.reopen()
                    self.replies.resume(steering.with_words(reply, text), text)
                else:
                    self.composer.give_back(text)
                    self.notify(_NO_THOUGHT, timeout=5)
            case _:
                await self.replies.ask(text)

    async def ask_next(self) -> None:
        """Asks the question that has waited longest, unless something else is in its way."""
        async with self.conversation.lock:
            begun = isinstance(self.input.mode, (Edit, Revise)) or self.input.paused is not None
            if self.running or self.outbox.held is not None or begun:
                return
            question = self.outbox.next()
            if question is not None:
                await self.replies.ask(question.text, attached=question.attached)

    @on(Composer.Emptied)
    async def _emptied(self, event: Composer.Emptied) -> None:
        if event.key == "enter" and self.model.offers:
            await self.app.run_action("download")
        elif event.key == "enter":
            await self.ask_next()
        elif event.key == "up":
            self.outbox.take_back()
        else:
            await self.app.run_action("quit")

    @on(Queue.Pressed)
    def _queue_pressed(self) -> None:
        self.outbox.take_back()

    def _show_queue(self, questions: tuple[Queued, ...]) -> None:
        self.composer.queued = bool(questions)

    @on(Composer.Attach)
    async def _attach_pasted(self, event: Composer.Attach) -> None:
        if event.path is None:
            self.attachments.attach_text(event.text)
        elif event.path.suffix.lower() == ".gguf" and not self.running:
            # A model that is dropped on the app is to be used, and could not be attached.
            self._host.use_model(str(event.path))
        elif not await self.attachments.attach_file(str(event.path)):
            self.composer.insert(event.text)

    @on(AttachmentBar.Changed)
    def _attachments_changed(self) -> None:
        self.refresh_bindings()

    def action_attach(self) -> None:
        """Picks a file to attach."""
        from r1chat.tui.screens.attach import AttachFile

        if self.app.screen is self:
            self.app.push_screen(AttachFile(), self.attach_picked)

    async def attach_picked(self, path: str | None) -> None:
        """Attaches the file that was picked, if any."""
        if path is not None:
            await self.attachments.attach_file(path)

    def action_to_composer(self) -> None:
        """Goes back to where questions are written, and from there closes the panel."""
        if self.panel is not None and self.composer.has_focus:
            self.call_later(self.sidebar.close)
        else:
            self.focus_text_field()

    # -- a reply under way --

    def _finished(self, finished: Finished) -> None:
        """Does what had to wait for the reply's end."""
        view = finished.job.view
        self._interrupted.withdraw()
        self._place(finished)
        if view.draw is not None:
            self.conversation.drawn = view.draw
            self._stay_at_the_sample(view)
        if finished.reopen and not self.input.steering:
            # Nothing is shown to rest in between.
            self.call_later(self._reopen)
        else:
            self.refresh_bindings()
            self.replies.show_hint()
        if self.input.steering:
            self._pause(view, None if finished.error else self.state.own_reply(view.node))
        self.sidebar.reload()
        self._learn()
        if finished.error is None:
            self.call_later(self.ask_next)

    def _place(self, finished: Finished) -> None:
        """Gives the turn its place in the conversation; gives back what nothing came of."""
        job, reply = finished.job, finished.reply
        if finished.error is not None:
            if job.words and finished.unheard:
                self.outbox.give_back_failed(job.words, job.view.attachments)
        elif job.beside is None and self.session is not None:
            if job.replaces is not None:
                self.state.remove(job.replaces)
            job.view.place(self.session.conversation.last())
        if job.beside is not None:
            self._comparing.finish(finished, job.beside)
        if reply is not None and reply.receipt.thought_s + reply.receipt.answer_s >= LONG_S:
            self._host.announce("The model has answered.")

    def _stay_at_the_sample(self, view: TurnView) -> None:
        """Goes on with the sample that is shown, where it says what the majority says."""
        node = view.as_good
        if node is not None and node is not view.node:
            self.state.choose(node)
            view.place(node)

    def _pause(self, view: TurnView, reply: Reply | None) -> None:
        """Has the composer take words for a thought that has just paused."""
        if reply is None:
            self.input.leave()
            return
        view.status = "Paused"
        self.input.steer(view, reply)
        self.composer.focus()

    def action_stop(self) -> None:
        """Stops the reply and keeps what there is; at rest, leaves what was begun."""
        if self._history.naming:
            self._history.stop_naming()
        elif self._room.stop():
            pass
        elif self.runner.running:
            if self.input.steering:
                self.input.leave()
            self.runner.cancel()
        elif not isinstance(self.input.mode, Ask):
            if self.input.steering and self.last is not None:
                self.last.show_receipt()
            self.input.leave()
        elif self.outbox.held is not None:
            self._give_back_held()
        else:
            self.attachments.remove_last()
        self.call_later(self.ask_next)

    def _give_back_held(self) -> None:
        self.run_worker(self.replies.give_back_held(), group="give-back", exit_on_error=False)

    async def action_answer_now(self) -> None:
        """Closes the thought, so that the model answers; also one that ended without an answer."""
        async with self.conversation.lock:
            reply = self.replies.last_reply
            if self.runner.control is not None:
                if not self._is_unable("answer_now"):
                    self.runner.control.answer_now()
            elif reply and self.conditions.answer_missing and not self._is_unable("go_on"):
                resume = steering.continuation(reply, keep=len(reply.thought), close=True)
                self.replies.resume(resume)

    def action_look_ahead(self) -> None:
        """Asks what the model would answer now, where that can be done."""
        if not self._is_unable("look_ahead"):
            self.runner.preview()

    async def action_think_more(self) -> None:
        """Has the model keep thinking at its next stop, or reopens its thought."""
        async with self.conversation.lock:
            if self._is_unable("think_more"):
                return
            if not self.runner.running:
                await self._reopen()
            elif self.runner.think_more():
                self.notify("The model will keep thinking where it would stop.", timeout=3)

    async def _reopen(self) -> None:
        async with self.conversation.lock:
            reply = self.replies.last_reply
            if self.running or self.last is None or reply is None or not reply.thought:
                return
            resume = steering.continuation(reply, keep=len(reply.thought), words=WAIT)
            await self.replies.branch(self.last, resume)

    def action_steer(self) -> None:
        """Pauses the thought, so that words can be added to it."""
        view = self.runner.view
        if view is not None and not self._is_unable("steer"):
            self.input.pause(view)
            self.runner.cancel()

    async def action_go_on(self) -> None:
        """Continues a reply that was stopped, or the one that a crash broke off."""
        async with self.conversation.lock:
            if not self._interrupted.offered:
                self._go_on()
                return
            await self._interrupted.take()
            if self._original.differs:
                self._original.load()
            await self._go_on_with_interrupted()

    async def _go_on_with_interrupted(self) -> None:
        """Continues what was taken up, once its model is there."""
        async with self.conversation.lock:
            if self.conditions.can_continue and self._interrupted.due():
                self._go_on()

    def _go_on(self) -> None:
        reply = self.replies.last_reply
        if not self.running and reply is not None and not self._is_unable("go_on"):
            if self.input.steering:
                self.input.leave()
            self.replies.resume(steering.continuation(reply))

    # -- a full context --

    @on(Asked)
    def _asked_for_room(self, event: Asked) -> None:
        self._room.ask(event)

    def action_summarise(self) -> None:
        """Has the model sum up the turns that it does not see, or all but the last."""
        self._room.summarise()

    def action_edit_summary(self) -> None:
        """Takes the summary that the model reads into the composer."""
        node = self._room.last
        if node is not None and node.turn is not None and node.turn.summary is not None:
            self.input.revise(node, node.turn.summary.text)

    def action_remove_summary(self) -> None:
        """Has the model read the turns again that the summary stands for."""
        self._room.remove()

    # -- the budget and the samples --

    def action_think_first(self) -> None:
        """Has the model think first from the next question on, or answer plainly."""
        self._think.switch()
        self.model.fit_slider()
        self.refresh_bindings()

    @on(BudgetSlider.Changed)
    def _budget_moved(self, event: BudgetSlider.Changed) -> None:
        self._host.preferences.budget = event.budget
        self.runner.change_budget(event.budget)

    @on(BudgetSlider.FigureWanted)
    def _figure_wanted(self, event: BudgetSlider.FigureWanted) -> None:
        self._budget.ask(of_minimum=event.of_minimum)

    def _show_remark(self) -> None:
        """Shows what the slider has to say, on the line below it, while one is at it."""
        slider, composer = self.slider, self.composer
        said = slider.remark if slider.has_focus and slider.remark else ("",)
        composer.border_subtitle = fit(said, composer.size.width - _CORNERS)

    def action_slider(self) -> None:
        """Goes to the slider, or back to the composer."""
        if not self._is_unable("slider"):
            # `focus` and `has_focus` come about later: the key may be pressed twice in a row.
            self.set_focus(self.composer if self.focused is self.slider else self.slider)

    def action_type_budget(self) -> None:
        """Opens a field for the budget."""
        self._budget.ask(of_minimum=False)

    def action_type_minimum(self) -> None:
        """Opens a field for the minimum."""
        self._budget.ask(of_minimum=True)

    def action_budget_unit(self) -> None:
        """Counts the budget in the other unit."""
        self.slider.action_unit()

    @on(SamplesSign.Pressed)
    def action_samples(self) -> None:
        """Goes on to the next number of samples; behind the last it is off."""
        self._count.step()

    def action_choose_samples(self) -> None:
        """Picks how many samples the questions from now on are asked with."""
        self._count.choose()

    @property
    def preset_name(self) -> str:
        """The preset that holds for this conversation; empty where there is none."""
        return self._preset.name

    def show_settings(self) -> None:
        """Shows what settings say that were changed elsewhere."""
        self._preset.show()
        self._count.show()
        self._shading.show()
        self.model.fit_slider()
        self.refresh_bindings()

    def action_presets(self) -> None:
        """Picks a named set of instructions, budget and sampling for this conversation."""
        self._preset.choose()

    async def action_ask_samples(self) -> None:
        """Asks the last question again with several samples."""
        await self._count.ask_with(self._regenerate_anew)

    async def _regenerate_anew(self) -> None:
        async with self.conversation.lock:
            if not self.running and self.replies.last_node is not None:
                self._leave_begun()
                await self.action_regenerate()

    # -- versions --

    def action_compare(self) -> None:
        """Has another model, or other settings, answer the last question, beside its reply."""
        self._comparing.offer(in_place=False)

    def action_regenerate_with(self) -> None:
        """Has another model answer the last question again; the conversation keeps its own."""
        self._comparing.offer(in_place=True)

    async def on_compared_turn_chosen(self, event: ComparedTurn.Chosen) -> None:
        """Goes on with the one of two replies that was chosen."""
        async with self.conversation.lock:
            node = event.view.node
            if event.view is not self.last and node is not None:
                await self._show_version(node, event.node.version - node.version)
            elif self._can_leave():
                self._comparing.take(event.view, event.node)
                self._check_steering()
                self.refresh_bindings()

    async def action_regenerate(self) -> None:
        """Asks the last question again; the reply so far is kept as a version."""
        async with self.conversation.lock:
            if self.last is not None and self.conditions.can_regenerate:
                await self.replies.branch(self.last)

    async def action_edit(self) -> None:
        """Takes a question back into the composer: the last, and each time the one before."""
        async with self.conversation.lock:
            if not self.conditions.can_regenerate:
                return
            edited, last = self.input.edited, self.replies.last_node
            before = edited.parent if edited is not None else None
            node = before if before is not None and before.turn is not None else last
            if node is not None and node.turn is not None:
                self.input.edit(node, node.turn.question)

    async def action_version(self, step: int) -> None:
        """Shows another sample of the last reply, or another version of it."""
        async with self.conversation.lock:
            view = self.runner.view or self.last
            if view is not None and view.show_sample(step):
                return
            tree = self.state.tree
            several = [node for node in tree.path() if len(node.siblings) > 1] if tree else []
            if several:
                await self._show_version(several[-1], step)

    async def on_turn_view_version_wanted(self, event: TurnView.VersionWanted) -> None:
        """Shows the version before or after."""
        if event.view.node is not None:
            await self._show_version(event.view.node, event.step)

    async def _show_version(self, node: Node, step: int) -> None:
        async with self.conversation.lock:
            if self._can_leave() and await self.replies.show_version(node, step):
                self._check_steering()
                self.refresh_bindings()

    def on_thought_view_paragraph_chosen(self, event: ThoughtView.ParagraphChosen) -> None:
        """Asks what is to be done from a paragraph of the thought."""
        event.stop()
        self._passages.choose(event.view, event)

    async def action_read(self) -> None:
        """Opens the thought in the reader."""
        await self._passages.read()

    async def action_outline(self) -> None:
        """Opens the thought in the reader, with its outline."""
        await self._passages.read(outlined=True)

    # -- looking --

    def _show_news(self, news: bool) -> None:  # noqa: FBT001  (Textual calls it)
        if news:
            # Not sooner: to look the keys up imports more than the first frame needs.
            key = keymap.written(self._host.shown_keys()["chat.tail"])
            self._tail.update(f"↓ new text · {key}")
        self._tail.display = news

    @on(TailSign.Pressed)
    async def action_tail(self) -> None:
        """Goes to the end of the conversation and follows the newest text again."""
        await self.conversation.action_tail()

    def action_page(self, step: int) -> None:
        """Scrolls the conversation from where one writes."""
        self.conversation.page(step)

    def action_thoughts(self) -> None:
        """Opens or closes all thoughts; the choice is remembered."""
        preferences = self._host.preferences
        hidden = preferences.thoughts_hidden = not preferences.thoughts_hidden
        for turn in self.conversation.turns:
            for thought in turn.thoughts:
                thought.collapsed = hidden

    async def action_copy_answer(self) -> None:
        """Copies the last answer, never the thought."""
        turn = await self.conversation.meant()
        if turn is not None:
            turn.answer.action_copy_answer()

    async def action_copy_code(self) -> None:
        """Copies the last block of code of the last answer."""
        turn = await self.conversation.meant()
        if turn is not None and not turn.answer.copy_code():
            self.notify("There is no code in it.", timeout=2)

    async def action_raw(self) -> None:
        """Shows the last reply's source, or its rendering."""
        turn = await self.conversation.meant()
        if turn is not None:
            turn.raw = not turn.raw

    def action_confidence(self) -> None:
        """Shows how sure the model is, or not."""
        self._shading.toggle()

    async def action_next_moment(self) -> None:
        """Goes to the next place of the last thought where the model doubts."""
        await self._go_to_moment(1)

    async def action_previous_moment(self) -> None:
        """Goes to the place before."""
        await self._go_to_moment(-1)

    async def _go_to_moment(self, step: int) -> None:
        turn = await self.conversation.meant()
        if turn is not None and turn.thinking.display:
            turn.thinking.go_to_moment(step)

    async def action_check_sum(self) -> None:
        """Thinks on from the wrong sum that was gone to."""
        turn = await self.conversation.meant()
        if turn is None or not turn.thinking.view.check_sum():
            shown = self._host.shown_keys()
            before, after = (keymap.written(shown[f"chat.{way}_wait"]) for way in _WAYS)
            text = f"No wrong sum is chosen: {before} and {after} go to them."
            self._host.notify(text, markup=False, timeout=4)

    # -- the model --

    def _change_model(self, engine: Engine) -> None:
        """Goes on with another model, or begins with the first."""
        self.state.change_model(engine)
        if not self.replies.ask_held():
            self.call_later(self.ask_next)
        mark = self._budget.mark(engine)
        self.run_worker(mark, group="marks", exclusive=True, exit_on_error=False)
        self._expectation.forget()
        self._learn()
        self.replies.show_hint()
        self._check_steering()
        self.call_later(self._go_on_with_interrupted)
        self.refresh_bindings()

    def _learn(self) -> None:
        """Learns anew how long the model thinks about what."""
        # Not yet called: it would be left over where the app ends before.
        learn: Any = self._expectation.learn
        self.run_worker(learn, group="lengths", exclusive=True, exit_on_error=False)

    def _check_steering(self) -> None:
        """Has the words go into the thought that stands last by now, if that can be continued."""
        if self.input.paused is None or self.last is None:
            return
        reply = self.replies.last_reply
        if reply is not None:
            self.input.steer(self.last, reply)
            return
        self.input.leave()
        self.last.show_receipt()
        if self.composer.text.strip():
            self.notify(_NO_THOUGHT, timeout=5)

    def action_its_model(self) -> None:
        """Loads the conversation's original model."""
        self._original.load()

    # -- which conversation it is --

    async def action_begin_anew(self) -> None:
        """Begins another conversation; the one so far is gone from the screen."""
        async with self.conversation.lock:
            if self.running:
                self.notify(STOP_FIRST, timeout=3)
                return
            self._leave_begun()
            if self.state.has_turns:
                self._interrupted.withdraw()
            self._preset.let_go()
            self.state.begin(self._host.engine, self._host.settings.system)
            self.outbox.give_back_held()
            self._meters.show_used(0)
            await self.conversation.clear()
            await self.conversation.show_hint(self.model.hint)
            self._host.titled = ""
            self.composer.focus()
            self.sidebar.reload()

    def _leave_begun(self) -> None:
        """Leaves what was begun with the conversation that is about to go; its words stay."""
        self.input.leave(unless_changed=True)
        self.outbox.put_aside()

    async def open_conversation(self, name: str, hit: Hit | None = None) -> bool:
        """Reads a conversation and shows it in place of the one on the screen.

        Args:
            name: Its id.
            hit: A place in it to go to.

        Returns:
            Whether it is shown.
        """
        if not self._can_leave():
            return False
        loaded = await self._history.load(name)
        async with self.conversation.lock:
            # Something may have been asked meanwhile.
            if loaded is None or not self._can_leave():
                return False
            await self._show_loaded(loaded, hit)
            self.sidebar.reload()
            return True

    def _can_leave(self) -> bool:
        waits = self.outbox.held is not None
        obstacle = STOP_FIRST if self.running else _WAITING if waits else ""
        if obstacle:
            self.notify(obstacle, timeout=3)
        return not obstacle

    async def _show_loaded(self, loaded: Loaded, hit: Hit | None) -> None:
        self._leave_begun()
        self._preset.let_go()
        # At once: who sees the conversation may write already.
        self.set_focus(self.composer)
        tree, preferences = loaded.conversation, self._host.preferences
        self.state.open(
            self._host.engine, tree, system=loaded.system, original_model=loaded.summary.model
        )
        place = self._place_of(hit)
        self._take_budget(loaded)
        self._host.titled = loaded.summary.title
        for node in list(tree.path())[-_REMEMBERED:]:
            if node.turn is not None and node.turn.question.strip():
                self.composer.remember(node.turn.question)
        await self.conversation.clear()
        last = tree.last()
        await self.conversation.show_until(last, collapsed=preferences.thoughts_hidden, place=place)
        cost = last.turn.reply.receipt if last.turn is not None else None
        self._meters.show_kept(cost, foreign=self.state.is_foreign(last))
        self.replies.show_hint()
        self.refresh_bindings()
        if place is not None and hit is not None:
            self.conversation.go_to(place, open_thought=hit.field == "thought")
        self._original.offer()

    def _place_of(self, hit: Hit | None) -> Node | None:
        """The turn that was found; the conversation goes through it from now on."""
        tree = self.state.tree
        if hit is None or tree is None:
            return None
        place = next((node for node in tree.nodes() if node.id == hit.node), None)
        if place is not None and place not in set(tree.path()):
            self.state.choose(place)
        return place

    def _take_budget(self, loaded: Loaded) -> None:
        from r1chat.conversation import think_of
        from r1chat.reasoning.budget import Budget

        self._think.take(think_of(loaded.settings))
        self.model.fit_slider()
        minimum = loaded.settings.get("min_think", 0)
        try:
            budget = Budget.parse(loaded.budget, minimum=int(minimum))
        except ValueError:
            # The two may not go together any more.
            budget = Budget.parse(loaded.budget)
        # It holds for this conversation: the user did not move the slider.
        preferences = self._host.preferences
        preferences.hold(budget=str(budget), min_think=budget.minimum or None)
        self.slider.value = budget

    # -- the history --

    async def history_opened(self) -> None:
        """Tells how that went, and opens the panel where it was open the last time."""
        self._look_at_history()
        self.set_interval(_LOOKS_S, self._look_at_history)
        self.run_worker(self._interrupted.look(), group="interrupted", exit_on_error=False)
        await self.sidebar.begin(self.app.size.width)

    def _look_at_history(self) -> None:
        history = self._host.history
        for notice in history.take_notices():
            self.notify(line(notice, 300), severity="warning", markup=False, timeout=10)
        self.topbar.unsaved = not history.saves

    def _history_changed(self) -> None:
        self.sidebar.reload()
        self.refresh_bindings()

    async def action_panel(self) -> None:
        """Opens the panel, goes to it, or closes it."""
        if not await self.sidebar.toggle():
            self.composer.focus()

    async def on_history_panel_left(self) -> None:
        """Escape closes the panel."""
        self.composer.focus()
        await self.sidebar.close()

    async def on_history_panel_chosen(self, event: HistoryPanel.Chosen) -> None:
        """Opens what was chosen."""
        name, hit = _parts(event.entry)
        if await self.open_conversation(name, hit):
            self.focus_text_field()

    async def on_history_panel_wanted(self, event: HistoryPanel.Wanted) -> None:
        """Does something with the conversation that the cursor is on."""
        name, hit = _parts(event.entry)
        if event.what == "duplicate":
            await self._duplicate(name, hit.node if hit is not None else None)
        elif event.what == "delete":
            await self._delete(name)
        else:
            await self._history.manage(event.what, name)

    async def action_rename_this(self) -> None:
        """Gives the conversation another title."""
        await self._history.manage("rename", self.shown_id)

    async def action_pin_this(self) -> None:
        """Pins the conversation, or not."""
        await self._history.manage("pin", self.shown_id)

    async def action_tag_this(self) -> None:
        """Gives the conversation tags."""
        await self._history.manage("tag", self.shown_id)

    async def action_delete_this(self) -> None:
        """Deletes the conversation; that can be undone."""
        await self._delete(self.shown_id)

    async def _delete(self, name: str) -> None:
        # Nothing is asked in a conversation that is just being deleted.
        async with self.conversation.lock:
            await self._history.manage("delete", name)

    async def _leave_the_deleted(self) -> None:
        focused = self.focused
        await self.action_begin_anew()
        if focused is not None:
            focused.focus()

    async def action_restore(self) -> None:
        """Takes the last deletion back."""
        await self._history.restore()

    def action_suggest_title(self) -> None:
        """Has the model make a title, which can be edited before it is taken."""

        async def suggest() -> None:
            try:
                await self._history.suggest_title()
            finally:
                self.call_later(self.ask_next)

        self.run_worker(suggest(), group="title", exclusive=True)

    async def action_export(self) -> None:
        """Asks for a file to write the conversation to."""
        await self._history.export(self.shown_id)

    def action_statistics(self) -> None:
        """Shows what all the thinking came to."""
        from r1chat.tui.screens.statistics import StatisticsScreen

        self.app.push_screen(StatisticsScreen(self._host.history))

    def action_duplicate_from(self) -> None:
        """Asks up to which turn the conversation is to be copied, and continues in the copy."""

        def take(node: str) -> None:
            self.run_worker(self._duplicate(self.shown_id, node), group="duplicate")

        self._history.pick_turn("Copy the conversation up to", take)

    async def _duplicate(self, name: str, node: str | None) -> None:
        """Copies a conversation, up to a node or all of it, and opens the copy."""
        copy = await self._history.copy(name, node)
        if copy is not None and await self.open_conversation(copy):
            self.notify("This is the copy.", timeout=3)


def _parts(entry: Entry) -> tuple[str, Hit | None]:
    """The conversation's id, and the place in it."""
    from r1chat.store import Hit

    return (entry.conversation, entry) if isinstance(entry, Hit) else (entry.id, None)
