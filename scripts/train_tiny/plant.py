"""Force a wrong digit into a thought and see whether it is found and repaired."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from scripts.train_tiny.cases import Case, right
from scripts.train_tiny.teacher.arithmetic import CHECKS

if TYPE_CHECKING:
    from scripts.train_tiny.evaluate import Answerer

RESULT = re.compile(r"(?:=|so )(\d+)")


@dataclass(frozen=True)
class Planted:
    """What became of the planted slips.

    Attributes:
        count: slips planted.
        noticed: the thought says after it that something is off.
        repaired: it was noticed and the answer is right.
        right: the answer is right, noticed or not.
    """

    count: int
    noticed: int
    repaired: int
    right: int

    def __str__(self) -> str:
        """Write the shares as one line."""
        shares = (100 * n / max(1, self.count) for n in (self.noticed, self.repaired, self.right))
        names = ("noticed", "noticed and repaired", "right in the end")
        return f"{self.count} slips: " + ", ".join(
            f"{name} {share:.1f} %" for name, share in zip(names, shares, strict=True)
        )


def working(thought: str) -> str:
    """The part of a thought before its check."""
    ends = [thought.find(check) for check in CHECKS if check in thought]
    return thought[: min(ends)] if ends else ""


def places(text: str) -> list[int]:
    """Offsets of all result digits in some working."""
    return [i for match in RESULT.finditer(text) for i in range(*match.span(1))]


def plant(answer: Answerer, chosen: list[Case], *, wrong: bool = False) -> Planted:
    """Plant one slip in each thought that would have been right."""
    rng = Random("plant")
    count = noticed = repaired = fine = 0
    for case in chosen:
        thought, said = answer(case.question, case.history, None)
        digits = places(working(thought))
        if not right(case, said) or not digits:
            continue
        place = rng.choice(digits)
        slip = rng.choice([d for d in "0123456789" if d != thought[place]])
        opening = thought[:place] + slip
        after, said = answer(case.question, case.history, None, opening)
        seen = "Wait," in after[len(opening) :]
        hit = right(case, said)
        count += 1
        noticed += seen
        repaired += seen and hit
        fine += hit
        if wrong and not (seen and hit):
            print(f"--- slip {thought[place]} -> {slip} in {case.question}\n{after}\n=> {said}")
    return Planted(count, noticed, repaired, fine)
