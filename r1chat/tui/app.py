"""The app: composes its services and screens, and keeps the terminal."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import events, on, work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.command import CommandPalette
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widgets import Input, TextArea
from textual.worker import WorkerFailed

from r1chat import logs, paths
from r1chat.errors import R1ChatError
from r1chat.history import History
from r1chat.sanitize import line
from r1chat.tui import terminal, terminal_input
from r1chat.tui.chat.leaving import Leaving
from r1chat.tui.chat.reply_runner import STOP_FIRST
from r1chat.tui.chat.screen import ChatScreen
from r1chat.tui.clipboard import Clipboard
from r1chat.tui.commands import commands
from r1chat.tui.keys import applies, bindings
from r1chat.tui.preferences import Preferences, Value
from r1chat.tui.services.current_model import CurrentModel
from r1chat.tui.services.drafts import Drafts
from r1chat.tui.services.guest_model import GuestModel
from r1chat.tui.services.keyboard import Keyboard
from r1chat.tui.services.keymap import Keymap
from r1chat.tui.services.model_loader import Fits, Load, Loader, fits_beside, load_model
from r1chat.tui.services.themes import Themes
from r1chat.tui.threads import on_thread

if TYPE_CHECKING:
    from textual.drivers.web_driver import WebDriver

    from r1chat.engine.base import Engine
    from r1chat.hub.inventory import Inventory
    from r1chat.reasoning.budget import Think
    from r1chat.settings import Settings
    from r1chat.tui.chat.conversation_state import OpenConversation
    from r1chat.tui.download import Download
    from r1chat.tui.services.downloads import Downloads
    from r1chat.tui.services.known_models import KnownModels, NamedServers
    from r1chat.tui.services.recommendation import Recommendation
    from r1chat.tui.welcome import Welcome

_QUIT_AGAIN_S = 2.0
_DRAFT_S = 0.5
"""How often it is looked whether there are words to be kept."""
_LOADING = ("ctx", "threads", "gpu_layers", "tensor_split")
"""Settings that say how a model is loaded."""
_SIGNALS = ("SIGTERM", "SIGHUP", "SIGINT")


class R1ChatApp(App[None]):
    """Chat with a reasoning model, and watch it think.

    Args:
        model: A model reference; by default what the settings say.
        given: Settings in place of the user's own.
        load: Loads a model.
        fits: Says whether there is room for a model beside the one that is in use.
        inventory: Looks models up.
        servers: Asks named servers.
        history: Keeps conversations.
        loading: How to load models, before what the settings say, e.g. their ``gpu_layers``.
        think: Which models think, before what the settings say.
    """

    TITLE = "r1chat"
    CSS_PATH = Path(__file__).with_name("app.tcss")
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = bindings("app")

    def __init__(  # noqa: PLR0913  (all that can be given in place of what the app finds)
        self,
        *,
        model: str | None = None,
        given: Settings | None = None,
        load: Load = load_model,
        fits: Fits = fits_beside,
        inventory: Inventory | None = None,
        servers: NamedServers | None = None,
        history: History | None = None,
        loading: Mapping[str, object] | None = None,
        think: Think | None = None,
    ) -> None:
        super().__init__()
        self.offered = ""
        """The model that one key downloads; empty where none is offered."""
        self.crashed = False
        """Whether something happened that nobody expected."""
        self.history = history or History()
        self.preferences = Preferences(given, self.set_timer, self._warn, think=think)
        self.keymap = Keymap(self)
        self.drafts = Drafts(saves=self.settings.save is not False, warn=self._warn)
        self.themes = Themes(self)
        self.keyboard = Keyboard(self, super().on_event)
        self.model = CurrentModel(
            self,
            Loader(self, load, fits),
            model or self.settings.model,
            display=lambda: self.chat.model if self.screen_stack else None,
            options=self.loading_options,
            later=self.set_timer,
            settled=self._recommend,
        )
        self.guest = GuestModel(
            self.model,
            load,
            fits,
            options=self.loading_options,
            known=lambda: self.known_models,
        )
        self.first_frame: Callable[[], None] = lambda: None
        """Is called once there is one."""
        self._loading = dict(loading or {})
        self.begins_with: str | None = None
        """The id of the conversation that it begins with; None for a new one."""
        self._state: OpenConversation | None = None
        self._leaving: Leaving | None = None
        self._inventory = inventory
        self._servers = servers
        self._is_greeted = False
        self._quit_asked = False
        self._titled = ""
        self.keymap.change(self.settings.keys or {})

    # -- settings --

    @property
    def settings(self) -> Settings:
        """What the user has set."""
        return self.preferences.settings

    def remember(self, **values: Value) -> None:
        """Changes settings for good; if they cannot be saved, for this time."""
        self.preferences.change(**values)

    def _warn(self, fault: str | None) -> None:
        if fault is not None:
            self.notify(line(fault, 300), severity="warning", markup=False, timeout=10)

    # -- life --

    def get_default_screen(self) -> Screen[None]:
        """The conversation."""
        screen = ChatScreen(self, self.guest)
        self._state = screen.state
        self._leaving = Leaving(
            self, screen.state, screen.runner, leave=self.exit, asks=lambda: not self.is_web
        )
        return screen

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The colours of a thought, for Textual's own themes, which have none."""
        return {"thought": "#909090", "injected": "#b0a0ff", "wait": "#e0a040"}

    def on_mount(self) -> None:
        """The theme before the first frame; the engine after it."""
        self.themes.begin(self.settings.theme)
        self._listen_to_signals()
        self._write(terminal.KEEP_TITLE + terminal.title(self.TITLE or ""))
        self._warn(self.preferences.fault)
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self.first_frame()
        threading.Thread(target=terminal.watch, name="r1chat-watch", daemon=True).start()
        if self.is_web:
            self.tell_page(cast("WebDriver", self._driver).write_meta)
        for draft in self.drafts.take_newest():
            self.chat.outbox.restore(draft)
        self.drafts.follow(self.chat.outbox.unsent)
        self.set_interval(_DRAFT_S, self.drafts.save_soon)
        self.run_worker(self.model.begin(self._find_usual), group="begin", exit_on_error=False)
        self.run_worker(self._open_history(), group="history", exit_on_error=False)
        self.run_worker(self.themes.load_later(), group="themes", exit_on_error=False)
        self._warn(self.preferences.obstacle())

    async def _find_usual(self) -> str | None:
        """The model to use where nobody has chosen one; None is the built-in one."""
        try:
            inventory = self.known_models.inventory
            found = await on_thread(inventory.usual, "r1chat-find")
        except R1ChatError as error:
            self._warn(str(error))
            return None
        return found.ref if found is not None else None

    def tell_page(self, write: Callable[[dict[str, object]], None]) -> None:
        """Has the server of the page told what is open, and whether the app is at work.

        Args:
            write: Sends the server a message.
        """
        from r1chat.tui.services.web_page import WebPage

        def busy() -> bool:
            unsaved = self.chat.state.has_turns and not self.history.saves
            return self.chat.running or unsaved

        WebPage(self.chat, conversation=lambda: self.chat.shown_id, busy=busy, write=write)

    async def _open_history(self) -> None:
        saves = self.settings.save is not False
        await on_thread(lambda: self.history.open(saves=saves), "r1chat-history-open")
        # The app may have ended meanwhile.
        if self.screen_stack:
            await self.chat.history_opened()
            if self.begins_with is not None:
                await self.chat.open_conversation(self.begins_with)
        if paths.jobs().is_dir():
            await on_thread(_tidy_jobs, "r1chat-jobs")

    async def on_unmount(self) -> None:
        """Writes what is left of the history."""
        await on_thread(self.history.close, "r1chat-history-close")

    def _listen_to_signals(self) -> None:
        if self.is_headless:
            return
        loop = asyncio.get_running_loop()
        for name in _SIGNALS:
            number = getattr(signal, name, None)
            if number is None or signal.getsignal(number) is signal.SIG_IGN:
                continue
            with contextlib.suppress(NotImplementedError, ValueError):
                loop.add_signal_handler(number, self._leave, 128 + number)

        if hasattr(signal, "SIGCONT"):
            loop.add_signal_handler(signal.SIGCONT, self._go_on)
        if hasattr(signal, "SIGWINCH"):
            loop.add_signal_handler(signal.SIGWINCH, self._take_size)
        self.app_resume_signal.subscribe(self, self._redraw)

    def _leave(self, code: int) -> None:
        self.exit(return_code=code)

    def _go_on(self) -> None:
        if self._driver is not None:
            terminal_input.go_on(self._driver)

    def _take_size(self) -> None:
        size = terminal_input.size(self._driver) if self._driver is not None else None
        if size is not None:
            self.post_message(events.Resize(size, size))

    def _redraw(self, _: object) -> None:
        # The shell has written over the screen, of which Textual draws only what has changed.
        self.refresh(layout=True)

    def _fatal_error(self) -> None:
        """Writes a crash into the log: Textual's own way shows variables on the terminal."""
        self.crashed = True
        error: BaseException | None = self._exception
        if isinstance(error, WorkerFailed):
            error = error.error
        if error is not None:
            logs.crash(error)
        self._close_messages_no_wait()

    def panic(self, *renderables: object) -> None:
        """Ends the app; what there is to say goes to the log."""
        del renderables
        self._fatal_error()

    def shut_down(self) -> bool:
        """Stops what runs and frees the engine, for the end.

        Returns:
            Whether all of it ended in time; else only the end of the process ends it.
        """
        self.drafts.close()
        self.preferences.save()
        if "downloads" in vars(self):
            self.downloads.close()
        self.model.close()
        self.history.close()
        return self.model.freed and not self.guest.busy

    def hand_over(self) -> str:
        """Has the reply that was under way go on in the background, where the user wants that.

        Returns:
            A line that says what becomes of it; empty where it was not wanted.
        """
        order = self._leaving.order if self._leaving is not None else None
        if order is None:
            return ""
        from r1chat.jobs import submit
        from r1chat.store.values import SHORT

        try:
            job = submit(order)
        except R1ChatError as error:
            return f"the reply does not go on: {line(str(error), 300)}"
        return f"The reply goes on in the background: r1chat jobs attach {job.id[:SHORT]}"

    @property
    def resumable(self) -> str:
        """What names the open conversation in a command; empty where it is not saved."""
        if self._state is None or not (self._state.has_turns and self.history.saves):
            return ""
        from r1chat.store.values import SHORT

        return self._state.id[:SHORT]

    # -- the chat, as services see it --

    @property
    def chat(self) -> ChatScreen:
        """The conversation's screen."""
        screen = self.screen_stack[0]
        assert isinstance(screen, ChatScreen)  # noqa: S101  (what get_default_screen makes)
        return screen

    @property
    def occupied(self) -> bool:
        """Whether a reply runs or a thought is paused, which another model would disturb."""
        return self.chat.occupied

    def recommend(self, text: str) -> None:
        """Says where the conversation is still empty which model to begin with."""
        self.chat.model.recommend(text)

    def welcome(self, welcome: Welcome) -> None:
        """Shows a new user what this machine can have, where nothing was asked yet."""
        self.chat.model.welcome(welcome)

    def show_download(self, state: str, chosen: Download | None) -> None:
        """Shows how far a download is; nothing where there is none."""
        self.chat.model.show_download(state, chosen)

    # -- models and downloads --

    @property
    def engine(self) -> Engine | None:
        """The model that answers."""
        return self.model.engine

    @property
    def model_ref(self) -> str:
        """The model that is in use; where there is none, the one that is wished for."""
        return self.model.ref

    @property
    def coming(self) -> str | None:
        """The model that is being loaded."""
        return self.model.coming

    @property
    def unset(self) -> bool:
        """Whether the built-in model is there because nobody ever chose one."""
        return self.model.unset

    @property
    def found(self) -> str:
        """The model in use, if nobody chose it and it was found on this machine; else empty."""
        return self.model.found

    def load_model(self, ref: str) -> None:
        """Loads a model for this time; the one in use answers until it is there."""
        self.model.load(ref)

    def use_model(self, ref: str) -> None:
        """Takes a model from now on, once it is loaded."""
        self.offered = ""
        self.model.use(ref)

    def loading_options(self) -> dict[str, Any]:
        """How to load models."""
        from r1chat import states

        settings = self.settings
        chosen = {name: getattr(settings, name) for name in _LOADING}
        kept = states.enabled(
            saves=settings.save, keeps=settings.keep_state, space=settings.state_space
        )
        return {**chosen, **self._loading, "samples": self.preferences.samples, "states": kept}

    @on(Loader.News)
    def _take_news(self, event: Loader.News) -> None:
        self.model.take(event)

    @functools.cached_property
    def known_models(self) -> KnownModels:
        """What is known of models; nothing of it is needed for the first frame."""
        from r1chat.hub.inventory import Inventory
        from r1chat.tui.services.known_models import KnownModels, NamedServers

        inventory = self._inventory or Inventory(lambda: self.settings.ctx)
        return KnownModels(inventory, self._servers or NamedServers(), self._file_in_use)

    def _file_in_use(self) -> Path | None:
        info = self.engine.info if self.engine is not None else None
        return Path(info.path) if info is not None and info.path and not info.host else None

    @functools.cached_property
    def downloads(self) -> Downloads:
        """The downloads."""
        from r1chat.tui.services.downloads import Downloads

        return Downloads(self, self.known_models)

    @functools.cached_property
    def recommendation(self) -> Recommendation:
        """The model to begin with."""
        from r1chat.tui.services.recommendation import Recommendation

        return Recommendation(self, self.known_models, self.downloads)

    def _recommend(self) -> None:
        """Looks what to recommend, once the first model is there or has failed."""
        if not self._is_greeted:
            self._is_greeted = True
            self.run_worker(self.recommendation.make(), group="greet", exit_on_error=False)

    def on_downloads_changed(self) -> None:
        """A download has got on, or ended."""
        self.downloads.look()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Shows what can be downloaded by one key only while it can."""
        return applies(self, "app", action) and super().check_action(action, parameters)

    @property
    def has_offer(self) -> bool:
        """Whether a model is offered that one key downloads."""
        on_chat = self.screen is self.chat or isinstance(self.screen, CommandPalette)
        return bool(self.offered) and on_chat

    @work(group="download", exclusive=True)
    async def action_download(self) -> None:
        """Downloads what is offered."""
        from r1chat.tui.models.start import start

        ref, self.offered = self.offered, ""
        self.refresh_bindings()
        self.chat.model.ask_for(ref)
        try:
            started = await start(self, self.known_models, self.downloads, ref)
        except R1ChatError as error:
            self.notify(line(str(error), 400), severity="error", markup=False, timeout=15)
            started = False
        if not started:
            self.offered = ref
            self.chat.model.ask_for("")
            self.refresh_bindings()

    def action_models(self) -> None:
        """Uses, finds and downloads models."""
        from r1chat.tui.models.screen import ModelsScreen

        if self.chat.running:
            self.notify(STOP_FIRST, timeout=3)
        elif self.screen is self.chat:
            chosen = self.downloads.chosen
            row = chosen.row if chosen is not None else self.recommendation.row
            screen = ModelsScreen(self, self.known_models, self.downloads, row)
            self.push_screen(screen, self._model_picked)

    def _model_picked(self, ref: str | None) -> None:
        if ref is not None:
            self.downloads.forget_choice()
            self.use_model(ref)

    # -- keys --

    async def on_event(self, event: events.Event) -> None:
        """Sends what is typed to the text field of the screen in front."""
        await self.keyboard.take(event)

    def shown_keys(self) -> Mapping[str, str]:
        """The keys of all bindings by their ids, those that work here in front."""
        return self.keymap.shown()

    def get_key_display(self, binding: Binding) -> str:
        """How the footer writes a key."""
        return super().get_key_display(self.keymap.shown_binding(binding))

    def handle_bindings_clash(self, clashed_bindings: set[Binding], node: DOMNode) -> None:
        """Says once which keys of the settings push out others."""
        del node
        self.keymap.warn_of_clash(clashed_bindings)

    # -- the terminal --

    def _write(self, text: str) -> None:
        if self._driver is not None and not self.is_headless and not self.is_web:
            self._driver.write(text)

    @property
    def titled(self) -> str:
        """What the terminal's title says of the conversation."""
        return self._titled

    @titled.setter
    def titled(self, about: str) -> None:
        self._titled = about
        self._write(terminal.title(f"{line(about, 40)} · r1chat" if about else "r1chat"))

    def announce(self, text: str) -> None:
        """Says something to a user who looks elsewhere."""
        if not self.app_focus:
            self.bell()
            self._write(terminal.note(f"r1chat: {text}"))

    # -- actions --

    async def action_quit(self) -> None:
        """Quits; while a reply is being written, asks first."""
        if self._leaving is not None:
            self._leaving.quit()

    def action_interrupt(self) -> None:
        """Ctrl+C: copies a selection, stops the reply, puts the draft aside, or quits.

        To quit it has to be pressed twice.
        """
        if self._leaving is not None and self._leaving.asking:
            self._leaving.quit()
            return
        if self._copy_selection():
            return
        # Pressed in a hurry it comes again before the reply has ended.
        waits = self.screen is self.chat and self.chat.outbox.held is not None
        if waits or (self.chat.running and not self.chat.runner.stopping):
            self.chat.action_stop()
        elif self.screen is self.chat and self.chat.composer.text:
            self.chat.composer.put_aside()
        elif self._quit_asked:
            self.exit()
        else:
            self._quit_asked = True
            self.notify("Press Ctrl+C again to quit.", timeout=_QUIT_AGAIN_S)
            self.set_timer(_QUIT_AGAIN_S, self._forget_quit)

    def _copy_selection(self) -> bool:
        field = self.focused
        selected = self.screen.get_selected_text()
        if selected:
            self.screen.clear_selection()
        elif isinstance(field, (TextArea, Input)):
            selected = field.selected_text
        if selected:
            self.copy_to_clipboard(selected)
        return bool(selected)

    def copy_to_clipboard(self, text: str) -> None:
        """Copies a text for all fields there are."""
        Clipboard.of(self).copy(text)

    def _forget_quit(self) -> None:
        self._quit_asked = False

    def action_help(self) -> None:
        """Explains the keys."""
        from r1chat.tui.screens.help import Help

        if not isinstance(self.screen, Help):
            self.push_screen(Help(self.shown_keys()))

    def action_command_palette(self) -> None:
        """Opens the palette of all commands."""
        from r1chat.tui.palette import Palette

        if not isinstance(self.screen, Palette):
            # Without textual's id for it: one that is closing still has that.
            self.push_screen(Palette())

    def action_settings(self) -> None:
        """Shows all settings, and changes them in place."""
        from r1chat.tui.settings.screen import SettingsScreen

        if self.screen is self.chat:
            given = {name: value for name, value in self._loading.items() if value is not None}
            if self.preferences.given_think is not None:
                given["think"] = self.preferences.given_think
            self.push_screen(
                SettingsScreen(self, self._setting_changed, given, self.chat.preset_name)
            )

    def _setting_changed(self, name: str) -> None:
        """Has a changed setting take effect."""
        from r1chat.settings import SETTINGS, use

        use(self.settings)
        if name == "theme":
            self.themes.show(self.settings.theme or str(SETTINGS["theme"].default))
        elif name == "keys":
            self.keymap.change(self.settings.keys or {})
        elif name == "model" and self.settings.model is not None:
            self.use_model(self.settings.model)
        else:
            if name == "think":
                # What was given at the start holds until it is changed.
                self.preferences.given_think = None
            self.chat.show_settings()

    def action_themes(self) -> None:
        """Picks a theme, each shown while the cursor is on it."""
        from r1chat.tui.screens.pick import Choice, Pick

        if self.screen is self.chat:
            described, show = self.themes.described(), self.themes.show
            choices = [Choice(name, name, about) for name, about in described.items()]
            pick = Pick("Theme", choices, current=self.theme, preview=show)
            self.push_screen(pick, self._theme_picked)

    def _theme_picked(self, name: str | None) -> None:
        if name is not None:
            self.themes.show(name)
            self.remember(theme=name)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Everything that a key does is in the palette too."""
        return commands(self, screen)


def _tidy_jobs() -> None:
    """Removes old jobs, and has processes work on those that nobody works on; on a thread."""
    from r1chat.jobs import Jobs, start_waiting

    Jobs().tidy()
    start_waiting()
