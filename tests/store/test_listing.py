"""The list of conversations, and what can be done to one."""

from __future__ import annotations

import time

from r1chat.store import SHORT
from r1chat.store.chores import KEPT_DAYS
from tests.store.helpers import SCRIPT, ask, session, settle, tree


def talk_about(store, *questions):
    talk = session(store)
    for question in questions:
        ask(talk, question)
    return talk.conversation.id


def titles(store, **options):
    assert store.flush(10)
    return [each.title for each in store.conversations(**options)]


def test_the_newest_comes_first_and_pinned_ones_before_it(store):
    first, _, _ = (talk_about(store, f"number {n}") for n in range(3))
    assert titles(store) == ["number 2", "number 1", "number 0"]
    store.pin(first)
    assert titles(store) == ["number 0", "number 2", "number 1"]
    store.pin(first, pinned=False)
    assert titles(store) == ["number 2", "number 1", "number 0"]


def test_the_list_comes_in_pages(store):
    for n in range(5):
        talk_about(store, f"number {n}")
    assert titles(store, limit=2) == ["number 4", "number 3"]
    assert titles(store, limit=2, offset=4) == ["number 0"]


def test_a_title_of_the_user_stays(store):
    talk = talk_about(store, "number")
    store.rename(talk, "Better", "model")
    assert titles(store) == ["Better"]
    store.rename(talk, "Mine\n\x1b[31m")
    store.rename(talk, "Its own", "model")
    assert titles(store) == ["Mine"]


def test_what_was_deleted_can_be_restored(store, reopened):
    talk = talk_about(store, "number")
    store.delete(talk)
    assert titles(store) == []
    assert titles(store, deleted=True) == ["number"]
    assert store.last() is None
    again = reopened()
    again.restore(talk)
    assert titles(again) == ["number"]


def test_what_was_deleted_long_ago_is_gone_at_the_next_start(store, reopened):
    old, new = talk_about(store, "oldest words"), talk_about(store, "newest words")
    store.delete(old)
    store.delete(new)
    long_ago = time.time() - (KEPT_DAYS + 1) * 24 * 3600
    store._put(
        lambda c: c.execute("UPDATE conversations SET deleted_at = ? WHERE id = ?", (long_ago, old))
    )
    again = reopened()
    settle(again)
    assert titles(again, deleted=True) == ["newest words"]


def test_what_was_purged_is_not_in_the_file_any_more(store, file):
    talk = talk_about(store, "the verysecretword of mine")
    other = talk_about(store, "another question")
    settle(store)
    assert b"verysecretword" in everything(file)
    store.purge(talk)
    assert [each.id for each in listed(store)] == [other]
    assert store.search("verysecretword") == []
    store.close()
    assert b"verysecretword" not in everything(file)


def listed(store):
    assert store.flush(10)
    return store.conversations()


def everything(file):
    return b"".join(each.read_bytes() for each in file.parent.glob("history.db*"))


def test_a_copy_ends_where_it_is_told_to(store):
    talk = session(store, SCRIPT)
    first = ask(talk, "one")
    second = ask(talk, "two")
    ask(talk, "three")
    ask(talk, "two again", parent=first)
    copy = store.duplicate(talk.conversation.id, second.id)
    assert store.flush(10)
    loaded = store.load(copy)
    assert [node.turn.question for node in loaded.conversation.path()] == ["one", "two"]
    ids = {node.id for node in talk.conversation.nodes()}
    assert ids.isdisjoint(node.id for node in loaded.conversation.nodes())
    assert len(list(store.load(talk.conversation.id).conversation.nodes())) == 4


def test_a_copy_of_the_whole_has_all_branches(store):
    talk = session(store, SCRIPT)
    first = ask(talk, "one")
    ask(talk, "one", parent=first.parent)
    ask(talk, "two", parent=first)
    copy = store.duplicate(talk.conversation.id)
    assert store.flush(10)

    def shape(node):
        return [(c.turn.question, i == node.chosen, shape(c)) for i, c in enumerate(node.children)]

    assert shape(store.load(copy).conversation.root) == shape(talk.conversation.root)
    nothing, nowhere = store.duplicate("nothing"), store.duplicate(copy, "nowhere")
    assert store.flush(10)
    assert store.load(nothing) is store.load(nowhere) is None


def test_a_whole_conversation_is_taken_in_under_its_own_id_where_that_is_free(store):
    talk = session(store, SCRIPT)
    ask(talk, "one")
    assert store.flush(10)
    loaded = store.load(talk.conversation.id)
    store.purge(talk.conversation.id)
    assert store.flush(10)
    assert store.add(loaded) == talk.conversation.id
    assert store.flush(10)
    assert tree(store.load(talk.conversation.id).conversation.root) == tree(talk.conversation.root)
    again = store.add(loaded)
    assert again != talk.conversation.id
    assert store.flush(10)
    assert len(store.conversations()) == 2


def test_a_conversation_is_found_by_the_beginning_of_its_id(store):
    ids = [talk_about(store, f"number {n}") for n in range(3)]
    assert store.flush(10)
    for each in ids:
        (found,) = store.find(each[:SHORT].upper())
        assert (found.id, found.short) == (each, each[:SHORT])
    assert store.find("%") == []
    assert len(store.find("")) == 3


def test_a_conversation_is_remembered_with_its_last_model_and_budget(store):
    talk = talk_about(store, "one")
    store.remember(talk, model="r1:7b", budget="512")
    assert store.flush(10)
    loaded = store.load(talk)
    assert (loaded.summary.model, loaded.budget) == ("r1:7b", "512")
    assert store.last() == talk


def test_figures_come_without_texts(store):
    talk = session(store)
    node = ask(talk, "one")
    assert store.flush(10)
    (figures,) = store.figures()
    assert figures.receipt == node.turn.reply.receipt
    assert figures.origin == node.turn.origin
    assert (figures.node, figures.answer_length) == (node.id, len("It is 42."))
    assert list(store.figures(since=time.time() + 1)) == []
