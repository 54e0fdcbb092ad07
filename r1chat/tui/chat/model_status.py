"""Shows the model that answers or is on its way, and fits the budget slider to what it can do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from r1chat import keymap
from r1chat.sanitize import line
from r1chat.tui.chat.meters import Meters
from r1chat.tui.chat.outbox import Outbox
from r1chat.tui.chat.think_first import ThinkFirst
from r1chat.tui.host import Host
from r1chat.tui.widgets.conversation import ConversationView
from r1chat.tui.widgets.slider import BudgetSlider
from r1chat.tui.widgets.topbar import TopBar
from r1chat.wording import model_name

if TYPE_CHECKING:
    from textual.visual import VisualType

    from r1chat.engine.base import Engine
    from r1chat.tui.download import Download
    from r1chat.tui.welcome import Welcome

_LOOKING = "Looking for models on this machine …"
_AWAITED = "Waiting for {}: {} · Escape gives the question back"
_EMPTY = (
    "Ask the model something and watch it think.\n\n"
    "The slider below sets how long it may think. "
    "You can move it while the model is thinking.\n"
    "F1 explains the keys, Ctrl+P finds every command."
)
_EMPTY_WITHOUT_THOUGHTS = (
    "Ask the model something.\n\n"
    "It writes no thoughts by itself; {}F3 picks one that does.\n"
    "F1 explains the keys, Ctrl+P finds every command."
)


class ModelStatus:
    """Owns what the chat says of its model; a `services.current_model.Display`.

    Args:
        host: The app.
        topbar: Shows the model.
        turns: Shows a hint where there is no turn yet.
        slider: Has the budget.
        meters: Has the figures, which begin again with a model.
        outbox: Has the question that waits for a model.
        think: Has the choice which models think.
        running: Tells whether a reply is under way.
        changed: Called when a model is there.
        forsaken: Called when the model does not come that a question waits for.
    """

    def __init__(  # noqa: PLR0913  (the parts that show something of the model)
        self,
        host: Host,
        *,
        topbar: TopBar,
        turns: ConversationView,
        slider: BudgetSlider,
        meters: Meters,
        outbox: Outbox,
        think: ThinkFirst,
        running: Callable[[], bool],
        changed: Callable[[Engine], None],
        forsaken: Callable[[], None],
    ) -> None:
        self._host = host
        self._topbar = topbar
        self._turns = turns
        self._slider = slider
        self._meters = meters
        self._outbox = outbox
        self._think = think
        self._running = running
        self._changed = changed
        self._forsaken = forsaken
        self._recommended = ""
        """What the hint says of the model to begin with."""
        self._offered = ""
        """What it says there is to go on with."""
        self._welcome: Welcome | None = None
        """What a new user is shown in its place."""
        self._asked_for = ""
        """The model that the Hub is being asked for."""
        self._download: Download | None = None
        """The one that was chosen."""

    @property
    def running(self) -> bool:
        """Whether a reply is under way, which goes on to its end."""
        return self._running()

    def show_progress(self, fraction: float | None) -> None:
        """Shows how much of a model is loaded; None where none is on its way."""
        self._topbar.progress = fraction
        if fraction is None:
            self._look_what_is_awaited()

    def looking(self) -> None:
        """It is being looked which model there is to take; a question that is asked waits."""
        self._topbar.label = _LOOKING

    def unloaded(self, label: str) -> None:
        """There is no model now; a question that is asked waits for one."""
        self._topbar.info = None
        self.model_coming(label)
        self._outbox.show_wait(loading=self._host.coming is not None)

    def model_coming(self, label: str) -> None:
        """Another model is on its way; the one there is stays in use until then."""
        self._topbar.label = label
        self._topbar.progress = 0.0
        self._look_what_is_awaited()

    def not_loaded(self, missing: str = "") -> None:
        """Says where a model can be had.

        Args:
            missing: The model, where it could be downloaded.
        """
        self._topbar.progress = None
        start = "No model"
        if missing:
            key = keymap.shown(self._host.shown_keys()["app.fetch"])
            start = f"{line(missing, 60)} is not downloaded · {key} downloads it"
        self._topbar.label = f"{start} · F3 picks one"
        self._outbox.show_wait(loading=self._host.coming is not None)

    def loaded(self, engine: Engine) -> None:
        """A model is there."""
        self._meters.show_model(engine.info)
        self.fit_slider()
        self._warn_of_budget()
        self._look_what_is_awaited()
        self._changed(engine)

    def fit_slider(self) -> None:
        """Offers what can be kept of a budget; one that was remembered stays for other models."""
        self._turns.change_hint(self.hint)
        steering, slider = self._think.steering(), self._slider
        if steering is None:
            return
        from r1chat.engine.base import NO_THOUGHTS

        slider.disabled, slider.ends_only = bool(steering.off), bool(steering.budget)
        slider.tooltip = self._think.with_cure(steering.budget) or None
        cure = self._think.cure
        said: tuple[str, ...]
        if cure:
            said = (f"This model answers without thinking. {cure}.", f"No thinking. {cure}.", cure)
        elif steering.off == NO_THOUGHTS:
            said = ("This model answers without thinking.", "No thinking.")
        else:
            said = (f"No budget: {line(steering.off, 200)}.", "No budget with this model.")
        slider.obstacle = said

    def _warn_of_budget(self) -> None:
        steering, budget = self._think.steering(), self._slider.value
        why = steering.budget if steering is not None else ""
        if steering is None or not why:
            return
        if str(budget) != "max" and not (budget.off and not steering.off):
            able = "" if steering.off else " Off and max are."
            why = line(self._think.with_cure(why), 200)
            text = f"The budget ({budget}) is not kept: {why}.{able}"
            self._host.notify(text, timeout=10, markup=False)

    def recommend(self, text: str) -> None:
        """Adds to the hint which model to begin with."""
        self._recommended = text
        self._turns.change_hint(self.hint)

    def offer(self, text: str) -> None:
        """Puts a line above the hint: what there is to go on with."""
        self._offered = text
        self._turns.change_hint(self.hint)

    # -- the first start --

    def welcome(self, welcome: Welcome) -> None:
        """Shows a new user what this machine can have."""
        self._welcome = welcome
        self._turns.change_hint(self.hint)

    @property
    def welcoming(self) -> bool:
        """Whether that is what stands there."""
        return self._welcome is not None and self._host.unset and not self._turns.turns

    @property
    def offers(self) -> bool:
        """Whether Enter, where nothing is written, downloads what is offered."""
        return self.welcoming and bool(self._host.offered)

    def ask_for(self, ref: str) -> None:
        """Takes note that the Hub is asked for a model; of none where it has said no."""
        self._asked_for = ref
        self._look_what_is_awaited()
        self._turns.change_hint(self.hint)

    def show_download(self, state: str, chosen: Download | None) -> None:
        """Shows how far downloads are.

        Args:
            state: In a word or two.
            chosen: The one whose model is to be used once it is here.
        """
        self._topbar.download = state
        if chosen is not None:
            self._asked_for = ""
        if chosen is not None or self._download is not None:
            self._download = chosen
            self._look_what_is_awaited()
            if self.welcoming:
                self._turns.change_hint(self.hint)

    def _look_what_is_awaited(self) -> None:
        """Has questions wait for a model on its way, where only the toy is there to answer."""
        download, outbox = self._download, self._outbox
        before, outbox.awaited = outbox.awaited, ""
        if self._host.unset:
            if download is not None:
                outbox.awaited = _AWAITED.format(
                    f"{download.name} {download.quant}", download.state
                )
            elif self._asked_for:
                outbox.awaited = _AWAITED.format(line(self._asked_for, 60), "asking the Hub")
            elif self._host.coming:
                outbox.awaited = _AWAITED.format(model_name(self._host.coming, 40), "loading")
        outbox.show_wait(loading=self._host.coming is not None)
        if before and not outbox.awaited and self._host.unset:
            self._host.offered = self._welcome.ref if self._welcome is not None else ""
            self._forsaken()

    @property
    def hint(self) -> VisualType:
        """What stands where there is no turn yet."""
        if self._welcome is not None and self._host.unset and not self._offered:
            keys, asked_for = self._host.shown_keys(), self._asked_for
            return self._welcome.page(keys, self._download, asked_for)
        recommended = self._recommended if self._host.unset or self._host.found else ""
        offered = f"{self._offered}\n\n" if self._offered else ""
        if self._topbar.info is None or self._think.thinks:
            return offered + _EMPTY + recommended
        cure = f"{self._think.cure}, and " if self._think.cure else ""
        return offered + _EMPTY_WITHOUT_THOUGHTS.format(cure) + recommended
