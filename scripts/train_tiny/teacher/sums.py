"""Lessons in plain arithmetic and in follow-ups to an earlier answer."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from scripts.train_tiny.teacher import arithmetic, letters, stories, wordings
from scripts.train_tiny.teacher.pen import Lesson, Part, length
from scripts.train_tiny.teacher.problems import Problem, draw, some_number, testable, trainable

SORRY = (
    "That is beyond me. I can add, subtract, multiply and divide small numbers, "
    "compare numbers and count letters."
)
INTROS = ("Okay, {e}.\n", "Okay, I work out {e}.\n", "Let me work out {e}.\n")
THEN = {
    "+": (
        "And plus {b}?",
        "Now {b} more.",
        "Now add {b}.",
        "Plus {b}?",
        "Add {b} to that.",
        "Now add {b} to it.",
        "And {b} more?",
        "plus {b}",
        "And if I add {b}?",
        "What if you add {b}?",
    ),
    "-": (
        "And minus {b}?",
        "Now subtract {b}.",
        "Minus {b}?",
        "Take away {b}.",
        "minus {b}",
        "Subtract {b} from that.",
        "Take {b} from it.",
        "Now take {b} away from it.",
        "And {b} less?",
        "And if I take away {b}?",
    ),
    "×": (
        "And times {b}?",
        "Now multiply that by {b}.",
        "Times {b}?",
        "times {b}",
        "Multiply it by {b}.",
    ),
    "÷": ("And divided by {b}?", "Now divide that by {b}.", "Divided by {b}?", "Divide it by {b}."),
}
THEN_IN_TESTS = {
    "+": ("Now plus {b}.", "Add {b} to it."),
    "-": ("Now minus {b}.", "Subtract {b} from it."),
    "×": ("Multiply that by {b}.",),
    "÷": ("Divide that by {b}.",),
}
DOUBLE = (
    "Now double that.",
    "Double that.",
    "And twice that?",
    "Double it.",
    "And double that?",
    "Now double it.",
)
HALF = ("Now halve that.", "And half of that?", "Half of it?", "What is half of that?", "Halve it.")
FRESH = ("And {e}?", "What about {e}?", "And what is {e}?", "Okay, and {e}?", "Now {e}.")


def _shift(blind: tuple[int, int] | None, by: int) -> tuple[int, int] | None:
    return (blind[0] + by, blind[1] + by) if blind else None


def think(problem: Problem, intro: str, rng: Random, slip: str, kind: str, question: str) -> Lesson:
    """Make the lesson for a problem; unsound ones end in an apology."""
    head = Part(intro, learn=True)
    solved = arithmetic.solve(problem, rng, slip)
    blind = _shift(solved.blind, length([head]))
    parts = (head, *solved.parts)
    if solved.found.value is None or solved.found.rest:
        return Lesson("beyond", question, parts, SORRY, "", (), blind, sound=False)
    value = str(solved.found.value)
    return Lesson(
        kind,
        question,
        parts,
        f"{problem.text} = \\boxed{{{value}}}",
        value,
        (),
        blind,
        lambda again: arithmetic.look_again(problem, again),
    )


def lesson(rng: Random, *, test: bool = False, slip: str = "") -> Lesson:
    """Make one question of plain arithmetic.

    The test set has mostly problems of several steps or three digits, so that
    it cannot be passed by guessing.
    """
    if test:
        while True:
            problem = draw(rng, test=True, weights=(25, 45, 15, 15))
            if len(str(problem.value)) > 1:
                break
    else:
        problem = draw(rng)
    question = wordings.ask(problem, rng, test=test)
    if len(problem.steps) == 1 and problem.steps[0][0] == "×":
        number = problem.steps[0][1]
        if (problem.first > 9 or problem.first == 0) and rng.random() < 0.3:
            turned = Problem(number, (("×", problem.first),))
            question = wordings.ask(turned, rng, test=test)
    return think(
        problem, rng.choice(INTROS).format(e=problem.text), rng, slip, "arithmetic", question
    )


def unsound(rng: Random) -> Lesson:
    """Ask for a result below zero or a division with a rest."""
    while True:
        if rng.random() < 0.5:
            problem = Problem(some_number(rng), (("-", some_number(rng)),))
        else:
            problem = Problem(some_number(rng, 1), (("÷", rng.randint(2, 9)),))
        if not problem.sound:
            break
    intro = rng.choice(INTROS).format(e=problem.text)
    return think(problem, intro, rng, "", "beyond", wordings.ask(problem, rng))


def _continue(value: int, rng: Random, *, test: bool) -> tuple[str, Problem] | None:
    luck = rng.random()
    if luck < 0.14:
        op, number, forms = "×", 2, DOUBLE
    elif luck < 0.22:
        op, number, forms = "÷", 2, HALF
    else:
        op = rng.choice("+++--×÷")
        number = rng.randint(2, 9) if op in "×÷" else some_number(rng, 1)
        forms = (THEN_IN_TESTS if test and rng.random() < 0.5 else THEN)[op]
    problem = Problem(value, ((op, number),))
    wanted = testable if test else trainable
    if value > 999 or not problem.sound or not wanted(problem):
        return None
    return rng.choice(forms).format(b=number), problem


def followup(rng: Random, *, test: bool = False, slip: str = "") -> Lesson:
    """Go on from an earlier answer, after one to four turns."""
    while True:
        luck = rng.random()
        if luck < 0.1:
            first = letters.lesson(rng, test=test)
        elif luck < 0.25:
            first = stories.lesson(rng, test=test)
        else:
            first = lesson(rng, test=test)
        history = [(first.question, first.answer)]
        value = int(first.result)
        if not test and rng.random() < 0.12:
            problem = draw(rng)
            question = rng.choice(FRESH).format(e=wordings.expression(problem, rng))
            intro = rng.choice(INTROS).format(e=problem.text)
            made = think(problem, intro, rng, slip, "followup", question)
            break
        for _ in range(rng.choices((0, 1, 2), (60, 25, 15))[0]):
            step = _continue(value, rng, test=test)
            if step:
                value = step[1].value
                history.append((step[0], f"{step[1].text} = \\boxed{{{value}}}"))
        last = _continue(value, rng, test=test)
        if last is None:
            continue
        intro = rng.choice(
            ("Okay, it was {v}, so now {e}.\n", "The last answer was {v}, so {e}.\n")
        )
        made = think(last[1], intro.format(v=value, e=last[1].text), rng, slip, "followup", last[0])
        break
    return replace(made, history=tuple(history))


def another_letter(rng: Random) -> Lesson:
    """Ask for another letter of the word that was just asked about."""
    first = letters.lesson(rng)
    word = first.text.split("Spelled: ")[1].split(".")[0].replace(" ", "")
    letter = rng.choice(word) if rng.random() < 0.7 else rng.choice(letters.ALPHABET)
    if word.count(letter) > 9:
        letter = "q"
    question = rng.choice(
        (
            "And {l}?",
            "And how many {l}?",
            "How many {l}?",
            "What about {l}?",
            "And how many {l} are in it?",
        )
    ).format(l=letter)
    made = letters.about(word, letter, question, rng)
    return Lesson(
        "followup",
        question,
        made.thought,
        made.answer,
        made.result,
        ((first.question, first.answer),),
        None,
        made.again,
    )
