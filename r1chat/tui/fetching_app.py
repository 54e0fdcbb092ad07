"""An app that fetches models, beside the one that it uses."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.command import CommandPalette

from r1chat.errors import R1ChatError
from r1chat.sanitize import line
from r1chat.tui.keeping import KeepingApp
from r1chat.tui.services.history import History
from r1chat.tui.services.preferences import Value

if TYPE_CHECKING:
    from r1chat.settings import Settings
    from r1chat.tui.fetching import Fetching
    from r1chat.tui.hub import Hub


class FetchingApp(KeepingApp):
    """Opens the models screen, and fetches what it offers.

    Args:
        hub: Looks models up.
        history: Where conversations are kept.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f3", "models", "Model", id="app.models"),
        Binding("ctrl+f", "fetch", "Fetch", id="app.fetch", show=False, priority=True),
    ]

    def __init__(self, hub: Hub | None, history: History | None) -> None:
        super().__init__(history)
        self.offered = ""
        """The model that one key fetches; empty where none is offered."""
        self._hub = hub
        self._greeted = False

    @property
    def settings(self) -> Settings:
        """What the user has set."""
        raise NotImplementedError

    @functools.cached_property
    def fetching(self) -> Fetching:
        """The downloads, and what is known of models; nothing of it is needed for a first frame."""
        from r1chat.tui.fetching import Fetching
        from r1chat.tui.hub import Hub

        return Fetching(self, self._hub or Hub(lambda: self.settings.ctx))

    def greet(self) -> None:
        """Looks what to offer, once the first model is there or has failed."""
        if not self._greeted:
            self._greeted = True
            self.run_worker(self.fetching.greet(), group="greet", exit_on_error=False)

    def stop_fetching(self) -> None:
        """Ends the downloads; what is here of them is kept."""
        if "fetching" in vars(self):
            self.fetching.close()

    @property
    def unset(self) -> bool:
        """Whether the built-in model is there because nobody ever chose one."""
        raise NotImplementedError

    def use_model(self, ref: str) -> None:
        """Takes a model from now on."""
        raise NotImplementedError

    def remember(self, **values: Value) -> None:
        """Changes settings for good."""
        raise NotImplementedError

    def announce(self, text: str) -> None:
        """Says something to a user who looks elsewhere."""
        raise NotImplementedError

    def on_fetching_changed(self) -> None:
        """A download has got on, or ended."""
        self.fetching.look()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Shows what can be fetched by one key only while it can."""
        if action == "fetch":
            on_chat = self.screen is self.chat or isinstance(self.screen, CommandPalette)
            return bool(self.offered) and on_chat
        return super().check_action(action, parameters)

    @work(group="fetch", exclusive=True)
    async def action_fetch(self) -> None:
        """Fetches what is offered."""
        ref, self.offered = self.offered, ""
        self.refresh_bindings()
        try:
            fetched = await self.fetching.fetch(ref)
        except R1ChatError as error:
            self.notify(line(str(error), 400), severity="error", markup=False, timeout=15)
            fetched = False
        if not fetched:
            self.offered = ref
            self.refresh_bindings()

    def action_models(self) -> None:
        """Uses, finds and fetches models."""
        from r1chat.tui.screens.models import ModelsScreen

        if self.chat.running:
            self.notify("Stop the reply first: Escape.", timeout=3)
        elif self.screen is self.chat:
            self.push_screen(ModelsScreen(), self._model_picked)

    def _model_picked(self, ref: str | None) -> None:
        if ref is not None:
            self.fetching.forget_choice()
            self.use_model(ref)
