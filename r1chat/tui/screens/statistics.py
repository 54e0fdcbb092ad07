"""The statistics of all conversations."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from r1chat.errors import R1ChatError
from r1chat.sanitize import line
from r1chat.tui.keys import bindings
from r1chat.tui.screens.once import Once
from r1chat.tui.threads import on_thread

if TYPE_CHECKING:
    from r1chat.history import History
    from r1chat.statistics import Statistics


class StatisticsScreen(ModalScreen[None], Once[None]):
    """Shows the figures of all conversations; Escape and q close it.

    Args:
        history: Where they are.
    """

    DEFAULT_CSS = """
    StatisticsScreen {
        align: center middle;
        & > VerticalScroll {
            width: 90;
            max-width: 98%;
            height: auto;
            max-height: 94%;
            padding: 1 2;
            background: $surface;
            border: round $primary;
            scrollbar-size-vertical: 1;
            Static { height: auto; text-wrap: nowrap; }
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("statistics")

    def __init__(self, history: History) -> None:
        super().__init__()
        self._history = history
        self._statistics: Statistics | None = None

    def compose(self) -> ComposeResult:
        """One text that scrolls where the screen is small."""
        with VerticalScroll():
            yield Static("Counting …", markup=False)

    def on_mount(self) -> None:
        """Counts on a thread: there may be many replies."""
        self.run_worker(self._count(), group="count", exit_on_error=False)

    async def _count(self) -> None:
        history = self._history

        def count() -> Statistics:
            from r1chat.statistics import compute

            return compute(history.store.figures())

        try:
            self._statistics = await on_thread(count, "r1chat-statistics")
        except R1ChatError as error:
            self.query_one(Static).update(line(str(error), 300))
            return
        self._draw()

    def on_resize(self) -> None:
        """Draws it for another width."""
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        if self._statistics is None:
            return
        from r1chat.statistics import drawing

        width = self.query_one(VerticalScroll).content_size.width
        self.query_one(Static).update("\n".join(drawing.lines(self._statistics, width)))
