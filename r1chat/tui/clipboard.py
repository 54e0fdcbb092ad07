"""Copies a text: by the terminal, by the desktop's own tools and by tmux; and says what was done.

A terminal takes a text by an escape sequence (OSC 52), and many ignore it without a word. So what
there is beside it is used too: the tools of the desktop that this process runs on, but not those
of a far machine, where nobody sits; and the buffer of tmux. No package does this: pyperclip knows
neither SSH nor tmux, and waits for its tools without bounds.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from textual.app import App

log = logging.getLogger(__name__)

TIMEOUT_S = 3.0
"""How long a tool may take."""
_LOCAL_DISPLAYS = ("localhost:", "127.0.0.1:", "[::1]:")
_SHOWN_S = 2.0
_LONG_SHOWN_S = 5.0
_GONE = (subprocess.SubprocessError, OSError)


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that copies what it reads from stdin.

    Attributes:
        command: Its name and its arguments.
        encoding: How it wants the text.
    """

    command: tuple[str, ...]
    encoding: str = "utf-8"

    @property
    def found(self) -> bool:
        """Whether it is installed."""
        return shutil.which(self.command[0]) is not None

    def copy(self, text: str) -> bool:
        """Gives it a text.

        Returns:
            Whether it took it.
        """
        try:
            # Its output must not be read: what stays behind to own the selection keeps it open.
            done = subprocess.run(
                self.command,
                input=text.encode(self.encoding, "replace"),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=TIMEOUT_S,
                check=False,
            )
        except _GONE as error:
            log.info("%s did not copy: %s", self.command[0], type(error).__name__)
            return False
        if done.returncode:
            log.info("%s did not copy: exit status %d", self.command[0], done.returncode)
        return done.returncode == 0


_PBCOPY = Tool(("pbcopy",))
_CLIP = Tool(("clip.exe",), "utf-16")
_TERMUX = Tool(("termux-clipboard-set",))
_WAYLAND = Tool(("wl-copy",))
_X11 = (Tool(("xclip", "-selection", "clipboard", "-in")), Tool(("xsel", "--clipboard", "--input")))
_TMUX = (
    # Since tmux 3.2 it hands the text on to the terminal that it stands in, too.
    Tool(("tmux", "load-buffer", "-w", "-")),
    Tool(("tmux", "load-buffer", "-")),
)


def desktop_tools(environ: Mapping[str, str], platform: str = sys.platform) -> list[Tool]:
    """The tools that reach the desktop that the user sits at, the likeliest first.

    Args:
        environ: The environment.
        platform: The system, as `sys.platform` says it.
    """
    if any(environ.get(name) for name in ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY")):
        # The display is the user's own only where SSH forwards it.
        return [*_X11] if environ.get("DISPLAY", "").startswith(_LOCAL_DISPLAYS) else []
    tools: list[Tool] = []
    if platform == "darwin":
        tools.append(_PBCOPY)
    if platform in ("win32", "cygwin") or _is_wsl(environ):
        tools.append(_CLIP)
    if environ.get("TERMUX_VERSION"):
        tools.append(_TERMUX)
    if environ.get("WAYLAND_DISPLAY"):
        tools.append(_WAYLAND)
    if environ.get("DISPLAY"):
        tools += _X11
    return tools


def _is_wsl(environ: Mapping[str, str]) -> bool:
    if environ.get("WSL_DISTRO_NAME") or environ.get("WSL_INTEROP"):
        return True
    try:
        return "microsoft" in Path("/proc/sys/kernel/osrelease").read_text("utf-8").lower()
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a text.

    Attributes:
        desktop: Whether a tool of the desktop took it.
        tmux: Whether tmux did.
        page: Whether the app is shown by a browser.
    """

    desktop: bool = False
    tmux: bool = False
    page: bool = False

    def said(self, what: str = "") -> str:
        """Says it in words.

        Args:
            what: What was copied, e.g. "answer".
        """
        about = f": {what}" if what else ""
        if self.desktop:
            return f"Copied{about}"
        if self.tmux:
            return f"Copied to tmux's buffer{about}. Sent on to the terminal; some ignore it."
        if self.page:
            return f"Sent to the browser{about}. Some browsers ignore it."
        return f"Sent to the terminal (OSC 52){about}. Some terminals ignore it."


def copy(text: str, environ: Mapping[str, str]) -> Outcome:
    """Copies a text by the tools that there are; takes a while.

    Args:
        text: The text.
        environ: The environment, which says where the user sits.
    """
    desktop = any(tool.copy(text) for tool in desktop_tools(environ) if tool.found)
    tmux = False
    if environ.get("TMUX"):
        tmux = any(tool.copy(text) for tool in _TMUX if tool.found)
    return Outcome(desktop, tmux)


class Clipboard:
    """The clipboard of an app. What is copied last is what stays in it.

    Args:
        app: The app.
    """

    _OF: ClassVar[WeakKeyDictionary[App[Any], Clipboard]] = WeakKeyDictionary()

    @classmethod
    def of(cls, app: App[Any]) -> Clipboard:
        """The one clipboard of an app."""
        return cls._OF.setdefault(app, cls(weakref.proxy(app)))

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._turn = threading.Lock()
        self._latest = 0

    def copy(self, text: str, what: str = "") -> None:
        """Copies a text and says so, soon.

        Args:
            text: The text.
            what: What it is, e.g. "answer".
        """
        # By the terminal, and for pasting within the app.
        App.copy_to_clipboard(self._app, text)
        self._latest += 1
        if self._app.is_headless or self._app.is_web:
            # Nobody sits at this machine's desktop.
            self._say(what, Outcome(page=self._app.is_web), self._latest)
            return
        work = partial(self._work, text, what, self._latest)
        threading.Thread(target=work, name="r1chat-copy", daemon=True).start()

    def _work(self, text: str, what: str, number: int) -> None:
        with self._turn:
            if number == self._latest:
                outcome = copy(text, os.environ)
                with contextlib.suppress(RuntimeError):  # the app has ended meanwhile
                    self._app.call_later(self._say, what, outcome, number)

    def _say(self, what: str, outcome: Outcome, number: int) -> None:
        if number == self._latest:
            shown = _SHOWN_S if outcome.desktop else _LONG_SHOWN_S
            self._app.notify(outcome.said(what), timeout=shown, markup=False)
