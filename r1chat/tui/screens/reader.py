"""The reader: a thought on the whole screen, while it is written too."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Horizontal
from textual.widgets import Input, Static

from r1chat.tui.clipboard import Clipboard
from r1chat.tui.keys import applies, bindings
from r1chat.tui.screens.once import Once
from r1chat.tui.thought_words import fit
from r1chat.tui.widgets.key_bar import KeyBar
from r1chat.tui.widgets.lines import Written
from r1chat.tui.widgets.tail_sign import TailSign
from r1chat.tui.widgets.thought import ThoughtView

_LOOKS = 20
"""How often a second it looks for new text."""


class Reader(Once[ThoughtView.ParagraphChosen | None]):
    """Shows a thought; gives the paragraph that was chosen in it, if any was.

    Args:
        text: The thought.
        said: Tells how it goes, from long to short.
    """

    DEFAULT_CSS = """
    Reader {
        layers: default above;
        & > #said { height: 1; padding: 0 1; color: $text-muted; }
        & > #page { height: 1fr; align-horizontal: center; layers: default above; }
        & ThoughtView, & ThoughtView:focus {
            height: 1fr;
            max-width: 113;
            background: $background;
            color: $foreground 85%;
            scrollbar-size-vertical: 1;
        }
        & > #finding { height: 1; padding: 0 1; display: none; }
        & > #finding Input { width: 1fr; }
        & > #finding Static { width: auto; padding: 0 1; color: $text-muted; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("reader")

    def __init__(self, text: Written, said: Callable[[], list[str]]) -> None:
        super().__init__()
        self._text = text
        self._said = said
        self._seen = (-1, False)
        """How long the thought was when it was shown last, and whether it had ended."""
        self.view = ThoughtView(text)
        self._header = Static(id="said", markup=False)
        self._sign = TailSign()
        self._field = Input(compact=True)
        self._count = Static(markup=False)
        self._finding = Horizontal(Static("Find:"), self._field, self._count, id="finding")

    def compose(self) -> ComposeResult:
        """How it goes, the thought, the field, the keys."""
        yield self._header
        yield Container(self.view, self._sign, id="page")
        yield self._finding
        yield KeyBar("reader")

    def on_mount(self) -> None:
        """Shows the thought from where it ends, and whatever comes."""
        self.watch(self.view, "news", self._show_news)
        self.set_interval(1 / _LOOKS, self._look)
        self.view.focus()

    def on_resize(self) -> None:
        """Keeps the sign of new text at the right."""
        self._sign.stand_right(self.size.width)

    # What comes

    def _look(self) -> None:
        """Shows what was written since, and how the thought goes."""
        seen = self._text.length, self._text.closed
        if seen != self._seen:
            self._seen = seen
            self.view.update_text()
            if self.view.searched:
                self._find()
        self._header.update(fit(self._said(), self._header.content_size.width or 1000))

    def _show_news(self, news: bool) -> None:  # noqa: FBT001  (Textual calls it)
        self._sign.update("↓ new · End")
        self._sign.stand_right(self.size.width)
        self._sign.display = news

    @on(TailSign.Pressed)
    def action_newest(self) -> None:
        """Goes to the newest text and stays there."""
        self.view.action_scroll_end()

    # Finding

    @property
    def has_found(self) -> bool:
        """Whether a search has found anything."""
        return bool(self.view.found)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hides the keys that would do nothing."""
        del parameters
        if self._field.has_focus and action in {"raw", "copy_thought"}:
            return False
        return applies(self, "reader", action)

    def focus_text_field(self) -> bool:
        """Opens the field for what is typed."""
        self._finding.display = True
        self.set_focus(self._field)
        return True

    def action_find(self) -> None:
        """Opens the field, or goes back to it."""
        self.focus_text_field()

    @on(Input.Changed)
    def _find(self) -> None:
        """Finds what is typed, from what is in sight on."""
        number = self.view.search(self._field.value)
        said = f"{number + 1} of {len(self.view.found)}" if number is not None else "not found"
        self._count.update(said if self._field.value else "")
        self.refresh_bindings()

    @on(Input.Submitted)
    def action_next_found(self) -> None:
        """Goes to the next place that was found."""
        self._go_on(1)

    def action_previous_found(self) -> None:
        """Goes to the place before."""
        self._go_on(-1)

    def _go_on(self, step: int) -> None:
        number = self.view.go_to_found(step)
        if number is not None:
            self._count.update(f"{number + 1} of {len(self.view.found)}")

    # What else the keys do

    def action_raw(self) -> None:
        """Shows the thought as the model wrote it, or rendered."""
        self.view.raw = not self.view.raw

    def action_copy_thought(self) -> None:
        """Copies the whole thought as it was written."""
        Clipboard.of(self.app).copy(self._text.text, "thought")

    def on_thought_view_paragraph_chosen(self, event: ThoughtView.ParagraphChosen) -> None:
        """Goes back with the paragraph: the conversation is what goes on from it."""
        event.stop()
        self.dismiss(event)

    def action_leave(self) -> None:
        """Closes the field, where it is open; else goes back to the conversation."""
        if not self._finding.display:
            self.dismiss(None)
            return
        self._finding.display = False
        self._field.value = ""
        self.set_focus(self.view)
