"""Draws statistics as a PNG, with matplotlib (the extra `plots`)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from r1chat import user_files
from r1chat.errors import R1ChatError, UsageError
from r1chat.sanitize import line
from r1chat.statistics.computing import Statistics
from r1chat.wording import ENDINGS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DAYS = 30
_MODELS = 10
_FEWEST = 4
_INCHES = (12.0, 8.0)
_DOTS = 120


def save(statistics: Statistics, path: Path) -> None:
    """Draws the statistics into a file, in the place of one that is there.

    Raises:
        UsageError: If there is no matplotlib, or nothing to draw.
        R1ChatError: If it cannot be written.
    """
    if not statistics.replies:
        message = "no reply is kept yet, so there is nothing to draw"
        raise UsageError(message)
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        message = "a PNG needs matplotlib: pip install 'r1chat[plots]'"
        raise UsageError(message) from None
    figure = Figure(figsize=_INCHES, dpi=_DOTS, layout="constrained")
    FigureCanvasAgg(figure)
    (ended, speeds), (days, scatter) = figure.subplots(2, 2)
    _ended(ended, statistics)
    _speeds(speeds, statistics)
    _days(days, statistics)
    _scatter(scatter, statistics)
    write(figure, path)


def write(figure: Figure, path: Path) -> None:
    """Writes a figure as a PNG.

    Raises:
        R1ChatError: If it cannot be written.
    """
    try:
        with user_files.opened(path) as file, warnings.catch_warnings():
            # A model's name may have signs that its font lacks.
            warnings.simplefilter("ignore")
            figure.savefig(file, format="png")
    except OSError as error:
        message = f"cannot write {line(str(path))}: {user_files.reason(error, path)}"
        raise R1ChatError(message) from None


def _ended(axes: Axes, statistics: Statistics) -> None:
    ended = statistics.thoughts_ended_by
    _bars(axes, [ENDINGS[why].label for why in ended], list(ended.values()))
    axes.set_title("How thoughts ended")
    axes.set_xlabel("thoughts")


def _speeds(axes: Axes, statistics: Statistics) -> None:
    models = [model for model in statistics.models if model.tokens_per_s is not None][:_MODELS]
    # A name is text, in which "$" is no formula.
    names = [line(model.ref, 30).replace("$", r"\$") or "(unknown)" for model in models]
    _bars(axes, names, [model.tokens_per_s or 0.0 for model in models])
    axes.set_title("Speed (median)")
    axes.set_xlabel("tokens a second")


def _bars(axes: Axes, names: Sequence[str], lengths: Sequence[float]) -> None:
    places = range(len(names))
    axes.barh(places, lengths, height=0.6)
    axes.set_yticks(places, names)
    # The first on top, and none as thick as the picture.
    axes.set_ylim(max(len(names), _FEWEST) - 0.5, -0.5)


def _days(axes: Axes, statistics: Statistics) -> None:
    days = statistics.days[-_DAYS:]
    places = range(len(days))
    thoughts = [day.thought_tokens for day in days]
    axes.bar(places, thoughts, label="thought")
    axes.bar(places, [day.answer_tokens for day in days], bottom=thoughts, label="answer")
    axes.set_xticks(places, [day.date[5:] for day in days], rotation=60)
    axes.set_title("Tokens a day")
    axes.legend()


def _scatter(axes: Axes, statistics: Statistics) -> None:
    points = statistics.points
    axes.scatter(
        [point.thought_s for point in points],
        [point.answer_length for point in points],
        s=10,
        alpha=0.5,
    )
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    title = "Thinking time against length of the answer"
    if statistics.correlation is not None:
        title += f"\n(rank correlation {statistics.correlation:+.2f})"
    axes.set_title(title)
    axes.set_xlabel("seconds of thinking")
    axes.set_ylabel("characters of answer")
