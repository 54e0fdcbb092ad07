"""Where the way to the Hub is broken, the message names who is at fault, in one line."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import r1chat
from r1chat.errors import NetworkError
from r1chat.hub.client import Client
from r1chat.hub.download import download, patience
from r1chat.hub.environment import Environment
from r1chat.hub.network import proxy_for
from r1chat.hub.reference import parse
from r1chat.hub.refusals import Subject
from r1chat.hub.remote import Remote
from r1chat.hub.variants import find
from r1chat.sanitize import line
from tests.hub.certificates import Authority
from tests.hub.proxies import Proxy, Socks, needs_socks, nobody
from tests.hub.server import File, Hub, Repo, faults
from tests.program import run

NAME = "acme/Tiny-GGUF"
TINY = Path(r1chat.__file__).parent / "models" / "tiny.gguf"
SECRET = "pa55word"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets it try again at once."""
    monkeypatch.setattr(patience, "FIRST_S", 0.001)
    monkeypatch.setattr(patience, "LONGEST_S", 0.002)


@pytest.fixture
def plain(hub: Hub) -> Hub:
    hub.add(Repo(NAME, [File("Tiny-F16.gguf", TINY)], tags=("gguf",)))
    return hub


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def safe(plain: Hub, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The Hub, encrypted, and trusted."""
    with Hub(plain.repos.values(), tls=authority.server()) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        yield running
    assert not running.mistakes, running.mistakes


def remote() -> Remote:
    return Remote(wait=lambda _: None)


def all_of_it() -> Path:
    hub, ref = remote(), parse(NAME)
    assert ref is not None
    variant = find(hub, ref)
    assert hub.header(variant.files[0]).arch == "qwen2"
    return download(variant, hub)


def fault(work: Callable[[], object] = lambda: remote().listing(NAME)) -> str:
    """What it says, which is always one line without secrets."""
    with pytest.raises(NetworkError) as caught:
        work()
    said = str(caught.value)
    assert said == line(said, 500)
    assert SECRET not in said
    assert "huggingface" not in said
    return said


def shown(variable: str, host: str, scheme: str = "http") -> str:
    return f"the proxy of {variable} ({scheme}://{host})"


# Proxies


SILENT = {"kind": "silent"}
ENCRYPTED = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]


@pytest.mark.parametrize("variable", ENCRYPTED)
def test_the_variable_is_named_as_it_is_written(safe, monkeypatch, variable):
    with nobody() as host:
        monkeypatch.setenv(variable, f"http://{host}")
        assert fault().startswith(shown(variable, host))


@pytest.mark.parametrize("variable", ["HTTPS_PROXY"])
@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        (None, "cannot be reached (Connection refused): start it, or correct or unset {variable}"),
        ({"answer": "407 Proxy Authentication Required"}, "wants a name and a password"),
        ({"answer": "502 Bad Gateway"}, "does not let r1chat through to {host} (502 Bad Gateway)"),
        ({"answer": "403 Forbidden"}, "does not let r1chat through to {host} (403 Forbidden)"),
        ({"kind": "closes"}, "broke the connection off"),
        ({"kind": "babbles"}, "broke the connection off"),
        (SILENT, "does not answer: correct or unset {variable}"),
    ],
)
def test_a_proxy_of_encrypted_addresses_is_named(safe, monkeypatch, variable, proxy, said):
    if proxy == SILENT:
        monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "0.3")
    with contextlib.ExitStack() as stack:
        host = stack.enter_context(nobody() if proxy is None else Proxy(**proxy))
        host = host if isinstance(host, str) else host.host
        monkeypatch.setenv(variable, f"http://{host}")
        message = fault()
    name = shown(variable, host)
    wanted = said.format(variable=variable, host=safe.url.removeprefix("https://"))
    assert message.startswith(name)
    assert wanted in message


@pytest.mark.parametrize("variable", ["http_proxy", "ALL_PROXY"])
@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        (None, "{proxy} cannot be reached (Connection refused)"),
        ({"answer": "407 Proxy Authentication Required"}, "{proxy} wants a name and a password"),
        ({"answer": "502 Bad Gateway"}, "{host} fails with HTTP 502, through {proxy}"),
        ({"answer": "403 Forbidden"}, "{host} refuses access to acme/Tiny-GGUF, through {proxy}"),
        ({"kind": "closes"}, "the connection to {host} was cut, through {proxy}"),
        (SILENT, "{host} does not answer, through {proxy}"),
    ],
)
def test_a_proxy_of_plain_addresses_is_named(plain, monkeypatch, variable, proxy, said):
    if proxy == SILENT:
        monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "0.3")
    with contextlib.ExitStack() as stack:
        host = stack.enter_context(nobody() if proxy is None else Proxy(**proxy))
        host = host if isinstance(host, str) else host.host
        monkeypatch.setenv(variable, host)
        message = fault()
    hub = plain.url.removeprefix("http://")
    assert message.startswith(said.format(proxy=shown(variable, host), host=hub))


def test_a_password_of_a_proxy_is_used_and_never_shown(safe, monkeypatch):
    with Proxy(answer="407 Proxy Authentication Required") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:{SECRET}@{proxy.host}")
        message = fault()
        assert "proxy-authorization: basic" in proxy.headers[0]
    name = shown("HTTPS_PROXY", proxy.host)
    assert message == f"{name} does not take the name and password in HTTPS_PROXY: correct them"


@pytest.mark.parametrize("variable", ["ALL_PROXY", "all_proxy", "HTTPS_PROXY"])
@pytest.mark.parametrize("scheme", ["socks", "socks5", "socks5h"])
def test_a_socks_proxy_without_its_package_says_what_to_install(
    safe, monkeypatch, variable, scheme
):
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv(variable, f"{scheme}://me:{SECRET}@127.0.0.1:1080")
    message = fault()
    scheme = "socks5" if scheme == "socks" else scheme
    assert message.startswith(shown(variable, "127.0.0.1:1080", scheme))
    assert "install" in message
    assert "socksio" in message


@needs_socks
@pytest.mark.parametrize(
    ("says", "said"),
    [
        ([b""], "broke the connection off"),
        ([b"SSH-2.0-OpenSSH_9.6\r\n"], "broke the connection off"),
        ([b"\x05\xff"], "wants a name and a password: write socks5://NAME:PASSWORD@"),
        ([b"\x05\x00", b"\x05\x05\x00\x01" + bytes(6)], "does not let r1chat through to"),
        ([b"\x05\x00", b"\x09"], "broke the connection off"),
    ],
)
def test_a_socks_proxy_that_fails_is_named(safe, monkeypatch, says, said):
    with Socks(*says) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"socks5://{proxy.host}")
        message = fault()
    assert message.startswith(f"{shown('ALL_PROXY', proxy.host, 'socks5')} {said}")


@needs_socks
def test_a_socks_proxy_that_does_not_take_the_password_is_named(safe, monkeypatch):
    with Socks(b"\x05\x02", b"\x01\x01") as proxy:
        monkeypatch.setenv("ALL_PROXY", f"socks5://me:{SECRET}@{proxy.host}")
        assert fault().endswith("does not take the name and password in ALL_PROXY: correct them")


@needs_socks
def test_an_encrypted_hub_is_reached_through_a_socks_proxy(safe, monkeypatch):
    with Socks(*Socks.GOOD, to=safe.url.removeprefix("https://")) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"socks5h://{proxy.host}")
        assert remote().listing(NAME).files
        assert proxy.asked


@pytest.mark.parametrize(
    "value",
    [
        *("ftp://127.0.0.1:1", "socks4://127.0.0.1:1", "http://", "http://a:b", "http://[::1"),
        *("http://127.0.0.1:99999", f"http://x:{SECRET}@h:no", "htp:/127.0.0.1", "http://a b:1"),
        *("http://\x1b[2J", "://"),
    ],
)
def test_what_can_be_no_proxy_is_named_with_its_variable(safe, monkeypatch, value):
    monkeypatch.setenv("HTTPS_PROXY", value)
    message = fault()
    assert "HTTPS_PROXY" in message
    assert "\x1b" not in message


def test_a_proxy_that_no_request_needs_does_no_harm(plain, monkeypatch):
    """Desktops set ALL_PROXY to a SOCKS proxy beside one for http."""
    monkeypatch.setenv("ALL_PROXY", "socks://127.0.0.1:1")
    monkeypatch.setenv("https_proxy", "nonsense://")
    with Proxy() as proxy:
        monkeypatch.setenv("http_proxy", f"http://{proxy.host}/")
        assert all_of_it().read_bytes() == TINY.read_bytes()
        assert proxy.asked[0].startswith(f"GET {plain.url}/api/models/")


def test_an_encrypted_hub_is_reached_through_a_proxy(safe, monkeypatch):
    with Proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.host}")
        assert all_of_it().read_bytes() == TINY.read_bytes()
        hosts = {url.removeprefix("https://") for url in (safe.url, safe.cdn_url)}
        assert {asked.split(" ")[1] for asked in proxy.asked} == hosts


def test_an_encrypted_proxy_works_and_a_wrong_one_is_named(safe, authority, monkeypatch):
    with Proxy(tls=authority.server()) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"https://{proxy.host}")
        assert remote().listing(NAME).files
        assert proxy.asked
    with Proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"https://{proxy.host}")
        name = shown("HTTPS_PROXY", proxy.host, "https")
        # It waits for the end of a line, and the other side for an answer.
        monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "0.3")
        assert fault().startswith(name)
        monkeypatch.delenv("HF_HUB_ETAG_TIMEOUT")
    with Proxy(tls=authority.server("proxy.example")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"https://{proxy.host}")
        name = shown("HTTPS_PROXY", proxy.host, "https")
        assert fault().startswith(f"{name} cannot prove its name")


@pytest.mark.parametrize(
    ("exempt", "url", "straight"),
    [
        ("*", "http://a.example/", True),
        ("a.example", "http://a.example/", True),
        ("a.example", "http://b.a.example/", True),
        (".a.example", "http://b.a.example/", True),
        ("*.a.example", "http://b.a.example/", True),
        ("a.example", "http://ba.example/", False),
        ("A.Example, c", "http://a.example/", True),
        ("a.example:8080", "http://a.example:8080/", True),
        ("a.example:8080", "http://a.example:81/", False),
        ("a.example:80", "http://a.example/", True),
        ("http://a.example", "http://a.example/", True),
        ("127.0.0.1", "http://127.0.0.1:9/", True),
        ("127.0.0.0/8", "http://127.9.9.9/", True),
        ("10.0.0.0/8", "http://127.9.9.9/", False),
        ("::1", "http://[::1]:80/", True),
        ("[::1]", "http://[::1]:80/", True),
        ("localhost", "http://localhost:80/", True),
        ("", "http://a.example/", False),
        (",,", "http://a.example/", False),
    ],
)
def test_no_proxy_exempts(monkeypatch, exempt, url, straight):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        with monkeypatch.context() as set_to:
            set_to.setenv(name, exempt)
            assert (proxy_for(url) is None) is straight


def test_a_host_that_is_exempt_is_reached_past_a_dead_proxy(plain, monkeypatch):
    with nobody() as host:
        monkeypatch.setenv("http_proxy", f"http://{host}")
        monkeypatch.setenv("ALL_PROXY", f"http://{host}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert all_of_it().read_bytes() == TINY.read_bytes()


# Certificates


CERTIFICATES = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"]


@pytest.mark.parametrize("variable", CERTIFICATES)
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "does not exist"),
        (b"", "holds no certificates in PEM form"),
        (b"garbage", "holds no certificates in PEM form"),
        (b"-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----\n", "holds no certificates"),
        ("pipe", "is not a regular file"),
    ],
)
def test_a_wrong_certificate_file_is_named(safe, tmp_path, monkeypatch, variable, content, said):
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.delenv("SSL_CERT_DIR")
    file = tmp_path / "bundle.pem"
    if content == "pipe":
        os.mkfifo(file)
    elif content is not None:
        file.write_bytes(content)
    monkeypatch.setenv(variable, str(file))
    message = fault()
    assert message.startswith(f"the certificate file of {variable} ({file}) {said}")
    assert message.endswith(f"correct or unset {variable}")


@pytest.mark.parametrize("variable", CERTIFICATES)
def test_a_file_that_does_not_vouch_for_the_hub_is_named(safe, tmp_path, monkeypatch, variable):
    other = Authority(tmp_path, "other")
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.delenv("SSL_CERT_DIR")
    monkeypatch.setenv(variable, str(other.file))
    message = fault()
    assert f"has a certificate that {variable} ({other.file}) does not vouch for" in message
    assert message.startswith(safe.url.removeprefix("https://"))


@pytest.mark.parametrize("variable", CERTIFICATES)
def test_each_variable_makes_the_hub_trusted(safe, authority, monkeypatch, variable):
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.delenv("SSL_CERT_DIR")
    monkeypatch.setenv(variable, str(authority.file))
    assert all_of_it().read_bytes() == TINY.read_bytes()


def test_an_authority_that_nobody_knows_is_told_without_a_file(safe, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.delenv("SSL_CERT_DIR")
    assert re.search(
        r"cannot prove its name \(.*name the certificate file .* in SSL_CERT_F", fault()
    )


@pytest.mark.parametrize(
    ("hosts", "days", "said"),
    [
        ((), (-30, -1), "is out of date"),
        ((), (1, 30), "is out of date"),
        (("hub.example",), (-1, 30), "answers under another name"),
        (("127.9.9.9",), (-1, 30), "answers under another name"),
    ],
)
def test_a_certificate_that_is_not_good_is_told_apart(
    safe, authority, monkeypatch, hosts, days, said
):
    with Hub(tls=authority.server(*hosts, days=days)) as wrong:
        monkeypatch.setenv("HF_ENDPOINT", wrong.url)
        assert said in fault()


def test_a_hub_that_does_not_encrypt_says_so(plain, authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    monkeypatch.setenv("HF_ENDPOINT", plain.url.replace("http:", "https:"))
    assert fault().endswith("does not speak TLS: write http:// in HF_ENDPOINT")


def test_certificates_do_not_matter_where_nothing_is_encrypted(plain, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    assert all_of_it().read_bytes() == TINY.read_bytes()


# Where files come from


def header() -> object:
    hub = remote()
    (file,) = hub.listing(NAME).files
    return hub.header(file)


def fetched() -> Path:
    hub, ref = remote(), parse(NAME)
    assert ref is not None
    return download(find(hub, ref), hub)


@pytest.mark.parametrize("work", [header, fetched])
@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (faults.Drop(), "the connection to {store} was cut"),
        (faults.Status(503), "{store} "),
        (faults.Expired(), "{store} refuse"),
        (faults.Cut("reset", at=0), "the connection to {store} "),
    ],
)
def test_a_store_that_fails_is_named_and_not_the_hub(plain, work, broken, said):
    plain.faults.add(broken, "cdn", times=None)
    message = fault(work)
    hub, store = (url.removeprefix("http://") for url in (plain.url, plain.cdn_url))
    assert message.replace(f" (where {hub} sends r1chat)", "").startswith(said.format(store=store))
    assert not message.startswith(hub)


@pytest.mark.parametrize("work", [header, fetched])
def test_a_store_that_nobody_reaches_is_named(plain, work):
    with nobody() as host:
        to = faults.Redirect(f"http://{host}/x")
        plain.faults.add(to, "file", method="HEAD", times=None)
        assert fault(work).startswith(f"{host} (where ")


@pytest.mark.parametrize("work", [header, fetched])
def test_a_store_that_nobody_vouches_for_is_named(plain, tmp_path, authority, monkeypatch, work):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    other = Authority(tmp_path, "other")
    with Hub(plain.repos.values(), tls=other.server()) as store:
        to = faults.Redirect(f"{store.url}/x")
        plain.faults.add(to, "file", method="HEAD", times=None)
        message = fault(work)
    assert message.startswith(f"{store.url.removeprefix('https://')} (where ")
    assert f"that SSL_CERT_FILE ({authority.file}) does not vouch for" in message


def test_a_store_that_says_nothing_is_named(plain, monkeypatch):
    (file,) = remote().listing(NAME).files
    location = remote().locate(file)
    plain.faults.add(faults.SlowHeaders(60), "cdn", times=None)
    monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "0.3")
    client = Client(Environment.read())
    store = plain.cdn_url.removeprefix("http://")
    message = fault(lambda: client.part(location.url, 0, 100, Subject(NAME)))
    assert re.match(rf"{store} \(where .* sends r1chat\) does not answer", message)


# The program


def test_the_program_says_it_in_one_line(plain, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with nobody() as host:
        monkeypatch.setenv("http_proxy", f"http://me:{SECRET}@{host}")
        code, out, err = run("models", "search", "tiny")
    assert (code, out) == (5, "")
    assert err.count("\n") == 1
    assert f"{shown('http_proxy', host)} cannot be reached (Connection refused)" in err


@pytest.mark.parametrize("verb", [("show",), ("pull", "--yes"), ("search",)])
def test_the_program_survives_a_socks_proxy(plain, tmp_path, monkeypatch, verb):
    monkeypatch.setenv("HOME", str(tmp_path))
    with nobody() as host:
        monkeypatch.setenv("ALL_PROXY", f"socks5://{host}")
        code, out, err = run("models", *verb, NAME)
    assert (code, out, err.count("\n")) == (5, "", 1), err
    # It needs a package, or somebody who answers.
    assert f"the proxy of ALL_PROXY (socks5://{host}) " in err


def test_the_program_names_a_store_that_cannot_be_found(plain, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    to = faults.Redirect("http://store.invalid/x")
    plain.faults.add(to, "file", method="HEAD", times=None)
    code, out, err = run("models", "show", NAME)
    assert (code, out, err.count("\n")) == (5, "", 1), err
    assert "store.invalid (where " in err
    assert "cannot be reached (" in err


def test_the_program_names_a_certificate_file(safe, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    code, out, err = run("models", "pull", NAME)
    assert (code, out, err.count("\n")) == (5, "", 1), err
    assert f"SSL_CERT_FILE ({tmp_path / 'missing.pem'}) does not exist" in err
