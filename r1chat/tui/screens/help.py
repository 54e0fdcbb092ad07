"""The keys, explained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from r1chat.tui import keys
from r1chat.tui.screens.once import Once

_SECTIONS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "While it thinks",
        (
            ("chat.answer_now", "answer now: closes the thought"),
            ("chat.think_more", "think more: its next end becomes “Wait,”"),
            ("chat.look_ahead", "look ahead: what would it answer now?"),
            ("chat.steer", "pause, and put words into the thought"),
            ("chat.stop", "stop, and keep what there is"),
            ("chat.slider", "the budget, and back; it takes hold at once"),
            ("composer.send", "has a question wait; ↑ takes it back"),
        ),
    ),
    (
        "On the budget",
        (
            ("slider.less slider.more", "less, more; with Shift in big steps"),
            ("slider.off slider.max", "no thinking, no limit"),
            ("slider.auto", "auto: until its looks ahead agree"),
            ("slider.flat", "to the mark ┴, where its accuracy flattens"),
            ("slider.figure", "type it: off, 512, 30s, auto or max"),
            ("slider.unit", "tokens or seconds"),
            ("slider.minimum", "the least that it must think"),
        ),
    ),
    (
        "Several samples to a question",
        (
            ("chat.samples", "off, 4, 8, 16: the majority’s answer counts"),
            ("chat.version-1 chat.version+1", "look at each while they think"),
            ("tally.previous tally.next", "the same on the votes"),
        ),
    ),
    (
        "After a reply",
        (
            ("chat.go_on", "go on with a stopped reply"),
            ("chat.think_more", "reopen the thought"),
            ("chat.regenerate", "again: another version of the reply"),
            ("chat.version-1 chat.version+1", "the versions of a reply"),
            ("chat.ask_samples", "ask again with samples"),
            ("chat.edit", "edit the question; once more: the one before"),
            ("chat.copy", "copy the answer, never the thought"),
            ("chat.raw", "the answer as the model wrote it"),
            ("chat.new", "a new conversation"),
        ),
    ),
    (
        "In a thought (Tab or a click goes there)",
        (
            ("chat.next_wait chat.previous_wait", "next and previous “Wait”, from anywhere"),
            ("thought.next_paragraph thought.previous_paragraph", "choose a paragraph"),
            ("thought.choose", "answer or think again from there"),
            ("thinking.toggle", "on its header: open or close"),
            ("chat.thoughts", "open or close all thoughts"),
        ),
    ),
    (
        "In an answer",
        (
            ("answer.copy", "copy it"),
            ("answer.copy-code", "copy the last code; Alt+1 to 9: by number"),
            ("answer.raw", "its source"),
        ),
    ),
    (
        "Conversations",
        (
            ("chat.history", "the list; typing searches, Enter opens"),
            ("history.thoughts", "search the thoughts too"),
            ("history.rename history.pin", "rename; pin to the top"),
            ("history.delete history.restore", "delete; take it back"),
            ("history.duplicate", "go on in a copy; of a find, up to that place"),
            ("chat.its_model", "load the model it was had with"),
        ),
    ),
    (
        "Among the models",
        (
            ("models.choose", "use a model, or download it; typing filters"),
            ("models.quants models.details", "other quants; all that is known"),
            ("models.sort models.search", "sort; search the Hub for what is typed"),
            ("models.pause models.delete", "pause or resume a download; stop it"),
            ("models.delete models.verify", "delete a model; check its files"),
        ),
    ),
    (
        "Around it",
        (
            ("app.models app.themes", "models, themes"),
            ("app.fetch", "download the model that is offered"),
            ("chat.attach", "attach a file; a pasted path does it too"),
            ("composer.new_line", "a new line;  ↑ ↓ earlier questions"),
            ("composer.undo composer.redo", "undo and redo, word by word"),
            ("chat.page_up chat.page_down", "scroll the conversation"),
            ("chat.tail", "to the line’s end, then to the newest text"),
            ("app.interrupt", "copy what is selected; or stop, clear, quit"),
            ("composer.quit", "quit, where nothing is typed"),
        ),
    ),
)
_COLUMN = 19


def text(of: Mapping[str, str]) -> Content:
    """All keys with what they do.

    Args:
        of: The keys of the bindings by their ids.
    """
    parts: list[str | tuple[str, str]] = []
    for title, entries in _SECTIONS:
        parts.append((f"{title}\n", "bold $text-accent"))
        for names, about in entries:
            shown = "  ".join(keys.shown(of[name]) for name in names.split())
            parts.append(f"  {shown:<{_COLUMN}}{about}\n")
        parts.append("\n")
    parts.append(f"  {'Ctrl+P':<{_COLUMN}}every command, by name")
    return Content.assemble(*parts)


class Help(ModalScreen[None], Once[None]):
    """Explains the keys; any of Escape, F1 and q closes it.

    Args:
        of: The keys of the bindings by their ids.
    """

    DEFAULT_CSS = """
    Help {
        align: center middle;
        & > VerticalScroll {
            width: 72;
            max-width: 98%;
            height: auto;
            max-height: 92%;
            padding: 1 2;
            background: $surface;
            border: round $primary;
            scrollbar-size-vertical: 1;
            Static { height: auto; }
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,q", "dismiss", "Close", id="help.close", priority=True),
    ]

    def __init__(self, of: Mapping[str, str]) -> None:
        super().__init__()
        self._of = of

    def compose(self) -> ComposeResult:
        """One text that scrolls where the screen is small."""
        with VerticalScroll():
            yield Static(text(self._of), markup=False)
