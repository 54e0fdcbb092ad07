"""Scores by kind and budget, and how many planted slips are found and repaired."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from scripts.train_tiny.cases import KINDS, Case, boxed, cases, right
from scripts.train_tiny.engine import Engine
from scripts.train_tiny.plant import Planted, plant

BUDGETS: tuple[int | None, ...] = (0, 16, 32, 64, 128, None)
OTHER_BUDGETS: tuple[int | None, ...] = (0, None)


class Answerer(Protocol):
    """Something that thinks and answers; a budget of None has no limit."""

    def __call__(
        self,
        question: str,
        history: tuple[tuple[str, str], ...] = (),
        budget: int | None = None,
        opening: str = "",
    ) -> tuple[str, str]:
        """Return the thought (with its given opening) and the answer."""
        ...


@dataclass(frozen=True)
class Score:
    """How one kind did under one budget."""

    kind: str
    budget: int | None
    count: int
    right: int
    boxed: int
    thought_chars: float

    @property
    def percent(self) -> float:
        """Share of right answers."""
        return 100 * self.right / self.count


def score(
    answer: Answerer, kind: str, chosen: list[Case], budget: int | None, *, wrong: bool
) -> Score:
    """Ask all cases of a kind under one budget."""
    hits = boxes = length = 0
    for case in chosen:
        thought, said = answer(case.question, case.history, budget)
        hit = right(case, said)
        hits += hit
        boxes += boxed(said) is not None
        length += len(thought)
        if wrong and not hit:
            print(f"--- {kind}, not {case.expected!r}: {case.question}\n{thought}\n=> {said}")
    return Score(kind, budget, len(chosen), hits, boxes, length / len(chosen))


def table(scores: list[Score]) -> str:
    """Set the scores as a Markdown table, a kind a line."""
    budgets = sorted({s.budget for s in scores}, key=lambda b: 10**9 if b is None else b)
    names = ["off" if b == 0 else "max" if b is None else str(b) for b in budgets]
    lines = [f"| kind | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for kind in dict.fromkeys(s.kind for s in scores):
        found = {s.budget: s for s in scores if s.kind == kind}
        cells = [f"{found[b].percent:.1f}" if b in found else "" for b in budgets]
        lines.append(f"| {kind} ({next(iter(found.values())).count}) | {' | '.join(cells)} |")
    box = [s for s in scores if s.kind == "arithmetic"]
    lines.append(
        "boxed in arithmetic: " + ", ".join(f"{100 * s.boxed / s.count:.1f} %" for s in box)
    )
    return "\n".join(lines)


def main() -> None:
    """Evaluate a GGUF and print the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.train_tiny.evaluate", description=__doc__
    )
    parser.add_argument(
        "model", nargs="?", default="tiny", help="a GGUF; by default the shipped one"
    )
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--count", type=int, default=300, help="questions of arithmetic")
    parser.add_argument("--other", type=int, default=200, help="questions of each other kind")
    parser.add_argument("--slips", type=int, default=200, help="planted slips")
    parser.add_argument("--quick", action="store_true", help="full thinking only")
    parser.add_argument("--wrong", action="store_true", help="print what went wrong")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    args = parser.parse_args()
    answer = Engine(args.model)
    scores: list[Score] = []
    for kind in args.kinds.split(","):
        budgets = BUDGETS if kind == "arithmetic" else OTHER_BUDGETS
        chosen = cases(kind, args.count if kind == "arithmetic" else args.other)
        for budget in budgets[-1:] if args.quick else budgets:
            scores.append(score(answer, kind, chosen, budget, wrong=args.wrong and budget is None))
            print(scores[-1], flush=True)
    print(table(scores))
    planted: Planted | None = None
    if args.slips:
        planted = plant(answer, cases("arithmetic", args.slips), wrong=args.wrong)
        print(planted)
    if args.json:
        figures = {
            "scores": [asdict(s) for s in scores],
            "slips": asdict(planted) if planted else None,
        }
        args.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
