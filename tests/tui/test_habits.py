"""What people expect of a chat in a terminal."""

from __future__ import annotations

import pytest
from textual.color import Color
from textual.widgets._toast import Toast

from r1chat import themes
from r1chat.engine.fake import Pause
from r1chat.tui.services.themes import contrast, grey
from r1chat.tui.widgets.key_bar import KeyBar
from r1chat.tui.widgets.tail_sign import TailSign
from tests.tui.chat import ENDLESS, Gate, an_app, ask, begin, ready, rest, thought, until

pytestmark = pytest.mark.asyncio

SHIPPED = sorted(themes.load()[0])
LONG_ANSWER = ("A thought.\n", "</think>", *(f"Line {number}.\n\n" for number in range(60)))


async def settle(pilot) -> None:
    for _ in range(3):
        await pilot.pause()


# -- what can be read --


async def test_every_word_of_the_keys_can_be_read_in_every_theme():
    app = an_app()
    async with app.run_test() as pilot:
        await ready(pilot)
        app.themes.load_all()
        bar = app.chat.query_one(KeyBar)
        for name in SHIPPED:
            app.theme = name
            await settle(pilot)
            ground = bar.background_colors[1]
            for part in ("key-bar--key", "key-bar--unable"):
                style = bar.get_visual_style(part)
                text = style.background + style.foreground
                assert contrast(text, ground) >= 4.5, (name, part)


@pytest.mark.parametrize("name", SHIPPED)
async def test_what_is_greyed_can_be_read_on_every_ground_of_a_theme(name):
    app = an_app()
    async with app.run_test():
        app.themes.load_all()
        app.theme = name
        grounds = {each: Color.parse(app.theme_variables[each]) for each in GROUNDS}
        for token in ("text-disabled", "text-muted", "foreground", "footer-key-foreground"):
            for ground, behind in grounds.items():
                shown = behind + on(behind, app.theme_variables[token])
                assert contrast(shown, behind) >= 4.5, (token, ground)


GROUNDS = ("background", "surface", "panel")


def on(ground: Color, colour: str) -> Color:
    """A colour of a theme where it stands on a ground: "auto 60%" goes by it."""
    name, _, share = colour.partition(" ")
    return (
        ground.get_contrast_text(float(share[:-1]) / 100) if name == "auto" else Color.parse(name)
    )


async def test_a_grey_is_paler_than_what_applies_where_it_can_be():
    pale = Color.parse(grey("#ffffff", ["#000000", "#101010"]))
    assert contrast(pale, Color.parse("#000000")) < 10
    assert grey("#777777", ["#707070"]).lower() == "#777777"


# -- the keys --


@pytest.mark.parametrize("key", ["f1", "alt+v", "f6", "ctrl+p"])
async def test_below_a_dialog_the_line_of_keys_names_the_dialogs_alone(key):
    app = an_app(LONG_ANSWER)
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        await rest(pilot)
        await settle(pilot)
        bar = chat.query_one(KeyBar)
        before = bar.render_line(0).text
        await pilot.press(key)
        await settle(pilot)
        assert app.screen.is_modal
        await until(pilot, lambda: bar.render_line(0).text != before)
        shown = {each.description for _, each, *_ in app.screen.active_bindings.values()}
        named = bar._shown.values()
        assert named
        assert {each.about for each in named} <= shown
        # Another before it, and back to the first.
        first, text = app.screen, bar.render_line(0).text
        if key != "ctrl+p":
            await pilot.press("ctrl+p")
            await until(pilot, lambda: app.screen is not first)
            await until(pilot, lambda: "command palette" in bar.render_line(0).text)
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is first)
            await until(pilot, lambda: bar.render_line(0).text == text)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is chat)
        await until(pilot, lambda: bar.render_line(0).text == before)


@pytest.mark.parametrize("width", [60, 80, 160])
@pytest.mark.parametrize("state", ["rest", "thinking"])
async def test_the_line_of_keys_ends_with_help_and_the_models(width, state):
    app = an_app(ENDLESS if state == "thinking" else LONG_ANSWER)
    async with app.run_test(size=(width, 24)) as pilot:
        chat = await begin(pilot)
        await (thought(pilot) if state == "thinking" else rest(pilot))
        await settle(pilot)
        bar = chat.query_one(KeyBar)
        text = bar.render_line(0).text.rstrip()
        assert len(text) <= width
        assert "f1 Help" in text
        assert "f3 Model" in text
        # Each is pressed by a click.
        at = text.index("f1 Help") + 1
        await pilot.click(KeyBar, offset=(at, 0))
        await until(pilot, lambda: app.screen is not chat)
        await pilot.press("escape")
        await pilot.press("escape")
        await rest(pilot)


# -- what is said --


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (80, 16), (80, 12), (40, 18)])
@pytest.mark.parametrize("lines", [1, 9])
async def test_what_is_said_never_covers_what_is_written(size, lines):
    app = an_app()
    async with app.run_test(size=size, notifications=True) as pilot:
        chat = await ready(pilot)
        chat.composer.load_text("\n".join("abc" for _ in range(lines)))
        for number in range(6):
            app.notify(f"Note {number}: " + "words " * 12, timeout=60)
        await settle(pilot)
        composer = chat.composer.region
        for y in range(composer.y, composer.bottom):
            for x in range(0, size[0], 3):
                widget, _ = app.screen.get_widget_at(x, y)
                assert not any(isinstance(each, Toast) for each in widget.ancestors_with_self)
        assert any(toast.region.height for toast in app.screen.query(Toast))


# -- the tail --


async def test_a_sign_says_that_there_is_new_text_and_leads_there():
    gate = Gate()
    app = an_app(LONG_ANSWER, (*LONG_ANSWER, Pause(1), *LONG_ANSWER[2:]), sleep=gate)
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await ask(pilot, "one")
        sign = chat.query_one(TailSign)
        assert not sign.display
        await pilot.press("pageup")
        await pilot.wait_for_animation()
        assert not sign.display, "nothing is new"
        await begin(pilot, "two")
        await until(pilot, lambda: "Line 59" in chat.last.answer.source)
        await settle(pilot)
        assert not sign.display, "it follows"
        await pilot.press("pageup")
        await pilot.wait_for_animation()
        gate.open()
        await rest(pilot)
        await until(pilot, lambda: sign.display)
        assert "new text" in str(sign.render())
        await pilot.click(TailSign)
        await settle(pilot)
        assert chat.conversation.scroll_y == chat.conversation.max_scroll_y
        assert not sign.display


async def test_end_returns_to_the_tail_from_the_composer_once_the_line_has_ended():
    app = an_app(LONG_ANSWER)
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await ask(pilot)
        await pilot.press("pageup")
        await pilot.wait_for_animation()
        assert chat.conversation.scroll_y < chat.conversation.max_scroll_y
        await pilot.press("a", "b", "home", "end")
        assert chat.conversation.scroll_y < chat.conversation.max_scroll_y
        await pilot.press("end")
        await settle(pilot)
        assert chat.conversation.scroll_y == chat.conversation.max_scroll_y
        assert chat.composer.text == "ab"
