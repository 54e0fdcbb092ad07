from __future__ import annotations

import json

import pytest
from hypothesis import given, settings

from r1chat.errors import UsageError
from r1chat.exchange import chat
from r1chat.exchange.reading import read
from r1chat.reasoning import formats
from tests.exchange.trees import a_conversation, conversations
from tests.unit.test_formats import HELD_OUT, sample


def exported(*loaded, **options):
    return "".join(chat.write(loaded, **options))


def line(*messages):
    return json.dumps({"messages": [dict(message) for message in messages]}).encode()


def user(content="Q"):
    return {"role": "user", "content": content}


def assistant(content, **more):
    return {"role": "assistant", "content": content, **more}


def last(data):
    return read(data)[-1].conversation.last().turn


@given(conversations())
@settings(deadline=None)
def test_questions_thoughts_and_answers_come_back(loaded):
    text = exported(loaded)
    kept = [node.turn for node in loaded.conversation.path() if node.turn.reply.answer.strip()]
    assert text.count("\n") == bool(kept)
    if not kept:
        return
    (again,) = read(text.encode("utf-8"))
    assert again.system == (loaded.system or None)
    found = [node.turn for node in again.conversation.path()]
    assert len(found) == len(kept)
    for turn, wanted in zip(found, kept, strict=True):
        thought = wanted.reply.thought if wanted.reply.thought.strip() else ""
        assert turn.reply.thought == chat.disarmed(thought)
        answer = chat.disarmed(wanted.reply.answer)
        assert turn.reply.answer == (answer.lstrip() if thought else answer)
        assert turn.question.endswith(wanted.question)


def test_the_thought_stands_between_tags_at_the_head():
    text = exported(a_conversation(("Q", "Hm.\n", "A"), system="Be brief."))
    assert json.loads(text) == {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Q"},
            {"role": "assistant", "content": "<think>\nHm.\n</think>\n\nA"},
        ]
    }


def test_a_tag_inside_a_text_neither_opens_nor_closes_a_thought():
    turn = last(exported(a_conversation(("Q", "a</think>b", "c<think>d</think>e"))).encode())
    assert turn.reply.thought == "a< /think>b"
    assert turn.reply.answer == "c< think>d< /think>e"


def test_without_thoughts_there_are_none():
    text = exported(a_conversation(("Q", "secret", "A")), thoughts=False)
    assert json.loads(text)["messages"][1]["content"] == "A"


def test_a_conversation_without_an_answer_is_no_line():
    assert (
        exported(a_conversation(("Q", "hm", "")), a_conversation(("Q", "", "A"))).count("\n") == 1
    )


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning", "thinking"])
def test_reasoning_in_a_field_of_its_own_is_the_thought(name):
    turn = last(line(user(), assistant("A", **{name: "Hm."})))
    assert (turn.reply.thought, turn.reply.answer) == ("Hm.", "A")


def test_a_thought_without_its_opening_tag_is_one():
    turn = last(line(user(), assistant("Hm.\n</think>\n\nIt is \\boxed{4}.")))
    assert (turn.reply.thought, turn.reply.answer) == ("Hm.\n", "It is \\boxed{4}.")
    assert turn.reply.final == "4"


def test_a_thought_in_another_format_is_one():
    turn = last(line(user(), assistant("[THINK]Hm.[/THINK]It is \\boxed{4}.")))
    assert (turn.reply.thought, turn.reply.answer) == ("Hm.", "It is \\boxed{4}.")


@pytest.mark.parametrize("own", HELD_OUT, ids=lambda each: each.name)
def test_a_thought_in_a_format_of_the_users_own_is_one(own):
    text, thought, answer = sample(own)
    assert last(line(user(), assistant(text))).reply.answer == text
    formats.use(HELD_OUT)
    reply = last(line(user(), assistant(text))).reply
    again = last(exported(a_conversation(("Q", "", text))).encode()).reply
    formats.use(())
    assert (reply.thought, reply.answer) == (thought, answer)
    # An answer that begins like one of them stays an answer.
    assert again.thought == ""


@pytest.mark.parametrize("answer", ["<thought>a</thought> b", "\n[THINK]a[/THINK]b", "[THINK] a"])
def test_an_answer_that_begins_like_a_thought_stays_an_answer(answer):
    turn = last(exported(a_conversation(("Q", "", answer))).encode())
    assert turn.reply.thought == ""
    assert turn.reply.answer.replace("< ", "<").replace("[ ", "[") == answer


def test_content_in_parts_is_put_together():
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert last(line(user(parts), assistant("A"))).question == "ab"


def test_an_open_question_is_kept_without_an_answer():
    turn = last(line(user("1?"), assistant("1"), user("2?")))
    assert (turn.question, turn.reply.answer, turn.reply.receipt.ended_by) == (
        "2?",
        "",
        "cancelled",
    )


def test_a_title_is_made_of_the_first_question():
    (loaded,) = read(line(user("What is a prime number?"), assistant("A")))
    assert loaded.summary.title == "What is a prime number?"


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (b"{", "line 3: it is not JSON"),
        (b"7", "line 3: "),
        (b"{}", "line 3: messages: field required"),
        (line(user(), user()), "line 3: questions and answers do not take turns"),
        (line(assistant("A")), "line 3: questions and answers do not take turns"),
        (line({"role": "system", "content": "S"}), "line 3: there is no question"),
        (line({"role": "tool", "content": "S"}), "line 3: messages.0.role"),
        (line(user([{"type": "image_url"}])), "line 3: messages.0.content: it has a part"),
        (line(user(3)), "line 3: messages.0.content: it is no text"),
    ],
)
def test_a_bad_line_is_named_with_its_number(bad, words):
    good = line(user(), assistant("A"))
    with pytest.raises(UsageError) as failure:
        read(good + b"\n\n" + bad + b"\n" + good)
    assert str(failure.value).startswith(words)
    assert "\n" not in str(failure.value)
