"""A question and its reply on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static

from r1chat.attachments import Attachment
from r1chat.conversation import Node, Turn
from r1chat.engine.base import Continuation
from r1chat.events import (
    AnswerText,
    Evaluating,
    Event,
    InjectedText,
    Injection,
    Notice,
    Peeked,
    Reply,
    ThoughtEnded,
    ThoughtText,
    TokenScore,
    WrongSum,
)
from r1chat.reasoning.budget import Budget
from r1chat.sanitize import line, line_breaks, sanitize
from r1chat.tui.samples import Draw
from r1chat.tui.selecting import WordSelection
from r1chat.tui.widgets.answer import AnswerView
from r1chat.tui.widgets.summary import SummaryView
from r1chat.tui.widgets.thinking import ThinkingPane
from r1chat.tui.widgets.versions import Versions
from r1chat.wording import answer_line, wrong_sums_words

_SLOW_PROMPT = 256


class Question(WordSelection, Static):
    """The question."""


class TurnView(Vertical):
    """One turn: the question, the thought, the answer, and what it cost.

    Args:
        question: As it was asked.
        attachments: What goes along.
    """

    DEFAULT_CSS = """
    TurnView {
        height: auto;
        margin: 0 0 1 0;
        .turn--question {
            height: auto;
            padding: 0 1;
            margin: 0 0 1 0;
            background: $surface;
            border-left: thick $primary;
        }
        .turn--before {
            height: auto;
            padding: 0 2;
            margin: 0 0 1 0;
            color: $text-muted;
            text-style: italic;
        }
        .turn--status {
            height: auto;
            padding: 0 2;
            color: $text-muted;
        }
        AnswerView { margin: 1 1 0 2; }
    }
    """

    status: reactive[str] = reactive("")
    """The line below the answer: what is going on, or what the reply cost."""

    before: reactive[str] = reactive("")
    """What became of the turns before it, where the context was full; above the reply."""

    hint: reactive[str] = reactive("")
    """Which key helps, where the reply is a dead end; behind the status."""

    raw: reactive[bool] = reactive(default=False, init=False)
    """Whether thought and answer are shown as the model wrote them."""

    shaded: reactive[bool] = reactive(default=False, init=False)
    """Whether it is shown how sure the model was of its thoughts."""

    @dataclass
    class VersionWanted(Message):
        """The user wants to see another version of the reply."""

        view: TurnView
        step: int

    def __init__(self, question: str, attachments: Sequence[Attachment] = ()) -> None:
        super().__init__()
        self.question = question
        self.attachments = tuple(attachments)
        self.node: Node | None = None
        """Where the turn stands in the conversation, once its reply has ended."""
        self.collapsed_at_start = False
        self._reply: Reply | None = None
        self._cut_off = False

    def compose(self) -> ComposeResult:
        """The question first; what has no text yet is not displayed."""
        yield self._question()
        before = Static("", markup=False, classes="turn--before")
        before.display = False
        yield before
        status = Static("", markup=False, classes="turn--status")
        for part in (Versions(), ThinkingPane(), AnswerView(), status):
            # Not in a handler of the mounting: a turn may be taken away while it is mounted.
            part.display = part is status and bool(self.status)
            yield part

    def _question(self) -> Question:
        shown = sanitize(line_breaks(self.question))
        if self.attachments:
            shown += "\n" + " ".join(f"[{line(item.name, 60)}]" for item in self.attachments)
        return Question(shown, markup=False, classes="turn--question")

    @property
    def complete(self) -> bool:
        """Whether its parts are there; of one taken away while it was mounted they are not."""
        return self.is_attached and bool(self.query(ThinkingPane))

    @property
    def thinking(self) -> ThinkingPane:
        """The thought's pane."""
        return self.query_one(ThinkingPane)

    @property
    def thoughts(self) -> list[ThinkingPane]:
        """The panes of all thoughts that it shows."""
        return [self.thinking]

    @property
    def answer(self) -> AnswerView:
        """The answer's pane."""
        return self.query_one(AnswerView)

    @property
    def is_thinking(self) -> bool:
        """Whether its thought is being written."""
        return self.thinking.running

    @property
    def draw(self) -> Draw | None:
        """The samples that its reply is the majority's of; None where it was asked for once."""
        return None

    @property
    def drawing(self) -> bool:
        """Whether several samples are being drawn."""
        return False

    @property
    def astray(self) -> bool:
        """Whether another sample is shown than the one that the conversation goes on with."""
        return False

    @property
    def as_good(self) -> Node | None:
        """The sample that is shown, where it has the answer that the conversation goes on with."""
        return None

    def show_sample(self, step: int) -> bool:
        """Shows another sample of its reply.

        Args:
            step: How many samples further.

        Returns:
            Whether there are any to be shown.
        """
        del step
        return False

    def in_sight(self, event: Event) -> Event | None:
        """An event of the reply as far as its figures are to be shown."""
        return event

    def watch_status(self) -> None:
        """Shows the status, or nothing."""
        if not self.is_mounted:
            return
        said = " · ".join(part for part in (self.status, self.hint) if part)
        widget = self.query_one(".turn--status", Static)
        widget.update(said)
        widget.display = bool(said)

    def watch_before(self) -> None:
        """Shows what became of the turns before."""
        if self.is_mounted:
            widget = self.query_one(".turn--before", Static)
            widget.update(self.before)
            widget.display = bool(self.before)

    def watch_hint(self) -> None:
        """Shows which key helps."""
        self.watch_status()

    def begin(self, budget: Budget, *, answering: bool = False) -> None:
        """Makes ready for a reply.

        Args:
            budget: How long the model may think.
            answering: Whether its thought is closed already.
        """
        self._cut_off = False
        if not answering:
            self.thinking.collapsed = self.collapsed_at_start
            self.thinking.start(budget)
        self.status = "Beginning…"

    def take(self, event: Event) -> None:
        """Shows an event."""
        match event:
            case Evaluating():
                self._show_reading(event)
            case ThoughtText(text=text, tokens=tokens):
                self._think()
                self.thinking.write(text, tokens)
            case InjectedText(text=text):
                self._think()
                self.thinking.inject(text)
            case TokenScore() | Peeked() | ThoughtEnded() | WrongSum():
                self._note(event)
            case AnswerText(text=text):
                self.status = ""
                self._write(text)
            case Reply():
                self._end(event)
            case Notice(text=text):
                self.notify(line(text, 300), title="Note", markup=False)
            case _:
                pass

    def _note(self, event: TokenScore | Peeked | ThoughtEnded | WrongSum) -> None:
        """Shows what is to be said of the thought."""
        match event:
            case TokenScore():
                self.thinking.measure(event)
            case Peeked():
                self.thinking.peek(event)
            case ThoughtEnded():
                self.thinking.finish(event)
            case WrongSum(place="thought"):
                self.thinking.mark_wrong(event)
            case _:
                pass

    def _show_reading(self, read: Evaluating) -> None:
        """Says how much of the prompt is read; nothing flips where words were put in between."""
        if read.total - read.reused > _SLOW_PROMPT:
            self.status = f"Reading {read.done:,} of {read.total:,} tokens"
        elif not (self.thinking.display or self.answer.display):
            self.status = "Reading…"

    def watch_raw(self, raw: bool) -> None:  # noqa: FBT001  (Textual calls it)
        """Shows the other form of the thought and of the answer."""
        if self.complete:
            self.thinking.view.raw = self.answer.raw = raw

    def watch_shaded(self) -> None:
        """Shows how sure the model was, or not."""
        if self.complete:
            for pane in self.thoughts:
                pane.shaded = self.shaded

    def _think(self) -> None:
        self.status = ""
        self.thinking.display = True

    def _write(self, text: str) -> None:
        self.answer.display = True
        self.answer.write(text)

    def _end(self, reply: Reply) -> None:
        if self.thinking.running:
            # It was stopped in the middle of the thought, or there was none.
            receipt = reply.receipt
            ended_by = receipt.thought_ended_by or receipt.ended_by
            spent = ThoughtEnded(ended_by, receipt.thought_tokens, receipt.thought_s)
            self.thinking.finish(spent)
        self.thinking.style = reply.receipt.thought_style
        self.thinking.effort = reply.receipt.effort
        self.answer.finish()
        self._reply = reply
        self.show_receipt()

    def reopen(self) -> None:
        """Drops the answer: the thought goes on."""
        self.answer.reset()
        self.answer.display = False

    def show_paused(self, paused: bool) -> None:  # noqa: FBT001  (the value that is shown)
        """Shows whether the thought only stands still: words are added, then it goes on."""
        if self.complete:
            self.thinking.paused = paused

    def show_receipt(self) -> None:
        """Shows what the reply cost."""
        if self._reply is not None:
            said = answer_line(self._reply, interrupted=self._cut_off)
            # The header of the thought counts its own.
            wrong = wrong_sums_words(len(_wrong_sums(self._reply, "answer")))
            parts = [said, f"{wrong} in the answer" if wrong else ""]
            self.status = " · ".join(filter(None, parts))

    def fail(self, reason: str) -> None:
        """Says why there is no reply."""
        if self.thinking.running:
            self.thinking.finish(ThoughtEnded("error", 0, self.thinking.seconds))
        self.answer.finish()
        self.status = f"✗ {line(reason, 300)}"

    def place(self, node: Node) -> None:
        """Takes note of where the turn stands, and shows which version it is."""
        self.node = node
        self.query_one(Versions).show(
            node.version, len(node.siblings), node.author if node.has_other_authors else ""
        )

        self.show_summary()

    def show_summary(self) -> None:
        """Shows what the model reads in the place of this turn and those before, where it does."""
        turn = self.node.turn if self.node is not None else None
        shown = self.query(SummaryView)
        if turn is None or turn.summary is None:
            shown.remove()
        elif shown:
            shown.first().show(turn.summary)
        else:
            self.mount(SummaryView(turn.summary))

    @on(Versions.Wanted)
    def _version_wanted(self, event: Versions.Wanted) -> None:
        event.stop()
        self.post_message(self.VersionWanted(self, event.step))

    def show_thought(self, resume: Continuation) -> None:
        """Shows what is kept of a thought that is about to go on."""
        reply = resume.reply
        kept = reply.thought[: resume.keep]
        injected = resume.injected
        self._think()
        ended = ThoughtEnded("user", reply.receipt.thought_tokens, reply.receipt.thought_s)
        # The words that it goes on with may take one back.
        words = (*injected, Injection(len(kept), resume.words))
        ahead = replace(reply, thought=kept + resume.words, injected=words)
        goes_on = _wrong_sums(ahead, "thought")
        wrong = [each for each in goes_on if each.end <= len(kept)]
        scores = [score for score in reply.scores if score.at < len(kept)]
        self.thinking.load(kept, injected, ended, scores, wrong)

    def show_turn(self, turn: Turn) -> None:
        """Shows a reply that has ended before."""
        self.thinking.collapsed = self.collapsed_at_start
        self._cut_off = turn.interrupted
        self.show_reply(turn.reply)

    def show_reply(self, reply: Reply) -> None:
        """Shows the whole of a reply."""
        if reply.thought:
            self._think()
            receipt = reply.receipt
            ended_by = receipt.thought_ended_by or receipt.ended_by
            ended = ThoughtEnded(ended_by, receipt.thought_tokens, receipt.thought_s)
            wrong = _wrong_sums(reply, "thought")
            self.thinking.load(reply.thought, reply.injected, ended, reply.scores, wrong)
        self._write(reply.answer)
        self._end(reply)


def _wrong_sums(reply: Reply, place: Literal["thought", "answer"]) -> list[WrongSum]:
    """The wrong sums in a part of a reply whose sums were checked."""
    counts = reply.receipt.sums
    if counts is None or not counts.wrong:
        return []
    from r1chat.slips import wrong_sums

    return [each for each in wrong_sums(reply) if each.place == place]
