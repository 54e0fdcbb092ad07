"""`r1chat jobs`: lists, shows, follows and stops what is answered in the background."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence

from r1chat import logs
from r1chat.commands import attach
from r1chat.commands.columns import columns, pairs
from r1chat.commands.exits import ExitCode
from r1chat.console import Console
from r1chat.errors import R1ChatError, UsageError
from r1chat.exchange import words
from r1chat.interrupts import Interrupts
from r1chat.jobs import ENDED, Care, Job, Jobs, start_waiting
from r1chat.output import SCHEMA, Out, write_json
from r1chat.sanitize import line
from r1chat.store import SHORT
from r1chat.wording import model_name

_LOOK_S = 0.1
_WIDEST = 60


def run(args: argparse.Namespace, console: Console) -> int:
    """Does what is asked of the jobs.

    Args:
        args: What `jobs_options.add_jobs` defines.
        console: Standard error.

    Returns:
        The exit code.

    Raises:
        R1ChatError: If a job is meant that is not there.
        Interrupted: If a signal came.
    """
    actions: dict[str, Callable[[argparse.Namespace, Out, Console], int]] = {
        "list": _list,
        "show": _show,
        "attach": _attach,
        "stop": _stop,
        "wait": _wait,
    }
    with Interrupts():
        # What a file says that cannot be read belongs into the log, and not on a terminal.
        logs.start()
        Jobs().tidy()
        return actions[args.action](args, Out(sys.stdout), console)


def _list(args: argparse.Namespace, out: Out, console: Console) -> int:
    start_waiting()
    several = Jobs().all()[::-1]
    if args.json:
        write_json(out, {"schema": SCHEMA, "jobs": [_json(each) for each in several]})
    elif several:
        rows = [
            (
                each.id[:SHORT],
                each.state,
                words.moment(each.created),
                model_name(each.order.model),
                line(each.order.question, _WIDEST),
            )
            for each in several
        ]
        out.write(columns(("id", "state", "made", "model", "question"), rows))
    else:
        console.note('there are no jobs; this makes one: r1chat ask --background "QUESTION"')
    return ExitCode.ANSWERED


def _show(args: argparse.Namespace, out: Out, console: Console) -> int:
    del console
    job = _found(args.id)
    if args.json:
        write_json(out, {"schema": SCHEMA, **_json(job)})
        return ExitCode.ANSWERED
    state, end = job.state, job.end
    rows = [
        ("job", job.id),
        ("state", state),
        ("made", words.moment(job.created)),
        ("model", model_name(job.order.model)),
        ("question", job.order.question),
        ("conversation", job.order.conversation),
    ]
    if end is not None:
        rows += [("ended", words.moment(end.at)), ("exit code", str(end.code))]
        rows += [("why", end.error)] if end.error else []
    if state == "interrupted":
        rows.append(("to go on", _go_on(job)))
    out.write(pairs(rows))
    return ExitCode.ANSWERED


def _attach(args: argparse.Namespace, out: Out, console: Console) -> int:
    job = _found(args.id)
    return attach.run(job, args, out, console, go_on=_go_on(job))


def _stop(args: argparse.Namespace, out: Out, console: Console) -> int:
    del out
    for job in [_found(each) for each in args.ids]:
        try:
            stopped = job.stop()
        except OSError as error:
            message = f"cannot stop the job {job.id}: {error.strerror}"
            raise R1ChatError(message) from None
        if not stopped:
            console.note(f"the job {job.id[:SHORT]} is over: {job.state}")
    return ExitCode.ANSWERED


def _wait(args: argparse.Namespace, out: Out, console: Console) -> int:
    del out
    several = [_found(each) for each in args.ids] or [_found(None)]
    cares = [Care(job) for job in several]
    for care in cares:
        care.look()
    for job, care in zip(several, cares, strict=True):
        while job.state not in ENDED:
            care.look()
            time.sleep(_LOOK_S)
    return next(filter(None, (_verdict(job, console) for job in several)), ExitCode.ANSWERED)


def _verdict(job: Job, console: Console) -> int:
    """The exit code of a job that is over; where it is not 0, why is said."""
    end = job.end
    if end is None:
        console.error(f"the job {job.id[:SHORT]} was interrupted; to go on: {_go_on(job)}")
        return ExitCode.FAILED
    if end.error:
        console.error(f"{job.id[:SHORT]}: {end.error}")
    return end.code


def _go_on(job: Job) -> str:
    """The command that has an interrupted reply go on."""
    return f"r1chat ask --resume --background --conversation {job.order.conversation[:SHORT]}"


def _found(beginning: str | None) -> Job:
    """The job whose id begins so, or the last one.

    Raises:
        UsageError: If there are several.
        R1ChatError: If there is none.
    """
    several = Jobs().all()
    if beginning is None:
        if not several:
            message = 'there are no jobs; this makes one: r1chat ask --background "QUESTION"'
            raise R1ChatError(message)
        return several[-1]
    return _only(several, beginning)


def _only(several: Sequence[Job], beginning: str) -> Job:
    shown = line(beginning, 40)
    begins = beginning.strip().lower()
    meant = [each for each in several if begins and each.id.startswith(begins)]
    if not meant:
        message = f"no job has an id that begins with {shown!r}; see: r1chat jobs list"
        raise R1ChatError(message)
    if len(meant) > 1:
        message = f"{shown!r} may be {meant[0].id}, {meant[1].id} or others; type more of the id"
        raise UsageError(message)
    return meant[0]


def _json(job: Job) -> dict[str, object]:
    end = job.end
    return {
        "id": job.id,
        "state": job.state,
        "created": job.created,
        "model": job.order.model,
        "question": job.order.question,
        "conversation": job.order.conversation,
        "ended": end.at if end is not None else None,
        "exit_code": end.code if end is not None else None,
        "error": (end.error or None) if end is not None else None,
    }
