"""A turn of which two replies stand side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container
from textual.message import Message
from textual.widgets import Static

from r1chat.attachments import Attachment
from r1chat.conversation import Node, Turn
from r1chat.events import Event, Loading
from r1chat.reasoning.budget import Budget
from r1chat.sanitize import line
from r1chat.tui.widgets.answer import AnswerView
from r1chat.tui.widgets.thinking import ThinkingPane
from r1chat.tui.widgets.turn import TurnView

_BESIDE = 96
"""Columns of a turn, on a terminal of 100, from which on there is room for two replies abreast."""
_TAKE = ("Alt+←", "Alt+→")


class Column(TurnView):
    """One of the replies, below what tells it from the other.

    Args:
        name: What is known of it before it has ended.
        at: Which of the two it is.
    """

    DEFAULT_CSS = """
    Column {
        width: 1fr;
        margin: 0;
        .column--head { height: auto; padding: 0 1; color: $text-muted; pointer: pointer; }
        &.-chosen .column--head { color: $text; text-style: bold; }
    }
    """

    @dataclass
    class Wanted(Message):
        """The conversation is to go on with this reply."""

        node: Node

    def __init__(self, question: str, name: str, at: int) -> None:
        super().__init__(question)
        self._called = name
        self._at = at

    def compose(self) -> ComposeResult:
        """What tells it apart, the thought, the answer, what it cost."""
        yield Static(self._head, markup=False, classes="column--head")
        status = Static("", markup=False, classes="turn--status")
        for part in (ThinkingPane(), AnswerView(), status):
            part.display = part is status and bool(self.status)
            yield part

    @property
    def _head(self) -> str:
        if self.has_class("-chosen"):
            return f"● {self._called}"
        return f"○ {self._called}" + (f" · {_TAKE[self._at]} goes on with it" if self.node else "")

    def take(self, event: Event) -> None:
        """Shows an event; its model may have to be loaded first."""
        if isinstance(event, Loading):
            self.status = f"Loading the model: {event.fraction:.0%}"
        else:
            super().take(event)

    def place(self, node: Node) -> None:
        """Takes note of where the reply stands."""
        self.node = node
        self._called = node.author or self._called

    def mark(self, chosen: Node | None) -> None:
        """Shows whether the conversation goes on with it."""
        self.set_class(self.node is not None and self.node is chosen, "-chosen")
        self.query_one(".column--head", Static).update(self._head)

    @on(events.Click, ".column--head")
    def _clicked(self, event: events.Click) -> None:
        event.stop()
        if self.node is not None:
            self.post_message(self.Wanted(self.node))


class ComparedTurn(TurnView):
    """Shows one reply beside another: abreast, or on narrow screens one above the other.

    Args:
        question: As it was asked.
        attachments: What goes along.
        left: The reply that is there.
        name: What the other is asked with.
    """

    DEFAULT_CSS = """
    ComparedTurn {
        .compared--columns { height: auto; layout: horizontal; }
        &.-stacked .compared--columns {
            layout: vertical;
            Column { width: 100%; }
            Column:last-of-type { margin: 1 0 0 0; }
        }
    }
    """

    @dataclass
    class Chosen(Message):
        """The conversation is to go on with one of its replies."""

        view: ComparedTurn
        node: Node

    def __init__(
        self, question: str, attachments: Sequence[Attachment], left: Node, name: str = ""
    ) -> None:
        super().__init__(question, attachments)
        self.node = left
        self.columns = (Column(question, "", 0), Column(question, line(name), 1))
        self._writing: Column | None = None
        self._begun = False
        """Whether the other reply was ever asked for."""

    def compose(self) -> ComposeResult:
        """The question, and below it the replies."""
        yield self._question()
        yield Container(*self.columns, classes="compared--columns")

    def on_resize(self, event: events.Resize) -> None:
        """Puts them abreast where there is room."""
        self.set_class(event.size.width < _BESIDE, "-stacked")

    # -- which of them is meant --

    @property
    def _meant(self) -> Column:
        """What is being written, what has the focus, or what the conversation goes on with."""
        if self._writing is not None:
            return self._writing
        left, right = self.columns
        focused = next((each for each in self.columns if each.has_focus_within), None)
        return focused or (right if right.node is self.node else left)

    @property
    def thinking(self) -> ThinkingPane:
        """The thought's pane."""
        return self._meant.thinking

    @property
    def thoughts(self) -> list[ThinkingPane]:
        """The panes of both thoughts."""
        return [column.thinking for column in self.columns]

    @property
    def answer(self) -> AnswerView:
        """The answer's pane."""
        return self._meant.answer

    def watch_status(self) -> None:
        """Shows the status below the reply that is meant."""
        if self.is_mounted:
            self._meant.status = self.status

    def watch_hint(self) -> None:
        """Shows which key helps below the reply that is meant."""
        if self.is_mounted:
            self._meant.hint = self.hint

    def watch_raw(self, raw: bool) -> None:  # noqa: FBT001  (Textual calls it)
        """Shows the other form of both."""
        for column in self.columns:
            column.raw = raw

    # -- what is shown --

    def show_turn(self, turn: Turn) -> None:
        """Shows the reply that is there."""
        left = self.columns[0]
        left.collapsed_at_start = self.collapsed_at_start
        left.show_turn(turn)

    def show_other(self, node: Node) -> None:
        """Shows another reply that has ended beside it."""
        right = self.columns[1]
        self._begun = True
        if node.turn is not None:
            right.collapsed_at_start = self.collapsed_at_start
            right.show_turn(node.turn)
            right.place(node)

    def begin(self, budget: Budget, *, answering: bool = False) -> None:
        """Makes ready for the other reply; later, for more of the one that is meant."""
        self._writing = self._meant if self._begun else self.columns[1]
        self._begun = True
        # What was said before may be said again.
        self.set_reactive(TurnView.status, "")
        self._writing.collapsed_at_start = self.collapsed_at_start
        self._writing.begin(budget, answering=answering)

    def take(self, event: Event) -> None:
        """Shows an event of the reply that is being written."""
        self._meant.take(event)

    def fail(self, reason: str) -> None:
        """Says why there is none."""
        self._meant.fail(reason)
        self._writing = None

    def show_receipt(self) -> None:
        """Shows what the reply cost."""
        self._meant.show_receipt()

    def reopen(self) -> None:
        """Drops the answer: the thought goes on."""
        self._meant.reopen()

    def show_paused(self, paused: bool) -> None:  # noqa: FBT001  (the value that is shown)
        """Shows whether the thought only stands still."""
        self._meant.show_paused(paused)

    def place(self, node: Node) -> None:
        """Takes note of where the replies stand, and which the conversation goes on with."""
        writing, self._writing = self._writing, None
        left = self.columns[0]
        if left.node is None:
            left.place(node)
        elif writing is not None:
            # The newest version; one that goes on has taken the place of what it was before.
            newest = node.siblings[-1]
            if newest is not left.node or writing is left:
                writing.place(newest)
        self.node = node
        for column in self.columns:
            column.mark(node)

    def show_sample(self, step: int) -> bool:
        """Has the conversation go on with the one on that side."""
        node = self.columns[step > 0].node
        if node is None or node is self.node:
            return self._writing is not None
        self.post_message(self.Chosen(self, node))
        return True

    @on(Column.Wanted)
    def _wanted(self, event: Column.Wanted) -> None:
        event.stop()
        if event.node is not self.node and self._writing is None:
            self.post_message(self.Chosen(self, event.node))
