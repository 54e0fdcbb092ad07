"""The held-out questions, made from a seed, and how an answer is judged."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from random import Random

from scripts.train_tiny.teacher import beyond, comparison, letters, stories, sums
from scripts.train_tiny.teacher.pen import Lesson

KINDS = ("arithmetic", "story", "followup", "comparison", "letters", "beyond", "chat")
BOX = re.compile(r"\\boxed\{([^{}]*)\}")


@dataclass(frozen=True)
class Case:
    """One question with what its box must hold ("" where it must decline)."""

    kind: str
    question: str
    history: tuple[tuple[str, str], ...]
    expected: str
    answer: str


def boxed(answer: str) -> str | None:
    """Return the content of the last box of an answer."""
    found = BOX.findall(answer)
    return found[-1] if found else None


def same(left: str, right: str) -> bool:
    """Compare two box contents, numbers by value."""
    try:
        return Decimal(left) == Decimal(right)
    except InvalidOperation:
        return left.strip().lower() == right.strip().lower()


def right(case: Case, answer: str) -> bool:
    """Judge an answer."""
    if case.kind == "beyond":
        return answer.startswith("That is beyond me")
    if case.kind == "chat":
        return answer.strip() == case.answer
    found = boxed(answer)
    return found is not None and same(found, case.expected)


def _lesson(kind: str, rng: Random) -> Lesson:
    if kind == "arithmetic":
        return sums.lesson(rng, test=True)
    if kind == "story":
        return stories.lesson(rng, test=True)
    if kind == "followup":
        return sums.followup(rng, test=True)
    if kind == "comparison":
        return comparison.lesson(rng, test=True)
    if kind == "letters":
        return letters.lesson(rng, test=True)
    return beyond.lesson(rng, test=True) if kind == "beyond" else beyond.chat(rng)


def cases(kind: str, count: int, seed: str = "test") -> list[Case]:
    """Make the first `count` test questions of a kind, no question twice."""
    rng = Random(f"{seed}/{kind}")
    out: dict[str, Case] = {}
    for _ in range(count * 20):
        made = _lesson(kind, rng)
        case = Case(kind, made.question, made.history, made.result, made.answer)
        out.setdefault(f"{made.history}{made.question}", case)
        if len(out) == count:
            break
    return list(out.values())
