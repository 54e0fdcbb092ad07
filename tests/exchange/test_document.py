from __future__ import annotations

import json
from dataclasses import fields

import pytest
from hypothesis import given, settings

from r1chat.errors import UsageError
from r1chat.events import Receipt
from r1chat.exchange import checked, document
from r1chat.exchange.reading import read
from r1chat.sanitize import sanitize
from r1chat.store import Store
from tests.examples import examples
from tests.exchange.trees import a_conversation, conversations
from tests.store.helpers import ask, session, tree


def exported(*loaded, **options):
    return "".join(document.write(loaded, **options))


def plain(loaded):
    return document.conversation(loaded)


def through_a_store(loaded):
    """What a history gives back that a conversation was put into."""
    store = Store.in_memory()
    try:
        names = store.add_all(loaded)
        assert store.flush(10)
        return [store.load(name) for name in names]
    finally:
        store.close()


@given(conversations(), conversations())
@examples(60)
def test_what_is_exported_and_imported_is_the_same(one, other):
    stored = through_a_store([one, other])
    text = exported(*stored)
    again = through_a_store(read(text.encode()))
    assert [plain(each) for each in again] == [plain(each) for each in stored]
    assert exported(*again) == text


@given(conversations())
@settings(deadline=None)
def test_an_export_can_be_looked_at_in_a_terminal(loaded):
    text = exported(loaded)
    assert sanitize(text) == text
    assert json.loads(text)["conversations"] == [plain(loaded)]


def test_an_import_reads_all_that_a_receipt_has():
    assert set(checked._Receipt.model_fields) == {each.name for each in fields(Receipt)}


def test_branches_steering_and_the_chosen_way_survive(tmp_path):
    store = Store.open(tmp_path / "a.db")
    chat = session(store)
    first = ask(chat, "One?")
    ask(chat, "Two?")
    ask(chat, "One?", parent=first.parent)
    chat.conversation.choose(first)
    store.choose(first.id)
    assert store.flush(10)
    before = store.load(chat.conversation.id)
    store.close()
    other = Store.open(tmp_path / "b.db")
    (name,) = other.add_all(read(exported(before).encode()))
    assert other.flush(10)
    after = other.load(name)
    other.close()
    assert name == chat.conversation.id
    assert tree(after.conversation.root) == tree(before.conversation.root)
    assert len(after.conversation.root.children) == 2
    assert [node.turn.question for node in after.conversation.path()] == ["One?", "Two?"]


def test_without_thoughts_there_are_none():
    text = exported(a_conversation(("Q", "secret", "A")), thoughts=False)
    assert "secret" not in text
    (again,) = read(text.encode())
    assert again.conversation.last().turn.reply.answer == "A"


def spoiled(**changes):
    """An export with one turn, some of whose values are changed."""
    value = json.loads(exported(a_conversation(("Q", "T", "A"))))
    value["conversations"][0]["turns"][0].update(changes)
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"parent": "nowhere0"}, "follows one that does not come before it"),
        ({"id": "../../etc"}, "turns.0.id"),
        ({"question": 3}, "turns.0.question: it is no text"),
        ({"created": -1}, "turns.0.created"),
        ({"receipt": {"thought_tokens": 1e400}}, "thought_tokens"),
        ({"receipt": {"ended_by": "magic"}}, "turns.0.receipt.ended_by"),
        ({"receipt": {"budget": "lots"}}, "turns.0.receipt.budget"),
        ({"injected": [{"at": 5, "text": "no"}]}, "are not in the thought"),
        ({"acts": [{"kind": "explode", "at": 0}]}, "turns.0.acts.0.kind"),
        ({"attachments": [{"name": "a"}]}, "turns.0.attachments.0.text"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(changes, words):
    with pytest.raises(UsageError, match="conversation 1: ") as failure:
        read(spoiled(**changes))
    assert words in str(failure.value)
    assert "\n" not in str(failure.value)


def test_what_a_newer_r1chat_adds_is_passed_over():
    (again,) = read(spoiled(mood="good"))
    assert again.conversation.last().turn.question == "Q"


def test_what_a_newer_r1chat_changed_is_refused():
    text = exported().replace('"schema": 1', '"schema": 2')
    with pytest.raises(UsageError, match="newer r1chat"):
        read(text.encode())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"{", "not JSON"),
        (b"[1]", "neither"),
        (b'{"r1chat": "theme"}', "no history of r1chat"),
        (b'{\n"a": 1}', "neither"),
        (b'{\n"a": ' + b"[" * 200_000, "too deep"),
        (b'{"messages": ' + b"[" * 200_000, "too deep"),
        (b'{"messages": [{"role": "user", "content": ' + b"9" * 5000 + b"}]}", "line 1: "),
    ],
    ids=range(10),
)
def test_what_is_something_else_is_refused_in_a_line(data, words):
    with pytest.raises(UsageError, match=words) as failure:
        read(data)
    assert "\n" not in str(failure.value)


def test_two_with_one_id_are_refused():
    value = json.loads(exported(a_conversation(("Q", "T", "A"))))
    value["conversations"][0]["turns"] *= 2
    with pytest.raises(UsageError, match="two with the id"):
        read(json.dumps(value).encode())


def test_a_file_that_is_imported_twice_gets_new_ids(tmp_path):
    store = Store.open(tmp_path / "a.db")
    text = exported(a_conversation(("Q", "T", "A"))).encode()
    (first,) = store.add_all(read(text))
    assert store.flush(10)
    (second,) = store.add_all(read(text))
    assert store.flush(10)
    assert first != second
    assert len(store.conversations()) == 2
    store.close()
