"""What the app remembers from one start to the next."""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from r1chat import paths, settings
from r1chat.reasoning.budget import Budget
from r1chat.sanitize import line
from r1chat.settings import Settings

if TYPE_CHECKING:
    from r1chat.engine.base import Sampling

log = logging.getLogger(__name__)

Value: TypeAlias = str | int | float | None
_FOR_THIS_TIME = "what is set now holds for this time only."


class Memory:
    """The settings, as they are and as they are to be.

    Args:
        given: Settings that are not to be read from the file, nor saved.
    """

    def __init__(self, given: Settings | None = None) -> None:
        self.settings, self.fault = settings.load() if given is None else (given, None)
        self._saves = given is None and self.fault is None
        """A file with a slip in it is the user's to mend, not ours to write over."""
        self._lock = threading.Lock()
        self._told = False
        self._names = threading.Lock()
        """For the names alone: nobody on the screen waits until a disk has written."""
        self._changed: set[str] = set()
        """Settings that were changed since they were saved."""

    def change(self, **values: Value) -> bool:
        """Changes settings.

        Returns:
            Whether that is anything new that has to be saved.
        """
        changed = replace(self.settings, **values)  # type: ignore[arg-type]
        if changed == self.settings:
            return False
        self.settings = changed
        if self._saves:
            with self._names:
                self._changed |= values.keys()
        return self._saves

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
                new = {name: getattr(self.settings, name) for name in changed}
                settings.save(self.settings if fault else replace(fresh, **new))
            except (OSError, ValueError) as error:
                log.warning("settings not saved: %s", error)
                told, self._told = self._told, True
                return None if told else f"Settings not saved ({error}): {_FOR_THIS_TIME}"
            return None

    @property
    def sampling(self) -> Sampling:
        """How tokens are chosen."""
        from r1chat.engine.base import Sampling

        chosen, usual = self.settings, Sampling()
        return Sampling(
            temperature=usual.temperature if chosen.temperature is None else chosen.temperature,
            top_k=usual.top_k if chosen.top_k is None else chosen.top_k,
            top_p=usual.top_p if chosen.top_p is None else chosen.top_p,
            min_p=usual.min_p if chosen.min_p is None else chosen.min_p,
        )

    @property
    def budget(self) -> Budget:
        """How long a model may think."""
        try:
            return Budget.parse(self.settings.budget or "max", minimum=self.settings.min_think or 0)
        except ValueError:
            return Budget()

    def keep_budget(self, budget: Budget) -> bool:
        """Remembers how long a model may think; whether that is new."""
        return self.change(budget=str(budget), min_think=budget.minimum or None)
