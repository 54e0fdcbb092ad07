"""Write the questions that `r1chat eval` asks the built-in model.

They are held out of training as those of `evaluate` are, and come from a seed of their own, so
that the teacher was not improved by looking at them. Another seed makes other ones, e.g. to see
whether what was found holds there too.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from random import Random

from scripts.train_tiny.cases import cases

SHARES = {"arithmetic": 150, "story": 60, "comparison": 45, "letters": 45}
SEED = "eval"
SHIPPED = Path(__file__).parents[2] / "r1chat" / "evaluation" / "questions" / "tiny.jsonl"


def lines(seed: str = SEED, times: int = 1) -> list[str]:
    """Make the file's lines, the kinds mixed, so that its beginning is like the whole.

    Args:
        seed: Other seeds make other questions.
        times: How many times as many as are shipped.
    """
    made = [
        {"id": f"{kind}-{number:03}", "problem": case.question, "answer": case.expected}
        for kind, count in SHARES.items()
        for number, case in enumerate(cases(kind, times * count, seed), 1)
    ]
    Random(seed).shuffle(made)
    return [json.dumps(each, ensure_ascii=False) for each in made]


def main() -> None:
    """Write the shipped file again, or another one."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.train_tiny.questions", description=__doc__
    )
    parser.add_argument("out", nargs="?", type=Path, default=SHIPPED)
    parser.add_argument("--seed", default=SEED, help="default: the shipped file's")
    parser.add_argument(
        "--times", type=int, default=1, help="how many times as many as are shipped"
    )
    args = parser.parse_args()
    path = args.out
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines(args.seed, args.times)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
