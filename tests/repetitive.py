"""Text that repeats much and is honest all the same, for tests of the loop guard.

Each kind is made anew from a seed, at about the length that a long thought gives it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import permutations, product
from random import Random

Kind = Callable[[Random], str]

_WORDS = (
    *("apple", "river", "stone", "window", "garden", "letter", "number", "table", "simple"),
    *("yellow", "winter", "summer", "market", "paper", "silver", "copper", "pencil", "bridge"),
    *("castle", "forest", "valley", "island", "harbour", "engine", "signal", "little"),
)
KINDS: dict[str, Kind] = {}


def _kind(make: Kind) -> Kind:
    KINDS[make.__name__.removeprefix("_").replace("_", " ")] = make
    return make


@_kind
def _counting(rng: Random) -> str:
    start = rng.randrange(100)
    return ", ".join(str(n) for n in range(start, start + 600))


@_kind
def _counting_down(rng: Random) -> str:
    step = rng.choice((3, 7, 9))
    return " ".join(f"{n} minus {step} is {n - step}." for n in range(1500, 0, -step))


@_kind
def _multiplication(rng: Random) -> str:
    rows = range(1, rng.randrange(13, 17))
    return "\n".join(f"{a} × {b} = {a * b}" for a in rows for b in rows)


@_kind
def _table(rng: Random) -> str:
    rows = "\n".join(f"| {n} | {n * n} | {n**3} |" for n in range(rng.randrange(200, 300)))
    return "| n | n² | n³ |\n| --- | --- | --- |\n" + rows


@_kind
def _table_one_column_changes(rng: Random) -> str:
    same = " | ".join(rng.choices(("yes", "no", "maybe"), k=5))
    return "\n".join(f"| {n} | {same} |" for n in range(200))


@_kind
def _truth_table(rng: Random) -> str:
    del rng
    rows = product(("T", "F"), repeat=6)
    return "\n".join(
        "| " + " | ".join((*row, "T" if row.count("T") % 2 else "F")) + " |" for row in rows
    )


@_kind
def _cases(rng: Random) -> str:
    return "\n".join(f"Case {n}: x = {rng.randrange(90)}. No." for n in range(1, 200))


@_kind
def _cases_in_full(rng: Random) -> str:
    goal = rng.randrange(400, 500)
    return " ".join(
        f"Let me check x = {n}: the left side is {3 * n + 1}, and the right side is {goal}, so "
        "that does not hold. So we try the next one."
        for n in range(130)
    )


@_kind
def _primes(rng: Random) -> str:
    first = rng.randrange(101, 401, 2)
    return "\n".join(
        f"Is {n} a prime? By 2: no. " + " ".join(f"By {d}: no." for d in (3, 5, 7, 11, 13))
        for n in range(first, first + 80, 2)
    )


@_kind
def _letters(rng: Random) -> str:
    word = rng.choice(("strawberry", "mississippi", "onomatopoeia")) * 6
    seen = 0
    lines = []
    for at, letter in enumerate(word, 1):
        seen += letter == word[2]
        lines.append(f"Letter {at} is {letter}, so I have {seen} so far.")
    return "\n".join(lines)


@_kind
def _digits(rng: Random) -> str:
    divisor = rng.choice((7, 13, 17, 19, 23))
    return f"1/{divisor} = 0." + str(10**120 // divisor).zfill(120) + "…"


@_kind
def _zeros(rng: Random) -> str:
    return f"10^{100} is 1{'0' * 100}, and a word of 128 bits is {'0' * 128}. " + " ".join(
        "0" * rng.randrange(64, 128)
    )


@_kind
def _matrix(rng: Random) -> str:
    size = rng.randrange(8, 12)
    row = " & ".join("0" * size)
    return "\\begin{pmatrix}\n" + " \\\\\n".join([row] * size) + "\n\\end{pmatrix}"


@_kind
def _identity(rng: Random) -> str:
    size = rng.randrange(8, 14)
    rows = [" & ".join("1" if i == j else "0" for i in range(size)) for j in range(size)]
    return "\\begin{bmatrix} " + " \\\\ ".join(rows) + " \\end{bmatrix}"


@_kind
def _nested_zeros(rng: Random) -> str:
    size = rng.randrange(6, 11)
    return "grid = [\n" + f"    {[0] * size},\n" * size + "]\n"


@_kind
def _chessboard(rng: Random) -> str:
    del rng
    rows = ("W B W B W B W B", "B W B W B W B W")
    return "\n".join(rows[n % 2] for n in range(8))


@_kind
def _life(rng: Random) -> str:
    def picture() -> str:
        return "\n".join(" ".join(rng.choices(".#", (9, 1), k=8)) for _ in range(8))

    return "\n\n".join(f"Generation {n}:\n{picture()}" for n in range(10))


@_kind
def _ascii_art(rng: Random) -> str:
    height = rng.randrange(10, 16)
    tree = "\n".join(" " * (height - n) + "*" * (2 * n + 1) for n in range(height))
    box = "+" + "-" * 40 + "+\n" + ("|" + " " * 40 + "|\n") * 8 + "+" + "-" * 40 + "+"
    return f"{tree}\n\n{box}\n\n" + "=-" * 40 + "\n" + "/\\" * 30


@_kind
def _beads(rng: Random) -> str:
    colours = rng.sample(("red", "blue", "green", "yellow", "white"), k=rng.randrange(2, 4))
    return "The beads are " + ", ".join(colours[n % len(colours)] for n in range(60)) + "."


@_kind
def _json_rows(rng: Random) -> str:
    rows = [
        {"id": n, "name": f"item {n}", "active": True, "tags": [], "price": rng.randrange(100)}
        for n in range(60)
    ]
    return json.dumps(rows, indent=2)


@_kind
def _json_zeros(rng: Random) -> str:
    return json.dumps([{"x": 0, "y": 0, "seen": False}] * rng.randrange(8, 14))


@_kind
def _html(rng: Random) -> str:
    cells = "<td></td>" * rng.randrange(6, 10)
    return "<table>\n" + f"  <tr>{cells}</tr>\n" * 3 + "</table>\n" + "</div>\n" * 6


@_kind
def _code(rng: Random) -> str:
    return "\n".join(
        f"    def test_{name}(self):\n"
        f"        result = parse({name!r})\n"
        "        self.assertIsNotNone(result)\n"
        f"        self.assertEqual(len(result), {len(name)})\n"
        for name in rng.sample(_WORDS, 20)
    )


@_kind
def _code_again(rng: Random) -> str:
    """A function written four times, with another bound each time."""
    function = (
        "def longest(text):\n"
        '    """Return the length of the longest run of the same letter in the text."""\n'
        "    best = run = 0\n"
        "    last = None\n"
        "    for letter in text:\n"
        "        run = run + 1 if letter == last else 1\n"
        "        last = letter\n"
        "        if run > best:\n"
        "            best = run\n"
        "    return max(best, {bound})\n"
    )
    notes = (
        "Let me write that down.",
        "Hm, what of the empty text?",
        "Wait, the bound is wrong; once more.",
        "So this is the final version.",
    )
    return "\n".join(
        f"{note}\n\n```python\n{function.format(bound=rng.randrange(9))}```\n" for note in notes
    )


@_kind
def _sql(rng: Random) -> str:
    return "\n".join(
        f"CALL add_user(id => {n}, name => '{rng.choice(_WORDS)}', role => 'reader');"
        for n in range(60)
    )


@_kind
def _collatz(rng: Random) -> str:
    n = rng.choice((27, 31, 41, 47, 55))
    lines = []
    while n > 1:
        n, line = (
            (n // 2, f"{n} is even, so it is halved: {n // 2}.")
            if n % 2 == 0
            else (3 * n + 1, f"{n} is odd, so it is 3 × {n} + 1 = {3 * n + 1}.")
        )
        lines.append(line)
    return "\n".join(lines)


@_kind
def _fibonacci(rng: Random) -> str:
    a, b = 1, rng.randrange(1, 4)
    lines = []
    for _ in range(60):
        lines.append(f"{a} + {b} = {a + b}")
        a, b = b, a + b
    return "\n".join(lines)


@_kind
def _permutations(rng: Random) -> str:
    letters = rng.sample("ABCDEFG", 5)
    return "\n".join("".join(each) for each in permutations(letters))


@_kind
def _hanoi(rng: Random) -> str:
    del rng

    def moves(disks: int, start: str, goal: str, spare: str) -> Iterator[str]:
        if disks:
            yield from moves(disks - 1, start, spare, goal)
            yield f"Move disk {disks} from {start} to {goal}."
            yield from moves(disks - 1, spare, goal, start)

    return "\n".join(moves(7, "A", "C", "B"))


@_kind
def _bubble_sort(rng: Random) -> str:
    values = rng.sample(range(10, 99), 10)
    lines = []
    for turn in range(1, 10):
        lines.append(f"Pass {turn}:")
        for at in range(9):
            a, b = values[at], values[at + 1]
            if a > b:
                values[at], values[at + 1] = b, a
            lines.append(f"Compare {a} and {b}: {'swap' if a > b else 'no swap'}.")
    return "\n".join(lines)


@_kind
def _binary(rng: Random) -> str:
    width = rng.randrange(7, 9)
    return "\n".join(f"{n:0{width}b} = {n}" for n in range(2**7))


@_kind
def _song(rng: Random) -> str:
    gifts = rng.sample(_WORDS, 12)
    verses = []
    for day in range(1, 13):
        lines = [f"and {n} {gifts[n]}s that sing in a tree" for n in range(day - 1, -1, -1)]
        verses.append(f"On day {day} of the winter my true love gave to me\n" + "\n".join(lines))
    return "\n\n".join(verses)


@_kind
def _chorus(rng: Random) -> str:
    chorus = "And so we go down to the river at night,\nand so we come back in the morning light.\n"
    verses = (rng.sample(_WORDS, 2) for _ in range(6))
    return "\n".join(f"The {a} stands by the {b} today,\n{chorus}" for a, b in verses)


@_kind
def _checked_thrice(rng: Random) -> str:
    a, b = rng.randrange(100, 999), rng.randrange(100, 999)
    sum_ = (
        f"Let me add the numbers again, from the left to the right. {a} + {b} is {a + b}. So the "
        f"answer should be {a + b}.\n"
    )
    notes = ("Hm, is that so?", "Wait, did I read the question right?", "Another way would help.")
    return "".join(sum_ + note + "\n" for note in notes)


@_kind
def _long_division(rng: Random) -> str:
    divisor = rng.choice((7, 13, 17))
    rest, lines = 1, []
    for place in range(1, 60):
        digit, after = divmod(10 * rest, divisor)
        lines.append(f"Place {place}: {10 * rest} ÷ {divisor} = {digit}, the rest is {after}.")
        rest = after
    return "\n".join(lines)


@_kind
def _weekdays(rng: Random) -> str:
    names = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    start = rng.randrange(7)
    return "\n".join(
        f"Day {n}: {names[(start + n) % 7]}, the shop is "
        f"{'closed' if (start + n) % 7 == 6 else 'open'} and the bus goes every hour."
        for n in range(1, 91)
    )


@_kind
def _rounds(rng: Random) -> str:
    return "\n".join(
        f"Round {n}: A cooperates and B {rng.choice(('cooperates', 'defects'))}, so the score is "
        f"{3 * n} to {3 * n}."
        for n in range(1, 80)
    )


def texts(seeds: int = 1) -> Iterator[tuple[str, str]]:
    """All kinds with their names.

    Args:
        seeds: How many of each.
    """
    for name, kind in KINDS.items():
        for seed in range(seeds):
            yield name, kind(Random(f"{name}-{seed}"))
