"""The preset of a conversation: chosen from a list, and put over the saved settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from r1chat.tui.host import Host

if TYPE_CHECKING:
    from r1chat.tui.chat.conversation_state import OpenConversation
    from r1chat.tui.widgets.slider import BudgetSlider

_NONE = ("as set", "the saved settings")
_BEGUN = "its instructions need a conversation that has not begun: F9 begins one."
_LONGEST = 60


class PresetChoice:
    """Owns which preset holds for the conversation on the screen.

    Args:
        host: The app.
        state: The conversation.
        slider: Shows the budget.
    """

    def __init__(self, host: Host, state: OpenConversation, slider: BudgetSlider) -> None:
        self._host = host
        self._state = state
        self._slider = slider
        self.name = ""
        """The preset; empty where there is none."""

    def choose(self) -> None:
        """Lets the user pick one."""
        from r1chat.presets import described, known
        from r1chat.tui.screens.pick import Choice, Pick

        if len(self._host.screen_stack) > 1:
            return
        presets = known(self._host.preferences.saved).values()
        choices = [Choice("", *_NONE)]
        choices += [
            Choice(each.name, each.name, each.about or described(each, _LONGEST))
            for each in presets
        ]
        self._host.push_screen(Pick("Preset", choices, current=self.name), self._picked)

    def _picked(self, name: str | None) -> None:
        if name is None:
            return
        preferences = self._host.preferences
        from r1chat.presets import applied, described, known

        preset = known(preferences.saved).get(name)
        over = applied(preferences.saved, preset) if preset is not None else preferences.saved
        self.name = name
        preferences.hold_all(over)
        self.show()
        if preset is None:
            return
        begun = "system" in preset.values and self._state.has_turns
        held = described(preset, _LONGEST)
        text = f"Preset {name}: {_BEGUN if begun else held}"
        self._host.notify(text, markup=False, timeout=6 if begun else 4)

    def show(self) -> None:
        """Shows what holds now: the budget, and the instructions of what has not begun."""
        preferences = self._host.preferences
        self._slider.value = preferences.budget
        self._state.instruct(self._host.engine, preferences.settings.system)

    def let_go(self) -> None:
        """Goes back to the saved settings: another conversation begins."""
        if self.name or self._host.preferences.holds:
            self.name = ""
            self._host.preferences.let_go()
            self._slider.value = self._host.preferences.budget
