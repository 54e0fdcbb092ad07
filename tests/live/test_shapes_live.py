"""Answers in a shape, on real engines: every one of them fits, or was cut."""

from __future__ import annotations

import dataclasses
import json
import random
import re
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction

import pytest

from r1chat import shapes
from r1chat.engine import grammars, llama, loop, native
from r1chat.engine.base import Continuation, Message, Request, Sampling
from r1chat.engine.constraint import Constraint
from r1chat.engine.llama import LlamaEngine, LoadOptions
from r1chat.errors import EngineError, UsageError
from r1chat.events import Reply, Sampled
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control, ControlGroup
from r1chat.shapes import Shape, leaves, patterns, schema
from tests.live.test_speculation_live import drafting
from tests.program import run
from tests.schemas import Schemas

QUESTION = "What is 44 + 41 + 25?"
NUMBER = {"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]}


def shape_of(given: object) -> Shape:
    return shapes.json_schema(json.dumps(given))


def plainly(shape: Shape) -> str:
    """A grammar without the child process that tries it first."""
    if shape.kind == "grammar":
        return shape.text
    return native.gbnf_of(schema.core(shape.text), leaves.HELPERS)


@pytest.fixture
def _no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (loop, llama):
        monkeypatch.setattr(module, "gbnf", plainly)


def asked(engine: LlamaEngine, shape: Shape, budget: str = "max", **changes: object) -> Reply:
    request = Request(
        (Message("user", QUESTION),),
        sampling=Sampling(seed=4),
        budget=Budget.parse(budget),
        shape=shape,
    )
    request = dataclasses.replace(request, **changes)  # type: ignore[arg-type]
    *_, reply = engine.stream(request, Control(request.budget))
    assert isinstance(reply, Reply)
    assert reply.error is None
    return reply


def is_valid_or_cut(reply: Reply, shape: Shape) -> bool:
    """Whether an answer fits; what was cut must have no final answer."""
    if reply.receipt.answer_ended_by != "natural":
        assert reply.final is None
        return False
    assert shape.fault(reply.answer) is None
    assert json.loads(reply.final or "") == json.loads(reply.answer)
    return True


def draw(engine: LlamaEngine, seeds: range) -> int:
    valid = 0
    for seed in seeds:
        shape = shape_of(Schemas(seed).root())
        budget = ("off", "12")[seed % 2]
        reply = asked(engine, shape, budget, max_answer=150, sampling=Sampling(seed=seed))
        valid += is_valid_or_cut(reply, shape)
    return valid


@pytest.mark.usefixtures("_no_child")
def test_a_dozen_random_schemas_give_values_that_fit(tiny: LlamaEngine) -> None:
    assert draw(tiny, range(12)) >= 6


@pytest.mark.long
@pytest.mark.usefixtures("_no_child")
def test_two_hundred_random_schemas_give_values_that_fit(tiny: LlamaEngine) -> None:
    assert draw(tiny, range(200)) >= 100


def matches(engine: LlamaEngine, grammar: str, texts: list[str]) -> list[bool]:
    """Which texts a grammar makes, as a whole."""

    def work(model: object) -> Iterator[bool]:
        vocabulary = model.machine.vocabulary  # type: ignore[attr-defined]
        for text in texts:
            with closing(Constraint(vocabulary, grammar)) as constraint:
                try:
                    constraint.follow(vocabulary.tokenize(text, special=False))
                except EngineError:
                    yield False
                else:
                    yield constraint.complete

    return engine.inside(lambda model: list(work(model)))


@pytest.mark.parametrize(
    "pattern",
    [
        "^a+b?$",
        "b",
        '^[^a"]*$',
        '^"?[a-c]{2,3}\\\\$',
        "^(a|bc)*$|^c",
        "^\\w\\W$",
        "^.{2}$",
        "^a*?$",
    ],
)
def test_a_pattern_makes_what_it_matches(tiny: LlamaEngine, pattern: str) -> None:
    rule = (
        f'root ::= "\\"" ({patterns.grammar(pattern)}) "\\""\nchar ::= {leaves.HELPERS["char"]}\n'
    )
    rules = "".join(f"{name} ::= {leaves.HELPERS[name]}\n" for name in ("unicode", "hex"))
    chance = random.Random(pattern)
    texts = ["".join(chance.choices('abc"\\é', k=chance.randint(0, 4))) for _ in range(60)]
    found = matches(tiny, rule + rules, [json.dumps(text, ensure_ascii=False) for text in texts])
    python = re.compile(pattern, re.ASCII)
    assert found == [python.search(text) is not None for text in texts]


def test_limits_of_numbers_let_through_what_is_within_them(tiny: LlamaEngine) -> None:
    chance = random.Random(1)
    for _ in range(40):
        whole = chance.random() < 0.6
        scale = 1 if whole else 100
        low = Fraction(chance.randint(-3000, 3000), scale)
        high = low + Fraction(chance.randint(2, 4000), scale)
        least = chance.choice(["minimum", "exclusiveMinimum"])
        limits = {least: float(low), "maximum": float(high)}
        values = [low, high, low - Fraction(1, scale), high + Fraction(1, scale)]
        values += [Fraction(chance.randint(int(low) - 9, int(high) + 9)) for _ in range(8)]
        texts = [f"{float(value):g}" if abs(value) < 10**5 else str(value) for value in values]
        grammar = f"root ::= {leaves.number(limits, whole=whole)}"
        fits = [low <= value <= high and (least == "minimum" or value > low) for value in values]
        assert matches(tiny, grammar, texts) == fits, (limits, whole, texts)


def test_what_else_an_object_has_is_called_otherwise(tiny: LlamaEngine) -> None:
    given = {"properties": {"age": {"type": "null"}, "a": {}, "": {}, 'q"': {}}}
    grammar = plainly(shape_of({"type": "object", **given, "additionalProperties": {"const": 1}}))
    names = ["age", "a", "", "ag", "ages", "b", "é"]
    texts = [json.dumps({"q": 1, name: 1}, ensure_ascii=False) for name in names]
    assert matches(tiny, grammar, texts) == [False, False, False, True, True, True, True]
    texts = ['{"age": null, "x": 1}', '{"age": null}', '{"x": 1, "y": 1}', '{"x": 1, "\\u0061": 1}']
    assert matches(tiny, grammar, texts) == [True, True, True, False]


@pytest.mark.usefixtures("_no_child")
def test_whatever_a_string_must_spell_is_text(tiny: LlamaEngine) -> None:
    text = '</think> <think> <｜User｜> <｜end▁of▁sentence｜> \\boxed{1} "quoted" é漢😀\n\tUser: '
    reply = asked(tiny, shape_of({"const": [text]}), "12")
    assert json.loads(reply.final or "") == [text]
    assert not reply.answer_injected
    assert reply.receipt.thought_ended_by == "budget"


@pytest.mark.usefixtures("_no_child")
def test_a_thought_is_the_same_with_a_shape_and_without(tiny: LlamaEngine) -> None:
    request = Request((Message("user", QUESTION),), sampling=Sampling(seed=4))
    *_, free = tiny.stream(request, Control())
    shaped = asked(tiny, shape_of(NUMBER))
    assert shaped.thought == free.thought
    assert isinstance(json.loads(shaped.final or "")["sum"], int)
    # Nothing follows it, not even the white space that the grammar allows.
    assert shaped.answer.endswith("}")
    assert shaped.receipt.ended_by == "natural"


@pytest.mark.usefixtures("_no_child")
@pytest.mark.parametrize("size", [2, 4, 8])
def test_guesses_change_no_word_of_a_shape(tiny: LlamaEngine, size: int) -> None:
    items = {"type": "array", "items": NUMBER, "minItems": 12, "maxItems": 12}
    plain = asked(tiny, shape_of(items), "off", sampling=Sampling(temperature=0), reuse=False)
    before = tiny.inside(lambda model: model.machine.speculation)
    try:
        reply = asked(
            drafting(tiny, size), shape_of(items), "off", sampling=Sampling(temperature=0)
        )
    finally:
        tiny.inside(lambda model: setattr(model.machine, "speculation", before))
    assert (reply.answer, reply.final, reply.ids) == (plain.answer, plain.final, plain.ids)
    assert plain.final is not None
    assert reply.receipt.accepted_tokens > 20
    # What the grammar refuses was not even tried.
    assert reply.receipt.drafted_tokens < 2 * reply.receipt.accepted_tokens


def test_guesses_that_the_grammar_refuses_are_none(tiny: LlamaEngine) -> None:
    def work(model: object) -> list[int]:
        vocabulary = model.machine.vocabulary  # type: ignore[attr-defined]
        with closing(Constraint(vocabulary, 'root ::= "ab" [0-9]+')) as constraint:
            constraint.follow(vocabulary.tokenize("ab", special=False))
            draft = [
                token for each in "123x4" for token in vocabulary.tokenize(each, special=False)
            ]
            kept = constraint.admitted(draft)
            # To look ahead is not to go ahead.
            assert constraint.admitted(draft) == kept
            assert kept == draft[:3]
            return list(constraint.admitted([vocabulary.eos]))

    assert tiny.inside(work) == []


@pytest.mark.usefixtures("_no_child")
def test_samples_have_the_shape_each(tiny: LlamaEngine) -> None:
    shape = shape_of(NUMBER)
    request = Request(
        (Message("user", QUESTION),),
        sampling=Sampling(seed=4),
        budget=Budget(tokens=8),
        shape=shape,
    )
    group = ControlGroup(Control(request.budget), 5)
    replies = [
        event.event
        for event in tiny.stream_many(request, group)
        if isinstance(event, Sampled) and isinstance(event.event, Reply)
    ]
    assert len(replies) == 5
    assert all(is_valid_or_cut(reply, shape) for reply in replies)


@pytest.mark.usefixtures("_no_child")
def test_a_cut_answer_goes_on_to_its_end_and_one_of_another_shape_fails(tiny: LlamaEngine) -> None:
    shape = shape_of({"const": "seven eight nine"})
    cut = asked(tiny, shape, "8", max_answer=5)
    assert (cut.receipt.answer_ended_by, cut.final) == ("length", None)
    for kept in (cut, dataclasses.replace(cut, ids=(), answer_ids=())):
        rest = asked(tiny, shape, resume=Continuation(kept))
        assert rest.final == '"seven eight nine"'
        assert rest.thought == cut.thought
    anew = asked(tiny, shape_of({"const": 5}), resume=Continuation(cut, keep=4, close=True))
    assert anew.final == "5"
    with pytest.raises(AssertionError, match="has not this shape"):
        asked(tiny, shape_of({"const": 5}), resume=Continuation(cut))


@pytest.mark.usefixtures("_no_child")
def test_every_family_of_models_keeps_to_a_grammar(random_models) -> None:
    shape = shapes.grammar('root ::= "  yes" | "no"')
    for file in random_models.values():
        options = LoadOptions(trusted=True, ctx=512)
        with closing(LlamaEngine(file, options=options)) as engine:
            for raw in (False, True):
                reply = asked(engine, shape, "8", raw=raw)
                assert reply.final in {"yes", "no"}, (file, raw, reply)


def test_bad_grammars_are_one_line_and_hurt_nobody() -> None:
    bad = {
        'root ::= root "a" | "b"': "left recursion",
        'rot ::= "a"': "no rule root",
        'root ::= "a"\nx = "b"': "expecting ::= in line 2",
        "root ::= " + "(" * 100_000 + '"a"' + ")" * 100_000: "too large, nested too deeply",
    }
    for text, said in bad.items():
        with pytest.raises(UsageError) as caught:
            grammars.gbnf(shapes.grammar(text))
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_grammars_that_explode_are_refused() -> None:
    bad = [
        'root ::= s\ns ::= "a" s "b" | "a" s "c" | ""',
        'root ::= x s\nx ::= y\ny ::= "" | "a"\ns ::= x s "b" | "c"',
        "\n".join(f'r{i} ::= r{i + 1} "x" | r{i + 1} "y"' for i in range(40))
        + '\nr40 ::= "a"\nroot ::= r0',
    ]
    for text in bad:
        with pytest.raises(UsageError, match="cannot be used"):
            grammars.gbnf(shapes.grammar(text))


@pytest.mark.long
@pytest.mark.timeout(900)
def test_fuzzed_grammars_hurt_nobody() -> None:
    chance = random.Random(7)
    parts = [
        '"a"',
        "[a-z]",
        "x",
        "root",
        "(",
        ")",
        "*",
        "+",
        "?",
        "{2,}",
        "|",
        "\n",
        "x ::=",
        "[^",
        '"',
    ]
    for _ in range(60):
        body = " ".join(chance.choices(parts, k=chance.randint(1, 12)))
        try:
            grammars.gbnf(shapes.grammar(f'x ::= "b"\nroot ::= {body}'))
        except UsageError as error:
            assert "\n" not in str(error)  # noqa: PT017  (it need not be raised)


def test_a_script_gets_its_object_and_exit_codes(tmp_path) -> None:
    file = tmp_path / "schema.json"
    file.write_text(json.dumps(NUMBER))
    base = ("ask", "-m", "tiny", "--no-save", "--seed", "4", QUESTION)
    shaped = (*base, "--json-schema", str(file))
    code, out, err = run(*shaped, "-b", "8", "--format", "json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["final"] == json.loads(found["answer"])
    assert found["receipt"]["shape"] == "json"
    code, out, err = run(*shaped, "-b", "8", "--max-answer", "3")
    assert code == 4
    assert "has not the shape that was asked for: it is cut off" in err
    file.write_text('{"type": "object", "minProperties": 1}')
    code, out, err = run(*shaped, "-m", "no-such-model")
    assert (code, out) == (2, "")
    assert "'minProperties' is not supported" in err
    code, out, err = run(*base, "--grammar", "-", "-b", "8", stdin=b'root ::= "yes" | "no"')
    assert (code, out.strip() in {"yes", "no"}) == (0, True)
    code, out, err = run(*base, "--grammar", "-", "-b", "8", stdin=b'root ::= ""')
    assert (code, out.strip()) == (4, "")
    assert "the grammar let it end with nothing in it" in err
    assert "--temperature" not in err
