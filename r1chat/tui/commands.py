"""The commands of the palette: what applies now, of the table of actions."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

from textual.app import App, SystemCommand
from textual.dom import DOMNode
from textual.screen import Screen

from r1chat.actions import ACTIONS, PALETTE, Action


class Command(NamedTuple):
    """An action as it is typed."""

    name: str
    """What stands behind the slash."""
    about: str
    action: str
    """What Textual runs."""


def commands(app: App[Any], screen: Screen[Any]) -> Iterable[SystemCommand]:
    """What applies now.

    Args:
        app: The app.
        screen: The screen that it is asked for on; the palette has closed when a command runs.
    """
    for action, node in applying(app, screen):
        space = "app" if node is app else "screen"
        run = partial(app.run_action, f"{space}.{action.action}")
        yield SystemCommand(action.title, action.help, run)


def applying(app: App[Any], screen: Screen[Any]) -> Iterable[tuple[Action, DOMNode]]:
    """The actions of the palette that apply now, and what does them.

    Args:
        app: The app.
        screen: The screen that they are asked for on.
    """
    nodes = {"chat" if screen is app.screen_stack[0] else "models": screen, "app": app}
    for each in ACTIONS:
        node = nodes.get(each.owner)
        if node is None or not each.where & PALETTE or not hasattr(node, f"action_{each.name}"):
            continue
        if node.check_action(each.name, ()):
            yield each, node


def named_commands(app: App[Any], screen: Screen[Any]) -> list[Command]:
    """The same as they are typed behind a slash, in the order of their names."""
    found: dict[str, Command] = {}
    for action, node in applying(app, screen):
        name = action.id.partition(".")[2].replace("_", "-").replace("+1", "-next")
        name = name.replace("-1", "-previous") if name.endswith("-1") else name
        space = "app" if node is app else "screen"
        found.setdefault(name, Command(name, action.help, f"{space}.{action.action}"))
    return [found[name] for name in sorted(found)]
