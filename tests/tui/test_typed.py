"""What is typed is text, wherever the focus is."""

from __future__ import annotations

import string

import pytest
from textual import events
from textual.widget import Widget
from textual.widgets import Input

from r1chat.engine.fake import FakeEngine
from r1chat.settings import Settings
from r1chat.tui.app import R1ChatApp
from r1chat.tui.screens.attach import AttachFile
from r1chat.tui.screens.one_line import OneLine
from r1chat.tui.screens.pick import Choice, Pick
from r1chat.tui.widgets.history_list import HistoryList
from r1chat.tui.widgets.sampled import SampledTurn
from tests.tui.chat import (
    ENDLESS,
    REPLY,
    Gate,
    an_app,
    ask,
    begin,
    ready,
    rest,
    screen_text,
    thought,
    until,
)

pytestmark = pytest.mark.asyncio

ALL = string.ascii_lowercase + string.digits + "ANPQ./?!* ßé你∑"
SAMPLES = Settings(pace=0, samples=4)


def press(app: R1ChatApp, *chars: str) -> None:
    for char in chars:
        app.post_message(events.Key(_name(char), char))


def _name(char: str) -> str:
    return {" ": "space"}.get(char, char) if char.isalnum() or char == " " else "some_sign"


async def settle(pilot) -> None:
    for _ in range(3):
        await pilot.pause()


async def click(pilot, widget: Widget) -> None:
    """Clicks as the driver does, so that what follows a click follows."""
    app, region = pilot.app, widget.region
    x, y = region.x + min(3, region.width - 1), region.y + region.height // 2
    for event in (events.MouseDown, events.MouseUp):
        app.post_message(
            event(None, x, y, 0, 0, 1, shift=False, meta=False, ctrl=False, screen_x=x, screen_y=y)
        )
    await settle(pilot)


def remembered(app: R1ChatApp) -> tuple[object, ...]:
    return (
        app.settings,
        app.preferences.budget,
        app.clipboard,
        app.chat.slider.unit,
        len(app.screen_stack),
    )


async def test_a_text_typed_after_a_click_anywhere_lands_in_the_composer():
    app = an_app(settings=SAMPLES, lanes=4)
    async with app.run_test(size=(100, 40)) as pilot:
        chat = await ask(pilot)
        assert isinstance(chat.last, SampledTurn)
        for widget in chat.walk_children(Widget):
            if not widget.region.height or "-textual-system" in widget.classes:
                continue
            await click(pilot, widget)
            before = remembered(app)
            chat.composer.load_text("")
            press(app, *ALL)
            await settle(pilot)
            assert chat.composer.text == ALL, widget
            assert remembered(app) == before, widget
            assert chat.composer.has_focus, widget


@pytest.mark.parametrize("state", ["rest", "thinking"])
async def test_a_text_typed_with_the_focus_anywhere_lands_in_the_composer(state):
    app = an_app(*([ENDLESS] if state == "thinking" else []))
    async with app.run_test(size=(100, 40)) as pilot:
        chat = await (begin(pilot) if state == "thinking" else ask(pilot))
        if state == "thinking":
            await thought(pilot)
        before = remembered(app)
        for widget in [None, *chat.focus_chain]:
            chat.set_focus(widget)
            chat.composer.load_text("")
            press(app, *ALL)
            await settle(pilot)
            assert chat.composer.text == ALL, widget
            assert remembered(app) == before, widget
        await pilot.press("escape")
        await rest(pilot)


async def test_a_paste_and_the_keys_that_edit_belong_to_the_composer_too():
    app = an_app()
    async with app.run_test(size=(100, 40)) as pilot:
        chat = await ask(pilot)
        for widget in (None, chat.last.answer, chat.conversation, chat.slider):
            chat.composer.load_text("")
            chat.set_focus(widget)
            app.post_message(events.Paste("one two"))
            await settle(pilot)
            chat.set_focus(widget)
            await pilot.press("backspace")
            assert chat.composer.text == "one tw", widget
        chat.set_focus(chat.last.answer)
        await pilot.press("enter")
        await until(pilot, lambda: chat.last and chat.last.question == "one tw")
        await rest(pilot)


async def test_a_click_leaves_the_keyboard_with_the_composer():
    app = an_app()
    async with app.run_test(size=(100, 40)) as pilot:
        chat = await ask(pilot)
        turn = chat.last
        for widget in (chat.slider, turn.answer, turn.thinking.header, chat.topbar):
            await click(pilot, widget)
            assert chat.composer.has_focus, widget


async def test_a_list_of_the_history_gives_the_keyboard_up_and_its_search_does_not():
    app = an_app()
    async with app.run_test(size=(100, 40)) as pilot:
        chat = await ask(pilot)
        await pilot.press("f10")
        await until(pilot, lambda: chat.panel is not None and chat.panel.entry is not None)
        press(app, *"abc")
        await settle(pilot)
        assert (chat.panel.search.value, chat.composer.text) == ("abc", "")
        chat.set_focus(chat.panel.query_one(HistoryList))
        press(app, *"def")
        await settle(pilot)
        assert (chat.panel.search.value, chat.composer.text) == ("abc", "def")


async def test_where_the_history_hides_the_composer_a_typed_letter_closes_it():
    app = an_app()
    async with app.run_test(size=(60, 30)) as pilot:
        chat = await ready(pilot)
        await pilot.press("f10")
        await until(pilot, lambda: chat.panel is not None)
        chat.set_focus(chat.panel.listing)
        press(app, "x")
        await settle(pilot)
        assert chat.composer.text == "x"
        assert chat.panel is None


BOXES = [
    lambda: Pick("Theme", [Choice("a", "abc"), Choice("b", "bcd")]),
    AttachFile,
    lambda: OneLine("Title", "old "),
]


@pytest.mark.parametrize("box", BOXES)
async def test_a_box_with_a_text_field_takes_what_is_typed_wherever_the_focus_is(box):
    app = an_app()
    async with app.run_test(size=(100, 40)) as pilot:
        await ready(pilot)
        app.push_screen(box())
        await settle(pilot)
        field = app.screen.query_one(Input)
        before = field.value
        for widget in (None, *app.screen.focus_chain):
            app.screen.set_focus(widget)
            press(app, "a", "b")
            await settle(pilot)
        assert field.value == before + "ab" * (1 + len(app.screen.focus_chain))


async def test_a_list_says_that_nothing_has_the_words_and_then_nothing_is_picked():
    app = an_app()
    async with app.run_test(size=(100, 40)) as pilot:
        await ready(pilot)
        picked = []
        box = Pick("Theme", [Choice("a", "abc"), Choice("b", "bcd")])
        app.push_screen(box, picked.append)
        await settle(pilot)
        await pilot.press("z", "down", "up", "enter")
        await settle(pilot)
        assert app.screen is box
        assert "Nothing has these words." in screen_text(app)
        await pilot.press("backspace", "d", "enter")
        await settle(pilot)
        assert picked == ["b"]


async def test_what_stands_in_a_field_at_first_gives_way_to_what_is_typed_and_only_then():
    app = an_app()
    async with app.run_test(size=(100, 40)) as pilot:
        await ready(pilot)
        app.push_screen(OneLine("Budget", "64", replaced=True))
        await settle(pilot)
        field = app.screen.query_one(Input)
        press(app, "a")
        await settle(pilot)
        app.screen.set_focus(None)
        press(app, "b")
        await settle(pilot)
        assert field.value == "ab"


async def test_no_letter_is_a_command_of_the_chat_or_of_a_box_with_a_field():
    app = an_app()
    for name, keys in app.shown_keys().items():
        if name.partition(".")[0] in {"about", "help", "statistics"}:
            # Nothing can be typed there.
            continue
        for key in keys.split(","):
            assert len(key.strip()) > 1, name
            assert key.strip() not in {"space", "slash"}, name


async def test_what_is_typed_while_a_model_loads_is_kept():
    gate = Gate()

    def load(ref, **options):
        gate(0)
        return FakeEngine(REPLY)

    app = an_app(load=load)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.chat.set_focus(None)
        press(app, *"early")
        await settle(pilot)
        assert app.chat.composer.text == "early"
        gate.open()
        await ready(pilot)


async def test_lines_that_are_pasted_while_a_list_has_the_focus_all_reach_the_field():
    app = an_app()
    async with app.run_test(size=(100, 40)) as pilot:
        await ready(pilot)
        app.push_screen(OneLine("Title"))
        await settle(pilot)
        app.screen.set_focus(None)
        app.post_message(events.Paste("one\r\ntwo\rthree"))
        await settle(pilot)
        assert app.screen.query_one(Input).value == "one two three"
