"""Which actions of the chat apply now, under the names that the table of actions has for that."""

from __future__ import annotations

from dataclasses import dataclass

from r1chat.tui.chat.attachment_bar import AttachmentBar
from r1chat.tui.chat.conversation_state import OpenConversation
from r1chat.tui.chat.full_context import ContextRoom
from r1chat.tui.chat.history_actions import HistoryActions
from r1chat.tui.chat.history_sidebar import HistorySidebar
from r1chat.tui.chat.input_mode import Ask, ModalInput
from r1chat.tui.chat.interrupted import InterruptedReply
from r1chat.tui.chat.original_model import OriginalModel
from r1chat.tui.chat.outbox import Outbox
from r1chat.tui.chat.replies import Replies
from r1chat.tui.chat.reply_runner import ReplyRunner
from r1chat.tui.chat.think_first import ThinkFirst
from r1chat.tui.widgets.composer import Composer
from r1chat.tui.widgets.conversation import ConversationView
from r1chat.tui.widgets.slider import BudgetSlider


@dataclass(frozen=True, slots=True)
class Conditions:
    """Asks the parts of the chat; owns nothing."""

    attachments: AttachmentBar
    composer: Composer
    history: HistoryActions
    input: ModalInput
    interrupted: InterruptedReply
    original: OriginalModel
    outbox: Outbox
    replies: Replies
    room: ContextRoom
    runner: ReplyRunner
    sidebar: HistorySidebar
    slider: BudgetSlider
    state: OpenConversation
    think: ThinkFirst
    turns: ConversationView

    @property
    def running(self) -> bool:
        """Whether the model is at work."""
        return self.runner.running or self.history.naming or self.room.busy

    @property
    def resting(self) -> bool:
        """Whether there is a model, and nothing is under way."""
        return self.replies.ready and not self.running and self.input.paused is None

    @property
    def cancelled(self) -> str:
        """What Escape does at rest, in a word; empty where it does nothing."""
        if not isinstance(self.input.mode, Ask):
            return "Cancel"
        if self.outbox.held is not None:
            return "Take back"
        attached = self.attachments.attachments and self.composer.has_focus
        return "Detach" if attached else ""

    @property
    def can_stop(self) -> bool:
        """Whether there is something to stop or to cancel, and Escape is nobody else's."""
        of_the_slider = self.slider.has_focus and self.slider.editing_minimum
        begun = self.running or bool(self.cancelled)
        elsewhere = of_the_slider or self.composer.suggesting
        return begun and not elsewhere and self.is_outside_panel

    @property
    def is_outside_panel(self) -> bool:
        """Whether keys that the history panel has too mean the conversation."""
        return not self.sidebar.has_focus

    @property
    def answer_missing(self) -> bool:
        """Whether an answer can be asked for that the last reply lacks."""
        return self.resting and self.replies.answer_missing

    @property
    def can_answer_now(self) -> bool:
        """Whether a thought can be closed, or one that ended lacks its answer."""
        return self.runner.thinking or self.answer_missing

    @property
    def can_think_more(self) -> bool:
        """Whether a thought goes on, or can be reopened."""
        thinks = self.runner.thinking and not self.runner.beside
        return thinks or (self.resting and bool(self._thought))

    @property
    def _thought(self) -> str:
        reply = self.replies.last_reply
        return reply.thought if reply is not None else ""

    @property
    def can_think_first(self) -> bool:
        """Whether the model can be asked to think, or not to, from the next question on."""
        return self.resting and self.think.can_switch

    @property
    def has_wrong_sums(self) -> bool:
        """Whether a sum in the last thought is wrong."""
        if not self.state.has_turns:
            # Before the first one nothing of a turn is imported.
            return False
        last = self.turns.last
        return last is not None and bool(last.thinking.view.written.wrong)

    @property
    def has_one_thought(self) -> bool:
        """Whether the conversation's model thinks one thought, and not several at a time."""
        return self.runner.thinking and not (self.runner.drawing or self.runner.beside)

    @property
    def can_continue(self) -> bool:
        """Whether the last reply was stopped, and can go on; or the last one before a crash."""
        stopped = self.replies.ready and not self.running and self._stopped
        return stopped or self.interrupted.offered

    @property
    def _stopped(self) -> bool:
        reply = self.replies.last_reply
        return reply is not None and reply.stopped

    @property
    def can_regenerate(self) -> bool:
        """Whether there is a turn to ask again, and nothing runs."""
        return self.resting and self.replies.last_node is not None

    @property
    def can_page(self) -> bool:
        """Whether the conversation has to be scrolled from elsewhere."""
        return self.composer.has_focus or self.slider.has_focus

    @property
    def has_budget(self) -> bool:
        """Whether there is a budget between off and max."""
        return self.slider.has_middle

    @property
    def has_turns(self) -> bool:
        """Whether anything was said yet."""
        return self.state.has_turns

    @property
    def can_tag(self) -> bool:
        """Whether there is a conversation to be tagged, and the panel does not mean another."""
        return self.has_turns and self.is_outside_panel

    @property
    def has_other_model(self) -> bool:
        """Whether the conversation's original model is another one."""
        return not self.running and self.original.differs

    @property
    def has_deleted(self) -> bool:
        """Whether a deletion can be undone."""
        return self.history.restorable

    @property
    def can_suggest_title(self) -> bool:
        """Whether the model can be asked for a title."""
        return self.has_turns and self.replies.ready and not self.running

    @property
    def can_summarise(self) -> bool:
        """Whether there are turns that the model could sum up."""
        return self.resting and self.room.can_summarise

    @property
    def has_summary(self) -> bool:
        """Whether the model reads a summary, and nothing runs."""
        return not self.running and self.room.has_summary
