"""`r1chat completion`: prints what makes a shell complete r1chat's subcommands and options."""

from __future__ import annotations

import argparse
import sys

from r1chat.commands.exits import ExitCode
from r1chat.console import Console
from r1chat.output import Out


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

    Out(sys.stdout).write(shtab.complete(args.top, args.shell) + "\n")
    return ExitCode.ANSWERED
