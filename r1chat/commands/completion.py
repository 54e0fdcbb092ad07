"""`r1chat completion`: prints what makes a shell complete r1chat's subcommands and options."""

from __future__ import annotations

import argparse
import sys

from r1chat.commands.exits import ExitCode
from r1chat.commands.parsing import Parser
from r1chat.console import Console
from r1chat.output import Out
from r1chat.settings import SETTINGS

_FILES = {"FILE", "PATH", "REF", ("A", "B")}
"""The names of values that may be files. A reference to a model is often a path."""
_FOLDERS = {"DIR"}
_SETTING = "KEY"


def run(args: argparse.Namespace, console: Console) -> int:
    """Prints a shell's completion script.

    Args:
        args: What `options.add_completion` defines, and the `top` parser of the command line.
        console: Standard error.

    Returns:
        The exit code.
    """
    del console
    import shtab

    _tell_values(args.top)
    Out(sys.stdout).write(shtab.complete(args.top, args.shell) + "\n")
    return ExitCode.ANSWERED


def _tell_values(parser: Parser) -> None:
    """Says of each value that may be a file, a folder or a setting that it is one.

    A shell completes files by itself only for commands that have no completion of their own.
    """
    import shtab

    for action in parser.values:
        if action.metavar in _FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # which shtab reads
        elif action.metavar in _FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]  # likewise
        elif action.metavar == _SETTING:
            action.choices = list(SETTINGS)
    for subcommand in parser.subcommands.values():
        _tell_values(subcommand)
