"""Word problems: find the numbers and what happens to them, then compute."""

from __future__ import annotations

from random import Random

from scripts.train_tiny.teacher import arithmetic
from scripts.train_tiny.teacher.pen import Lesson, Part, length
from scripts.train_tiny.teacher.problems import Problem, draw
from scripts.train_tiny.teacher.wordings import loosen

NAMES = (
    "Tom",
    "Anna",
    "Ben",
    "Lisa",
    "Sam",
    "Mia",
    "Paul",
    "Emma",
    "Jack",
    "Nora",
    "Leo",
    "Sara",
    "Max",
    "Julia",
    "Peter",
    "Maria",
    "Omar",
    "Lena",
    "Ali",
    "Ruth",
)
THINGS = (
    "apples",
    "books",
    "coins",
    "marbles",
    "stickers",
    "pencils",
    "cards",
    "stamps",
    "eggs",
    "cookies",
    "balloons",
    "shells",
    "stones",
    "flowers",
    "tickets",
    "candies",
    "oranges",
    "toys",
    "photos",
    "buttons",
)
PLACES = (
    ("bus", "people", "get on", "get off"),
    ("train", "people", "get on", "get off"),
    ("library", "books", "come in", "go out"),
    ("pond", "ducks", "fly in", "fly away"),
    ("box", "pencils", "are put in", "are taken out"),
    ("park", "children", "come", "leave"),
    ("room", "people", "come in", "go out"),
    ("field", "sheep", "come", "run away"),
)
STARTS = ("{n} has {a} {t}.", "{n} has {a} {t}.", "{n} had {a} {t}.", "At first {n} has {a} {t}.")
MORE = (
    "{p} buys {b} more.",
    "{p} finds {b} more.",
    "{p} gets {b} more from {m}.",
    "{m} gives {o} {b} more.",
    "{m} gives {o} {b} {t}.",
    "{m} gives {o} {b}.",
    "Then {p} buys {b} {t}.",
    "{p} wins {b} {t}.",
    "{p} receives {b} more.",
    "Then {p} finds {b} {t}.",
    "{m} brings {b} more.",
    "{p} picks {b} more.",
    "{m} gives {n} {b} more.",
    "Then {m} brings {n} {b} {t}.",
    "{n} gets {b} {t} from {m}.",
    "{p} then buys {b} more.",
    "{p} then finds {b} {t}.",
)
MORE_IN_TESTS = (
    "{m} then gives {o} {b} {t}.",
    "Then {p} gets {b} more.",
    "{p} then wins {b} more.",
)
LESS = (
    "{p} gives {b} to {m}.",
    "{p} loses {b}.",
    "{p} sells {b}.",
    "{p} gives away {b} {t}.",
    "Then {p} sells {b} of them.",
    "{m} takes {b} of them.",
    "{p} uses {b} of them.",
    "Then {p} loses {b} {t}.",
    "{p} gives {m} {b} of them.",
    "{p} throws away {b}.",
    "{n} gives {m} {b} of the {t}.",
    "{n} gives {b} {t} to {m}.",
    "{m} takes {b} {t} from {n}.",
    "{p} then gives {b} to {m}.",
    "{p} then uses {b} {t}.",
)
LESS_IN_TESTS = ("{p} gives {m} {b} {t}.", "Then {p} loses {b} of them.", "{p} then sells {b} {t}.")
ENDS = (
    "How many {t} does {n} have now?",
    "How many {t} does {p} have now?",
    "How many {t} does {p} have in the end?",
    "How many does {p} have now?",
    "How many {t} are there now?",
    "How many {t} does {n} have?",
    "How many {t} has {n} now?",
)
ENDS_IN_TESTS = ("How many {t} has {n} in the end?", "How many {t} does {n} have in the end?")
HOLDERS = (
    ("box", "boxes"),
    ("bag", "bags"),
    ("basket", "baskets"),
    ("jar", "jars"),
    ("pack", "packs"),
    ("shelf", "shelves"),
    ("row", "rows"),
)
TIMES = (
    "There are {b} {h} with {a} {t} each. How many {t} are there?",
    "{n} has {b} {h} with {a} {t} in each. How many {t} does {p} have?",
    "{n} buys {b} {h} of {a} {t}. How many {t} does {p} have?",
    "Each {k} has {a} {t}. How many {t} are in {b} {h}?",
    "In each {k} there are {a} {t}. How many {t} are in {b} {h}?",
    "One {k} holds {a} {t}. How many {t} do {b} {h} hold?",
    "One ticket costs {a} dollars. How much do {b} tickets cost?",
    "A {k} has {a} {t}. {n} buys {b} {h}. How many {t} is that?",
    "{n} saves {a} dollars every week. How much is that after {b} weeks?",
    "There are {b} rows of {a} chairs. How many chairs are there?",
    "{n} reads {a} pages a day. How many pages does {p} read in {b} days?",
)
TIMES_IN_TESTS = (
    "{n} has {b} {h} with {a} {t} in each. How many {t} are there?",
    "Each {k} holds {a} {t}. How many {t} are in {b} {h}?",
    "{n} buys {b} {h} of {a} {t}. How many {t} does {n} have?",
)
SHARED = (
    "{n} shares {a} {t} equally among {b} friends. How many does each get?",
    "{a} {t} are put into {b} {h} equally. How many {t} are in each {k}?",
    "{n} packs {a} {t} into {h} of {b}. How many {h} does {p} need?",
    "{b} children share {a} {t} equally. How many {t} does each child get?",
    "{n} has {a} {t} and puts {b} in each {k}. How many {h} are there?",
    "{a} {t} are divided equally among {b} people. How many does each get?",
    "{n} divides {a} {t} equally into {b} {h}. How many {t} are in one {k}?",
    "{b} tickets cost {a} dollars. How much is one ticket?",
)
SHARED_IN_TESTS = (
    "{a} {t} are shared equally among {b} children. How many does each get?",
    "{n} puts {a} {t} into {b} {h} equally. How many are in each {k}?",
)
TOGETHER = (
    "{n} has {a} {t} and {m} has {b} {t}. How many {t} do they have together?",
    "{n} has {a} {t}. {m} has {b}. How many do they have together?",
    "There are {a} red {t} and {b} blue {t}. How many {t} are there in all?",
    "{n} reads {a} pages on Monday and {b} pages on Tuesday. How many pages is that in all?",
    "{n} has {a} {t} and {m} has {b} {t}. How many {t} do they have in all?",
)
APART = (
    "{n} has {a} {t} and {m} has {b} {t}. How many more {t} does {n} have than {m}?",
    "There are {a} {t}. {b} of them are red. How many are not red?",
    "A book has {a} pages. {n} has read {b} of them. How many pages are left?",
    "{n} needs {a} dollars and has {b}. How many dollars are missing?",
    "{n} has {a} {t}. {m} has {b} fewer. How many {t} does {m} have?",
)


def _chain(problem: Problem, rng: Random, *, test: bool) -> str:
    name, mate = rng.sample(NAMES, 2)
    slots = {
        "n": name,
        "m": mate,
        "t": rng.choice(THINGS),
        "a": problem.first,
        "p": rng.choice(("he", "she", "she", "he", name)),
    }
    slots["o"] = {"he": "him", "she": "her"}.get(str(slots["p"]), name)
    if not test and rng.random() < 0.25:
        place, things, gain, loss = rng.choice(PLACES)
        text = f"There are {problem.first} {things} in the {place}."
        for op, number in problem.steps:
            text += f" {number} {'more ' if op == '+' else ''}{gain if op == '+' else loss}."
        return f"{text} How many {things} are in the {place} now?"
    more, less, ends = (MORE, LESS, ENDS)
    if test and rng.random() < 0.5:
        more, less, ends = (MORE_IN_TESTS, LESS_IN_TESTS, ENDS_IN_TESTS)
    text = rng.choice(STARTS).format(**slots)
    for op, number in problem.steps:
        line = rng.choice(more if op == "+" else less).format(b=number, **slots)
        text += " " + line[0].upper() + line[1:]
    return f"{text} {rng.choice(ends).format(**slots)}"


def _single(problem: Problem, rng: Random, *, test: bool) -> str:
    op, number = problem.steps[0]
    forms = {"×": TIMES, "÷": SHARED, "+": TOGETHER, "-": APART}[op]
    if test and op in "×÷" and rng.random() < 0.5:
        forms = {"×": TIMES_IN_TESTS, "÷": SHARED_IN_TESTS}[op]
    name, mate = rng.sample(NAMES, 2)
    person = rng.choice(("he", "she"))
    holder, holders = rng.choice(HOLDERS)
    return rng.choice(forms).format(
        n=name,
        m=mate,
        p=person,
        t=rng.choice(THINGS),
        a=problem.first,
        b=number,
        k=holder,
        h=holders,
    )


def lesson(rng: Random, *, test: bool = False, slip: str = "") -> Lesson:
    """Make one word problem."""
    problem = draw(rng, test=test, weights=(40, 25, 18, 17))
    while problem.first == 0 or any(number == 0 for _, number in problem.steps):
        problem = draw(rng, test=test, weights=(40, 25, 18, 17))
    single = problem.steps[0][0] in "×÷" or (len(problem.steps) == 1 and rng.random() < 0.4)
    question = (_single if single else _chain)(problem, rng, test=test)
    question = question if test else loosen(question, rng)
    intro = rng.choice(
        ("Okay, the story asks for {e}.\n", "Okay, that means {e}.\n", "I have to find {e}.\n")
    )
    head = Part(intro.format(e=problem.text), learn=True)
    solved = arithmetic.solve(problem, rng, slip)
    blind = solved.blind
    if blind:
        blind = (blind[0] + length([head]), blind[1] + length([head]))
    value = str(solved.found.value)
    return Lesson(
        "story",
        question,
        (head, *solved.parts),
        f"The answer is \\boxed{{{value}}}.",
        value,
        (),
        blind,
        lambda again: arithmetic.look_again(problem, again),
    )
