from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest
from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.pilot import Pilot
from textual.widgets import Static

from r1chat.events import Injection, Peeked, ThoughtEnded
from r1chat.reasoning.budget import Budget
from r1chat.tui import thought_words as words
from r1chat.tui.widgets.thinking import COUNTS, FLUSHES, ThinkingHeader, ThinkingPane
from tests.tui.chat import until

THOUGHT = """\
Okay, how many 3-digit numbers are divisible by 7? The smallest is 105 and the largest is 994, \
so I count from 15 to 142.

That gives 142 - 15 + 1 = 128. Wait, is 994 right? 142 * 7 = 994, yes.
"""


class PaneApp(App[None]):
    def __init__(self, budget: Budget | None = None, *, collapsed: bool = False) -> None:
        super().__init__()
        self.now = 100.0
        self.pane = ThinkingPane(budget, collapsed=collapsed, clock=lambda: self.now)

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            for number in range(20):
                yield Static(f"above {number}")
            yield self.pane
            yield Static("The answer is 128.", id="answer")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).anchor()


Act = Callable[[Pilot[None], PaneApp], Awaitable[None]]


def run(act: Act, *, size: tuple[int, int] = (80, 24), app: PaneApp | None = None) -> PaneApp:
    app = app or PaneApp(Budget(tokens=1024))

    async def main() -> None:
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await act(pilot, app)

    asyncio.run(main())
    return app


async def count(pilot: Pilot[None]) -> None:
    """Waits until the header has counted once more."""
    pane = pilot.app.pane
    next_time = pane._ticks + FLUSHES // COUNTS
    await until(pilot, lambda: pane._ticks >= next_time)


def screen(app: App[None]) -> list[str]:
    return [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]


def test_the_header_counts_while_it_thinks_and_then_tells_the_cost():
    async def act(pilot, app):
        app.pane.start(Budget(tokens=1024))
        await pilot.pause()
        assert not app.pane.display
        assert not any("Thinking" in row for row in screen(app))
        app.pane.write("So 42.", 3)
        app.pane.flush()
        assert app.pane.display
        app.now += 12.3
        app.pane.write(" And", 312)
        await count(pilot)
        line = "▼ Thinking…  12 s ·   312 of 1,024 tokens"
        assert app.pane.header.text == line
        assert any(row.startswith(line + "  ━━━━━━━┄┄┄") for row in screen(app))
        app.pane.finish(ThoughtEnded("budget", 400, 13.9))
        assert app.pane.header.text == "▼ Thought for 14 s · 400 tokens · ended by budget"
        app.pane.toggle()
        assert app.pane.header.text.startswith("▶ Thought for")

    run(act)


def test_a_budget_that_moves_is_shown_at_once():
    async def act(pilot, app):
        app.pane.start()
        app.pane.write("So", 256)
        app.pane.flush()
        app.pane.budget = Budget(tokens=512)
        assert " 256 of 512 tokens" in app.pane.header.text
        app.pane.budget = Budget(seconds=30)
        assert app.pane.header.text == "▼ Thinking…   0 s of 30 s ·  256 tokens"
        app.pane.budget = Budget()
        assert app.pane.header.text == "▼ Thinking… 0.0 s ·  256 tokens"
        await pilot.pause()
        assert not any("━" in row or "┄" in row for row in screen(app))

    run(act)


def test_a_pause_stops_the_clock():
    async def act(pilot, app):
        app.pane.start()
        app.pane.write("So", 1)
        app.pane.flush()
        app.now += 5
        app.pane.paused = True
        app.now += 60
        assert app.pane.header.text.startswith("▼ Paused    5.0 s")
        app.pane.paused = False
        app.now += 2
        assert app.pane.seconds == pytest.approx(7)

    run(act)


def test_a_thought_that_goes_on_counts_on():
    async def act(pilot, app):
        app.pane.start()
        app.pane.write("So 42.", 3)
        app.pane.finish(ThoughtEnded("natural", 3, 5.0))
        assert app.pane.header.text == "▼ Thought for 5.0 s · 3 tokens"
        app.now += 100
        app.pane.start(Budget())
        app.pane.inject("\nWait,")
        app.pane.flush()
        app.now += 2
        assert app.pane.running
        assert app.pane.seconds == pytest.approx(7)
        assert app.pane.view.text == "So 42.\nWait,"

    run(act)


def test_text_may_come_from_any_thread():
    async def act(pilot, app):
        app.pane.start()

        def produce():
            for number in range(1000):
                app.pane.write(f"{number} ", number)
            app.pane.inject("ours")

        thread = threading.Thread(target=produce)
        thread.start()
        thread.join()
        await count(pilot)
        assert app.pane.view.text == "".join(f"{number} " for number in range(1000)) + "ours"
        assert " 999 " in app.pane.header.text

    run(act)


@pytest.mark.parametrize("thought", ["", "\n", " \n\n "])
def test_an_empty_thought_shows_nothing(thought):
    async def act(pilot, app):
        app.pane.start(Budget(tokens=0))
        if thought:
            app.pane.write(thought)
        app.pane.finish(ThoughtEnded("natural", 0, 0.0))
        await pilot.pause()
        assert not app.pane.display
        assert not any("Th" in row and "The" not in row for row in screen(app))

    run(act)


def test_a_thought_of_injected_words_alone_is_called_none():
    async def act(pilot, app):
        app.pane.start(Budget(tokens=0))
        app.pane.inject("Okay, I think I have finished thinking.")
        app.pane.finish(ThoughtEnded("budget", 0, 0.0))
        assert app.pane.header.text == "▼ No thought · ended by budget"

    run(act)


def test_one_from_the_history_is_shown_whole():
    async def act(pilot, app):
        app.pane.load(
            "So 42.\nWait, no.", (Injection(6, "\nWait,"),), ThoughtEnded("user", 9, 61.0)
        )
        await pilot.pause()
        assert "▸ Wait, no." in screen(app)[-2]
        assert app.pane.header.text == "▼ Thought for 1 min 1 s · 9 tokens · ended by you"

    run(act)


@pytest.mark.parametrize("how", ["enter", "click"])
def test_it_opens_and_closes_by_key_and_mouse(how):
    toggles = []

    async def act(pilot, app):
        app.pane.load(THOUGHT, (), ThoughtEnded("natural", 60, 2.0))
        await pilot.pause()
        for _ in range(2):
            if how == "click":
                await pilot.click(ThinkingHeader)
            else:
                app.pane.header.focus()
                await pilot.press(how)
            await pilot.pause()
            toggles.append(app.pane.collapsed)

    run(act)
    assert toggles == [True, False]


def test_a_closed_one_is_one_line():
    async def act(pilot, app):
        app.pane.load(THOUGHT, (), ThoughtEnded("natural", 60, 2.0))
        await pilot.pause()
        assert app.pane.collapsed
        assert app.pane.size.height == 1
        app.pane.toggle()
        await pilot.pause()
        assert app.pane.size.height == 5
        assert "That gives" in "".join(screen(app))

    run(act, app=PaneApp(collapsed=True))


def test_a_closed_one_wraps_nothing_while_text_comes():
    async def act(pilot, app):
        app.pane.start()
        await pilot.pause()
        for _ in range(100):
            app.pane.write("So 12 + 30 is 42. ")
        await count(pilot)
        assert app.pane.display
        assert app.pane.view._page.width == 0
        app.pane.toggle()
        await pilot.pause()
        assert app.pane.view.size.height == 9

    run(act, app=PaneApp(collapsed=True))


def test_what_is_set_before_it_is_mounted_counts():
    async def act(pilot, app):
        pane = ThinkingPane()
        pane.collapsed = True
        pane.start(Budget(tokens=64))
        pane.write(THOUGHT, 60)
        pane.finish(ThoughtEnded("budget", 64, 2.0))
        await app.query_one(VerticalScroll).mount(pane)
        await pilot.pause()
        assert pane.size.height == 1
        assert screen(app)[-1] == "▶ Thought for 2.0 s · 64 tokens · ended by budget"

    run(act)


def test_a_doubt_in_a_closed_one_opens_it():
    async def act(pilot, app):
        app.pane.load(THOUGHT, (), ThoughtEnded("natural", 60, 2.0))
        await pilot.pause()
        app.pane.go_to_moment(-1)
        await pilot.pause()
        assert not app.pane.collapsed
        assert any("↺▏That gives" in row for row in screen(app))

    run(act, app=PaneApp(collapsed=True))


def test_one_that_is_cleared_can_be_used_again():
    async def act(pilot, app):
        app.pane.load(THOUGHT * 9, (), ThoughtEnded("budget", 60, 2.0))
        await pilot.pause()
        app.pane.view.move_cursor(-1)
        app.pane.clear()
        await pilot.pause()
        assert app.pane.size.height == 0
        app.pane.start(Budget(tokens=64))
        app.pane.write("Another.", 2)
        await count(pilot)
        assert app.pane.header.text == "▼ Thinking… 0.0 s ·    2 of 64 tokens"
        assert screen(app)[-2].strip() == "Another."

    run(act)


def test_opening_and_closing_leaves_the_conversation_at_its_end():
    async def act(pilot, app):
        conversation = app.query_one(VerticalScroll)
        app.pane.load(THOUGHT * 3, (), ThoughtEnded("natural", 60, 2.0))
        await pilot.pause()
        for _ in range(4):
            await pilot.click(ThinkingHeader)
            await pilot.pause()
            assert screen(app)[-1] == "The answer is 128."
            assert not conversation._anchor_released

    run(act)


def test_closing_does_not_scroll_a_reader_further_up():
    async def act(pilot, app):
        conversation = app.query_one(VerticalScroll)
        app.query_one("#answer", Static).update("\n".join("below" * 30))
        app.pane.load(THOUGHT * 3, (), ThoughtEnded("natural", 60, 2.0))
        await pilot.pause()
        app.pane.view.focus(scroll_visible=False)
        await pilot.pause()
        conversation.scroll_to(y=2, animate=False)
        await pilot.pause()
        app.pane.toggle()
        await pilot.pause()
        app.pane.toggle()
        await pilot.pause()
        assert conversation.scroll_y == 2
        assert app.focused is app.pane.header

    run(act)


@pytest.mark.parametrize("width", [80, 40, 20, 8, 1])
def test_the_header_fits(width):
    async def act(pilot, app):
        app.pane.start(Budget(tokens=32768))
        app.pane.write("So", 12345)
        await count(pilot)
        if width > 8:
            assert len(app.pane.header.text) <= width
            assert "12,345" in app.pane.header.text
        app.pane.finish(ThoughtEnded("loop", 20000, 500.0))
        await pilot.pause()
        if width >= 40:
            assert len(app.pane.header.text) <= width
            assert "looping" in app.pane.header.text

    run(act, size=(width, 24))


@pytest.mark.parametrize("budget", [Budget(tokens=1024), Budget(tokens=64), Budget(seconds=30)])
def test_figures_keep_their_width(budget):
    said = [words.thinking(t, n, budget)[0] for t, n in ((0, 0), (9, 9), (29, 60))]
    assert len({len(text) for text in said}) == 1


@pytest.mark.parametrize(
    ("seconds", "count", "budget", "expected"),
    [
        (5, 512, Budget(tokens=1024), 0.5),
        (5, 2000, Budget(tokens=1024), 1.0),
        (15, 0, Budget(seconds=30), 0.5),
        (15, 9, Budget(tokens=10, seconds=30), 0.9),
        (15, 0, Budget(tokens=0), 1.0),
        (15, 0, Budget(), None),
    ],
)
def test_the_part_of_the_budget_that_is_spent(seconds, count, budget, expected):
    assert words.fraction(seconds, count, budget) == expected


def test_every_reason_has_its_words():
    assert words.thought(ThoughtEnded("natural", 1, 0.4)) == [
        "Thought for 0.4 s · 1 token",
        "Thought for 0.4 s",
        "0.4 s",
    ]
    assert words.thought(ThoughtEnded("context", 2000, 75))[0] == (
        "Thought for 1 min 15 s · 2,000 tokens · ended because the context was full"
    )


def test_a_look_ahead_leaves_the_bar_in_its_place():
    async def act(pilot, app):
        app.pane.start(Budget(tokens=1024))
        app.pane.write("So", 312)
        app.pane.flush()
        app.pane.look_ahead()
        starts = set()
        for peeked in (None, Peeked("42", 312, 1), Peeked("42", 312, 3), Peeked(None, 312, 0)):
            if peeked is not None:
                app.pane.peek(peeked)
            await pilot.pause()
            row = next(row for row in screen(app) if "so far" in row)
            starts.add(row.index("━"))
        assert len(starts) == 1
        app.pane.finish(ThoughtEnded("agreed", 320, 2.0))
        assert app.pane.header.text.endswith("ended by agreement")

    run(act)


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (80, "▼ Thinking… 0.0 s ·   312 of 1,024 tokens · so far: 1,024 (3 times)"),
        (60, "▼ Thinking… 0.0 s ·   312 of 1,024 tokens · so far: 1,024"),
        (40, "▼ 0.0 s ·   312/1,024 · so far: 1,024"),
        (24, "▼   312 · so far: 1,024"),
        (12, "▼   312"),
    ],
)
def test_a_look_ahead_fits_beside_the_count(width, shown):
    async def act(pilot, app):
        app.pane.start(Budget(tokens=1024))
        app.pane.write("So", 312)
        app.pane.peek(Peeked("1,024", 312, 3))
        app.pane.flush()
        await pilot.pause()
        assert app.pane.header.text == shown

    run(act, size=(width, 24))


def test_a_look_ahead_of_the_thought_before_is_forgotten():
    async def act(pilot, app):
        app.pane.start()
        app.pane.write("So 42.", 3)
        app.pane.peek(Peeked("42", 3, 3))
        app.pane.finish(ThoughtEnded("agreed", 3, 5.0))
        assert app.pane.header.text.endswith("ended by agreement: 42 (3 times)")
        app.pane.start()
        await pilot.pause()
        assert "42" not in app.pane.header.text

    run(act)


def test_a_minimum_that_was_not_reached_is_told():
    async def act(pilot, app):
        app.pane.start(Budget(minimum=512))
        app.pane.write("So 42.", 240)
        app.pane.finish(ThoughtEnded("natural", 240, 5.0))
        told = "▼ Thought for 5.0 s · 240 tokens · ended by itself, short of 512"
        assert app.pane.header.text == told
        # What is set for the next one changes nothing about it.
        app.pane.budget = Budget()
        assert app.pane.header.text == told
        await pilot.pause()

    run(act)


def test_the_mathematics_of_looks_is_written_in_signs():
    assert words.so_far(Peeked(r"\frac{1}{2}\pi", 9, 1))[0] == "so far: (1/2)π"
    assert words.so_far(Peeked(r"\frac{", 9, 1))[0] == r"so far: \frac{"


def test_long_answers_of_looks_are_cut():
    said = words.so_far(Peeked("x" * 99, 9, 2))
    assert said[0] == f"so far: {'x' * 29}… (2 times)"
    assert len(said[-1]) == len("so far: ") + 12


def test_snapshot(snap_compare):
    app = PaneApp(Budget(tokens=1024))

    async def before(pilot: Pilot[None]) -> None:
        app.pane.start()
        app.pane.write(THOUGHT, 60)
        app.pane.inject("\nWait, negative numbers?")
        app.pane.write(" A reader means positive ones. 你好世界。", 312)
        app.pane.flush()
        app.now += 12
        app.pane.budget = Budget(tokens=512)
        app.pane.view.focus(scroll_visible=False)
        await pilot.press("ctrl+up")
        await pilot.pause()

    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


def test_a_look_ahead_looks_as_it_did(snap_compare):
    app = PaneApp(Budget(tokens=1024))

    async def before(pilot: Pilot[None]) -> None:
        app.pane.start()
        app.pane.write(THOUGHT, 312)
        app.pane.peek(Peeked("128", 312, 3))
        app.pane.flush()
        app.now += 12
        app.pane.budget = Budget(tokens=512)
        await pilot.pause()

    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


@pytest.mark.parametrize("collapsed", [False, True])
@pytest.mark.parametrize("key", ["alt+up", "alt+down", "ctrl+up"])
def test_the_keys_that_choose_a_paragraph_work_on_the_header_too(key: str, collapsed: bool) -> None:
    async def act(pilot: Pilot[None], app: PaneApp) -> None:
        app.pane.load(f"{THOUGHT}\n{THOUGHT}", (), ThoughtEnded("natural", 60, 2.0))
        app.pane.collapsed = collapsed
        await pilot.pause()
        app.pane.header.focus()
        await pilot.pause()
        await pilot.press(key)
        await until(pilot, lambda: app.pane.view.cursor is not None)
        assert app.focused is app.pane.view
        assert not app.pane.collapsed
        first = app.pane.view.cursor
        await pilot.press("alt+up")
        assert app.pane.view.cursor is not None
        assert app.pane.view.cursor < first

    run(act)
