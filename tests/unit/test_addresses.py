"""What may be the address of a server, and where it leads."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from r1chat.addresses import is_loopback, is_name, is_plain_to_other_machine, normal, origin


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://localhost:8000", "http://localhost:8000/v1"),
        ("  HTTPS://Host.Example/ ", "https://host.example/v1"),
        ("http://host:80/v1/", "http://host/v1"),
        ("https://host:443/openai/v1", "https://host/openai/v1"),
        ("http://host:443/v1", "http://host:443/v1"),
        ("http://[::1]:11434", "http://[::1]:11434/v1"),
        ("http://10.0.0.7:8000/v1", "http://10.0.0.7:8000/v1"),
    ],
)
def test_an_address_has_one_form(text, address):
    assert normal(text) == address
    assert normal(address) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost:8000",
        "ftp://host/v1",
        "file:///etc/passwd",
        "http:host",
        "http://",
        "http:///v1",
        "http://me:SECRET@host/v1",
        "http://SECRET@host/v1",
        "https://host/v1?key=SECRET",
        "https://host/v1?",
        "https://host/v1#SECRET",
        "http://host:99999/v1",
        "http://host:http/v1",
        "http://ho st/v1",
        "http://host/v1\n",
        "http://host/\x1b[31m",
        "http://host\x00/v1",
        "http://höst/v1",
        "http://host/ü",
        "http://host\\@other/v1",
        "http://[::1/v1",
        "http://a..b:1:2/v1",
        "http://-host/v1",
        "http://host/" + "a" * 2000,
    ],
)
def test_what_is_no_address_or_hides_a_secret_is_refused_without_repeating_it(text):
    if text.strip() != text and text.strip().isprintable():
        assert normal(text) == "http://host/v1"
        return
    with pytest.raises(ValueError, match=r"address") as error:
        normal(text)
    assert "SECRET" not in str(error.value)
    assert str(error.value).isprintable()


@given(st.text(max_size=80) | st.from_regex(r"https?://[^\s]{0,60}", fullmatch=True))
@example("http://[")
@example("http://[::1%eth0]:80")
@example("http://host/%2e%2e")
def test_whatever_is_taken_for_an_address_is_plain_and_stays_as_it_is(text):
    try:
        address = normal(text)
    except ValueError:
        return
    assert address.isascii()
    assert address.isprintable()
    assert not set(address) & set(' "\\<>?#@`{}|^') - {"@"}
    assert "@" not in origin(address)
    assert normal(address) == address
    assert address.startswith(origin(address))


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::"],  # noqa: S104
)
def test_this_machine_is_known_by_its_names(host):
    assert is_loopback(host)
    shown = f"[{host}]" if ":" in host else host
    assert not is_plain_to_other_machine(f"http://{shown}:8000/v1")


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("http://10.0.0.1:8000/v1", True),
        ("http://host/v1", True),
        ("http://localhost.example/v1", True),
        ("http://127.0.0.1.example/v1", True),
        ("http://[fe80::1%lo]/v1", True),
        ("https://host/v1", False),
        ("http://app.localhost/v1", False),
    ],
)
def test_what_crosses_a_network_unencrypted_is_known(url, plain):
    assert is_plain_to_other_machine(url) is plain


@pytest.mark.parametrize("name", ["lab", "0", "gpu-box-2", "a" * 32])
def test_plain_names_are_names(name):
    assert is_name(name)


@pytest.mark.parametrize(
    "name", ["", "Lab", "-a", "a" * 33, "a b", "a.b", "a\n", "ä", "a#b", "a/b"]
)
def test_other_names_are_none(name):
    assert not is_name(name)
