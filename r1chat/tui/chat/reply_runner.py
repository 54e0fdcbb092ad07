"""Runs a reply: takes its events as they come and shows them in its turn, until it has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.timer import Timer

from r1chat.tui.threads import on_thread

if TYPE_CHECKING:
    # What a reply needs is imported with the first one: the first frame has none.
    from r1chat.conversation import Node
    from r1chat.events import Event, Reply
    from r1chat.reasoning.budget import Budget, Think
    from r1chat.reasoning.control import Control
    from r1chat.tui.chat.meters import Meters
    from r1chat.tui.chat.run import Run
    from r1chat.tui.widgets.turn import TurnView

STOP_FIRST = "Still replying. Esc stops it."
"""Said where something has to wait for the end of a reply."""
DRAINS = 20
"""How often a second the events of a run are taken."""
_STOPS_S = 0.3
"""How long the end waits for a reply to stop."""


@dataclass(frozen=True, slots=True)
class Job:
    """A reply to be written."""

    view: TurnView
    """The turn that shows it."""
    control: Control
    events: Callable[[], Iterator[Event]]
    """Makes the stream; called on the run's thread."""
    think: Think = "auto"
    """Which models think in it."""
    words: str = ""
    """What was typed for this reply, and comes back where nothing comes of it."""
    replaces: Node | None = None
    """The stopped version that it continues."""
    beside: Node | None = None
    """The version that was there before, where another model or other settings answer for once."""
    takes_over: bool = False
    """Whether it takes the place of that one; else the two are compared."""
    kept: tuple[int, int] = (0, 0)
    """Tokens of the thought and of the answer that it goes on from."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A reply has ended."""

    job: Job
    reply: Reply | None
    """All of it; None where it failed."""
    error: str | None
    """One line on why there is none."""
    unheard: bool
    """Whether nothing of it ever came."""
    reopen: bool
    """Whether the user wanted more of a thought that had just ended."""


class ReplyRunner:
    """Owns the reply under way: its run, its view and the timer that drains it.

    Args:
        every: Calls a function every so many seconds, as `set_interval` of a widget does.
        meters: Shows its figures.
        changed: Called when other keys apply.
        finished: Called when a reply has ended.
        told: Called with each event, and the turn that it belongs to.
    """

    def __init__(
        self,
        every: Callable[[float, Callable[[], None]], Timer],
        meters: Meters,
        changed: Callable[[], None],
        finished: Callable[[Finished], None],
        told: Callable[[TurnView, Event], None],
    ) -> None:
        self._every = every
        self._meters = meters
        self._changed = changed
        self._finished = finished
        self._told = told
        self._timer: Timer | None = None
        self._job: Job | None = None
        self._run: Run | None = None
        self._reply: Reply | None = None
        self._heard = False
        self._reopen = False
        self.over: Callable[[], object] = lambda: None
        """Is called when a reply has ended, after all else that has to be done then."""

    @property
    def running(self) -> bool:
        """Whether a reply is under way."""
        return self._run is not None

    @property
    def view(self) -> TurnView | None:
        """The turn whose reply is under way."""
        return self._job.view if self._job is not None else None

    @property
    def control(self) -> Control | None:
        """What steers the reply under way."""
        return self._job.control if self._job is not None else None

    @property
    def think(self) -> Think | None:
        """What the reply under way was asked with."""
        return self._job.think if self._job is not None else None

    @property
    def beside(self) -> bool:
        """Whether another model, or other settings, answer for this once."""
        return self._job is not None and self._job.beside is not None

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop, and has not ended yet."""
        return self._job is not None and self._job.control.cancelled

    @property
    def thinking(self) -> bool:
        """Whether the model is in its thought; of several samples, whether any is."""
        return self._job is not None and self._job.view.is_thinking

    @property
    def writing(self) -> bool:
        """Whether the model is to write more of it."""
        return self._run is not None and not self._run.written and not self.stopping

    @property
    def heard(self) -> bool:
        """Whether there are words of the reply under way."""
        return self._run is not None and self._heard

    @property
    def drawing(self) -> bool:
        """Whether several samples are being drawn."""
        return self._job is not None and self._job.view.drawing

    def start(self, job: Job) -> None:
        """Has a reply written."""
        from r1chat.tui.chat.run import Run

        self._job = job
        self._reply, self._heard, self._reopen = None, False, False
        self._meters.begin(*job.kept)
        self._run = Run(job.events, job.control)
        if self._timer is None:
            self._timer = self._every(1 / DRAINS, self._drain)
        else:
            self._timer.resume()
        self._changed()

    def cancel(self) -> None:
        """Stops the reply, and says so at once; a summary that comes before it, alone."""
        if self._job is not None and self._job.control.skip():
            return
        if self._run is not None:
            self._reopen = False
            self._run.cancel()
            self._drain()

    async def close(self) -> None:
        """Stops the reply and waits a moment, so that its end is saved."""
        run = self._run
        if run is not None:
            run.cancel()
            await on_thread(lambda: run.join(_STOPS_S), "r1chat-stop")

    # -- steering it --

    def change_budget(self, budget: Budget) -> None:
        """Sets how long the model may think, from now on."""
        if self._job is not None and not self.beside:
            self._job.control.budget = budget
            self._job.view.thinking.budget = budget

    def measure(self, *, wanted: bool) -> None:
        """Has it measured how sure the model is, from now on, or not any more."""
        if self._job is not None:
            self._job.control.measures = wanted

    def preview(self) -> None:
        """Asks what the model would answer now; its thought goes on as it would without."""
        if self._job is not None:
            self._job.control.peek()
            self._job.view.thinking.look_ahead()

    def think_more(self) -> bool:
        """Makes the model think on where it wants to end.

        Returns:
            False where the thought has ended, though not on the screen yet: then `Finished` says
            that it is to be reopened.
        """
        if self._run is None or self._job is None:
            return False
        if self._run.written:
            self._reopen = True
            return False
        self._job.control.think_more()
        return True

    # -- what comes of it --

    def _drain(self) -> None:
        run, job = self._run, self._job
        if run is None or job is None:
            return
        from r1chat.events import (
            Evaluating,
            LeftOut,
            Notice,
            Reply,
            Summarised,
            SummaryText,
        )

        before = (Evaluating, LeftOut, Notice, Summarised, SummaryText)

        was_thinking = self.thinking
        for event in run.take():
            job.view.take(event)
            self._told(job.view, event)
            shown = job.view.in_sight(event)
            if shown is not None and not self.beside:
                self._meters.take(shown)
            if isinstance(event, Reply):
                self._reply = event
            self._heard = self._heard or not isinstance(event, before)
        if job.view.thinking.running and not self.beside:
            self._meters.tick(job.view.thinking.seconds)
        if run.finished:
            self._end(run, job)
        elif self.stopping:
            job.view.status = "Stopping…"
        elif was_thinking != self.thinking:
            self._changed()

    def _end(self, run: Run, job: Job) -> None:
        if self._timer is not None:
            self._timer.pause()
        self._run = self._job = None
        self._meters.reset_thought()
        if run.error is not None:
            job.view.fail(run.error)
        self._finished(Finished(job, self._reply, run.error, not self._heard, self._reopen))
        self.over()
