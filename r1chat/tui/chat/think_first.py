"""Whether models think: the choice of the conversation, and what can be steered under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from r1chat import keymap
from r1chat.tui.host import Host

if TYPE_CHECKING:
    from r1chat.engine.base import Steering
    from r1chat.reasoning.budget import Think


class ThinkFirst:
    """Owns the choice, which is remembered as the budget is.

    Args:
        host: The app.
    """

    def __init__(self, host: Host) -> None:
        self._host = host

    @property
    def value(self) -> Think:
        """Which models think, from the next question on."""
        return self._host.preferences.think

    def take(self, think: Think) -> None:
        """Takes over the choice of a conversation, unless another was given for this time."""
        preferences = self._host.preferences
        if preferences.given_think is None:
            preferences.hold(think=think if think != "auto" else None)

    @property
    def thinks(self) -> bool:
        """Whether the next reply has a thought, as far as there is a model to tell."""
        engine = self._host.engine
        return engine is None or engine.info.thinks_with(self.value)

    @property
    def can_switch(self) -> bool:
        """Whether there is a choice: the model can be asked to think, or is kept from it."""
        engine = self._host.engine
        if engine is None:
            return False
        return not engine.info.unasked or (engine.info.thinks and self.value == "off")

    def switch(self) -> None:
        """Has the model think where it would not, or answer by itself again."""
        engine = self._host.engine
        if engine is not None and self.can_switch:
            on: Think = "auto" if engine.info.thinks and engine.info.unasked else "on"
            self._host.preferences.think = "auto" if self.value == "on" else on

    def steering(self, think: Think | None = None) -> Steering | None:
        """What can be steered of a reply; None where there is no model.

        Args:
            think: What the reply was asked with; by default the choice.
        """
        engine = self._host.engine
        return engine.info.steering_with(think or self.value) if engine is not None else None

    @property
    def cure(self) -> str:
        """Which key has a model think that does not, in a few words; empty where none does."""
        if self.thinks or not self.can_switch:
            return ""
        key = keymap.shown(self._host.shown_keys()["chat.think_first"])
        return f"{key} makes it think first"

    def with_cure(self, why: str) -> str:
        """A reason why something about thoughts cannot be done, with the key that helps."""
        from r1chat.engine.base import NO_THOUGHTS

        return f"{why}; {self.cure}" if why == NO_THOUGHTS and self.cure else why
