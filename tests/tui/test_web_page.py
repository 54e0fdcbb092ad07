"""The app where its screen is a page: all keys on a narrow one, and what the server is told."""

from __future__ import annotations

import pytest

from r1chat.tui.app import R1ChatApp
from r1chat.tui.widgets.key_bar import KeyBar
from tests.tui.chat import ENDLESS, an_app, ask, begin, rest, thought, until

pytestmark = pytest.mark.asyncio


async def test_a_telephone_s_page_names_all_keys_and_each_is_pressed_by_a_click(monkeypatch):
    app = an_app(ENDLESS)
    async with app.run_test(size=(52, 46)) as pilot:
        chat = await begin(pilot)
        monkeypatch.setattr(R1ChatApp, "is_web", True)
        await pilot.resize_terminal(50, 46)
        await thought(pilot)
        chat.refresh_bindings()
        bar = chat.query_one(KeyBar)

        def named():
            return [bar.render_line(y).text for y in range(bar.size.height)]

        def missing():
            keys = [
                f"{app.get_key_display(binding)} "
                f"{chat.title_of(binding.action) or binding.description}"
                for _, binding, enabled, _ in chat.active_bindings.values()
                if binding.show and enabled
            ]
            assert len(keys) > 6
            return [each for each in keys if not any(each in line for line in named())]

        await until(pilot, lambda: not missing())
        lines = named()
        row = next(y for y, line in enumerate(lines) if "f1 Help" in line)
        await pilot.click(KeyBar, offset=(1 + lines[row].index("f1 Help"), row))
        await until(pilot, lambda: app.screen is not chat)
        await pilot.press("escape")
        # Turned on its side it has room for one line again.
        await pilot.resize_terminal(120, 20)
        await until(pilot, lambda: bar.size.height == 1)
        await pilot.press("escape")
        await rest(pilot)


async def test_the_server_is_told_which_conversation_is_open_and_when_the_app_is_at_work():
    told = []
    app = an_app(("a thought", "</think>", "an answer"))
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        app.tell_page(told.append)
        await ask(pilot, "hello")
        await rest(pilot)
        first = chat.state.id
        await pilot.press("f9")
        await until(pilot, lambda: told[-1]["conversation"] == chat.state.id != first)
    assert all(each["type"] == "state" for each in told)
    work = [each["busy"] for each in told if each["conversation"] == first]
    assert True in work
    # Without a history only the app has what was said.
    assert work[-1] is not app.history.saves
