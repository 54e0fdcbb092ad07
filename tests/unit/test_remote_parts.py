"""The parts of the remote engine that need no server."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1chat.compose import remote_server, resolve
from r1chat.engine.remote.chunks import Counts, Halves, Reader
from r1chat.engine.remote.dialects import VLLM
from r1chat.engine.remote.draft import Draft, Finder
from r1chat.engine.remote.link import Link
from r1chat.engine.remote.markers import Markers, Tokenizer
from r1chat.engine.remote.refusals import refusal
from r1chat.engine.remote.server import Server
from r1chat.engine.remote.sse import Event, Events
from r1chat.errors import ModelError, UsageError
from r1chat.prompt import Content
from tests.remote.server import ModelServer

SERVER = Server("http://127.0.0.1:8080/v1", "sk-secret")


def cut(text, places):
    """A text in pieces, cut at some places."""
    marks = sorted({min(place, len(text)) for place in places})
    return [text[a:b] for a, b in zip([0, *marks], [*marks, len(text)], strict=True)]


# -- references --


@pytest.mark.parametrize(
    ("ref", "url", "model"),
    [
        ("http://127.0.0.1:8080/v1#tiny", "http://127.0.0.1:8080/v1", "tiny"),
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1", ""),
        ("https://host/v1/#a/b:c#d", "https://host/v1", "a/b:c#d"),
        ("HTTP://[::1]:1/v1#m", "http://[::1]:1/v1", "m"),
        ("http://gpu-box:8000#m", "http://gpu-box:8000/v1", "m"),
        ("http://gpu-box:8000/", "http://gpu-box:8000/v1", ""),
        ("https://huggingface.co/v1#m", "https://huggingface.co/v1", "m"),
    ],
)
def test_an_address_leads_to_a_server(ref, url, model):
    server, name = remote_server(ref)
    assert (server.url, name) == (url, model)


@pytest.mark.parametrize(
    "ref",
    [
        "tiny",
        "r1:7b",
        "owner/repo:Q4_K_M",
        "C:\\models\\a#b.gguf",
        "./a#b.gguf",
        "https://huggingface.co/owner/repo",
        "https://huggingface.co/owner/repo/blob/main/a.gguf",
    ],
)
def test_what_is_no_server_is_left_to_others(ref):
    assert remote_server(ref) is None


def test_a_model_on_a_server_has_no_file_here():
    with pytest.raises(ModelError, match="is a server"):
        resolve("http://127.0.0.1:8080/v1#m")


@pytest.mark.parametrize(
    "ref", ["http://", "http://a b/v1#m", "https://x:y/v1", "http://[::1/v1#m"]
)
def test_an_address_that_is_none_is_refused(ref):
    with pytest.raises(UsageError, match="a server is an address such as"):
        remote_server(ref)


def test_what_may_be_a_secret_is_not_repeated():
    with pytest.raises(UsageError) as caught:
        remote_server("http://me:SECRET@host/v1#m")
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("server", "cure"),
    [
        (SERVER, "set R1CHAT_API_KEY, or give the server a name: r1chat servers add"),
        (Server(SERVER.url, name="lab"), "set it with: r1chat servers key lab"),
    ],
)
def test_who_lacks_a_key_is_told_what_sets_it(server, cure):
    assert str(refusal(401, {}, b"", server)).endswith(cure)


def test_a_key_is_not_shown():
    assert "secret" not in repr(SERVER)
    with pytest.raises(UsageError) as caught:
        Server(SERVER.url, "sk secret\n")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("http://127.0.0.1/v1", True),
        ("http://localhost:1/v1", True),
        ("http://[::1]/v1", True),
        ("https://example.org/v1", True),
        ("http://example.org/v1", False),
        ("http://127.0.0.1.example.org/v1", False),
        ("http://192.168.0.2/v1", False),
        ("http://0.0.0.0:8000/v1", True),
        ("http://r1.localhost:8000/v1", True),
    ],
)
def test_who_can_read_along_is_known(url, private):
    assert Server(url).is_private is private


# -- streams --


@settings(deadline=None)
@given(st.lists(st.integers(0, 120)))
def test_a_stream_is_the_same_however_it_is_cut(places):
    data = ": ping\r\n\r\nevent: x\ndata: één\r\ndata:two\nid: 3\n\ndata: [DONE]\n".encode()
    events = Events()
    found = [each for piece in cut(data, places) for each in events.feed(piece)]
    assert [each.text for each in (*found, *events.close())] == ["één\ntwo", "[DONE]"]
    assert found[0].name == "x"


def test_counts_are_read_in_every_form():
    timings = {"cache_n": 2, "prompt_n": 3, "predicted_n": 7}
    usage = {"prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": None}
    for value, counts in (
        ({"timings": timings}, Counts(7, 5, 2)),
        ({"usage": usage}, Counts(7, 5, None)),
        ({"prompt_progress": {"total": 9, "cache": 1, "processed": 4}}, Counts(None, 9, 1, 4)),
    ):
        event = Event("", "", {"choices": [{"text": "x"}], **value})
        (chunk,) = Reader(SERVER).read(event)
        assert (chunk.text, chunk.counts) == ("x", counts)


@settings(deadline=None)
@given(st.text(), st.lists(st.integers(0, 60)))
def test_halves_of_characters_add_up(text, places):
    spelled = text.encode("utf-16-le", "surrogatepass")
    units = [chr(int.from_bytes(spelled[i : i + 2], "little")) for i in range(0, len(spelled), 2)]
    halves = Halves()
    assert "".join(map(halves.feed, cut("".join(units), places))) == text


# -- drafts --


@settings(deadline=None)
@given(st.lists(st.integers(0, 30)))
def test_a_phrase_is_found_however_the_text_is_cut(places):
    finder = Finder("</think>", "\n\nI stop.\n")
    before, found, rest = "", "", ""
    for piece in cut("a < </thin </think> b", places):
        if found:
            rest += piece
            continue
        one, found, rest = finder.feed(piece)
        before += one
    assert (before, found, rest) == ("a < </thin ", "</think>", " b")


def test_only_tags_are_markers_in_a_draft():
    draft = Draft()
    draft.write("so <｜User｜> ")
    draft.write("it is</thi")
    draft.write("nk>done")
    draft.quote("</think>")
    draft.mark("</think>\n\n")
    assert draft.items() == [
        Content("so <｜User｜> it is"),
        "</think>",
        Content("done"),
        Content("</think>"),
        "</think>\n\n",
    ]


def test_markers_of_known_families_are_cut_without_asking():
    text = "a <|im_end|> b </think> <s> [INST] <b> <｜User｜>"
    parts = Markers().cut(text)
    assert "".join(parts) == text
    assert Markers().harmless("</think>") == "< /think>"
    assert [each[:1] for each in parts[1:]] == ["|", "/", "s", "I", "｜"]


def test_a_tag_of_html_is_left_alone_where_the_model_has_no_such_token():
    text = "<s>old</s> [TOOL_CALLS] <tool_call>"
    asked = []

    def tokenize(name):
        asked.append(name)
        return [1, 2] if name else []

    assert Markers(tokenize).cut(text) == ["<s>old</s> [", "TOOL_CALLS] <", "tool_call>"]
    assert {"<s>", "</s>"} <= set(asked)
    # Who is not told cuts it in any case.
    assert Markers().cut(text)[0] == "<"


def test_long_texts_are_not_kept():
    with ModelServer() as server:
        link = Link(Server(server.url))
        tokenizer = Tokenizer(link, VLLM, "m")
        for text in ("word", "word " * 100):
            assert tokenizer.tokenize(text) == tokenizer.tokenize(text)
        texts = [each.body["prompt"] for each in server.asked]
    assert texts == ["word", "word " * 100, "word " * 100]


def test_a_server_is_asked_about_a_name_once_and_not_about_too_many():
    asked = []

    def tokenize(text):
        asked.append(text)
        return [1] if text == "<b>" else [1, 2]

    markers = Markers(tokenize)
    asked.clear()
    markers.base = 0
    assert markers.cut("<b> <b> <i>") == ["<", "b> <", "b> <i>"]
    assert sorted(asked) == ["<b>", "<i>"]
    many = " ".join(f"<x{n}>" for n in range(500))
    markers.cut(many)
    assert len(asked) < 40


# -- refusals --


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error": {"message": "no"}}', "no"),
        (b'{"error": "no"}', "no"),
        (b'{"detail": "no"}', "no"),
        (b'{"message": "no"}', "no"),
        (b"no", "no"),
        (b"<html>no", ""),
        (b'{"error": {"code": 5}}', ""),
        (b'{"error": {"message": "for sk-secret"}}', "for [key]"),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_what_a_server_says_is_found(body, words):
    detail = f" ({words})" if words else ""
    told = f"127.0.0.1:8080 refuses the request (HTTP 400){detail}"
    assert str(refusal(400, {}, body, SERVER)) == told


@pytest.mark.parametrize(
    "text",
    [
        "This model's maximum context length is 1024 tokens, however you requested 4005 tokens",
        "the request exceeds the available context size (1024 tokens), try increasing it",
    ],
)
def test_a_prompt_that_is_too_long_is_known_by_the_words(text):
    error = refusal(400, {}, json.dumps({"error": {"message": text}}).encode(), SERVER)
    assert error.too_long
    assert error.context == 1024
