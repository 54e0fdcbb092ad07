"""The commands of the palette: what applies now, of the table of actions."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from textual.app import App, SystemCommand
from textual.screen import Screen

from r1chat.actions import ACTIONS, PALETTE


def commands(app: App[Any], screen: Screen[Any]) -> Iterable[SystemCommand]:
    """What applies now.

    Args:
        app: The app.
        screen: The screen that it is asked for on; the palette has closed when a command runs.
    """
    nodes = {"chat" if screen is app.screen_stack[0] else "models": screen, "app": app}
    for each in ACTIONS:
        node = nodes.get(each.owner)
        if node is None or not each.where & PALETTE or not hasattr(node, f"action_{each.name}"):
            continue
        if node.check_action(each.name, ()):
            space = "app" if node is app else "screen"
            run = partial(app.run_action, f"{space}.{each.action}")
            yield SystemCommand(each.title, each.help, run)
