"""Arithmetic problems, and which of them are kept out of training.

Two problems that state the same equation in another order or direction
(44 + 41, 41 + 44, 85 - 41) have one key. A key belongs to the test set by its
hash. A problem may be trained on only if neither it nor any step on its way
has a test key; a test problem and all its steps have test keys.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from random import Random

TEST_SHARE = 5
Step = tuple[str, int]


@dataclass(frozen=True)
class Problem:
    """A first number and the operations applied to it, left to right."""

    first: int
    steps: tuple[Step, ...]

    @property
    def text(self) -> str:
        """The problem in symbols, as thoughts and answers write it."""
        return str(self.first) + "".join(f" {op} {number}" for op, number in self.steps)

    @property
    def values(self) -> list[int]:
        """The first number and the value after each step.

        Division is rounded down; whether it is even is `exact`'s business.
        """
        out = [self.first]
        for op, number in self.steps:
            out.append(apply(op, out[-1], number))
        return out

    @property
    def value(self) -> int:
        """The result."""
        return self.values[-1]

    @property
    def sound(self) -> bool:
        """Whether no step goes below zero or leaves a rest."""
        values = self.values
        even = all(
            op != "÷" or before % number == 0
            for before, (op, number) in zip(values, self.steps, strict=False)
        )
        return even and min(values) >= 0


def apply(op: str, left: int, right: int) -> int:
    """Compute one step."""
    if op == "+":
        return left + right
    if op == "-":
        return left - right
    return left * right if op == "×" else left // right


def held_out(key: object) -> bool:
    """Decide by hash whether a key belongs to the test set."""
    return zlib.crc32(repr(key).encode()) % TEST_SHARE == 0


def _step_key(op: str, left: int, right: int) -> tuple[str, int, int]:
    result = apply(op, left, right)
    if op in "+-":
        pair = (left, right) if op == "+" else (right, result)
        return ("+", min(pair), max(pair))
    pair = (left, right) if op == "×" else (right, result)
    return ("×", min(pair), max(pair))


def keys(problem: Problem) -> list[object]:
    """List the keys of a problem's steps and of the whole; basic facts have none."""
    values = problem.values
    out: list[object] = []
    for before, (op, number) in zip(values, problem.steps, strict=False):
        key = _step_key(op, before, number)
        if key[2] > 9:
            out.append(key)
    if len(problem.steps) > 1:
        gain = [problem.first] + [n for op, n in problem.steps if op == "+"]
        loss = [problem.value] + [n for op, n in problem.steps if op == "-"]
        out.append(tuple(sorted((tuple(sorted(gain)), tuple(sorted(loss))))))
    return out


def trainable(problem: Problem) -> bool:
    """Whether neither the problem nor a step of it is held out."""
    return not any(held_out(key) for key in keys(problem))


def testable(problem: Problem) -> bool:
    """Whether the problem and every step of it are held out."""
    found = keys(problem)
    return len(found) >= len(problem.steps) and all(held_out(key) for key in found)


def some_number(rng: Random, least: int = 0) -> int:
    """Draw a number of one to three digits."""
    top = rng.choices((9, 99, 999), (2, 5, 4))[0]
    return rng.randint(max(least, (top + 1) // 10 if top > 9 else least), top)


def _sums(rng: Random, count: int) -> Problem:
    first = some_number(rng)
    steps = tuple((rng.choice("+-"), some_number(rng)) for _ in range(count))
    return Problem(first, steps)


def _product(rng: Random) -> Problem:
    return Problem(some_number(rng), (("×", rng.randint(1 if rng.random() < 0.1 else 2, 9)),))


def _quotient(rng: Random) -> Problem:
    divisor = rng.randint(2, 9) if rng.random() < 0.95 else 1
    top = 999 // divisor
    quotient = rng.randint(1, top) if rng.random() < 0.7 else rng.randint(1, min(top, 99))
    return Problem(quotient * divisor, (("÷", divisor),))


def draw(
    rng: Random, *, test: bool = False, weights: tuple[int, ...] = (35, 35, 15, 15)
) -> Problem:
    """Draw a sound problem of the training set or of the test set.

    Args:
        rng: source of randomness.
        test: draw from the held-out problems.
        weights: of one-step sums, two-step sums, products and quotients.
    """
    shape = rng.choices(range(4), weights)[0]
    wanted = testable if test else trainable
    while True:
        if shape < 2:
            problem = _sums(rng, shape + 1)
        else:
            problem = _product(rng) if shape == 2 else _quotient(rng)
        if problem.sound and wanted(problem):
            return problem
