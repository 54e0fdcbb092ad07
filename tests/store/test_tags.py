"""Tags, and questions that were asked once: kept, sought, brought over from an older file."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from r1chat import tags
from r1chat.store import Filter, Store, schema
from tests.store.helpers import ask, session, settle


def titles(store, **only):
    return [each.title for each in store.conversations(only=Filter(**only))]


def an_old_file(file):
    """A history as the first r1chat wrote it, with one conversation."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as connection:
        for statement in schema.statements(schema._FIRST):
            connection.execute(statement)
        connection.execute("PRAGMA user_version = 1")
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        connection.execute(
            "INSERT INTO conversations (id, created, updated, title, title_source) "
            "VALUES ('oldoldoldoldold2', 1.0, 2.0, 'An old one', 'question')"
        )
        connection.execute("INSERT INTO turns (conversation, question) VALUES (1, 'An old one')")
        connection.execute(
            "INSERT INTO replies (id, turn, created, status, answer) "
            "VALUES ('oldoldoldoldold3', 1, 1.0, 'done', 'forty-two')"
        )
        connection.commit()


def test_an_older_history_takes_tags_and_loses_nothing(file):
    an_old_file(file)
    store = Store.open()
    assert store.take_notices() == []
    ask(session(store), "A new one")
    assert store.flush(10)
    assert titles(store) == ["A new one", "An old one"]
    assert titles(store, once=False) == ["A new one", "An old one"]
    store.tag("oldoldoldoldold2", ["work", "math/algebra"])
    settle(store)
    store.close()
    again = Store.open()
    (old,) = again.conversations(only=Filter(("work",)))
    assert (old.title, old.tags) == ("An old one", ("work", "math/algebra"))
    assert again.tags() == [("math/algebra", 1), ("work", 1)]
    (node,) = again.load(old.id).conversation.path()
    assert node.turn.reply.answer == "forty-two"
    again.close()
    # What is read page by page out of a damaged file has rows of both forms.
    damaged = bytearray(file.read_bytes())
    damaged[:100] = bytes(100)
    file.write_bytes(damaged)
    mended = Store.open()
    assert sorted(titles(mended)) == ["A new one", "An old one"]
    assert titles(mended, tags=("work",)) == ["An old one"]
    mended.close()


def test_conversations_are_listed_and_searched_by_tags(store):
    names = {}
    for title, given in {"one": ("work",), "two": ("work", "home"), "three": ("workshop",)}.items():
        talk = session(store)
        ask(talk, title)
        store.tag(talk.conversation.id, given)
        names[title] = talk.conversation.id
    settle(store)
    assert titles(store, tags=("work",)) == ["two", "one"]
    assert titles(store, tags=("work",), begun=True) == ["three", "two", "one"]
    assert titles(store, tags=("work", "home")) == ["two"]
    assert titles(store, tags=("or' 1=1",)) == []
    only = Filter(("work",))
    assert len(store.search("It is 42")) == 3
    assert {hit.title for hit in store.search("It is 42", only=only)} == {"one", "two"}
    assert store.tags() == [("work", 2), ("home", 1), ("workshop", 1)]
    # A copy keeps them; a deleted one is not counted.
    store.duplicate(names["two"])
    store.delete(names["one"])
    assert store.flush(10)
    assert store.tags() == [("home", 2), ("work", 2), ("workshop", 1)]


def test_a_single_question_becomes_a_chat_when_it_is_gone_on_with_or_sorted(store):
    talks = {}
    for title in ("continued", "tagged", "pinned", "renamed", "compared", "left"):
        talks[title] = session(store, once=True)
        ask(talks[title], title)
    ask(session(store), "a chat")
    assert store.flush(10)
    assert titles(store, once=False) == ["a chat"]
    assert store.count(Filter(once=True)) == 6
    ids = {title: talk.conversation.id for title, talk in talks.items()}
    ask(session(store, conversation=talks["continued"].conversation), "And?")
    store.tag(ids["tagged"], ["x"])
    store.pin(ids["pinned"])
    store.rename(ids["renamed"], "renamed")
    talk = session(store, once=True, conversation=talks["compared"].conversation)
    ask(talk, "compared", parent=talk.conversation.root, beside="budget=off")
    store.tag(ids["left"], [])
    store.pin(ids["left"], pinned=False)
    assert store.flush(10)
    assert set(titles(store, once=True)) == {"compared", "left"}
    settle(store)
    # Whoever searches finds all of them.
    assert len({hit.conversation for hit in store.search("It is 42", limit=50)}) == 7


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("work", "work"),
        (" #Work ", "work"),
        ("Über-uns", "über-uns"),
        ("a/b.c", "a/b.c"),
        ("x" * 40, "x" * 40),
        *((bad, None) for bad in ("", "#", "a b", "-a", "a-", "x" * 41, "\x1b[2J", "a\n", "##a")),
    ],
)
def test_the_normal_form_of_a_tag(text, tag):
    if tag is None and text != "a\n":
        with pytest.raises(ValueError, match="is no tag"):
            tags.normal(text)
        return
    normal = tags.normal(text)
    assert normal == (tag or "a")
    assert tags.unpacked(tags.packed([normal, "other", normal])) == (normal, "other")


def test_what_a_file_says_of_tags_is_not_believed():
    assert tags.unpacked(None) == ()
    assert tags.unpacked(" ok \x1b[2J -bad " + "t " * 100) == ("ok", *("t",) * 31)
    assert tags.unpacked("a" * 1_000_000) == ()
