"""`r1chat history state`: shows and clears what models have read of conversations."""

from __future__ import annotations

import argparse

from r1chat import settings as user
from r1chat.commands import conversations
from r1chat.commands.columns import columns
from r1chat.commands.exits import ExitCode
from r1chat.console import Console
from r1chat.exchange import words
from r1chat.formatting import counted, format_bytes
from r1chat.output import Out, write_json
from r1chat.sanitize import line
from r1chat.states import Entry, States, enabled
from r1chat.store import SHORT, Store
from r1chat.wording import model_name

_TITLE = 60
_ALL = 1_000_000_000
_UNKNOWN = "(not in the history)"
_UNREADABLE = "(cannot be read)"


def show(args: argparse.Namespace, store: Store, out: Out, console: Console) -> int:
    """Lists the saved states, or removes them.

    Args:
        args: What `history_options.add_history` defines.
        store: The history.
        out: Standard output.
        console: Standard error.

    Returns:
        The exit code.

    Raises:
        R1ChatError: If a conversation is meant that is not there.
    """
    settings, _ = user.load()
    kept = enabled(saves=settings.save, keeps=settings.keep_state, space=settings.state_space)
    # Those that were kept before it was turned off are here still.
    states = kept or States(0)
    wanted = {conversations.found(store, each, or_deleted=True).id for each in args.ids}
    if args.clear:
        removed = states.clear(wanted or None)
        console.aside(f"{counted(removed, 'saved state')} removed")
        return ExitCode.ANSWERED
    entries = [each for each in states.entries() if not wanted or _conversation(each) in wanted]
    if args.format == "json":
        write_json(out, {"schema": 1, "most": states.most, "states": [_json(e) for e in entries]})
        return ExitCode.ANSWERED
    if entries:
        out.write(_table(entries, _titles(store)))
    total = format_bytes(sum(each.size for each in entries))
    limit = f"of {format_bytes(states.most)} at most" if kept else "none are kept any more"
    console.note(f"{counted(len(entries), 'saved state')}: {total}, {limit}")
    return ExitCode.ANSWERED


def _conversation(entry: Entry) -> str:
    return entry.saved.origin.conversation if entry.saved is not None else ""


def _titles(store: Store) -> dict[str, str]:
    several = [*store.conversations(_ALL), *store.conversations(_ALL, deleted=True)]
    return {each.id: each.title for each in several}


def _table(entries: list[Entry], titles: dict[str, str]) -> str:
    rows = []
    for each in entries:
        saved = each.saved
        name = _conversation(each)
        rows.append(
            (
                line(name[:SHORT]) or "-",
                words.moment(each.used),
                f"{len(saved.tokens):,}" if saved is not None else "-",
                format_bytes(each.size),
                line(model_name(saved.origin.model)) if saved is not None else "-",
                line(titles.get(name, _UNKNOWN), _TITLE) if saved is not None else _UNREADABLE,
            )
        )
    return columns(("id", "used", "tokens", "size", "model", "title"), rows, right="tokens size")


def _json(entry: Entry) -> dict[str, object]:
    saved = entry.saved
    return {
        "conversation": _conversation(entry) or None,
        "model": saved.origin.model if saved is not None else None,
        "tokens": len(saved.tokens) if saved is not None else None,
        "bytes": entry.size,
        "used": entry.used,
    }
