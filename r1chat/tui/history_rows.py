"""Rows of the history: conversations in groups by date, each with a line about it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, TypeAlias

from textual.content import Content

from r1chat.formatting import counted
from r1chat.sanitize import sanitize
from r1chat.wording import model_name, title

if TYPE_CHECKING:
    from r1chat.store import Hit, Summary

Group: TypeAlias = Literal["pinned", "today", "yesterday", "month", "older"]

TITLES: dict[Group, str] = {
    "pinned": "Pinned",
    "today": "Today",
    "yesterday": "Yesterday",
    "month": "This month",
    "older": "Older",
}
_FIELDS = {"question": "asked", "answer": "answered", "thought": "thought"}
_DAYS_TO_NAME = 6


def group(summary: Summary, now: float) -> Group:
    """Where a conversation is listed.

    Args:
        summary: The conversation.
        now: Seconds since 1970.
    """
    if summary.pinned:
        return "pinned"
    day, today = _day(summary.updated), _day(now)
    if day >= today:
        return "today"
    if day == today - dt.timedelta(days=1):
        return "yesterday"
    return "month" if (day.year, day.month) == (today.year, today.month) else "older"


def when(seconds: float, now: float) -> str:
    """A moment as short as can be: a time for today, a date else."""
    day, today = _day(seconds), _day(now)
    if day == today:
        return f"{_moment(seconds):%H:%M}"
    if dt.timedelta(0) < today - day <= dt.timedelta(days=_DAYS_TO_NAME):
        return f"{_moment(seconds):%a %H:%M}"
    return f"{_moment(seconds):%d %b}" if day.year == today.year else day.isoformat()


def _moment(seconds: float) -> dt.datetime:
    try:
        return dt.datetime.fromtimestamp(seconds).astimezone()
    except (OverflowError, OSError, ValueError):
        # What stands in a file need not be a time.
        return dt.datetime.fromtimestamp(0).astimezone()


def _day(seconds: float) -> dt.date:
    return _moment(seconds).date()


def entry(summary: Summary, now: float, *, current: bool) -> Content:
    """A conversation in two lines.

    Args:
        summary: The conversation.
        now: Seconds since 1970.
        current: Whether it is the one on the screen.
    """
    turns = counted(summary.turns, "turn")
    about = " · ".join(
        part
        for part in (
            when(summary.updated, now),
            turns,
            " ".join(f"#{tag}" for tag in summary.tags),
            model_name(summary.model, 24),
        )
        if part
    )
    mark = "●" if current else " "
    return Content.assemble(f"{mark} {title(summary.title)}\n", (f"  {about}", "$text-muted"))


def hit(found: Hit, now: float) -> Content:
    """What a search found, the words marked."""
    head = f"{_FIELDS[found.field]} · {when(found.created, now)}\n"
    return Content.assemble(
        (f"{title(found.title)}\n", "bold"),
        (head, "$text-muted"),
        *_marked(found.snippet, found.matches),
    )


def _marked(text: str, matches: Iterable[tuple[int, int]]) -> Iterable[str | tuple[str, str]]:
    """The text in pieces. Each is cleaned for itself: cleaning moves what comes after it."""
    at = 0
    for start, end in sorted(matches):
        if start >= at:
            yield _clean(text[at:start])
            # Underlined as well, for those who see no colours.
            yield (_clean(text[start:end]), "bold underline $text-accent")
            at = end
    yield _clean(text[at:])


def _clean(text: str) -> str:
    return sanitize(text).replace("\n", " ").replace("\t", " ")
