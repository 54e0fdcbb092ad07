"""Shapes of answers: what a schema may say, and what fits it."""

from __future__ import annotations

import json

import pytest

from r1chat import shapes
from r1chat.errors import UsageError
from r1chat.events import Reply
from r1chat.reasoning.control import Control
from r1chat.reasoning.splitter import Splitter
from r1chat.session import Session
from r1chat.shapes import leaves, patterns, roots, validating

PERSON = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Person",
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 20, "pattern": "^[A-Z]"},
        "age": {"type": "integer", "minimum": 0, "exclusiveMaximum": 130},
        "tags": {"type": "array", "items": {"enum": ["a", "b", 1]}, "uniqueItems": True},
        "born": {"type": ["string", "null"], "format": "date"},
        "friend": {"anyOf": [{"$ref": "#"}, {"type": "null"}], "default": None},
        "pair": {
            "prefixItems": [{"type": "boolean"}, {"const": 1.5}],
            "minItems": 2,
            "items": False,
        },
        "rate": {"type": "number", "multipleOf": 0.01},
    },
    "required": ["name"],
    "additionalProperties": False,
}


def text(value: object) -> str:
    return json.dumps(value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "is no JSON"),
        ("{", "is no JSON: expecting property name"),
        ('{"const": NaN}', "is no JSON"),
        ('{"const": 1e999}', "too large"),
        ('{"const": "\\ud800"}', "half a character"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "no JSON schema: it must be an object"),
        ("false", "nothing fits it"),
        (text({"type": "text"}), "'type' must be one of string, number"),
        (text({"properties": []}), "'properties' must be an object"),
        (text({"properties": {"a": 1}}), "at a: it is no schema"),
        (text({"type": "object", "patternProperties": {}}), "'patternProperties' is not supported"),
        (text({"items": {"not": {}}}), "at items: 'not' is not supported"),
        (text({"$ref": "https://example.com/s.json"}), "nothing is fetched"),
        (text({"$ref": "other.json#/a"}), "nothing is fetched"),
        (text({"$ref": "#/$defs/none"}), "'#/$defs/none', which is not in it"),
        (text({"$ref": "#anchor"}), "'#anchor', which is not in it"),
        (text({"type": "string", "pattern": "(?=a)"}), "'(?' are not supported"),
        (text({"type": "string", "pattern": "a{3000}"}), "2,000 repetitions"),
        (text({"type": "string", "pattern": "[a"}), "a set is not closed"),
        (text({"type": "string", "pattern": "\\p{L}"}), "is not supported"),
        (text({"type": "string", "minLength": 5, "maxLength": 2}), "below 'minLength'"),
        (text({"type": "array", "minItems": 5, "maxItems": 2}), "below 'minItems'"),
        (text({"type": "integer", "minimum": 1.2, "maximum": 1.8}), "no number fits"),
        (text({"enum": []}), "'enum' must be a list of values"),
        (text({"type": "string", "enum": [1]}), "none of its values fits"),
        (text({"allOf": [{"type": "string"}, {"type": "null"}]}), "'allOf' with 'type' twice"),
        (text({"$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"}), "deeply"),
        (text({"required": ["a"], "additionalProperties": False}), "must not be there"),
        (text({"type": "object", "minProperties": 2}), "'minProperties' is not supported"),
    ],
)
def test_what_is_not_supported_of_a_schema_is_said_in_one_line(given: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        shapes.json_schema(given)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"name": "Ada"}, None),
        ({"name": "Ada", "age": 36, "tags": ["a", 1], "born": "1815-12-10", "rate": 0.07}, None),
        ({"name": "Ada", "friend": {"name": "Bob", "friend": None}, "pair": [True, 1.5]}, None),
        ([], "it is no object"),
        ({}, 'it lacks "name"'),
        ({"name": ""}, "name has 0 characters of at least 1"),
        ({"name": "ada"}, 'name: "ada" does not match ^[A-Z]'),
        ({"name": "A" * 21}, "name has 21 characters of at most 20"),
        ({"name": "A", "age": -1}, "age: -1 is less than 0"),
        ({"name": "A", "age": 130}, "age: 130 is not less than 130"),
        ({"name": "A", "age": True}, "age is no integer"),
        ({"name": "A", "age": 1.0}, None),
        ({"name": "A", "tags": ["c"]}, 'tags[0]: "c" is none of the values that are allowed'),
        ({"name": "A", "tags": [True]}, "tags[0]: true is none of the values that are allowed"),
        ({"name": "A", "tags": [1, 1.0]}, "tags has an item twice"),
        ({"name": "A", "born": "2023-02-29"}, 'born: "2023-02-29" is no date'),
        ({"name": "A", "friend": {"name": 1}}, "friend fits none of anyOf"),
        ({"name": "A", "pair": [True]}, "pair has 1 items of at least 2"),
        ({"name": "A", "pair": [True, 1.5, 2]}, "pair[2] must not be there"),
        ({"name": "A", "rate": 0.075}, "rate: 0.075 is no multiple of 0.01"),
        ({"name": "A", "other": 1}, "other must not be there"),
    ],
)
def test_a_value_is_checked_by_every_keyword(value: object, fault: str | None) -> None:
    shape = shapes.json_schema(text(PERSON))
    assert validating.fault(value, roots.read(text(PERSON))) == fault
    assert shape.fault(text(value)) == fault
    assert (shape.final(text(value)) is None) == (fault is not None)


def test_the_final_answer_is_the_value_on_one_line() -> None:
    shape = shapes.json_schema("{}")
    assert shape.final('\n{"b": "é",\n "a": 1.0}  ') == '{"b": "é", "a": 1.0}'
    assert shape.final('{"a": 1') is None
    assert shape.final("1e999") is None
    assert shape.final('"\\ud800"') is None
    assert shape.fault(" ") == "it is empty"
    assert shapes.grammar('root ::= "a"').final(" a\n") == "a"


def test_equal_values_are_one_answer_however_they_are_spelled() -> None:
    shape = shapes.json_schema("{}")
    assert shape.same('{"a": 1, "b": [2]}', '{"b": [2.0], "a": 1.0}')
    assert not shape.same("1", "true")
    assert not shape.same("[0]", "[false]")
    assert not shape.same('{"a": 1}', '{"a": 1, "b": null}')
    assert not shapes.grammar('root ::= "a"').same("1", "1.0")


@pytest.mark.parametrize("given", ["", " # nothing\n", 'root ::= <think> "a"', "root ::= !<[3]>"])
def test_a_grammar_without_rules_or_with_tokens_is_refused(given: str) -> None:
    with pytest.raises(UsageError, match="the grammar"):
        shapes.grammar(given)


def test_brackets_in_a_grammars_texts_and_comments_name_no_tokens() -> None:
    for given in ('root ::= "<think>!"', "root ::= [<!>]", 'root ::= "a" # <!>'):
        assert shapes.grammar(given).text == given


def test_an_escaped_pattern_is_written_as_json_writes_it() -> None:
    assert patterns.grammar('^"$') == '"\\\\\\""'
    assert patterns.grammar("^\\\\$") == '"\\\\\\\\"'
    assert patterns.grammar("^\\n$") == '"\\\\n"'
    assert patterns.grammar("a") == "char* [\\U00000061] char*"


def test_once_an_answer_is_constrained_no_marker_in_it_means_anything() -> None:
    splitter = Splitter(opened=True)
    splitter.feed("thought</think>\n")
    assert not splitter.answers("\n")
    assert not splitter.answers("<think>")
    assert splitter.answers("{")
    splitter.constrain()
    written = splitter.feed('{"a": "<think>x</think>"}') + splitter.close()
    assert [piece.kind for piece in written] == ["answer"]
    assert "".join(piece.text for piece in written) == '{"a": "<think>x</think>"}'


def test_a_session_asks_in_a_shape_and_counts_equal_values_as_one() -> None:
    from r1chat.engine.fake import FakeEngine

    shape = shapes.json_schema(text({"type": "object", "properties": {"n": {"type": "integer"}}}))
    engine = FakeEngine(
        ["</think>", '{"n": 2}'], ["</think>", '{"n": 1}'], ["</think>", '{ "n":1 }']
    )
    session = Session(engine)
    *_, reply = session.consensus("?", samples=3, shape=shape, control=Control())
    assert isinstance(reply, Reply)
    assert reply.votes == (('{"n": 1}', 2), ('{"n": 2}', 1))
    assert reply.receipt.shape == "json"
    assert engine.requests[0].shape == shape


def test_values_that_begin_alike_are_written_once_as_far_as_they_do() -> None:
    assert leaves.one_of(["ab", "ac", 1, 12]) == '"\\"a" ("b\\"" | "c\\"") | "1" ("" | "2")'
