"""Servers of many makes: what each sends is read whole, and what it says goes to the user."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest

from r1chat.events import LeftOut, Notice
from tests.program import run
from tests.remote.helpers import asked, events_of, opened, reply_of
from tests.remote.server import Fault, ModelServer
from tests.remote.server.makes import ANSWER, DONE, MAKES, THOUGHT, chunk, deepseek, sent, stream

WORDS = "".join(ANSWER)


def chatting(raw: bytes, *, times: int = 1, **more):
    """A server of an unknown make that answers chats with some bytes, then with a good stream."""
    server = ModelServer(owner="somebody", chat=[{"content": WORDS}])
    server.faults = [Fault("/chat/completions", times, raw=raw, **more)]
    return server


def named(make):
    return make.__name__


@pytest.mark.parametrize("make", MAKES, ids=named)
def test_a_reply_is_read_whole_whoever_sends_it(make):
    with chatting(make()) as server:
        events = events_of(opened(server), asked())
    reply = events[-1]
    assert (reply.thought, reply.answer) == ("".join(THOUGHT), WORDS)
    assert (reply.receipt.ended_by, reply.error) == ("natural", None)
    assert [e for e in events if isinstance(e, Notice)] == []


@pytest.mark.parametrize(
    "kind",
    ["Text/Event-Stream; Charset=UTF-8", "TEXT/EVENT-STREAM", "text/plain", "application/json", ""],
)
@pytest.mark.parametrize("make", [MAKES[0], MAKES[-4]], ids=named)
def test_what_an_answer_is_called_decides_nothing(make, kind):
    with chatting(make(), kind=kind) as server:
        reply = reply_of(opened(server), asked())
    assert (reply.thought, reply.answer) == ("".join(THOUGHT), WORDS)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "GZIP": gzip.compress,
    "deflate": zlib.compress,
    " deflate": raw_deflate,
    "deflate, gzip": lambda data: gzip.compress(zlib.compress(data)),
    "identity": bytes,
}


@pytest.mark.parametrize("name", PACKERS)
def test_a_compressed_answer_is_unpacked(name):
    headers = {"Content-Encoding": name}
    with chatting(PACKERS[name](deepseek()), headers=headers) as server:
        models = PACKERS[name](b'{"data": [{"id": "m"}]}')
        server.faults.append(Fault("/models", raw=models, headers=headers, kind="application/json"))
        reply = reply_of(opened(server), asked())
    assert (reply.thought, reply.answer) == ("".join(THOUGHT), WORDS)


def test_a_compressed_stream_comes_piece_by_piece():
    """Each event is flushed by itself, and the connection stays open behind the first ones."""
    packer = zlib.compressobj(wbits=31)
    raw = b""
    for each in (chunk({"content": "It"}), chunk({"content": " is"})):
        raw += packer.compress(sent(each)) + packer.flush(zlib.Z_SYNC_FLUSH)
    with chatting(raw, headers={"Content-Encoding": "gzip"}, after=len(raw), how="stall") as server:
        reply = reply_of(opened(server, idle=0.3), asked())
    assert reply.answer == "It is"
    assert "has sent nothing for" in reply.error


@pytest.mark.parametrize(
    ("name", "raw", "words"),
    [
        ("br", b"\x0b\x02\x80", "(br) in a way that is not known"),
        ("gzip", b"data: {}", "as it says"),
    ],
)
def test_what_cannot_be_unpacked_is_said(name, raw, words):
    with chatting(raw, times=9, headers={"Content-Encoding": name}) as server:
        reply = reply_of(opened(server), asked())
    assert words in reply.error


def test_a_little_that_unpacks_to_much_is_left():
    bomb = gzip.compress(b"data: " + b"x" * (64 << 20))
    with chatting(bomb, times=9, headers={"Content-Encoding": "gzip"}) as server:
        reply = reply_of(opened(server), asked())
    assert "lines without end" in reply.error


def test_thoughts_between_the_blocks_of_an_answer_are_thoughts():
    deltas = [{"content": "It"}, {"reasoning": "hm"}, {"content": " is"}, {"reasoning": " yes"}]
    raw = stream([*map(chunk, [*deltas, {"content": " 42"}]), chunk({}, "stop")])
    with chatting(raw) as server:
        reply = reply_of(opened(server), asked())
    assert (reply.thought, reply.answer.split()) == ("hm yes", ["Itis42"])


# -- why a reply ended --


@pytest.mark.parametrize(
    "word", ["stop", "eos", "eos_token", "stop_sequence", "end_turn", "COMPLETE", "STOP", "done"]
)
def test_a_reply_that_its_model_ended_is_whole(word):
    with chatting(stream([chunk({"content": WORDS}), chunk({}, word)])) as server:
        reply = reply_of(opened(server), asked())
    assert (reply.answer, reply.receipt.answer_ended_by, reply.error) == (WORDS, "natural", None)


@pytest.mark.parametrize(
    ("word", "ended_by", "words"),
    [
        ("content_filter", "error", "keeps the rest of the reply back (content_filter)"),
        ("SAFETY", "error", "keeps the rest of the reply back (SAFETY)"),
        ("sensitive", "error", "keeps the rest"),
        ("refusal", "error", "keeps the rest"),
        ("tool_calls", "error", "to call a tool (tool_calls)"),
        ("function_call", "error", "to call a tool (function_call)"),
        ("error", "error", "broke the reply off (error)"),
        ("abort", "error", "broke the reply off (abort)"),
        ("insufficient_system_resource", "error", "broke the reply off"),
        ("time_limit", "error", "broke the reply off"),
        ("rate_limit_exceeded", "error", "broke the reply off"),
        ("because", "error", "for a reason of its own (because)"),
        ("\x1b[2Jno", "error", "for a reason of its own"),
        ("length", "context", ""),
        ("max_tokens", "context", ""),
        ("MAX_TOKENS", "context", ""),
        ("model_length", "context", ""),
        ("model_context_window_exceeded", "context", ""),
    ],
)
@pytest.mark.parametrize("field", ["content", "reasoning"])
def test_a_reply_that_something_else_ended_says_so(word, ended_by, words, field):
    with chatting(stream([chunk({field: WORDS}), chunk({}, word)])) as server:
        reply = reply_of(opened(server), asked())
    assert (reply.thought or reply.answer) == WORDS
    assert reply.receipt.answer_ended_by == ended_by
    assert words in (reply.error or "")
    assert "\x1b" not in (reply.error or "")


def test_a_reason_that_comes_with_every_piece_is_none():
    """Nor does it make a server that is slow seem to have ended."""
    values = [chunk({"content": each}, "stop") for each in ("It", " is", " 42")]
    raw = b"".join(map(sent, values))
    with chatting(raw, after=len(raw) - 100, how="stall") as server:
        reply = reply_of(opened(server, closing=0.01, idle=0.5), asked())
    assert reply.answer == "It is"
    assert "has sent nothing for" in reply.error
    with chatting(stream(values)) as server:
        reply = reply_of(opened(server), asked())
    assert (reply.answer, reply.error) == ("It is 42", None)


def test_a_quota_that_is_used_up_is_no_rush_that_passes():
    body = b'{"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}'
    with ModelServer(owner="somebody", chat=[{"content": WORDS}]) as server:
        server.faults = [Fault(times=9, status=429, body=body)]
        reply = reply_of(opened(server), asked())
        assert len(server.completions()) == 1
    assert "(You exceeded your quota)" in reply.error


def test_a_filter_within_a_thought_that_could_go_on_ends_it_too():
    with ModelServer() as server:
        raw = sent({"choices": [{"text": "hm", "finish_reason": "content_filter"}]}) + DONE
        server.faults = [Fault(raw=raw)]
        reply = reply_of(opened(server), asked())
        assert len(server.completions()) == 1
    assert (reply.thought, reply.receipt.ended_by) == ("hm", "error")
    assert "content_filter" in reply.error


def test_ask_names_the_limit_of_a_server_and_no_option_of_its_own():
    with chatting(stream([chunk({"content": WORDS}), chunk({}, "length")])) as server:
        code, out, err = run("ask", "-m", f"{server.url}#m", "?")
    assert (code, out) == (0, WORDS + "\n")
    assert "cut off: the server's context, or the length that it allows a reply" in err
    assert "--ctx" not in err


def test_ask_says_why_a_reply_is_not_whole():
    with chatting(stream([chunk({"content": WORDS}), chunk({}, "content_filter")])) as server:
        code, out, err = run("ask", "-m", f"{server.url}#m", "?")
    assert out == WORDS + "\n"
    assert code != 0
    assert "content_filter" in err


# -- errors in a stream --

REFUSALS = {
    "a code": ({"error": {"code": 400, "message": "bad manners"}}, "refuses the request"),
    "a code in words": ({"error": {"code": "400", "message": "bad manners"}}, "refuses"),
    "a name": ({"error": {"type": "invalid_request_error", "message": "bad manners"}}, "refuses"),
    "vLLM": (
        {
            "object": "error",
            "message": "bad manners",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
        "refuses",
    ),
    "vLLM, later": (
        {"error": {"message": "bad manners", "type": "BadRequestError", "code": 400}},
        "refuses",
    ),
    "LiteLLM": (
        {"error": {"message": "bad manners", "type": None, "param": None, "code": "422"}},
        "refuses",
    ),
    "OpenRouter": (
        {
            "id": "g",
            "error": {
                "code": 403,
                "message": "Provider returned error",
                "metadata": {"raw": '{"error": {"message": "bad manners"}}'},
            },
            "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
        },
        "refuses access",
    ),
    "of a choice": (
        {"choices": [{"error": {"code": 402, "message": "bad manners"}}]},
        "refuses the request",
    ),
    "TGI": (
        {"error": "Input validation error: bad manners", "error_type": "validation"},
        "refuses",
    ),
    "FastAPI": ({"detail": [{"loc": ["body"], "msg": "bad manners"}], "status": 422}, "refuses"),
    "a code beside it": ({"error": "bad manners", "status_code": 401}, "wants a key"),
    "a flag": ({"error": True, "message": "bad manners", "code": 400}, "refuses the request"),
    "a list": ({"errors": [{"message": "bad manners", "code": 1}], "code": 400}, "refuses"),
    "Baidu": ({"error_code": 400, "error_msg": "bad manners"}, "refuses the request"),
    "an envelope": ({"code": 400, "msg": "bad manners", "data": None}, "refuses the request"),
    "quota": ({"error": {"code": "insufficient_quota", "message": "bad manners"}}, "refuses"),
}


@pytest.mark.parametrize("name", REFUSALS)
@pytest.mark.parametrize("form", ["data: ", "event: error\ndata: ", "error: ", ""])
def test_a_refusal_in_a_stream_is_said_and_not_repeated(name, form):
    value, words = REFUSALS[name]
    with chatting(sent(value, name=form) + DONE, times=9) as server:
        reply = reply_of(opened(server), asked())
        assert sum(bool(each.body.get("stream")) for each in server.completions()) == 1
    assert words in reply.error
    assert "bad manners" in reply.error
    assert reply.receipt.ended_by == "error"


TROUBLES = {
    "a text": {"error": "out of memory: all of it"},
    "words": {"error": {"message": "out of memory: all of it"}},
    "a code": {"error": {"code": 503, "message": "out of memory: all of it"}},
    "408": {"error": {"code": "408", "message": "out of memory: all of it"}},
    "429": {"error": {"code": 429, "message": "out of memory: all of it"}},
    "a name": {"error": {"type": "rate_limit_error", "message": "out of memory: all of it"}},
    "Ollama": {"error": {"message": "out of memory: all of it", "type": "api_error", "code": None}},
    "an object": {"object": "error", "message": "out of memory: all of it", "code": 500},
}


@pytest.mark.parametrize("name", TROUBLES)
def test_trouble_that_may_pass_is_tried_again_and_its_words_are_said(name):
    with chatting(sent(TROUBLES[name]) + DONE) as server:
        events = events_of(opened(server), asked())
    (notice,) = [e.text for e in events if isinstance(e, Notice)]
    assert "(out of memory: all of it); trying again in 1 s" in notice
    assert events[-1].answer == WORDS


@pytest.mark.parametrize("name", [*REFUSALS, *TROUBLES])
def test_what_came_before_an_error_is_kept_and_the_error_said(name):
    value = REFUSALS[name][0] if name in REFUSALS else TROUBLES[name]
    with chatting(sent(chunk({"content": "It"})) + sent(value), times=9) as server:
        reply = reply_of(opened(server), asked())
        assert len(server.completions()) == 1
    assert (reply.answer, reply.receipt.ended_by) == ("It", "error")
    assert "bad manners" in reply.error or "out of memory: all of it" in reply.error


def test_words_that_come_with_an_error_are_kept():
    value = chunk({"content": " is"}, "error") | {"error": {"code": 502, "message": "gone"}}
    with chatting(sent(chunk({"content": "It"})) + sent(value)) as server:
        reply = reply_of(opened(server), asked())
    assert reply.answer == "It is"
    assert "(gone)" in reply.error


@pytest.mark.parametrize("text", ["Internal Server Error", '"no room"', "{}"])
def test_an_event_that_is_called_an_error_is_one_whatever_it_says(text):
    with chatting(f"event: error\ndata: {text}\n\n".encode(), times=9) as server:
        reply = reply_of(opened(server, first_wait=0.001), asked())
    assert "fails" in reply.error
    assert text.strip('"{}') in reply.error


@pytest.mark.parametrize(
    "value",
    [
        {"error": {"code": 400, "type": "exceed_context_size_error", "n_ctx": 300, "message": "x"}},
        {"error": {"code": "context_length_exceeded", "message": "no"}},
        {
            "error": "`inputs` tokens + `max_new_tokens` must be <= 300. Given: 900",
            "error_type": "v",
        },
        {"error": {"code": 400, "message": "prompt is too long: 900 tokens > 300 maximum"}},
    ],
    ids=["llama-server", "OpenAI", "TGI", "Anthropic"],
)
def test_a_chat_that_is_too_long_loses_its_oldest_turns_wherever_that_is_said(value):
    from dataclasses import replace

    from r1chat.engine.base import Message

    old = (Message("user", "old"), Message("assistant", "yes"))
    request = replace(asked(), messages=(*old, *asked().messages))
    with chatting(sent(value)) as server:
        events = events_of(opened(server), request)
        assert len(server.completions()[-1].body["messages"]) == 1
    assert LeftOut(1) in events
    assert events[-1].answer == WORDS


@pytest.mark.parametrize("kind", ["text/plain", "text/event-stream"])
def test_words_in_place_of_a_stream_are_said(kind):
    with chatting(b"Model is being updated\n", times=9, kind=kind) as server:
        reply = reply_of(opened(server), asked())
    assert "no stream of a reply (Model is being updated): check the address" in reply.error


def test_a_json_answer_that_is_an_error_is_one():
    raw = json.dumps({"error": {"message": "bad manners", "code": 400}}).encode()
    with chatting(raw, times=9, kind="application/json") as server:
        reply = reply_of(opened(server), asked())
    assert "refuses the request (bad manners)" in reply.error
