"""The slider of the thinking budget."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.geometry import clamp
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from r1chat.reasoning.budget import Budget
from r1chat.reasoning.difficulty import Expected
from r1chat.sanitize import line
from r1chat.tui import scale
from r1chat.tui.keys import applies, bindings
from r1chat.tui.scale import Room, Unit
from r1chat.tui.thought_words import fit
from r1chat.tui.track import Track

LABEL = "Thinking budget"
LABEL_MINIMUM = "At least"
_LABEL_WIDTH = len(LABEL) + 2
"""Actions that need more than off and max."""


@dataclass(frozen=True, slots=True)
class _Drag:
    """A thumb that is being dragged: the track stays as it was where the drag began."""

    left: int
    track: Track
    began: Budget
    of_minimum: bool


class BudgetSlider(Widget, can_focus=True):
    """Sets how long a model may think, and shows how much of that is used.

    One line: a label, the track from off to max, the budget, what it means in the other unit.
    Where it is narrow it leaves out the label, then the meaning, then the track's ends.

    Args:
        value: The budget to begin with.
        name: The name of the widget.
        id: The id of the widget.
        classes: The classes of the widget.
    """

    DEFAULT_CSS = """
    BudgetSlider {
        height: 1;
        width: 1fr;
        color: $foreground;

        & > .slider--label { color: $text-muted; }
        & > .slider--track { color: $foreground 40%; }
        & > .slider--used { color: $primary; }
        & > .slider--thumb { color: $primary; text-style: bold; }
        & > .slider--minimum { color: $warning; text-style: bold; }
        & > .slider--mark { color: $text-success; }
        & > .slider--meaning { color: $text-muted; }
        &:focus > .slider--label { color: $foreground; text-style: bold; }
    }
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "slider--label",
        "slider--track",
        "slider--used",
        "slider--thumb",
        "slider--minimum",
        "slider--mark",
        "slider--meaning",
    }

    FOCUS_ON_CLICK = False
    BINDINGS: ClassVar[list[BindingType]] = bindings("slider")

    value: reactive[Budget] = reactive(Budget(), init=False)
    """The budget."""
    unit: reactive[Unit] = reactive("tokens", init=False)
    """What the scale counts. Setting it alone changes no value; the key converts it."""
    tokens_per_s: reactive[float | None] = reactive(None)
    """The measured speed of the model; without one the meaning is left out."""
    used: reactive[int] = reactive(0)
    """Tokens of thought so far."""
    used_s: reactive[float] = reactive(0.0)
    """Seconds of thought so far."""
    marks: reactive[tuple[int, ...]] = reactive[tuple[int, ...]]((), bindings=True)
    """Tokens, rising, from which on the model was measured to grow no better."""
    expected: reactive[Expected | None] = reactive[Expected | None](None, bindings=True)
    """What a thought on the question in the composer will take; None where nobody knows."""
    remark: reactive[tuple[str, ...]] = reactive[tuple[str, ...]]((), repaint=False)
    """What there is to say of the budget and the marks, from long to short, or nothing."""
    editing_minimum: reactive[bool] = reactive(default=False, bindings=True)
    """Whether the keys move the minimum."""
    ends_only: reactive[bool] = reactive(default=False, bindings=True)
    """Whether there is nothing to be chosen between off and max."""
    obstacle: reactive[tuple[str, ...]] = reactive[tuple[str, ...]](())
    """Why there is no budget to be set, and what helps, from long to short; or nothing."""
    room: reactive[int | None] = reactive[int | None](None)
    """Tokens that the context leaves: what is more is not offered. None where nobody knows."""

    class Changed(Message):
        """The budget was changed, by the user or by an assignment to `value`.

        Changes that come faster than they are handled arrive as one, the last.
        """

        def __init__(self, slider: BudgetSlider, budget: Budget) -> None:
            super().__init__()
            self.slider = slider
            """The slider."""
            self.budget = budget
            """The new budget."""

        def can_replace(self, message: Message) -> bool:
            """Whether an older message is out of date through this one."""
            return isinstance(message, BudgetSlider.Changed) and message.slider is self.slider

    @dataclass
    class FigureWanted(Message):
        """The user wants to type a figure."""

        of_minimum: bool
        """Whether it is the minimum's."""

    def __init__(
        self,
        value: Budget | None = None,
        *,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's name for it
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._drag: _Drag | None = None
        budget = value or Budget()
        self.set_reactive(BudgetSlider.value, budget)
        if budget.seconds is not None:
            self.set_reactive(BudgetSlider.unit, "seconds")
        self.set_reactive(BudgetSlider.remark, scale.remark(budget, ()))

    def watch_value(self, value: Budget) -> None:
        """Follows the budget's unit, and tells others."""
        if value.tokens:
            self.unit = "tokens"
        elif value.seconds is not None:
            self.unit = "seconds"
        self._remark()
        self.post_message(self.Changed(self, value))

    def watch_ends_only(self) -> None:
        """Drops what is being set in between."""
        self.editing_minimum = False

    def watch_marks(self) -> None:
        """Says what they mean."""
        self._remark()

    def watch_expected(self) -> None:
        """Says how long that is."""
        self._remark()

    def _remark(self) -> None:
        self.remark = scale.remark(self.value, self.marks, self.expected)
        self.tooltip = self.remark[0] if self.remark else None

    def validate_used(self, used: int) -> int:
        """Nothing can be used less than not at all."""
        return max(0, used)

    def validate_used_s(self, used_s: float) -> float:
        """Nothing can be used less than not at all."""
        return max(0.0, used_s)

    def validate_tokens_per_s(self, tokens_per_s: float | None) -> float | None:
        """A speed of 0 is one that was not measured."""
        return tokens_per_s if tokens_per_s and tokens_per_s > 0 else None

    @property
    def has_middle(self) -> bool:
        """Whether there is anything between off and max."""
        return not self.ends_only

    @property
    def has_marks(self) -> bool:
        """Whether accuracies were measured that are marked on it."""
        return self.has_middle and bool(self.marks)

    @property
    def has_expected(self) -> bool:
        """Whether it is known how long thoughts on such a question are."""
        return self.has_middle and self.expected is not None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leaves Escape to others where there is nothing to drop."""
        del parameters
        return applies(self, "slider", action)

    # What the keys do.

    def action_step(self, by: int) -> None:
        """Goes some stops up or down."""
        if self.ends_only:
            self.action_end("off" if by < 0 else "max")
            return
        if self.editing_minimum:
            self.action_step_minimum(by)
            return
        figure = self._track.scale.step(scale.figure_of(self.value, self.unit), by)
        self.value = scale.with_figure(self.value, figure, self.unit)

    def action_step_minimum(self, by: int) -> None:
        """Goes some stops up or down with the minimum."""
        tokens = scale.scale_up_to("tokens", self.room)
        self.value = scale.with_minimum(self.value, tokens.step(self.value.minimum, by), tokens)

    def action_end(self, which: str) -> None:
        """Goes to off or to max; the minimum to none or as high as it can."""
        figure = 0 if which == "off" else None
        if self.editing_minimum:
            tokens = scale.scale_up_to("tokens", self.room)
            self.value = scale.with_minimum(self.value, figure, tokens)
        else:
            self.value = scale.with_figure(self.value, figure, self.unit)

    def action_auto(self) -> None:
        """Lets the agreement of several previews end the thought."""
        self.value = scale.with_figure(self.value, scale.AUTO, self.unit)

    def action_flat(self) -> None:
        """Goes to the mark, of several to the last."""
        self.value = scale.with_figure(self.value, max(self.marks), "tokens")

    def action_expected(self) -> None:
        """Goes to what a thought on the question will take."""
        if self.expected is not None:
            most = self._track.tokens.limit
            self.value = scale.with_figure(self.value, min(self.expected.tokens, most), "tokens")

    def action_unit(self) -> None:
        """Changes between tokens and seconds; the budget means the same as before."""
        unit: Unit = "seconds" if self.unit == "tokens" else "tokens"
        self.unit = unit
        self.value = scale.convert(self.value, unit, self.tokens_per_s)

    def action_minimum(self) -> None:
        """Has the keys move the minimum, or the budget again."""
        self.editing_minimum = not self.editing_minimum

    def action_figure(self) -> None:
        """Asks for a field to type a figure into."""
        self.post_message(self.FigureWanted(self.editing_minimum))

    def take_typed(self, text: str, *, of_minimum: bool = False) -> None:
        """Takes a budget as it was typed, or a minimum.

        Args:
            text: Words of a budget; in seconds a number alone is so many of them.
            of_minimum: Whether it is tokens of the minimum.

        Raises:
            ValueError: If it is neither; the message is one line.
        """
        text = text.strip()
        if of_minimum:
            least = Budget.parse(text)
            if least.tokens is None:
                message = f"{line(text, 40)} is not a number of tokens"
                raise ValueError(message)
            tokens = scale.scale_up_to("tokens", self.room)
            self.value = scale.with_minimum(self.value, min(least.tokens, tokens.limit))
            return
        seconds = self.unit == "seconds" and text.replace(".", "", 1).isdecimal()
        wanted = Budget.parse(f"{text}s" if seconds else text)
        unit: Unit = "tokens" if wanted.seconds is None else "seconds"
        figure = scale.figure_of(wanted, unit)
        most = Track(1, unit, self.tokens_per_s, self.room).scale.limit
        if figure is not None and figure != scale.AUTO:
            figure = min(figure, most)
        self.value = scale.with_figure(self.value, figure, unit)

    def action_drop(self) -> None:
        """Leaves the minimum alone again."""
        self.editing_minimum = False

    def on_blur(self) -> None:
        """Leaves nothing half done behind."""
        self.editing_minimum = False

    # What the mouse does.

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Begins to drag a thumb: the minimum's where it was hit, else the budget's."""
        if event.button != 1:
            return
        left, track = self._left, self._track
        column = event.get_content_offset_capture(self).x - left
        if not -1 <= column <= track.width:
            return
        event.stop()
        value = self.value
        on_minimum = value.minimum and column == track.of_tokens(value.minimum)
        on_budget = column == track.of_budget(value)
        self._drag = _Drag(left, track, value, of_minimum=bool(on_minimum and not on_budget))
        self.capture_mouse()
        if not self._drag.of_minimum:
            self._drag_to(event)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Drags a thumb."""
        if self._drag is not None:
            event.stop()
            self._drag_to(event)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Lets go of the thumb."""
        if self._drag is not None:
            event.stop()
            self._drag = None
            self.release_mouse()

    def on_mouse_release(self) -> None:
        """Lets go of the thumb, too, where somebody else took the mouse."""
        self._drag = None

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Raises the budget."""
        event.stop()
        event.prevent_default()
        self.action_step(1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Lowers the budget."""
        event.stop()
        event.prevent_default()
        self.action_step(-1)

    def _drag_to(self, event: events.MouseEvent) -> None:
        drag = self._drag
        if drag is None:
            return
        track = drag.track
        column = clamp(event.get_content_offset_capture(self).x - drag.left, 0, track.width - 1)
        if self.ends_only:
            self.action_end("off" if column < track.width // 2 else "max")
        elif drag.of_minimum:
            least = track.dragged_minimum(drag.began.minimum, column)
            self.value = scale.with_minimum(drag.began, least, track.tokens)
        else:
            figure = track.dragged(scale.figure_of(drag.began, track.unit), column)
            self.value = scale.with_figure(drag.began, figure, track.unit)

    # How it looks.

    def _texts(self) -> tuple[str, str]:
        if self.editing_minimum:
            return f"≥ {self.value.minimum:,}", ""
        return scale.describe(self.value, self.unit, self.tokens_per_s, self.room)

    @property
    def _shared(self) -> Room:
        """What there is room for."""
        return scale.share_out(self.content_size.width, label=_LABEL_WIDTH)

    @property
    def _left(self) -> int:
        """The first column of the track."""
        shared = self._shared
        return 2 + _LABEL_WIDTH * shared.label + 4 * shared.ends

    @property
    def _track(self) -> Track:
        """The track as it is now."""
        return Track(self._shared.track, self.unit, self.tokens_per_s, self.room)

    def render(self) -> Content:
        """Draws the line."""
        room = self._shared
        part = self.get_visual_style
        if self.disabled and self.obstacle:
            said = fit(self.obstacle, self.content_size.width - 2)
            return Content.styled(f"  {said}", part("slider--label"))
        figure, meaning = self._texts()
        parts: list[Content] = [
            Content.styled("▸ " if self.has_focus else "  ", part("slider--thumb"))
        ]
        if room.label:
            label = LABEL_MINIMUM if self.editing_minimum else LABEL
            parts.append(Content.styled(label.ljust(_LABEL_WIDTH), part("slider--label")))
        if room.ends:
            parts.append(Content.styled("off ", part("slider--label")))
        track = self._track
        signs = track.signs(
            self.value,
            used=track.of_used(self.used, self.used_s),
            marks=self.marks,
            expected=self.expected.tokens if self.expected is not None else None,
            editing_minimum=self.editing_minimum,
        )
        for name, group in groupby(signs, key=itemgetter(1)):
            parts.append(Content.styled("".join(sign for sign, _ in group), part(name)))
        if room.ends:
            parts.append(Content.styled(" max", part("slider--label")))
        if room.meaning and meaning:
            figure = figure.ljust(scale.ROOM_FOR_FIGURE)
        parts += [Content("  "), Content.styled(figure, self.visual_style)]
        if room.meaning and meaning:
            parts += [Content(" "), Content.styled(meaning, part("slider--meaning"))]
        return Content("").join(parts)
