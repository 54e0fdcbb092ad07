"""`r1chat models`: finds, fetches, verifies and removes models."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from r1chat import compose, logs
from r1chat.commands import upkeep
from r1chat.commands.columns import columns, pairs
from r1chat.commands.exits import ExitCode
from r1chat.commands.fetch import Fetcher
from r1chat.console import Console
from r1chat.errors import ModelError, UsageError
from r1chat.formatting import format_bytes, format_count, format_speed, speed_figure
from r1chat.interrupts import Interrupts
from r1chat.output import Out, write_indented
from r1chat.sanitize import line

if TYPE_CHECKING:
    from r1chat.hub.catalogue import Distill
    from r1chat.hub.fit import Fit
    from r1chat.hub.local import LocalModel
    from r1chat.hub.reference import HubRef

_WORDS = {"fits": "fits", "tight": "tight", "no": "does not fit"}
_LIST_HINT = 'fetch one with: r1chat models pull r1:7b · use it with: r1chat ask -m r1:7b "…"'


def run(args: argparse.Namespace, console: Console) -> int:
    """Does what the action says.

    Args:
        args: What `models_options.add_models` defines.
        console: Standard error.

    Returns:
        The exit code.

    Raises:
        R1ChatError: If it fails.
        Interrupted: If a signal came.
    """
    actions = {
        "list": _list,
        "search": _search,
        "pull": _pull,
        "show": _show,
        "verify": upkeep.verify,
        "rm": upkeep.remove,
    }
    with Interrupts() as interrupts:
        logs.start(console.log if args.verbose else None)
        return actions[args.action](args, console, interrupts)


def _list(args: argparse.Namespace, console: Console, interrupts: Interrupts) -> int:
    del console, interrupts
    from r1chat.hub import cache, local
    from r1chat.hub.unfinished import unfinished

    if args.folder is not None:
        here, parts, offers = local.models_in(_folder(args.folder)), [], []
    else:
        here = local.local_models()
        parts = [part for folder in cache.repos() for part in unfinished(folder)]
        offers = _offers(here, args.ctx)
    out = Out(sys.stdout)
    if args.format == "json":
        found = [{**asdict(model), "path": str(model.path)} for model in here]
        could = [_as_json(distill, quant, fits) for distill, quant, fits in offers]
        rest = [{"repo": part.repo, "size": part.size} for part in parts]
        write_indented(out, {"schema": 1, "models": found, "unfinished": rest, "distills": could})
        return ExitCode.ANSWERED
    rows = [_local_row(model) for model in here]
    out.write(
        columns(("model", "quant", "size", "context", "from", ""), rows, right="size context")
    )
    if parts:
        out.write("\nNot finished; `models pull` goes on with it, `models rm` removes it:\n")
        rows = [(part.repo, format_bytes(part.size)) for part in parts]
        out.write(columns(("repository", "size"), rows, right="size"))
    if offers:
        out.write("\nR1 distills to fetch, and what this machine makes of them:\n")
        head = ("model", "quant", "size", "", "tok/s", "AIME", "MATH")
        rows = [_offer_row(*each) for each in offers]
        out.write(columns(head, rows, right="size tok/s AIME MATH"))
        if out.tty:
            out.write(f"\n{_LIST_HINT}\n")
    return ExitCode.ANSWERED


def _folder(text: str) -> Path:
    """A folder to list.

    Raises:
        UsageError: If it is none.
    """
    try:
        folder = Path(text).expanduser()
        if folder.is_dir():
            return folder
        reason = "is not a folder" if folder.exists() else "does not exist"
    except (OSError, ValueError, RuntimeError) as error:
        reason = f"cannot be looked at: {getattr(error, 'strerror', None) or error}"
    message = f"{line(text)} {reason}"
    raise UsageError(message)


def _local_row(model: LocalModel) -> tuple[str, ...]:
    note = model.problem or ("" if model.thinks else "does not think")
    context = f"{model.context:,}" if model.context else ""
    return (model.ref, model.quant, format_bytes(model.size), context, model.source, note)


def _offers(here: list[LocalModel], context: int | None) -> list[tuple[Distill, str, Fit]]:
    """The distills that are not here, each in the quant that suits this machine best."""
    from r1chat.hub import catalogue, fit
    from r1chat.hub.machine import this_machine

    machine = this_machine()
    there = {found.name for model in here if (found := catalogue.published_by(model.repo))}
    offers = []
    for distill in catalogue.distills():
        if distill.name not in there:
            quant, fits = fit.best_of(distill, machine, context)
            offers.append((distill, quant, fits))
    return offers


def _offer_row(distill: Distill, quant: str, fits: Fit) -> tuple[str, ...]:
    scores = distill.scores
    return (
        distill.name,
        quant,
        format_bytes(distill.sizes[quant]),
        _WORDS[fits.mark],
        "" if fits.tokens_per_s is None else speed_figure(fits.tokens_per_s, estimated=True),
        "" if scores.aime_pass1 is None else f"{scores.aime_pass1:g}",
        "" if scores.math500 is None else f"{scores.math500:g}",
    )


def _as_json(distill: Distill, quant: str, fits: Fit) -> dict[str, Any]:
    return {
        "ref": distill.name,
        "title": distill.title,
        "repos": distill.repos,
        "licences": distill.licences,
        "context": distill.context,
        "scores": distill.scores.model_dump(),
        "quant": quant,
        "size": distill.sizes[quant],
        "fit": asdict(fits),
    }


def _search(args: argparse.Namespace, console: Console, interrupts: Interrupts) -> int:
    del interrupts
    from r1chat.hub.remote import Remote

    console.progress("r1chat: searching the Hub")
    try:
        found = Remote().search(args.text, limit=args.limit)
    finally:
        console.end_progress()
    out = Out(sys.stdout)
    if args.format == "json":
        write_indented(out, {"schema": 1, "found": [asdict(each) for each in found]})
        return ExitCode.ANSWERED
    if not found:
        console.note(f"no GGUF repository on the Hub is called anything like {line(args.text)!r}")
        return ExitCode.FAILED
    rows = [
        (
            each.repo,
            each.arch,
            format_count(each.parameters) if each.parameters else "",
            f"{each.downloads:,}",
            each.updated,
            "gated" if each.gated else "",
        )
        for each in found
    ]
    head = ("repository", "architecture", "size", "downloads", "updated", "")
    out.write(columns(head, rows, right="size downloads"))
    return ExitCode.ANSWERED


def _pull(args: argparse.Namespace, console: Console, interrupts: Interrupts) -> int:
    from r1chat.hub import local
    from r1chat.hub.download import fetched
    from r1chat.hub.environment import is_offline
    from r1chat.hub.reference import parse

    ref = parse(args.ref)
    if ref is None:
        message = f"{line(args.ref)!r} is nothing to fetch; {_FETCHABLE}"
        raise UsageError(message)
    if args.revision is not None:
        ref = replace(ref, revision=_revision(args.revision))
    if is_offline() and (path := _here(ref)) is not None:
        console.aside("it is here already; whether there is a newer one, HF_HUB_OFFLINE forbids")
        Out(sys.stdout).write(f"{path}\n")
        return ExitCode.ANSWERED
    fetcher = Fetcher(console, interrupts, context=args.ctx)
    variant, fits = fetcher.choose(ref)
    is_here = fetched(variant) == variant.size
    path = None if is_here else fetcher.elsewhere(variant)
    elsewhere = path is not None
    if path is None:
        if not is_here:
            fetcher.check(variant, fits, sure=args.yes)
        path = fetcher.fetch(variant)
    # Its header is read now, so that no list has to wait for it.
    local.local_models()
    if ref.distill is None:
        ref = replace(ref, repos=(variant.repo,))  # As the Hub spells it.
    name = str(ref) if _here(ref) == path else variant.ref
    done = "it is here already" if is_here or elsewhere else "verified"
    console.aside(f"{done}; use it with: r1chat ask -m {name}")
    Out(sys.stdout).write(f"{path}\n")
    return ExitCode.ANSWERED


def _here(ref: HubRef) -> Path | None:
    """The file that a reference leads to without a network."""
    try:
        return compose.resolve(str(ref))
    except ModelError:
        return None


_FETCHABLE = 'name a distill ("r1:7b") or a repository of the Hub ("owner/repo:Q4_K_M")'


def _revision(text: str) -> str:
    from r1chat.hub.names import good_revision

    if not good_revision(text):
        message = f"--revision: {line(text)!r} is no branch, tag or commit"
        raise UsageError(message)
    return text


def _show(args: argparse.Namespace, console: Console, interrupts: Interrupts) -> int:
    from r1chat.hub.about import about, about_header
    from r1chat.hub.reference import parse

    if compose.remote_server(args.ref) is not None:
        from r1chat.commands import remote_model

        as_json, out = args.format == "json", Out(sys.stdout)
        remote_model.show(args.ref, out, as_json=as_json, on_notice=console.note)
        return ExitCode.ANSWERED
    ref = parse(args.ref)
    model = upkeep.here(args.ref)
    if model is not None:
        shown = about(model)
        extra: list[tuple[str, str]] = []
    elif ref is not None:
        fetcher = Fetcher(console, interrupts, context=args.ctx)
        variant, fits = fetcher.choose(ref)
        header = fetcher.remote.header(variant.files[0])
        shown = about_header(header, variant, licence=variant.licence)
        extra = [("fit", f"{_WORDS[fits.mark]}: {fits.arithmetic}")]
        if fits.on_gpu:
            extra.append(("offload", fits.on_gpu))
        if fits.tokens_per_s is not None:
            extra.append(("expected", format_speed(fits.tokens_per_s, estimated=True)))
        extra.append(("here", f"no; r1chat models pull {ref}"))
    else:
        shown = about(compose.resolve(args.ref))
        extra = []
    out = Out(sys.stdout)
    if args.format == "json":
        write_indented(out, {"schema": 1, **shown.as_json(), **dict(extra)})
    else:
        out.write(pairs([*shown.lines(), *extra]))
    return ExitCode.ANSWERED
