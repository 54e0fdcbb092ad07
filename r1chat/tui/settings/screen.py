"""The settings screen: shows all settings, and changes one in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from r1chat.sanitize import line
from r1chat.settings import checked
from r1chat.tui import typed
from r1chat.tui.keys import applies, bindings
from r1chat.tui.screens.once import Once
from r1chat.tui.settings.rows import OF_CONVERSATION, TITLES, Row, about, read, rows, waits_for
from r1chat.tui.settings.rows import typed as as_typed
from r1chat.tui.widgets.key_bar import KeyBar
from r1chat.tui.widgets.options import Rows

if TYPE_CHECKING:
    from r1chat.tui.host import Host

_FILTER = "Filter"
_TITLE = "title "
_SCOPES = ("for good", "for this conversation")
_ONLY_SAVED = "{} holds for all conversations: it is saved."
_NOTHING = "No setting has these words."


class SettingsScreen(Once[None]):
    """Lists the settings; Enter changes the one under the cursor.

    Args:
        host: The app.
        changed: Called with the name of each setting that was changed.
        given: What options of the command line say.
        preset: The preset that holds for the conversation.
    """

    DEFAULT_CSS = """
    SettingsScreen {
        background: $background;
        .settings--line { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
        #scope { background: $panel; }
        #field { margin: 0 1; }
        OptionList {
            height: 1fr;
            margin: 0 0 0 1;
            background: $background;
            border: none;
            text-wrap: nowrap;
            text-overflow: ellipsis;
            scrollbar-size-vertical: 1;
        }
        #about { height: auto; max-height: 9; padding: 0 1; background: $surface; }
        #note { color: $text-warning; height: auto; max-height: 3; padding: 0 1; }
        &.-low #about { display: none; }
    }
    """
    VERTICAL_BREAKPOINTS = [(0, "-low"), (18, "-high")]  # noqa: RUF012  (Textual declares it)
    BINDINGS: ClassVar[list[BindingType]] = bindings("settings")

    def __init__(
        self,
        host: Host,
        changed: Callable[[str], None],
        given: Mapping[str, object] | None = None,
        preset: str = "",
    ) -> None:
        super().__init__()
        self._host = host
        self._changed = changed
        self._given = given or {}
        self._preset = preset
        self._rows: dict[str, Row] = {}
        self._edited: Row | None = None
        """The setting whose value stands in the field; None while that filters."""
        self._filtered = ""
        self._for_conversation = False

    def compose(self) -> ComposeResult:
        """From the top: what a change holds for, the field, the list, what is known, keys."""
        yield Static(id="scope", classes="settings--line", markup=False)
        yield Input(placeholder=_FILTER, compact=True, select_on_focus=False, id="field")
        yield Rows(markup=False)
        yield Static(id="about", markup=False)
        yield Static(id="note", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Shows all there is."""
        self._say("")
        self.show_rows()
        self.focus_text_field()

    def on_resize(self) -> None:
        """Sets the columns again."""
        self.call_after_refresh(self.show_rows)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Shows in the footer only what applies to the row under the cursor."""
        del parameters
        return not self.is_mounted or applies(self, "settings", action)

    def focus_text_field(self) -> bool:
        """Gives the keyboard to the field."""
        return typed.focus_first(self, Input)

    # -- what applies --

    @property
    def row(self) -> Row | None:
        """The setting under the cursor."""
        options = self.query_one(OptionList)
        at = options.highlighted
        option = options.get_option_at_index(at) if at is not None else None
        return self._rows.get(option.id or "") if option is not None else None

    @property
    def can_unset(self) -> bool:
        """Whether the setting under the cursor can be given back to its default."""
        return self._edited is None and self.row is not None and self.row.is_set

    @property
    def filters(self) -> bool:
        """Whether nothing is being changed."""
        return self._edited is None

    # -- showing --

    def show_rows(self, *, best: bool = False) -> None:
        """Shows the settings as they stand now.

        Args:
            best: Whether the cursor goes to the one that is called as the filter begins.
        """
        preferences, engine = self._host.preferences, self._host.engine
        found = rows(
            preferences.saved,
            preferences.settings,
            model=engine.info if engine is not None else None,
            given=self._given,
            preset=self._preset,
        )
        words = self._filtered.lower().split()
        self._rows = {row.name: row for row in found if row.matches(words)}
        options = self.query_one(OptionList)
        before = self.row.name if self.row is not None else None
        if best:
            before = next((name for name in self._rows if name.startswith("_".join(words))), None)
        width = max(20, (options.size.width or self.app.size.width) - 2)
        drawn: list[Option] = []
        section = ""
        for row in self._rows.values():
            if row.setting.section != section:
                section = row.setting.section
                title = Content.styled(TITLES[row.setting.section], "$text-accent bold")
                drawn.append(Option(title, _TITLE + section, disabled=True))
            style = "bold" if row.is_set else ""
            drawn.append(Option(Content.styled(row.cells(width), style), row.name))
        scroll = options.scroll_offset.y
        options.set_options(drawn)
        options.scroll_to(y=scroll, animate=False)
        names = [option.id for option in drawn]
        first = next((at for at, option in enumerate(drawn) if not option.disabled), None)
        options.highlighted = names.index(before) if before in names else first
        if not self._rows:
            self._say(_NOTHING)
        self._show_about()

    def _show_about(self) -> None:
        row = self._edited or self.row
        self.query_one("#about", Static).update("\n".join(about(row)) if row is not None else "")
        scope = _SCOPES[self._for_conversation]
        doing = f"{self._edited.name}, {scope}" if self._edited else f"a change holds {scope}"
        self.query_one("#scope", Static).update(f"Settings · {doing}")
        self.refresh_bindings()

    def _say(self, text: str) -> None:
        note = self.query_one("#note", Static)
        note.update(line(text, 300))
        note.display = bool(text)

    @on(OptionList.OptionHighlighted)
    def _moved(self) -> None:
        self._show_about()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        if self._edited is not None:
            self._say("")
        elif event.value != self._filtered:
            self._filtered = event.value
            self._say("")
            self.show_rows(best=True)

    # -- changing --

    @on(OptionList.OptionSelected)
    def _selected(self) -> None:
        if self._edited is None:
            self._edit()

    def action_choose(self) -> None:
        """Changes the setting under the cursor; or takes what was typed."""
        # Once the keys before it have arrived: a paste and Enter come at once.
        (self.focused or self).call_later(self._choose)

    def _choose(self) -> None:
        if self._edited is not None:
            self._take(self.query_one(Input).value)
        else:
            self._edit()

    def _edit(self) -> None:
        row = self.row
        if row is None:
            return
        if self._for_conversation and row.name not in OF_CONVERSATION:
            self._say(_ONLY_SAVED.format(row.name))
            return
        self._edited = row
        preferences = self._host.preferences
        held = preferences.settings if self._for_conversation else preferences.saved
        value = getattr(held, row.name)
        field = self.query_one(Input)
        field.placeholder = row.setting.kind.allowed
        field.value = "" if value is None else as_typed(value)
        field.cursor_position = len(field.value)
        self._say("")
        self.focus_text_field()
        self._show_about()

    def _take(self, text: str) -> None:
        """Takes what was typed, if it may be that."""
        row = self._edited
        if row is None:
            return
        if not text.strip():
            self._set(row.name, None)
            return
        try:
            value = row.setting.kind.read(read(text))
        except ValueError as error:
            self._say(f"{row.name}: {error}")
            return
        preferences = self._host.preferences
        held = preferences.settings if self._for_conversation else preferences.saved
        values = {name: each for name, each in asdict(held).items() if each is not None}
        _, faults = checked({**values, row.name: value})
        if faults:
            self._say("; ".join(faults))
            return
        self._set(row.name, value)

    def _set(self, name: str, value: Any) -> None:  # noqa: ANN401  (of whatever type it is)
        preferences = self._host.preferences
        if self._for_conversation:
            preferences.hold(**{name: getattr(preferences.saved, name) if value is None else value})
        else:
            preferences.change(**{name: value})
        self._leave_field()
        self._changed(name)
        self.show_rows()
        later = waits_for(name)
        self._say(f"{name} {later}" if later else "")

    def _leave_field(self) -> None:
        self._edited = None
        field = self.query_one(Input)
        field.placeholder = _FILTER
        field.value = self._filtered

    def action_unset(self) -> None:
        """Gives the setting under the cursor back to its default."""
        row = self.row
        if row is None or not self.can_unset:
            return
        if self._for_conversation and row.name not in OF_CONVERSATION:
            self._say(_ONLY_SAVED.format(row.name))
        else:
            self._set(row.name, None)

    def action_scope(self) -> None:
        """Has changes hold for the conversation alone, or for good."""
        self._for_conversation = not self._for_conversation
        self._show_about()

    def action_move(self, step: int) -> None:
        """Moves the cursor; while a value is being changed, goes to the next of a few words."""
        if self._edited is None:
            options = self.query_one(OptionList)
            (options.action_cursor_down if step > 0 else options.action_cursor_up)()
            return
        words = self._edited.words
        if words:
            field = self.query_one(Input)
            at = words.index(field.value) + step if field.value in words else 0
            field.value = words[at % len(words)]
            field.cursor_position = len(field.value)

    def action_leave(self) -> None:
        """Leaves a value as it was, then the filter, then the screen."""
        if self._edited is not None:
            self._leave_field()
            self._say("")
            self._show_about()
        elif self._filtered:
            self.query_one(Input).value = ""
        else:
            self.dismiss(None)
