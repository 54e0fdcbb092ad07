"""An evaluation as a table and as a picture made of characters."""

from __future__ import annotations

from collections.abc import Sequence

from r1chat.evaluation.intervals import Estimate
from r1chat.evaluation.plan import Plan
from r1chat.evaluation.summary import Row, Summary
from r1chat.wording import ENDINGS

_NARROWEST_BAR = 10
_FIGURES = 16
"""Columns for what is said behind a bar."""


def percent(estimate: Estimate | None) -> tuple[str, str]:
    """A share and its interval, e.g. "64.7 %" and "59.1–69.9"."""
    if estimate is None:
        return "", ""
    return f"{100 * estimate.value:.1f} %", f"{100 * estimate.low:.1f}–{100 * estimate.high:.1f}"


def points(estimate: Estimate) -> str:
    """A difference of shares with its interval, e.g. "+3.2 (+1.0 to +5.5)"."""
    value, low, high = (100 * each for each in (estimate.value, estimate.low, estimate.high))
    return f"{value:+.1f} ({low:+.1f} to {high:+.1f})"


def table(summary: Summary, plan: Plan) -> tuple[list[str], list[list[str]], str]:
    """The figures as a table: its head, its rows, and the names of the columns with figures."""
    votes = f"cons@{plan.samples}"
    head = ["budget", "questions", "pass@1", "95 %"]
    if plan.samples > 1:
        head += [votes, "95 % ", "gain, points"]
    asked = any(setting.think == "on" for setting in plan.settings)
    compares = asked and any(row.against_off for row in summary.rows)
    head += ["− off, points (95 %)"] if compares else []
    tongues = any(row.against_none for row in summary.rows)
    head += ["− none, points (95 %)"] if tongues else []
    head += ["thought", "answer", "s/sample", "thoughts ended"]
    rows = []
    for row in summary.rows:
        cells = [str(row.setting), str(row.questions), *percent(row.pass1)]
        if plan.samples > 1:
            cells += [*percent(row.consensus), points(row.gain) if row.gain else ""]
        cells += [points(row.against_off) if row.against_off else ""] if compares else []
        cells += [points(row.against_none) if row.against_none else ""] if tongues else []
        cells += [
            f"{row.thought_tokens:.0f}",
            f"{row.answer_tokens:.0f}",
            f"{row.seconds:.3g}",
            ended(row),
        ]
        rows.append(cells)
    return head, rows, "questions pass@1 thought answer s/sample " + votes


def harm(summary: Summary) -> str:
    """Says where a thought that was asked for, or opened in a language, made a model worse."""
    of_language = [
        str(row.setting)
        for row in summary.rows
        if row.against_none is not None and row.against_none.high < 0
    ]
    tongues = f"Worse than opened in no language: {'; '.join(of_language)}." if of_language else ""
    worse = [
        row.setting.budget
        for row in summary.rows
        if row.setting.think == "on" and row.against_off is not None and row.against_off.high < 0
    ]
    asked = f"Asked to think it is worse than without, at {', '.join(worse)}." if worse else ""
    return " ".join(filter(None, (asked, tongues)))


def ended(row: Row) -> str:
    """How thoughts ended, and which answers were not whole."""
    words = [f"{ENDINGS[why].label} {count}" for why, count in row.thoughts_ended_by.items()]
    words += [
        f"answer {ENDINGS[why].label} {count}"
        for why, count in row.answers_ended_by.items()
        if why != "natural"
    ]
    if row.short:
        words.append(f"too short {row.short}")
    if row.without:
        words.append(f"no answer {row.without}")
    return " · ".join(words)


def spared(summary: Summary, plan: Plan) -> tuple[list[str], list[list[str]], str]:
    """What `--samples-stop likely` would have come to, as `table` does; no rows for one sample."""
    votes = f"cons@{plan.samples}"
    head = ["budget", "--samples-stop likely", f"− {votes}, points (95 %)", "samples"]
    head += [f"tokens, of {votes} (95 %)"]
    rows = []
    for row in summary.rows:
        if (found := row.fewer) is None:
            continue
        share, low, high = (100 * each for each in _figures(found.tokens))
        cells = [str(row.setting), f"{100 * found.right:.1f} %", points(found.lead)]
        rows.append([*cells, f"{found.samples:.1f}", f"{share:.0f} % ({low:.0f}–{high:.0f})"])
    return head, rows, "samples"


def sureness(summary: Summary) -> tuple[list[str], list[list[str]], str]:
    """What the model's confidence is worth under each setting, as `table` does; no rows without."""
    head = ["budget", "sure", "right", "ECE, points (95 %)"]
    head += ["AUROC of results (95 %)", "of answers (95 %)", "of thoughts (95 %)"]
    rows = []
    for row in summary.rows:
        if (found := row.sure_of_final) is None:
            continue
        others = (row.sure_of_answer, row.sure_of_thought)
        value, low, high = (100 * each for each in _figures(found.ece))
        cells = [str(row.setting), f"{100 * found.confidence:.1f} %", f"{100 * found.right:.1f} %"]
        cells += [f"{value:.1f} ({low:.1f}–{high:.1f})", _area(found.auroc)]
        cells += [_area(None if each is None else each.auroc) for each in others]
        rows.append(cells)
    return head, rows, "sure right"


def reliability(summary: Summary) -> tuple[list[str], list[list[str]], str]:
    """How often results were right that the model was so sure of, likewise."""
    found = summary.sure_of_final
    rows = [
        [
            f"{100 * each.low:.0f}–{100 * each.high:.0f} %",
            f"{100 * each.confidence:.1f} %",
            f"{each.samples:,}",
            *percent(each.right),
        ]
        for each in (found.bins if found is not None else ())
    ]
    return ["sure of its result", "mean", "samples", "right", "95 %"], rows, "mean samples right"


def _area(auroc: Estimate | None) -> str:
    if auroc is None:
        return "–"
    value, low, high = _figures(auroc)
    return f"{value:.2f} ({low:.2f}–{high:.2f})"


def _figures(estimate: Estimate) -> tuple[float, float, float]:
    return estimate.value, estimate.low, estimate.high


def chart(summary: Summary, width: int, *, unicode: bool = True) -> list[str]:
    """Accuracy against budget: a bar for each setting, its interval marked at its end.

    Args:
        summary: The figures.
        width: Columns.
        unicode: Whether more than ASCII can be shown.
    """
    rows = [row for row in summary.rows if row.pass1 is not None]
    if not rows:
        return []
    name = max(len(str(row.setting)) for row in rows)
    room = max(_NARROWEST_BAR, width - name - _FIGURES)
    lines = [
        f"{str(row.setting).rjust(name)} {_bar(row.pass1, room, unicode=unicode)} "
        f"{percent(row.pass1)[0].rjust(7)}"
        for row in rows
        if row.pass1 is not None
    ]
    scale = "0 %" + "100 %".rjust(room - 3)
    return [*lines, " " * (name + 1) + scale]


def _bar(estimate: Estimate, room: int, *, unicode: bool) -> str:
    signs: Sequence[str] = ("█", "─", "├", "┤", "·") if unicode else ("#", "-", "[", "]", ".")
    full, between, left, right, empty = signs
    end = round(estimate.value * room)
    cells = [full] * end + [empty] * (room - end)
    low = min(room - 1, int(estimate.low * room))
    high = min(room - 1, int(estimate.high * room))
    for place in range(max(low + 1, end), high):
        cells[place] = between
    cells[low] = left
    if high > low:
        cells[high] = right
    return "".join(cells)
