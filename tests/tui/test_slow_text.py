"""Text that comes slowly: each piece is on the screen before the next one comes."""

from __future__ import annotations

import pytest

from r1chat.engine.fake import Pause
from r1chat.settings import Settings
from tests.tui.chat import Steps, an_app, begin, rest, screen_text, until

pytestmark = pytest.mark.asyncio

THOUGHT = ("First ", "a look. ", "Again.")
ANSWER = ("It ", "is ", "four.")
TABLE = ("| alpha | beta |\n", "|---|---|\n", "| gamma | delta |\n", "\nepsilon")
CODE = ("```python\n", "alpha = 1\n", "beta = 2\n", "```\n", "gamma")
MATHEMATICS = ("Alpha $", "x^2$ beta ", "$$\\frac{gamma}{2}$$", " delta")
LIST = ("- alpha\n", "- beta", " gamma\n")
WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "First", "look", "Again", "It", "four")


def slowly(*pieces: str) -> list[object]:
    return [step for piece in pieces for step in (piece, Pause(1))]


async def watch(pilot, app, steps: Steps, pieces: tuple[str, ...]) -> None:
    """Sees the words of each piece come onto the screen, one piece after another."""
    for piece in pieces:
        for word in (each for each in WORDS if each in piece):
            await until(pilot, lambda word=word: word in screen_text(app))
        steps.go_on()


@pytest.mark.parametrize("answer", [ANSWER, TABLE, CODE, MATHEMATICS, LIST], ids=str)
@pytest.mark.parametrize("thought", [(), THOUGHT], ids=["at once", "after a thought"])
async def test_each_piece_of_an_answer_is_seen_before_the_next_comes(thought, answer):
    steps = Steps()
    app = an_app([*slowly(*thought), "</think>", *slowly(*answer)], sleep=steps)
    async with app.run_test(size=(80, 40)) as pilot:
        await begin(pilot)
        await watch(pilot, app, steps, thought)
        await watch(pilot, app, steps, answer)
        await rest(pilot)


async def test_each_piece_of_an_answer_is_seen_under_a_closed_thought():
    steps = Steps()
    app = an_app(
        ["hm", "</think>", *slowly(*ANSWER)],
        settings=Settings(pace=0, thoughts="hide"),
        sleep=steps,
    )
    async with app.run_test() as pilot:
        await begin(pilot)
        await watch(pilot, app, steps, ANSWER)
        await rest(pilot)


async def test_each_piece_of_the_sample_that_is_looked_at_is_seen():
    steps = Steps()
    scripts = [
        ["hm", *slowly(*THOUGHT), "</think>", *slowly(*ANSWER)],
        *([["so", "</think>", "5"]] * 3),
    ]
    app = an_app(*scripts, settings=Settings(pace=0, samples=4), sleep=steps)
    async with app.run_test(size=(80, 40)) as pilot:
        await begin(pilot)
        await watch(pilot, app, steps, (*THOUGHT, *ANSWER))
        await rest(pilot)


@pytest.mark.parametrize("columns", [30, 62, 120])
async def test_an_answer_is_seen_after_the_terminal_was_resized_in_the_middle(columns):
    steps = Steps()
    app = an_app(["hm", "</think>", *slowly(*ANSWER)], sleep=steps)
    async with app.run_test() as pilot:
        await begin(pilot)
        await watch(pilot, app, steps, ANSWER[:1])
        await pilot.resize_terminal(columns, 20)
        await watch(pilot, app, steps, ANSWER[1:])
        await rest(pilot)
