"""Where a proxy or a certificate file is at fault, it is named, and not the server behind it."""

from __future__ import annotations

import contextlib
import sys

import pytest

from r1chat.engine.remote import RemoteEngine, Server
from r1chat.engine.remote.link import Link
from r1chat.errors import NetworkError
from r1chat.sanitize import line
from tests.hub.certificates import Authority
from tests.hub.proxies import Proxy, Socks, needs_socks, nobody
from tests.remote.helpers import REPLY, SUM, WHOLE, asked, opened, quick, reply_of
from tests.remote.server import ModelServer

HOST = "lab.example"
"""No machine has this name: whatever is said of it, a proxy said."""
SECRET = "pa55word"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def fault(scheme: str = "http", patience: float = 30) -> str:
    """What is said of a server: one line without secrets."""
    server = Server(f"{scheme}://{HOST}/v1", "sk-key")
    with pytest.raises(NetworkError) as caught:
        Link(server).get(f"{server.url}/models", patience)
    said = str(caught.value)
    assert said == line(said, 500)
    assert SECRET not in said
    assert "HF_ENDPOINT" not in said
    return said


@pytest.mark.parametrize("variable", ["{}_PROXY", "all_proxy"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_dead_proxy_is_named_with_its_variable(monkeypatch, scheme, variable):
    variable = variable.format(scheme.upper())
    with nobody() as host:
        monkeypatch.setenv(variable, f"http://me:{SECRET}@{host}")
        said = fault(scheme)
    wanted = f"the proxy of {variable} (http://{host}) cannot be reached (Connection refused): "
    assert said == f"{wanted}start it, or correct or unset {variable}"


@pytest.mark.parametrize(
    ("scheme", "proxy", "said"),
    [
        ("http", {"answer": "407 No"}, "{proxy} wants a name and a password"),
        ("http", {"answer": "502 Bad Gateway"}, "{host} fails with HTTP 502, through {proxy}"),
        ("http", {"answer": "403 No"}, "{host} refuses access, through {proxy}"),
        ("http", {"kind": "closes"}, "the connection to {host} was cut, through {proxy}"),
        ("http", {"kind": "silent"}, "{host} does not answer, through {proxy}"),
        ("https", {"answer": "407 No"}, "{proxy} wants a name and a password"),
        ("https", {"answer": "502 Bad"}, "{proxy} does not let r1chat through to {host} (502 Bad)"),
        ("https", {"kind": "closes"}, "{proxy} broke the connection off"),
        ("https", {"kind": "silent"}, "{proxy} does not answer: correct or unset ALL_PROXY"),
    ],
)
def test_a_proxy_that_fails_is_named(monkeypatch, scheme, proxy, said):
    with Proxy(**proxy) as running:
        monkeypatch.setenv("ALL_PROXY", f"http://{running.host}")
        found = fault(scheme, patience=0.5 if proxy.get("kind") == "silent" else 30)
    name = f"the proxy of ALL_PROXY (http://{running.host})"
    assert found.startswith(said.format(proxy=name, host=HOST))


@pytest.mark.parametrize("proxy", ["socks://h:1", "socks5h://h:1", "nonsense://h", "http://"])
def test_what_cannot_be_used_as_a_proxy_is_named(monkeypatch, proxy):
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv("ALL_PROXY", proxy)
    assert "ALL_PROXY" in fault()


@needs_socks
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_socks_proxy_that_breaks_off_is_named(monkeypatch, scheme):
    with Socks(b"") as proxy:
        monkeypatch.setenv("ALL_PROXY", f"socks5://{proxy.host}")
        said = fault(scheme)
    assert said.startswith(f"the proxy of ALL_PROXY (socks5://{proxy.host}) broke the connection")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_is_reached_through_a_proxy(monkeypatch, authority, scheme):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with contextlib.ExitStack() as stack:
        tls = authority.server(HOST) if scheme == "https" else None
        server = stack.enter_context(ModelServer(REPLY, tls=tls))
        proxy = stack.enter_context(Proxy(to=server.url.partition("://")[2].partition("/")[0]))
        monkeypatch.setenv("ALL_PROXY", f"http://{proxy.host}")
        engine = RemoteEngine(Server(f"{scheme}://{HOST}/v1"), "m", patience=quick())
        assert reply_of(engine, asked(SUM)).answer == WHOLE
        assert HOST in proxy.asked[0]


@pytest.mark.parametrize("proxy", ["socks://127.0.0.1:1", "nonsense://", "http://127.0.0.1:1"])
def test_no_proxy_stands_before_a_server_on_this_machine(monkeypatch, proxy):
    for name in ("ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, proxy)
    monkeypatch.setenv("SSL_CERT_FILE", "/missing.pem")
    with ModelServer(REPLY) as server:
        assert reply_of(opened(server), asked(SUM)).answer == WHOLE


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_wrong_certificate_file_is_named(monkeypatch, tmp_path, authority, variable):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    missing = tmp_path / "missing.pem"
    other = Authority(tmp_path, "other").file
    with ModelServer(REPLY, tls=authority.server()) as server:
        for file, said in (
            (missing, f"the certificate file of {variable} ({missing}) does not exist"),
            (other, f"has a certificate that {variable} ({other}) does not vouch for"),
        ):
            monkeypatch.setenv(variable, str(file))
            with pytest.raises(NetworkError) as caught:
                RemoteEngine(Server(server.url), "m", patience=quick())
            assert said in str(caught.value)
