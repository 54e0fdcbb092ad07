"""`r1chat models`: finds, downloads, verifies and removes models."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from r1chat import compose, logs, paths
from r1chat.commands import upkeep
from r1chat.commands.columns import columns, pairs
from r1chat.commands.download import Downloader
from r1chat.commands.exits import ExitCode
from r1chat.console import Console
from r1chat.errors import ModelError, NetworkError, UsageError
from r1chat.formatting import counted, format_bytes, format_count, format_speed, speed_figure
from r1chat.interrupts import Interrupts
from r1chat.output import Out, write_indented
from r1chat.sanitize import line

if TYPE_CHECKING:
    from r1chat.hub.fit import Fit
    from r1chat.hub.inventory import Inventory, Offer
    from r1chat.hub.local import LocalModel

_LIST_HINT = 'download one with: r1chat models pull r1:7b · use it with: r1chat ask -m r1:7b "…"'


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
    from r1chat.hub import local
    from r1chat.hub.inventory import Inventory

    inventory = Inventory(lambda: args.ctx)
    survey = inventory.survey() if args.folder is None else None
    here = survey.local if survey else local.models_in(_folder(args.folder))
    offers = survey.offers if survey else ()
    parts = inventory.unfinished() if survey else []
    out = Out(sys.stdout)
    fits = survey.fits if survey else {model.ref: inventory.fit_of(model) for model in here}
    if args.format == "json":
        found = [_local_json(model, fits.get(model.ref)) for model in here]
        distills, others = ([_offer_json(offer) for offer in some] for some in _apart(offers))
        rest = [{"repo": part.repo, "size": part.size} for part in parts]
        write_indented(
            out,
            {
                "schema": 1,
                "models": found,
                "unfinished": rest,
                "distills": distills,
                "others": others,
            },
        )
        return ExitCode.ANSWERED
    rows = [_local_row(model, fits.get(model.ref)) for model in here]
    out.write(columns(_LOCAL_HEAD, rows, right="size tok/s context"))
    if parts:
        out.write("\nPartial downloads; `models pull` resumes one, `models rm` removes it:\n")
        rows = [(part.repo, format_bytes(part.size)) for part in parts]
        out.write(columns(("repository", "size"), rows, right="size"))
    if survey:
        for title, some in zip(_OFFERED, _apart(offers), strict=True):
            if some:
                out.write(f"\n{title} available to download, and how they would run here:\n")
                rows = [
                    _offer_row(offer, recommended=offer == survey.recommended) for offer in some
                ]
                out.write(columns(_HEAD, rows, right="size tok/s AIME MATH"))
        if offers and out.tty:
            out.write(f"\n{_LIST_HINT}\n")
    return ExitCode.ANSWERED


_OFFERED = ("R1 distills", "Other models that think,")
_LOCAL_HEAD = ("model", "quant", "size", "", "tok/s", "context", "from", "")
_HEAD = ("model", "quant", "size", "", "tok/s", "AIME", "MATH", "")


def _apart(offers: Sequence[Offer]) -> tuple[list[Offer], list[Offer]]:
    """R1's distills, and the others."""
    from r1chat.hub.catalogue import FAMILY

    own = [offer for offer in offers if offer.entry and offer.entry.family == FAMILY]
    return own, [offer for offer in offers if offer not in own]


def _folder(text: str) -> Path:
    """A folder to list.

    Raises:
        UsageError: If it is none.
    """
    try:
        folder = paths.named(text)
        if folder.is_dir():
            return folder
        reason = "is not a folder" if folder.exists() else "does not exist"
    except (OSError, ValueError, RuntimeError) as error:
        reason = f"cannot be looked at: {getattr(error, 'strerror', None) or error}"
    message = f"{line(text)} {reason}"
    raise UsageError(message)


def _running_cells(fits: Fit | None) -> tuple[str, str]:
    """How a model fits, and how fast it will be, in a word each."""
    from r1chat.hub.fit import WORDS

    rate = fits.tokens_per_s if fits else None
    pace = speed_figure(rate, estimated=True) if rate is not None else ""
    return (WORDS[fits.mark] if fits else "", pace)


def _local_row(model: LocalModel, fits: Fit | None) -> tuple[str, ...]:
    from r1chat.hub.places import SOURCES

    note = model.problem or ("" if model.thinks else "does not think")
    context = f"{model.context:,}" if model.context else ""
    size, place = format_bytes(model.size), SOURCES[model.source]
    return (model.ref, model.quant, size, *_running_cells(fits), context, place, note)


def _local_json(model: LocalModel, fits: Fit | None) -> dict[str, Any]:
    return {**asdict(model), "path": str(model.path), "fit": asdict(fits) if fits else None}


def _offer_row(offer: Offer, *, recommended: bool) -> tuple[str, ...]:
    from r1chat.hub.catalogue import was_run

    entry = offer.entry
    note = "" if entry is None or was_run(entry) else "format not tried for real"
    aime, math = (entry.scores.aime_pass1, entry.scores.math500) if entry else (None, None)
    return (
        entry.name if entry else offer.ref,
        offer.quant,
        format_bytes(offer.size),
        *_running_cells(offer.fit),
        "" if aime is None else f"{aime:g}",
        "" if math is None else f"{math:g}",
        "recommended" if recommended else note,
    )


def _offer_json(offer: Offer) -> dict[str, Any]:
    from r1chat.hub.catalogue import was_run

    entry = offer.entry
    fits = asdict(offer.fit) if offer.fit else None
    known = {"quant": offer.quant, "size": offer.size, "fit": fits}
    if entry is None:
        return known
    return {
        "ref": entry.name,
        "title": entry.title,
        "repos": entry.repos,
        "licences": entry.licences,
        "context": entry.context,
        "format": entry.format,
        "format_run": was_run(entry),
        "scores": entry.scores.model_dump(),
        **known,
    }


def _search(args: argparse.Namespace, console: Console, interrupts: Interrupts) -> int:
    del interrupts
    from r1chat.hub.inventory import Inventory

    console.progress("r1chat: searching the Hub")
    try:
        found = Inventory().search(args.text, args.limit)
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
    from r1chat.hub.download import fetched
    from r1chat.hub.environment import is_offline
    from r1chat.hub.reference import parse

    ref = parse(args.ref)
    if ref is None:
        message = f"{line(args.ref)!r} is nothing to download; {_DOWNLOADABLE}"
        raise UsageError(message)
    if args.revision is not None:
        ref = replace(ref, revision=_revision(args.revision))
    if is_offline():
        with contextlib.suppress(ModelError):
            path = compose.resolve(str(ref))
            console.aside("downloaded already; HF_HUB_OFFLINE forbids to look for a newer one")
            Out(sys.stdout).write(f"{path}\n")
            return ExitCode.ANSWERED
    downloader = Downloader(console, interrupts, context=args.ctx)
    choice = downloader.resolve(ref)
    variant = choice.variant
    is_here = fetched(variant) == variant.size
    found = None if is_here else downloader.elsewhere(variant)
    if not is_here and found is None:
        downloader.check(choice, sure=args.yes)
    path = found or downloader.download(variant)
    # Its header is read now, so that no list has to wait for it.
    downloader.inventory.local_models()
    done = "downloaded already" if is_here or found else "verified"
    console.aside(f"{done}; use it with: r1chat ask -m {choice.ref}")
    Out(sys.stdout).write(f"{path}\n")
    return ExitCode.ANSWERED


_DOWNLOADABLE = (
    'name a model of the catalogue ("r1:7b") or a repository of the Hub ("owner/repo:Q4_K_M")'
)


def _revision(text: str) -> str:
    from r1chat.hub.names import good_revision

    if not good_revision(text):
        message = f"--revision: {line(text)!r} is no branch, tag or commit"
        raise UsageError(message)
    return text


def _show(args: argparse.Namespace, console: Console, interrupts: Interrupts) -> int:
    from r1chat.hub.about import about, about_header
    from r1chat.hub.inventory import Inventory
    from r1chat.hub.reference import parse

    if compose.remote_server(args.ref) is not None:
        from r1chat.commands import remote_model

        as_json, out = args.format == "json", Out(sys.stdout)
        remote_model.show(args.ref, out, as_json=as_json, on_notice=console.note)
        return ExitCode.ANSWERED
    ref = parse(args.ref)
    inventory = Inventory(lambda: args.ctx)
    model = inventory.local(args.ref)
    if model is None and ref is None:
        model = inventory.in_file(compose.resolve(args.ref))
    if model is not None:
        shown = about(model)
        extra = _running(inventory.fit_of(model)) if not model.problem else []
    elif ref is not None:
        downloader = Downloader(console, interrupts, context=args.ctx)
        try:
            choice = downloader.resolve(ref)
            variant = choice.variant
            header = downloader.inventory.remote().header(variant.files[0])
        except NetworkError as error:
            return _show_catalogued(ref.short or "", args, inventory, console, error)
        shown = about_header(header, variant, licence=variant.licence)
        extra = [*_running(choice.fit), ("here", f"no; r1chat models pull {ref}")]
    out = Out(sys.stdout)
    if args.format == "json":
        write_indented(out, {"schema": 1, **shown.as_json(), **dict(extra)})
    else:
        out.write(pairs([*shown.lines(), *extra]))
    return ExitCode.ANSWERED


def _show_catalogued(
    name: str,
    args: argparse.Namespace,
    inventory: Inventory,
    console: Console,
    error: NetworkError,
) -> int:
    """Shows what the catalogue knows of a model, where the Hub cannot be asked.

    Raises:
        NetworkError: If it does not know it.
    """
    from r1chat.hub.catalogue import get

    entry = get(name)
    offers = inventory.survey().catalogue if entry is not None else ()
    offer = next((each for each in offers if each.entry == entry), None)
    if entry is None or offer is None:
        raise error
    console.note(f"the Hub cannot be asked ({error}): this is what the catalogue knows")
    out = Out(sys.stdout)
    if args.format == "json":
        write_indented(out, {"schema": 1, **_offer_json(offer), "here": "no"})
        return ExitCode.ANSWERED
    rows = [
        ("model", entry.title),
        ("reference", entry.name),
        ("parameters", format_count(entry.parameters)),
        ("context", counted(entry.context, "token")),
        ("thinks", f"yes, {entry.format}"),
        ("licence", ", ".join(entry.licences)),
        ("quant", offer.quant),
        ("size", f"about {format_bytes(offer.size)}"),
        ("repository", entry.repos[0]),
        *_running(offer.fit),
        ("here", f"no; r1chat models pull {entry.name}"),
    ]
    out.write(pairs(rows))
    return ExitCode.ANSWERED


def _running(fits: Fit | None) -> list[tuple[str, str]]:
    """How a model runs on this machine, in pairs of a label and a value."""
    from r1chat.hub.fit import WORDS

    if fits is None:
        return [("fit", "unknown")]
    found = [("fit", f"{WORDS[fits.mark]}: {fits.arithmetic}")]
    if fits.on_gpu:
        found.append(("offload", fits.on_gpu))
    if fits.tokens_per_s is not None:
        found.append(("expected", format_speed(fits.tokens_per_s, estimated=True)))
    return found
