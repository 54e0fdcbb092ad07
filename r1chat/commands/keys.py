"""`r1chat keys`: lists what can be done in the app, with its keys."""

from __future__ import annotations

import argparse
import sys

from r1chat.actions import ACTIONS, SECTIONS, Action
from r1chat.commands.columns import columns
from r1chat.commands.exits import ExitCode
from r1chat.commands.settings import load
from r1chat.console import Console
from r1chat.keymap import shown, split
from r1chat.output import SCHEMA, Out, write_indented


def run(args: argparse.Namespace, console: Console) -> int:
    """Lists the actions.

    Args:
        args: What `options.add_json` defines.
        console: Standard error.

    Returns:
        The exit code.
    """
    out = Out(sys.stdout)
    own = load(console).keys or {}
    listed = [(each, split(own.get(each.id, each.keys))) for each in ACTIONS]
    if args.json:
        rows = [_described(action, keys) for action, keys in listed]
        write_indented(out, {"schema": SCHEMA, "keys": rows})
        return ExitCode.ANSWERED
    cells = [
        (each.id, ", ".join(map(shown, keys)) or "(palette)", each.help) for each, keys in listed
    ]
    out.write(columns(("id", "keys", "what it does"), cells))
    return ExitCode.ANSWERED


def _described(action: Action, keys: list[str]) -> dict[str, object]:
    return {
        "id": action.id,
        "keys": keys,
        "default": split(action.keys),
        "title": action.title,
        "help": action.help,
        "section": SECTIONS[action.section],
    }
