"""Questions that are beyond the model, and small talk."""

from __future__ import annotations

from random import Random

from scripts.train_tiny.teacher import foreign, letters, sums, wordings
from scripts.train_tiny.teacher.pen import Lesson, Part, plain
from scripts.train_tiny.teacher.problems import Problem

REASONS = {
    "world": "Okay, this asks about the world, and I only know small numbers and letters.",
    "task": "Okay, this asks me to make something, and I only know small numbers and letters.",
    "maths": "Okay, this asks for something with numbers that I have not learned.",
    "big": "Okay, these numbers are too big for me.",
    "words": "Okay, these numbers are words, and I can only read digits.",
    "lost": "Okay, this goes on from something, but there is no number before it.",
}
CHAT = (
    (
        (
            "Hi",
            "Hello",
            "Hi!",
            "Hello!",
            "Hey",
            "hi",
            "hello",
            "Good morning",
            "Hey there!",
            "Hi there",
            "hey",
        ),
        "Okay, just a greeting, I greet back.",
        "Hello! Ask me something with small numbers or letters.",
    ),
    (
        (
            "Who are you?",
            "What are you?",
            "Who is this?",
            "What is your name?",
            "Who made you?",
            "who are you",
            "Are you a human?",
            "Are you an AI?",
            "What model are you?",
            "Introduce yourself.",
            "Are you DeepSeek?",
        ),
        "Okay, they want to know who I am.",
        "I am r1chat tiny, a toy reasoning model that can do small sums and count letters.",
    ),
    (
        (
            "What can you do?",
            "what can you do",
            "Help",
            "help",
            "How can you help me?",
            "What do you know?",
            "What can I ask you?",
            "What are you good at?",
            "Help me.",
            "What should I ask?",
            "what can you do?",
        ),
        "Okay, they want to know what I can do.",
        sums.SORRY.removeprefix("That is beyond me. "),
    ),
    (
        (
            "Thanks",
            "Thank you",
            "Thanks!",
            "Thank you!",
            "thanks",
            "Great",
            "Great!",
            "Ok",
            "Okay",
            "Well done!",
            "Nice.",
        ),
        "Okay, they are content, so I am too.",
        "You are welcome!",
    ),
    (
        ("Bye", "Goodbye", "bye", "Goodbye!", "See you", "Good night", "Bye!"),
        "Okay, they are leaving.",
        "Goodbye!",
    ),
)


def _noun(rng: Random) -> str:
    return rng.choice(letters.words())


def _salad(rng: Random) -> str:
    """A question of random words, so that no vocabulary passes for a known one."""
    count = rng.randint(1, 8)
    text = " ".join(_noun(rng) for _ in range(count))
    if rng.random() < 0.7:
        text = f"{rng.choice(foreign.STARTERS)} {text}"
    return text + rng.choice(("?", "?", ".", ""))


def _fill(form: str, rng: Random) -> str:
    place, place2 = rng.sample(foreign.PLACE_NAMES, 2)
    slots: dict[str, object] = {
        "place": place,
        "place2": place2,
        "title": rng.choice(foreign.TITLES),
        "noun": _noun(rng),
        "noun2": _noun(rng),
        "topic": rng.choice(foreign.TOPICS) if rng.random() < 0.6 else _noun(rng),
        "adj": rng.choice(foreign.ADJECTIVES) if rng.random() < 0.6 else _noun(rng),
        "verb": rng.choice(foreign.VERBS) if rng.random() < 0.6 else _noun(rng),
        "person": rng.choice(foreign.PERSONS),
        "year": rng.randint(1000, 2030),
        "language": rng.choice(foreign.LANGUAGES),
        "word": _noun(rng),
        "words": " ".join(_noun(rng) for _ in range(rng.randint(2, 8))),
        "c": rng.randint(10, 999),
        "c2": rng.randint(10, 999),
        "d": rng.randint(1, 99),
        "d2": rng.randint(2, 20),
        "d3": rng.randint(2, 99),
        "d4": rng.randint(2, 99),
        "x": rng.randint(10_000, 10**9),
        "y": rng.randint(1, 10**7),
    }
    return form.format(**slots)


def _big(rng: Random) -> str:
    """A known kind of question with a number that is too long."""
    if rng.random() < 0.2:
        return _fill(rng.choice(foreign.BIG), rng)
    numbers = [
        rng.randint(10 ** rng.randint(3, 7), 10**8)
        if rng.random() < 0.3
        else rng.randint(1000, 99_999)
    ]
    count = rng.choice((1, 1, 2))
    numbers += [rng.randint(1, rng.choice((9, 99, 999, 9999, 99_999))) for _ in range(count)]
    if rng.random() < 0.5:
        numbers.reverse()
    if count == 1 and rng.random() < 0.4:
        ops = [rng.choice("×÷")]
    else:
        ops = [rng.choice("++-") for _ in range(count)]
    problem = Problem(numbers[0], tuple(zip(ops, numbers[1:], strict=True)))
    text = wordings.ask(problem, rng)
    return text if any(char.isdigit() for char in text) else _fill(rng.choice(foreign.BIG), rng)


def _in_words(rng: Random) -> str:
    """Numbers that are spelled out, which the model cannot read."""
    names = [wordings.in_words(rng.randint(1, rng.choice((19, 99, 999)))) for _ in range(2)]
    form = rng.choice(("What is {e}?", "{e}", "How much is {e}?", "Calculate {e}.", "Compute {e}."))
    return form.format(e=f" {rng.choice(('plus', 'minus', 'times', 'and'))} ".join(names))


def _lost(rng: Random) -> str:
    return rng.choice(
        (
            "And plus {d}?",
            "Now double that.",
            "minus {d}",
            "And {d2} more?",
            "Now add {d}.",
            "Halve it.",
        )
    ).format(d=rng.randint(1, 99), d2=rng.randint(1, 9))


def lesson(rng: Random, *, test: bool = False) -> Lesson:
    """Make a question that the model must decline; tests ask for unseen things."""
    group = rng.choices(
        ("world", "task", "maths", "big", "salad", "lost", "words"), (23, 19, 23, 19, 9, 4, 3)
    )[0]
    if group == "salad":
        group, question = "world", _salad(rng)
    elif group == "words":
        question = _in_words(rng)
    elif group == "big":
        question = _big(rng)
    elif group == "lost":
        question = _lost(rng)
    else:
        known = {"world": foreign.WORLD, "task": foreign.TASKS, "maths": foreign.MATHS}
        unseen = {
            "world": foreign.WORLD_IN_TESTS,
            "task": foreign.TASKS_IN_TESTS,
            "maths": foreign.MATHS_IN_TESTS,
        }
        forms = (unseen if test else known)[group]
        question = wordings.loosen(_fill(rng.choice(forms), rng), rng)
    thought = plain(f"{REASONS[group]} So I should say that it is beyond me.")
    return Lesson("beyond", question, tuple(thought), sums.SORRY, "", (), None, _still)


def _still(_rng: Random) -> list[Part]:
    return plain(" I have thought about it again, and it stays as it is.")


def chat(rng: Random) -> Lesson:
    """Make one turn of small talk."""
    questions, thought, answer = rng.choice(CHAT)
    return Lesson(
        "chat", rng.choice(questions), tuple(plain(thought)), answer, "", (), None, _still
    )
