#!/usr/bin/env python3
"""Measures what an early stop saves, and what it loses, by several rules.

Each question is answered greedily to the end of its thought, with every try of the answer noted;
the rules are read off the same replies. A rule's reply ends at the first try that it accepts. "Its
answer stands for good" is no rule, since it knows how the thought goes on: no rule that ends
thoughts at these tries can save more and change no answer. What the tries themselves cost is not
taken off. The differences are paired by question, with intervals of 95 %.

    scripts/bench_early_stop --kept tiny.jsonl                     # the built-in model
    scripts/bench_early_stop --model FILE --questions gsm8k.jsonl --think on --boxed --kept k.jsonl
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from statistics import fmean

import greedy
import report

from r1chat.evaluation.drawing import points
from r1chat.evaluation.intervals import difference, ratio
from r1chat.reasoning import peeks
from r1chat.reasoning.equality import same_answer

BAR = 0.2
"""Of the tokens of thought that have to be saved."""
POINTS = 1.0
"""That the accuracy may be lower, in percentage points."""

Stops = Callable[[greedy.Written], "greedy.Try | None"]


def sure(least: float, repeats: int = 1, apart: int = 0) -> Stops:
    """Stops at a try that the model is sure of, and that is so many times in a row the same.

    Args:
        least: How sure, from 0 to 1.
        repeats: Times in a row.
        apart: Tokens between two tries, at least; others are passed over.
    """

    def stops(written: greedy.Written) -> greedy.Try | None:
        row, last, at = 0, None, 0
        for each in written.tries:
            if each.tokens - at < apart:
                continue
            at = each.tokens
            same = last is not None and each.final is not None and same_answer(each.final, last)
            row = row + 1 if same else int(each.final is not None)
            last = each.final
            if row >= repeats and (each.confidence or 0.0) >= least:
                return each
        return None

    return stops


def for_good(written: greedy.Written) -> greedy.Try | None:
    """Stops where the reply's own answer stands, right or wrong, that stays the same."""
    found = None
    for each in reversed(written.tries):
        if each.final is None or written.final is None:
            break
        if not same_answer(each.final, written.final):
            break
        found = each
    return found


RULES: dict[str, Stops] = {
    "three equal tries": sure(0.0, 3),
    f"three equal tries, {peeks.EVERY} apart (servers)": sure(0.0, 3, peeks.EVERY),
    "sure, 0.95": sure(0.95),
    "sure, 0.99": sure(0.99),
    "sure, 0.999": sure(0.999),
    "two equal tries, sure of the second, 0.99": sure(0.99, 2),
    "three equal tries, sure of the third, 0.99": sure(0.99, 3),
    "its answer stands for good": for_good,
}


def main() -> int:
    """Measures, and prints a table."""
    args = greedy.parser(__doc__).parse_args()
    print(report.machine())
    replies = list(greedy.Writer(args).written(args.kept))
    tokens = fmean(each.tokens for each in replies)
    right = 100 * fmean(each.right for each in replies)
    tries = fmean(len(each.tries) for each in replies)
    print(
        f"{len(replies)} questions, {right:.1f} % right, {tokens:.0f} tokens of thought, ", end=""
    )
    print(f"{tries:.1f} tries each")
    rows, reached = [], []
    for name, rule in RULES.items():
        found = [rule(each) for each in replies]
        pairs = list(zip(replies, found, strict=True))
        lead = difference(
            [float(stop.right) - float(whole.right) if stop else 0.0 for whole, stop in pairs]
        )
        share = ratio(
            [(stop.tokens if stop else whole.tokens, whole.tokens) for whole, stop in pairs]
        )
        assert lead is not None
        assert share is not None
        if 1 - share.value >= BAR and 100 * lead.value >= -POINTS and rule is not for_good:
            reached.append(name)
        saved = [100 * (1 - value) for value in (share.value, share.high, share.low)]
        rows.append(
            [
                name,
                f"{sum(stop is not None for stop in found)}",
                "{:.1f} % ({:.1f}–{:.1f})".format(*saved),
                points(lead),
                f"{sum(bool(s and s.right and not w.right) for w, s in pairs)}",
                f"{sum(bool(s and w.right and not s.right) for w, s in pairs)}",
            ]
        )
    head = ["rule", "stopped", "tokens saved (95 %)", "right, points (95 %)", "won", "lost"]
    print(report.table(head, rows))
    print(
        f"≥ {BAR:.0%} saved for at most {POINTS:g} point: {' · '.join(reached) or 'MISSED by all'}"
    )
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
