"""What the arrows of the composer bring back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from r1chat.tui.recall import MOST, Recall

TEXTS = st.text(alphabet="ab ", max_size=3)


def recall(*texts: str) -> Recall:
    made = Recall()
    for text in texts:
        made.add(text)
    return made


def test_the_way_up_ends_at_the_oldest_and_the_way_down_at_the_draft():
    made = recall("one", "two")
    assert made.earlier("draft") == "two"
    assert made.earlier("two") == "one"
    assert made.earlier("one") is None
    assert made.later("one") == "two"
    assert made.later("two") == "draft"
    assert made.later("draft") is None


def test_a_text_that_was_changed_is_found_as_it_was_left():
    made = recall("one", "two")
    made.earlier("")
    made.earlier("two, changed")
    assert made.later("one") == "two, changed"


def test_sending_an_earlier_text_brings_the_draft_back():
    made = recall("one")
    made.earlier("draft")
    assert made.sent("one") == "draft"
    assert made.earlier("draft") == "one"


def test_sending_one_text_keeps_what_was_made_of_another():
    made = recall("one", "two")
    made.earlier("")
    made.earlier("two, changed")
    made.sent("one")
    assert made.unsent("") == ("", ("two, changed",))


def test_a_text_that_was_visited_is_left_for_the_draft_and_its_change_is_kept():
    made = recall("one")
    assert made.visit("one", "draft") == "one"
    assert made.leave("one more") == "draft"
    assert made.earlier("draft") == "one more"
    assert made.unsent("draft") == ("draft", ("one more",))


def test_a_changed_text_becomes_the_draft_where_there_is_none_and_that_is_wanted():
    made = recall("one")
    made.visit("one", "")
    assert made.leave("one more", unless_changed=True) == "one more"
    assert made.unsent("one more") == ("one more", ())
    assert made.earlier("one more") == "one"


def test_what_was_put_aside_and_is_in_the_composer_again_is_the_draft():
    made = Recall()
    made.add("put aside", unsent=True)
    assert made.earlier("") == "put aside"
    assert made.unsent("put aside") == ("put aside", ())


def test_what_was_sent_and_is_in_the_composer_again_is_no_draft():
    made = recall("sent")
    assert made.earlier("") == "sent"
    assert made.unsent("sent") == ("", ())


def test_what_was_sent_after_all_need_not_outlast_the_app():
    made = Recall()
    made.add("put aside", unsent=True)
    assert made.unsent("") == ("", ("put aside",))
    made.add("other")
    made.add("put aside")
    assert made.unsent("") == ("", ())


def test_only_so_many_are_remembered_and_the_one_in_the_composer_is_among_them():
    made = recall("first")
    made.visit("first", "draft")
    for number in range(MOST + 5):
        made.add(f"question {number}")
    assert made.leave("first, changed") == "draft"
    assert "first, changed" in made.unsent("draft")[1]


@given(st.lists(st.tuples(st.sampled_from(["earlier", "later", "visit", "leave", "add"]), TEXTS)))
def test_no_way_through_the_texts_loses_one(steps):
    """Types something of its own after each step; all of it is found in the end."""
    made = Recall()
    current = ""
    typed = []
    for number, (step, text) in enumerate(steps):
        if step == "add":
            made.add(text)
        elif step == "visit":
            current = made.visit(text or "x", current)
        elif step == "leave":
            current = made.leave(current)
        else:
            current = getattr(made, step)(current) or current
        current += f"#{number};"
        typed.append(f"#{number};")
    draft, others = made.unsent(current)
    # What was typed before was gone on with: each piece is still in one of the texts.
    for piece in typed:
        assert any(piece in each for each in (current, draft, *others))
