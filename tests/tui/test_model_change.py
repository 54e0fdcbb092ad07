"""Another model: the one in use answers until the other is loaded, and stays where it fails."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from r1chat import compose
from r1chat.engine.fake import INFO, FakeEngine, Pause
from r1chat.errors import EngineError, MissingModel, ModelError
from r1chat.settings import Settings
from tests.factory import write_model
from tests.tui.chat import (
    REPLY,
    Gate,
    an_app,
    ask,
    begin,
    ready,
    rest,
    thought,
    toasts,
    until,
    write,
)

pytestmark = pytest.mark.asyncio

FAULTS = {
    "a wrong path": ModelError("no such model file: /wrong.gguf"),
    "no memory": EngineError("not enough memory"),
    "a model that is not here": MissingModel("it is not on this machine", "r1:7b"),
    "a bug": ZeroDivisionError(),
}
EACH = pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
CROWDED = pytest.mark.parametrize("fits", [True, False], ids=["room for both", "room for one"])


class Models:
    """Loads models by name: "tiny" and "other" answer, the rest fails; "slow" waits at a gate."""

    def __init__(self, fault: Exception | None = None, sleep: Gate | None = None) -> None:
        self.fault = fault
        self.gate = threading.Event()
        self.loaded: list[str] = []
        self.engines: dict[str, FakeEngine] = {}
        self._sleep = sleep or Gate()

    def __call__(self, ref: str, **_: object) -> FakeEngine:
        self.loaded.append(ref)
        if ref.startswith("slow"):
            self.gate.wait(30)
        if "wrong" in ref:
            assert self.fault is not None
            raise self.fault

        class Named(FakeEngine):
            info = replace(INFO, ref=ref)

        script = ["hm\n", Pause(1), "</think>", f"from {ref}"] if ref == "tiny" else REPLY
        self.engines[ref] = Named(script, sleep=self._sleep)
        return self.engines[ref]


def app_of(models: Models, *, fits: bool = True, model: str | None = None):
    settings = Settings(pace=0, model=model)
    return an_app(load=models, fits=lambda *_, **__: fits, settings=settings)


def in_use(app) -> str:
    return app.engine.info.ref if app.engine is not None else ""


@EACH
@CROWDED
async def test_where_another_model_fails_the_one_before_answers(fault, fits):
    gate = Gate()
    gate.open()
    models = Models(fault, gate)
    app = app_of(models, fits=fits)
    async with app.run_test() as pilot:
        chat = await ask(pilot, "one")
        app.use_model("/wrong.gguf")
        await until(pilot, lambda: app.coming is None and chat.ready)
        assert in_use(app) == app.model_ref == "tiny"
        assert app.settings.model is None
        assert chat.topbar.progress is None
        assert "tiny" in toasts(app)
        await ask(pilot, "two")
        assert chat.last.answer.source == "from tiny"
        assert models.loaded == ["tiny", "/wrong.gguf", *([] if fits else ["tiny"])]


async def test_a_question_says_what_it_waits_for_before_and_after_each_way_to_a_model():
    models = Models(FAULTS["a wrong path"])
    app = an_app(load=models, settings=Settings(pace=0, model="wrong"))
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.is_running and app.coming is None and models.loaded)
        await write(pilot, "one", "enter")
        await until(pilot, lambda: app.chat.last is not None)
        assert "F3 picks one" in app.chat.last.status
        app.use_model("slow wrong")
        assert app.chat.last.status == "Waiting for the model"
        models.gate.set()
        await until(pilot, lambda: app.coming is None)
        assert "F3 picks one" in app.chat.last.status


@CROWDED
async def test_a_question_that_waits_for_a_model_that_fails_is_answered_by_the_one_before(fits):
    gate = Gate()
    gate.open()
    models = Models(FAULTS["a wrong path"], gate)
    app = app_of(models, fits=fits, model="tiny")
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        app.use_model("slow wrong")
        await until(pilot, lambda: "slow wrong" in models.loaded)
        await write(pilot, "one", "enter")
        await until(pilot, lambda: chat.last is not None)
        models.gate.set()
        await until(pilot, lambda: chat.last and chat.last.answer.source == "from tiny")
        await rest(pilot)
        assert in_use(app) == "tiny"


async def test_a_conversation_that_was_left_while_models_change_does_not_come_back():
    gate = Gate()
    gate.open()
    models = Models(sleep=gate)
    app = app_of(models, fits=False)
    async with app.run_test() as pilot:
        chat = await ask(pilot, "one")
        app.use_model("slow")
        await until(pilot, lambda: app.engine is None)
        await pilot.press("f9")
        await until(pilot, lambda: chat.last is None)
        models.gate.set()
        await until(pilot, lambda: in_use(app) == "slow")
        await ask(pilot, "two")
        assert [turn.question for turn in chat.session.turns] == ["two"]


async def test_the_model_in_use_answers_while_another_is_loaded():
    gate = Gate()
    gate.open()
    models = Models(sleep=gate)
    app = app_of(models, model="tiny")
    async with app.run_test(size=(120, 24)) as pilot:
        chat = await ready(pilot)
        app.use_model("slow")
        await until(pilot, lambda: app.coming == "slow")
        assert "Loading slow" in chat.topbar.render().plain
        assert chat.topbar.render().plain.startswith("tiny")
        await ask(pilot, "one")
        assert chat.last.answer.source == "from tiny"
        assert "tiny answers this" in toasts(app)
        models.gate.set()
        await until(pilot, lambda: in_use(app) == "slow")
        await until(pilot, lambda: models.engines["tiny"].closed)
        assert app.settings.model == "slow"
        await ask(pilot, "two")
        assert chat.last.answer.source == "It is **4**."


@CROWDED
async def test_a_reply_under_way_is_written_to_its_end_before_the_model_changes(fits):
    gate = Gate()
    models = Models(sleep=gate)
    app = app_of(models, fits=fits)
    async with app.run_test() as pilot:
        chat = await begin(pilot, "one")
        await thought(pilot, "hm")
        app.load_model("other")
        if fits:
            await until(pilot, lambda: app.model.arrived is not None)
        assert in_use(app) == "tiny"
        gate.open()
        await until(pilot, lambda: in_use(app) == "other")
        assert chat.last.answer.source == "from tiny"
        assert chat.last.node is not None


async def test_the_model_in_use_can_be_picked_again_while_another_is_on_its_way():
    models = Models()
    app = app_of(models)
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        app.use_model("slow")
        await until(pilot, lambda: "slow" in models.loaded)
        app.use_model("tiny")
        models.gate.set()
        await until(pilot, lambda: "slow" in models.engines and models.engines["slow"].closed)
        assert (in_use(app), app.coming, chat.topbar.progress) == ("tiny", None, None)


async def test_a_third_model_takes_the_place_of_the_one_on_its_way():
    models = Models()
    app = app_of(models)
    async with app.run_test() as pilot:
        await ready(pilot)
        app.use_model("slow")
        await until(pilot, lambda: "slow" in models.loaded)
        app.use_model("other")
        models.gate.set()
        await until(pilot, lambda: in_use(app) == "other")
        await until(pilot, lambda: models.engines["slow"].closed)


@EACH
async def test_a_path_typed_into_the_list_that_is_wrong_changes_nothing(fault, tmp_path):
    file = tmp_path / "wrong.gguf"
    file.write_bytes(b"no model")
    gate = Gate()
    gate.open()
    app = app_of(Models(fault, gate))
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        await pilot.press("f3")
        await until(pilot, lambda: app.screen is not chat)
        app.screen.query_one("Input").value = str(file)
        await until(pilot, lambda: app.screen.typed == str(file))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is chat and app.coming is None)
        assert in_use(app) == "tiny"
        await ask(pilot, "one")
        assert chat.last.answer.source == "from tiny"


# -- whether there is room, by the engine's own arithmetic --


@pytest.mark.engine
async def test_a_small_model_fits_beside_another():
    assert compose.fits_beside("tiny", threads=1, samples=4)


@pytest.mark.engine
async def test_one_with_a_context_that_no_memory_holds_does_not(tmp_path):
    model = write_model(tmp_path / "large.gguf", context=1 << 30)
    assert not compose.fits_beside(str(model), ctx=1 << 30)


@pytest.mark.engine
async def test_what_cannot_be_loaded_at_all_is_an_error_at_once(tmp_path):
    file = tmp_path / "broken.gguf"
    file.write_bytes(b"no model")
    with pytest.raises(ModelError):
        compose.fits_beside(str(file))
    with pytest.raises(ModelError):
        compose.fits_beside(str(tmp_path / "not there.gguf"))
