"""Everything that can be done, for the command palette."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from textual.app import SystemCommand
from textual.screen import Screen

if TYPE_CHECKING:
    from r1chat.tui.app import R1ChatApp

_OF_THE_CHAT = (
    ("Answer now", "Close the thought", "answer_now"),
    ("Think more", "Reopen the thought, or keep it open", "think_more"),
    ("Look ahead", "What it would answer now; its thought goes on", "look_ahead"),
    ("Pause and steer", "Put words into the thought", "steer"),
    ("Stop", "Stop the reply and keep what there is", "stop"),
    ("Go on", "Go on with a stopped reply", "go_on"),
    ("Again", "Another version of the last reply", "regenerate"),
    ("Again with samples", "Ask the last question several times at once", "ask_samples"),
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
    ("Type a budget", "A figure: off, 512, 30s, auto or max", "type_budget"),
    ("Type the least thinking", "Tokens that it has to think at least", "type_minimum"),
    ("Tokens or seconds", "What the budget counts", "budget_unit"),
    ("Samples", "How many are drawn to each question; the majority counts", "choose_samples"),
    ("New conversation", "Begin anew with the same model", "begin_anew"),
    ("History", "Conversations: list, search, open", "panel"),
    ("Rename", "Give the conversation another title", "rename_this"),
    ("Suggest a title", "Have the model make one; it can be edited", "suggest_title"),
    ("Pin", "Pin the conversation to the top, or not", "pin_this"),
    ("Delete the conversation", "It can be taken back", "delete_this"),
    ("Undo the deletion", "Take the last deleted conversation back", "restore"),
    ("Duplicate from here", "Go on in a copy up to one of the turns", "duplicate_from"),
    ("Load its model", "The model that the conversation was had with", "its_model"),
    ("Export this conversation", "As Markdown, HTML, JSON or JSON lines", "export"),
    ("Statistics", "Tokens, times and speeds of all conversations", "statistics"),
)
_OF_THE_MODELS = (
    ("Use", "Use the model under the cursor", "use"),
    ("Download", "Download the model under the cursor", "download"),
    ("Other quants", "Choose another quant of it", "quants"),
    ("Details", "All that is known of it", "details"),
    ("Pause", "Pause its download", "pause"),
    ("Resume", "Go on with its download", "resume"),
    ("Stop the download", "Keep or delete what is here of it", "cancel"),
    ("Delete", "Says first what that frees", "delete"),
    ("Verify", "Compare its files with what was published", "verify"),
    ("Sort", "By name, size, score, speed", "sort"),
    ("Search the Hub", "For what stands in the filter", "search"),
    ("Close", "Back to the conversation", "leave"),
)
_OF_THE_APP = (
    ("Download the offered model", "The model that the conversation names", "download"),
    ("Model", "Use, find and download models", "models"),
    ("Theme", "Pick a theme", "themes"),
    ("Help", "The keys, explained", "help"),
    ("Quit", "Leave r1chat", "quit"),
)


def commands(app: R1ChatApp, screen: Screen[Any]) -> Iterable[SystemCommand]:
    """What applies now.

    Args:
        app: The app.
        screen: The screen that it is asked for on.
    """
    of_the_screen = _OF_THE_CHAT if screen is app.chat else _OF_THE_MODELS
    for title, about, action in of_the_screen:
        name = action.partition("(")[0]
        if hasattr(screen, f"action_{name}") and screen.check_action(name, ()):
            yield SystemCommand(title, about, _runner(app, f"screen.{action}"))
    for title, about, action in _OF_THE_APP:
        if app.check_action(action, ()):
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
