"""A made-up model that does not think is asked to, and everything works as with one that thinks."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import pytest

from r1chat.engine.base import Continuation, Message, Request, Sampling
from r1chat.engine.llama import LlamaEngine, LoadOptions
from r1chat.engine.replay import thought_wanted
from r1chat.events import Notice, Peeked, Reply, Sampled, ThoughtEnded, ThoughtText
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control, ControlGroup
from r1chat.reasoning.phrases import FINISHED, LANDING, STEPS_BOXED, THINK_FIRST, WAIT
from r1chat.session import Session
from tests.factory import CHATML, CHATML_MARKERS, write_model
from tests.program import run

GREEDY = Sampling(temperature=0, seed=1)


@pytest.fixture(scope="module")
def instruct(random_models):
    """An instruct model whose vocabulary has no tags of thoughts."""
    engine = LlamaEngine(random_models["chatml"], options=LoadOptions(trusted=True, ctx=512))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def opening(tmp_path_factory):
    """The same model with a template that opens a thought."""
    path = tmp_path_factory.mktemp("opening") / "opening.gguf"
    write_model(path, markers=CHATML_MARKERS, template=CHATML + "{{ '<think>\n' }}")
    engine = LlamaEngine(path, options=LoadOptions(trusted=True, ctx=512))
    yield engine
    engine.close()


def request(text="Hi", budget="20", think="on", **more):
    more.setdefault("max_answer", 4)
    return Request(
        (Message("user", text),),
        budget=Budget.parse(budget),
        think=think,
        sampling=GREEDY,
        **more,
    )


def reply_of(engine, asked, control=None):
    *events, reply = engine.stream(asked, control or Control(asked.budget))
    assert isinstance(reply, Reply)
    return reply, events


BEHIND = "<|im_end|>\n<|im_start|>assistant\n"
FIRST = THINK_FIRST.format("</think>")
FINISHED_THOUGHT = f"<think>\n{FINISHED}\n</think>\n\n"
TABLE = {
    "r1": ["<｜Assistant｜><think>\n"] * 2 + [f"<｜Assistant｜>{FINISHED_THOUGHT}"],
    "opens": [f"{BEHIND}<think>\n"] * 2 + [f"{BEHIND}{FINISHED_THOUGHT}"],
    "chatml": [BEHIND, f"\n{FIRST}{BEHIND}<think>\n", BEHIND],
    "base": ["", "", ""],
}
"""What stands behind the question, for auto, on and off."""


@pytest.fixture(scope="module")
def engines(random_models, instruct, opening, random_r1):
    base = LlamaEngine(random_models["base"], options=LoadOptions(trusted=True, ctx=512))
    yield {"r1": random_r1, "opens": opening, "chatml": instruct, "base": base}
    base.close()


@pytest.mark.parametrize("kind", TABLE)
@pytest.mark.parametrize("raw", [False, True], ids=["chat", "raw"])
def test_every_kind_of_model_is_asked_as_it_is_chosen(engines, kind, raw):
    engine = engines[kind]
    for think, ending in zip(("auto", "on", "off"), TABLE[kind], strict=True):
        asked = request(think=think, budget="8", raw=raw, max_answer=2)
        wanted = thought_wanted(replace(asked, budget=Budget()), Budget())

        def text(model, asked=asked, wanted=wanted):
            built = model.prompt(asked.messages, think=wanted.think, first=wanted.first, raw=raw)
            return b"".join(map(model.machine.vocabulary.piece, built.ids)).decode()

        assert engine.inside(text).endswith("Hi" if raw else f"Hi{ending}")
        reply, _ = reply_of(engine, asked)
        thinks = not raw and ending.endswith("<think>\n")
        brief = thinks and kind != "r1"
        assert bool(reply.receipt.thought_tokens) == thinks
        assert reply.receipt.thought_style == ("brief" if brief else None)
        assert engine.info.thinks_with(think) == ending.endswith("<think>\n")


def test_a_budget_lands_its_thought_and_the_answer_follows(instruct):
    reply, _ = reply_of(instruct, request())
    receipt = reply.receipt
    assert (receipt.thought_ended_by, receipt.thought_style) == ("budget", "brief")
    assert 0 < receipt.thought_tokens <= 20
    assert reply.injected[0].text == "The user wants"
    assert reply.thought.startswith("The user wants")
    assert reply.thought.endswith(f"{LANDING}\n")
    assert receipt.answer_tokens == 4
    assert "<think>" not in reply.thought + reply.answer


def test_it_writes_what_a_template_that_opens_the_thought_has_it_write(instruct, opening):
    question = f"1 + 1?\n{STEPS_BOXED}"
    asked, _ = reply_of(instruct, request(question))
    opened, _ = reply_of(opening, request(question, think="auto"))
    assert (asked.thought, asked.answer, asked.ids) == (opened.thought, opened.answer, opened.ids)
    assert asked.receipt.thought_style == opened.receipt.thought_style == "brief"


@pytest.mark.parametrize("think", ["auto", "off"])
def test_unasked_it_answers_plainly(instruct, think):
    reply, events = reply_of(instruct, request(think=think))
    assert (reply.thought, reply.receipt.thought_style) == ("", None)
    assert not any(isinstance(event, ThoughtEnded) for event in events)


def test_it_is_closed_continued_steered_and_reopened(instruct):
    asked = request(budget="max")
    control = Control(asked.budget)
    events = []
    for event in instruct.stream(asked, control):
        events.append(event)
        if isinstance(event, ThoughtText):
            control.answer_now()
    closed = events[-1]
    assert closed.receipt.thought_ended_by == "user"
    assert closed.receipt.thought_style == "free"
    more = Continuation(closed, keep=len(closed.thought), words=WAIT)
    # Also where the conversation asks for no more thoughts by now.
    reopened, _ = reply_of(instruct, request(budget="20", think="auto", resume=more))
    assert reopened.thought.startswith(closed.thought + WAIT)
    assert reopened.receipt.thought_style == "free"
    assert reopened.receipt.prompt_tokens == closed.receipt.prompt_tokens
    cut = Continuation(reopened, keep=5, words="\nNo.\n", close=True)
    steered, _ = reply_of(instruct, request(resume=cut))
    assert "\nNo.\n" in steered.thought


def test_previews_and_samples_work(instruct):
    asked = request(budget="16")
    control = Control(asked.budget, peek_every=4)
    _, events = reply_of(instruct, asked, control)
    assert any(isinstance(event, Peeked) for event in events)
    group = ControlGroup(Control(asked.budget), 2)
    events = [e.event for e in instruct.stream_many(asked, group) if isinstance(e, Sampled)]
    replies = [event for event in events if isinstance(event, Reply)]
    assert [reply.receipt.thought_style for reply in replies] == ["brief", "brief"]
    assert all(reply.thought for reply in replies)


def test_later_turns_reuse_the_conversation_and_have_no_trace_of_the_words(instruct):
    session = Session(instruct)
    seen = []
    for question in ("One " * 20, "Two", "Three"):
        *_, reply = session.ask(
            question,
            budget=Budget.parse("8"),
            think="on",
            sampling=GREEDY,
            max_answer=30,
        )
        instruct.wait_ahead()
        seen.append((reply.receipt.prompt_tokens, reply.receipt.prompt_reused_tokens))
    messages = "".join(message.text for message in session.messages())
    assert "think" not in messages
    # Of what was said before, all but the framing around the new question is in the cache.
    for (before, _), (total, reused) in pairwise(seen):
        assert before - len(THINK_FIRST) * 2 < reused
        assert total - reused < len("Three") + 2 * len(THINK_FIRST) + 60


@pytest.mark.parametrize("budget", [(), ("-b", "8")], ids=["", "budget"])
def test_a_model_without_a_template_says_once_why_it_cannot(random_models, budget):
    options = ("--think", "on", "--max-answer", "3", "--no-save", *budget)
    code, out, err = run("ask", "-m", random_models["base"], *options, "Hi")
    assert code == 0
    assert out.strip()
    assert err.count("chat template") == 1
    assert ("--budget and --think on change nothing" in err) == bool(budget)


@pytest.mark.parametrize("format_", ["json", "text"])
def test_ask_makes_it_think(random_models, format_):
    options = ("--think", "on", "-b", "12", "--max-answer", "3", "--seed", "1", "--no-save")
    model = random_models["chatml"]
    code, out, err = run("ask", "-m", model, *options, "--format", format_, "Hi")
    assert code == 0
    assert "changes nothing" not in err
    if format_ == "json":
        reply = json.loads(out)
        assert reply["receipt"]["thought_style"] == "brief"
        assert reply["thought"]


def test_completing_a_text_says_that_there_is_no_thought(random_models):
    model = random_models["chatml"]
    options = ("--raw", "--think", "on", "--max-answer", "3", "--no-save")
    _, _, err = run("ask", "-m", model, *options, "Hi")
    assert "a text that --raw completes has no thoughts: --think on changes nothing" in err


def test_off_keeps_a_model_from_thinking(random_r1):
    *events, reply = Session(random_r1).ask("Hi", think="off", sampling=GREEDY, max_answer=3)
    assert reply.receipt.thought_tokens == 0
    assert reply.receipt.budget == "off"
    assert not any(isinstance(event, Notice) for event in events)
