"""The keys, explained."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

TEXT = """\
While it thinks
  Ctrl+N     answer now: closes the thought
  Ctrl+T     think more: its next end becomes “Wait,”
  Ctrl+S     pause and steer: type words into the thought
  Escape     stop, and keep what there is
  Ctrl+B     to the budget, and back; it takes hold at once:
             ← → steps, Shift big steps, Home off, End max,
             digits a number, s seconds, m minimum

After a reply
  Ctrl+G     go on with a stopped reply
  Ctrl+T     think more: reopens the thought
  Ctrl+R     again: another version of the reply
  F2         edit the question
  Alt+← →    the versions of a reply
  Ctrl+Y     copy the answer, never the thought
  Ctrl+L     the answer as the model wrote it

In a thought (Tab or a click goes there)
  n  p       next and previous “Wait”; F8, F7 from anywhere
  j  k       choose a paragraph; Enter goes back to it
  Enter      on its header: open or close; Ctrl+O all

Around it
  F3  F4     models, themes
  Ctrl+P     every command
  Ctrl+J     a new line;  ↑ ↓  earlier questions
  Ctrl+C     copies a selection, else stops, else quits
"""


class Help(ModalScreen[None]):
    """Explains the keys; any of Escape, F1 and q closes it."""

    DEFAULT_CSS = """
    Help {
        align: center middle;
        & > VerticalScroll {
            width: 68;
            max-width: 98%;
            height: auto;
            max-height: 92%;
            padding: 1 2;
            background: $surface;
            border: round $primary;
            Static { height: auto; }
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,q", "dismiss", "Close", id="help.close", priority=True),
    ]

    def compose(self) -> ComposeResult:
        """One text that scrolls where the screen is small."""
        with VerticalScroll():
            yield Static(TEXT, markup=False)
