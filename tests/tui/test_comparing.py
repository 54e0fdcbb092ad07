"""The last reply beside one of another model, or with other settings, and replaced by one."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from r1chat.engine.fake import INFO, FakeEngine, Pause
from r1chat.errors import EngineError
from r1chat.exchange import markdown
from r1chat.hub.inventory import Inventory
from r1chat.settings import Settings
from r1chat.tui.screens.one_line import OneLine
from r1chat.tui.screens.pick import Pick
from r1chat.tui.widgets.compared import ComparedTurn
from tests.factory import write_model
from tests.tui.chat import REPLY, Gate, an_app, ask, rest, screen_text, toasts, until, write

pytestmark = pytest.mark.asyncio
CROWDED = pytest.mark.parametrize("fits", [True, False], ids=["room for both", "room for one"])


class Models:
    """Loads models by name, each of which says who it is; "wrong" fails, "slow" waits at a gate."""

    def __init__(self, sleep=None) -> None:
        self.loaded: list[str] = []
        self.engines: list[FakeEngine] = []
        self.gate = threading.Event()
        self._sleep = sleep or Gate()

    def __call__(self, ref, *, on_progress=None, **_):
        self.loaded.append(ref)
        if on_progress is not None:
            on_progress(0.5)
        if ref == "wrong":
            message = "it is broken"
            raise EngineError(message)
        if ref == "slow":
            self.gate.wait(30)
        script = [f"{ref} thinks.\n", Pause(1), "</think>", f"from {ref}"]
        script = [each for each in script if ref == "stands" or not isinstance(each, Pause)]
        self.engines.append(FakeEngine(script, info=replace(INFO, ref=ref), sleep=self._sleep))
        return self.engines[-1]

    def of(self, ref):
        return [engine for engine in self.engines if engine.info.ref == ref]


def app_of(models, *, fits=True, model=None):
    return an_app(load=models, fits=lambda *_, **__: fits, settings=Settings(pace=0, model=model))


async def pick(pilot, entry, key="alt+v"):
    """Opens the list and picks an entry; what is none is typed."""
    app = pilot.app
    if key is None:
        app.chat.action_regenerate_with()
    else:
        await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, Pick) and app.screen.is_mounted)
    values = [choice.value for choice in app.screen._choices]
    if entry in values:
        app.screen.dismiss(entry)
    else:
        app.screen.dismiss("=type")
        await until(pilot, lambda: isinstance(app.screen, OneLine) and app.screen.is_mounted)
        await write(pilot, entry, "enter")
    await until(pilot, lambda: app.screen is app.chat)


async def idle(pilot):
    """Waits until nothing is asked and a model is there."""
    app = pilot.app
    await until(pilot, lambda: not any(each.group == "compare" for each in app.workers))
    await rest(pilot)
    await until(pilot, lambda: app.chat.ready and app.engine is not None and app.coming is None)


def columns(chat):
    return [
        (each.query_one(".column--head").content, each.answer.source, each.status)
        for each in chat.last.columns
    ]


@CROWDED
async def test_another_models_reply_stands_beside_and_either_can_be_gone_on_with(fits):
    models = Models()
    app = app_of(models, fits=fits)
    async with app.run_test(size=(120, 36)) as pilot:
        chat = await ask(pilot)
        await pick(pilot, "other")
        await until(pilot, lambda: isinstance(chat.last, ComparedTurn))
        await idle(pilot)
        assert models.loaded == ["tiny", "other", *([] if fits else ["tiny"])]
        assert all(engine.closed for engine in models.of("other"))
        assert app.engine.info.ref == "tiny"
        assert not app.engine.closed
        left, right = columns(chat)
        assert left[:2] == ("● tiny", "from tiny")
        assert right[:2] == ("○ other · Alt+→ goes on with it", "from other")
        assert "answer" in left[2]
        assert "answer" in right[2]
        # Abreast: both thoughts in one row of the screen.
        assert any(
            "tiny thinks" in row and "other thinks" in row for row in screen_text(app).split("\n")
        )
        (node,) = chat.session.conversation.path()
        assert node.author == "tiny"
        await pilot.press("alt+right")
        await until(pilot, lambda: chat.last.node.author == "other")
        assert [each[0][0] for each in columns(chat)] == ["○", "●"]
        await ask(pilot, "And then?")
        texts = [message.text for message in app.engine.requests[-1].messages]
        assert texts == ["two and two?", "from other", "And then?"]
        app.history.store.flush(10)
        loaded = app.history.store.load(chat.shown_id)
        assert loaded.summary.model == "tiny"
        first = next(loaded.conversation.path())
        assert (first.author, [each.author for each in first.siblings]) == (
            "other",
            ["tiny", "other"],
        )
        exported = "".join(markdown.write([loaded]))
        assert "### Version 1 of 2: tiny\n" in exported
        assert exported.index("from other") < exported.index("from tiny")


@CROWDED
async def test_a_model_that_fails_leaves_the_reply_as_it_was(fits):
    models = Models()
    app = app_of(models, fits=fits)
    async with app.run_test(size=(90, 30)) as pilot:
        chat = await ask(pilot)
        await pick(pilot, "wrong")
        await until(pilot, lambda: isinstance(chat.last, ComparedTurn))
        await idle(pilot)
        left, right = columns(chat)
        assert left[:2] == ("● tiny", "from tiny")
        assert right == ("○ wrong", "", "✗ it is broken")
        # In place of the reply: that is shown again.
        await pick(pilot, "wrong", key=None)
        await until(pilot, lambda: "it is broken" in toasts(app))
        await idle(pilot)
        await until(pilot, lambda: chat.last is not None and chat.last.node is not None)
        assert not isinstance(chat.last, ComparedTurn)
        assert chat.last.answer.source == "from tiny"
        assert len(chat.last.node.siblings) == 1
        assert app.engine.info.ref == "tiny"


async def test_a_reply_is_regenerated_by_another_model_and_the_conversation_keeps_its_own():
    models = Models()
    app = app_of(models)
    async with app.run_test(size=(120, 36)) as pilot:
        chat = await ask(pilot)
        await pick(pilot, "other", key=None)
        await idle(pilot)
        await until(pilot, lambda: chat.last.answer.source == "from other")
        assert "‹ 2/2 ›   Alt+← Alt+→   other" in screen_text(app)
        assert not chat.replies.last_reply  # Another model wrote it: it cannot be continued.
        (node,) = chat.session.conversation.path()
        assert node.author == "other"
        await ask(pilot, "And then?")
        assert len(models.of("tiny")[0].requests) == 2
        # The earlier version again, then both beside each other, and one alone.
        await pilot.press("alt+left")
        await until(pilot, lambda: chat.last.answer.source == "from tiny")
        node = chat.last.node
        await pick(pilot, f"=version {node.siblings[1].id}")
        await until(pilot, lambda: isinstance(chat.last, ComparedTurn) and chat.last.node)
        assert [each[1] for each in columns(chat)] == ["from tiny", "from other"]
        await pick(pilot, "=alone")
        await until(pilot, lambda: not isinstance(chat.last, ComparedTurn))


async def test_other_settings_are_compared_with_the_same_model_and_a_stop_keeps_what_there_is():
    gate = Gate()
    models = Models(sleep=gate)
    app = app_of(models, model="stands")
    gate.open()
    async with app.run_test(size=(90, 30)) as pilot:
        chat = await ask(pilot)
        gate.__init__()
        await pick(pilot, "temperature=0,budget=64")
        await until(pilot, lambda: chat.thinking and chat.runner.beside)
        await until(pilot, lambda: "thinks" in chat.last.thinking.view.text)
        request = app.engine.requests[-1]
        assert request.sampling.temperature == 0
        assert str(request.budget) == "64"
        # What steers the conversation's own model has no part in it.
        assert not chat.conditions.has_one_thought
        assert not chat.conditions.can_think_more
        await pilot.press("escape")
        gate.open()
        await idle(pilot)
        (_, right) = columns(chat)
        assert (
            right[0] == "○ stands · with temperature 0, thinking budget 64 · Alt+→ goes on with it"
        )
        assert "stopped" in right[2]
        assert len(chat.last.node.siblings) == 2
        assert chat.last.node.version == 1
        # One above the other where there is no room for both.
        first, second = (each.region for each in chat.last.columns)
        assert first.bottom <= second.y
        assert models.loaded == ["stands"]


async def test_a_model_that_is_still_being_loaded_is_left_alone_by_a_stop():
    models = Models()
    app = app_of(models)
    async with app.run_test(size=(120, 36)) as pilot:
        chat = await ask(pilot)
        await pick(pilot, "slow")
        await until(pilot, lambda: chat.running and "Loading" in chat.last.columns[1].status)
        await pilot.press("escape")
        await idle(pilot)
        assert columns(chat)[1][2].startswith("✗ stopped")
        assert app.guest.busy
        models.gate.set()
        await until(pilot, lambda: models.of("slow") and models.of("slow")[0].closed)
        await until(pilot, lambda: not app.guest.busy)
        await ask(pilot, "And then?")
        assert chat.last.answer.source == "from tiny"


async def test_models_of_this_machine_are_listed_once_and_without_the_one_in_use(
    tmp_path, monkeypatch
):
    for name in ("mine", "other"):
        write_model(tmp_path / f"{name}.gguf")
    monkeypatch.chdir(tmp_path)

    def load(ref, **_):
        path = tmp_path / ref
        return FakeEngine(REPLY, info=replace(INFO, ref=str(path), path=ref))

    app = an_app(load=load, hub=Inventory(), settings=Settings(pace=0, model="mine.gguf"))
    async with app.run_test(size=(120, 36)) as pilot:
        await ask(pilot)
        await pilot.press("alt+v")
        await until(pilot, lambda: isinstance(app.screen, Pick) and app.screen.is_mounted)
        values = [choice.value for choice in app.screen._choices]
        assert values.count(str(tmp_path / "other.gguf")) == 1
        assert not any("mine" in value for value in values)
        assert {"budget=off", "preset=code", "=type", "tiny"} <= set(values)
        await pilot.press("escape")


async def test_no_instructions_are_compared_with_the_usual_ones():
    app = an_app(REPLY, REPLY, settings=Settings(pace=0, system="Be brief."))
    async with app.run_test(size=(120, 36)) as pilot:
        chat = await ask(pilot)
        await pick(pilot, "system=")
        await until(pilot, lambda: isinstance(chat.last, ComparedTurn))
        await idle(pilot)
        roles = [[each.role for each in one.messages] for one in app.engine.requests]
        assert roles == [["system", "user"], ["user"]]
        assert "with system " in columns(chat)[1][0]
