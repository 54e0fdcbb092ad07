"""What a template is told of thinking, and which earlier thoughts it sees, through the engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from r1chat.engine.base import Continuation, Message, Request, Sampling
from r1chat.engine.llama import LlamaEngine, LoadOptions
from r1chat.events import Reply
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control
from r1chat.session import Session
from tests.factory import CHATML_MARKERS, R1_MARKERS, write_model

SHOWS = (
    "{% if reasoning_effort is undefined %}{% set reasoning_effort = 'medium' %}{% endif %}"
    "{{ 'Effort: ' + reasoning_effort + '\n' }}"
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}"
    "{% if m.reasoning_content %}{{ '<think>' + m.reasoning_content + '</think>' }}{% endif %}"
    "{{ m.content + '<|im_end|>\n' }}{% endfor %}{{ '<|im_start|>assistant\n<think>' }}"
)
DROPS = SHOWS.replace("{% if m.reasoning_content %}", "{% if m.reasoning_content and loop.last %}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("told")


def engine_for(folder: Path, name: str, template: str) -> LlamaEngine:
    path = write_model(
        folder / f"{name}.gguf",
        markers=(*CHATML_MARKERS, *R1_MARKERS[-2:]),
        template=template,
        context=2048,
    )
    return LlamaEngine(path, options=LoadOptions(trusted=True, ctx=2048))


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[LlamaEngine]:
    made = engine_for(folder, "shows", SHOWS)
    yield made
    made.close()


def asked(session: Session, question: str, budget: str = "16") -> Reply:
    events = session.ask(
        question, budget=Budget.parse(budget), sampling=Sampling(seed=1), max_answer=6
    )
    *_, reply = events
    assert isinstance(reply, Reply)
    return reply


def prompt_of(engine: LlamaEngine, messages: tuple[Message, ...]) -> str:
    def text(model) -> str:
        ids = model.prompt((*messages, Message("user", "?"))).ids
        return b"".join(map(model.machine.vocabulary.piece, ids)).decode("utf-8", "replace")

    return engine.inside(text)


def test_the_next_turn_reads_the_thought_where_the_template_shows_it(engine: LlamaEngine) -> None:
    session = Session(engine)
    first = asked(session, "One?")
    assert first.thought.strip()
    assert f"<think>{first.thought.strip()}</think>" in prompt_of(engine, session.messages())
    engine.wait_ahead()
    second = asked(session, "Two?")
    assert second.receipt.prompt_tokens > first.receipt.prompt_tokens + len(first.thought) // 4
    # It has been read ahead, told of the same budget: what is left is the new question.
    left = second.receipt.prompt_tokens - second.receipt.prompt_reused_tokens
    assert left <= len("user\nTwo?\n\nassistant\n<think>") + 8
    asked(session, "Three?", "off")
    # What r1chat wrote in the place of a thought is none.
    assert session.messages()[-1].thought == ""


def test_it_does_not_where_the_template_leaves_it_out(folder: Path) -> None:
    engine = engine_for(folder, "drops", DROPS)
    session = Session(engine)
    first = asked(session, "One?")
    assert session.messages()[-1].thought == first.thought != ""
    assert first.thought.strip() not in prompt_of(engine, session.messages())
    engine.close()


@pytest.mark.parametrize(
    ("budget", "effort"), [("16", "low"), ("2000", "medium"), ("max", None), ("off", "low")]
)
def test_the_receipt_says_what_was_told(
    engine: LlamaEngine, budget: str, effort: str | None
) -> None:
    control = Control(Budget.parse(budget))
    request = Request(
        (Message("user", "One?"),), control.budget, sampling=Sampling(seed=1), max_answer=4
    )
    for event in engine.stream(request, control):
        if getattr(event, "tokens", 0) >= 8:
            control.answer_now()
    assert isinstance(event, Reply)
    assert event.receipt.effort == effort
    # Continued with another budget, it stands behind the prompt that it was written to.
    again = Request(request.messages, Budget(tokens=40), max_answer=8, resume=Continuation(event))
    *_, more = engine.stream(again, Control(again.budget))
    assert isinstance(more, Reply)
    assert more.receipt.effort == effort
    assert more.receipt.prompt_tokens == event.receipt.prompt_tokens
