"""What screens, their parts and the services may ask of the app."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from textual.message import Message
    from textual.notifications import SeverityLevel
    from textual.screen import Screen

    from r1chat.engine.base import Engine
    from r1chat.history import History
    from r1chat.settings import Settings
    from r1chat.tui.download import Download
    from r1chat.tui.preferences import Preferences, Value
    from r1chat.tui.welcome import Welcome

Result = TypeVar("Result")


class Host(Protocol):
    """The app as its parts know it. Who needs more is given it when it is made."""

    preferences: Preferences
    history: History
    offered: str
    """The model that one key downloads; empty where none is offered."""
    titled: str
    """What the terminal's title says of the conversation."""

    # -- settings --

    @property
    def settings(self) -> Settings:
        """What the user has set."""

    def remember(self, **values: Value) -> None:
        """Changes settings for good."""

    def shown_keys(self) -> Mapping[str, str]:
        """The keys of all bindings by their ids."""

    def loading_options(self) -> Mapping[str, Any]:
        """How models are loaded."""

    # -- the model --

    @property
    def engine(self) -> Engine | None:
        """The model that answers."""

    @property
    def model_ref(self) -> str:
        """The model that is in use; where there is none, the one that is wished for."""

    @property
    def coming(self) -> str | None:
        """The model that is being loaded."""

    @property
    def unset(self) -> bool:
        """Whether the built-in model is there because nobody ever chose one."""

    @property
    def found(self) -> str:
        """The model in use, if nobody chose it and it was found on this machine; else empty."""

    def load_model(self, ref: str) -> None:
        """Loads a model for this time; the one in use answers until it is there."""

    def use_model(self, ref: str) -> None:
        """Takes a model from now on, once it is loaded."""

    # -- the chat, as services see it --

    @property
    def occupied(self) -> bool:
        """Whether a reply runs or a thought is paused, which another model would disturb."""

    def recommend(self, text: str) -> None:
        """Says where the conversation is still empty which model to begin with."""

    def welcome(self, welcome: Welcome) -> None:
        """Shows a new user what this machine can have, where nothing was asked yet."""

    def show_download(self, state: str, chosen: Download | None) -> None:
        """Shows how far a download is; nothing where there is none.

        Args:
            state: How far, in a word or two.
            chosen: The one whose model is to be used once it is here.
        """

    # -- what every Textual app has --

    @property
    def screen_stack(self) -> Sequence[Screen[Any]]:
        """The screens, the one in front at the end."""

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        """Shows a toast."""

    def announce(self, text: str) -> None:
        """Says something to a user who looks elsewhere."""

    def push_screen(
        self,
        screen: Screen[Result],
        callback: Callable[[Result | None], None]
        | Callable[[Result | None], Awaitable[None]]
        | None = None,
    ) -> object:
        """Shows a screen in front."""

    async def push_screen_wait(self, screen: Screen[Result]) -> Result:
        """Shows a screen in front and waits for what comes of it; in a worker only."""

    def run_worker(
        self,
        work: Coroutine[Any, Any, None],
        *,
        group: str = "default",
        exclusive: bool = False,
        exit_on_error: bool = True,
    ) -> object:
        """Does something in the background."""

    def refresh_bindings(self) -> None:
        """Has the footer look again which keys apply."""

    def post_message(self, message: Message) -> bool:
        """Sends the app a message, from any thread."""
