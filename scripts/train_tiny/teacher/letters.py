"""Counting letters: spell the word, count forwards, count backwards."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from random import Random

from scripts.train_tiny.teacher import stories, wordings
from scripts.train_tiny.teacher.pen import Lesson, Part, Pen, length
from scripts.train_tiny.teacher.problems import held_out
from scripts.train_tiny.teacher.wordings import loosen

ALPHABET = "abcdefghijklmnopqrstuvwxyz"
FORMS = (
    "How many {l} in {w}?",
    "How many {l} are in {w}?",
    "How many {l} are there in {w}?",
    "How many times does {l} occur in {w}?",
    "How many times does the letter {l} appear in {w}?",
    "How often does {l} appear in {w}?",
    "Count the letter {l} in {w}.",
    "Count the {l}s in {w}.",
    "How many {l}'s are in {w}?",
    "How many {l}'s in the word {w}?",
    "How many letters {l} has {w}?",
    "How many {l} does {w} have?",
    "How many {l}s are there in the word {w}?",
    "In the word {w}, how many {l} are there?",
    "How many of the letter {l} are in {w}?",
)
FORMS_IN_TESTS = (
    "How many {l} are there in the word {w}?",
    "How many times does {l} appear in the word {w}?",
    "How many {l}'s does the word {w} have?",
    "Count how many {l} are in {w}.",
)
ALWAYS_TEST = frozenset(("raspberry", "strawberry", "mississippi", "banana", "blueberry"))


@cache
def words() -> tuple[str, ...]:
    """English words from the list beside this module."""
    text = resources.files(__package__).joinpath("words.txt").read_text(encoding="utf-8")
    return tuple(text.split())


def _invented(rng: Random) -> str:
    """Invent a word: syllables, or any letters with many repeats."""
    if rng.random() < 0.6:
        return "".join(
            rng.choice("bcdfghjklmnprstvwyz")
            + rng.choice("aeiou")
            + rng.choice(("", "", "r", "n", "s", "ll", "pp", "tt"))
            for _ in range(rng.randint(2, 4))
        )
    few = rng.sample(ALPHABET, rng.randint(2, 7))
    return "".join(rng.choice(few) for _ in range(rng.randint(3, 12)))


@cache
def _heads() -> tuple[str, ...]:
    """The words of the questions, which the tokenizer holds as whole tokens."""
    tables = (stories.MORE, stories.LESS, stories.TIMES, stories.SHARED, stories.THINGS)
    asked = (FORMS, wordings.ASKED, *wordings.SENTENCES.values(), *tables)
    known = re.findall(r"(?<![{a-z])[a-z]+", " ".join(text for table in asked for text in table))
    return tuple(dict.fromkeys(known))


def _spliced(rng: Random) -> str:
    """A known word's head on some tail, so that each head's letters are learned."""
    head = rng.choice(_heads())[: rng.randint(1, 8)]
    return head + rng.choice(words())[-rng.randint(1, 6) :]


def _word(rng: Random, *, test: bool) -> str:
    while True:
        luck = 0.0 if test else rng.random()
        if luck < 0.4:
            word = rng.choice(words())
        else:
            word = _spliced(rng) if luck < 0.7 else _invented(rng)
        out = word in ALWAYS_TEST or held_out(("letters", word))
        if out == test and 3 <= len(word) <= 14:
            return word


def _count(pen: Pen, letters: str, letter: str, *, slip: Random | None = None) -> int:
    """Write the letters with a running count behind each hit."""
    hits = [index for index, char in enumerate(letters) if char == letter]
    stop = slip.choice(hits) if slip and hits else -1
    count = 0
    for index, char in enumerate(letters):
        pen.say(f" {char}")
        if char != letter:
            continue
        count += 1
        if index == stop and slip:
            wrong = slip.choice([n for n in range(1, 10) if n != count])
            pen.parts.append(Part(str(wrong), learn=False))
            pen.slipped = True
            count = wrong
        else:
            pen.say(str(count))
        count = min(count, 9)
    pen.say(f". That is {count}.")
    return count


def lesson(rng: Random, *, test: bool = False, slip: bool = False, given: str = "") -> Lesson:
    """Make one question about a letter in a word."""
    word = given or _word(rng, test=test)
    while True:
        letter = rng.choice(word) if rng.random() < 0.8 else rng.choice(ALPHABET)
        if word.count(letter) < 10:
            break
    forms = FORMS_IN_TESTS if test and rng.random() < 0.5 else FORMS
    luck = rng.random()
    shown = word.capitalize() if luck < 0.08 else f'"{word}"' if luck < 0.25 else word
    asked = (
        letter.upper() if rng.random() < 0.08 else f'"{letter}"' if rng.random() < 0.08 else letter
    )
    question = rng.choice(forms).format(l=asked, w=shown)
    return about(word, letter, question if test else loosen(question, rng), rng, slip=slip)


def about(word: str, letter: str, question: str, rng: Random, *, slip: bool = False) -> Lesson:
    """Think about one letter in one word."""
    pen = Pen()
    pen.say(rng.choice((f"Okay, I count {letter}.", f"I have to count {letter}.")))
    pen.say(f" Spelled:{''.join(f' {char}' for char in word)}.\nForwards:")
    start = length(pen.parts)
    first = _count(pen, word, letter, slip=rng if slip else None)
    pen.say("\nBackwards:")
    second = _count(pen, word[::-1], letter)
    pen.say(f"\nForwards {first}, backwards {second}.")
    if first == second:
        pen.say(" The same.")
    else:
        pen.say(" Wait, that is not the same. Once more.\nForwards:")
        first = _count(pen, word, letter)
    pen.say(f" So it is {first}.")

    def again(again_rng: Random) -> list[Part]:
        more = Pen()
        forwards = again_rng.random() < 0.5
        more.say(" let me count once more.\n" + ("Forwards:" if forwards else "Backwards:"))
        found = _count(more, word if forwards else word[::-1], letter)
        more.say(f" So it is {found}.")
        return more.parts

    blind = (start, length(pen.parts)) if slip else None
    answer = f"I count \\boxed{{{first}}} of the letter {letter}."
    return Lesson("letters", question, tuple(pen.parts), answer, str(first), (), blind, again)
