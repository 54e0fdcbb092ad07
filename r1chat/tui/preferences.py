"""The user's settings while the app runs: read at the start, saved when they change."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from r1chat import paths, settings
from r1chat.events import CheckSums
from r1chat.models import TINY
from r1chat.reasoning.budget import Budget, Think
from r1chat.sanitize import line
from r1chat.settings import Settings
from r1chat.tui.widgets.samples_sign import MOST

if TYPE_CHECKING:
    from r1chat.engine.base import ModelInfo, Sampling

log = logging.getLogger(__name__)

Value: TypeAlias = "str | int | float | Mapping[str, Any] | None"
READING_PACE = 60.0
"""Tokens a second at which the built-in model is shown: it writes faster than anybody reads."""
_SAVE_S = 0.5
"""Changes are saved together: a slider is moved in many steps, and a disk may be slow."""
_FOR_THIS_TIME = "what is set now holds for this time only."


class Preferences:
    """The settings, as they are and as they are to be.

    Args:
        given: Settings that are not to be read from the file, nor saved.
        later: Calls a function after some seconds; without it only `save` saves.
        warn: Shows the user a line, from any thread.
        think: Which models think, for this time and until it is changed.
    """

    def __init__(
        self,
        given: Settings | None = None,
        later: Callable[[float, Callable[[], None]], object] | None = None,
        warn: Callable[[str], None] = log.warning,
        *,
        think: Think | None = None,
    ) -> None:
        self.saved, self.fault = settings.load() if given is None else (given, None)
        """As they are kept, and hold for each new conversation."""
        self.settings = self.saved
        """What holds for the conversation on the screen."""
        self._saves = given is None and self.fault is None
        """A file with a slip in it is the user's to mend, not ours to write over."""
        self.given_think = think
        """What was given for this time, until it is changed."""
        self._lock = threading.Lock()
        self._told = False
        self._names = threading.Lock()
        """For the names alone: nobody on the screen waits until a disk has written."""
        self._changed: set[str] = set()
        """Settings that were changed since they were saved."""
        self._later = later
        self._warn = warn
        self._save_planned = False

    def change(self, **values: Value) -> None:
        """Changes settings for good; if they cannot be saved, for this time."""
        self.settings = replace(self.settings, **values)  # type: ignore[arg-type]
        changed = replace(self.saved, **values)  # type: ignore[arg-type]
        if changed == self.saved:
            return
        self.saved = changed
        if not self._saves:
            return
        with self._names:
            self._changed |= values.keys()
        if self._later is not None and not self._save_planned:
            self._save_planned = True
            self._later(_SAVE_S, self._save_now)

    def hold(self, **values: Value) -> None:
        """Changes settings for the conversation on the screen."""
        self.settings = replace(self.settings, **values)  # type: ignore[arg-type]

    def hold_all(self, wanted: Settings) -> None:
        """Takes other settings for the conversation on the screen."""
        self.settings = wanted

    def let_go(self) -> None:
        """Goes back to the saved settings."""
        self.settings = self.saved

    @property
    def holds(self) -> bool:
        """Whether something else holds for the conversation than what is saved."""
        return self.settings != self.saved

    def _save_now(self) -> None:
        self._save_planned = False

        def save() -> None:
            fault = self.save()
            if fault is not None:
                self._warn(fault)

        threading.Thread(target=save, name="r1chat-save").start()

    def obstacle(self) -> str | None:
        """One line on why nothing can be saved, as far as that shows before it is tried."""
        folder = paths.settings_file().parent
        while not os.access(folder, os.F_OK) and folder != folder.parent:
            folder = folder.parent
        if not self._saves or os.access(folder, os.W_OK):
            return None
        self._told = True
        return f"{line(str(folder), 120)} cannot be written to: {_FOR_THIS_TIME}"

    def save(self) -> str | None:
        """Writes what was changed; from any thread. What cannot be saved holds for this time.

        Returns:
            One line on why it could not be saved, once.
        """
        with self._lock:
            with self._names:
                changed, self._changed = self._changed, set()
            if not changed:
                return None
            try:
                # Another program may have changed others meanwhile: `r1chat servers add`, say.
                fresh, fault = settings.load()
                new = {name: getattr(self.saved, name) for name in changed}
                settings.save(self.saved if fault else replace(fresh, **new))
            except (OSError, ValueError) as error:
                log.warning("settings not saved: %s", error)
                told, self._told = self._told, True
                return None if told else f"Settings not saved ({error}): {_FOR_THIS_TIME}"
            return None

    @property
    def greedy(self) -> bool:
        """Whether the likeliest token is taken each time, so that all samples are the same."""
        return self.settings.temperature == 0

    def sampling(
        self, model: ModelInfo, settings: Settings | None = None, seed: int | None = None
    ) -> Sampling:
        """How the tokens of a model are chosen.

        Args:
            model: The model.
            settings: Settings in place of those that hold.
            seed: The seed; by default a new one each time.
        """
        chosen = settings or self.settings
        names = ("temperature", "top_k", "top_p", "min_p")
        return model.sampling({name: getattr(chosen, name) for name in names}, seed)

    @property
    def budget(self) -> Budget:
        """How long a model may think."""
        try:
            return Budget.parse(self.settings.budget or "max", minimum=self.settings.min_think or 0)
        except ValueError:
            return Budget()

    @budget.setter
    def budget(self, budget: Budget) -> None:
        if budget == self.budget:
            # A preset's, say: it was not the user who moved the slider.
            return
        self.change(budget=str(budget), min_think=budget.minimum or None)

    @property
    def think(self) -> Think:
        """Which models think."""
        return self.given_think or self.settings.think or "auto"

    @think.setter
    def think(self, think: Think) -> None:
        self.given_think = None
        self.change(think=think if think != "auto" else None)

    @property
    def samples(self) -> int:
        """How many samples are drawn to a question."""
        return min(self.settings.samples or 1, MOST)

    @samples.setter
    def samples(self, count: int) -> None:
        self.change(samples=count if count > 1 else None)

    @property
    def thoughts_hidden(self) -> bool:
        """Whether thoughts begin closed."""
        return self.settings.thoughts == "hide"

    @thoughts_hidden.setter
    def thoughts_hidden(self, hidden: bool) -> None:
        self.change(thoughts="hide" if hidden else "show")

    @property
    def confidence(self) -> bool:
        """Whether it is shown how sure the model is."""
        return bool(self.settings.confidence)

    @confidence.setter
    def confidence(self, shown: bool) -> None:
        self.change(confidence=shown or None)

    @property
    def check_sums(self) -> CheckSums:
        """Whether sums are checked."""
        return self.settings.check_sums or "mark"

    @property
    def peek_every(self) -> int | None:
        """Tokens of thought between two previews of the answer."""
        return self.settings.peek or None

    def pace(self, ref: str) -> float | None:
        """Tokens a second that a model is to write at most.

        Args:
            ref: The model.
        """
        chosen = self.settings.pace
        if chosen is None:
            return READING_PACE if ref == TINY else None
        return chosen or None
