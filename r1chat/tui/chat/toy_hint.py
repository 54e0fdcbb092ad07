"""Says once how to get a real model, where the built-in one declines a question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from r1chat import keymap
from r1chat.models import declines
from r1chat.sanitize import line

if TYPE_CHECKING:
    from r1chat.conversation import Node
    from r1chat.tui.host import Host

_OFFERED = "For real questions, press {key} to download {ref}"
_OTHERS = "For real questions, press {key} to choose a model"


class ToyHint:
    """Owns which turn has the hint: the first that was declined while the app runs.

    Args:
        host: The app.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._at: Node | None = None

    def of(self, node: Node) -> str:
        """The hint for a turn; empty where it has none.

        Args:
            node: A turn of the model in use.
        """
        if self._at is None and node.turn is not None:
            if not declines(self._host.model_ref, node.turn.reply.answer):
                return ""
            self._at = node
        if node is not self._at:
            return ""
        keys, offered = self._host.shown_keys(), self._host.offered
        if offered:
            return _OFFERED.format(key=keymap.shown(keys["app.fetch"]), ref=line(offered, 60))
        return _OTHERS.format(key=keymap.shown(keys["app.models"]))
