"""Every format of thoughts, end to end, on made-up models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import gguf
import pytest

from r1chat import cli, shapes
from r1chat.compose import load, resolve
from r1chat.engine import llama, loop
from r1chat.engine.base import Continuation, Message, Request, Sampling
from r1chat.engine.llama import LlamaEngine, LoadOptions
from r1chat.events import AnswerText, Reply, ThoughtText
from r1chat.hub.about import about
from r1chat.prompt.framing import ASSISTANT, END, USER
from r1chat.reasoning import formats
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control
from r1chat.reasoning.formats import FORMATS, THINK, Format
from r1chat.reasoning.phrases import FINISHED, LANDING, WAIT
from tests.factory import CHATML, CHATML_MARKERS, write_model
from tests.unit.test_formats import ENTRIES, HELD_OUT

QUESTION = (Message("user", "What is 44 + 41 + 25?"),)
GREEDY = Sampling(temperature=0)
CASES = [
    pytest.param((each, tokens), id=f"{each.name}-{'tokens' if tokens else 'letters'}")
    for each in (*FORMATS, *HELD_OUT)
    for tokens in (True, False)
    if not (tokens and each.sentences)
]


def said_of(format_: Format) -> str:
    """A template's words of a format, so that it is told from others."""
    return "".join("{# " + marker + " #}" for marker in format_.markers if "{" not in marker)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("formats")


@pytest.fixture(scope="module", params=CASES)
def model(
    request: pytest.FixtureRequest, folder: Path
) -> Iterator[tuple[Format, bool, LlamaEngine]]:
    """A model with random weights, which never stops by itself; its template opens the thought."""
    format_, tokens = request.param
    pieces = [(piece, gguf.TokenType.CONTROL) for piece in sorted(format_.pieces)]
    path = write_model(
        folder / f"{format_.name.replace(':', '-')}-{tokens}.gguf",
        markers=(*CHATML_MARKERS, *(pieces if tokens else ())),
        template=CHATML + "{{ " + repr(format_.opening) + " }}" + said_of(format_),
        seed=1,
    )
    formats.use(HELD_OUT)
    engine = LlamaEngine(path, options=LoadOptions(trusted=True, ctx=512))
    yield format_, tokens, engine
    engine.close()
    formats.use(())


def reply_to(
    engine: LlamaEngine, budget: Budget, *, resume: Continuation | None = None, stop: int = 0
) -> Reply:
    request = Request(
        QUESTION, budget=budget, sampling=Sampling(seed=1), max_answer=8, resume=resume
    )
    control = Control(budget)
    last = None
    for last in engine.stream(request, control):
        if isinstance(last, ThoughtText) and stop and last.tokens >= stop:
            control.answer_now()
    assert isinstance(last, Reply)
    return last


def text_of(engine: LlamaEngine, reply: Reply) -> str:
    """A reply as the model wrote and read it, markers too."""
    piece = engine.inside(lambda model: model.machine.vocabulary.piece)
    return b"".join(map(piece, reply.ids)).decode("utf-8", "replace")


Case = tuple[Format, bool, LlamaEngine]


def test_its_budget_is_kept_and_its_thought_closed_in_its_own_way(model: Case) -> None:
    format_, tokens, engine = model
    assert engine.info.thinks
    reply = reply_to(engine, Budget(tokens=20))
    assert reply.receipt.thought_ended_by == "budget"
    assert 0 < reply.receipt.thought_tokens <= 20
    assert reply.thought.endswith(f"{LANDING}\n")
    assert f"{LANDING}\n{format_.closing}" in text_of(engine, reply)
    assert reply.receipt.answer_tokens > 0
    name = engine.inside(lambda model: model.machine.vocabulary.token_of)
    assert all((name(piece) is not None) is tokens for piece in format_.pieces)


def test_its_answer_keeps_to_a_shape(model: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, engine = model
    shape = shapes.grammar('root ::= "<yes>" | "<no>"')
    for module in (loop, llama):
        monkeypatch.setattr(module, "gbnf", lambda shape: shape.text)
    for budget in (Budget(tokens=12), Budget(tokens=0)):
        request = Request(QUESTION, budget=budget, sampling=Sampling(seed=1), shape=shape)
        *_, reply = engine.stream(request, Control(budget))
        assert isinstance(reply, Reply)
        assert reply.answer == reply.final
        assert reply.final in {"<yes>", "<no>"}
        assert reply.thought


def test_it_answers_now(model: Case) -> None:
    format_, _, engine = model
    reply = reply_to(engine, Budget(), stop=10)
    assert reply.receipt.thought_ended_by == "user"
    assert f"{LANDING}\n{format_.closing}" in text_of(engine, reply)


def test_with_the_budget_off_it_thinks_nothing(model: Case) -> None:
    _, _, engine = model
    reply = reply_to(engine, Budget.parse("off"))
    assert reply.receipt.thought_tokens == 0
    assert reply.thought == f"{FINISHED}\n"
    assert reply.receipt.answer_tokens == 8
    prompt = engine.inside(lambda model: model.prompt(QUESTION, think=False))
    assert prompt.closed
    assert prompt.prefilled


def test_it_thinks_more_where_it_had_ended(model: Case) -> None:
    format_, _, engine = model
    first = reply_to(engine, Budget(tokens=20))
    keep = first.injected[0].at
    resume = Continuation(first, keep=keep, words=WAIT)
    second = reply_to(engine, Budget(tokens=40), resume=resume)
    assert second.thought.startswith(first.thought[:keep] + WAIT)
    assert first.receipt.thought_tokens < second.receipt.thought_tokens <= 40
    assert text_of(engine, second).count(format_.closing.strip()) == 1
    again = reply_to(engine, Budget(tokens=40), resume=Continuation(second))
    assert (again.thought, again.answer[: len(second.answer)]) == (second.thought, second.answer)


def test_a_users_own_format_comes_with_the_loading(folder: Path) -> None:
    own = HELD_OUT[0]
    template = CHATML + "{{ " + repr(own.opening) + " }}"
    path = write_model(folder / "own.gguf", markers=CHATML_MARKERS, template=template)
    formats.use(())
    for given, thinks in (((own,), True), ((), False)):
        engine = load(str(path), ctx=256, formats=given)
        assert engine.info.thinks is thinks
        engine.close()


def test_a_users_own_format_comes_from_the_settings(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = HELD_OUT[0]
    template = CHATML + "{{ " + repr(own.opening) + " }}"
    path = str(write_model(folder / "settings.gguf", markers=CHATML_MARKERS, template=template))
    asked = ("ask", "2 + 2?", "-m", path, "-b", "20", "--max-answer", "4", "--format", "json")
    for given, thinks in ((ENTRIES, True), ("", False)):
        change = ("set", "formats", given) if given else ("unset", "formats")
        assert cli.main(["settings", *change]) == 0
        cli.main([*asked, "--ctx", "256", "--no-save"])
        receipt = json.loads(capsys.readouterr().out)["receipt"]
        assert (receipt["thought_ended_by"] == "budget") is thinks
        assert cli.main(["models", "show", path, "--format", "json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (own.opens[0] in told["thoughts"]) is thinks
        # What is remembered of models does not outlast the setting.
        assert cli.main(["models", "list", "--format", "json"]) == 0
        capsys.readouterr()


def test_it_is_listed_with_its_format(model: Case, folder: Path) -> None:
    format_, tokens, engine = model
    told = about(Path(engine.info.path))
    assert told.thinks
    assert told.thoughts.startswith(format_.shown)
    assert ("tokens of its own" in told.thoughts) is tokens


def renamed(path: Path, names: dict[str, str], template: str) -> Path:
    """The built-in model, its markers under other names."""
    reader = gguf.GGUFReader(resolve("tiny"))
    fields = {key: field.contents() for key, field in reader.fields.items()}
    writer = gguf.GGUFWriter(path, fields["general.architecture"])
    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key in {"general.architecture", "tokenizer.chat_template"}:
            continue
        value = fields[key]
        if key == "tokenizer.ggml.tokens":
            value = [names.get(token, token) for token in value]
        kind = field.types[0]
        writer.add_key_value(key, value, kind, field.types[-1] if len(field.types) > 1 else None)
    writer.add_chat_template(template)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


TURNS = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}"
    + USER
    + "{{ m.content }}{% else %}"
    + f"{ASSISTANT}{{{{ m.content }}}}{END}"
    + "{% endif %}{% endfor %}"
    + ASSISTANT
)
WHOLE = [each for each in (*FORMATS, *HELD_OUT) if each is not THINK]
BUDGETS = {
    "max": Budget(),
    "budget": Budget(tokens=12),
    "think more": Budget(),
    "off": Budget.parse("off"),
}


def greedy(engine: LlamaEngine, how: str) -> tuple[Reply, str]:
    """A reply, and the answer as it was told."""
    budget = BUDGETS[how]
    request = Request(QUESTION, budget=budget, sampling=GREEDY, reuse=False)
    control = Control(budget)
    if how == "think more":
        control.think_more()
    *events, reply = engine.stream(request, control)
    assert isinstance(reply, Reply)
    return reply, "".join(each.text for each in events if isinstance(each, AnswerText))


@pytest.fixture(scope="module")
def known(tiny: LlamaEngine) -> dict[str, Reply]:
    """What the built-in model says."""
    return {how: greedy(tiny, how)[0] for how in BUDGETS}


@pytest.mark.parametrize("format_", WHOLE, ids=lambda each: each.name)
def test_a_model_that_thinks_by_itself_thinks_as_well_under_other_names(
    format_: Format, folder: Path, known: dict[str, Reply]
) -> None:
    names = {"<think>": format_.opens[0], "</think>": format_.closes[0]}
    template = f"{TURNS}{{{{ {format_.opens[0] + chr(10)!r} }}}}{said_of(format_)}"
    path = renamed(folder / f"tiny-{WHOLE.index(format_)}.gguf", names, template)
    formats.use(HELD_OUT)
    engine = LlamaEngine(path, options=LoadOptions(trusted=True, ctx=1024))
    formats.use(())
    for how, before in known.items():
        reply, told = greedy(engine, how)
        assert reply.receipt.thought_ended_by == before.receipt.thought_ended_by, how
        assert reply.answer == told
        assert not any(piece in told for piece in format_.pieces)
        assert reply.thought == before.thought
        assert (WAIT.strip() in reply.thought) is (how == "think more")
        if format_.closing == f"{format_.closes[0]}\n\n" or how in {"max", "think more"}:
            # Behind other words of r1chat's the model may answer otherwise.
            assert reply.answer == before.answer
    engine.close()
