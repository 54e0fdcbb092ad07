"""What Textual leaves out of a terminal's input: Alt+Enter, and stops that it was not told of."""

from __future__ import annotations

from enum import Enum
from typing import Any

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual.driver import Driver


class _Keys(str, Enum):
    """Keys that Textual has no name for in what terminals send."""

    ALT_ENTER = "alt+enter"


def tell_alt_enter() -> None:
    """Has Textual tell Alt+Enter from Enter: terminals send Escape before what Enter sends."""
    sequences: dict[str, Any] = ANSI_SEQUENCES_KEYS  # type: ignore[assignment]
    for sequence in ("\x1b\r", "\x1b\n"):
        sequences[sequence] = (_Keys.ALT_ENTER,)


def go_on(driver: Driver) -> None:
    """Takes the terminal again after the process was stopped and continued.

    Textual does so only where it was told of the stop; SIGSTOP tells nobody. Then it would read the
    keys twice, and leave the terminal raw at its end.
    """
    if not getattr(driver, "_must_signal_resume", True):
        driver.suspend_application_mode()
        driver._must_signal_resume = True  # type: ignore[attr-defined]  # noqa: SLF001
    driver.resume_application_mode()
