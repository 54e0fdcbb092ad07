"""What `r1chat models` does with models that are here: compares and removes them."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import TYPE_CHECKING

from r1chat import compose
from r1chat.commands.exits import ExitCode
from r1chat.console import Console
from r1chat.errors import DownloadCancelled, MissingModel, ModelError, UsageError
from r1chat.formatting import format_bytes
from r1chat.interrupts import Interrupted, Interrupts
from r1chat.output import Out
from r1chat.sanitize import line

if TYPE_CHECKING:
    from r1chat.hub.local import LocalModel


def verify(args: argparse.Namespace, console: Console, interrupts: Interrupts) -> int:
    """Compares models with what was published, all of them or those that are named."""
    from r1chat.hub.inventory import Inventory

    models = [_found(ref) for ref in args.refs] or Inventory().local_models()
    out = Out(sys.stdout)
    wrong = 0
    for model in models:
        ok, verdict = _verdict(model, console, interrupts)
        if ok is False:
            wrong += 1
            verdict += _CURES.get(model.source, "").format(model.ref)
        if ok is not None or args.refs:
            out.write(f"{line(model.ref, 500)}: {line(verdict, 1000)}\n")
    return ExitCode.MODEL if wrong else ExitCode.ANSWERED


_CURES = {
    "hub": "; download it again: r1chat models rm {0} && r1chat models pull {0}",
    "ollama": "; let Ollama download it again",
}


def _verdict(
    model: LocalModel, console: Console, interrupts: Interrupts
) -> tuple[bool | None, str]:
    """Compares one model. If it cannot be read, that does not keep the others from it."""
    from r1chat.hub import verify
    from r1chat.hub.download.control import Control

    interrupts.control = control = Control()
    try:
        result = verify.verify(model, partial(_show_share, console, model.name), control)
    except ModelError as error:
        return False, str(error)
    except DownloadCancelled:
        if interrupts.signum is None:
            raise
        raise Interrupted(interrupts.signum) from None
    else:
        return result.ok, result.verdict
    finally:
        interrupts.control = None
        console.end_progress()


def _show_share(console: Console, name: str, done: int, total: int) -> None:
    console.progress(f"{line(name, 40)}  {int(100 * done / max(1, total))} %")


def remove(args: argparse.Namespace, console: Console, interrupts: Interrupts) -> int:
    """Removes a model, or what is here of one, after a question."""
    del interrupts
    from r1chat.hub import removal

    try:
        model = _found(args.ref)
    except MissingModel as missing:
        return _remove_unfinished(args, console, missing)
    if reason := removal.obstacle_to(model):
        raise ModelError(reason)
    what = f"{line(model.ref, 200)} ({format_bytes(model.size)}, {line(str(model.path), 300)})"
    if not _is_sure(args, console, what):
        return ExitCode.FAILED
    console.aside(f"removed; {format_bytes(removal.remove(model))} are free again")
    return ExitCode.ANSWERED


def _remove_unfinished(args: argparse.Namespace, console: Console, missing: MissingModel) -> int:
    """Removes what stopped downloads have left of a model's repository."""
    from r1chat.hub.inventory import Inventory
    from r1chat.hub.reference import parse

    ref = parse(missing.ref)
    parts = Inventory().unfinished(ref) if ref is not None else []
    if not parts:
        raise missing
    size = format_bytes(sum(part.size for part in parts))
    names = ", ".join(sorted({part.repo for part in parts}))
    if not _is_sure(args, console, f"what is not finished of {names} ({size})"):
        return ExitCode.FAILED
    for part in parts:
        part.remove()
    console.aside(f"removed; {size} are free again")
    return ExitCode.ANSWERED


def _is_sure(args: argparse.Namespace, console: Console, what: str) -> bool:
    """Whether something is to be removed."""
    if args.yes:
        return True
    if not console.can_ask:
        message = f"this would remove {what}; --yes removes it without asking"
        raise UsageError(message)
    return console.confirm(f"Remove {what}?")


def _found(ref: str) -> LocalModel:
    from r1chat.hub.inventory import Inventory

    model = Inventory().local(ref)
    if model is None:
        compose.resolve(ref)
        message = f"{line(ref)} is a file of your own, which r1chat does not keep"
        raise ModelError(message)
    return model
