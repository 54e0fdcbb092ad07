"""Shows how sure the model is, where the user wants to see it."""

from __future__ import annotations

from r1chat.tui.chat.reply_runner import ReplyRunner
from r1chat.tui.host import Host
from r1chat.tui.widgets.conversation import ConversationView

_FROM_NOW = "Shows how sure the model is from the next words on."
_REMOTE = "The server that has this model may not say how sure it is."


class Shading:
    """Has thoughts shaded by the model's confidence, as the settings say.

    Args:
        host: The app.
        turns: The conversation on the screen.
        runner: Has the reply under way.
    """

    def __init__(self, host: Host, turns: ConversationView, runner: ReplyRunner) -> None:
        self._host = host
        self._turns = turns
        self._runner = runner

    def show(self) -> None:
        """Shows the thoughts as the settings say."""
        wanted = self._host.preferences.confidence
        self._turns.shaded = wanted
        self._runner.measure(wanted=wanted)

    def toggle(self) -> None:
        """Shows how sure the model is, or not any more."""
        preferences = self._host.preferences
        preferences.confidence = not preferences.confidence
        self.show()
        if not preferences.confidence:
            self._host.notify("No longer shows how sure the model is.", timeout=2)
            return
        engine = self._host.engine
        remote = engine is not None and engine.info.host
        self._host.notify(_REMOTE if remote else _FROM_NOW, timeout=3)
