"""Finding out what a server is, where it says little, nothing, or something else."""

from __future__ import annotations

import json

import pytest

from r1chat.engine.remote import RemoteEngine, Server
from r1chat.errors import ModelError, NetworkError
from r1chat.events import Notice
from r1chat.servers.listing import models
from tests.program import run
from tests.remote.helpers import KEY, REPLY, WHOLE, asked, events_of, opened, quick
from tests.remote.server import Fault, ModelServer

NO_LIST = {
    "404": Fault("/models", 99, status=404, body=b'{"error": "Not Found"}'),
    "403": Fault("/models", 99, status=403),
    "405": Fault("/models", 99, status=405, body=b"Method Not Allowed"),
    "501": Fault("/models", 99, status=501),
    "empty": Fault("/models", 99, status=200, body=b'{"object": "list", "data": []}'),
    "nothing": Fault("/models", 99, status=200),
    "null": Fault("/models", 99, status=200, body=b"null"),
    "page": Fault("/models", 99, status=200, body=b"<html>hello"),
    "another shape": Fault("/models", 99, status=200, body=b'{"hello": "world"}'),
    "an error": Fault("/models", 99, status=200, body=b'{"error": "Unexpected endpoint"}'),
    "no names": Fault("/models", 99, status=200, body=b'{"data": [1, {"id": 2}]}'),
}


@pytest.mark.parametrize("name", NO_LIST)
def test_a_model_that_is_named_needs_no_list(name):
    with ModelServer(owner="vllm", chat=[{"content": "42"}]) as server:
        server.faults = [NO_LIST[name]]
        told = []
        engine = RemoteEngine(Server(server.url), "m", patience=quick(), on_notice=told.append)
        events = events_of(engine, asked())
        assert server.completions()[-1].body["model"] == "m"
    (notice,) = told
    assert "does not say which models it has" in notice
    assert "m is taken as named" in notice
    assert [e for e in events if isinstance(e, Notice)] == []


@pytest.mark.parametrize("name", NO_LIST)
def test_without_a_list_a_model_must_be_named(name):
    with ModelServer(REPLY) as server:
        server.faults = [NO_LIST[name]]
        with pytest.raises(NetworkError):
            RemoteEngine(Server(server.url), patience=quick(looking=0))


def test_it_is_said_with_the_first_reply_where_nobody_takes_it_before():
    with ModelServer(REPLY) as server:
        server.faults = [NO_LIST["404"]]
        engine = opened(server)
        notices = [
            [e.text for e in events_of(engine, asked()) if isinstance(e, Notice)] for _ in range(2)
        ]
    assert ["taken as named" in each for each in notices[0]] == [True]
    assert notices[1] == []


def test_ask_goes_on_without_a_list():
    with ModelServer(REPLY) as server:
        server.faults = [NO_LIST["404"]]
        code, out, err = run("ask", "-m", f"{server.url}#m", "?")
    assert (code, out) == (0, WHOLE + "\n")
    assert "does not say which models it has (HTTP 404)" in err


@pytest.mark.parametrize(
    "fault",
    [
        Fault("/models", 99, status=401),
        Fault("/models", 99, status=500),
        Fault("/models", 99, how="reset"),
        Fault("/models", 99, status=302, headers={"Location": "/login"}),
    ],
    ids=["no key", "broken", "cut", "sent away"],
)
def test_what_holds_for_questions_too_ends_it(fault):
    with ModelServer(REPLY) as server:
        server.faults = [fault]
        with pytest.raises(NetworkError):
            opened(server, looking=0)


LISTS = {
    "OpenAI": {"object": "list", "data": [{"id": "m"}, {"id": "n"}]},
    "bare": [{"id": "m"}, {"id": "n"}],
    "names": {"data": ["m", "n"]},
    "Ollama": {"models": [{"name": "m"}, {"model": "n"}]},
    "both": {"models": [{"name": "m"}], "data": [{"id": "m"}, {"id": "n"}]},
}


@pytest.mark.parametrize("name", LISTS)
def test_lists_of_models_are_read_in_every_shape(name):
    with ModelServer(REPLY, owner="somebody") as server:
        body = json.dumps(LISTS[name]).encode()
        server.faults = [Fault("/models", 9, status=200, body=body)]
        assert [each.id for each in models(Server(server.url))] == ["m", "n"]
        assert RemoteEngine(Server(server.url), "n").info.name == "n"
        with pytest.raises(ModelError, match=r"has no model x; .*: m, n"):
            RemoteEngine(Server(server.url), "x")


def test_a_server_that_is_silent_at_every_sign_is_waited_for_once():
    signs = ("/props", "/version", "/get_model_info", "/api/version")
    with ModelServer(owner="somebody", chat=[{"content": "42"}]) as server:
        server.faults = [Fault(sign, 1, how="stall") for sign in signs]
        events = events_of(opened(server, probing=0.2), asked())
        probes = [each.path for each in server.asked if each.path in signs]
    assert sorted(probes) == sorted(signs)
    assert events[-1].answer == "42"


@pytest.mark.parametrize("fault", [{"how": "stall"}, {"how": "reset"}, {"status": 500}])
def test_a_sign_is_seen_though_the_others_fail(fault):
    with ModelServer(REPLY, owner="vllm") as server:
        body = b'{"data": [{"id": "m", "owned_by": "me-and-you"}]}'
        server.faults = [Fault("/models", 1, status=200, body=body)]
        server.faults += [Fault(sign, 1, **fault) for sign in ("/props", "/get_model_info")]
        # Long enough for the one that answers, however busy this machine is.
        engine = opened(server, probing=2.0 if "how" in fault else 30.0)
    assert engine._found.dialect.name == "vLLM"
    assert engine.info.steering.go_on == ""


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize(
    ("target", "address"),
    [
        ("https://lab.example/v1/models", "https://lab.example/v1"),
        ("https://lab.example/v1/models/", "https://lab.example/v1"),
        ("https://lab.example:8443/api/v1/models?x=secret", "https://lab.example:8443/api/v1"),
        ("//lab.example/v1/models", "http://lab.example/v1"),
        ("https://lab.example/login", "https://lab.example/login"),
        ("https://me:secret@lab.example/v1/models", "the address that it means"),
        ("https://lab.example/\x1b[2J", "the address that it means"),
        ("javascript:alert(1)", "the address that it means"),
    ],
)
def test_who_is_sent_to_another_address_is_told_which(status, target, address):
    with ModelServer(REPLY) as server:
        server.faults = [Fault("/models", 9, status=status, headers={"Location": target})]
        with pytest.raises(NetworkError) as caught:
            opened(server, key=KEY)
        assert [each.path for each in server.asked] == ["/v1/models"]
    assert str(caught.value).endswith(f"(HTTP {status}): use {address}")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        b"<html><center>The plain HTTP request was sent to HTTPS port</center></html>",
        b"Client sent an HTTP request to an HTTPS server.\n",
    ],
)
def test_a_server_that_speaks_https_alone_is_named_so(body):
    with ModelServer(REPLY) as server:
        server.faults = [Fault("/models", 9, status=400, body=body)]
        with pytest.raises(NetworkError) as caught:
            RemoteEngine(Server(server.url), patience=quick())
        assert str(caught.value).endswith(f"use {server.url.replace('http', 'https')}")


def test_no_key_goes_where_a_server_sends_us():
    with ModelServer(REPLY) as other, ModelServer(REPLY) as server:
        target = {"Location": f"{other.url}/completions"}
        server.faults = [Fault("/completions", 9, status=308, headers=target)]
        events = events_of(opened(server, key=KEY), asked())
        assert other.asked == []
        assert events[-1].error.endswith(f"(HTTP 308): use {other.url}")
