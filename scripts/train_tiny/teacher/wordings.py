"""How arithmetic is asked; some wordings appear in tests only."""

from __future__ import annotations

from random import Random

from scripts.train_tiny.teacher.problems import Problem

ASKED = (
    "What is {e}?",
    "What is {e}?",
    "What is {e}?",
    "{e}",
    "{e} =",
    "{e} = ?",
    "{e}?",
    "Calculate {e}.",
    "Compute {e}.",
    "How much is {e}?",
    "What's {e}?",
    "Solve {e}",
    "Please work out {e}.",
    "Can you tell me {e}?",
    "What do you get for {e}?",
    "Hello, what is {e}?",
    "Hi! Can you compute {e}?",
    "I need to know {e}.",
    "Give me the result of {e}.",
    "Could you calculate {e} for me?",
    "What does {e} come to?",
    "Do you know what {e} is?",
    "what is {e}",
    "whats {e}",
    "What does {e} make?",
    "What does {e} give?",
    "Please solve {e}.",
    "{e} equals what?",
)
ASKED_IN_TESTS = (
    "What does {e} equal?",
    "Tell me what {e} is.",
    "Please compute {e}.",
    "Can you work out {e} for me?",
    "How much does {e} come to?",
)
SYMBOLS = {
    "+": ("+",),
    "-": ("-", "-", "-", "−"),
    "×": ("×", "*", "x", "*"),
    "÷": ("÷", "/", "/", ":"),
}
SPOKEN = {"+": ("plus",), "-": ("minus",), "×": ("times", "multiplied by"), "÷": ("divided by",)}
SENTENCES = {
    "+": (
        "Add {b} to {a}.",
        "Add {a} and {b}.",
        "What is the sum of {a} and {b}?",
        "What do {a} and {b} make together?",
        "Find the sum of {a} and {b}.",
        "Add up {a} and {b}.",
        "Can you add {b} to {a}?",
        "I want to add {a} and {b}.",
        "Please add {a} and {b}.",
    ),
    "-": (
        "Subtract {b} from {a}.",
        "What is the difference between {a} and {b}?",
        "Take {b} away from {a}.",
        "What is {b} less than {a}?",
        "Take {b} from {a}.",
        "Can you subtract {b} from {a}?",
        "Please take {b} from {a}.",
        "How much is left when you take {b} from {a}?",
    ),
    "×": (
        "Multiply {a} by {b}.",
        "What is the product of {a} and {b}?",
        "Find the product of {a} and {b}.",
        "Multiply {a} and {b}.",
    ),
    "÷": (
        "Divide {a} by {b}.",
        "What is {a} divided by {b}?",
        "How often does {b} go into {a}?",
        "How many times does {b} fit into {a}?",
    ),
}
SENTENCES_IN_TESTS = {
    "+": ("Please add {b} to {a}.", "What is the sum of {b} and {a}?"),
    "-": ("Please subtract {b} from {a}.", "How much is left when you take {b} away from {a}?"),
    "×": ("Please multiply {a} by {b}.", "Can you multiply {a} by {b}?"),
    "÷": ("Please divide {a} by {b}.", "Can you divide {a} by {b}?"),
}
UNITS = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
)
TENS = ("_", "_", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def in_words(number: int) -> str:
    """Spell a number below 1,000."""
    if number < 20:
        return UNITS[number]
    if number < 100:
        rest = f"-{UNITS[number % 10]}" if number % 10 else ""
        return TENS[number // 10] + rest
    rest = f" {in_words(number % 100)}" if number % 100 else ""
    return f"{UNITS[number // 100]} hundred{rest}"


def expression(problem: Problem, rng: Random, *, words: bool = True) -> str:
    """Write the problem in symbols or spoken operators, in one of many spacings."""
    style = rng.random()
    spoken = words and style > 0.78
    space = "" if style < 0.2 and not spoken else " "
    text = str(problem.first)
    names = {op: rng.choice((SPOKEN if spoken else SYMBOLS)[op]) for op in "+-×÷"}
    for op, number in problem.steps:
        text += f"{space}{names[op]}{space}{number}"
    return text


def ask(problem: Problem, rng: Random, *, test: bool = False) -> str:
    """Word a problem as a question.

    Half of the test's questions have wordings that training never shows.
    """
    unseen = test and rng.random() < 0.5
    if len(problem.steps) == 1 and rng.random() < 0.3:
        first, (op, number) = problem.first, problem.steps[0]
        text = rng.choice((SENTENCES_IN_TESTS if unseen else SENTENCES)[op])
        if op == "×" and not test:
            if number == 2 and rng.random() < 0.5:
                text = rng.choice(("Double {a}.", "What is twice {a}?", "What is double {a}?"))
            elif number == 3 and rng.random() < 0.3:
                text = "What is three times {a}?"
        if op == "÷" and number == 2 and not test and rng.random() < 0.5:
            text = rng.choice(("What is half of {a}?", "Halve {a}.", "What is one half of {a}?"))
        return loosen(text.format(a=first, b=number), rng)
    if unseen:
        return rng.choice(ASKED_IN_TESTS).format(e=expression(problem, rng, words=True))
    return loosen(rng.choice(ASKED).format(e=expression(problem, rng)), rng)


def loosen(text: str, rng: Random) -> str:
    """Type a little carelessly, some of the time."""
    luck = rng.random()
    if luck < 0.06:
        return text.rstrip("?.! ")
    if luck < 0.12:
        return text[0].lower() + text[1:]
    if luck < 0.15:
        return text.lower().rstrip("?.! ")
    return text
