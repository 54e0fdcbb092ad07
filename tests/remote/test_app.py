"""The app with a model on a server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from r1chat.engine.base import Engine
from r1chat.settings import Settings
from r1chat.tui.app import R1ChatApp
from tests.remote.helpers import SUM, opened
from tests.remote.server import Fault, ModelServer
from tests.tui.chat import ask, begin, loading, ready, rest, thought, toasts, until
from tests.tui.shelves import StillHub

pytestmark = pytest.mark.asyncio

REPLY = [*(f" word{n}" for n in range(60)), "\n", "</think>", "\n\n", "It", " is", " 42."]


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """A server that is quick."""
    with ModelServer(REPLY) as running:
        yield running


def an_app(engine: Engine) -> R1ChatApp:
    settings = Settings(pace=0, save=False)
    return R1ChatApp(given=settings, load=loading(engine), inventory=StillHub())


async def test_the_app_asks_a_server_and_says_where_it_is(llama_cpp_url):
    app = R1ChatApp(model=f"{llama_cpp_url}#tiny", given=Settings(save=False), inventory=StillHub())
    async with app.run_test(size=(100, 30)) as pilot:
        chat = await ask(pilot, SUM)
        assert "110" in chat.last.answer.source
        bar = chat.topbar.render().plain
        assert bar.startswith("tiny · on 127.0.0.1:")
        assert "of 0" not in bar


async def test_answer_now_works_on_a_server(server):
    # So long that nobody misses it.
    server.reply = [*(f" word{n}" for n in range(5000)), *REPLY[60:]]
    server.pause = 0.01
    app = an_app(opened(server))
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        await thought(pilot, "word3")
        await pilot.press("ctrl+n")
        await rest(pilot)
        assert chat.last.node.turn.reply.receipt.thought_ended_by == "user"
        assert chat.last.answer.source == "It is 42."


async def test_a_reply_that_was_cut_off_can_be_gone_on_with(server):
    app = an_app(opened(server))
    async with app.run_test() as pilot:
        server.faults = [Fault(after=3000, how="reset")]
        chat = await ask(pilot)
        assert chat.last.node.turn.reply.receipt.ended_by == "error"
        await until(pilot, lambda: chat.check_action("go_on", ()))
        await pilot.press("ctrl+g")
        await until(pilot, lambda: chat.last and chat.last.node.turn.reply.answer == "It is 42.")
        assert chat.last.node.turn.reply.thought == "".join(REPLY[:61])


async def test_what_a_server_cannot_do_is_greyed_and_says_why():
    deltas = [*({"reasoning": f" hm{n}"} for n in range(5000)), {"content": "42"}]
    with ModelServer(owner="somebody", chat=deltas) as server:
        server.pause = 0.02
        app = an_app(opened(server))
        async with app.run_test() as pilot:
            chat = await ready(pilot)
            assert chat.slider.disabled
            await begin(pilot)
            await thought(pilot)
            assert "does not say how" in chat.unable("answer_now")
            await pilot.press("ctrl+n")
            await until(pilot, lambda: "Not with this model" in toasts(app))
            assert chat.running
            await pilot.press("escape")
            await rest(pilot)


async def test_a_server_that_still_loads_its_model_is_waited_for_visibly(server):
    body = b'{"error": {"message": "Loading model"}}'
    server.faults = [Fault("/models", 1, 503, body=body)]
    app = R1ChatApp(
        model=f"{server.url}#m", given=Settings(save=False, pace=0), inventory=StillHub()
    )
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "(Loading model); trying again in" in toasts(app))
        chat = await ask(pilot)
        assert chat.last.answer.source == "It is 42."
