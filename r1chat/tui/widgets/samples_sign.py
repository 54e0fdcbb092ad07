"""Says beside the budget how many samples a question is worth."""

from __future__ import annotations

from textual import events
from textual.app import RenderResult
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

CHOICES = (1, 4, 8, 16)
"""How many samples may be drawn to a question; 1 is off."""
MOST = CHOICES[-1]


class SamplesSign(Widget):
    """A sign such as "×8"; not displayed where a question is asked once."""

    DEFAULT_CSS = """
    SamplesSign {
        width: auto;
        height: 1;
        margin: 0 1;
        color: $text-accent;
        text-style: bold;
        pointer: pointer;
        &:hover { color: $text; }
    }
    """
    ALLOW_SELECT = False

    samples: reactive[int] = reactive(1, layout=True)
    """How many."""

    class Pressed(Message):
        """The user wants another number."""

    def watch_samples(self, samples: int) -> None:
        """Shows itself where there is something to say."""
        self.display = samples > 1
        self.tooltip = f"{samples} samples to a question: the majority's answer counts"

    def render(self) -> RenderResult:
        """The sign."""
        return Content(f"×{self.samples}")

    def on_click(self, event: events.Click) -> None:
        """Asks for another number."""
        event.stop()
        self.post_message(self.Pressed())
