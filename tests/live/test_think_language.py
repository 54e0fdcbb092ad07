"""A few words of r1chat's open the thought in another language, whatever opens it otherwise."""

from __future__ import annotations

import json

import gguf
import pytest

from r1chat.engine.base import Continuation, Message, Request, Sampling
from r1chat.engine.llama import LlamaEngine, LoadOptions
from r1chat.events import InjectedText, Injection, Reply, Sampled, ThoughtText
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control, ControlGroup
from r1chat.reasoning.languages import LANGUAGES
from tests.factory import CHATML, CHATML_MARKERS, write_model
from tests.program import run

WORDS = LANGUAGES["de"].opening
GREEDY = Sampling(temperature=0, seed=1)
TAGS = tuple((tag, gguf.TokenType.USER_DEFINED) for tag in ("<think>", "</think>"))


@pytest.fixture(scope="module", params=["the template", "r1chat", "the model"])
def engine(request, random_models, tmp_path_factory):
    """A model whose thought is opened by one of these."""
    path = random_models["r1" if request.param == "the template" else "chatml"]
    if request.param == "the model":
        path = tmp_path_factory.mktemp("native") / "native.gguf"
        write_model(path, markers=CHATML_MARKERS + TAGS, template=CHATML)
    opened = LlamaEngine(path, options=LoadOptions(trusted=True, ctx=512))
    yield opened
    opened.close()


def request(budget="12", **more):
    return Request(
        (Message("user", "Hi"),),
        budget=Budget.parse(budget),
        think=more.pop("think", "on"),
        language=more.pop("language", "de"),
        sampling=GREEDY,
        max_answer=4,
        **more,
    )


def reply_of(engine, asked, control=None):
    *events, reply = engine.stream(asked, control or Control(asked.budget))
    assert isinstance(reply, Reply)
    return reply, events


def test_the_thought_begins_with_them_and_they_are_marked(engine):
    reply, events = reply_of(engine, request())
    first = next(e for e in events if isinstance(e, (InjectedText, ThoughtText)))
    assert first == InjectedText(WORDS, 0)
    assert reply.injected[0] == Injection(0, WORDS)
    assert reply.thought.startswith(WORDS)
    assert 0 < reply.receipt.thought_tokens <= 12 < reply.receipt.injected_tokens
    assert reply.receipt.thought_ended_by == "budget"
    assert reply.receipt.answer_tokens == 4


def test_the_model_thinks_otherwise_for_it(engine):
    thoughts = {
        reply_of(engine, request(language=code))[0].thought.partition("\n")[0]
        for code in ("de", "zh")
    }
    assert len(thoughts) == 2


def test_a_reply_that_was_stopped_goes_on_behind_them(engine):
    whole, _ = reply_of(engine, request("40"))
    control = Control(Budget.parse("40"))
    events = []
    for event in engine.stream(request("40"), control):
        events.append(event)
        if isinstance(event, ThoughtText):
            control.cancel()
    stopped = events[-1]
    # The language is asked for no more: it is the reply's.
    again = request("40", language=None, resume=Continuation(stopped))
    assert reply_of(engine, again)[0].thought == whole.thought
    # Out of the history come no tokens.
    kept = Reply(whole.thought, "", whole.receipt, injected=whole.injected)
    cut = Continuation(kept, keep=len(WORDS) + 5)
    gone_on, _ = reply_of(engine, request("40", language=None, resume=cut))
    assert gone_on.thought.startswith(whole.thought[: len(WORDS) + 5])
    assert gone_on.receipt.prompt_tokens == whole.receipt.prompt_tokens


def test_from_its_beginning_a_thought_begins_with_them_again(engine):
    whole, _ = reply_of(engine, request())
    anew, _ = reply_of(engine, request(resume=Continuation(whole, keep=0)))
    assert anew.injected[0] == Injection(0, WORDS)
    assert anew.thought == whole.thought


def test_samples_begin_with_them(engine):
    asked = request("8")
    group = ControlGroup(Control(asked.budget), 2)
    events = [e.event for e in engine.stream_many(asked, group) if isinstance(e, Sampled)]
    replies = [event for event in events if isinstance(event, Reply)]
    assert len(replies) == 2
    assert all(reply.thought.startswith(WORDS) for reply in replies)


@pytest.mark.parametrize("more", [{"budget": "off"}, {"raw": True}, {"think": "off"}])
def test_where_there_is_no_thought_there_are_no_words(engine, more):
    reply, _ = reply_of(engine, request(**({"budget": "8"} | more)))
    assert WORDS not in reply.thought + reply.answer


def test_words_of_the_users_own_stand_alone(random_models):
    engine = LlamaEngine(random_models["r1"], options=LoadOptions(trusted=True, ctx=512))
    whole, _ = reply_of(engine, request())
    words = Continuation(whole, keep=0, words="No. ")
    assert reply_of(engine, request(resume=words))[0].injected[0] == Injection(0, "No. ")
    engine.close()


def test_ask_takes_the_code_and_says_where_it_has_no_effect(random_models):
    options = ("-b", "8", "--max-answer", "3", "--seed", "1", "--no-save", "--think-language", "de")
    code, out, _ = run("ask", "-m", random_models["r1"], *options, "--format", "json", "Hi")
    assert code == 0
    assert json.loads(out)["injected"][0] == {"at": 0, "text": WORDS}
    code, _, err = run("ask", "-m", random_models["chatml"], *options, "Hi")
    assert code == 0
    assert "--budget and --think-language change nothing; --think on makes it think" in err
    code, _, err = run("ask", "-m", "tiny", *options[:-1], "xx", "Hi")
    assert code == 2
    assert "--think-language" in err
