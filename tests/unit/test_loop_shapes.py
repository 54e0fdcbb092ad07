"""The thinking loop where the answer must have a shape."""

from __future__ import annotations

import pytest

from r1chat.engine import loop
from r1chat.engine.base import Continuation
from r1chat.engine.parts import NOTHING
from r1chat.events import AnswerText, Reply
from r1chat.reasoning.control import Control
from r1chat.reasoning.phrases import LANDING
from r1chat.shapes import Shape
from tests.unit.test_loop import Script, run, tokens

SHAPE = Shape("json", "{}")
WHOLE = '{"a": "</think> \\\\boxed{1}"}'
PROMPT = [1, 2, 3]


@pytest.fixture(autouse=True)
def _no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "gbnf", lambda shape: f"grammar of {shape.text}")


def script(free: str, shaped: str = WHOLE) -> Script:
    made = Script(free)
    made.shaped = shaped
    return made


def answered(machine: Script, **options: object) -> Reply:
    reply, events, _ = run(machine, shape=SHAPE, **options)  # type: ignore[arg-type]
    told = "".join(event.text for event in events if isinstance(event, AnswerText))
    assert reply.answer.endswith(told)
    assert len(machine.constrained) == 1
    return reply


def test_a_thought_is_free_and_the_answer_begins_with_the_shape() -> None:
    machine = script("hm</think>\n\nSure: ")
    reply = answered(machine)
    assert (reply.thought, reply.answer) == ("hm", WHOLE)
    assert reply.final == WHOLE
    assert reply.receipt.answer_tokens == len(tokens(WHOLE))
    # White space stays where the model put it; of what it would have said nothing was evaluated.
    assert machine.cache == PROMPT + tokens(f"hm</think>\n\n{WHOLE}")


def test_white_space_in_front_of_a_shape_is_not_waited_for_without_end() -> None:
    reply = answered(script("hm</think>" + "\n" * 500))
    assert reply.answer == WHOLE


@pytest.mark.parametrize("tags", [True, False])
def test_a_model_that_opens_a_thought_unasked_has_it(*, tags: bool) -> None:
    machine = script(" <think>hm</think>\nSure")
    reply = answered(machine, opened=False, tags=tags)
    assert (reply.thought, reply.answer) == ("hm", WHOLE)
    assert machine.cache[-len(tokens(WHOLE)) :] == tokens(WHOLE)


def test_what_becomes_no_marker_is_taken_back() -> None:
    machine = script("")
    # In letters: "<th" may become a marker, "<the" does not.
    machine.wanted = [ord(char) for char in "\n<thesis>"]
    reply = answered(machine, opened=False, tags=False)
    assert reply.answer == WHOLE
    # The last token was evaluated again, since its logits are needed.
    assert machine.cache == PROMPT + tokens(WHOLE)


def test_a_model_without_a_thought_has_its_shape_at_once() -> None:
    machine = script("Sure")
    assert answered(machine, opened=False).answer == WHOLE
    assert machine.cache == PROMPT + tokens(WHOLE)


def test_no_words_are_put_into_a_shape() -> None:
    budgeted = answered(script("\\boxed thoughts without end, and more of them"), budget="8")
    assert budgeted.receipt.thought_ended_by == "budget"
    assert LANDING in budgeted.thought
    early = answered(script("\\boxed{1}<eos>"))
    empty = answered(script("\\boxed{1}</think><eos>"))
    for reply in (budgeted, early, empty):
        assert reply.answer == WHOLE
        assert not reply.answer_injected
        assert reply.receipt.answer_asked is None


def test_there_are_no_looks_at_a_shape() -> None:
    reply = answered(script("x" * 50 + "</think>"), control=Control(peek_every=4))
    assert reply.answer == WHOLE


def test_an_answer_that_is_cut_has_no_final() -> None:
    reply = answered(script("hm</think>"), max_answer=5)
    assert reply.receipt.answer_ended_by == "length"
    assert (reply.answer, reply.final) == (WHOLE[:5], None)
    assert reply.receipt.shape == "json"


def test_nothing_that_can_follow_is_the_end() -> None:
    machine = script("hm</think>x", "12")
    machine.on_sample = lambda: None if machine.wanted else machine.wanted.append(NOTHING)
    assert answered(machine).final == "12"


def test_a_cut_answer_goes_on_within_its_shape() -> None:
    cut = answered(script("hm</think>"), max_answer=6)
    machine = script("xyz", WHOLE[6:])
    reply = answered(machine, resume=Continuation(cut))
    assert machine.constrained[0][1] == WHOLE[:6]
    assert (reply.thought, reply.final) == ("hm", WHOLE)


def test_where_more_is_thought_the_shape_begins_anew() -> None:
    whole = answered(script("hm</think>\n"))
    machine = script(" more</think>\n")
    reply = answered(machine, resume=Continuation(whole, keep=2, words="\nWait,"))
    assert machine.constrained[0][1] == ""
    assert (reply.thought, reply.final) == ("hm\nWait, more", WHOLE)
