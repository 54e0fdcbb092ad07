"""`r1chat history`: lists, shows, searches, moves and removes conversations."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from r1chat import logs, tags
from r1chat.commands import conversations
from r1chat.commands.columns import columns
from r1chat.commands.exits import ExitCode
from r1chat.console import Console
from r1chat.errors import R1ChatError, UsageError
from r1chat.exchange import words
from r1chat.formatting import counted
from r1chat.interrupts import Interrupts
from r1chat.jobs import Jobs
from r1chat.output import Out, write_json
from r1chat.sanitize import line, sanitize
from r1chat.store import Filter, Hit, Store, Summary
from r1chat.wording import model_name

SETTLING_S = 5.0
"""How long a search waits for the index, which follows the writing."""
_TITLE = 100


def run(args: argparse.Namespace, console: Console) -> int:
    """Does what the action says.

    Args:
        args: What `history_options.add_history` defines.
        console: Standard error.

    Returns:
        The exit code.

    Raises:
        R1ChatError: If it fails.
        Interrupted: If a signal came.
    """
    with Interrupts():
        logs.start(console.log if args.verbose else None)
        out = Out(sys.stdout)
        store = Store.open()
        try:
            code = _ACTIONS[args.action](args, store, out, console)
        finally:
            safe = store.close()
            for notice in store.take_notices():
                console.note(notice)
        lost = args.action in _WRITING and not (safe and store.saves)
        return ExitCode.FAILED if lost and code == ExitCode.ANSWERED else code


def _list(args: argparse.Namespace, store: Store, out: Out, console: Console) -> int:
    once = True if args.asked else False if args.chats else None
    only = Filter(tuple(args.tags), once=once)
    found = store.conversations(args.limit + 1, deleted=args.deleted, only=only)
    shown = found[: args.limit]
    if args.format == "json":
        _write_json(out, {"conversations": [_as_json(each) for each in shown]})
        return ExitCode.ANSWERED
    if not shown:
        none = "there is no deleted conversation" if args.deleted else "no conversation yet"
        console.note("there is no such conversation" if only != Filter() else none)
        return ExitCode.ANSWERED
    rows = [
        (
            each.short,
            words.moment(each.updated),
            f"{each.turns:,}",
            model_name(each.model),
            "  ".join(
                part
                for part in (
                    ("* " if each.pinned else "") + line(each.title, _TITLE),
                    words.tagged(each),
                )
                if part
            ),
        )
        for each in shown
    ]
    out.write(columns(("id", "changed", "turns", "model", "title"), rows, right="turns"))
    if len(found) > args.limit:
        console.note(f"there are more than {args.limit:,}; --limit shows more of them")
    return ExitCode.ANSWERED


def _as_json(summary: Summary) -> dict[str, Any]:
    return {**asdict(summary), "short": summary.short}


def _show(args: argparse.Namespace, store: Store, out: Out, console: Console) -> int:
    from r1chat.commands.showing import pieces

    loaded = conversations.loaded(store, args.id)
    if args.format == "json":
        from r1chat.exchange import document

        _write_json(out, document.conversation(loaded))
        return ExitCode.ANSWERED
    how = {"thoughts": args.thoughts, "outlines": args.outline, "colour": _colour(out)}
    for piece in pieces(loaded, **how):
        out.write(piece)
    if not args.thoughts and any(
        node.turn and node.turn.reply.thought for node in loaded.conversation.path()
    ):
        console.aside("--thoughts shows the thoughts too")
    return ExitCode.ANSWERED


def _search(args: argparse.Namespace, store: Store, out: Out, console: Console) -> int:
    if not conversations.searchable(store, SETTLING_S):
        console.note("the index is still being made; there may be more to be found")
    hits = store.search(
        " ".join(args.text),
        thoughts=args.thoughts,
        limit=args.limit,
        only=Filter(tuple(args.tags)),
    )
    if args.format == "json":
        _write_json(out, {"hits": [asdict(hit) for hit in hits]})
        return ExitCode.ANSWERED
    if not hits:
        hint = "" if args.thoughts else "; --thoughts looks into thoughts too"
        console.note(f"nothing found{hint}")
        return ExitCode.FAILED
    for hit in hits:
        out.write(_hit(hit, colour=_colour(out)))
    return ExitCode.ANSWERED


def _hit(hit: Hit, *, colour: bool) -> str:
    from r1chat.store import SHORT

    bold, plain = ("\x1b[1m", "\x1b[0m") if colour else ("", "")
    pieces, at = [], 0
    for start, end in hit.matches:
        if start >= at:
            # Piece by piece, so that what is cleaned away moves nothing.
            pieces.append(sanitize(hit.snippet[at:start]))
            pieces.append(f"{bold}{sanitize(hit.snippet[start:end])}{plain}")
            at = end
    pieces.append(sanitize(hit.snippet[at:]))
    text = "".join(pieces).replace("\n", " ")
    head = f"{hit.conversation[:SHORT]}  {words.moment(hit.created)}  {line(hit.title, _TITLE)}"
    return f"{head}\n  {hit.field}: {text}\n"


def _tag(args: argparse.Namespace, store: Store, out: Out, console: Console) -> int:
    del console
    summary = conversations.found(store, args.id)
    wanted = dict.fromkeys((*summary.tags, *args.names))
    after = [tag for tag in wanted if tag not in args.remove]
    if len(after) > tags.MOST:
        message = f"a conversation has {tags.MOST} tags at most"
        raise UsageError(message)
    if args.names or args.remove:
        store.tag(summary.id, after)
        _written(store)
    out.write(" ".join(f"#{tag}" for tag in after) + "\n" if after else "")
    return ExitCode.ANSWERED


def _tags(args: argparse.Namespace, store: Store, out: Out, console: Console) -> int:
    found = store.tags()
    if args.format == "json":
        values = [{"tag": tag, "conversations": number} for tag, number in found]
        _write_json(out, {"tags": values})
    elif found:
        rows = [(f"#{tag}", f"{number:,}") for tag, number in found]
        out.write(columns(("tag", "conversations"), rows, right="conversations"))
    else:
        console.note("no conversation has a tag; `r1chat history tag ID NAME` gives it one")
    return ExitCode.ANSWERED


def _export(args: argparse.Namespace, store: Store, out: Out, console: Console) -> int:
    from r1chat.commands.transfer import export

    return export(args, store, out, console)


def _import(args: argparse.Namespace, store: Store, out: Out, console: Console) -> int:
    from r1chat.commands.transfer import take_in

    return take_in(args, store, out, console)


def _remove(args: argparse.Namespace, store: Store, out: Out, console: Console) -> int:
    del out
    several = _several(store, args.ids, deleted=args.purge)
    what = _named(several)
    verb = "remove for good" if args.purge else "delete"
    if not args.yes:
        if not console.can_ask:
            message = f"this would {verb} {what}; --yes does so without asking"
            raise UsageError(message)
        if not console.confirm(f"{verb.capitalize()} {what}?"):
            return ExitCode.FAILED
    for each in several:
        if args.purge:
            store.purge(each.id)
            Jobs().forget(each.id)
        else:
            store.delete(each.id)
    _written(store)
    if not args.purge:
        ids = " ".join(each.short for each in several)
        console.aside(f"deleted; for 30 days this takes it back: r1chat history restore {ids}")
    return ExitCode.ANSWERED


def _restore(args: argparse.Namespace, store: Store, out: Out, console: Console) -> int:
    del out
    several = [conversations.found(store, each, deleted=True) for each in args.ids]
    for each in several:
        store.restore(each.id)
    _written(store)
    console.aside(f"restored {_named(several)}")
    return ExitCode.ANSWERED


def _written(store: Store) -> None:
    if not (store.saves and store.flush()):
        message = "nothing was changed: the history cannot be written to"
        raise R1ChatError(message)


def _several(store: Store, ids: list[str], *, deleted: bool) -> list[Summary]:
    found = {}
    for each in ids:
        summary = conversations.found(store, each, or_deleted=deleted)
        found[summary.id] = summary
    return list(found.values())


def _named(several: list[Summary]) -> str:
    if len(several) == 1:
        only = several[0]
        turns = counted(only.turns, "turn")
        return f"{only.short} “{line(only.title, 60)}” ({turns})"
    return counted(len(several), "conversation")


def _stats(args: argparse.Namespace, store: Store, out: Out, console: Console) -> int:
    from r1chat.commands.stats import show

    return show(args, store, out, console)


def _state(args: argparse.Namespace, store: Store, out: Out, console: Console) -> int:
    from r1chat.commands.states import show

    return show(args, store, out, console)


def _write_json(out: Out, value: dict[str, Any]) -> None:
    write_json(out, {"schema": 1, **value})


def _colour(out: Out) -> bool:
    return out.tty and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


_Action = Callable[[argparse.Namespace, Store, Out, Console], int]
_ACTIONS: dict[str, _Action] = {
    "list": _list,
    "show": _show,
    "search": _search,
    "tag": _tag,
    "tags": _tags,
    "export": _export,
    "import": _import,
    "rm": _remove,
    "restore": _restore,
    "stats": _stats,
    "state": _state,
}
_WRITING = ("import", "rm", "restore", "tag")
