"""What Textual leaves out of a terminal's input.

Keys with Alt, pastes with escape characters in them, and stops that it was not told of.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from string import ascii_lowercase, digits
from typing import Any, NamedTuple

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._xterm_parser import XTermParser
from textual.driver import Driver
from textual.geometry import Size
from textual.message import Message

_BEGIN, _END = "\x1b[200~", "\x1b[201~"
"""What a terminal sends around a paste."""
_ESCAPED = re.compile("\x1b([@-_]?)")


class _Key(NamedTuple):
    """A key that Textual has no name for in what terminals send."""

    value: str


def tell_alt() -> None:
    """Has Textual tell keys with Alt, before which terminals send Escape.

    It would take Alt+Enter for Enter and Alt+1 for "¡", and a letter only after a pause: two in
    a row would be written as text. Alt+B and Alt+F it knows, as steps by a word.
    """
    sequences: dict[str, Any] = ANSI_SEQUENCES_KEYS  # type: ignore[assignment]
    for character in ascii_lowercase + digits:
        if not isinstance(sequences.get(f"\x1b{character}"), tuple):
            sequences[f"\x1b{character}"] = (_Key(f"alt+{character}"),)
    for sequence in ("\x1b\r", "\x1b\n"):
        sequences[sequence] = (_Key("alt+enter"),)


class Pastes:
    """Takes the escape characters out of pastes, however a terminal's input comes in pieces.

    Behind one of them Textual takes the rest of a paste for keys, so that a line break sends half a
    question and words become commands; where one stands before a pause, no key is taken any more.
    What they begin is written with the one character that means the same, for the sanitiser.
    """

    def __init__(self) -> None:
        self._inside = False
        self._seen = ""
        """The end of what was passed on, where a paste may begin."""
        self._held = ""
        """The end of what came, where a paste may end."""

    def feed(self, data: str) -> str:
        """Takes what the terminal sends next; returns what may be passed on of it."""
        data, self._held = self._held + data, ""
        done: list[str] = []
        while data:
            if not self._inside:
                data = self._before(data, done)
                continue
            body, end, data = data.partition(_END)
            self._inside = not end
            if not end:
                escape = body.rfind("\x1b")
                if escape >= 0 and _END.startswith(body[escape:]):
                    body, self._held = body[:escape], body[escape:]
            done.append(_ESCAPED.sub(_in_one, body) + end)
        return "".join(done)

    def _before(self, data: str, done: list[str]) -> str:
        """Passes on what comes before a paste, and its beginning; returns the rest."""
        known = len(self._seen)
        seen = self._seen + data
        at = seen.find(_BEGIN)
        end = len(seen) if at < 0 else at + len(_BEGIN)
        self._inside = at >= 0
        self._seen = "" if self._inside else seen[1 - len(_BEGIN) :]
        done.append(seen[known:end])
        return seen[end:]


def _in_one(found: re.Match[str]) -> str:
    return chr(ord(found[1]) + 0x40) if found[1] else ""


class Parser(XTermParser):
    """Reads a terminal's input, with pastes as one piece each, whatever stands in them."""

    def __init__(self, debug: bool = False) -> None:  # noqa: FBT001, FBT002  (Textual's)
        super().__init__(debug)
        self._pastes = Pastes()

    def feed(self, data: str) -> Iterable[Message]:
        """Takes what the terminal sends next; nothing stands for its end."""
        if data:
            data = self._pastes.feed(data)
            if not data:
                return
        yield from super().feed(data)


def keep_pastes_whole() -> None:
    """Has Textual's drivers read with `Parser`."""
    from textual.drivers import linux_driver, web_driver

    linux_driver.XTermParser = web_driver.XTermParser = Parser  # type: ignore[attr-defined]


def size(driver: Driver) -> Size | None:
    """The terminal's size by now; None where the terminal tells its size itself.

    Textual reads it in the signal's handler, where the next signal interrupts it: then the older
    size is told last, and stays.
    """
    read: Callable[[], tuple[int, int]] | None = getattr(driver, "_get_terminal_size", None)
    if read is None or getattr(driver, "_in_band_window_resize", False):
        return None
    return Size(*read())


def go_on(driver: Driver) -> None:
    """Takes the terminal again after the process was stopped and continued.

    Textual does so only where it was told of the stop; SIGSTOP tells nobody. Then it would read the
    keys twice, and leave the terminal raw at its end.
    """
    if not getattr(driver, "_must_signal_resume", True):
        driver.suspend_application_mode()
        driver._must_signal_resume = True  # type: ignore[attr-defined]  # noqa: SLF001
    driver.resume_application_mode()
