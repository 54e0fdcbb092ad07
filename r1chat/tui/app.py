"""The app: settings, themes, the engine's life, and the screens."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.theme import Theme as TextualTheme

from r1chat import logs, paths, settings, themes
from r1chat.engine.base import Engine, Sampling
from r1chat.errors import R1ChatError
from r1chat.reasoning.budget import Budget
from r1chat.sanitize import line
from r1chat.settings import Settings
from r1chat.themes import Theme
from r1chat.tui.models import choices as model_choices
from r1chat.tui.screens.chat import ChatScreen
from r1chat.tui.screens.help import Help
from r1chat.tui.screens.pick import Choice, Pick
from r1chat.tui.terminal import private_screen

log = logging.getLogger(__name__)

DEFAULT_THEME = "midnight"
_QUIT_AGAIN_S = 2.0


class R1ChatApp(App[None]):
    """Chat with a reasoning model, and watch it think."""

    TITLE = "r1chat"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", "Help", id="app.help"),
        Binding("f3", "models", "Model", id="app.models"),
        Binding("f4", "themes", "Theme", id="app.themes", show=False),
        Binding("ctrl+c", "interrupt", "Quit", id="app.interrupt", show=False, priority=True),
        Binding("ctrl+q", "quit", "Quit", id="app.quit", show=False, priority=True),
    ]

    def __init__(self, *, model: str | None = None, given: Settings | None = None) -> None:
        super().__init__()
        loaded, self._fault = settings.load() if given is None else (given, None)
        self.settings = loaded
        self.engine: Engine | None = None
        self._ref = model or loaded.model or "tiny"
        self._quit_asked = False
        self._load_number = 0
        self._themes: dict[str, Theme] = {}
        self.budget = _budget(loaded)

    # -- what is remembered --

    @property
    def thoughts_hidden(self) -> bool:
        """Whether thoughts begin closed."""
        return self.settings.thoughts == "hide"

    @thoughts_hidden.setter
    def thoughts_hidden(self, hidden: bool) -> None:
        self.remember(thoughts="hide" if hidden else "show")

    @property
    def sampling(self) -> Sampling:
        """How tokens are chosen, as the settings say."""
        chosen = self.settings
        usual = Sampling()
        return Sampling(
            temperature=usual.temperature if chosen.temperature is None else chosen.temperature,
            top_k=usual.top_k if chosen.top_k is None else chosen.top_k,
            top_p=usual.top_p if chosen.top_p is None else chosen.top_p,
            min_p=usual.min_p if chosen.min_p is None else chosen.min_p,
        )

    def remember(self, **values: str | int | None) -> None:
        """Changes settings for good; if they cannot be saved, for this time."""
        self.settings = replace(self.settings, **values)  # type: ignore[arg-type]
        if self._fault is not None:
            # A file with a slip in it is the user's to mend, not ours to write over.
            return
        try:
            settings.save(self.settings)
        except OSError as error:
            log.warning("settings not saved: %s", error)

    # -- life --

    def get_default_screen(self) -> Screen[None]:
        """The conversation."""
        return ChatScreen()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The colours of a thought, for Textual's own themes, which have none."""
        return {"thought": "#909090", "injected": "#b0a0ff", "wait": "#e0a040"}

    def on_mount(self) -> None:
        """Themes before the first frame; the engine after it."""
        self._load_themes()
        if self._fault is not None:
            self.notify(line(self._fault, 300), severity="warning", markup=False, timeout=10)
        self.call_after_refresh(self.load_model, self._ref)

    def _load_themes(self) -> None:
        self._themes, failures = themes.load()
        for theme in self._themes.values():
            self.register_theme(_as_textual(theme))
        wanted = self.settings.theme or DEFAULT_THEME
        if wanted in self._themes:
            self.theme = wanted
        elif self._themes:
            self.theme = next(iter(self._themes))
        if failures:
            text = "\n".join(line(failure, 200) for failure in failures[:5])
            self.notify(text, title="Themes left out", severity="warning", markup=False)

    @property
    def chat(self) -> ChatScreen:
        """The conversation's screen."""
        screen = self.screen_stack[0]
        assert isinstance(screen, ChatScreen)  # noqa: S101  (what get_default_screen makes)
        return screen

    def load_model(self, ref: str) -> None:
        """Loads a model in the background, in place of the one there is."""
        self._load_number += 1
        number = self._load_number
        topbar = self.chat.topbar
        topbar.label = ref
        topbar.loading = 0.0
        topbar.info = None
        self.chat.session = None
        old, self.engine = self.engine, None

        def progress(fraction: float) -> None:
            self.call_from_thread(self._progress, number, fraction)

        def work() -> None:
            from r1chat.compose import load

            if old is not None:
                old.close()
            try:
                engine = load(
                    ref,
                    ctx=self.settings.ctx,
                    threads=self.settings.threads,
                    gpu_layers=self.settings.gpu_layers,
                    on_progress=progress,
                )
            except R1ChatError as error:
                self.call_from_thread(self._not_loaded, number, str(error))
                return
            self.call_from_thread(self._loaded, number, ref, engine)

        self.run_worker(work, thread=True, name="load", exit_on_error=True)

    def _progress(self, number: int, fraction: float) -> None:
        if number == self._load_number:
            self.chat.topbar.loading = fraction

    def _not_loaded(self, number: int, reason: str) -> None:
        if number != self._load_number:
            return
        self.chat.topbar.loading = None
        self.chat.topbar.label = "no model: F3 picks one"
        self.notify(line(reason, 400), severity="error", markup=False, timeout=15)

    def _loaded(self, number: int, ref: str, engine: Engine) -> None:
        if number != self._load_number:
            engine.close()
            return
        self.engine = engine
        self._ref = ref
        self.title = f"r1chat — {line(ref, 60)}"
        self.chat.call_later(self.chat.loaded)

    def _fatal_error(self) -> None:
        """Writes a crash into the log: Textual's own way shows variables on the terminal."""
        if self._exception is not None:
            logs.crash(self._exception)
        self._close_messages_no_wait()

    def shut_down(self) -> None:
        """Frees the engine; for the end."""
        if self.engine is not None:
            self.engine.close()
            self.engine = None

    # -- actions --

    def action_interrupt(self) -> None:
        """Ctrl+C: copies a selection, else stops the reply, else quits when pressed twice."""
        selected = self.screen.get_selected_text()
        if selected:
            self.copy_to_clipboard(selected)
            self.screen.clear_selection()
            return
        if self.chat.running:
            self.chat.action_stop()
            return
        if self._quit_asked:
            self.exit()
            return
        self._quit_asked = True
        self.notify("Ctrl+C once more quits.", timeout=_QUIT_AGAIN_S)
        self.set_timer(_QUIT_AGAIN_S, self._forget_quit)

    def _forget_quit(self) -> None:
        self._quit_asked = False

    def action_help(self) -> None:
        """Explains the keys."""
        self.push_screen(Help())

    def action_models(self) -> None:
        """Picks a model."""
        self.run_worker(self._pick_model(), name="pick")

    async def _pick_model(self) -> None:
        if self.chat.running:
            self.notify("Stop the reply first: Escape.", timeout=3)
            return
        pick = Pick("Model", model_choices(self._ref), current=self._ref, free=True)
        ref = await self.push_screen_wait(pick)
        if ref is not None and (ref != self._ref or self.engine is None):
            self.remember(model=ref)
            self.load_model(ref)

    def action_themes(self) -> None:
        """Picks a theme, each shown while the cursor is on it."""
        self.run_worker(self._pick_theme(), name="pick")

    async def _pick_theme(self) -> None:
        found = [
            Choice(name, name, theme.description or ("dark" if theme.dark else "light"))
            for name, theme in self._themes.items()
        ]
        pick = Pick("Theme", found, current=self.theme, preview=self._show_theme)
        name = await self.push_screen_wait(pick)
        if name is not None:
            self._show_theme(name)
            self.remember(theme=name)

    def _show_theme(self, name: str) -> None:
        self.theme = name

    async def choose_from_here(self) -> str | None:
        """Asks what to do from a paragraph of the thought; "answer", "rethink" or None."""
        return await self.push_screen_wait(
            Pick(
                "From this paragraph",
                [
                    Choice("answer", "Answer from here", "the rest of the thought is dropped"),
                    Choice("rethink", "Think again from here", "it goes on with “Wait,”"),
                ],
            )
        )

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Everything that a key does is in the palette too."""
        del screen
        chat = self.chat
        named = {
            "Answer now": ("Close the thought", chat.action_answer_now),
            "Think more": ("Reopen the thought, or keep it open", chat.action_think_more),
            "Pause and steer": ("Put words into the thought", chat.action_steer),
            "Stop": ("Stop the reply and keep what there is", chat.action_stop),
            "Go on": ("Go on with a stopped reply", chat.action_go_on),
            "Again": ("Another version of the last reply", chat.action_regenerate),
            "Edit": ("Edit the last question", chat.action_edit),
            "Copy answer": ("The last answer, without its thought", chat.action_copy_answer),
            "Source": ("The last answer as the model wrote it", chat.action_raw),
            "Thoughts": ("Open or close all thoughts", chat.action_thoughts),
            "Budget": ("How long it may think", chat.action_slider),
            "Model": ("Pick a model", self.action_models),
            "Theme": ("Pick a theme", self.action_themes),
            "Help": ("The keys, explained", self.action_help),
            "Quit": ("Leave r1chat", self.action_quit),
        }
        for title, (about, call) in named.items():
            yield SystemCommand(title, about, call)


def _budget(chosen: Settings) -> Budget:
    try:
        return Budget.parse(chosen.budget or "max", minimum=chosen.min_think or 0)
    except ValueError:
        return Budget()


def _as_textual(theme: Theme) -> TextualTheme:
    values = theme.model_dump(exclude={"description", "thinking"})
    values["variables"] = {
        **theme.variables,
        "thought": theme.thinking.text,
        "injected": theme.thinking.injected,
        "wait": theme.thinking.wait,
    }
    return TextualTheme(**values)


def run(*, model: str | None = None) -> int:
    """Runs the app until the user leaves; returns the exit code."""
    logs.start()
    app = R1ChatApp(model=model)
    with private_screen():
        try:
            app.run()
        finally:
            app.shut_down()
    if app.return_code:
        where = paths.log_file()
        sys.stderr.write(f"r1chat: something went wrong; the log has the details: {where}\n")
    return app.return_code or 0
