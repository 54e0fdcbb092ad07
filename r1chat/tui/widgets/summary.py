"""A summary of the turns above it, as the model reads it in their place."""

from __future__ import annotations

from textual.widgets import Static

from r1chat.conversation import TurnsSummary
from r1chat.sanitize import sanitize
from r1chat.tui.selecting import WordSelection
from r1chat.wording import summary_line


class SummaryView(WordSelection, Static):
    """Shows a summary, marked as one."""

    DEFAULT_CSS = """
    SummaryView {
        height: auto;
        margin: 1 1 0 1;
        padding: 0 1;
        color: $text-muted;
        border-left: outer $secondary;
    }
    """

    def __init__(self, summary: TurnsSummary) -> None:
        super().__init__(_shown(summary), markup=False)

    def show(self, summary: TurnsSummary) -> None:
        """Shows what became of it."""
        self.update(_shown(summary))


def _shown(summary: TurnsSummary) -> str:
    head = summary_line(summary.model, summary.tokens, edited=summary.edited)
    return f"{head}\n{sanitize(summary.text)}"
