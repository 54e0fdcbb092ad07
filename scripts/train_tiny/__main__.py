"""`python -m scripts.train_tiny`: make the shipped model from nothing."""

from __future__ import annotations

import argparse
from pathlib import Path

from scripts.train_tiny.export import export
from scripts.train_tiny.train import Plan, train


def main() -> None:
    """Train (or resume) and export."""
    parser = argparse.ArgumentParser(prog="python -m scripts.train_tiny", description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=Path("build/tiny"), help="checkpoints and the GGUF"
    )
    parser.add_argument("--steps", type=int, default=Plan.steps)
    parser.add_argument(
        "--decay", type=float, default=Plan.decay, help="share of steps that slow down"
    )
    parser.add_argument("--seed", type=int, default=Plan.seed)
    parser.add_argument("--processes", type=int, default=Plan.processes)
    parser.add_argument(
        "--tokens", type=int, default=Plan.tokens, help="of a step, in each process"
    )
    parser.add_argument("--save-every", type=int, default=Plan.save_every)
    args = parser.parse_args()
    plan = Plan(
        out=args.out,
        steps=args.steps,
        decay=args.decay,
        seed=args.seed,
        processes=args.processes,
        tokens=args.tokens,
        save_every=args.save_every,
    )
    last = train(plan)
    print(export(last, args.out / "tokenizer.json", args.out / "tiny.gguf"))


if __name__ == "__main__":
    main()
