"""A smaller model that drafts for a larger one, for real."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from r1chat import gguf
from r1chat.compose import load, resolve
from r1chat.engine.base import Message, Request, Sampling
from r1chat.engine.drafting import check_vocabulary
from r1chat.engine.llama import LlamaEngine, LoadOptions
from r1chat.engine.loaded import LoadedModel
from r1chat.engine.speculation import Speculation
from r1chat.events import Notice, Reply
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control, ControlGroup
from tests.factory import write_model
from tests.program import run

QUESTION = "What is 517 - 268?"


class AlwaysAsks(Speculation):
    """Has the draft model draft at every token, whatever it costs."""

    def draft(self, text, token, room, usable=None):
        del usable
        self._model.settle(1.0)
        drafted, _ = self._model.draft(text, token, min(3, room))
        return drafted


def asks_always(engine: LlamaEngine) -> None:
    def work(model: LoadedModel) -> None:
        model.machine.speculation = AlwaysAsks(model._draft)

    engine.inside(work)


def ask(engine, *, reuse: bool = True, control: Control | None = None) -> Reply:
    request = Request((Message("user", QUESTION),), sampling=Sampling(seed=3), reuse=reuse)
    *_, reply = engine.stream(request, control or Control())
    assert isinstance(reply, Reply)
    assert reply.error is None
    return reply


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copy(resolve("tiny"), tmp_path / "draft.gguf"))


def test_what_a_draft_model_drafts_is_confirmed_and_changes_no_word(copy):
    options = LoadOptions(trusted=True, draft=copy)
    engine = LlamaEngine(resolve("tiny"), options=options)
    try:
        plain = ask(engine, reuse=False)
        asks_always(engine)
        drafted = ask(engine)
        assert (drafted.thought, drafted.answer) == (plain.thought, plain.answer)
        assert drafted.receipt.accepted_tokens > 0.5 * drafted.receipt.drafted_tokens > 50
        control = Control(Budget(tokens=20))
        assert ask(engine, control=control).receipt.thought_ended_by == "budget"
        again = ask(engine)
        assert (again.thought, again.answer) == (plain.thought, plain.answer)
    finally:
        engine.close()


def test_samples_side_by_side_need_no_drafts(copy):
    engine = LlamaEngine(resolve("tiny"), options=LoadOptions(trusted=True, draft=copy))
    try:
        request = Request((Message("user", QUESTION),), sampling=Sampling(seed=3))
        *_, last = engine.stream_many(request, ControlGroup(Control(), 3))
        assert last.event.receipt.drafted_tokens == 0
        assert ask(engine).final == "249"
    finally:
        engine.close()


def notices(engine) -> list[str]:
    try:
        request = Request((Message("user", QUESTION),), max_answer=1, budget=Budget(tokens=0))
        events = list(engine.stream(request, Control(request.budget)))
        assert isinstance(events[-1], Reply)
        return [event.text for event in events if isinstance(event, Notice)]
    finally:
        engine.close()


def test_another_vocabulary_is_left_out_with_a_note(tmp_path):
    (note,) = notices(load("tiny", draft=str(write_model(tmp_path / "other.gguf"))))
    assert "vocabularies differ" in note
    assert "\n" not in note


def test_a_damaged_draft_model_is_left_out_with_a_note(copy):
    copy.write_bytes(copy.read_bytes()[:100_000])
    (note,) = notices(load("tiny", draft=str(copy)))
    assert note.startswith("no draft model: ")


def test_a_draft_model_that_is_not_here_is_left_out_and_the_way_to_get_it_named():
    (note,) = notices(load("tiny", draft="r1:1.5b"))
    assert "models pull" in note


def test_a_vocabulary_with_some_more_unused_tokens_will_do(tmp_path):
    small, large = (write_model(tmp_path / f"{name}.gguf") for name in ("small", "large"))
    check_vocabulary(gguf.read_header(small), gguf.read_header(large))


def test_the_command_line_takes_a_draft_model(copy, tmp_path):
    home = {"R1CHAT_HOME": str(tmp_path / "home")}
    code, out, _ = run("ask", "--draft", str(copy), "--seed", "3", QUESTION, env=home)
    assert code == 0
    assert "249" in out
