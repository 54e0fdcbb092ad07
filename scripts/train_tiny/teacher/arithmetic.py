"""Thoughts about arithmetic: work it out, go back, compare, repair."""

from __future__ import annotations

from itertools import zip_longest
from random import Random
from typing import NamedTuple

from scripts.train_tiny.teacher import columns
from scripts.train_tiny.teacher.pen import Part, Pen, length
from scripts.train_tiny.teacher.problems import Problem

INVERSE = {"+": "-", "-": "+", "×": "÷", "÷": "×"}
CHECKS = (
    "Let me check by going back.",
    "Now I check it backwards.",
    "To be sure, I go back from there.",
)
REDO = ("Let me do it again.", "Once more, carefully.")


class Found(NamedTuple):
    """Where some working ended: a value, or why there is none."""

    value: int | None
    rest: int = 0

    @property
    def words(self) -> str:
        """The ending as a thought names it."""
        if self.value is None:
            return "below 0"
        return f"{self.value} remainder {self.rest}" if self.rest else str(self.value)


class Solved(NamedTuple):
    """A finished thought about a problem."""

    parts: list[Part]
    found: Found
    blind: tuple[int, int] | None


def work(pen: Pen, problem: Problem) -> Found:
    """Write the steps of a problem, a line each."""
    value: int = problem.first
    for index, (op, number) in enumerate(problem.steps):
        rest = 0
        found: int | None
        if op == "+":
            found = columns.add(pen, value, number)
        elif op == "-":
            found = columns.subtract(pen, value, number)
        elif op == "×":
            found = columns.multiply(pen, value, number)
        else:
            found, rest = columns.divide(pen, value, number)
        if found is None:
            return Found(None)
        value = found
        pen.say("." if index == len(problem.steps) - 1 else ".\n")
        if rest:
            return Found(value, rest)
    return Found(value)


def backwards(problem: Problem, value: int) -> Problem:
    """The way back from `value` to the problem's first number."""
    steps = tuple((INVERSE[op], number) for op, number in problem.steps[::-1])
    return Problem(value, steps)


def _attempt(problem: Problem, rng: Random, *, slip: bool) -> tuple[Pen, Found]:
    """Work on a fresh page; a slip that leads below zero is not used."""
    for _ in range(4 if slip else 0):
        dry = Pen()
        work(dry, problem)
        pen = Pen(rng, rng.randrange(dry.slots))
        found = work(pen, problem)
        if found.value is not None:
            return pen, found
    pen = Pen()
    return pen, work(pen, problem)


def _verdict(pen: Pen, back: Found, first: int) -> bool:
    """Compare where the way back ended with where the question began."""
    if back.value is None:
        pen.say(" Wait, that cannot be.")
        return False
    pen.say(f"\nBack at {back.words}, it started with {first}")
    same = not back.rest and _alike(pen, str(back.value), str(first))
    pen.say(". Yes, that matches." if same else ". Wait, that is off.")
    return same


def _alike(pen: Pen, left: str, right: str) -> bool:
    """Compare digit by digit, up to the first that differs.

    A model of this size does not learn to see in one look whether two numbers
    are the same; two digits side by side it does.
    """
    pen.say(":")
    for place, (x, y) in enumerate(zip_longest(left, right, fillvalue="-")):
        pen.say(f"{',' if place else ''} {x} {y} {'same' if x == y else 'off'}")
        if x != y:
            return False
    return True


def solve(problem: Problem, rng: Random, slip: str = "") -> Solved:
    """Think a problem through, up to the sentence that names the result.

    Args:
        problem: at most one kind of trouble: below zero, or a rest.
        rng: source of phrasing and slips.
        slip: "work" or "check" plants one there, "" none.
    """
    parts: list[Part] = []
    page, found = _attempt(problem, rng, slip=slip == "work")
    start = length(parts)
    parts += page.parts
    blind_from = start if page.slipped else None
    pen = Pen()
    if found.value is None:
        return Solved([*parts, Part(" So it has no answer that I know.", learn=True)], found, None)
    agreed = False
    if found.rest:
        pen.say(f" Wait, that leaves {found.rest}.")
    else:
        pen.say(f"\n{rng.choice(CHECKS)}\n")
        check, back = _attempt(backwards(problem, found.value), rng, slip=slip == "check")
        if check.slipped:
            blind_from = length(parts + pen.parts)
        pen.parts += check.parts
        agreed = _verdict(pen, back, problem.first)
    blind = None
    if not agreed:
        pen.say(f" {rng.choice(REDO)}\n")
        again = work(pen, problem)
        before, found = found, again
        if found.value is None:
            pen.say(" So it has no answer that I know.")
        elif found.rest:
            pen.say(" There is a remainder again, so it does not come out even.")
        else:
            pen.say(f"\nBefore it was {before.words}, now it is {found.words}.")
        if blind_from is not None:
            blind = (blind_from, length(parts + pen.parts))
    parts += pen.parts
    if found.value is not None and not found.rest:
        parts.append(Part(f" So it is {found.value}.", learn=True))
    return Solved(parts, found, blind)


def _other_way(problem: Problem, rng: Random) -> Problem | None:
    """Another order of the same sum, where there is one."""
    if problem.steps[0][0] in "×÷":
        return None
    gain = [problem.first] + [n for op, n in problem.steps if op == "+"]
    if len(gain) == 1:
        return None
    head = gain.pop(rng.randrange(1, len(gain)))
    steps = [("+", n) for n in gain] + [s for s in problem.steps if s[0] == "-"]
    other = Problem(head, tuple(steps))
    return other if other.sound else None


def look_again(problem: Problem, rng: Random) -> list[Part]:
    """Check a right result once more, for a thought that is told to wait."""
    pen = Pen()
    value = problem.value
    other = _other_way(problem, rng)
    if other is not None and rng.random() < 0.8:
        pen.say(" I can take it in another order.\n")
        work(pen, other)
        pen.say(f"\nThat is {value} again.")
    else:
        check = rng.choice(CHECKS)
        pen.say(f" {check[0].lower()}{check[1:]}\n")
        back = work(pen, backwards(problem, value))
        _verdict(pen, back, problem.first)
    pen.say(f" So it is {value}.")
    return pen.parts
