from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

import pytest
from textual import events
from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.geometry import Offset
from textual.pilot import Pilot
from textual.selection import Selection
from textual.widgets import Static

from r1chat.tui.widgets.thought import ThoughtView

LINES = "\n".join(f"line {number}" for number in range(100))
THOUGHT = (
    "So 12 + 30 is 42 and that is what was asked for.\n\nWait, is it? 30 + 12 = 42.\n"
    + "The rest is dull and goes on and on until it ends.\n" * 20
    + "Hmm, let me see.\n"
    + "More of it.\n" * 20
)


class ViewApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.view = ThoughtView()
        self.chosen: list[ThoughtView.ParagraphChosen] = []

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Static("above")
            yield self.view
            yield Static("below")

    def on_thought_view_paragraph_chosen(self, event: ThoughtView.ParagraphChosen) -> None:
        self.chosen.append(event)


Act = Callable[[Pilot[None], ThoughtView], Awaitable[None]]


def run(act: Act, size: tuple[int, int] = (40, 20)) -> ViewApp:
    app = ViewApp()

    async def main() -> None:
        async with app.run_test(size=size) as pilot:
            app.view.focus()
            await pilot.pause()
            await act(pilot, app.view)

    asyncio.run(main())
    return app


def screen(app: App[None]) -> list[str]:
    return [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]


def shown(view: ThoughtView) -> list[str]:
    return [view.render_line(y).text.rstrip() for y in range(view.size.height)]


def top(view: ThoughtView) -> str:
    return shown(view)[0].strip()


def test_it_grows_with_its_text_up_to_its_part_of_the_screen():
    async def act(pilot, view):
        assert view.size.height == 0
        view.write("one")
        await pilot.pause()
        assert view.size.height == 1
        view.write("\ntwo")
        await pilot.pause()
        assert screen(pilot.app)[:4] == ["above", "  one", "  two", "below"]
        view.write("\n" + LINES)
        await pilot.pause()
        assert view.size.height == 8
        await pilot.resize_terminal(40, 30)
        await pilot.pause()
        assert view.size.height == 12
        view.tallest = 0.2
        await pilot.pause()
        assert view.size.height == 6

    run(act)


def test_it_follows_the_tail():
    async def act(pilot, view):
        for number in range(12):
            view.write(f"line {number}\n")
            await pilot.pause()
        assert shown(view)[-1] == "  line 11"
        assert "  line 11" in screen(pilot.app)

    run(act)


def test_what_comes_changes_nothing_for_a_reader_further_up():
    async def act(pilot, view):
        view.write(LINES)
        await pilot.pause()
        view.scroll_up(animate=False)
        view.scroll_up(animate=False)
        await pilot.pause()
        assert not view.following
        before = screen(pilot.app)
        for _ in range(8):
            view.write("\nmore and more")
            await pilot.pause()
        after = screen(pilot.app)
        assert [line[:39].rstrip() for line in after] == [line[:39].rstrip() for line in before]

    run(act)


@pytest.mark.parametrize("key", ["end", "pagedown"])
def test_it_follows_again_once_the_reader_is_back_at_the_end(key):
    async def act(pilot, view):
        view.write(LINES)
        await pilot.pause()
        await pilot.press("up", "up")
        await pilot.wait_for_animation()
        assert not view.following
        await pilot.press(key)
        await pilot.wait_for_animation()
        assert view.following
        view.write("\nlast")
        await pilot.pause()
        assert shown(view)[-1] == "  last"

    run(act)


def test_keys_toward_the_end_do_not_let_go_of_it():
    async def act(pilot, view):
        view.write(LINES)
        await pilot.pause()
        await pilot.press("down", "pagedown", "end")
        view.write("\nlast")
        await pilot.pause()
        assert view.following
        assert shown(view)[-1] == "  last"

    run(act)


def test_the_wheel_lets_go_of_the_end():
    async def act(pilot, view):
        view.write(LINES)
        await pilot.pause()
        await pilot._post_mouse_events([events.MouseScrollUp], view)
        await pilot.pause()
        assert not view.following

    run(act)


def test_another_width_keeps_the_place():
    async def act(pilot, view):
        view.write(THOUGHT)
        await pilot.pause()
        view.scroll_to(y=3, animate=False)
        await pilot.pause()
        before = top(view)
        await pilot.resize_terminal(23, 20)
        await pilot.pause()
        assert before.startswith(top(view))
        await pilot.resize_terminal(40, 20)
        await pilot.pause()
        assert top(view) == before

    run(act)


@pytest.mark.parametrize("following", [True, False])
def test_down_to_one_cell_and_back_the_place_is_the_same(following):
    async def act(pilot, view):
        view.write(THOUGHT + "你好世界👩\u200d🔬" * 30)
        await pilot.pause()
        if not following:
            view.scroll_to(y=9, animate=False)
            await pilot.pause()
        before = shown(view)
        seeded = random.Random(1)
        sizes = [(seeded.randint(1, 60), seeded.randint(1, 30)) for _ in range(10)]
        for width, height in [*sizes, (1, 1), (300, 100), (2, 1), (3, 2), (40, 20)]:
            await pilot.resize_terminal(width, height)
            await pilot.pause()
        assert view.following is following
        assert shown(view) == before

    run(act)


def test_text_may_come_while_it_is_resized():
    async def act(pilot, view):
        seeded = random.Random(2)
        for number in range(12):
            view.write(f"line {number} of some text that wraps\n")
            await pilot.resize_terminal(seeded.randint(1, 50), seeded.randint(1, 25))
        await pilot.resize_terminal(60, 20)
        await pilot.pause()
        assert shown(view)[-1] == "  line 11 of some text that wraps"

    run(act)


def test_nothing_is_wrapped_while_it_is_hidden():
    async def act(pilot, view):
        view.write("seen\n")
        await pilot.pause()
        view.display = False
        await pilot.pause()
        wraps = []
        update, view._page.update = view._page.update, wraps.append
        for _ in range(100):
            view.write("So 12 + 30 is 42. ")
        await pilot.pause()
        assert not wraps
        view._page.update = update
        view.display = True
        await pilot.pause()
        assert view.size.height == 8
        assert "So 12 + 30" in "".join(shown(view))
        assert view.following

    run(act)


def test_a_long_thought_is_there_at_once():
    async def act(pilot, view):
        view.display = False
        view.write("So 12 + 30 is 42, I think. " * 4000)
        before = time.process_time()
        view.display = True
        await pilot.pause()
        # Some 20 ms; the limit only tells it from what grows with the square.
        assert time.process_time() - before < 1
        assert view.virtual_size.height > 2000

    run(act)


def test_doubts_are_marked_and_reached_by_key():
    async def act(pilot, view):
        view.write(THOUGHT)
        await pilot.pause()
        assert view.moments == 2
        await pilot.press("f7")
        assert any(line.startswith("↺▏Hmm") for line in shown(view))
        await pilot.press("f7")
        assert any(line.startswith("↺▏Wait") for line in shown(view))
        assert not view.previous_moment()
        await pilot.press("f8")
        assert any(line.startswith("↺▏Hmm") for line in shown(view))
        assert not view.next_moment()
        assert not view.following

    run(act)


def test_a_doubt_is_marked_where_its_sentence_began():
    async def act(pilot, view):
        for char in "I had thought so. But wait":
            view.write(char)
        await pilot.pause()
        assert shown(view)[0].startswith("  ")
        view.write(", no")
        await pilot.pause()
        assert shown(view)[0].startswith("↺ ")

    run(act, size=(80, 20))


def test_injected_words_have_a_mark_and_a_style():
    async def act(pilot, view):
        view.write("So 42.")
        view.inject("\nWait,")
        view.write(" no")
        await pilot.pause()
        assert shown(view) == ["  So 42.", "▸ Wait, no"]
        styles = {segment.text: segment.style for segment in view.render_line(1)}
        assert styles["Wait,"].italic
        assert not styles[" no"].italic
        assert styles["Wait,"].color != styles[" no"].color

    run(act)


def test_the_cursor_goes_by_paragraphs_and_tells_which():
    text = "one\x1b[31m red\n\n\ntwo\nthree"

    async def act(pilot, view):
        view.write(text)
        await pilot.pause()
        await pilot.press("enter")
        await pilot.press("ctrl+up")
        assert view.paragraph_at_cursor.text == "three"
        await pilot.press("ctrl+up")
        assert shown(view)[2] == " ▏two"
        await pilot.press("ctrl+up", "ctrl+up", "ctrl+up")
        assert view.paragraph_at_cursor.text == "one red"
        await pilot.press("enter")
        await pilot.press("ctrl+down", "enter")
        await pilot.press("escape", "enter")
        assert view.cursor is None

    app = run(act)
    assert [text[event.offset : event.end] for event in app.chosen] == [
        "one\x1b[31m red\n",
        "two\n",
    ]
    assert app.chosen[0].view is app.view


def test_the_cursor_stays_while_text_comes():
    async def act(pilot, view):
        view.write(LINES)
        await pilot.pause()
        view.move_cursor(-1)
        before = shown(view)
        view.write("\nmore" * 20)
        await pilot.pause()
        assert shown(view) == before
        await pilot.press("end")
        assert shown(view)[-1] == "  more"
        assert view.cursor is None

    run(act)


def test_a_selection_is_copied_without_the_breaks_of_wrapping():
    async def act(pilot, view):
        view.write("alpha beta gamma delta epsilon zeta eta theta\niota kappa")
        await pilot.pause()
        assert shown(view)[0] == "  alpha beta gamma delta epsilon zeta"
        await pilot.mouse_down(view, offset=(8, 0))
        await pilot.hover(view, offset=(5, 2))
        await pilot.mouse_up(view, offset=(5, 2))
        await pilot.pause()
        expected = "beta gamma delta epsilon zeta eta theta\niota"
        assert pilot.app.screen.get_selected_text() == expected
        selected = [segment.text for segment in view.render_line(0)][2:4]
        assert selected == ["alpha ", "beta gamma delta epsilon zeta"]
        await pilot.resize_terminal(20, 20)
        await pilot.pause()
        assert pilot.app.screen.get_selected_text() == expected

    run(act)


def test_everything_can_be_selected_and_the_gutter_is_no_text():
    async def act(pilot, view):
        view.write("字字字 one\n\ntwo")
        await pilot.pause()
        assert view.get_selection(Selection(None, None)) == ("字字字 one\n\ntwo", "\n")
        _, offset = pilot.app.screen.get_widget_and_offset_at(1, view.region.y + 0)
        assert offset == Offset(0, 0)
        _, offset = pilot.app.screen.get_widget_and_offset_at(4, view.region.y + 0)
        assert offset == Offset(1, 0)
        _, offset = pilot.app.screen.get_widget_and_offset_at(9, view.region.y + 1)
        assert offset == Offset(1, 1)

    run(act)


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_no_escape_reaches_the_screen(cut):
    nasty = "a\x1b]52;c;aGk=\x07b\x1b[2Jc\x9b31md\x00\x08e\x1b]0;title\x1b\\f\u202eg\x7fh\rij"

    async def act(pilot, view):
        view.write(nasty[:cut])
        view.write(nasty[cut:])
        view.inject(nasty)
        view.close()
        await pilot.pause()
        text = "".join(screen(pilot.app))
        assert text.isprintable()
        assert "abcdefghijabcdefghij" in text

    run(act, size=(60, 10))


def test_what_the_sanitiser_holds_back_comes_at_the_end():
    async def act(pilot, view):
        view.write("so\x1b]0;never ends")
        await pilot.pause()
        assert shown(view) == ["  so"]
        view.close()
        await pilot.pause()
        assert shown(view) == ["  so]0;never ends"]

    run(act)


def test_another_theme_changes_the_colours():
    async def act(pilot, view):
        view.write("one")
        await pilot.pause()
        before = view.render_line(0)
        pilot.app.theme = "textual-light"
        await pilot.pause()
        await pilot.pause()
        assert list(view.render_line(0)) != list(before)

    run(act)
