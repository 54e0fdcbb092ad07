"""An evaluation as a PNG. Needs matplotlib, which the extra `plots` brings."""

from __future__ import annotations

import textwrap
from importlib.util import find_spec
from pathlib import Path

from r1chat.errors import UsageError
from r1chat.evaluation.intervals import Estimate
from r1chat.evaluation.plan import Plan
from r1chat.evaluation.summary import Summary
from r1chat.sanitize import line
from r1chat.statistics.picture import write

_INCHES = (9.0, 5.5)
_DOTS = 120
_LONGEST_TITLE = 400
_TITLE_COLUMNS, _TITLE_POINTS = 88, 10
"""As many characters of that size as are sure to fit into the width."""


def check() -> None:
    """Says so before an hour of measuring, where nothing can be drawn after it.

    Raises:
        UsageError: If there is no matplotlib.
    """
    if find_spec("matplotlib") is None:
        message = "a PNG needs matplotlib: pip install 'r1chat[plots]'"
        raise UsageError(message)


def save(summary: Summary, plan: Plan, title: str, path: Path) -> None:
    """Draws accuracy against budget into a file, in the place of one that is there.

    Raises:
        UsageError: If there is no matplotlib.
        R1ChatError: If it cannot be written.
    """
    check()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=_INCHES, dpi=_DOTS, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    rows = [row for row in summary.rows if row.pass1 is not None]
    lines: list[tuple[str, list[Estimate | None]]] = [("pass@1", [row.pass1 for row in rows])]
    if plan.samples > 1:
        lines.append((f"cons@{plan.samples}", [row.consensus for row in rows]))
    for number, (name, estimates) in enumerate(lines):
        # Side by side, or their intervals would hide one another.
        found = [(at + number / 30, each) for at, each in enumerate(estimates) if each is not None]
        values = [100 * each.value for _, each in found]
        axes.errorbar(
            [at for at, _ in found],
            values,
            yerr=[
                [value - 100 * each.low for value, (_, each) in zip(values, found, strict=True)],
                [100 * each.high - value for value, (_, each) in zip(values, found, strict=True)],
            ],
            marker="o",
            capsize=4,
            label=name,
        )
    axes.set_xticks(
        range(len(rows)), [f"{row.setting}\n({row.thought_tokens:.0f} used)" for row in rows]
    )
    axes.set_ylim(0, 102)
    axes.set_xlabel("thinking budget, tokens")
    axes.set_ylabel("right, % (bars: 95 % intervals)")
    # A name is text, in which "$" is no formula.
    shown = textwrap.fill(line(title, _LONGEST_TITLE), _TITLE_COLUMNS)
    axes.set_title(shown.replace("$", r"\$"), fontsize=_TITLE_POINTS)
    axes.grid(axis="y", alpha=0.3)
    axes.legend(loc="lower right")
    write(figure, path)
