"""`r1chat servers`, in real processes, with a keyring in a file; and that a key leaks nowhere."""

from __future__ import annotations

import json
import re
import sys

import pexpect
import pytest

from r1chat import settings
from tests.program import run
from tests.servers.api import Api, listed
from tests.servers.conftest import use_keyring
from tests.servers.secret import KEY, nowhere

pytestmark = pytest.mark.usefixtures("keyring_file")


def test_a_server_is_named_listed_and_forgotten(home):
    assert run("servers", "list")[0::2] == (
        0,
        "no server has a name yet: r1chat servers add NAME URL\n",
    )
    code, out, err = run("servers", "add", "lab", "http://localhost:8000/")
    assert (code, out) == (0, "")
    assert "r1chat servers models lab" in err
    assert "it was" not in err + run("servers", "add", "lab", "http://localhost:8000/")[2]
    assert "(it was http://localhost:8000/v1)" in run("servers", "add", "lab", "http://b:9000")[2]
    run("servers", "add", "lab", "http://localhost:8000/")
    assert run("servers", "list")[1].split() == [
        *("name", "address", "key"),
        *("lab", "http://localhost:8000/v1", "none"),
    ]
    as_json = json.loads(run("servers", "list", "--format", "json")[1])
    assert as_json["servers"] == [{"name": "lab", "url": "http://localhost:8000/v1", "key": "none"}]
    assert run("servers", "rm", "lab")[0] == 0
    assert settings.load()[0].servers is None
    code, _, err = run("servers", "rm", "lab")
    assert (code, err.count("\n")) == (3, 1)


def test_a_key_is_read_from_a_pipe_kept_used_and_removed_and_stands_nowhere_else(
    home, keyring_file
):
    said = []
    with Api(listed("R1"), key=KEY) as server:
        run("servers", "add", "lab", server.origin)
        code, out, err = run("servers", "models", "lab")
        assert (code, out) == (5, "")
        assert "wants a key" in err
        said += run("--verbose", "servers", "key", "lab", stdin=f"{KEY}\n".encode())[1:]
        assert json.loads(keyring_file.read_text()) == {f"r1chat/lab at {server.origin}": KEY}
        code, out, err = run("--verbose", "servers", "models", "lab")
        assert (code, out.split()) == (0, ["model", "context", "lab#R1"])
        said += [out, err]
        said += run("servers", "list")[1:]
        assert "keyring" in said[-2]
        said += run("servers", "models", "lab", "--format", "json")[1:]
        assert json.loads(said[-2])["models"] == [{"ref": "lab#R1", "id": "R1", "context": 0}]
        said += run("settings")[1:]
        said += run("servers", "key", "lab", "--rm")[1:]
        assert json.loads(keyring_file.read_text()) == {}
        code, _, err = run("servers", "key", "lab", "--rm")
        assert (code, err) == (1, "r1chat: the keyring has no key of lab\n")
    assert nowhere(home, *said)


def test_a_key_in_the_environment_is_used_and_stands_nowhere(home, monkeypatch):
    with Api(listed("R1"), key=KEY) as server:
        run("servers", "add", "lab", server.origin)
        monkeypatch.setenv("R1CHAT_KEY_LAB", KEY)
        said = run("--verbose", "servers", "models", "lab")
        assert said[0] == 0
        _, out, err = run("servers", "list")
        assert "R1CHAT_KEY_LAB" in out
        server.key = "another"
        refused = run("--verbose", "servers", "models", "lab")
        assert refused[0] == 5
    assert nowhere(home, *said[1:], out, err, *refused[1:])


def test_a_key_that_is_typed_is_not_shown(home, keyring_file):
    run("servers", "add", "lab", "http://localhost:8000")
    child = pexpect.spawn(
        sys.executable, ["-m", "r1chat", "servers", "key", "lab"], encoding="utf-8", timeout=60
    )
    child.expect("API key of lab: ")
    child.sendline(KEY)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert KEY in keyring_file.read_text()
    assert nowhere(home, child.before)


def test_a_key_is_not_taken_along_to_another_address(home, keyring_file):
    with Api(listed("R1")) as first, Api(listed("R1")) as second:
        run("servers", "add", "lab", first.origin)
        run("servers", "key", "lab", stdin=KEY.encode())
        code, _, err = run("servers", "add", "lab", second.origin)
        assert code == 0
        assert "removed from the keyring" in err
        assert run("servers", "models", "lab")[0] == 0
        assert second.keys == [None]
    assert json.loads(keyring_file.read_text()) == {}


def test_a_server_that_is_forgotten_leaves_no_key(home, keyring_file):
    run("servers", "add", "lab", "http://localhost:8000")
    run("servers", "key", "lab", stdin=KEY.encode())
    code, _, err = run("servers", "rm", "lab")
    assert (code, "removed from the keyring" in err) == (0, True)
    assert json.loads(keyring_file.read_text()) == {}


@pytest.mark.parametrize(
    "url",
    [f"http://me:{KEY}@host/v1", f"http://host/v1?key={KEY}", f"http://host/#{KEY}", f"x{KEY}"],
)
def test_a_key_in_an_address_is_refused_and_repeated_nowhere(home, url):
    code, out, err = run("--verbose", "servers", "add", "lab", url)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert nowhere(home, err)


def test_a_key_in_an_address_of_the_settings_is_not_repeated(home):
    file = home / "settings" / "settings.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"servers": {"lab": f"https://:{KEY}@host"}, "ctx": 4096}))
    code, out, err = run("--verbose", "settings")
    assert code == 0
    assert re.search(r"^ctx +4096 +file ", out, re.MULTILINE)
    assert "servers: an address may not contain a name or password" in err
    file.unlink()
    assert nowhere(home, out, err)


def test_nothing_typed_is_no_key(home):
    run("servers", "add", "lab", "http://localhost:8000")
    for given in (b"", b"\n", "schlüssel\n".encode()):
        code, _, err = run("servers", "key", "lab", stdin=given)
        assert (code, err.count("\n")) == (2, 1)


def test_a_locked_keyring_is_one_line(home, monkeypatch):
    run("servers", "add", "lab", "http://localhost:8000")
    use_keyring(monkeypatch, "LockedKeyring")
    code, _, err = run("--verbose", "servers", "key", "lab", stdin=KEY.encode())
    assert (code, err.count("\n")) == (1, 1)
    assert "unlock it, or set R1CHAT_KEY_LAB" in err
    code, out, listed_err = run("servers", "list")
    assert (code, out.split()[-1]) == (0, "unknown")
    assert "unlock it" in listed_err
    assert nowhere(home, err)


def test_a_keyring_that_is_not_there_is_one_line(home, monkeypatch):
    run("servers", "add", "lab", "http://localhost:8000")
    use_keyring(monkeypatch, "NoSuchKeyring")
    code, _, err = run("servers", "key", "lab", stdin=KEY.encode())
    assert (code, err.count("\n")) == (1, 1)
    assert nowhere(home, err)


def test_a_plain_address_of_another_machine_is_pointed_out(home):
    assert "unencrypted" in run("servers", "add", "far", "http://10.0.0.1:8000")[2]
    assert "unencrypted" not in run("servers", "add", "far", "https://10.0.0.1:8000")[2]


@pytest.mark.parametrize("name", ["Lab", "a b", "-x", "x" * 33, "a\x1b[31m"])
def test_a_name_that_is_none_is_refused(home, name):
    code, out, err = run("servers", "add", "--", name, "http://localhost")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "\x1b" not in err


def test_what_was_set_before_stays(home):
    run("settings", "set", "ctx", "4096")
    run("servers", "add", "lab", "http://localhost:8000")
    loaded, fault = settings.load()
    assert fault is None
    assert (loaded.ctx, loaded.servers) == (4096, {"lab": "http://localhost:8000/v1"})
