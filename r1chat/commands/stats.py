"""`r1chat history stats`."""

from __future__ import annotations

import argparse
import shutil
import time
from dataclasses import asdict

from r1chat import paths
from r1chat.commands.exits import ExitCode
from r1chat.console import Console
from r1chat.output import Out, write_json
from r1chat.sanitize import line
from r1chat.statistics import compute, drawing
from r1chat.store import Store

_DAY_S = 24 * 3600.0
_WIDEST = 100


def show(args: argparse.Namespace, store: Store, out: Out, console: Console) -> int:
    """Shows the statistics.

    Raises:
        UsageError: If a PNG is wanted and cannot be drawn.
        R1ChatError: If it cannot be written.
    """
    since = time.time() - args.days * _DAY_S if args.days else 0.0
    statistics = compute(store.figures(since))
    if args.format == "json":
        write_json(out, {"schema": 1, **asdict(statistics)})
    else:
        width = min(shutil.get_terminal_size().columns, _WIDEST)
        out.write("\n".join([*drawing.lines(statistics, width, unicode=out.unicode), ""]))
    if args.png is not None:
        from r1chat.statistics import picture

        path = paths.named(args.png)
        picture.save(statistics, path)
        console.aside(f"drawn into {line(str(path), 500)}")
    return ExitCode.ANSWERED
