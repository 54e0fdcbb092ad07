"""What the app says of GPUs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from r1chat.engine.fake import INFO
from r1chat.history import History
from r1chat.hub.machine import Gpu, Machine
from r1chat.settings import Settings
from r1chat.tui.app import R1ChatApp
from r1chat.tui.models.details import ModelDetails
from r1chat.tui.widgets.topbar import TopBar
from tests.tui.chat import REPLY, FakeEngine, an_app, ready, until
from tests.tui.shelves import GIB, TINY, StillHub


@pytest.mark.parametrize(
    ("layers", "of", "said"),
    [
        (0, 29, " · CPU, 4 threads"),
        (20, 29, " · GPU 20/29 layers, 4 threads"),
        (29, 29, " · GPU, 4 threads"),
        (29, 0, " · GPU, 4 threads"),
    ],
)
def test_the_top_line_says_what_runs_where(layers, of, said):
    info = replace(INFO, threads=4, gpu_layers=layers, layers=of)
    assert said in " · ".join(TopBar()._descriptions(info)[0])


@pytest.mark.asyncio
async def test_the_models_screen_says_what_a_gpu_could_hold():
    cards = (Gpu("NVIDIA RTX 4090", 24 * GIB, 22 * GIB), Gpu("NVIDIA T4", 16 * GIB, 2 * GIB))
    machine = Machine(64 * GIB, 50 * GIB, cards, 10**12, 40e9, 7)
    app = an_app(hub=StillHub([TINY], machine))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("f3")
        await until(pilot, lambda: app.known_models.survey and len(app.screen.list.rows) > 5)
        head = str(app.screen.query_one("#machine").content)
        assert "53.7 GB of memory free · 23.6 GB on NVIDIA RTX 4090 · 2.15 GB on NVIDIA T4" in head
        details = app.screen.query_one(ModelDetails).query_one("Static")
        for name, said in (("r1:70b", " of 81 layers on the GPU"), ("r1:1.5b", "all layers on")):
            await pilot.press("ctrl+u", *name)
            await until(pilot, lambda name=name: app.screen.row and app.screen.row.name == name)
            assert said in str(details.content)


@pytest.mark.asyncio
async def test_options_go_before_settings_where_a_model_is_loaded():
    given = {}

    def load(ref, **options):
        given.update(options)
        return FakeEngine(REPLY)

    app = R1ChatApp(
        given=Settings(pace=0, ctx=2048, gpu_layers=5, tensor_split="1,1"),
        load=load,
        inventory=StillHub(),
        history=History(),
        loading={"gpu_layers": "all"},
    )
    async with app.run_test() as pilot:
        await ready(pilot)
        assert (given["ctx"], given["threads"]) == (2048, None)
        assert (given["gpu_layers"], given["tensor_split"]) == ("all", "1,1")
        assert app.settings.gpu_layers == 5
