"""Everything that can be done, for the command palette."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual.app import SystemCommand

if TYPE_CHECKING:
    from r1chat.tui.app import R1ChatApp

_OF_THE_CHAT = (
    ("Answer now", "Close the thought", "answer_now"),
    ("Think more", "Reopen the thought, or keep it open", "think_more"),
    ("Pause and steer", "Put words into the thought", "steer"),
    ("Stop", "Stop the reply and keep what there is", "stop"),
    ("Go on", "Go on with a stopped reply", "go_on"),
    ("Again", "Another version of the last reply", "regenerate"),
    ("Edit", "Edit the last question", "edit"),
    ("Version before", "The version of the reply before this one", "version(-1)"),
    ("Version after", "The version of the reply after this one", "version(1)"),
    ("Attach a file", "A text file that goes along with the question", "attach"),
    ("Copy answer", "The last answer, without its thought", "copy_answer"),
    ("Copy code", "The last block of code of the last answer", "copy_code"),
    ("Source", "The last answer as the model wrote it", "raw"),
    ("Thoughts", "Open or close all thoughts", "thoughts"),
    ("Next wait", "Where the model doubts next", "next_moment"),
    ("Previous wait", "Where the model doubted before", "previous_moment"),
    ("Budget", "How long it may think", "slider"),
    ("New conversation", "Begin anew with the same model", "begin_anew"),
)
_OF_THE_APP = (
    ("Model", "Pick a model", "models"),
    ("Theme", "Pick a theme", "themes"),
    ("Help", "The keys, explained", "help"),
    ("Quit", "Leave r1chat", "quit"),
)


def commands(app: R1ChatApp) -> Iterable[SystemCommand]:
    """What applies now."""
    for title, about, action in _OF_THE_CHAT:
        if app.chat.check_action(action.partition("(")[0], ()):
            yield SystemCommand(title, about, _runner(app, f"screen.{action}"))
    for title, about, action in _OF_THE_APP:
        yield SystemCommand(title, about, _runner(app, f"app.{action}"))


def _runner(app: R1ChatApp, action: str) -> _Runner:
    return _Runner(app, action)


class _Runner:
    """Runs an action. The palette is closed by then, so the screen is the chat's."""

    def __init__(self, app: R1ChatApp, action: str) -> None:
        self._app = app
        self._action = action

    async def __call__(self) -> None:
        await self._app.run_action(self._action)
