"""An app whose keys its user can change; letters go to the text, whatever has the focus."""

from __future__ import annotations

from collections.abc import Mapping

from textual import events
from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode, NoScreen
from textual.errors import NoWidget
from textual.widgets import OptionList

from r1chat import keymap
from r1chat.sanitize import line
from r1chat.tui import keys, typed

_NOT_YET_S = 0.01
"""How soon it is tried again where a screen is not ready for what is typed."""


class KeyedApp(App[None]):
    """Sets keys by the ids of their bindings, and says which could not be set."""

    def __init__(self) -> None:
        super().__init__()
        self._clashes: set[str] = set()
        self._early: list[events.Key | events.Paste] = []
        """What was typed before a screen that was opened had its text field."""

    async def on_event(self, event: events.Event) -> None:
        """Sends what is typed to the text field of the screen in front."""
        if isinstance(event, (events.Key, events.Paste)) and not event.is_forwarded:
            self._early.append(event)
            await self._send_typed()
        elif not (isinstance(event, events.MouseEvent) and self._is_stray(event)):
            await super().on_event(event)

    def _is_stray(self, event: events.MouseEvent) -> bool:
        """Whether the mouse hit what has been taken off the screen and is still to be seen.

        Textual looks for what it stands in, or for an option of its number, and raises.
        """
        if event.is_forwarded or not self.screen_stack:
            return False
        try:
            widget, _ = self.get_widget_at(event.x, event.y)
        except (NoWidget, NoScreen):
            return False
        if not widget.is_attached:
            return True
        option = self.screen.get_style_at(event.x, event.y).meta.get("option", 0)
        return isinstance(widget, OptionList) and option >= widget.option_count > 0

    async def _send_typed(self) -> None:
        """Sends on what was typed, in its order, as soon as the screen in front can take it."""
        while self._early:
            event = self._early[0]
            if self.screen_stack:
                # Textual gives the focus back where the terminal had lost it, but too late.
                self.app_focus = True
                if not typed.aim(self.screen, event):
                    self.set_timer(_NOT_YET_S, self._send_typed)
                    return
            if isinstance(event, events.Paste):
                self.clean(event)
            del self._early[0]
            await super().on_event(event)

    def clean(self, paste: events.Paste) -> None:
        """Cleans what is pasted, for the field that has the focus by now."""

    def set_keys(self, wanted: Mapping[str, str]) -> None:
        """Changes keys.

        Args:
            wanted: Ids of bindings, with keys as Textual names them.
        """
        if wanted:
            known = self._known_bindings()
            self.set_keymap({name: key for name, key in wanted.items() if name in known})
            unknown = [name for name in wanted if name not in known]
            if unknown:
                self._warn_later(f"No such keys to set: {line(', '.join(unknown), 200)}")

    def shown_keys(self) -> dict[str, str]:
        """The keys of all bindings by their ids, those that work here in front."""
        usual = {name: each.key for name, each in self._known_bindings().items()}
        shown: dict[str, str] = {**usual, **self._keymap}
        if self.is_web:
            return {name: keymap.in_a_browser(key) for name, key in shown.items()}
        return shown

    def get_key_display(self, binding: Binding) -> str:
        """How the footer writes a key; in a browser, one that the browser lets through."""
        if self.is_web:
            active = self.screen.active_bindings.values()
            twins = [each.binding for each in active if each.binding.id == binding.id]
            first = keymap.in_a_browser(",".join(twin.key for twin in twins)).split(",")[0]
            binding = next((twin for twin in twins if twin.key == first), binding)
        return super().get_key_display(binding)

    def handle_bindings_clash(self, clashed_bindings: set[Binding], node: DOMNode) -> None:
        """Says once which keys of the settings push out others."""
        del node
        names = {each.id for each in clashed_bindings if each.id and self._is_pushed_out(each)}
        names -= self._clashes
        if names:
            self._clashes |= names
            self._warn_later(f"The keys in the settings leave none for {', '.join(sorted(names))}")

    def _is_pushed_out(self, binding: Binding) -> bool:
        """Whether a binding has to leave its key to another; Textual counts its own twins too."""
        others = (taken for name, taken in self._keymap.items() if name != binding.id)
        return any(binding.key in taken.split(",") for taken in others)

    def _warn_later(self, text: str) -> None:
        self.call_later(self.notify, text, severity="warning", markup=False, timeout=10)

    def _known_bindings(self) -> dict[str, Binding]:
        """All keys of the app, by the ids of their bindings."""
        from r1chat.tui.chat.screen import ChatScreen
        from r1chat.tui.models.details import AboutModel
        from r1chat.tui.models.quants import PickQuant
        from r1chat.tui.models.screen import ModelsScreen
        from r1chat.tui.screens.attach import AttachFile
        from r1chat.tui.screens.help import Help
        from r1chat.tui.screens.one_line import OneLine
        from r1chat.tui.screens.pick import Pick
        from r1chat.tui.screens.question import Question
        from r1chat.tui.screens.statistics import StatisticsScreen
        from r1chat.tui.widgets.answer import AnswerView
        from r1chat.tui.widgets.composer import Composer
        from r1chat.tui.widgets.conversation import ConversationView
        from r1chat.tui.widgets.history_panel import HistoryPanel
        from r1chat.tui.widgets.slider import BudgetSlider
        from r1chat.tui.widgets.tally import Tally
        from r1chat.tui.widgets.thinking import ThinkingHeader
        from r1chat.tui.widgets.thought import ThoughtView

        app = (each for each in type(self).__mro__ if issubclass(each, KeyedApp))
        chat = (ChatScreen, HistoryPanel)
        parts = (Composer, BudgetSlider, ConversationView)
        turn = (ThinkingHeader, ThoughtView, AnswerView, Tally)
        models = (ModelsScreen, PickQuant, Question, AboutModel)
        boxes = (Pick, OneLine, AttachFile, Help, StatisticsScreen)
        return keys.bindings_of((*app, *chat, *parts, *turn, *models, *boxes))
