"""The conversation's original model: offered while another one answers, and loaded."""

from __future__ import annotations

from r1chat import keymap
from r1chat.errors import R1ChatError
from r1chat.sanitize import line
from r1chat.tui.chat.conversation_state import OpenConversation
from r1chat.tui.host import Host
from r1chat.wording import model_name


class OriginalModel:
    """Offers the conversation's original model as long as another one answers.

    Args:
        host: The app.
        state: The conversation.
    """

    def __init__(self, host: Host, state: OpenConversation) -> None:
        self._host = host
        self._state = state

    @property
    def differs(self) -> bool:
        """Whether another model is in use."""
        engine, original = self._host.engine, self._state.original_model
        current = engine.info.ref if engine is not None else self._host.model_ref
        return bool(original) and original != current

    def offer(self) -> None:
        """Says who wrote the conversation, and which key loads that model."""
        if not self.differs or not self._may_load():
            return
        key = keymap.shown(self._host.shown_keys()["chat.its_model"])
        refs = (self._state.original_model, self._host.model_ref)
        its, current = (model_name(ref, 40) for ref in refs)
        self._host.notify(
            f"Written by {its}; {current} will answer from here. {key} loads {its}.",
            markup=False,
            timeout=10,
        )

    def load(self) -> None:
        """Loads it, unless its name may be a stranger's."""
        if self._may_load():
            self._host.load_model(self._state.original_model)

    def _may_load(self) -> bool:
        """Whether it may be loaded; says why not, where it may not."""
        from r1chat import compose

        trusted = (self._host.model_ref, self._host.settings.model)
        try:
            compose.as_kept(self._state.original_model, trusted)
        except R1ChatError as error:
            self._host.notify(line(str(error), 500), severity="warning", markup=False, timeout=10)
            return False
        return True
