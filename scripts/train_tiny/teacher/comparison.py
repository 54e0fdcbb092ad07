"""Which number is larger: places side by side, then the other way round."""

from __future__ import annotations

from decimal import Decimal
from random import Random

from scripts.train_tiny.teacher.pen import Lesson, Part, Pen, length
from scripts.train_tiny.teacher.problems import held_out
from scripts.train_tiny.teacher.wordings import loosen

LARGER = ("larger", "bigger", "greater")
PAIRS = (
    "Which is {w}, {a} or {b}?",
    "Which is {w}: {a} or {b}?",
    "What is {w}, {a} or {b}?",
    "Which number is {w}, {a} or {b}?",
    "Is {a} or {b} {w}?",
    "Which one is {w}, {a} or {b}?",
    "{a} or {b}, which is {w}?",
    "Tell me which is {w}: {a} or {b}.",
    "Which of {a} and {b} is {w}?",
    "Compare {a} and {b}: which is {w}?",
)
PAIRS_IN_TESTS = (
    "Of {a} and {b}, which is {w}?",
    "Which of the two is {w}, {a} or {b}?",
    "Can you tell me which is {w}, {a} or {b}?",
)
YES_NO = ("Is {a} {w} than {b}?", "Is it true that {a} is {w} than {b}?", "is {a} {w} than {b}")
TRIPLES = (
    "Which is the {w}: {a}, {b} or {c}?",
    "Which of {a}, {b} and {c} is the {w}?",
    "What is the {w} of {a}, {b} and {c}?",
    "Find the {w} of {a}, {b} and {c}.",
    "Which is {w}, {a}, {b} or {c}?",
    "Which number is the {w}: {a}, {b}, {c}?",
)
TRIPLES_IN_TESTS = (
    "Of {a}, {b} and {c}, which is the {w}?",
    "Tell me the {w} of {a}, {b} and {c}.",
)


def padded(left: str, right: str) -> tuple[str, str]:
    """Give two numbers the same places, with zeros."""
    parts = [[*text.split("."), ""][:2] for text in (left, right)]
    whole = max(len(part[0]) for part in parts)
    decimals = max(len(part[1]) for part in parts)
    out = []
    for head, tail in parts:
        text = head.rjust(whole, "0")
        out.append(f"{text}.{tail.ljust(decimals, '0')}" if decimals else text)
    return out[0], out[1]


def _faceoff(
    pen: Pen, left: str, right: str, *, wanted: str, asked: str | None, slip: Random | None
) -> str | None:
    """Write one comparison and return the winner, None where both are equal.

    The verdict on two digits stands behind both: put between them, as a sign,
    it is not learned.
    """
    wide_left, wide_right = padded(left, right)
    pen.say(f"{wide_left} and {wide_right}:")
    pairs = [(x, y) for x, y in zip(wide_left, wide_right, strict=True) if x != "."]
    stop = slip.randrange(len(pairs)) if slip else -1
    word = "same"
    for index, (x, y) in enumerate(pairs):
        word = "same" if x == y else "smaller" if x < y else "larger"
        pen.say(f"{',' if index else ''} {x} {y}")
        if index == stop and slip:
            word = slip.choice([w for w in ("smaller", "larger") if w != word])
            pen.parts.append(Part(f" {word}", learn=False))
            pen.slipped = True
        else:
            pen.say(f" {word}")
        if word != "same":
            break
    if word == "same":
        pen.say(", so they are equal.")
        return None
    winner = left if word == wanted else right
    verdict = "" if asked is None else "yes, " if winner == asked else "no, "
    pen.say(f", so {verdict}{winner} is {wanted}.")
    return winner


def _rounds(
    pen: Pen,
    numbers: list[str],
    wanted: str,
    asked: str | None = None,
    slip: Random | None = None,
) -> str | None:
    """Compare numbers in a row, each winner with the next."""
    best: str | None = numbers[0]
    stop = slip.randrange(1, len(numbers)) if slip else -1
    for index, number in enumerate(numbers[1:], 1):
        if index > 1:
            pen.say("\n")
        left = best or numbers[index - 1]
        luck = slip if index == stop else None
        best = _faceoff(pen, left, number, wanted=wanted, asked=asked, slip=luck)
        if best is None and len(numbers) > 2:
            best = left
    return best


def _think(
    pen: Pen, numbers: list[str], wanted: str, asked: str | None, slip: Random | None, rng: Random
) -> str | None:
    first = _rounds(pen, numbers, wanted, asked, slip)
    pen.say(rng.choice(("\nNow the other way round.\n", "\nThe other way round, to be sure.\n")))
    second = _rounds(pen, numbers[::-1], wanted, asked)
    if first == second:
        pen.say("\nThe same again.")
    else:
        pen.say("\nWait, that is not the same. Once more, carefully.\n")
        first = _rounds(pen, numbers, wanted, asked)
    if first is None:
        pen.say(" So they are equal.")
    elif asked is None:
        pen.say(f" So it is {first}.")
    else:
        pen.say(f" So {'yes' if first == asked else 'no'}, it is {first}.")
    return first


def _number(rng: Random, places: int, whole: int) -> str:
    text = str(rng.randint(0 if places else 1, 10**whole - 1))
    return text + ("." + "".join(rng.choice("0123456789") for _ in range(places)) if places else "")


def _numbers(rng: Random, count: int) -> list[str]:
    """Draw numbers that are often close, so that late digits decide."""
    while True:
        decimal = rng.random() < 0.55
        whole = rng.choice((1, 1, 2, 3) if decimal else (1, 2, 3, 3, 4))
        stem = _number(rng, 0, whole)
        out = []
        for _ in range(count):
            if decimal:
                places = rng.choice((0, 1, 1, 2, 2, 3))
                head = stem if rng.random() < 0.75 else _number(rng, 0, whole)
                tail = "".join(rng.choice("0123456789") for _ in range(places))
                out.append(f"{head}.{tail}" if places else head)
            elif rng.random() < 0.5:
                out.append(_number(rng, 0, whole))
            else:
                keep = rng.randint(0, len(stem) - 1)
                tail = "".join(rng.choice("0123456789") for _ in stem[keep:])
                out.append(str(int(stem[:keep] + tail)))
        if len({Decimal(text) for text in out}) == count:
            return out
        if count == 2 and out[0] != out[1]:
            return out


def _key(numbers: list[str]) -> object:
    return ("compare", *sorted(str(Decimal(text).normalize()) for text in numbers))


def _draw(rng: Random, count: int, *, test: bool) -> list[str]:
    while True:
        numbers = _numbers(rng, count)
        pairs = [[a, b] for i, a in enumerate(numbers) for b in numbers[:i]]
        out = [held_out(_key(pair)) for pair in pairs]
        if (all(out) and len(set(numbers)) == count) if test else not any(out):
            return numbers


def lesson(rng: Random, *, test: bool = False, slip: bool = False) -> Lesson:
    """Make one comparison."""
    count = 3 if rng.random() < 0.3 else 2
    numbers = _draw(rng, count, test=test)
    wanted = "larger" if rng.random() < 0.65 else "smaller"
    named = rng.choice(LARGER) if wanted == "larger" else "smaller"
    yes_no = count == 2 and rng.random() < 0.2
    if count == 3:
        named = {"larger": "largest", "bigger": "biggest", "greater": "greatest"}.get(
            named, "smallest"
        )
        forms = TRIPLES_IN_TESTS if test and rng.random() < 0.5 else TRIPLES
    elif yes_no:
        forms = YES_NO
    else:
        forms = PAIRS_IN_TESTS if test and rng.random() < 0.5 else PAIRS
    slots = dict(zip("abc", numbers, strict=False))
    question = rng.choice(forms).format(w=named, **slots)
    pen = Pen()
    listed = ", ".join(numbers[:-1]) + f" and {numbers[-1]}"
    pen.say(
        rng.choice(
            (f"Okay, the {wanted} of {listed}.\n", f"I look for the {wanted} of {listed}.\n")
        )
    )
    start = length(pen.parts)
    asked = numbers[0] if yes_no else None
    winner = _think(pen, numbers, wanted, asked, rng if slip else None, rng)
    if winner is None:
        answer = "\\boxed{No}, they are equal." if yes_no else "They are \\boxed{equal}."
        result = "No" if yes_no else "equal"
    elif yes_no:
        result = "Yes" if winner == numbers[0] else "No"
        answer = f"\\boxed{{{result}}}, {winner} is {wanted}."
    else:
        result = winner
        answer = f"\\boxed{{{winner}}} is the {wanted if count == 2 else wanted[:-1] + 'st'}."
        if count == 2:
            answer = f"\\boxed{{{winner}}} is {wanted}."

    def again(again_rng: Random) -> list[Part]:
        more = Pen()
        order = numbers if again_rng.random() < 0.5 else numbers[::-1]
        more.say(" let me look once more.\n")
        best = _rounds(more, order, wanted, asked)
        more.say(f"\nSo it is {best}." if best else "\nSo they are equal.")
        return more.parts

    blind = (start, length(pen.parts)) if slip else None
    question = question if test else loosen(question, rng)
    return Lesson("comparison", question, tuple(pen.parts), answer, result, (), blind, again)
