"""What helps to decide how long it thinks: previews, the budget "auto", marks on the slider."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from textual import events

from r1chat import paths
from r1chat.engine.fake import INFO, FakeEngine, Pause
from r1chat.evaluation.curves import fingerprint
from r1chat.reasoning.budget import Budget
from r1chat.settings import Settings
from tests.tui.chat import (
    ENDLESS,
    Gate,
    an_app,
    begin,
    loading,
    ready,
    rest,
    thought,
    type_figure,
    until,
)

pytestmark = pytest.mark.asyncio

AUTO = Budget.parse("auto")
LONG = (
    *(f"thought {number}.\n" for number in range(10)),
    Pause(1),
    *(f"thought {number}.\n" for number in range(10, 400)),
    *ENDLESS[-2:],
)
"""A thought that stands still at a gate in its middle."""


def seeing(*finals, settings=None, script=ENDLESS, **options):
    """The app, with an engine whose previews find these answers."""
    engine = FakeEngine(script, finals=finals, **options)
    return an_app(load=loading(engine), settings=settings)


def header(chat):
    return chat.last.thinking.header.text


async def test_a_look_ahead_is_shown_beside_the_count_while_the_thought_goes_on():
    app = seeing("41", "42", "42", "42")
    async with app.run_test(size=(100, 30)) as pilot:
        chat = await begin(pilot)
        await thought(pilot)
        assert "so far" not in header(chat)
        for found in ("41", "42", "42 (2 times)", "42 (3 times)"):
            await pilot.press("alt+p")
            await until(pilot, lambda found=found: header(chat).endswith(f"so far: {found}"))
        assert chat.thinking
        await pilot.press("escape")
        await rest(pilot)
        assert "so far" not in header(chat)
        assert not chat.last.node.turn.reply.injected


async def test_a_look_that_finds_nothing_says_so():
    app = seeing(None)
    async with app.run_test(size=(100, 30)) as pilot:
        chat = await begin(pilot)
        await thought(pilot)
        await pilot.press("alt+p")
        await until(pilot, lambda: header(chat).endswith("so far: no answer"))
        await pilot.press("escape")
        await rest(pilot)


async def test_what_a_look_finds_cannot_steer_the_terminal():
    app = seeing("\x1b[31m4\n2")
    async with app.run_test(size=(100, 30)) as pilot:
        chat = await begin(pilot)
        await thought(pilot)
        await pilot.press("alt+p")
        await until(pilot, lambda: header(chat).endswith("so far: 4 2"))
        await pilot.press("escape")
        await rest(pilot)


async def test_nobody_is_offered_a_look_where_nothing_is_thought_about():
    app = seeing("42")
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        assert not chat.check_action("look_ahead", ())
        chat.composer.post_message(events.Key("alt+p", "p"))
        await pilot.pause()
        assert chat.composer.text == ""


async def test_looks_come_by_themselves_where_that_is_set():
    app = seeing("42", settings=Settings(peek=5, pace=0))
    async with app.run_test(size=(100, 30)) as pilot:
        chat = await begin(pilot)
        await until(
            pilot, lambda: chat.last and chat.last.thinking.running and "times)" in header(chat)
        )
        await pilot.press("escape")
        await rest(pilot)


async def test_the_budget_auto_ends_the_thought_when_the_looks_agree():
    settings = Settings(budget="auto", pace=0)
    app = seeing("7", "42", settings=settings, sleep=lambda _: None)
    async with app.run_test(size=(100, 30)) as pilot:
        chat = await begin(pilot)
        assert chat.slider.value == AUTO
        await rest(pilot)
        assert header(chat).endswith("ended by agreement: 42 (3 times)")
        assert chat.last.node.turn.reply.receipt.budget == "auto"


async def test_auto_that_is_chosen_while_it_thinks_holds_at_once_and_is_remembered(home):
    gate = Gate()
    app = seeing("42", script=LONG, sleep=gate)
    app.preferences._saves = True
    async with app.run_test(size=(100, 30)) as pilot:
        chat = await begin(pilot)
        await thought(pilot, "thought 9.")
        await pilot.press("f5", "alt+u")
        gate.open()
        await rest(pilot)
        assert chat.last.node.turn.reply.receipt.thought_ended_by == "agreed"
        await until(pilot, lambda: paths.settings_file().exists())
    assert json.loads(paths.settings_file().read_text())["budget"] == "auto"
    again = an_app(settings=Settings(budget="auto", min_think=64))
    assert again.preferences.budget == Budget.parse("auto", minimum=64)


async def test_a_figure_in_the_place_of_auto_holds_at_once():
    gate = Gate()
    settings = Settings(budget="auto", pace=0)
    app = seeing(None, settings=settings, script=LONG, sleep=gate)
    async with app.run_test(size=(100, 30)) as pilot:
        chat = await begin(pilot)
        await thought(pilot, "thought 9.")
        await pilot.press("f5")
        await type_figure(pilot, "5")
        gate.open()
        await rest(pilot)
        assert chat.last.node.turn.reply.receipt.thought_ended_by == "budget"


class Measured(FakeEngine):
    """An engine whose file was measured."""

    def __init__(self, path, script=ENDLESS, **options) -> None:
        super().__init__(script, **options)
        self.path = path

    @property
    def info(self):
        return replace(INFO, path=str(self.path))


def measured(file, *flattens):
    """Writes down that a model was measured."""
    curves = {str(number): {"flattens_at": at} for number, at in enumerate(flattens)}
    values = {"schema": 1, "models": {fingerprint(file): {"curves": curves}}}
    path = paths.folder("data") / "evaluations.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


async def test_where_the_accuracy_flattens_is_marked_and_said(tmp_path):
    file = tmp_path / "model.gguf"
    file.write_bytes(b"weights")
    measured(file, 1024, 128, None)
    app = an_app(load=loading(Measured(file)))
    async with app.run_test(size=(100, 30)) as pilot:
        chat = await ready(pilot)
        await until(pilot, lambda: chat.slider.marks)
        await pilot.pause()
        assert chat.slider.marks == (128, 1024)
        assert chat.slider.render_line(0).text.count("┴") == 2
        assert not chat.composer.border_subtitle
        assert "(measured)" in str(chat.slider.tooltip)
        await pilot.press("f5")
        await pilot.pause()
        said = "accuracy flattens at 128–1,024 tokens (measured)"
        assert chat.composer.border_subtitle == said
        await pilot.press("alt+end")
        await pilot.pause()
        assert chat.slider.value == Budget(tokens=1024)
        await pilot.press("alt+u")
        await pilot.pause()
        assert chat.composer.border_subtitle == "ends when the model is sure of its answer"
        await pilot.press("f5")
        await pilot.pause()
        assert not chat.composer.border_subtitle
        # Another model has other marks, or none.
        (tmp_path / "other.gguf").write_bytes(b"others")
        app.model.loader._load = loading(Measured(tmp_path / "other.gguf"))
        app.load_model("other")
        await until(pilot, lambda: app.engine is not None and not chat.slider.marks)


async def test_a_narrow_screen_has_a_shorter_word_for_the_marks(tmp_path):
    file = tmp_path / "model.gguf"
    file.write_bytes(b"weights")
    measured(file, 128)
    app = an_app(load=loading(Measured(file)))
    async with app.run_test(size=(40, 20)) as pilot:
        chat = await ready(pilot)
        await until(pilot, lambda: chat.slider.marks)
        await pilot.press("f5")
        await pilot.pause()
        assert chat.composer.border_subtitle == "accuracy flattens at 128"


async def test_a_file_of_measurements_that_is_damaged_marks_nothing(tmp_path):
    file = tmp_path / "model.gguf"
    file.write_bytes(b"weights")
    measured(file, 128)
    (paths.folder("data") / "evaluations.json").write_text('{"schema": 1, "models": [')
    app = an_app(load=loading(Measured(file)))
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        await until(pilot, lambda: not [each for each in app.workers if each.group == "marks"])
        assert chat.slider.marks == ()
        await pilot.press("f5")
        assert not chat.slider.check_action("flat", ())


async def test_what_thoughts_on_such_questions_take_is_marked_and_said(tmp_path):
    file = tmp_path / "model.gguf"
    file.write_bytes(b"weights")
    # Words, numbers, digits, signs, code, prose; tokens, ended by itself.
    thoughts = [[5, n, 2 * n, n, 0, 0, 60 * n, 1] for n in range(1, 21)]
    values = {"schema": 1, "models": {fingerprint(file): {"curves": {"a": {"thoughts": thoughts}}}}}
    path = paths.folder("data") / "evaluations.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))
    gate = Gate()
    app = an_app(load=loading(Measured(file, LONG, sleep=gate)))
    async with app.run_test(size=(100, 30)) as pilot:
        chat = await ready(pilot)
        assert chat.slider.expected is None
        # In one go: where keys come slowly there are marks in between.
        chat.composer.insert("12+34")
        await until(pilot, lambda: chat.slider.expected)
        short = chat.slider.expected.tokens
        assert "┬" in chat.slider.render_line(0).text
        chat.composer.insert("+56+78+12+34+56")
        await until(pilot, lambda: chat.slider.expected.tokens > 2 * short)
        long = chat.slider.expected.tokens
        await pilot.press("f5")
        await pilot.pause()
        assert f"take up to {long:,}" in chat.composer.border_subtitle
        assert "20 seen" in chat.composer.border_subtitle
        await pilot.press("alt+home")
        assert chat.slider.value == Budget(tokens=long)
        # The mark of the question that is answered stays until the reply ends.
        await pilot.press("f5", "enter")
        await thought(pilot, "thought 9.")
        assert chat.slider.expected.tokens == long
        # A draft has a mark of its own, and takes it along.
        await pilot.press(*"12+34")
        await until(pilot, lambda: chat.slider.expected.tokens < long)
        await pilot.press("ctrl+u")
        await until(pilot, lambda: chat.slider.expected.tokens == long)
        gate.open()
        await pilot.press("escape")
        await rest(pilot)
        await until(pilot, lambda: chat.slider.expected is None)
        assert not chat.slider.check_action("expected", ())
