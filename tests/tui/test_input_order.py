"""Input behind a key goes where the key leads to, however fast it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
from textual import events, on
from textual.pilot import Pilot
from textual.widgets import OptionList

from r1chat.actions import ACTIONS
from r1chat.hub.inventory import Quants
from r1chat.tui.app import R1ChatApp
from r1chat.tui.models.details import AboutModel
from r1chat.tui.models.quants import PickQuant
from r1chat.tui.models.rows import NO_ROW
from r1chat.tui.models.screen import ModelsScreen
from r1chat.tui.palette import Palette
from r1chat.tui.screens.attach import AttachFile
from r1chat.tui.screens.help import Help
from r1chat.tui.screens.once import Once
from r1chat.tui.screens.one_line import OneLine
from r1chat.tui.screens.pick import Choice, Pick
from r1chat.tui.screens.question import Question
from r1chat.tui.screens.reader import Reader
from r1chat.tui.screens.statistics import StatisticsScreen
from r1chat.tui.services import keyboard
from r1chat.tui.settings.screen import SettingsScreen
from r1chat.tui.widgets.lines import Written
from tests.tui.chat import HANGS_S, an_app, ask, open_models, ready, until
from tests.tui.fuzz import key, mouse

pytestmark = pytest.mark.asyncio

WORDS = "why is it so?"
FILE = "a-file.txt"


async def pushed(screen: Callable[[], Once[Any]], pilot: Pilot[None]) -> None:
    pilot.app.push_screen(screen())


async def by(action: str, pilot: Pilot[None]) -> None:
    await pilot.app.run_action(action)


async def commands(pilot: Pilot[None]) -> None:
    pilot.app.action_command_palette()
    await until(pilot, lambda: listed(pilot.app) and listed(pilot.app)[0].option_count)


def listed(app: R1ChatApp) -> list[OptionList]:
    return list(app.screen.query(OptionList))


Opens = Callable[[Pilot[None]], Awaitable[None]]
DIALOGS: dict[type[Once[Any]], tuple[Opens, str, list[str]]] = {
    # How it is opened, the owner of its actions, and how it is closed but by those.
    Pick: (partial(by, "app.themes"), "pick", [*"paper", "enter"]),
    OneLine: (partial(by, "screen.type_budget"), "one-line", [*"512", "enter"]),
    Question: (
        partial(pushed, lambda: Question("Really?", "It is about this.", [("n", "No")])),
        "question",
        ["enter"],
    ),
    AttachFile: (partial(by, "screen.attach"), "attach", [*FILE, "enter"]),
    Help: (partial(by, "app.help"), "help", []),
    Reader: (partial(pushed, lambda: Reader(Written(), lambda: ["how it goes"])), "reader", []),
    StatisticsScreen: (partial(by, "screen.statistics"), "statistics", []),
    SettingsScreen: (partial(by, "app.settings"), "settings", []),
    ModelsScreen: (open_models, "models", [*"tiny", "enter"]),
    AboutModel: (partial(pushed, lambda: AboutModel(NO_ROW)), "about", []),
    PickQuant: (partial(pushed, lambda: PickQuant("A model", Quants, {})), "quants", []),
    Palette: (commands, "palette", ["escape"]),
}


def closing(kind: type[Once[Any]]) -> list[list[str]]:
    """Each way to close a dialog by keys."""
    _, owner, more = DIALOGS[kind]
    keys = [
        [key]
        for action in ACTIONS
        if action.owner == owner and action.name in {"leave", "dismiss"}
        for key in action.keys.split(",")
    ]
    return [*keys, more] if more else keys


def send(app: R1ChatApp, *names: str) -> None:
    """Types keys, all of them at once."""
    for name in names:
        app.post_message(key(name))


async def opened(pilot: Pilot[None], kind: type[Once[Any]]) -> None:
    """Opens a dialog and waits until it takes keys."""
    app = pilot.app
    await DIALOGS[kind][0](pilot)
    await until(pilot, lambda: isinstance(app.screen, kind) and app.screen.is_mounted)
    await until(pilot, lambda: app.keyboard.idle)


async def test_every_dialog_is_tried():
    def below(kind: type[object]) -> set[type[object]]:
        return {kind, *(each for child in kind.__subclasses__() for each in below(child))}

    dialogs = {each for each in below(Once) if each.__module__.startswith("r1chat.")}
    assert dialogs - {Once} == set(DIALOGS)


async def test_words_behind_the_key_that_closes_a_dialog_land_in_the_composer(
    tmp_path, monkeypatch
):
    (tmp_path / FILE).write_text("text")
    monkeypatch.chdir(tmp_path)
    app = an_app()
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await ready(pilot)
        for kind in DIALOGS:
            for keys in closing(kind):
                await opened(pilot, kind)
                send(app, *keys, *WORDS)
                await until(pilot, lambda: app.screen is chat and app.keyboard.idle)
                assert chat.composer.text == WORDS, (kind, keys)
                chat.composer.load_text("")
        await until(pilot, lambda: not app.model.loader.busy)


async def test_words_behind_a_path_that_is_taken_land_in_the_composer(tmp_path):
    (tmp_path / "mine.gguf").touch()
    app = an_app()
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await ready(pilot)
        await opened(pilot, ModelsScreen)
        send(app, *str(tmp_path / "mine.gguf"), "enter", *WORDS)
        await until(pilot, lambda: app.screen is chat and chat.composer.text == WORDS)
        await until(pilot, lambda: not app.model.loader.busy)


async def test_words_behind_a_click_that_closes_a_dialog_land_in_the_composer():
    app = an_app()
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await ready(pilot)
        for kind in (Pick, Question):
            await opened(pilot, kind)
            options = listed(app)[0]
            await until(pilot, lambda each=options: each.region.height >= min(6, each.option_count))
            where = options.region
            for happens in (events.MouseDown, events.MouseUp):
                app.post_message(mouse(happens, where.x + 3, where.y))
            send(app, *WORDS)
            await until(pilot, lambda: app.screen is chat and app.keyboard.idle)
            assert chat.composer.text == WORDS, kind
            chat.composer.load_text("")


@pytest.mark.parametrize("keys", [["enter"], ["escape"]], ids=["enter", "escape"])
@pytest.mark.parametrize("width", [60, 120])
async def test_words_behind_the_key_that_leaves_the_history_land_in_the_composer(width, keys):
    app = an_app()
    async with app.run_test(size=(width, 24)) as pilot:
        chat = await ask(pilot)
        await pilot.press("f10")
        await until(pilot, lambda: chat.panel is not None and chat.panel.has_entry)
        send(app, *keys, *WORDS)
        await until(pilot, lambda: app.keyboard.idle and chat.composer.text == WORDS)


async def test_a_figure_behind_the_key_that_opens_a_field_lands_in_it():
    app = an_app()
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await ready(pilot)
        send(app, "f5", "enter", *"2048", "enter", "f5", *WORDS)
        await until(pilot, lambda: str(chat.slider.value) == "2048")
        await until(pilot, lambda: chat.composer.text == WORDS)


class Slow(Pick):
    """Takes its time with what was picked."""

    def __init__(self) -> None:
        super().__init__("One of", [Choice("a", "a")])
        self.go_on = asyncio.Event()

    @on(OptionList.OptionHighlighted)
    async def _waits(self) -> None:
        await self.go_on.wait()


async def test_words_wait_behind_what_takes_long_and_interrupts_do_not(monkeypatch):
    heard = asyncio.Event()
    monkeypatch.setattr(keyboard, "_LONG_S", 0.0)
    monkeypatch.setattr(R1ChatApp, "action_interrupt", lambda _: heard.set())
    app = an_app()
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await ready(pilot)
        slow = Slow()
        await app.push_screen(slow)
        send(app, "enter", *WORDS, "ctrl+c")
        await asyncio.wait_for(heard.wait(), HANGS_S)
        assert app.screen is slow
        slow.go_on.set()
        await until(pilot, lambda: app.screen is chat and chat.composer.text == WORDS)
