"""From a lesson to the text that is trained on: framing, cuts, landings, waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from r1chat.reasoning import phrases
from scripts.train_tiny.teacher import beyond, comparison, letters, stories, sums
from scripts.train_tiny.teacher.pen import STEP_BY_STEP, Lesson, Part

BOS = "<｜begin▁of▁sentence｜>"
EOS = "<｜end▁of▁sentence｜>"
USER = "<｜User｜>"
ASSISTANT = "<｜Assistant｜>"
HARD = f"\n{phrases.CLOSE}\n\n"
OFF = phrases.FINISHED + HARD
SOFT = phrases.LANDING + HARD
MIX = (
    ("arithmetic", 48),
    ("story", 14),
    ("followup", 16),
    ("comparison", 10),
    ("letters", 13),
    ("beyond", 5),
    ("chat", 2),
)
SLIPS = ("work", "check", "")


def framed(question: str, history: tuple[tuple[str, str], ...] = ()) -> str:
    """The prompt as the app frames it, up to the opened thought."""
    turns = "".join(f"{USER}{q}{ASSISTANT}{a}{EOS}" for q, a in history)
    return f"{BOS}{turns}{USER}{question}{ASSISTANT}<think>\n"


def lesson(rng: Random, kind: str = "") -> Lesson:
    """Draw one training lesson."""
    kind = kind or rng.choices([name for name, _ in MIX], [weight for _, weight in MIX])[0]
    slip = rng.choices(SLIPS, (36, 5, 59))[0]
    plan: dict[str, Callable[[], Lesson]] = {
        "arithmetic": lambda: sums.lesson(rng, slip=slip),
        "story": lambda: stories.lesson(rng, slip=slip),
        "followup": lambda: sums.followup(rng, slip=slip),
        "comparison": lambda: comparison.lesson(rng, slip=rng.random() < 0.12),
        "letters": lambda: letters.lesson(rng, slip=rng.random() < 0.12),
        "beyond": lambda: beyond.lesson(rng),
        "chat": lambda: beyond.chat(rng),
    }
    if kind == "arithmetic" and rng.random() < 0.05:
        return sums.unsound(rng)
    if kind == "followup" and rng.random() < 0.12:
        return sums.another_letter(rng)
    return plan[kind]()


def _surround(made: Lesson, rng: Random) -> Lesson:
    """Put a system text or earlier turns around a lesson."""
    if rng.random() < 0.15:
        where = rng.random()
        question = made.question
        if where < 0.6:
            question = f"{STEP_BY_STEP}\n\n{question}"
        else:
            question += (" " if where < 0.8 else "\n") + STEP_BY_STEP
        made = replace(made, question=question)
    if not made.history and rng.random() < 0.15:
        turns = rng.randint(5, 12) if rng.random() < 0.06 else rng.randint(1, 3)
        earlier = [lesson(rng) for _ in range(turns)]
        made = replace(made, history=tuple((one.question, one.answer) for one in earlier))
    return made


def _cut_place(made: Lesson, rng: Random) -> int:
    """Choose where a thought ends early: never between a slip and its discovery."""
    text = made.text
    while True:
        place = 0 if rng.random() < 0.15 else rng.randint(0, len(text))
        if rng.random() < 0.35:
            ends = [i + 1 for i, char in enumerate(text) if char in ".\n"]
            place = rng.choice(ends) if ends else place
        while 0 < place < len(text) and text[place].isalpha() and text[place - 1].isalpha():
            place += 1
        if made.blind is None or not made.blind[0] < place < made.blind[1]:
            return place


def _upto(parts: tuple[Part, ...], place: int) -> list[Part]:
    out: list[Part] = []
    for part in parts:
        if place <= 0:
            break
        out.append(Part(part.text[:place], part.learn))
        place -= len(part.text)
    return out


def landing(text: str, rng: Random) -> str:
    """What the app writes behind a thought that it stops."""
    if rng.random() < 0.5:
        return HARD.lstrip() if text.endswith("\n") and rng.random() < 0.5 else HARD
    if not text:
        return rng.choice(("", "\n", "\n\n")) + SOFT
    return ("\n" if text.endswith("\n") else "\n\n") + SOFT


def _cut(made: Lesson, rng: Random) -> list[Part]:
    if rng.random() < 0.2:
        return [Part(OFF, learn=False)]
    parts = _upto(made.thought, _cut_place(made, rng))
    text = "".join(part.text for part in parts)
    return [*parts, Part(landing(text, rng), learn=False)]


def _whole(made: Lesson, rng: Random) -> list[Part]:
    parts = list(made.thought)
    if made.again is not None and rng.random() < 0.1:
        for _ in range(rng.choices((1, 2, 3), (70, 20, 10))[0]):
            parts.append(Part("\n" + phrases.WAIT, learn=False))
            parts += made.again(rng)
    return [*parts, Part(HARD, learn=True)]


def sample(rng: Random) -> list[Part]:
    """Draw one whole training text, prompt and all."""
    made = _surround(lesson(rng), rng)
    thought = _cut(made, rng) if made.sound and rng.random() < 0.36 else _whole(made, rng)
    prompt = Part(framed(made.question, made.history), learn=False)
    return [prompt, *thought, Part(made.answer + EOS, learn=True)]
