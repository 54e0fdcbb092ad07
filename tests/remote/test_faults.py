"""Servers that fail: each fault is provoked on a real socket."""

from __future__ import annotations

import random
import socket
import threading
import time
from dataclasses import replace

import pytest

from r1chat.conversation import Conversation, Turn
from r1chat.engine.base import Continuation, Message
from r1chat.engine.remote import RemoteEngine, Server
from r1chat.engine.replay import USUAL
from r1chat.errors import ModelError, NetworkError, UsageError
from r1chat.events import LeftOut, Notice, Receipt, Reply, Summarised, ThoughtText
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control
from r1chat.reasoning.phrases import ANSWER
from r1chat.session import Session
from tests.hub.certificates import Authority
from tests.program import run
from tests.remote.helpers import (
    KEY,
    REPLY,
    THOUGHT,
    WHOLE,
    asked,
    events_of,
    failed,
    opened,
    quick,
    reply_of,
    thought_in,
)
from tests.remote.server import Fault, ModelServer, marked
from tests.remote.server.server import event


def test_a_server_that_is_well_answers(server):
    reply = reply_of(opened(server), asked())
    assert (reply.answer, reply.final) == (WHOLE, "42")
    assert reply.thought == "".join(THOUGHT) + "\n"
    assert reply.receipt.thought_tokens == len(THOUGHT) + 1
    body = server.completions()[0].body
    # It puts the token that begins a text in front itself, unless it is told not to.
    assert body["add_special_tokens"] is False
    prompt = server.text_of(body["prompt"])
    assert prompt.startswith("<｜begin▁of▁sentence｜><｜User｜>")


# -- while a server is looked for --


def test_nobody_listens():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/v1"
        with pytest.raises(NetworkError, match=r"cannot be reached \(.*refused\): is the server"):
            RemoteEngine(Server(url))


def test_a_name_that_no_machine_has_ends_with_exit_code_5():
    code, out, err = run("ask", "-m", "http://no-such-host.invalid/v1#m", "?")
    assert (code, out) == (5, "")
    assert "no-such-host.invalid cannot be reached" in err
    assert "Traceback" not in err


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def test_a_certificate_that_is_not_trusted_is_named(authority, monkeypatch):
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with (
        ModelServer(REPLY, tls=authority.server()) as server,
        pytest.raises(NetworkError, match=r"127.* cannot prove its name \(.*certificate"),
    ):
        opened(server)


def test_a_certificate_that_the_system_knows_is_trusted(authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with ModelServer(REPLY, tls=authority.server()) as server:
        url = server.url
        code, out, err = run("ask", "-m", f"{url}#m", "?")
        assert (code, out) == (0, WHOLE + "\n"), err


def test_a_server_with_tls_at_an_http_address_is_named(authority):
    with ModelServer(REPLY, tls=authority.server()) as server:
        url = server.url.replace("https:", "http:")
        with pytest.raises(NetworkError, match=r"https://\?|was cut"):
            RemoteEngine(Server(url), patience=quick(looking=0))


@pytest.mark.parametrize(
    "said", [b"\x15\x03\x01\x00\x02\x02P", b"SSH-2.0-OpenSSH_9.9\r\n\r\n", b"220 mail\r\n\r\n"]
)
def test_what_speaks_something_else_than_http_is_named(said):
    def answer():
        connection, _ = listening.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(said)

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        thread = threading.Thread(target=answer)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        with pytest.raises(NetworkError, match=r"something else than HTTP: is it https://\?"):
            RemoteEngine(Server(url), patience=quick(looking=0))
        thread.join()


def test_a_server_without_tls_at_an_https_address_is_named(server):
    with pytest.raises(
        NetworkError, match="does not speak TLS: write http:// in the server's address"
    ):
        RemoteEngine(Server(server.url.replace("http:", "https:")))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault("/models", 1, 401, body=b'{"error": {"message": "no key"}}'), "wants a key"),
        (Fault("/models", 1, 403, body=b'{"detail": "not you"}'), r"refuses access \(not you\)"),
        (Fault("/models", 1, 404), "has nothing at this address"),
        (
            Fault("/models", 1, 302, {"Location": "http://127.0.0.1:1/"}),
            "use http://127.0.0.1:1/v1",
        ),
        (Fault("/models", 1, 500, body=b"<html>"), "fails with HTTP 500: see"),
        (Fault("/models", 1, 200, body=b"hello"), "something else than JSON"),
        (Fault("/models", 1, 200, body=b'{"data": []}'), "lists no models"),
        (Fault("/models", 1, 200, body=b'{"data": [1, {"id": 2}]}'), "lists no models"),
        (Fault("/models", 1, 200, body=b'{"data": 5}'), "does not list its models"),
        (Fault("/models", 1, 200, body=b"[" * 100_000), "something else than JSON"),
        (Fault("/models", how="reset"), "was cut"),
        (Fault("/models", how="close"), "was cut"),
    ],
)
def test_a_server_that_does_not_list_its_models(server, fault, words):
    server.faults = [fault]
    with pytest.raises(NetworkError, match=words):
        RemoteEngine(Server(server.url), patience=quick(looking=0))


def test_what_a_server_says_about_an_error_is_made_harmless(server):
    evil = (
        b'{"error": {"message": "\\u001b]0;owned\\u0007no\\n\\u001b[2Jkey ' + KEY.encode() + b'"}}'
    )
    server.faults = [Fault("/models", 1, 400, body=evil)]
    with pytest.raises(NetworkError) as caught:
        RemoteEngine(Server(server.url, KEY))
    assert str(caught.value).endswith("(no key [key])")


def test_a_model_that_is_not_there_is_no_network_error(server):
    with pytest.raises(ModelError, match="has no model x; put one of these behind a #: m"):
        RemoteEngine(Server(server.url), "x")


def test_of_several_models_one_must_be_named():
    with (
        ModelServer(REPLY, models=("a", "b")) as server,
        pytest.raises(ModelError, match=r"has several models; .*: a, b"),
    ):
        RemoteEngine(Server(server.url))


@pytest.mark.parametrize(
    ("models", "asked_for", "chosen"),
    [
        (("gpt-4.1", "gpt-4"), "gpt-4", "gpt-4"),
        (("other/m", "m"), "m", "m"),
        (("other/m.gguf", "m"), "m", "m"),
        (("llama3.1:8b",), "llama3", ""),
        (("/models/r1.Q4.gguf", "x"), "r1.Q4", "/models/r1.Q4.gguf"),
        (("/models/r1.gguf", "x"), "r1.gguf", "/models/r1.gguf"),
        (("a/r1.gguf", "b/r1.gguf"), "r1", ""),
        (("a/r1", "b/r1"), "r1", ""),
        (("m", "m"), "m", "m"),
    ],
)
def test_the_model_that_is_asked_is_the_one_that_was_named(models, asked_for, chosen):
    with ModelServer(REPLY, models=models) as server:
        if chosen:
            assert RemoteEngine(Server(server.url), asked_for).info.name == chosen
            return
        with pytest.raises(ModelError, match="has no model"):
            RemoteEngine(Server(server.url), asked_for)


@pytest.mark.parametrize(
    "url",
    [
        "http://me:secret@127.0.0.1/v1",
        "http://secret@127.0.0.1/v1",
        "http://127.0.0.1:99999999/v1",
        "http:///v1",
        "http://127.0.0.1/v1?key=secret",
        "ftp://127.0.0.1/v1",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_its_secrets(url):
    with pytest.raises(UsageError) as caught:
        Server(url)
    if "@" in url:
        assert "secret" not in str(caught.value)


# -- in the middle of a reply --


@pytest.mark.parametrize("how", ["reset", "close"])
def test_a_thought_that_is_cut_off_is_kept_and_gone_on_with(server, how):
    server.faults = [Fault(after=3000, how=how)]
    engine = opened(server)
    cut = failed(engine)
    assert "was cut" in cut.error
    assert cut.receipt.thought_ended_by == "error"
    assert "".join(THOUGHT).startswith(cut.thought)
    assert 0 < cut.receipt.thought_tokens < len(THOUGHT)
    whole = reply_of(engine, asked(resume=Continuation(cut)))
    assert (whole.thought, whole.answer) == ("".join(THOUGHT) + "\n", WHOLE)
    assert whole.receipt.thought_tokens == len(THOUGHT) + 1


def test_a_hundred_resets_lose_nothing(server):
    rng = random.Random(7)
    engine = opened(server)
    size = len(b"".join(server._stream({"prompt": "", "stream": True})))
    cuts = 0
    for _ in range(100):
        # What is cut before the first token comes is asked for again, and so is never seen.
        at = rng.randrange(size)
        server.faults = [Fault(after=at, how="reset")]
        cut = reply_of(engine, asked())
        assert server.faults[0].times == 0
        assert ("".join(THOUGHT) + "\n").startswith(cut.thought)
        assert WHOLE.startswith(cut.answer)
        if cut.receipt.ended_by == "natural":
            assert cut.answer == WHOLE
            continue
        assert cut.receipt.ended_by == "error"
        assert cut.thought
        cuts += 1
        whole = reply_of(engine, asked(resume=Continuation(cut)))
        assert (whole.thought, whole.answer) == ("".join(THOUGHT) + "\n", WHOLE)
    # Before the first token, and behind the last, a cut is not seen; here none falls there.
    assert cuts == 100


def test_before_the_first_token_a_cut_connection_is_tried_again(server):
    server.faults = [Fault(how="reset", times=2), Fault(after=5, how="close")]
    events = events_of(opened(server), asked())
    assert events[-1].answer == WHOLE
    assert sum("trying again" in e.text for e in events if isinstance(e, Notice)) >= 1


def test_a_busy_server_is_tried_again_and_the_wait_is_said(server):
    server.faults = [Fault(status=503, times=1), Fault(status=500, times=1)]
    events = events_of(opened(server), asked())
    notices = [e.text for e in events if isinstance(e, Notice)]
    assert [each.partition(";")[2] for each in notices] == [" trying again in 1 s"] * 2
    assert events[-1].answer == WHOLE


def test_a_wait_that_is_asked_for_is_kept(server):
    server.faults = [Fault(status=429, headers={"Retry-After": "1"})]
    began = time.monotonic()
    events = events_of(opened(server), asked())
    assert any(
        "too much to do; trying again in 2 s" in e.text
        for e in events[:-1]
        if isinstance(e, Notice)
    )
    assert events[-1].answer == WHOLE
    assert time.monotonic() - began >= 1


def test_a_wait_that_is_too_long_is_not_sat_out(server):
    server.faults = [Fault(status=429, headers={"Retry-After": "86400"}, times=9)]
    assert "too much to do" in failed(opened(server)).error
    assert len(server.completions()) == 1


def test_a_server_that_stays_broken_is_left_after_some_tries(server):
    server.faults = [Fault(status=502, times=99)]
    assert "HTTP 502" in failed(opened(server)).error
    assert len(server.completions()) == 4


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, b"", "wants a key"),
        (403, b'{"error": "no\\u001b[31m"}', r"refuses access \(no\)"),
        (404, b'{"error": {"message": "The model `m` does not exist"}}', "has no model m"),
        (400, b'{"error": {"message": "bad manners"}}', r"HTTP 400\) \(bad manners\)"),
        (418, b"<h1>tea</h1>", r"HTTP 418\)$"),
    ],
)
def test_a_refusal_is_said_and_not_repeated(server, status, body, words):
    import re

    engine = opened(server)
    server.faults = [Fault(status=status, body=body, times=9)]
    assert re.search(words, failed(engine).error)
    assert len(server.completions()) == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"data: not json\n\n",
        b"data: [1, 2]\n\n",
        b'data: {"choices": 7}\n\n',
        b'data: {"hello": "world"}\n\n',
        b"data: " + b"[" * 100_000 + b"\n\n",
        b"data: " + b"x" * 3_000_000,
        b"\xff\xfe" * 1_000_000,
    ],
)
def test_a_stream_of_garbage_ends_the_reply(server, raw):
    engine = opened(server)
    server.faults = [Fault(raw=raw, times=9)]
    assert "no stream of a reply" in failed(engine).error


def test_a_page_in_place_of_a_stream_ends_the_reply(server):
    server.faults = [Fault(raw=b"<html>", kind="text/html", times=9)]
    assert "answers with text/html in place of a stream" in failed(opened(server)).error


def test_values_of_wrong_types_are_passed_over(server):
    odd = [
        {"choices": [7, None, {"text": 5, "finish_reason": 3, "index": "x"}], "usage": "much"},
        {"choices": [{"text": "fine"}], "usage": {"completion_tokens": -1, "prompt_tokens": True}},
        {"choices": [{"text": ["no"], "finish_reason": "stop"}], "id": {}},
    ]
    server.faults = [Fault(raw=b"".join(map(event, odd)) + b"data: [DONE]\n\n")]
    # The thought never closes, so that it is closed for the model, which is asked for its answer.
    reply = reply_of(opened(server), asked())
    assert reply.thought.startswith("fine")
    assert reply.answer == ANSWER + "\n\n" + WHOLE
    assert reply.receipt.answer_asked == "words"


def test_an_error_in_the_stream_is_said(server):
    raw = event({"choices": [{"text": "so"}]}) + event({"error": {"message": "out of memory"}})
    server.faults = [Fault(raw=raw)]
    reply = failed(opened(server))
    assert reply.error.endswith("fails (out of memory): see the server's log")
    assert reply.thought == "so"


def test_halves_of_characters_come_together(server):
    pieces = [
        b'{"choices": [{"text": "a\\ud83d"}]}',
        b'{"choices": [{"text": "\\ude00b \\udc00"}]}',
    ]
    raw = b"".join(b"data: " + each + b"\n\n" for each in pieces)
    server.faults = [Fault(raw=raw + event({"choices": [{"text": "", "finish_reason": "stop"}]}))]
    assert reply_of(opened(server), asked()).thought.startswith("a😀b \ufffd")


def test_a_stall_ends_the_reply_after_a_while(server):
    server.faults = [Fault(after=2000, how="stall")]
    reply = failed(opened(server, idle=0.3))
    assert "has sent nothing for" in reply.error
    assert reply.thought


def test_a_server_that_never_begins_is_given_up(server):
    engine = opened(server, first=0.3)
    server.faults = [Fault(how="stall", times=9)]
    assert "has sent nothing for" in failed(engine).error


def test_the_limit_in_time_holds_while_a_server_stalls(server):
    engine = opened(server)
    server.faults = [Fault(how="stall", times=9)]
    reply = reply_of(engine, asked(timeout=0.3))
    assert reply.receipt.ended_by == "time"


def test_a_budget_in_seconds_lands_while_a_server_stalls(server):
    engine = opened(server)
    server.faults = [Fault(after=2000, how="stall")]
    request = asked(budget=Budget(seconds=0.3))
    reply = reply_of(engine, request)
    assert reply.receipt.thought_ended_by == "time"
    assert reply.answer == WHOLE


def test_it_is_said_once_that_others_can_read_along(server):
    engine = opened(server)
    object.__setattr__(engine._found, "server", Server("http://192.0.2.7:8080/v1"))
    asker = engine._asker(asked().messages, asked(), 1, wanted=USUAL)
    (notice,) = engine._notices(asker, Control(), asked())
    assert notice.startswith("192.0.2.7:8080 is reached without encryption")
    assert list(engine._notices(asker, Control(), asked())) == []


@pytest.mark.parametrize(("budget", "dropped"), [(Budget(), 2), (Budget(tokens=0), 1)])
def test_old_turns_make_room_for_the_reply(budget, dropped):
    old = [Message("user", "old " * 100), Message("assistant", "yes")]
    request = replace(asked(budget=budget), messages=(*old, *old, *asked().messages))
    with ModelServer(REPLY, context=300) as server:
        events = events_of(opened(server), request)
    assert [event for event in events if isinstance(event, LeftOut)] == [LeftOut(dropped)]
    assert thought_in(events) == events[-1].thought
    assert events[-1].answer.strip() == WHOLE


def test_old_turns_are_summed_up_by_a_server_as_in_process():
    made = Conversation()
    for number in range(4):
        made.add(Turn(f"{number} " + "old " * 60, Reply("", "yes", Receipt())))
    with ModelServer(REPLY, context=300) as server:
        session = Session(opened(server), conversation=made)
        events = list(session.ask("What?", full_context="summarise", budget=Budget(tokens=0)))
    (done,) = [event for event in events if isinstance(event, Summarised)]
    assert (done.turns, session.turns_read) == (2, 3)
    assert session.messages()[1].text == done.text
    assert not any(isinstance(event, LeftOut) for event in events)
    assert events[-1].answer.strip() == WHOLE


def test_a_long_question_alone_is_answered_as_far_as_there_is_room():
    with ModelServer(REPLY, context=300) as server:
        reply = reply_of(opened(server), asked("long " * 150))
    assert reply.receipt.thought_ended_by == "context"
    assert reply.answer == WHOLE


@pytest.mark.parametrize("resume", [False, True])
def test_a_server_that_is_gone_when_a_marker_must_be_asked_about_is_an_error_of_the_reply(
    server, resume
):
    engine = opened(server)
    first = reply_of(engine, asked())
    engine._found.markers._known.clear()
    engine._found.tokenizer._remembered.cache_clear()
    server.faults = [Fault("/tokenize", 99, how="reset")]
    request = asked(resume=Continuation(first)) if resume else asked()
    *_, reply = engine.stream(request, Control())
    assert reply.receipt.ended_by == "error"
    assert "was cut" in reply.error
    assert reply.answer == (WHOLE if resume else "")


# -- being stopped --


@pytest.mark.parametrize(
    "fault",
    [
        Fault(how="stall"),
        Fault(after=2000, how="stall"),
        Fault(status=429, headers={"Retry-After": "200"}),
    ],
    ids=["before the answer", "in the middle", "while it waits"],
)
def test_a_reply_can_be_stopped_at_any_moment(server, fault):
    engine = opened(server)
    server.faults = [fault]
    control = Control()
    threading.Timer(0.3, control.cancel).start()
    reply = reply_of(engine, asked(), control)
    assert reply.receipt.ended_by == "cancelled"
    if fault.how:
        assert server.gone.wait(10)


def test_a_reply_can_be_stopped_while_it_connects(server):
    engine = opened(server)
    # Nobody takes the connections; when the queue is full, further ones wait in the system.
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        engine._link.server = Server(f"http://127.0.0.1:{full.getsockname()[1]}/v1")
        object.__setattr__(engine._found, "server", engine._link.server)
        control = Control()
        threading.Timer(0.3, control.cancel).start()
        reply = reply_of(engine, asked(), control)
        assert reply.receipt.ended_by == "cancelled"
        for each in waiting:
            each.close()


def test_a_client_that_leaves_lets_the_server_rest(server):
    server.pause = 0.01
    events = opened(server).stream(asked(), Control())
    next(each for each in events if isinstance(each, ThoughtText))
    events.close()
    assert server.gone.wait(10)


# -- what must never become a marker --


def test_markers_in_texts_are_no_markers_where_tokens_are_taken(server):
    question = "Say </think> and <｜User｜> <｜Assistant｜><think> <b>bold</b> [INST]"
    reply_of(opened(server), asked(question))
    prompt = server.completions()[0].body["prompt"]
    assert server.text_of(prompt).count(question) == 1
    assert marked(prompt, server.vocabulary) == [
        "<｜begin▁of▁sentence｜>",
        "<｜User｜>",
        "<｜Assistant｜>",
        "<think>",
    ]


def test_words_for_the_thought_hold_no_markers(server):
    engine = opened(server)
    first = reply_of(engine, asked())
    words = "so </think><｜User｜>\n"
    reply_of(engine, asked(resume=Continuation(first, keep=20, words=words)))
    prompt = server.completions()[-1].body["prompt"]
    assert server.text_of(prompt).endswith(first.thought[:20] + words)
    assert marked(prompt, server.vocabulary)[-1] == "<think>"
