"""The reader: a thought on the whole screen, while it is written too."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.widgets import Input, Static

from r1chat.tui.clipboard import Clipboard
from r1chat.tui.keys import applies, bindings
from r1chat.tui.markdown.origins import Place
from r1chat.tui.screens.once import Once
from r1chat.tui.thought_words import fit
from r1chat.tui.widgets.key_bar import KeyBar
from r1chat.tui.widgets.lines import Written
from r1chat.tui.widgets.outline_list import OutlineList
from r1chat.tui.widgets.outlined import Asked, Outlined
from r1chat.tui.widgets.tail_sign import TailSign
from r1chat.tui.widgets.thought import ThoughtView
from r1chat.wording import outline_line

_LOOKS = 20
"""How often a second it looks for new text."""
_OUTLINE = 36
"""Columns of the outline."""
_WIDE = 100
"""Columns from which on the outline stands beside the thought; else it stands in its place."""


class Reader(Once[ThoughtView.ParagraphChosen | None]):
    """Shows a thought; gives the paragraph that was chosen in it, if any was.

    Args:
        text: The thought.
        said: Tells how it goes, from long to short.
        asked: Tells the question, and the final answer once there is one.
        outlined: Whether it opens with the outline.
        shaded: Whether it shows how sure the model was.
    """

    DEFAULT_CSS = f"""
    Reader {{
        layers: default above;
        & > #said {{ height: 1; padding: 0 1; color: $text-muted; }}
        & > #body {{ height: 1fr; layers: default above; }}
        & #outline {{
            layer: above;
            width: 100%;
            height: 100%;
            padding: 0 1;
            background: $surface;
            &.-wide {{ layer: default; width: {_OUTLINE}; }}
            & > Static {{ height: auto; color: $text-muted; }}
            & > OutlineList {{ height: 1fr; }}
        }}
        & #page {{
            width: 1fr;
            height: 1fr;
            align-horizontal: center;
            layers: default above;
        }}
        & ThoughtView, & ThoughtView:focus {{
            height: 1fr;
            max-width: 113;
            background: $background;
            color: $foreground 85%;
            scrollbar-size-vertical: 1;
        }}
        & > #finding {{ height: 1; padding: 0 1; display: none; }}
        & > #finding Input {{ width: 1fr; }}
        & > #finding Static {{ width: auto; padding: 0 1; color: $text-muted; }}
    }}
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("reader")

    def __init__(
        self,
        text: Written,
        said: Callable[[], list[str]],
        asked: Callable[[], Asked] = Asked,
        *,
        outlined: bool = False,
        shaded: bool = False,
    ) -> None:
        super().__init__()
        self._text = text
        self._said = said
        self._outlined = Outlined(text, asked)
        self._folded: set[Place] = set()
        """Where the parts begin that are folded."""
        self._seen = (-1, False, 0)
        """How long the thought was when it was shown last, whether it had ended, and how many
        wrong sums were marked."""
        self.view = ThoughtView(text)
        self.view.shaded = shaded
        self._header = Static(id="said", markup=False)
        self._sign = TailSign()
        self._field = Input(compact=True)
        self._count = Static(markup=False)
        self.outline = OutlineList()
        self._sums = Static(markup=False)
        self._side = Vertical(self._sums, self.outline, id="outline")
        self._side.display = outlined
        self._finding = Horizontal(Static("Find:"), self._field, self._count, id="finding")

    def compose(self) -> ComposeResult:
        """How it goes, the outline, the thought, the field, the keys."""
        yield self._header
        page = Container(self.view, self._sign, id="page")
        yield Horizontal(self._side, page, id="body")
        yield self._finding
        yield KeyBar("reader")

    def on_mount(self) -> None:
        """Shows the thought from where it ends, and whatever comes."""
        self.watch(self.view, "news", self._show_news)
        self.set_interval(1 / _LOOKS, self._look)
        self._look()
        (self.outline if self._side.display else self.view).focus()

    def on_resize(self) -> None:
        """Keeps the sign of new text at the right, and the outline where there is room."""
        self._side.set_class(self._is_wide, "-wide")
        self._place_sign()

    # What comes

    def _look(self) -> None:
        """Shows what was written since, and how the thought goes."""
        seen = self._text.length, self._text.closed, len(self._text.wrong)
        outlined = self._side.display or bool(self._folded)
        if outlined and self._outlined.update():
            self._show_outline()
        if self._folded:
            self._fold()
        if seen != self._seen:
            self._seen = seen
            self.view.update_text()
            if self.view.searched:
                self._find()
        self._header.update(fit(self._said(), self._header.content_size.width or 1000))

    def _show_news(self, news: bool) -> None:  # noqa: FBT001  (Textual calls it)
        self._sign.update("↓ new · End")
        self._place_sign()
        self._sign.display = news

    def _place_sign(self) -> None:
        beside = _OUTLINE if self._is_wide and self._side.display else 0
        self._sign.stand_right(self.size.width - beside)

    @on(TailSign.Pressed)
    def action_newest(self) -> None:
        """Goes to the newest text and stays there."""
        self.view.action_scroll_end()

    # The outline

    @property
    def _is_wide(self) -> bool:
        return self.size.width >= _WIDE

    @property
    def has_outline(self) -> bool:
        """Whether the outline is open."""
        return self._side.display

    def action_outline(self) -> None:
        """Opens the outline, or closes it."""
        self._side.display = not self._side.display
        if self._side.display:
            self._outlined.update()
            self._show_outline()
            here = self._outlined.at(self.view.place_at_top)
            self.outline.cursor = here if here is not None else 0
        self._place_sign()
        self.set_focus(self.outline if self._side.display else self.view)

    def _show_outline(self) -> None:
        parts = self._outlined.parts
        folded = {
            number
            for number, part in enumerate(parts)
            if part.start in self._folded and part.kind != "answer"
        }
        self.outline.show(parts, folded)
        self._sums.update(outline_line(part.kind for part in parts))

    def on_outline_list_moved(self, event: OutlineList.Moved) -> None:
        """Shows the chosen part beside the outline."""
        if self._is_wide:
            self.view.read_from(event.part.start)

    def on_outline_list_chosen(self, event: OutlineList.Chosen) -> None:
        """Goes to a part."""
        if not self._is_wide:
            self._side.display = False
        self._unfold_at(event.part.start)
        self.set_focus(self.view)
        self.call_after_refresh(self.view.read_from, event.part.start)

    def on_outline_list_fold_wanted(self, event: OutlineList.FoldWanted) -> None:
        """Folds parts of the text, or unfolds them."""
        places = {part.start for part in event.parts if part.kind != "answer"}
        self._folded = self._folded | places if event.folded else self._folded - places
        self._fold()
        self._show_outline()

    def _fold(self) -> None:
        parts = [part for part in self._outlined.parts if part.kind != "answer"]
        self.view.fold([(part.start, part.end) for part in parts if part.start in self._folded])

    def _unfold_at(self, place: Place | None) -> None:
        """Unfolds the part that a place is in."""
        number = None if place is None else self._outlined.at(place)
        if number is not None and self._outlined.parts[number].start in self._folded:
            self._folded.discard(self._outlined.parts[number].start)
            self._fold()
            self._show_outline()

    # Finding

    @property
    def has_found(self) -> bool:
        """Whether a search has found anything."""
        return bool(self.view.found)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hides the keys that would do nothing."""
        del parameters
        covered = self._side.display and not self._is_wide
        if action in {"raw", "copy_thought"} and (covered or self._field.has_focus):
            return False
        return applies(self, "reader", action)

    def focus_text_field(self) -> bool:
        """Opens the field for what is typed."""
        if not self._is_wide:
            self._side.display = False
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
            self._unfold_at(self.view.found_place)
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
        """Closes the field, then the outline; else goes back to the conversation."""
        if not self._finding.display:
            if self._side.display:
                self.action_outline()
            else:
                self.dismiss(None)
            return
        self._finding.display = False
        self._field.value = ""
        self.set_focus(self.view)
