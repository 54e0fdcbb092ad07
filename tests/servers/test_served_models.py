"""Lists of models, from servers that answer and from those that do not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1chat.engine.remote.server import Server
from r1chat.errors import NetworkError
from r1chat.sanitize import line
from r1chat.servers import listing
from r1chat.servers.listing import MOST_MODELS, ServedModel, read
from tests.servers.api import Api, listed

BOMB = b"[" * 100_000


def models(url, key=None, **options):
    return listing.models(Server(url, key), **options)


def test_a_server_lists_its_models(api):
    assert models(f"{api.origin}/v1", "sk-1") == (
        ServedModel("deepseek-r1:7b", 131_072),
        ServedModel("org/R1-70B", 131_072),
    )
    assert api.seen == [("/v1/models", "Bearer sk-1")]


def test_no_key_is_sent_where_there_is_none(api):
    models(f"{api.origin}/v1")
    assert api.keys == [None]


def test_a_key_does_not_follow_a_redirect():
    with Api(listed("x")) as other, Api(status=307, location=f"{other.origin}/v1/models") as first:
        with pytest.raises(NetworkError, match="HTTP 307"):
            models(f"{first.origin}/v1", "sk-1")
        assert other.seen == []


@pytest.mark.parametrize(
    ("key", "words"), [(None, "wants a key"), ("sk-2", "does not accept your key")]
)
def test_a_server_that_refuses_says_whether_there_was_a_key(key, words):
    with Api(listed("x"), key="sk-1") as server:
        with pytest.raises(NetworkError, match=words) as error:
            models(f"{server.origin}/v1", key)
        assert "sk-" not in str(error.value)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"data": 3}', b"\xff\xfe", BOMB])
def test_what_is_no_list_of_models_is_named(body):
    with Api(body) as server, pytest.raises(NetworkError, match=r"as OpenAI's servers|than JSON"):
        models(f"{server.origin}/v1")


def test_a_server_that_is_not_there_is_named():
    with Api() as server:
        gone = server.origin
    with pytest.raises(NetworkError, match=r"cannot be reached .*: is the server running\?"):
        models(f"{gone}/v1")


def test_an_answer_that_never_ends_is_given_up():
    with Api() as server:
        server.drip_s = 0.02
        with pytest.raises(NetworkError, match="does not answer"):
            models(f"{server.origin}/v1", patience_s=0.3)


def test_an_answer_without_measure_is_given_up():
    with Api(b" " * (9 << 20)) as server, pytest.raises(NetworkError, match="than JSON"):
        models(f"{server.origin}/v1")


def test_names_that_cannot_be_typed_are_left_out_and_numbers_are_not_believed():
    names = ["fine", "bad\x1b[31m", "two\nlines", "", "x" * 999, 7, None, "fine"]
    data = [{"id": name, "max_model_len": -1, "meta": {"n_ctx": True}} for name in names]
    body = {"data": [*data, None, [], 5]}
    assert read(body, "host") == (ServedModel("fine"),)
    many = json.loads(listed(*(f"m{i}" for i in range(MOST_MODELS + 5))))
    assert len(read(many, "host")) == MOST_MODELS


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda each: st.lists(each) | st.dictionaries(st.sampled_from(["data", "id", "meta"]), each),
    max_leaves=12,
)


@given(json_values)
def test_nothing_a_server_says_breaks_the_reader(value):
    try:
        found = read(value, "host")
    except NetworkError:
        assert not isinstance(value, dict) or not isinstance(value.get("data"), list)
    else:
        assert all(model.id == line(model.id, 300) and model.context >= 0 for model in found)
