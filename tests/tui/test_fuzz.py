"""No key, mouse event, paste or size in any state ends the app or loses a word."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import count

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import OptionList

from r1chat.engine.fake import INFO, FakeEngine, Pause, Step
from r1chat.history import History
from r1chat.settings import Settings
from r1chat.tui.app import R1ChatApp
from r1chat.tui.screens.attach import AttachFile
from r1chat.tui.screens.one_line import OneLine
from r1chat.tui.screens.pick import Choice, Pick
from r1chat.tui.screens.question import Question
from r1chat.tui.widgets.options import Options
from tests.tui.chat import Gate, an_app, ready, until
from tests.tui.chat import ask as a_reply
from tests.tui.chat import rest as rested
from tests.tui.fuzz import bound_keys, key, mouse, settle, throw
from tests.tui.shelves import StillHub
from tests.tui.test_app_think_first import INSTRUCT

pytestmark = pytest.mark.asyncio

NORMAL = 1_100
LONG = 100_000
SLOW: tuple[Step, ...] = (
    "A first look at it.\n\n",
    "Wait, that is wrong.\n",
    *(step for number in range(400) for step in (f"thought {number}. ", Pause(0.05))),
    "</think>",
    "The end.",
)
QUICK: tuple[Step, ...] = (
    "A first look at it.\n\n",
    "Wait, that is wrong.\n",
    "</think>",
    "It is **4**: \\[\\frac{1}{2}\\]\n```python\nprint(1)\n```\n| a | b |\n|---|---|\n| 1 | 2 |\n",
)


class Stays(R1ChatApp):
    """The app, which no key quits."""

    def exit(self, *arguments: object, **options: object) -> None:
        """Goes on."""


def in_front(app: R1ChatApp) -> bool:
    """Whether nothing stands before the conversation."""
    return len(app.screen_stack) == 1


async def rest(pilot: Pilot[None]) -> None:
    del pilot


async def ask(pilot: Pilot[None]) -> None:
    app = pilot.app
    if in_front(app) and app.chat.ready and not app.chat.running:
        await app.chat.replies.ask("What is two and two?")
        await settle(pilot)


async def pause(pilot: Pilot[None]) -> None:
    await ask(pilot)
    if in_front(pilot.app) and pilot.app.chat.thinking:
        await pilot.press("ctrl+s")


async def open_history(pilot: Pilot[None]) -> None:
    await ask(pilot)
    if in_front(pilot.app) and pilot.app.chat.panel is None:
        await pilot.app.chat.action_panel()


async def open_models(pilot: Pilot[None]) -> None:
    if in_front(pilot.app):
        await pilot.press("f3")


async def open_a_box(pilot: Pilot[None], turn: count[int]) -> None:
    app = pilot.app
    if not in_front(app):
        return
    answers = [("n", "No"), ("y", "Yes")]
    question = partial(app.push_screen, Question("Really?", "It is about this.", answers))
    actions = ["app.themes", "app.help", "screen.attach", "screen.statistics", "screen.export"]
    actions += ["screen.rename_this", "screen.duplicate_from", "app.command_palette"]
    await ask(pilot)
    number = next(turn) % (len(actions) + 1)
    if number == len(actions):
        question()
    else:
        await app.run_action(actions[number])


async def asked(pilot: Pilot[None]) -> None:
    """Has a model think that would not by itself, and asks it."""
    if in_front(pilot.app) and pilot.app.chat.check_action("think_first", ()):
        await pilot.press("alt+t")
    await ask(pilot)


STATES: dict[str, tuple[Callable[[Pilot[None]], Awaitable[None]], Sequence[Step], int]] = {
    "empty": (rest, QUICK, 1),
    "loading": (rest, QUICK, 1),
    "answered": (ask, QUICK, 1),
    "thinking": (ask, SLOW, 1),
    "paused": (pause, SLOW, 1),
    "samples": (ask, SLOW, 4),
    "samples that have ended": (ask, QUICK, 4),
    "history": (open_history, QUICK, 1),
    "models": (open_models, QUICK, 1),
    "asked to think": (asked, QUICK, 1),
    "boxes": (lambda pilot: open_a_box(pilot, TURNS), QUICK, 1),
}
TURNS = count()


async def fuzz(state: str, number: int, seed: int, folder, monkeypatch) -> None:
    """Throws things at the app in one of its states."""
    # What is exported or attached stays among the test's own files.
    monkeypatch.chdir(folder)
    enter, script, lanes = STATES[state]
    info = INSTRUCT if enter is asked else INFO
    engine, gate = FakeEngine(script, lanes=lanes, info=info), Gate()

    def load(ref: str, **options: Callable[[float], None]) -> FakeEngine:
        options["on_progress"](0.5)
        if state == "loading":
            gate(0)
        return engine

    settings = Settings(pace=0, samples=lanes if lanes > 1 else None)
    app = Stays(given=settings, load=load, inventory=StillHub(), history=History())
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await throw(pilot, number, seed, partial(enter, pilot))
        gate.open()
        await until(pilot, lambda: not app.model.loader.busy)


@pytest.mark.parametrize("state", STATES)
async def test_nothing_that_is_pressed_clicked_pasted_or_resized_ends_the_app(
    state, tmp_path, monkeypatch
):
    await fuzz(state, NORMAL // len(STATES), 1, tmp_path, monkeypatch)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("state", STATES)
async def test_nothing_of_very_much_does_either(state, seed, tmp_path, monkeypatch):
    await fuzz(state, LONG // len(STATES) // 10, 100 + seed, tmp_path, monkeypatch)


# -- what it has found --


@pytest.mark.parametrize("key", ["pageup", "pagedown", "end", "ctrl+home", "ctrl+end"])
@pytest.mark.parametrize("focus", ["composer", "slider", "conversation", "answer", "thought"])
async def test_keys_that_scroll_do_nothing_where_all_of_it_is_in_sight(key, focus):
    app = an_app()
    async with app.run_test(size=(100, 40)) as pilot:
        chat = await a_reply(pilot)
        last = chat.last
        places = {"answer": last.answer, "thought": last.thinking.view}
        chat.set_focus(places[focus] if focus in places else getattr(chat, focus))
        await pilot.press(key, key)
        await settle(pilot)
        assert app._exception is None
        assert chat.conversation._follows


async def test_no_width_is_too_narrow_with_the_history_open():
    app = an_app()
    async with app.run_test(size=(100, 30)) as pilot:
        chat = await a_reply(pilot)
        for width in (79, 60, 46, 45, 33, 20, 8, 4, 2, 1, 300):
            if chat.panel is None:
                await pilot.press("f10")
                await settle(pilot)
            await pilot.resize_terminal(width, 24)
            assert app._exception is None, width


async def test_a_click_on_an_option_that_is_gone_picks_none():
    app = an_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        picked: list[str | None] = []
        app.push_screen(Pick("One of", [Choice(str(n), str(n)) for n in range(9)]), picked.append)
        await settle(pilot)
        listed = app.screen.query_one(OptionList)
        row = listed.region.y + 8
        for char in "3":
            app.post_message(key(char))
        app.post_message(mouse(events.MouseDown, listed.region.x + 3, row))
        app.post_message(mouse(events.MouseUp, listed.region.x + 3, row))
        await settle(pilot)
        await settle(pilot)
        assert app._exception is None


async def test_keys_for_a_turn_that_has_only_just_come_wait_for_its_parts():
    app = an_app()
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await ready(pilot)
        chat.composer.load_text("two and two?")
        for name in ("enter", *bound_keys(app)):
            if name not in {"ctrl+q", "ctrl+c", "ctrl+d", "f3", "ctrl+p", "f1"}:
                app.post_message(key(name))
        for _ in range(5):
            await settle(pilot)
            assert app._exception is None
        while len(app.screen_stack) > 1:
            await app.pop_screen()
        app.chat.runner.cancel()
        await rested(pilot)


BOXES = [
    lambda: Pick("One of", [Choice("a", "a")]),
    lambda: OneLine("Title", "value"),
    lambda: Question("Really?", "It is about this.", [("n", "No"), ("y", "Yes")]),
    AttachFile,
]


@pytest.mark.parametrize("box", BOXES)
async def test_a_box_that_is_answered_twice_in_a_hurry_is_answered_once(box, tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("text")
    monkeypatch.chdir(tmp_path)
    app = an_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        results: list[str | None] = []
        app.action_help()
        await settle(pilot)
        below = app.screen
        app.push_screen(box(), results.append)
        await settle(pilot)
        for _ in range(3):
            app.post_message(key("enter"))
        await until(pilot, lambda: results)
        await settle(pilot)
        assert app._exception is None
        assert app.screen is below
        assert len(results) == 1


async def test_many_lines_that_come_and_go_by_undo_and_redo_break_nothing():
    app = an_app()
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await ready(pilot)
        text = "\n".join(f"line {number}" for number in range(14))
        app.post_message(events.Paste(text))
        await settle(pilot)
        await pilot.press("ctrl+c", "ctrl+z")
        assert chat.composer.text == text
        await pilot.press("ctrl+y")
        assert chat.composer.text == ""
        await pilot.press("ctrl+z", "ctrl+z", "ctrl+y", "ctrl+z", "ctrl+y", "ctrl+y")
        assert app._exception is None


@pytest.mark.parametrize("action", ["page_down", "page_up", "cursor_down", "last", "first"])
async def test_a_list_that_has_no_lines_yet_is_gone_through_by_any_key(action):
    app = an_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        listed = Options("one", "two", "three")
        listed.display = False
        await app.screen.mount(listed)
        listed.highlighted = 0
        await listed.run_action(action)
        assert app._exception is None
