"""Sets kept replies side by side: thought, answer and reference, to see what went wrong."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

from r1chat.cells import columns
from r1chat.evaluation.plan import Sample
from r1chat.evaluation.reading import Question
from r1chat.sanitize import line, sanitize

Which: TypeAlias = Literal["wrong", "right", "all"]

_GAP = " │ "
_NARROWEST = 72
"""Columns of a terminal below which the texts stand under one another."""
_SHARES = (5, 4, 2)
"""Of the width, for thought, answer and reference."""


def chosen(samples: Sequence[Sample], which: Which) -> list[Sample]:
    """The samples that were judged so, those of a question together."""
    return [each for each in samples if which == "all" or each.right is (which == "right")]


def pages(
    samples: Sequence[Sample], questions: dict[str, Question], width: int
) -> Iterator[list[str]]:
    """Each sample as the lines of a page.

    Args:
        samples: What is shown.
        questions: By their keys; a question that is missing is shown by its key.
        width: Columns of the terminal.
    """
    for number, sample in enumerate(samples, 1):
        question = questions.get(sample.question)
        verdict = "right" if sample.right else sample.why or "wrong"
        name = question.id if question is not None else sample.question
        head = (
            f"── {number} of {len(samples)} · question {line(name, 40)} · "
            f"budget {sample.setting} · sample {sample.sample + 1} · {verdict}"
        )
        final = "none" if sample.final is None else line(sample.final)
        reference = "unknown" if question is None else line(question.answer)
        asked = "" if question is None else sanitize(question.text)
        yield [
            *_wrapped(head, width),
            "",
            *_wrapped(asked, width),
            "",
            f"final answer: {final} · reference: {reference}",
            "",
            *_beside(sample, reference, width),
            "",
        ]


def _beside(sample: Sample, reference: str, width: int) -> list[str]:
    texts = [
        ("thought", sanitize(sample.thought).strip() or "(none)"),
        ("answer", sanitize(sample.answer).strip() or "(none)"),
        ("reference", reference),
    ]
    if width < _NARROWEST:
        return [row for name, text in texts for row in (f"[{name}]", *_wrapped(text, width), "")]
    room = width - len(_GAP) * (len(texts) - 1)
    widths = [max(9, room * share // sum(_SHARES)) for share in _SHARES]
    cells = [
        [name, "─" * each, *_wrapped(text, each)]
        for (name, text), each in zip(texts, widths, strict=True)
    ]
    rows = []
    for at in range(max(map(len, cells))):
        parts = [cell[at] if at < len(cell) else "" for cell in cells]
        padded = [
            part + " " * (each - columns(part)) for part, each in zip(parts, widths, strict=True)
        ]
        rows.append(_GAP.join(padded).rstrip())
    return rows


def _wrapped(text: str, width: int) -> list[str]:
    rows: list[str] = []
    for paragraph in text.expandtabs(4).split("\n"):
        # Wide characters take two columns: such a paragraph is wrapped at half the width.
        wide = columns(paragraph) > len(paragraph)
        rows += textwrap.wrap(
            paragraph, max(1, width // 2 if wide else width), drop_whitespace=True
        ) or [""]
    return rows
