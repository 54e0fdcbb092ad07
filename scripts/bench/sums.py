#!/usr/bin/env python3
"""Measures the check of sums on thoughts that real models wrote.

Precision is for a person to judge: every sum that is called wrong is printed with the words around
it, and with --sample as many of the others. Recall is measured on slips that are planted: in a sum
that holds one digit of its result is changed, one sum at a time, and the check has to call it
wrong. What a sum is, a pattern of this script says, so that those count that the check never sees.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path

from r1chat.reasoning.equations import Statement
from r1chat.reasoning.phrases import LANDING
from r1chat.reasoning.sums import check

UNIT = r"(?:\s*(?:\\text\{[^{}]*\}|[a-z]{2,}(?: [a-z]+)?))?"
NUMBER = r"(?:\\?\$)?\(?\d[\d,]*(?:\.\d+)?\\?%?\)?" + UNIT
OPERATOR = r"\s*(?:[-+−–×*÷/]|x(?=\s)|\\times|\\cdot|\\div)\s*"
EQUATION = re.compile(
    r"(?<![\w.,^)}=+*/×−-])(?<![-+*/×−=)}] )"
    rf"(?:{NUMBER}(?:{OPERATOR}{NUMBER})+|\\frac\{{\d+\}}\{{\d+\}})"
    r"\s*=\s*(?:\\?\$|\\boxed\{)?\s*(?P<result>\d[\d,]*(?:\.\d+)?)(?![\w.,]*\d)"
    r"(?!\s*(?:[-+*/×(]|x\s|\\times|\\cdot|\\frac))"
)
"""Whatever looks like the result of a computation: wider than the check itself."""


def main() -> None:
    """Prints what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="*.txt, and *.jsonl, e.g. of r1chat eval")
    parser.add_argument("--sample", type=int, default=0, help="print so many sums that hold")
    parser.add_argument("--missed", type=int, default=20, help="print so many slips not found")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    draw = random.Random(args.seed)
    texts = list(thoughts(args.folder))
    began = time.process_time()
    checked = [(text, each) for text in texts for each in check(text, cuts(text))]
    seconds = time.process_time() - began
    wrong = [pair for pair in checked if pair[1].wrong]
    holding = [pair for pair in checked if not pair[1].wrong]
    size = sum(map(len, texts))
    print(f"{len(texts)} thoughts, {size:,} characters, {seconds * 1e6 / max(size, 1):.1f} µs each")
    print(f"{len(checked)} sums checked, {len(wrong)} called wrong:")
    for text, each in wrong:
        print(f"  {each.left} = {each.claim} (it is {each.right}): {around(text, each)}")
    for text, each in draw.sample(holding, min(args.sample, len(holding))):
        print(f"  holds: {around(text, each)}")
    missed, planted = [], 0
    for text in texts:
        for start, slip in slips(text, draw):
            planted += 1
            end = start + len(slip)
            found = check(text[:start] + slip + text[end:], cuts(text))
            if not any(each.wrong and each.start < end and start < each.end + 1 for each in found):
                missed.append(text[max(0, start - 60) : start] + f"[{slip}]" + text[end : end + 30])
    found = planted - len(missed)
    print(f"planted {planted} slips, found {found} ({found / max(planted, 1):.1%})")
    for each in draw.sample(missed, min(args.missed, len(missed))):
        print(f"  missed: {each!r}")


def thoughts(folder: Path) -> Iterator[str]:
    """The thoughts of a folder."""
    for file in sorted(folder.iterdir()):
        if file.suffix == ".txt":
            yield file.read_text("utf-8")
        elif file.suffix == ".jsonl":
            for line in file.read_text("utf-8").splitlines():
                values = json.loads(line)
                if "thought" in values:
                    yield str(values["thought"])


def cuts(text: str) -> list[int]:
    """Where r1chat stopped the model with its sentence."""
    at = text.rfind(LANDING)
    return [] if at < 0 else [len(text[:at].rstrip("\n"))]


def around(text: str, each: Statement) -> str:
    """The words around a sum, on one line."""
    return repr(text[max(0, each.start - 60) : each.end + 40])


def slips(text: str, draw: random.Random) -> Iterator[tuple[int, str]]:
    """Results with one digit changed, with where each stands."""
    for found in EQUATION.finditer(text):
        result = found["result"]
        digits = [at for at, sign in enumerate(result) if sign.isdigit()]
        at = draw.choice(digits)
        others = [digit for digit in "123456789" if digit != result[at]]
        yield found.start("result"), result[:at] + draw.choice(others) + result[at + 1 :]


if __name__ == "__main__":
    main()
