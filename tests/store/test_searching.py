"""Search over questions, answers and, by choice, thoughts."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from r1chat.events import Receipt, Reply
from r1chat.store import Store, index
from tests.store.helpers import asked, settle


def save(store, question, answer="", thought=""):
    made = asked(question)
    store.begin(made).take(Reply(thought, answer, Receipt()))
    return made.node


def found(store, text, **options):
    settle(store)
    return [hit.node for hit in store.search(text, **options)]


@pytest.fixture(params=["index", "no index"])
def store(request, monkeypatch):
    """A history with FTS5, and one on an SQLite that has none."""
    if request.param == "no index":
        monkeypatch.setattr(index, "_TABLE", index._TABLE.replace("fts5", "fts_missing"))
    opened = Store.open()
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("text", "hit"),
    [
        ("prime", True),
        ("PRIME numbers", True),
        ("numbers prime", True),
        ("prim", True),
        ("prim ", False),
        ("rime", False),
        ("prime nothing", False),
        ("p", False),
        ("cafe", True),
        ("Café", True),
        ("cafe\u0301", True),
        ("ÜBER", True),
        ("3.14", True),
        ("3.1", True),
        ("14.3", False),
        ("3,14", True),
        ("don't", True),
        ("snake_case", True),
        ("snake-case", True),
        ("case_snake", False),
        ("北京", True),
        ("北京在", True),
        ("在北", False),
        ("京", True),
        ("里在", False),
        ("用Python写", True),
        ("Прив", True),
        ('"prime numbers"', True),
        ("prime NOT", False),
        ("prime OR nothing", False),
        ("question:prime", False),
        ("prime*", True),
        ("(prime)", True),
        ("{answer}:x", False),
        ("NEAR(prime numbers)", False),
        ('"', False),
        ("*", False),
        ("", False),
        ("  ", False),
    ],
)
def test_words_are_found_and_nothing_in_a_query_is_syntax(store, text, hit):
    node = save(
        store,
        "About prime numbers and the café über alles, π is 3.14, don't you think?",
        "snake_case 我想知道北京在哪里 用Python写 Привет",
    )
    save(store, "Something else", "entirely")
    assert found(store, text) == ([node] if hit else [])


def test_thoughts_are_looked_into_by_choice(store):
    node = save(store, "one", "two", "a secret thought")
    assert found(store, "secret") == []
    assert found(store, "secret", thoughts=True) == [node]
    assert found(store, "one secret", thoughts=True) == [node]


def test_the_newest_come_first_in_pages(store):
    nodes = [save(store, f"same word {n}") for n in range(5)]
    assert found(store, "word", limit=2) == nodes[:2:-1]
    assert found(store, "word", limit=2, offset=4) == nodes[:1]


def test_deleted_conversations_are_not_found(store):
    save(store, "one word")
    settle(store)
    (hit,) = store.search("word")
    store.delete(hit.conversation)
    assert found(store, "word") == []
    store.restore(hit.conversation)
    assert len(found(store, "word")) == 1


def test_a_hit_shows_the_words_around_the_match(store):
    save(store, "short", "x " * 200 + "here is\nthe needle, and the hay" + " y" * 200)
    settle(store)
    (hit,) = store.search("needle hay")
    assert hit.field == "answer"
    assert hit.title == "short"
    assert "\n" not in hit.snippet
    assert hit.snippet.startswith("…")
    assert hit.snippet.endswith("…")
    assert [hit.snippet[a:b] for a, b in hit.matches] == ["needle", "hay"]


def test_a_hit_says_where_it_is(store):
    save(store, "the word", "and the word", "a word")
    save(store, "else", "nothing", "a word")
    settle(store)
    assert [hit.field for hit in store.search("word", thoughts=True)] == ["thought", "question"]


def test_what_is_removed_is_not_found(store):
    node = save(store, "one word")
    assert found(store, "word") == [node]
    store.remove(node)
    assert found(store, "word") == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.text(max_size=40))
def test_no_query_is_an_error(store, text):
    for thoughts in (False, True):
        store.search(text, thoughts=thoughts)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.text(min_size=1, max_size=30), st.data())
def test_what_was_written_is_found_by_each_of_its_words(store, text, data):
    words = [word for word in text.split() if any(char.isalnum() for char in word)]
    if not words:
        return
    node = save(store, text)
    word = data.draw(st.sampled_from(words))
    assert node in found(store, word + " ", limit=1000)


def test_an_sqlite_without_an_index_is_told_and_the_index_made_up_for(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(index, "_TABLE", index._TABLE.replace("fts5", "fts_missing"))
        without = Store.open()
        node = save(without, "a late word")
        settle(without)
        assert [hit.node for hit in without.search("late")] == [node]
        assert "FTS5" in without.take_notices()[0]
        without.close()
    later = Store.open()
    assert found(later, "late") == [node]
    assert later._read(index.available)
    later.close()


def test_an_index_of_another_make_is_made_anew(monkeypatch):
    store = Store.open()
    node = save(store, "a late word")
    settle(store)
    store.close()
    monkeypatch.setattr(index, "_VERSION", "other")
    later = Store.open()
    assert found(later, "late") == [node]
    later.remove(node)
    assert found(later, "late") == []
    later.close()


def test_a_word_anywhere_in_a_long_text_is_found(store):
    words = [f"word{number}.part{number}" for number in range(5000)]
    node = save(store, " ".join(words), "\n".join(words))
    settle(store)
    for word in words[::97]:
        assert [hit.node for hit in store.search(word + " ")] == [node]
    store.remove(node)
    settle(store)
    assert store.search(words[0]) == []


@pytest.mark.parametrize("sign", ["a", "漢"])
def test_a_text_without_any_space_is_taken_in_and_costs_no_other_its_place(store, sign):
    # Looking for the parts of a word from each of its signs would take minutes.
    long = save(store, sign * 200_000 + " the end")
    other = save(store, "another")
    assert found(store, "end ") == [long]
    assert found(store, "another ") == [other]
