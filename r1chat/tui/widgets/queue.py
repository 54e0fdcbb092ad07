"""Questions that were sent while a reply runs: each is asked when the one before has its reply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import set_cell_size
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from r1chat.sanitize import line

if TYPE_CHECKING:
    from r1chat.attachments import Attachment

_MOST_SHOWN = 3
_HINT = "  (↑ takes it back)"


@dataclass(frozen=True, slots=True)
class Queued:
    """A question that waits."""

    text: str
    attached: tuple[Attachment, ...] = ()


class Queue(Widget):
    """Shows the questions in a line each; a click takes the last one back."""

    DEFAULT_CSS = """
    Queue {
        height: auto;
        padding: 0 2;
        color: $text-muted;
        text-wrap: nowrap;
        text-overflow: ellipsis;
        pointer: pointer;
        &:hover { color: $text; }
    }
    """
    ALLOW_SELECT = False

    questions: reactive[tuple[Queued, ...]] = reactive((), layout=True)
    """From the next to the last."""

    class Pressed(Message):
        """The user wants the last question back."""

    def on_mount(self) -> None:
        """Is not to be seen while nothing waits."""
        self.display = bool(self.questions)

    def watch_questions(self) -> None:
        """Shows itself while anything waits."""
        self.display = bool(self.questions)

    def add(self, question: Queued) -> None:
        """Puts a question behind the others."""
        self.questions = (*self.questions, question)

    def take_first(self) -> Queued | None:
        """Takes the question that is to be asked next."""
        first, self.questions = next(iter(self.questions), None), self.questions[1:]
        return first

    def take_last(self) -> Queued | None:
        """Takes the question back that was written last."""
        last, self.questions = next(reversed(self.questions), None), self.questions[:-1]
        return last

    def render(self) -> str:
        """A line for each, as far as there is room."""
        width = max(1, self.content_size.width)
        shown = self.questions[:_MOST_SHOWN]
        lines = [f"{'then' if at else 'next'}: {line(each.text)}" for at, each in enumerate(shown)]
        more = len(self.questions) - len(shown)
        hint = f"  and {more} more{_HINT}" if more else _HINT
        room = width - len(hint)
        if lines and room > len(hint):
            last = lines[-1]
            lines[-1] = (set_cell_size(last, room).rstrip() if len(last) > room else last) + hint
        return "\n".join(lines)

    def on_click(self, event: events.Click) -> None:
        """Asks for the last question."""
        event.stop()
        self.post_message(self.Pressed())
