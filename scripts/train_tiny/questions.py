"""Write the questions that `r1chat eval` asks the built-in model.

They are held out of training as those of `evaluate` are, and come from a seed of their own, so
that the teacher was not improved by looking at them.
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


def lines() -> list[str]:
    """Make the file's lines, the kinds mixed, so that its beginning is like the whole."""
    made = [
        {"id": f"{kind}-{number:03}", "problem": case.question, "answer": case.expected}
        for kind, count in SHARES.items()
        for number, case in enumerate(cases(kind, count, SEED), 1)
    ]
    Random(SEED).shuffle(made)
    return [json.dumps(each, ensure_ascii=False) for each in made]


def main() -> None:
    """Write the shipped file anew, or another one."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.train_tiny.questions", description=__doc__
    )
    parser.add_argument("out", nargs="?", type=Path, default=SHIPPED)
    path = parser.parse_args().out
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
