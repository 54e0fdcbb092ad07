"""Draws statistics as text, with charts made of characters."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence

from r1chat.cells import columns
from r1chat.events import EndedBy
from r1chat.formatting import counted, format_duration, speed_figure
from r1chat.sanitize import line
from r1chat.statistics.computing import Day, Statistics
from r1chat.wording import ENDINGS

NARROWEST = 30
"""Columns below which nothing is drawn smaller."""
_HEIGHT = 12
_MOST_POINTS = 20_000
_SOON, _LATE, _LONGEST = 1e-3, 1e7, 10**9
"""Seconds and characters."""
_DAYS = 14
_LABEL = 24
_AXIS = 20
"""Columns that the scale and its names take beside the points."""
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def lines(statistics: Statistics, width: int, *, unicode: bool = True) -> list[str]:
    """Statistics for a terminal or a screen.

    Args:
        statistics: The figures.
        width: Columns; it is kept to from `NARROWEST` on.
        unicode: Whether more than ASCII can be shown; without it there are fewer pictures.

    Returns:
        Lines of plain text, fit for a terminal.
    """
    width = max(width, NARROWEST)
    if not statistics.replies:
        return ["No reply is kept yet."]
    found = list(_totals(statistics, width))
    for head, body in (
        ("How thoughts ended", _ended(statistics.thoughts_ended_by, width, unicode=unicode)),
        ("Tokens a second, by model", _speeds(statistics, width, unicode=unicode)),
        ("Tokens a day", _days(statistics.days, width, unicode=unicode)),
        (_scatter_head(statistics), _scatter(statistics, width) if unicode else []),
    ):
        shown = list(body)
        if shown:
            found += ["", *textwrap.wrap(head, width), *shown]
    return found


def _totals(statistics: Statistics, width: int) -> Iterator[str]:
    written = statistics.thought_tokens + statistics.answer_tokens
    share = statistics.thought_tokens / written if written else 0.0
    rows = [
        ("conversations", f"{statistics.conversations:,}"),
        ("replies", f"{statistics.replies:,}"),
        ("thought", counted(statistics.thought_tokens, "token")),
        ("", f"{format_duration(statistics.thought_s)}, {share:.0%} of what was written"),
        ("answers", counted(statistics.answer_tokens, "token")),
        ("", format_duration(statistics.answer_s)),
        ("prompts", counted(statistics.prompt_tokens, "token")),
        ("", f"{statistics.prompt_reused_tokens:,} of them reused"),
    ]
    if statistics.injected_tokens:
        rows.append(("injected", counted(statistics.injected_tokens, "token")))
    for name, value in rows:
        yield f"{name:<14}{value}"[:width].rstrip()


def _ended(ended: Mapping[EndedBy, int], width: int, *, unicode: bool) -> list[str]:
    total = sum(ended.values())
    rows = [
        (ENDINGS[why].label, float(number), f"{number:,} ({number / total:.0%})")
        for why, number in ended.items()
    ]
    return bars(rows, width, unicode=unicode)


def _speeds(statistics: Statistics, width: int, *, unicode: bool) -> list[str]:
    rows = [
        (model.ref or "(unknown)", model.tokens_per_s, speed_figure(model.tokens_per_s))
        for model in statistics.models
        if model.tokens_per_s is not None
    ]
    return bars(rows, width, unicode=unicode)


def _days(days: Sequence[Day], width: int, *, unicode: bool) -> list[str]:
    rows = []
    for day in days[-_DAYS:]:
        tokens = day.thought_tokens + day.answer_tokens
        rows.append((day.date, float(tokens), f"{tokens:,}"))
    return bars(rows, width, unicode=unicode)


def bars(rows: Sequence[tuple[str, float, str]], width: int, *, unicode: bool = True) -> list[str]:
    """Bars that lie under one another.

    Args:
        rows: Name, length and what is said behind the bar. Names need not be cleaned.
        width: Columns.
        unicode: Whether an eighth of a column can be drawn.
    """
    if not rows:
        return []
    most = max(length for _, length, _ in rows)
    widest = min(max(columns(line(name)) for name, _, _ in rows), _LABEL, width // 3)
    behind = max(len(words) for _, _, words in rows)
    room = max(1, width - widest - behind - 2)
    return [
        f"{_fitted(name, widest)} {_bar(length / (most or 1), room, unicode=unicode)} {words}"
        for name, length, words in rows
    ]


def _bar(share: float, room: int, *, unicode: bool) -> str:
    if not unicode:
        return ("#" * max(1 if share else 0, round(share * room))).ljust(room)
    eighths = max(1 if share else 0, round(share * room * 8))
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(room)


def _scatter_head(statistics: Statistics) -> str:
    head = "Thinking time (s) against length of the answer (characters)"
    correlation = statistics.correlation
    return head if correlation is None else f"{head}, rank correlation {correlation:+.2f}"


def _scatter(statistics: Statistics, width: int) -> list[str]:
    # What a damaged history or a foreign file made up has no place on a scale.
    points = [
        point
        for point in statistics.points[-_MOST_POINTS:]
        if _SOON <= point.thought_s <= _LATE and point.answer_length <= _LONGEST
    ]
    room = width - _AXIS
    if not points or room < 1:
        return []
    from plotille import Figure

    figure = Figure()
    figure.width, figure.height = room, _HEIGHT
    figure.with_colors = False
    figure.x_label, figure.y_label = "s", "chars"
    figure.x_ticks_fkt = lambda low, _: f"{low:.3g}"
    figure.y_ticks_fkt = lambda low, _: f"{low:.0f}"
    figure.set_x_limits(min_=0, max_=max(point.thought_s for point in points) * 1.05)
    figure.set_y_limits(min_=0, max_=max(point.answer_length for point in points) * 1.05)
    figure.scatter([p.thought_s for p in points], [p.answer_length for p in points])
    return [each.rstrip() for each in figure.show().split("\n")]


def _fitted(name: str, width: int) -> str:
    text = line(name)
    if columns(text) > width:
        while text and columns(text) > width - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (width - columns(text))
