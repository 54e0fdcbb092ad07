"""Wrong sums in the app: marked, counted, reached by keys, and doubted."""

from __future__ import annotations

import pytest

from r1chat.events import SumCounts
from r1chat.settings import Settings
from r1chat.tui.widgets.compared import ComparedTurn
from r1chat.tui.widgets.sampled import SampledTurn
from r1chat.tui.widgets.strips import WRONG
from tests.tui.chat import an_app, ask, engine_of, rest, toasts, until
from tests.tui.test_comparing import idle, pick

pytestmark = pytest.mark.asyncio

SLIPS = ("First.\n", "So 17 × 6 = 112.\n", "It is 3 + 4 = 7.\n", "</think>", "It is 5 + 5 = 11.\n")
DOUBT = "\nWait, let me check that: 17 × 6 is not 112.\n\nCorrection: 17 × 6 = 102.\n\n"


def _rows(app):
    rows = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in row) for row in rows]


def _marked(app):
    return [row.strip() for row in _rows(app) if row.strip().startswith(WRONG)]


async def test_a_wrong_sum_is_marked_counted_reached_and_doubted():
    app = an_app(SLIPS, ("It is 102.\n", "</think>", "102"))
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await ask(pilot)
        await until(pilot, lambda: "1 wrong sum" in chat.last.thinking.header.text)
        assert "1 wrong sum in the answer" in chat.last.status
        assert [row.split("  ")[0] for row in _marked(app)] == [f"{WRONG} So 17 × 6 = 112."]
        assert chat.last.node.turn.reply.receipt.sums == SumCounts(checked=3, wrong=2)
        # The reader shows it too.
        await pilot.press("alt+o")
        await until(pilot, lambda: type(app.screen).__name__ == "Reader" and _marked(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is chat)
        assert "alt+q Check this sum" in _rows(app)[-1]
        await pilot.press("alt+q")
        await until(pilot, lambda: "No wrong sum is chosen: F7 and F8 go to them." in toasts(app))
        await pilot.press("f7")
        await until(pilot, lambda: chat.last.thinking.view.has_wrong_sum)
        await pilot.press("alt+q")
        await until(pilot, lambda: len(engine_of(app).requests) == 2)
        await rest(pilot)
        reply = chat.last.node.turn.reply
        assert reply.thought.startswith(f"First.\nSo 17 × 6 = 112.\n{DOUBT}It is 102.")
        assert [injection.text for injection in reply.injected] == [DOUBT]
        assert len(chat.last.node.siblings) == 2
        assert reply.receipt.sums.wrong == 0
        assert _marked(app) == []
        # The first version has its mark again, out of what is kept.
        await chat.replies.show_version(chat.last.node, -1)
        await until(pilot, lambda: len(_marked(app)) == 1)
        assert "1 wrong sum" in chat.last.thinking.header.text


async def test_sums_that_nobody_wants_checked_are_not_marked():
    app = an_app(SLIPS, settings=Settings(check_sums="off", pace=0))
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await ask(pilot)
        assert "wrong" not in chat.last.thinking.header.text + chat.last.status
        assert not _marked(app)
        assert chat.last.node.turn.reply.receipt.sums is None


async def test_a_reply_beside_another_and_samples_have_their_marks_at_once():
    app = an_app(*[SLIPS] * 5, settings=Settings(pace=0, samples=2))
    async with app.run_test(size=(120, 40)) as pilot:
        chat = await ask(pilot)
        assert isinstance(chat.last, SampledTurn)
        assert "1 wrong sum" in chat.last.thinking.header.text
        assert len(_marked(app)) == 1
        await pick(pilot, "temperature=0")
        await until(pilot, lambda: isinstance(chat.last, ComparedTurn))
        await idle(pilot)
        for column in chat.last.columns:
            assert "1 wrong sum" in column.thinking.header.text
            assert "1 wrong sum in the answer" in column.status
        assert "".join(_rows(app)).count(f"{WRONG} So") == 2
