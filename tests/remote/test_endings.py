"""Replies that end where they should: at a marker between turns, and not before an answer."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from r1chat.engine.base import Continuation, Message
from r1chat.engine.remote.endings import Ending, names
from r1chat.prompt.turns import KNOWN
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.phrases import ANSWER, BOX
from tests.program import run
from tests.remote.helpers import REPLY, THOUGHT, WHOLE, asked, opened, reply_of
from tests.remote.server import Fault, ModelServer
from tests.remote.server.makes import DONE, chunk, sent, stream

MARKERS = names(None, ())
QUESTION = "\nWhat is 1 + 1?"
OTHERS = {
    "ChatML": "<|im_end|>\n<|im_start|>user" + QUESTION,
    "ChatML, unended": "<|im_start|>user" + QUESTION,
    "Llama 3": "<|eot_id|><|start_header_id|>user<|end_header_id|>\n" + QUESTION,
    "Llama 4": "<|eot|><|header_start|>user<|header_end|>\n" + QUESTION,
    "Gemma": "<end_of_turn>\n<start_of_turn>user" + QUESTION,
    "R1": "<｜end▁of▁sentence｜><｜User｜>" + QUESTION,
    "R1, unended": "<｜User｜>" + QUESTION,
    "Zephyr": "<|user|>" + QUESTION,
    "Mistral": "[INST]" + QUESTION + "[/INST]",
    "Command": "<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|USER_TOKEN|>" + QUESTION,
    "the end of a text": "<|endoftext|>Human:" + QUESTION,
    "Llama 3's": "<|end_of_text|>" + QUESTION,
    "EXAONE": "[|endofturn|]\n[|user|]" + QUESTION,
}


def cut(text, rng):
    while text:
        size = rng.randint(1, 7)
        yield text[:size]
        text = text[size:]


def chatted(deltas, request=None, **more):
    """The reply of a chat that sends these pieces, and the requests."""
    with ModelServer(owner="somebody", chat=deltas, **more) as server:
        return reply_of(opened(server), request or asked()), server.completions()


@pytest.mark.parametrize("family", OTHERS)
def test_a_model_that_goes_on_as_the_user_has_ended_its_reply(family):
    for seed in range(5):
        rng = random.Random(seed)
        pieces = [{"content": each} for each in cut("It is 42." + OTHERS[family], rng)]
        reply, requests = chatted(pieces)
        assert (reply.answer.strip(), reply.receipt.answer_ended_by) == ("It is 42.", "natural")
        assert len(requests) == 1


@pytest.mark.parametrize("family", OTHERS)
def test_it_has_ended_its_reply_in_the_thought_too(family):
    """The thought is closed for it, and the answer asked for."""
    with ModelServer([*THOUGHT[:3], OTHERS[family], *REPLY[3:]]) as server:
        reply = reply_of(opened(server), asked())
    assert reply.thought == "".join(THOUGHT[:3]) + "\n"
    assert reply.answer.endswith(WHOLE)
    assert reply.receipt.answer_asked == "words"


def test_a_server_leaves_at_such_a_marker_at_once():
    with ModelServer([*REPLY, "<｜User｜>", *[" word"] * 5000], pause=0.001) as server:
        reply = reply_of(opened(server), asked())
        assert server.gone.wait(10)
    assert reply.answer == WHOLE


def test_a_server_that_takes_tokens_is_told_which_end_a_reply():
    with ModelServer(REPLY) as server:
        reply_of(opened(server), asked())
        body = server.completions()[-1].body
        ends = {server.vocabulary[token] for token in body["stop_token_ids"]}
    assert {"<｜User｜>", "<｜Assistant｜>"} <= ends
    assert "<think>" not in ends


@pytest.mark.parametrize(
    "text",
    [
        "In ChatML `<|im_end|>` ends a turn, as in `<|im_start|>user`. So it is.",
        "```\n<|im_start|>user\nhello<|im_end|>\n```\nThat is ChatML.",
        "a < b, c <| d, [I] and <|> are no markers: <|im, <start_of",
        "<role>admin</role> is XML, <_user> a name",
    ],
)
def test_what_is_in_code_or_no_marker_ends_nothing(text):
    for seed in range(5):
        reply, _ = chatted([{"content": each} for each in cut(text, random.Random(seed))])
        assert reply.answer == text


def test_what_the_question_speaks_of_ends_nothing():
    text = "The marker <|im_end|> ends a turn."
    reply, _ = chatted([{"content": text}], asked("What does <|im_end|> mean?"))
    assert reply.answer == text


@pytest.mark.parametrize(
    "header",
    [
        "<|im_start|>assistant\n",
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
        "<start_of_turn>model\n",
        "<｜Assistant｜>",
        "<|assistant|>\n",
    ],
)
def test_a_model_that_begins_with_its_own_header_answers(header):
    for seed in range(5):
        pieces = [{"content": each} for each in cut(f"{header}It is 42.", random.Random(seed))]
        reply, requests = chatted(pieces)
        assert reply.answer.strip() == "It is 42."
        assert len(requests) == 1


@pytest.mark.parametrize("seed", range(20))
def test_no_word_before_a_marker_is_lost_however_it_is_cut(seed):
    rng = random.Random(seed)
    for _ in range(50):
        pieces = [
            "<",
            "|",
            "im",
            "_end",
            "[",
            "INST",
            "`",
            "```",
            "\n",
            " ",
            "a",
            "b|>",
            "</think>",
        ]
        text = "".join(rng.choice([*pieces, *KNOWN]) for _ in range(rng.randint(0, 12)))
        whole, parts = Ending(MARKERS), Ending(MARKERS)
        expected = whole.feed(text) + ("" if whole.found else whole.drop())
        found = "".join(parts.feed(each) for each in cut(text, rng))
        found += "" if parts.found else parts.drop()
        assert (found, parts.found) == (expected, whole.found), text
        if not whole.found and not any(name in text for name in KNOWN):
            assert found == text


def test_a_text_of_nothing_but_markers_in_code_is_read_in_no_time():
    text = "`" + "<|im_end|>" * 100_000
    assert Ending(MARKERS).feed(text) == text


def test_what_is_held_back_when_a_stream_breaks_is_kept():
    raw = sent(chunk({"content": "It is <|im_"})) + sent({"error": {"message": "no", "code": 400}})
    with ModelServer(owner="somebody") as server:
        server.faults = [Fault(raw=raw)]
        reply = reply_of(opened(server), asked())
    assert (reply.answer, reply.receipt.ended_by) == ("It is <|im_", "error")


def test_what_is_held_back_of_a_thought_is_kept_too():
    raw = sent({"choices": [{"text": "hm <|im_st"}]}) + sent({"error": {"message": "no"}})
    with ModelServer() as server:
        server.faults = [Fault(raw=raw)]
        reply = reply_of(opened(server), asked())
    assert (reply.thought, reply.receipt.ended_by) == ("hm <|im_st", "error")


# -- replies without an answer --


def thinks(field="reasoning"):
    return [{field: "hm "}, {field: "\\boxed{42}"}]


@pytest.mark.parametrize(
    "deltas",
    [
        thinks(),
        [*thinks(), {"content": " \n"}],
        [{"content": "<think>hm \\boxed{42}</think>"}],
        [{"content": "<think>hm \\boxed{42}"}],
        [{"content": "<think>hm \\boxed{42}</think>\n<|im_end|>"}],
    ],
    ids=["told apart", "spaces", "tags", "unclosed", "a marker"],
)
def test_a_chat_without_an_answer_is_asked_for_it_once(deltas):
    raw = stream([*map(chunk, deltas), chunk({}, "stop")])
    with ModelServer(owner="somebody", chat=[{"content": "So \\boxed{42}."}]) as server:
        server.faults = [Fault(raw=raw)]
        reply = reply_of(opened(server), asked())
        first, second = (each.body["messages"] for each in server.completions())
    assert (reply.thought, reply.answer) == ("hm \\boxed{42}", "So \\boxed{42}.")
    assert (reply.receipt.answer_asked, reply.receipt.ended_by) == ("again", "natural")
    assert second[: len(first)] == first
    assert [each["role"] for each in second[len(first) :]] == ["assistant", "user"]
    assert "boxed" in second[-1]["content"]


def test_a_chat_that_stays_without_an_answer_ends_without_one():
    reply, requests = chatted(thinks())
    assert reply.answer == ""
    assert reply.thought.startswith("hm \\boxed{42}")
    assert len(requests) == 2


def test_ask_ends_with_4_where_no_answer_comes():
    with ModelServer(owner="somebody", chat=thinks()) as server:
        code, out, _ = run("ask", "-m", f"{server.url}#m", "?")
    assert (code, out.strip()) == (4, "")


def test_a_chat_that_says_nothing_at_all_is_asked_once_more():
    with ModelServer(owner="somebody", chat=[{"content": "42"}]) as server:
        server.faults = [Fault(raw=sent(chunk({"content": ""}, "stop")) + DONE)]
        reply = reply_of(opened(server), asked())
        first, second = (each.body["messages"] for each in server.completions())
    assert (reply.answer, first) == ("42", second)


def test_an_empty_answer_behind_a_thought_begins_with_words_of_ours():
    with ModelServer([*THOUGHT, "\n", "</think>", "42", "."]) as server:
        whole = b"".join(server._stream({"prompt": "", "stream": True}))
        silent = whole.partition(b'"42"')[0].rpartition(b"data: ")[0]
        silent += sent({"choices": [{"text": "", "finish_reason": "stop"}]}) + DONE
        server.faults = [Fault(raw=silent)]
        request = asked(f"What? Put it within {BOX}}}.")
        reply = reply_of(opened(server), request)
        prompt = server.text_of(server.completions()[-1].body["prompt"])
        assert prompt.endswith(f"</think>\n\n{ANSWER}{BOX}")
        assert reply.answer == f"{ANSWER}{BOX}42.}}"
        assert reply.receipt.answer_asked == "words"
        again = reply_of(
            opened(server),
            replace(request, resume=Continuation(reply)),
        )
    assert again.answer.startswith(reply.answer)
    assert [each.text for each in again.answer_injected] == [ANSWER + BOX, "}"]


def test_behind_an_answer_without_the_box_that_was_asked_for_one_is_opened():
    said = "First we add them up, and then we see it"
    with ModelServer([*THOUGHT, "\n", "</think>", said, "42", "}"]) as server:
        whole = b"".join(server._stream({"prompt": "", "stream": True}))
        silent = whole.partition(b'"42"')[0].rpartition(b"data: ")[0]
        silent += sent({"choices": [{"text": "", "finish_reason": "stop"}]}) + DONE
        server.faults = [Fault(raw=silent)]
        reply = reply_of(opened(server), asked(f"What? Put it within {BOX}}}."))
        prompt = server.text_of(server.completions()[-1].body["prompt"])
        assert prompt.endswith(f"{said}\n\n{ANSWER}{BOX}")
    # This server begins its answer anew behind whatever stands there.
    assert reply.answer == f"{said}\n\n{ANSWER}{BOX}{said}42}}"
    assert reply.receipt.answer_asked == "final"
    assert [each.text for each in reply.answer_injected] == [f"\n\n{ANSWER}{BOX}"]


@pytest.mark.parametrize("budget", [Budget(), Budget(tokens=20)])
def test_words_that_nothing_follows_are_no_answer(budget):
    with ModelServer([*THOUGHT, "\n", "</think>"]) as server:
        reply = reply_of(opened(server), asked(budget=budget))
        assert len(server.completions()) <= 4
    assert reply.answer == ""


def test_a_reply_that_is_continued_and_stopped_at_once_stays_what_it_was(server):
    from r1chat.events import Receipt, Reply
    from r1chat.reasoning.control import Control

    stopped = Reply("hm", "It is", Receipt(ended_by="cancelled", thought_ended_by="natural"))
    control = Control()
    control.cancel()
    reply = reply_of(opened(server), asked(resume=Continuation(stopped)), control)
    assert (reply.thought, reply.answer, reply.receipt.ended_by) == ("hm", "It is", "cancelled")


def test_messages_name_what_ends_nothing():
    assert "<|im_end|>" not in names(None, [Message("user", "say <|im_end|>")])
    assert "<|im_end|>" in names(None, [Message("user", "say")])
