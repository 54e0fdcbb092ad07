#!/usr/bin/env python3
"""Scores the outline of thoughts against labels that somebody set by hand, and times it.

A labelled thought is a text: lines "question:" and "final:", a line "---", then the thought, with a
sign such as ‹step›, ‹check›, ‹dead end›, ‹restart› where a part begins, and ‹answer› where the
final answer stands first. A file may have several, each below a line "=== NAME".

A part is right if the machine begins one of the same kind at the same sentence; one that it begins
where nobody did is wrong as well: the score is 2 × right ÷ (labelled + found).
"""

from __future__ import annotations

import argparse
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from r1chat.reasoning.outline import KINDS, Outline, outline

_SIGN = re.compile("‹(" + "|".join(KINDS) + ")›")  # one group, so that splitting keeps the kinds
_NAME = re.compile(r"^=== (.*)\n", re.MULTILINE)
_CHARACTERS = 4
"""Characters of a token, about."""
_REPEATS = 20


@dataclass(frozen=True)
class Labelled:
    """A thought, and what somebody found in it."""

    name: str
    question: str
    final: str | None
    thought: str
    parts: dict[int, str]
    """The kinds of its parts by where they begin, white space skipped."""
    answer: int | None


def labelled(path: Path) -> Iterator[Labelled]:
    """Reads the labelled thoughts of a file.

    Args:
        path: The file.
    """
    names = _NAME.split(path.read_text("utf-8"))
    pairs = (
        zip(names[1::2], names[2::2], strict=True) if len(names) > 1 else [(path.stem, names[0])]
    )
    for name, text in pairs:
        head, _, body = text.partition("---\n")
        fields = dict(row.split(":", 1) for row in head.splitlines() if ":" in row)
        pieces = _SIGN.split(body)
        thought, answer = pieces[0], None
        parts: dict[int, str] = {}
        for kind, piece in zip(pieces[1::2], pieces[2::2], strict=True):
            at = len(thought) + len(piece) - len(piece.lstrip())
            thought += piece
            if kind == "answer":
                answer = at
            else:
                parts[at] = kind
        final = fields.get("final", "").strip() or None
        yield Labelled(name, fields.get("question", "").strip(), final, thought, parts, answer)


def main() -> None:
    """Scores, times and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="FILE|FOLDER")
    parser.add_argument("--show", action="store_true", help="print what is wrong")
    arguments = parser.parse_args()
    files = [
        each
        for path in arguments.paths
        for each in (sorted(path.glob("*.txt")) if path.is_dir() else [path])
    ]
    thoughts = [each for path in files for each in labelled(path)]
    right: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    extra: Counter[str] = Counter()
    answers = answered = whole = 0
    for each in thoughts:
        found = outline(each.thought, each.final, each.question)
        parts = {entry.start: entry.kind for entry in found if entry.kind != "answer"}
        place = next((entry.start for entry in found if entry.kind == "answer"), None)
        good = {at for at in parts if each.parts.get(at) == parts[at]}
        right.update(parts[at] for at in good)
        missed.update(each.parts[at] for at in each.parts if at not in good)
        extra.update(parts[at] for at in parts if at not in good)
        whole += parts == each.parts
        answers += 1
        answered += place == each.answer
        if arguments.show:
            for at in sorted({*parts, *each.parts} - good):
                words = each.thought[at : at + 70].replace("\n", "⏎")
                print(f"{each.name}: by hand {each.parts.get(at)}, found {parts.get(at)}: {words}")
            if place != each.answer:
                seen = [
                    None if at is None else each.thought[max(0, at - 20) : at + 20]
                    for at in (each.answer, place)
                ]
                print(f"{each.name}: answer {each.final!r} by hand {seen[0]!r}, found {seen[1]!r}")
    print(f"{len(thoughts)} thoughts, {sum(len(each.parts) for each in thoughts)} parts labelled")
    for kind in KINDS[:-1]:
        print(f"  {kind:9}", _score(right[kind], missed[kind], extra[kind]))
    print(f"  {'all':9}", _score(right.total(), missed.total(), extra.total()))
    print(f"  whole thoughts without a mistake: {whole} of {len(thoughts)}")
    print(f"  first place of the answer: {answered} of {answers} = {answered / answers:.1%}")
    _cost([each.thought for each in thoughts])


def _around(thought: str, at: int | None) -> str | None:
    return None if at is None else thought[max(0, at - 20) : at + 20]


def _score(right: int, missed: int, extra: int) -> str:
    total = 2 * right + missed + extra
    score = 2 * right / total if total else 1.0
    return f"{score:6.1%}  ({right} right, {missed} missed, {extra} where there is none)"


def _cost(thoughts: list[str]) -> None:
    pieces = 0
    begun = time.process_time()
    for _ in range(_REPEATS):
        for thought in thoughts:
            machine = Outline()
            for at in range(0, len(thought), _CHARACTERS):
                machine.feed(thought[at : at + _CHARACTERS])
                pieces += 1
            machine.close()
    spent = time.process_time() - begun
    print(f"  {1e6 * spent / pieces:.1f} µs a token of {_CHARACTERS} characters")


if __name__ == "__main__":
    main()
