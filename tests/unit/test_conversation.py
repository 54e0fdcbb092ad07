"""The tree of a conversation."""

from __future__ import annotations

from r1chat.conversation import Conversation, Turn
from r1chat.events import Receipt, Reply


def turn(question: str, answer: str = "yes") -> Turn:
    return Turn(question, Reply(thought="hm", answer=answer, receipt=Receipt()))


def questions(conversation: Conversation) -> list[str]:
    return [node.turn.question for node in conversation.path() if node.turn is not None]


def test_turns_follow_each_other() -> None:
    conversation = Conversation()
    conversation.add(turn("one"))
    conversation.add(turn("two"))
    assert questions(conversation) == ["one", "two"]


def test_another_version_of_a_turn_leaves_the_first_where_it_was() -> None:
    conversation = Conversation()
    first = conversation.add(turn("one"))
    conversation.add(turn("two"))
    other = conversation.add(turn("one, but better"), parent=first.parent)
    assert questions(conversation) == ["one, but better"]
    assert (other.version, len(other.siblings)) == (2, 2)
    conversation.choose(first)
    assert questions(conversation) == ["one", "two"]


def test_the_model_reads_the_way_to_a_turn_without_thoughts() -> None:
    conversation = Conversation()
    first = conversation.add(turn("one", "1"))
    second = conversation.add(turn("two", "2"))
    conversation.add(turn("other", "0"), parent=conversation.root)
    assert [m.text for m in conversation.messages(second)] == ["one", "1", "two", "2"]
    assert [m.text for m in conversation.messages(first)] == ["one", "1"]
    assert conversation.messages(conversation.root) == ()


def test_a_turn_without_an_answer_is_not_read() -> None:
    conversation = Conversation()
    conversation.add(turn("one", " "))
    assert conversation.messages() == ()
