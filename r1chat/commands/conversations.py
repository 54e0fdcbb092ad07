"""Finds conversations by what a user calls them."""

from __future__ import annotations

import time
from collections.abc import Sequence

from r1chat.errors import R1ChatError, UsageError
from r1chat.sanitize import line
from r1chat.store import Loaded, Store, Summary

_SHOWN = 3
_PAUSE_S = 0.01
_ALL = 1_000_000_000


def found(
    store: Store, beginning: str, *, deleted: bool = False, or_deleted: bool = False
) -> Summary:
    """The conversation whose id begins so.

    Args:
        store: The history.
        beginning: What the user typed.
        deleted: Whether one is sought that was deleted.
        or_deleted: Whether it may have been deleted.

    Raises:
        UsageError: If there are several.
        R1ChatError: If there is none.
    """
    shown = line(beginning, 40)
    beginning = beginning.strip().lower()
    if not beginning:
        message = "no conversation named; `r1chat history list` shows their ids"
        raise UsageError(message)
    several = [] if deleted else store.find(beginning)
    if deleted or or_deleted:
        every = store.conversations(_ALL, deleted=True)
        several += [each for each in every if each.id.startswith(beginning)]
    if not several:
        which = "deleted conversation" if deleted else "conversation"
        message = f"no {which} has an id that begins with {shown!r}; see: r1chat history list"
        raise R1ChatError(message + (" --deleted" if deleted else ""))
    exact = [each for each in several if each.id == beginning]
    if len(several) > 1 and not exact:
        message = f"{shown!r} may be {_choices(several)}; type more of the id"
        raise UsageError(message)
    return (exact or several)[0]


def loaded(store: Store, beginning: str | None) -> Loaded:
    """The conversation whose id begins so, or the last one, with all that is in it.

    Raises:
        R1ChatError: As `named`.
    """
    summary = named(store, beginning)
    whole = store.load(summary.id)
    if whole is None:
        message = f"the conversation {summary.short} was removed just now"
        raise R1ChatError(message)
    return whole


def named(store: Store, beginning: str | None) -> Summary:
    """The conversation whose id begins so, or the last one.

    Raises:
        UsageError: If there are several.
        R1ChatError: If there is none.
    """
    if beginning is not None:
        return found(store, beginning)
    name = store.last()
    several = [each for each in store.find(name) if each.id == name] if name is not None else []
    if not several:
        message = "there is no conversation to continue yet"
        raise R1ChatError(message)
    return several[0]


def searchable(store: Store, patience: float) -> bool:
    """Waits until the search knows of everything, at most so many seconds."""
    end = time.monotonic() + patience
    while not store.indexed:
        if time.monotonic() > end:
            return False
        time.sleep(_PAUSE_S)
    return True


def _choices(several: Sequence[Summary]) -> str:
    shown = [f"{each.id} ({line(each.title, 30)})" for each in several[:_SHOWN]]
    if len(several) > _SHOWN:
        shown.append("others")
    return f"{', '.join(shown[:-1])} or {shown[-1]}"
