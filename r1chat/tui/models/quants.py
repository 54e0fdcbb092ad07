"""The quants of a model, to choose one from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar

from rich.cells import set_cell_size
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from r1chat.errors import R1ChatError
from r1chat.formatting import format_bytes, format_speed
from r1chat.sanitize import line
from r1chat.tui.keys import bindings
from r1chat.tui.models.columns import middle, said
from r1chat.tui.screens.once import Once
from r1chat.tui.threads import on_thread, while_shown
from r1chat.tui.widgets.options import Options

if TYPE_CHECKING:
    from r1chat.hub.inventory import Offer, Quants

_QUANT, _SHORT = 14, 9
"""Cells of a quant's name, also where there is little room."""
_NARROW = 50
_ASKING = "Asking the Hub …"
_MOST = 200


class PickQuant(ModalScreen["Offer | None"], Once["Offer | None"]):
    """Lists the quants of a model; Escape picks none.

    Args:
        title: The model.
        look: Asks the Hub; is called on a thread.
        here: What is on this machine: references by their quants.
        expected: What to show until the Hub has answered, and where it does not.
    """

    DEFAULT_CSS = """
    PickQuant {
        align: center middle;
        & > Vertical {
            width: 64;
            max-width: 98%;
            height: auto;
            max-height: 98%;
            padding: 0 1;
            background: $surface;
            border: round $primary;
        }
        Static { height: auto; }
        .quants--title { text-style: bold; }
        .quants--sum, .quants--note { color: $text-muted; margin: 1 0 0 0; }
        OptionList, OptionList:focus {
            height: auto;
            max-height: 18;
            background: $surface;
            background-tint: $background 0%;
            border: none;
            padding: 0;
            & > .option-list--option-highlighted {
                color: $foreground;
                background: $primary 30%;
                text-style: none;
            }
        }
        &.-low .quants--sum { display: none; }
        &.-low OptionList, &.-low OptionList:focus { max-height: 6; }
        &.-low .quants--note { margin: 0; height: 1; text-overflow: ellipsis; text-wrap: nowrap; }
    }
    """
    VERTICAL_BREAKPOINTS = [(0, "-low"), (20, "-high")]  # noqa: RUF012  (Textual declares it)
    BINDINGS: ClassVar[list[BindingType]] = bindings("quants")

    def __init__(
        self,
        title: str,
        look: Callable[[], Quants],
        here: Mapping[str, str],
        expected: Quants | None = None,
    ) -> None:
        super().__init__()
        self._title = title
        self._look = look
        self._here = here
        self._expected = expected
        self._offers: tuple[Offer, ...] = ()

    def compose(self) -> ComposeResult:
        """The model, its quants, the sum for the one under the cursor, a note."""
        with Vertical():
            yield Static(line(self._title, 100), classes="quants--title", markup=False)
            yield Options(markup=False)
            yield Static(classes="quants--sum", markup=False)
            yield Static(_ASKING, classes="quants--note", markup=False)

    def on_mount(self) -> None:
        """Shows what is expected, and asks the Hub."""
        self.query_one(OptionList).focus()
        if self._expected is not None:
            self._show(self._expected)
        self.run_worker(while_shown(self, self._ask()), group="quants")

    async def _ask(self) -> None:
        try:
            found = await on_thread(self._look, "r1chat-quants")
        except R1ChatError as error:
            guess = " What is shown is the catalogue's." if self._offers else ""
            self._note(f"{error}.{guess}")
            return
        self._note("")
        self._show(found)

    def _show(self, found: Quants) -> None:
        options = self.query_one(OptionList)
        at = options.highlighted
        chosen = found.best if at is None else self._offers[at].quant
        self._offers = found.offers[:_MOST]
        narrow = self.size.width < _NARROW
        options.set_options(
            Option(_row(each, best=found.best, here=each.quant in self._here, narrow=narrow))
            for each in self._offers
        )
        names = [each.quant for each in self._offers]
        options.highlighted = names.index(chosen) if chosen in names else 0

    def _note(self, text: str) -> None:
        note = self.query_one(".quants--note", Static)
        note.update(line(text, 300))
        note.display = bool(text)

    @on(OptionList.OptionHighlighted)
    def _moved(self, event: OptionList.OptionHighlighted) -> None:
        fit = self._offers[event.option_index].fit
        self.query_one(".quants--sum", Static).update(fit.arithmetic if fit else "")

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._offers[event.option_index])

    def action_leave(self) -> None:
        """Picks none."""
        self.dismiss(None)


def _row(offer: Offer, *, best: str, here: bool, narrow: bool) -> Content:
    name = offer.quant or offer.ref.rpartition("/")[2]
    width = _SHORT if narrow else _QUANT
    name = set_cell_size(middle(line(name, 60), width), width)
    mark, style = said(offer.fit)
    rate = offer.fit.tokens_per_s if offer.fit else None
    pace = "" if rate is None or narrow else f"~{format_speed(rate, estimated=True)}"
    about = "here" if here else "best" if offer.quant == best else ""
    rest = about if narrow else f"{pace:<12} {about}".rstrip()
    return Content.assemble(
        f"{name} {format_bytes(offer.size):>7}  ", (f"{mark:<9}", style), f" {rest}"
    )
