"""The slider of the thinking budget."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import clamp
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from r1chat.reasoning.budget import Budget
from r1chat.tui import scale
from r1chat.tui.scale import Room, Unit

LABEL = "Thinking budget"
LABEL_MINIMUM = "At least"
BIG_STEP = 4
_LONGEST_TYPED = 7


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
        & > .slider--meaning { color: $text-muted; }
        & > .slider--typed { color: $primary; text-style: bold underline; }
        &:focus > .slider--label { color: $foreground; text-style: bold; }
    }
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "slider--label",
        "slider--track",
        "slider--used",
        "slider--thumb",
        "slider--minimum",
        "slider--meaning",
        "slider--typed",
    }

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", "Less", id="slider.less"),
        Binding("right", "step(1)", "More", id="slider.more"),
        Binding("shift+left", f"step(-{BIG_STEP})", "Much less", show=False, id="slider.much-less"),
        Binding("shift+right", f"step({BIG_STEP})", "Much more", show=False, id="slider.much-more"),
        Binding("home", "end('off')", "Off", id="slider.off"),
        Binding("end", "end('max')", "Max", id="slider.max"),
        Binding("s", "unit", "Tokens or seconds", id="slider.unit"),
        Binding("m", "minimum", "Minimum", id="slider.minimum"),
        Binding("ctrl+left", "step_minimum(-1)", "Lower minimum", show=False, id="slider.min-less"),
        Binding("ctrl+right", "step_minimum(1)", "Raise minimum", show=False, id="slider.min-more"),
        Binding("enter", "take", "Take", id="slider.take"),
        Binding("escape", "drop", "Drop", id="slider.drop"),
        Binding("backspace", "erase", "Erase", show=False, id="slider.erase"),
    ]

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
    editing_minimum: reactive[bool] = reactive(default=False, bindings=True)
    """Whether the keys move the minimum."""
    typed: reactive[str] = reactive("", bindings=True)
    """The figure that is being typed."""

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

        @property
        def control(self) -> BudgetSlider:
            """The slider, under the name that `on` looks for."""
            return self.slider

        def can_replace(self, message: Message) -> bool:
            """Whether an older message is out of date through this one."""
            return isinstance(message, BudgetSlider.Changed) and message.slider is self.slider

    def __init__(
        self,
        value: Budget | None = None,
        *,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's name for it
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._dragging: str | None = None
        budget = value or Budget()
        self.set_reactive(BudgetSlider.value, budget)
        if budget.seconds is not None:
            self.set_reactive(BudgetSlider.unit, "seconds")

    def watch_value(self, value: Budget) -> None:
        """Follows the budget's unit, and tells others."""
        if value.tokens:
            self.unit = "tokens"
        elif value.seconds is not None:
            self.unit = "seconds"
        self.post_message(self.Changed(self, value))

    def validate_used(self, used: int) -> int:
        """Nothing can be used less than not at all."""
        return max(0, used)

    def validate_used_s(self, used_s: float) -> float:
        """Nothing can be used less than not at all."""
        return max(0.0, used_s)

    def validate_tokens_per_s(self, tokens_per_s: float | None) -> float | None:
        """A speed of 0 is one that was not measured."""
        return tokens_per_s if tokens_per_s and tokens_per_s > 0 else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leaves Enter and Escape to others where there is nothing to take or to drop."""
        del parameters
        if action in ("take", "erase"):
            return bool(self.typed)
        if action == "drop":
            return bool(self.typed) or self.editing_minimum
        return True

    # What the keys do.

    def action_step(self, by: int) -> None:
        """Goes some stops up or down."""
        if self.editing_minimum:
            self.action_step_minimum(by)
            return
        self.typed = ""
        figure = scale.SCALES[self.unit].step(scale.figure_of(self.value, self.unit), by)
        self.value = scale.with_figure(self.value, figure, self.unit)

    def action_step_minimum(self, by: int) -> None:
        """Goes some stops up or down with the minimum."""
        self.typed = ""
        self.value = scale.with_minimum(self.value, scale.TOKENS.step(self.value.minimum, by))

    def action_end(self, which: str) -> None:
        """Goes to off or to max; the minimum to none or as high as it can."""
        self.typed = ""
        figure = 0 if which == "off" else None
        if self.editing_minimum:
            self.value = scale.with_minimum(self.value, figure)
        else:
            self.value = scale.with_figure(self.value, figure, self.unit)

    def action_unit(self) -> None:
        """Changes between tokens and seconds; the budget means the same as before."""
        self.typed = ""
        unit: Unit = "seconds" if self.unit == "tokens" else "tokens"
        self.unit = unit
        self.value = scale.convert(self.value, unit, self.tokens_per_s)

    def action_minimum(self) -> None:
        """Has the keys move the minimum, or the budget again."""
        self.typed = ""
        self.editing_minimum = not self.editing_minimum

    def action_take(self) -> None:
        """Takes the typed figure."""
        try:
            figure = float(self.typed)
        except ValueError:
            figure = None
        self.typed = ""
        if figure is None:
            return
        if self.editing_minimum:
            self.value = scale.with_minimum(self.value, figure)
        else:
            self.value = scale.with_figure(self.value, figure, self.unit)

    def action_drop(self) -> None:
        """Drops the typed figure; without one, leaves the minimum alone again."""
        if self.typed:
            self.typed = ""
        else:
            self.editing_minimum = False

    def action_erase(self) -> None:
        """Takes back the last typed sign."""
        self.typed = self.typed[:-1]

    def on_key(self, event: events.Key) -> None:
        """Gathers the figure that is being typed."""
        char = event.character or ""
        if char.isascii() and char.isdigit():
            pass
        elif char != "." or "." in self.typed or not self._seconds_typed:
            return
        if len(self.typed) < _LONGEST_TYPED:
            self.typed += char
        event.stop()
        event.prevent_default()

    def on_blur(self) -> None:
        """Leaves nothing half done behind."""
        self.typed = ""
        self.editing_minimum = False

    @property
    def _seconds_typed(self) -> bool:
        return self.unit == "seconds" and not self.editing_minimum

    # What the mouse does.

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Begins to drag a thumb: the minimum's where it was hit, else the budget's."""
        if event.button != 1:
            return
        left, width = self._track()
        column = event.get_content_offset_capture(self).x - left
        if not -1 <= column <= width:
            return
        event.stop()
        on_minimum = self.value.minimum and column == self._minimum_column(width)
        on_budget = column == self._budget_column(width)
        self._dragging = "minimum" if on_minimum and not on_budget else "budget"
        self.typed = ""
        self.capture_mouse()
        if self._dragging == "budget":
            self._drag_to(column, width)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Drags a thumb."""
        if self._dragging is None:
            return
        event.stop()
        left, width = self._track()
        self._drag_to(event.get_content_offset_capture(self).x - left, width)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Lets go of the thumb."""
        if self._dragging is not None:
            event.stop()
            self._dragging = None
            self.release_mouse()

    def on_mouse_release(self) -> None:
        """Lets go of the thumb, too, where somebody else took the mouse."""
        self._dragging = None

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

    def _drag_to(self, column: int, width: int) -> None:
        column = clamp(column, 0, width - 1)
        if self._dragging == "minimum":
            tokens = self._scale_of_minimum_at(column, width)
            self.value = scale.with_minimum(self.value, tokens)
        elif column != self._budget_column(width):
            # A thumb that stands between two stops stays there until it is really moved.
            figure = scale.SCALES[self.unit].at_column(column, width)
            self.value = scale.with_figure(self.value, figure, self.unit)

    def _scale_of_minimum_at(self, column: int, width: int) -> float | None:
        figure = scale.SCALES[self.unit].at_column(column, width)
        if figure is None or self.unit == "tokens" or not self.tokens_per_s:
            return figure
        return figure * self.tokens_per_s

    # How it looks.

    def _texts(self) -> tuple[str, str]:
        if self.typed:
            unit = "s" if self._seconds_typed else "tokens"
            return f"{self.typed}▏{unit}", "Enter takes"
        if self.editing_minimum:
            return f"min {scale.write_tokens(self.value.minimum)}", ""
        return scale.describe(self.value, self.unit, self.tokens_per_s)

    def _room(self) -> Room:
        figure, meaning = self._texts()
        means = bool(self.tokens_per_s or meaning)
        return scale.share_out(
            self.content_size.width,
            label=len(LABEL) + 2,
            figure=len(figure),
            meaning=len(meaning) + 1 if means else 0,
        )

    def _track(self) -> tuple[int, int]:
        """The first column of the track, and how many it has."""
        room = self._room()
        return 2 + (len(LABEL) + 2) * room.label + 4 * room.ends, room.track

    def _budget_column(self, width: int) -> int:
        figure = scale.figure_of(self.value, self.unit)
        return scale.SCALES[self.unit].column(figure, width)

    def _minimum_column(self, width: int) -> int | None:
        return self._column_of_tokens(self.value.minimum, width)

    def _column_of_tokens(self, tokens: float, width: int) -> int | None:
        if self.unit == "tokens":
            return scale.TOKENS.column(tokens, width)
        if self.tokens_per_s:
            return scale.SECONDS.column(tokens / self.tokens_per_s, width)
        return None

    def _used_columns(self, width: int) -> int:
        if self.unit == "seconds" and self.used_s:
            return scale.SECONDS.column(self.used_s, width)
        return (self._column_of_tokens(self.used, width) or 0) if self.used else 0

    def render(self) -> Content:
        """Draws the line."""
        room = self._room()
        figure, meaning = self._texts()
        part = self.get_visual_style
        parts: list[Content] = [
            Content.styled("▸ " if self.has_focus else "  ", part("slider--thumb"))
        ]
        if room.label:
            name = LABEL_MINIMUM if self.editing_minimum else LABEL
            parts.append(Content.styled(name.ljust(len(LABEL) + 2), part("slider--label")))
        if room.ends:
            parts.append(Content.styled("off ", part("slider--label")))
        parts.append(self._draw_track(room.track))
        if room.ends:
            parts.append(Content.styled(" max", part("slider--label")))
        style = part("slider--typed") if self.typed else self.visual_style
        parts += [Content("  "), Content.styled(figure, style)]
        if room.meaning and meaning:
            parts += [Content(" "), Content.styled(meaning, part("slider--meaning"))]
        return Content("").join(parts)

    def _draw_track(self, width: int) -> Content:
        part = self.get_visual_style
        used = self._used_columns(width)
        # The signs differ as well as the colours: used up is heavy, to come is light.
        track = Content("").join(
            [
                Content.styled("━" * used, part("slider--used")),
                Content.styled("─" * (width - used), part("slider--track")),
            ]
        )
        thumbs = {self._budget_column(width): ("●", "slider--thumb")}
        at = self._minimum_column(width)
        if at is not None and self.editing_minimum:
            thumbs[at] = ("◆", "slider--minimum")
        elif at is not None and self.value.minimum:
            thumbs.setdefault(at, ("┃", "slider--minimum"))
        for column, (sign, style) in thumbs.items():
            mark = Content.styled(sign, part(style))
            track = track[:column] + mark + track[column + 1 :]
        return track
