"""The options of `r1chat jobs`."""

from __future__ import annotations

import argparse

from r1chat.commands.options import actions_of, add_json

_ID = "the beginning of a job's id, as `r1chat jobs list` shows it"
_LAST = f"{_ID}; default: the last one"


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """Adds what `r1chat jobs` takes."""
    add_json(parser)
    action = actions_of(parser)
    _add_json_too(action("list", "the jobs, the last one first"))
    shower = action("show", "one job: what is asked, what has become of it")
    shower.add_argument("id", metavar="ID", nargs="?", help=_LAST)
    _add_json_too(shower)
    attacher = action(
        "attach",
        "show thought and answer from the start, as they come; Ctrl+C leaves the job alone",
    )
    attacher.add_argument("id", metavar="ID", nargs="?", help=_LAST)
    attacher.add_argument(
        "--format",
        choices=("text", "json", "jsonl"),
        default="text",
        help="text (default), one JSON object, or JSON lines, an event each",
    )
    attacher.add_argument(
        "--thoughts",
        choices=("show", "hide", "only"),
        help="as for `r1chat ask`",
    )
    attacher.add_argument("--plain", action="store_true", help="as for `r1chat ask`")
    stopper = action("stop", "stop jobs; what there is of a reply is kept")
    stopper.add_argument("ids", metavar="ID", nargs="+", help=_ID)
    waiter = action("wait", "wait for jobs to end; the exit code is the first that is not 0")
    waiter.add_argument("ids", metavar="ID", nargs="*", help=_LAST)


def _add_json_too(parser: argparse.ArgumentParser) -> None:
    # After the action as well as before it; a default here would undo what stood before it.
    parser.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print JSON, for scripts"
    )
