"""API keys: where they come from, and that they go nowhere else."""

from __future__ import annotations

import importlib.util
import json

import keyring
import pytest
from keyring.backends import fail

from r1chat import paths, servers, settings
from r1chat.engine.remote.server import Server
from r1chat.errors import R1ChatError, UsageError
from r1chat.servers import keys
from r1chat.settings import Settings
from tests.servers.keyrings import FileKeyring, LockedKeyring

LAB = "http://lab.example:8000/v1"


@pytest.fixture(autouse=True)
def _lab():
    settings.save(Settings(servers={"lab": LAB, "gpu-box": "https://gpu.example/v1"}))


@pytest.fixture(autouse=True)
def use():
    """Takes a keyring of this test's in this process; before that there is none."""
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())
    yield keyring.set_keyring
    keyring.set_keyring(before)


@pytest.fixture
def fresh_keyring(keyring_file, use):
    use(FileKeyring())
    return keyring_file


@pytest.fixture
def locked(use):
    use(LockedKeyring())


def key_for(server):
    """The key that goes to a server, named or by its address."""
    found = servers.unnamed(Server(server)) if "://" in server else servers.server(server)
    return found.key


def test_a_name_has_a_variable_of_its_own(monkeypatch, fresh_keyring):
    monkeypatch.setenv("R1CHAT_KEY_GPU_BOX", "sk-box\n")
    assert key_for("gpu-box") == "sk-box"
    assert key_for("lab") is None


def test_the_environment_goes_before_the_keyring_and_may_say_that_there_is_none(
    monkeypatch, fresh_keyring
):
    keys.keep("lab", LAB, "sk-kept")
    assert key_for("lab") == "sk-kept"
    monkeypatch.setenv("R1CHAT_KEY_LAB", "sk-given")
    assert key_for("lab") == "sk-given"
    monkeypatch.setenv("R1CHAT_KEY_LAB", "")
    assert key_for("lab") is None


def test_a_name_that_is_given_to_another_server_takes_no_key_along(fresh_keyring):
    keys.keep("lab", LAB, "sk-kept")
    settings.save(Settings(servers={"lab": "https://lab.example:8000/v1"}))
    assert key_for("lab") is None
    settings.save(Settings(servers={"lab": "http://lab.example:8000/other"}))
    assert key_for("lab") == "sk-kept"


def test_openais_key_goes_to_openai_or_to_the_address_beside_it_alone(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    assert key_for("https://api.openai.com/v1") == "sk-openai"
    for other in (
        "http://api.openai.com/v1",
        "https://api.openai.com:8443/v1",
        "https://api.openai.com.evil.example/v1",
        "http://localhost:8000/v1",
        "lab",
    ):
        assert key_for(other) is None
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:8000/v1/")
    assert key_for("http://localhost:8000/v1") == "sk-openai"
    assert key_for("https://api.openai.com/v1") is None


def test_a_broken_base_address_sends_the_key_nowhere(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    monkeypatch.setenv("OPENAI_BASE_URL", "localhost:8000")
    assert key_for("https://api.openai.com/v1") is None


def test_servers_without_a_name_have_a_variable_that_named_ones_never_see(monkeypatch):
    monkeypatch.setenv("R1CHAT_API_KEY", "sk-bare")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    assert key_for("http://localhost:8000/v1") == "sk-bare"
    assert key_for("lab") is None


@pytest.mark.parametrize("bad", ["sk\r\nx-evil: 1", "sk-ü", "two words", "k" * 5000, "\x00"])
def test_what_can_be_no_key_is_refused_without_showing_it(monkeypatch, bad):
    with pytest.raises(UsageError) as error:
        keys.clean(bad, "R1CHAT_KEY_LAB")
    assert bad not in str(error.value)
    assert "R1CHAT_KEY_LAB" in str(error.value)


def test_a_key_is_not_in_its_own_description():
    assert "sk-x" not in repr(keys.Key("sk-x", "keyring"))


def test_a_key_is_removed_once(fresh_keyring):
    keys.keep("lab", LAB, "sk-kept")
    assert list(json.loads(fresh_keyring.read_text())) == ["r1chat/lab at http://lab.example:8000"]
    assert keys.forget("lab", LAB)
    assert not keys.forget("lab", LAB)


def test_a_locked_keyring_is_one_line_that_names_the_way_out(locked):
    for act in (
        lambda: key_for("lab"),
        lambda: keys.keep("lab", LAB, "sk-kept"),
        lambda: keys.forget("lab", LAB),
    ):
        with pytest.raises(R1ChatError, match=r"keyring fails .*set R1CHAT_KEY_LAB$") as error:
            act()
        assert str(error.value).isprintable()
        assert "sk-kept" not in str(error.value)


def test_a_locked_keyring_is_not_asked_where_the_environment_answers(monkeypatch, locked):
    monkeypatch.setenv("R1CHAT_KEY_LAB", "")
    assert key_for("lab") is None


def test_a_system_without_a_keyring_has_no_keys_and_keeps_none():
    assert key_for("lab") is None
    assert not keys.forget("lab", LAB)
    with pytest.raises(R1ChatError, match=r"no keyring; .* R1CHAT_KEY_LAB"):
        keys.keep("lab", LAB, "sk-kept")


def test_without_the_package_there_are_no_kept_keys(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "keyring" else find(name, *a)
    )
    assert key_for("lab") is None
    assert not keys.forget("lab", LAB)
    with pytest.raises(keys.NoKeyring):
        keys.keep("lab", LAB, "sk-kept")


def test_the_settings_never_hold_a_key(fresh_keyring):
    keys.keep("lab", LAB, "sk-kept")
    assert "sk-kept" not in paths.settings_file().read_text()
