"""The app with a setting for a draft model that is not there."""

from __future__ import annotations

import pytest

from r1chat.settings import Settings
from r1chat.tui.services.model_loader import load_model
from tests.tui.chat import an_app, ask, toasts


@pytest.mark.asyncio
@pytest.mark.parametrize("samples", [None, 2])
async def test_a_missing_draft_model_is_told_once_with_the_first_reply(samples):
    settings = Settings(pace=0, draft="r1:7b", samples=samples, max_answer=8, budget="off")
    app = an_app(settings=settings, load=load_model)
    async with app.run_test() as pilot:
        chat = await ask(pilot, "2 + 3?")
        assert toasts(app).count("no draft model: ") == 1
        assert "r1chat models pull" in toasts(app)
        await ask(pilot, "4 + 3?")
        assert toasts(app).count("no draft model: ") == 1
        assert len(chat.conversation.turns) == 2
