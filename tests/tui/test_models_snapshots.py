"""Pictures of the models screen, of a machine and models that are always the same."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from r1chat.hub.download import Progress
from r1chat.hub.queue import Job
from r1chat.hub.values import RemoteFile
from r1chat.hub.variants import Variant
from r1chat.servers.listing import ServedModel
from r1chat.settings import Settings
from tests.tui.chat import an_app, ready, until
from tests.tui.shelves import DAMAGED, DISTILL, TINY, StillHub, StillServers

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAME = "unsloth/DeepSeek-R1-Distill-Qwen-7B-GGUF"
FILE = RemoteFile(
    NAME, COMMIT, "DeepSeek-R1-Distill-Qwen-7B-Q4_K_M.gguf", 4_683_073_184, "ab" * 32, "ab" * 32
)
HALF_WAY = Progress("downloading", 1_966_890_737, FILE.size, 12_400_000.0, 219.0)


async def look(pilot, *keys):
    """Opens the screen, and waits until it stands still."""
    app = pilot.app
    await ready(pilot)
    await pilot.press("f3")
    await until(pilot, lambda: app.screen is not app.chat)
    await until(pilot, lambda: len(app.screen.list.rows) > 5)
    await until(pilot, lambda: not app.workers._workers)
    app.screen.query_one("Input").cursor_blink = False
    for key in keys:
        await pilot.press(key)
    await pilot.pause()


def the_app(theme="midnight", answers=None):
    hub, servers = StillHub([TINY, DISTILL, DAMAGED]), StillServers(answers or {})
    return an_app(settings=Settings(theme=theme, model="tiny", pace=0), hub=hub, servers=servers)


@pytest.mark.parametrize("theme", ["midnight", "paper"])
@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
def test_the_models_look_as_they_did(snap_compare, theme, size):
    async def play(pilot):
        pilot.app.downloads._queue = SimpleNamespace(
            jobs=(Job(Variant("Q4_K_M", (FILE,)), "running", HALF_WAY),), close=lambda: None
        )
        await look(pilot, "up")

    assert snap_compare(the_app(theme), terminal_size=size, run_before=play)


def test_the_models_look_on_a_narrow_screen_as_they_did(snap_compare):
    async def play(pilot):
        await look(pilot, "down", "down", "down")

    assert snap_compare(the_app(), terminal_size=(40, 12), run_before=play)


@pytest.mark.parametrize("size", [(40, 16), (80, 24), (120, 30)], ids=["40x16", "80x24", "120x30"])
def test_servers_look_as_they_did(snap_compare, size):
    answers = {
        "home": "home.example:8000 cannot be reached (timed out): is the server running?",
        "lab": (
            ServedModel("deepseek-ai/DeepSeek-R1-Distill-Llama-70B", 131_072),
            ServedModel("QwQ-32B"),
        ),
    }
    app = the_app(answers=answers)

    async def play(pilot):
        await look(pilot)
        pilot.app.screen.list.highlighted = next(
            at
            for at, option in enumerate(pilot.app.screen.list.options)
            if option.id == "served home"
        )
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=play)
