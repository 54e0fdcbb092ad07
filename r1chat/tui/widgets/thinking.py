"""The pane of a thought: a header that tells how it goes, and the thought."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.timer import Timer
from textual.widget import Widget

from r1chat.events import (
    Injection,
    Peeked,
    ThoughtEnded,
    ThoughtStyle,
    TokenScore,
    WrongSum,
)
from r1chat.reasoning.budget import Budget
from r1chat.tui import thought_words as words
from r1chat.tui.keys import bindings
from r1chat.tui.widgets.tail_sign import TailSign
from r1chat.tui.widgets.thought import ThoughtView
from r1chat.wording import wrong_sums_words

FLUSHES = 20
"""How often a second new text is shown, at most."""
COUNTS = 4
"""How often a second the header counts."""
_WIDEST_BAR = 24
_NARROWEST_BAR = 8
_ASIDE = 20
"""Cells that are kept for what stands beside the count, so that the bar keeps still."""


class ThinkingHeader(Widget, can_focus=True):
    """One line about a thought; a click or a key on it opens and closes the thought."""

    DEFAULT_CSS = """
    ThinkingHeader {
        height: 1;
        color: $text-muted;
        pointer: pointer;

        &:hover {
            color: $text;
        }
        &:focus {
            color: $text;
            text-style: bold;
            background: $boost;
        }
    }
    """
    FOCUS_ON_CLICK = False
    # Tab comes here before it comes to the thought; its paragraphs can be chosen from both.
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("thinking"),
        *bindings("thought", "move_cursor"),
    ]
    ALLOW_SELECT = False

    class Toggled(Message):
        """The user wants the thought opened or closed."""

    @dataclass
    class Entered(Message):
        """The user wants a paragraph of the thought chosen, so many further down."""

        by: int

    def __init__(self) -> None:
        super().__init__()
        self._said: list[str] = [""]
        self._aside: list[str] = []
        self._open = True
        self._spent: float | None = None

    @property
    def text(self) -> str:
        """The words as they fit now, without the bar."""
        sign = "▼" if self._open else "▶"
        said = words.beside(self._said, self._aside)
        # Before its first layout it has no width at all.
        return f"{sign} {words.fit(said, (self.size.width or 1000) - 2)}"

    def show(
        self, said: list[str], *, is_open: bool, spent: float | None, aside: Sequence[str] = ()
    ) -> None:
        """Shows something else.

        Args:
            said: The words, from long to short.
            is_open: Whether the thought is open.
            spent: How much of the budget is spent, 0 to 1; None for no bar.
            aside: What stands beside the words, from long to short.
        """
        news = (said, list(aside), is_open, spent)
        if news != (self._said, self._aside, self._open, self._spent):
            self._said, self._aside, self._open, self._spent = news
            self.refresh()

    def render(self) -> Content:
        """The words, and a bar as far as there is room."""
        text = Content(self.text)
        if self._aside:
            kept = len(self._said[0]) + len("▼  · ") + _ASIDE
            text = text.pad_right(max(0, kept - text.cell_length))
        room = min(self.size.width - text.cell_length - 2, _WIDEST_BAR)
        if self._spent is None or room < _NARROWEST_BAR:
            return text
        full = int(self._spent * room)
        # Two signs, so that it can be read without colours.
        return Content.assemble(
            text, "  ", ("━" * full, "$text-accent"), ("┄" * (room - full), "$text-disabled")
        )

    def on_click(self) -> None:
        """Opens or closes the thought."""
        self.action_flip()

    def action_flip(self) -> None:
        """Opens or closes the thought."""
        self.post_message(self.Toggled())

    def action_move_cursor(self, by: int) -> None:
        """Goes into the thought, to one of its paragraphs."""
        self.post_message(self.Entered(by))


class ThinkingPane(Widget):
    """Shows a thought from its first word to its receipt.

    Text may come at any rate and from any thread: it waits in a queue that is emptied on a clock.

    Args:
        budget: How long the model may think.
        collapsed: Whether it begins closed.
        clock: Tells the time in seconds.
    """

    DEFAULT_CSS = """
    ThinkingPane {
        height: auto;
        layout: vertical;
        layers: default above;
    }
    """

    budget: reactive[Budget] = reactive(Budget(), repaint=False, init=False)
    """How long the model may think; may change while it does."""
    collapsed: reactive[bool] = reactive(default=False, repaint=False, init=False)
    """Whether only the header is shown."""
    style: reactive[ThoughtStyle | None] = reactive[ThoughtStyle | None](
        None, repaint=False, init=False
    )
    """How r1chat asked for the thought, if it did."""
    effort: reactive[str | None] = reactive[str | None](None, repaint=False, init=False)
    """What the model was told of how long to think, if anything."""
    shaded: reactive[bool] = reactive(default=False, repaint=False, init=False)
    """Whether it is shown how sure the model was."""
    paused: reactive[bool] = reactive(default=False, repaint=False, init=False)
    """Whether the thought stands still, and the clock with it."""

    def __init__(
        self,
        budget: Budget | None = None,
        *,
        collapsed: bool = False,
        clock: Callable[[], float] = time.monotonic,
        name: str | None = None,
        id: str | None = None,  # noqa: A002  (every widget of Textual calls it so)
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.header = ThinkingHeader()
        self.view = ThoughtView()
        self._sign = TailSign()
        self._clock = clock
        self._queue: deque[tuple[str, int | None]] = deque()
        self._wrong: list[WrongSum] = []
        """Wrong sums whose text may still be in the queue."""
        self._timer: Timer | None = None
        self._ticks = 0
        self._tokens = 0
        self._begun = False
        """Whether there is anything to be seen."""
        self._own = False
        """Whether the model wrote any of it."""
        self._seconds = 0.0
        """How long it went on before `_since`."""
        self._since: float | None = None
        self._running = False
        self._ended: ThoughtEnded | None = None
        self._least = 0
        """Tokens that it was to have when it ended."""
        self._looking = False
        self._peeked: Peeked | None = None
        """What the last preview found."""
        self.set_reactive(ThinkingPane.budget, budget or Budget())
        self.set_reactive(ThinkingPane.collapsed, collapsed)
        self.view.display = not collapsed
        self.display = False

    def compose(self) -> ComposeResult:
        """The header above the thought."""
        yield self.header
        yield self.view
        yield self._sign

    def on_mount(self) -> None:
        """Begins to empty the queue."""
        self._timer = self.set_interval(1 / FLUSHES, self._tick, pause=not self._running)
        # Textual watches nothing before.
        self.view.display = not self.collapsed
        self.watch(self.view, "news", self._show_news)
        self._show()

    # What comes in

    def start(self, budget: Budget | None = None) -> None:
        """Gets ready for a thought, or for going on with one that had ended.

        The pane shows itself, and its clock starts, when the first text comes.

        Args:
            budget: How long the model may think.
        """
        if budget is not None:
            self.budget = budget
        if self._ended is not None:
            self._seconds = self._ended.seconds
        self._ended = self._peeked = None
        self._running = True
        self.display = self._begun
        if self._timer is not None:
            self._timer.resume()
        self._show()

    def write(self, text: str, tokens: int | None = None) -> None:
        """Adds what the model wrote; from any thread.

        Args:
            text: The text as the model wrote it.
            tokens: Tokens of the thought so far.
        """
        self._queue.append((text, tokens or 0))

    def inject(self, text: str) -> None:
        """Adds words that are not the model's; from any thread."""
        self._queue.append((text, None))

    def measure(self, score: TokenScore) -> None:
        """Takes how sure the model was of a token, which may still wait to be shown."""
        self.view.written.sureness.add(score)

    def mark_wrong(self, found: WrongSum) -> None:
        """Marks a sum of the thought that does not hold."""
        self._wrong.append(found)
        if not self._running:
            self.flush()
            self._show()

    def look_ahead(self) -> None:
        """Says that it is being looked what the answer would be."""
        self._looking = True
        self._show()

    def peek(self, peeked: Peeked) -> None:
        """Says what the answer would be."""
        self._peeked = peeked
        self._show()

    def finish(self, ended: ThoughtEnded) -> None:
        """Ends the thought: shows all of it, and what it cost."""
        self.flush()
        self.view.close()
        self._since = None
        self._ended = ended
        self._least = self.budget.minimum
        self._looking = False
        self._tokens = ended.tokens
        self._running = False
        if self._timer is not None:
            self._timer.pause()
        # A thought of nothing is none.
        self.display = not self.view.empty
        self._show()

    def load(
        self,
        thought: str,
        injected: Sequence[Injection],
        ended: ThoughtEnded,
        scores: Sequence[TokenScore] = (),
        wrong: Sequence[WrongSum] = (),
    ) -> None:
        """Shows a thought that is finished, as the history has it."""
        for score in scores:
            self.measure(score)
        self._wrong += wrong
        done = 0
        for injection in injected:
            end = injection.at + len(injection.text)
            self.write(thought[done : injection.at])
            self.inject(thought[injection.at : end])
            done = end
        self.write(thought[done:])
        self.finish(ended)

    def flush(self) -> None:
        """Shows at once what waits in the queue."""
        if self._queue and self._running and self._since is None and not self.paused:
            self._since = self._clock()
        waiting: list[str] = []
        while self._queue:
            text, tokens = self._queue.popleft()
            if tokens is not None:
                waiting.append(text)
                self._tokens = tokens or self._tokens
                self._own = self._own or bool(text)
            else:
                self.view.write("".join(waiting))
                waiting.clear()
                self.view.inject(text)
        if waiting:
            self.view.write("".join(waiting))
        if self._wrong:
            for found in self._wrong:
                self.view.written.mark_wrong(found)
            self._wrong.clear()
            self.view.update_text()
        if not (self._begun or self.view.empty):
            self._begun = self.display = True
            self._show()

    def set_clock(self, seconds: float) -> None:
        """Counts on from elsewhere, for a thought that is looked at after it has begun."""
        self._seconds = seconds

    def clear(self) -> None:
        """Forgets the thought and shows nothing."""
        self._queue.clear()
        self._wrong.clear()
        self.view.clear()
        self._tokens, self._seconds, self._since = 0, 0.0, None
        self._begun = self._own = self._running = self.display = False
        self._looking = False
        self._ended = self._peeked = None

    # What it knows

    @property
    def running(self) -> bool:
        """Whether the thought goes on."""
        return self._running

    @property
    def seconds(self) -> float:
        """How long the thought has been going on, pauses not counted."""
        return self._seconds + (self._clock() - self._since if self._since is not None else 0)

    @property
    def said(self) -> list[str]:
        """How the thought goes, in words, from long to short."""
        if self._ended is not None:
            return words.thought(
                self._ended,
                own=self._own,
                least=self._least,
                peeked=self._peeked,
                paused=self.paused,
                style=self.style,
                effort=self.effort,
                wrong=len(self.view.written.wrong),
            )
        return words.thinking(self.seconds, self._tokens, self.budget, paused=self.paused)

    # What the user does

    def toggle(self) -> None:
        """Opens the thought, or closes it."""
        self.collapsed = not self.collapsed

    def go_to_moment(self, step: int) -> None:
        """Goes to another moment of doubt; opens the thought for it.

        Args:
            step: 1 for the next one, -1 for the previous one.
        """
        go = self.view.next_moment if step > 0 else self.view.previous_moment
        if self.collapsed:
            self.collapsed = False
            self.call_after_refresh(go)
        else:
            go()

    @on(TailSign.Pressed)
    def _go_to_tail(self, event: TailSign.Pressed) -> None:
        event.stop()
        self.view.action_scroll_end()

    def on_resize(self) -> None:
        """Keeps the sign of new text at the right."""
        self._sign.stand_right(self.size.width)

    def _show_news(self, news: bool) -> None:  # noqa: FBT001  (Textual calls it)
        self._sign.update("↓ new")
        self._sign.stand_right(self.size.width)
        self._sign.display = news and not self.collapsed

    def on_thinking_header_toggled(self, event: ThinkingHeader.Toggled) -> None:
        """Opens the thought, or closes it."""
        event.stop()
        self.toggle()

    def on_thinking_header_entered(self, event: ThinkingHeader.Entered) -> None:
        """Chooses a paragraph; opens the thought for it."""
        event.stop()
        self.collapsed = False
        self.view.focus(scroll_visible=False)
        self.call_after_refresh(self.view.move_cursor, event.by)

    def watch_style(self) -> None:
        """Says how the thought was asked for."""
        self._show()

    def watch_effort(self) -> None:
        """Says what the model was told."""
        self._show()

    def watch_budget(self) -> None:
        """Counts toward another budget."""
        self._show()

    def watch_shaded(self, shaded: bool) -> None:  # noqa: FBT001  (Textual calls it)
        """Shows how sure the model was, or not."""
        self.view.shaded = shaded
        self._show()

    def watch_paused(self, paused: bool) -> None:  # noqa: FBT001  (Textual calls it)
        """Stops the clock, or lets it run on."""
        if self._running:
            self._seconds = self.seconds
            self._since = None if paused or not self._begun else self._clock()
        self._show()

    def watch_collapsed(self, collapsed: bool) -> None:  # noqa: FBT001  (Textual calls it)
        """Hides the thought or shows it; the conversation stays where it is."""
        if collapsed and self.view.has_focus:
            # Else Textual looks for another focus, and scrolls to it.
            self.header.focus(scroll_visible=False)
        self.view.display = not collapsed
        self._show_news(self.view.news)
        self._show()

    # Inside

    def _tick(self) -> None:
        self.flush()
        self._ticks += 1
        if self._ticks % (FLUSHES // COUNTS) == 0:
            self._show()

    def _show(self) -> None:
        said = self.said
        sureness = self.view.written.sureness
        sure = words.sure(sureness.whole, sureness.bars()) if self.shaded and sureness else []
        if self._ended is not None:
            self.header.show(said, is_open=not self.collapsed, spent=None, aside=sure)
            return
        spent = words.fraction(self.seconds, self._tokens, self.budget)
        looked = self._looking or self._peeked is not None
        aside = words.so_far(self._peeked) if looked else []
        aside = words.beside(aside, sure) if aside else sure
        if wrong := wrong_sums_words(len(self.view.written.wrong)):
            aside = [*(f"{wrong} · {each}" for each in aside), wrong]
        self.header.show(said, is_open=not self.collapsed, spent=spent, aside=aside)
