"""A thought that a server writes is opened in another language, or that is refused in one line."""

from __future__ import annotations

from contextlib import closing

import pytest

from r1chat import load
from r1chat.engine.base import Continuation
from r1chat.events import Injection, Notice
from r1chat.reasoning.languages import LANGUAGES
from tests.program import run
from tests.remote.helpers import asked, budget, events_of, opened, reply_of
from tests.remote.server import ModelServer

WORDS = LANGUAGES["de"].opening
CHAT = [{"role": "assistant"}, {"reasoning": "hm"}, {"content": "It is 42"}]


@pytest.mark.parametrize("limit", ["20", "off"])
def test_a_reply_is_the_one_of_the_same_model_in_this_process(engine, limit):
    request = asked(language="de", **budget(limit))
    with closing(load("tiny")) as here:
        local = reply_of(here, request)
    remote = reply_of(engine, request)
    assert (remote.thought, remote.injected) == (local.thought, local.injected)
    assert (WORDS in remote.thought) == (limit != "off")


def test_it_is_gone_on_with_behind_the_words(engine):
    whole = reply_of(engine, asked(language="de", **budget("20")))
    cut = Continuation(whole, keep=len(WORDS))
    assert reply_of(engine, asked(resume=cut, **budget("20"))).injected[0] == Injection(0, WORDS)


def test_a_chat_is_opened_in_no_language_and_says_so():
    with ModelServer(owner="somebody", chat=CHAT) as server:
        events = events_of(opened(server), asked(language="de"))
        told = [event.text for event in events if isinstance(event, Notice)]
        code, out, err = run(
            *("ask", "-m", f"{server.url}#m", "--no-save", "--think-language", "de", "Hi")
        )
    assert events[-1].thought == "hm"
    assert sum("the thought is not opened in another language" in text for text in told) == 1
    assert (code, out) == (2, "")
    assert "--think-language: the thought cannot be opened" in err
    assert "does not say how its model's prompts are made" in err
