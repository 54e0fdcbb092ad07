"""Completion: what is typed may become the path of a file, a command, or an earlier question."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from r1chat import paths
from r1chat.sanitize import line
from r1chat.tui.commands import Command
from r1chat.tui.host import Host
from r1chat.tui.widgets.composer import Composer

if TYPE_CHECKING:
    # Imported with the first suggestion: the first frame has none.
    from r1chat.tui.widgets.suggestions import Suggestions

_MOST = 50
_FILE = re.compile(r"(?:^|(?<=\s))@([^\s@]*)$")
_COMMAND = re.compile(r"/([a-z-]*)$")
_STEPS = {"up": -1, "down": 1}


@dataclass(frozen=True, slots=True)
class _Choice:
    """What the word may become."""

    label: str
    about: str = ""
    text: str | None = None
    """What takes the place of the word, where that is still being typed."""
    file: str = ""
    command: str = ""


class Completion:
    """Owns what is suggested; the composer hands its keys over while something is.

    Args:
        host: The app.
        composer: Where the word is typed.
        mount: Puts the list above the composer.
        commands: Tells the commands that apply now.
        run: Runs one of them.
    """

    def __init__(
        self,
        host: Host,
        composer: Composer,
        *,
        mount: Callable[[Suggestions], object],
        commands: Callable[[], Iterable[Command]],
        run: Callable[[str], Awaitable[object]],
    ) -> None:
        self._host = host
        self._composer = composer
        self._mount = mount
        self._commands = commands
        self._run = run
        self._list: Suggestions | None = None
        self._choices: list[_Choice] = []
        self._start = 0
        """Where in its line the word begins."""
        self._left = ""
        """The text that the user wants no suggestions for."""
        composer.keys_first = self._take_key
        composer.pick_earlier = self._pick_earlier

    def look(self) -> None:
        """Suggests what the word before the cursor may become."""
        composer = self._composer
        row, column = composer.cursor_location
        if row >= composer.document.line_count:
            return
        before = composer.document.get_line(row)[:column]
        choices: list[_Choice] = []
        if not composer.has_focus or composer.text == self._left:
            pass
        elif found := _FILE.search(before):
            self._start = found.start()
            choices = _files(found[1])
        elif (found := _COMMAND.match(before)) and composer.text == before:
            self._start = 0
            choices = [
                _Choice(f"/{each.name}", each.about, command=each.action)
                for each in self._commands()
                if each.name.startswith(found[1])
            ]
        if choices != self._choices:
            self._show(choices)

    def _pick_earlier(self, texts: Sequence[str]) -> None:
        from r1chat.tui.screens.pick import Choice, Pick

        def take(text: str | None) -> None:
            if text is not None:
                self._composer.visit(text)

        choices = [Choice(text, text) for text in texts]
        self._host.push_screen(Pick("Earlier questions", choices), take)

    def _show(self, choices: list[_Choice]) -> None:
        self._choices = choices
        self._composer.suggesting = bool(choices)
        if self._list is None:
            if not choices:
                return
            from r1chat.tui.widgets.suggestions import Suggestions

            self._list = Suggestions(self._choose)
            self._mount(self._list)
        self._list.suggest([(each.label, each.about) for each in choices])

    def _take_key(self, key: str) -> bool:
        if not self._choices or self._list is None:
            return False
        if key in _STEPS:
            self._list.step(_STEPS[key])
        elif key in {"enter", "tab"}:
            self._choose(self._list.highlighted or 0)
        elif key == "escape":
            self._left = self._composer.text
            self._show([])
        else:
            return False
        return True

    def _choose(self, number: int) -> None:
        """Takes one of the suggestions."""
        choice = self._choices[number]
        composer = self._composer
        row, end = composer.cursor_location
        if choice.text is not None:
            composer.replace(choice.text, (row, self._start), (row, end))
            composer.move_cursor((row, self._start + len(choice.text)))
            return
        self._show([])
        composer.replace("", (row, self._start), (row, end))
        if choice.command:
            composer.call_later(self._run, choice.command)
        else:
            path = Path.cwd() / paths.named(choice.file)
            composer.post_message(Composer.Attach(path, f"@{choice.file}"))


def _files(begun: str) -> list[_Choice]:
    """The files and folders that a path may become."""
    from r1chat.tui.screens.attach import entries

    return [
        _Choice(line(name, 200), text=f"@{path}" if name.endswith("/") else None, file=path)
        for path, name in entries(begun, Path.cwd())[:_MOST]
    ]
