#!/usr/bin/env python3
"""Compares replies whose wrong sums r1chat doubts (`--check-sums fix`) with plain ones.

Each question is answered greedily (scripts/bench_early_stop keeps the same replies); those in whose
thought a sum does not hold are asked again with `fix`. The others are the same in both by what
`fix` does: it writes nothing where every sum holds. The difference is paired by question, with an
interval of 95 %.

    scripts/bench_fix --model FILE --questions gsm8k.jsonl --think on --boxed --kept k.jsonl
"""

from __future__ import annotations

import sys
from statistics import fmean

import greedy
import report
from sums import cuts

from r1chat.evaluation.drawing import points
from r1chat.evaluation.intervals import difference
from r1chat.reasoning.sums import check


def may_be_doubted(thought: str) -> bool:
    """Whether `fix` may find a wrong sum: it does not wait for words that take one back."""
    return any(each.wrong for each in check(thought + "\n", cuts(thought), patient=False))


def main() -> int:
    """Measures, and prints the difference."""
    args = greedy.parser(__doc__).parse_args()
    print(report.machine())
    writer = greedy.Writer(args)
    plain = {each.question: each for each in writer.written(args.kept)}
    slipped = {key for key, each in plain.items() if may_be_doubted(each.thought)}
    again = args.kept.with_suffix(".fix.jsonl")
    fixed = {each.question: each for each in writer.written(again, check_sums="fix", only=slipped)}
    pairs = [(each, fixed.get(key, each)) for key, each in plain.items()]
    both = [(one, other) for one, other in pairs if one.question in fixed]
    lead = difference([float(after.right) - float(before.right) for before, after in pairs])
    assert lead is not None
    print(f"{len(pairs)} questions; {len(both)} thoughts with a wrong sum, ", end="")
    print(f"{sum(after.doubted > 0 for _, after in both)} of them doubted")
    rows = []
    for name, part in (("all", pairs), ("with a wrong sum", both)):
        if not part:
            continue
        written = sum(after.tokens for _, after in part) / sum(before.tokens for before, _ in part)
        rows.append(
            [
                name,
                str(len(part)),
                f"{100 * fmean(before.right for before, _ in part):.1f} %",
                f"{100 * fmean(after.right for _, after in part):.1f} %",
                str(sum(after.right and not before.right for before, after in part)),
                str(sum(before.right and not after.right for before, after in part)),
                f"{written:.2f}",
            ]
        )
    print(report.table(["thoughts", "n", "without", "with", "won", "lost", "tokens ÷"], rows))
    print(f"fix − without, all questions: {points(lead)} points")
    return 0


if __name__ == "__main__":
    sys.exit(main())
