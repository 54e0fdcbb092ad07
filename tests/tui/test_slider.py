from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from textual import events
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Input

from r1chat.reasoning.budget import LIMIT_TOKENS, Budget
from r1chat.tui.widgets.slider import BudgetSlider


class SliderApp(App[None]):
    def __init__(self, budget: Budget | None = None) -> None:
        super().__init__()
        self.slider = BudgetSlider(budget)
        self.changes: list[Budget] = []
        self.leaked: list[str] = []

    def compose(self) -> ComposeResult:
        yield self.slider
        yield Input()

    def on_budget_slider_changed(self, event: BudgetSlider.Changed) -> None:
        assert event.slider is self.slider
        self.changes.append(event.budget)

    def on_key(self, event: events.Key) -> None:
        self.leaked.append(event.key)


Act = Callable[[Pilot[None], BudgetSlider], Awaitable[None]]


def run(act: Act, budget: Budget | None = None, width: int = 80) -> SliderApp:
    app = SliderApp(budget)

    async def main() -> None:
        async with app.run_test(size=(width, 6)) as pilot:
            app.slider.focus()
            await pilot.pause()
            await act(pilot, app.slider)
            await pilot.pause()

    asyncio.run(main())
    return app


def shown(slider: BudgetSlider) -> str:
    return slider.render_line(0).text.rstrip()


AUTO = Budget.parse("auto")
KEYS = [
    (["right"], Budget(tokens=768)),
    (["left"], Budget(tokens=384)),
    (["shift+right"], Budget(tokens=2048)),
    (["shift+left"], Budget(tokens=128)),
    (["home"], Budget(tokens=0)),
    (["home", "left"], Budget(tokens=0)),
    (["home", "right"], Budget(tokens=64)),
    (["end"], Budget()),
    (["end", "right"], Budget()),
    (["end", "left"], AUTO),
    (["end", "left", "left"], Budget(tokens=32768)),
    (["alt+u"], AUTO),
    (["alt+u", "right"], Budget()),
    (["alt+u", "left"], Budget(tokens=32768)),
    (["alt+u", "alt+s", "alt+s"], AUTO),
    (["alt+n", "right", "alt+u"], Budget(minimum=64, agree=3)),
    (["alt+u", "alt+n", "end"], Budget(minimum=32768, agree=3)),
    (["ctrl+right", "ctrl+right"], Budget(tokens=512, minimum=128)),
    (["ctrl+right", "ctrl+left"], Budget(tokens=512)),
    (["alt+n", "right"], Budget(tokens=512, minimum=64)),
    (["alt+n", "end"], Budget(tokens=512, minimum=512)),
    (["alt+n", "end", "home"], Budget(tokens=512)),
    (["alt+n", "right", "alt+n", "right"], Budget(tokens=768, minimum=64)),
    (["alt+n", "right", "escape", "right"], Budget(tokens=768, minimum=64)),
    (["alt+n", "end", "alt+n", "left"], Budget(tokens=384, minimum=384)),
    (["alt+n", "right", "alt+n", "home"], Budget(tokens=0)),
    (["alt+s"], Budget(seconds=25.6)),
    (["alt+s", "right"], Budget(seconds=30)),
    (["alt+s", "alt+s"], Budget(tokens=512)),
    (["alt+s", "home", "right"], Budget(seconds=5)),
    (["alt+s", "end", "left"], AUTO),
    (["alt+s", "end", "left", "left"], Budget(seconds=1800)),
]


TYPED = [
    ("700", False, Budget(tokens=700)),
    (" 0 ", False, Budget(tokens=0)),
    ("off", False, Budget(tokens=0)),
    ("Max", False, Budget()),
    ("auto", False, AUTO),
    ("1.5s", False, Budget(seconds=1.5)),
    (f"{LIMIT_TOKENS}", False, Budget(tokens=LIMIT_TOKENS)),
    ("99", True, Budget(tokens=512, minimum=99)),
    ("999", True, Budget(tokens=512, minimum=512)),
    ("off", True, Budget(tokens=512)),
]


@pytest.mark.parametrize(("text", "of_minimum", "budget"), TYPED)
def test_a_typed_figure_sets_the_budget(text, of_minimum, budget):
    slider = BudgetSlider(Budget(tokens=512))
    slider.take_typed(text, of_minimum=of_minimum)
    assert slider.value == budget


def test_among_seconds_a_number_alone_is_seconds():
    slider = BudgetSlider(Budget(seconds=5))
    slider.take_typed("90.5")
    assert slider.value == Budget(seconds=90.5)


@pytest.mark.parametrize(("text", "of_minimum"), [("soon", False), ("-3", False), ("30s", True)])
def test_what_is_no_budget_is_refused_in_one_line_and_changes_nothing(text, of_minimum):
    slider = BudgetSlider(Budget(tokens=512))
    with pytest.raises(ValueError, match="is not a") as refused:
        slider.take_typed(text, of_minimum=of_minimum)
    assert "\n" not in str(refused.value)
    assert slider.value == Budget(tokens=512)


def test_keys_set_the_budget():
    # One app for all of them, as the start of one takes longer than a case.
    async def act(pilot, slider):
        slider.tokens_per_s = 20
        for keys, budget in KEYS:
            slider.editing_minimum = False
            slider.unit = "tokens"
            slider.value = Budget(tokens=512)
            await pilot.press(*keys)
            assert slider.value == budget, keys
            await pilot.pause()
            assert pilot.app.changes[-1] == budget, keys
            await pilot.press("escape")

    run(act)


def test_every_key_that_writes_is_left_to_others():
    async def act(pilot, slider):
        del slider
        await pilot.press("escape", *"afsmx7", "full_stop", "space", "backspace")

    app = run(act, Budget(tokens=512))
    assert app.leaked == ["escape", *"afsmx7", "full_stop", "space", "backspace"]
    assert app.changes == []


def test_leaving_leaves_the_minimum():
    async def act(pilot, slider):
        await pilot.press("alt+n", "tab")
        await pilot.pause()
        assert not slider.editing_minimum
        assert slider.value == Budget(tokens=512)

    run(act, Budget(tokens=512))


def test_an_assignment_tells_others_and_changes_the_unit():
    async def act(pilot, slider):
        slider.value = Budget(seconds=30)
        await pilot.pause()
        assert slider.unit == "seconds"
        slider.value = Budget(tokens=99)
        await pilot.pause()
        assert slider.unit == "tokens"
        with slider.prevent(BudgetSlider.Changed):
            slider.value = Budget(tokens=100)

    assert run(act).changes == [Budget(seconds=30), Budget(tokens=99)]


def test_changes_that_come_at_once_arrive_as_one():
    async def act(pilot, slider):
        for tokens in range(100):
            slider.value = Budget(tokens=tokens)
        await pilot.pause()

    assert run(act).changes == [Budget(tokens=99)]


def test_nothing_is_told_of_the_first_value_or_of_the_same_one():
    async def act(pilot, slider):
        slider.value = Budget(tokens=512)
        await pilot.pause()

    assert run(act, Budget(tokens=512)).changes == []


def column_of(slider: BudgetSlider, sign: str) -> int:
    return shown(slider).index(sign)


def test_a_click_on_the_track_goes_there():
    async def act(pilot, slider):
        start = column_of(slider, "off") + 4
        await pilot.click(slider, (start, 0))
        assert slider.value == Budget(tokens=0)
        end = column_of(slider, "max") - 2
        await pilot.click(slider, (end, 0))
        assert slider.value == Budget()
        await pilot.click(slider, (end - 1, 0))
        assert slider.value == AUTO
        assert "auto" in shown(slider)
        await pilot.click(slider, (end, 0))
        await pilot.click(slider, (1, 0))
        assert slider.value == Budget()

    run(act, Budget(tokens=512))


def test_the_thumb_can_be_dragged_past_the_ends():
    async def act(pilot, slider):
        await pilot.mouse_down(slider, (column_of(slider, "●"), 0))
        assert slider.value == Budget(tokens=700)
        await pilot.hover(slider, (79, 0))
        assert slider.value == Budget()
        await pilot.hover(slider, (0, 3))
        assert slider.value == Budget(tokens=0)
        await pilot.mouse_up(slider, (0, 0))
        await pilot.hover(slider, (40, 0))
        assert slider.value == Budget(tokens=0)

    run(act, Budget(tokens=700))


def test_the_thumb_of_the_minimum_can_be_dragged_up_to_the_budget():
    async def act(pilot, slider):
        await pilot.mouse_down(slider, (column_of(slider, "┃"), 0))
        await pilot.hover(slider, (79, 0))
        assert slider.value == Budget(tokens=2048, minimum=2048)
        await pilot.hover(slider, (0, 0))
        await pilot.mouse_up(slider, (0, 0))
        assert slider.value == Budget(tokens=2048)

    run(act, Budget(tokens=2048, minimum=128))


@pytest.mark.parametrize(
    ("event", "tokens"), [(events.MouseScrollUp, 768), (events.MouseScrollDown, 384)]
)
def test_the_wheel_goes_a_stop(event, tokens):
    async def act(pilot, slider):
        slider.post_message(event(slider, 40, 0, 0, 0, 0, shift=False, meta=False, ctrl=False))
        await pilot.pause()

    assert run(act, Budget(tokens=512)).slider.value == Budget(tokens=tokens)


def test_what_is_used_fills_the_track_and_may_pass_the_budget():
    async def act(pilot, slider):
        slider.used = 0
        await pilot.pause()
        assert "━" not in shown(slider)
        slider.used = 512
        await pilot.pause()
        some = shown(slider).count("━")
        slider.used = 4096
        await pilot.pause()
        more = shown(slider).count("━")
        assert 0 < some < more
        slider.value = Budget(tokens=64)
        await pilot.pause()
        # The thumb now stands upon what is used.
        assert shown(slider).count("━") == more - 1 or shown(slider).count("━") == more
        slider.used = -5
        assert slider.used == 0

    run(act, Budget(tokens=2048))


def test_in_seconds_the_time_that_was_used_fills_the_track():
    async def act(pilot, slider):
        slider.used = 100
        await pilot.pause()
        assert "━" not in shown(slider)
        slider.used_s = 20
        await pilot.pause()
        by_clock = shown(slider).count("━")
        slider.used_s = 0
        slider.tokens_per_s = 5
        await pilot.pause()
        assert by_clock > 0
        assert "━" in shown(slider)

    run(act, Budget(seconds=60))


def test_it_says_what_the_budget_means_at_the_measured_speed():
    async def act(pilot, slider):
        assert "≈" not in shown(slider)
        slider.tokens_per_s = 40
        await pilot.pause()
        assert shown(slider).endswith("2,048 tokens  ≈ 51 s")
        slider.tokens_per_s = 0
        assert slider.tokens_per_s is None

    run(act, Budget(tokens=2048))


@pytest.mark.parametrize("width", [36, 40, 50, 60, 80, 120, 200, 300])
def test_it_fits_whatever_the_width(width):
    async def act(pilot, slider):
        for budget in (
            Budget(),
            Budget(tokens=0),
            Budget(tokens=2048, minimum=128),
            Budget(seconds=90, minimum=300),
            Budget(agree=3, minimum=300),
        ):
            slider.value = budget
            for speed in (None, 40):
                slider.tokens_per_s = speed
                for editing in (False, True):
                    slider.editing_minimum = editing
                    line = shown(slider)
                    assert len(line) <= width
                    assert "●" in line or "◆" in line
                    assert line.startswith("▸")
                    assert ("off" in line and "max" in line) or width < 80
            await pilot.pause()
        assert slider.size.height == 1

    run(act, None, width)


def test_narrow_it_leaves_out_the_label_first_then_the_seconds():
    lines = {}
    for width in (36, 50, 64, 80):

        async def act(pilot, slider):
            slider.tokens_per_s = 40
            await pilot.pause()
            lines[width] = shown(slider)  # noqa: B023 - it runs before the next

        run(act, Budget(tokens=2048), width)
    assert ["Thinking budget" in line for line in lines.values()] == [False, False, False, True]
    assert ["≈ 51 s" in line for line in lines.values()] == [False, False, True, True]
    assert ["off" in line for line in lines.values()] == [False, True, True, True]
    assert all("2,048 tokens" in line for line in lines.values())


def test_focus_and_the_minimum_are_seen_without_colours():
    async def act(pilot, slider):
        assert shown(slider).startswith("▸ Thinking budget")
        await pilot.press("alt+n")
        assert shown(slider).startswith("▸ At least")
        assert "◆" in shown(slider)
        assert "≥ 0" in shown(slider)
        await pilot.press("tab")
        assert shown(slider).startswith("  Thinking budget")

    run(act, Budget(tokens=512))


def test_marks_stand_on_the_track_and_give_way_to_thumbs():
    async def act(pilot, slider):
        without = shown(slider)
        slider.marks = (512,)
        await pilot.pause()
        assert shown(slider) == without
        slider.value = Budget(tokens=4096)
        await pilot.pause()
        at = column_of(slider, "┴")
        assert at == without.index("●")
        slider.used = 1024
        await pilot.pause()
        assert column_of(slider, "┷") == at

    run(act, Budget(tokens=512))


def test_among_seconds_a_mark_needs_a_speed():
    async def act(pilot, slider):
        slider.marks = (512,)
        await pilot.pause()
        assert "┴" not in shown(slider)
        slider.tokens_per_s = 20
        await pilot.pause()
        assert "┴" in shown(slider)

    run(act, Budget(seconds=600))


def test_a_key_goes_to_the_last_mark_where_there_is_one():
    async def act(pilot, slider):
        await pilot.press("alt+end")
        assert slider.value == Budget(tokens=512)
        slider.marks = (128, 384)
        await pilot.press("alt+end")
        assert slider.value == Budget(tokens=384)

    run(act, Budget(tokens=512))


def test_it_lives_through_any_size():
    async def act(pilot, slider):
        for width in (1, 2, 5, 12, 300, 36):
            await pilot.resize_terminal(width, 2)
            await pilot.pause()
            assert slider.size.height <= 1

    run(act, Budget(tokens=2048, minimum=128))


def test_every_key_can_be_mapped_anew():
    assert all(binding.id for binding in BudgetSlider.BINDINGS)


def test_snapshot(snap_compare):
    async def before(pilot):
        slider = pilot.app.slider
        slider.tokens_per_s = 40
        slider.used = 384
        slider.focus()
        await pilot.pause()

    app = SliderApp(Budget(tokens=2048, minimum=128))
    assert snap_compare(app, terminal_size=(80, 6), run_before=before)


def test_auto_and_a_mark_look_as_they_did(snap_compare):
    async def before(pilot):
        slider = pilot.app.slider
        slider.tokens_per_s = 40
        slider.marks = (512,)
        await pilot.pause()

    app = SliderApp(Budget.parse("auto", minimum=64))
    assert snap_compare(app, terminal_size=(80, 6), run_before=before)
