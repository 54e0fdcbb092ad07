"""`r1chat ask --background`: hands a question to a process of its own, and returns at once."""

from __future__ import annotations

import argparse
import sys
from functools import partial

from r1chat import compose, jobs, logs
from r1chat import settings as user
from r1chat.commands.ask import (
    Asking,
    first_given,
    read_shape,
    refuse_what_makes_no_sense,
    ways_to_show,
)
from r1chat.commands.default_model import default_model
from r1chat.commands.download import or_download
from r1chat.commands.exits import ExitCode
from r1chat.commands.given import Given
from r1chat.console import Console
from r1chat.errors import UsageError
from r1chat.history import History
from r1chat.hub.locate import file_at
from r1chat.interrupts import Interrupts
from r1chat.output import Out


def run(args: argparse.Namespace, console: Console) -> int:
    """Makes a job of a question, and prints its id.

    Args:
        args: What `options.add_ask` defines.
        console: Standard error.

    Returns:
        The exit code.

    Raises:
        R1ChatError: If it could not be answered, as far as that can be seen now.
        Interrupted: If a signal came.
    """
    refuse_what_makes_no_sense(args)
    if args.compare:
        message = "--background is for one reply: leave out --compare"
        raise UsageError(message)
    if wrong := first_given(ways_to_show(args)):
        message = f"--background shows nothing: {wrong} belongs to `r1chat jobs attach`"
        raise UsageError(message)
    with Interrupts() as interrupts:
        logs.start(console.log if args.verbose else None)
        settings, fault = user.load()
        if fault is not None:
            console.note(fault)
        if settings.save is False:
            message = "--background keeps the reply on the disk, and the setting save is off"
            raise UsageError(message)
        out = Out(sys.stdout)
        history = History(on_demand=True)
        try:
            asking = Asking(Given(args, settings), console, out, history, saves=True)
            order = _order(args, asking, console, interrupts)
        finally:
            history.close()
        out.write(f"{jobs.submit(order).id}\n")
    return ExitCode.ANSWERED


def _order(
    args: argparse.Namespace, asking: Asking, console: Console, interrupts: Interrupts
) -> jobs.Order:
    """What is to be done, everything that it needs of this process included."""
    asking.given.check()
    shape = read_shape(args, console)
    question, attachments = asking.question()
    return jobs.Order(
        model=_model(asking.given, console, interrupts),
        question=question,
        attachments=attachments,
        options=jobs.options_of(vars(args)),
        conversation=asking.conversation,
        continues=asking.continues,
        shape=shape,
    )


def _model(given: Given, console: Console, interrupts: Interrupts) -> str:
    """The model's reference, as it means the same in any folder; the model is there.

    Raises:
        R1ChatError: If there is none such.
    """
    ref, context = given.model, given.either("ctx")
    if ref is None:
        ref, notice = default_model(context)
        console.note(notice)
    if compose.remote_server(ref) is not None:
        return ref
    path = or_download(partial(compose.resolve, ref), console, interrupts, context=context)
    return str(path.absolute()) if file_at(ref) == path else ref
