"""Models on named servers: a real server that wants a key, asked by the real program."""

from __future__ import annotations

import json

import pytest

from r1chat import compose, settings
from r1chat.errors import ModelError, UsageError
from r1chat.settings import Settings
from tests.program import run
from tests.servers.secret import KEY, nowhere

pytestmark = pytest.mark.usefixtures("keyring_file")
SUM = "What is 44 + 41 + 25?"


@pytest.fixture
def lab(keyed):
    """The same, called lab, its key in the keyring."""
    assert run("servers", "add", "lab", keyed)[0] == 0
    assert run("servers", "key", "lab", stdin=KEY.encode())[0] == 0
    return keyed


def test_a_model_on_a_named_server_answers_and_the_key_is_nowhere(lab, home):
    code, out, err = run("servers", "models", "lab")
    assert (code, "lab#tiny" in out) == (0, True), err
    said = [out, err]
    asked = ("--verbose", "ask", "-m", "lab#tiny", "--temperature", "0")
    code, out, err = run(*asked, "--format", "json", SUM)
    assert code == 0, err
    reply = json.loads(out)
    assert (reply["final"], reply["model"]["ref"]) == ("110", "lab#tiny")
    said += [out, err]
    # What is gone on with names the same server again.
    code, out, err = run("--verbose", "ask", "-c", "--format", "jsonl", "And 1 + 1?")
    assert code == 0, err
    said += [out, err]
    for more in (("history", "list"), ("history", "show", reply["conversation"]), ("doctor",)):
        said += run(*more)[1:]
    assert nowhere(home, *said)


def test_a_key_that_is_not_taken_is_one_line_without_it(keyed, home, monkeypatch):
    run("servers", "add", "lab", keyed)
    monkeypatch.setenv("R1CHAT_KEY_LAB", "sk-WRONG-0123456789")
    code, out, err = run("--verbose", "ask", "-m", "lab#tiny", SUM)
    assert (code, out) == (5, "")
    assert "does not accept your key" in err
    assert "sk-WRONG" not in err
    assert nowhere(home, err)
    log = home / "logs" / "r1chat.log"
    assert not log.exists() or "sk-WRONG" not in log.read_text()


def test_a_server_by_its_address_gets_the_key_for_those(keyed, home, monkeypatch):
    run("servers", "add", "lab", keyed)
    monkeypatch.setenv("R1CHAT_KEY_LAB", KEY)
    assert run("ask", "-m", f"{keyed}#tiny", "--no-save", SUM)[0] == 5
    monkeypatch.setenv("R1CHAT_API_KEY", KEY)
    code, out, err = run("--verbose", "ask", "-m", f"{keyed}#tiny", "--no-save", SUM)
    assert (code, "110" in out) == (0, True), err
    assert nowhere(home, out, err)


def test_a_locked_keyring_is_one_line_when_a_question_is_asked(lab, home, monkeypatch):
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "tests.servers.keyrings.LockedKeyring")
    code, out, err = run("ask", "-m", "lab#tiny", "--no-save", SUM)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "set R1CHAT_KEY_LAB" in err


def test_an_imported_conversation_is_not_sent_to_the_address_that_it_names(
    home, monkeypatch, tmp_path
):
    monkeypatch.setenv("R1CHAT_API_KEY", KEY)
    assert run("ask", "-m", "tiny", "2 + 3?")[0] == 0
    code, out, err = run("history", "export", "--all", "--format", "json")
    assert code == 0, err
    there = "http://192.0.2.7:8000/v1#m"
    file = tmp_path / "theirs.json"
    file.write_text(json.dumps(renamed(json.loads(out), there)))
    monkeypatch.setenv("R1CHAT_HOME", str(tmp_path / "other"))
    code, _, err = run("history", "import", file)
    assert code == 0, err
    code, out, err = run("ask", "-c", "And 1 + 1?")
    assert (code, out) == (2, "")
    assert err == (
        f"r1chat: this conversation was held with {there}; to send it there, say so: -m {there}\n"
    )


def renamed(value, model):
    """An export in which every model is called something else."""
    if isinstance(value, list):
        return [renamed(each, model) for each in value]
    if isinstance(value, dict):
        return {name: renamed(each, model) for name, each in value.items()}
    return model if value == "tiny" else value


def test_a_name_that_no_server_has_is_said():
    settings.save(Settings(servers={"lab": "http://localhost:1/v1"}))
    with pytest.raises(ModelError, match=r"no server is called 'lob' \(there are lab\)"):
        compose.load("lob#tiny")


@pytest.mark.parametrize("ref", ["lab", "lab#"])
def test_a_server_with_one_model_is_named_by_its_name_alone(lab, ref):
    engine = compose.load(ref)
    assert engine.info.ref == "lab#tiny"
    engine.close()


def test_a_word_that_names_no_server_is_no_model_either():
    settings.save(Settings(servers={"lab": "http://localhost:1/v1"}))
    with pytest.raises(ModelError, match="no such model: 'lob'"):
        compose.load("lob")


def test_a_file_goes_before_a_server_of_the_same_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lab#tiny").write_bytes(b"no model")
    settings.save(Settings(servers={"lab": "http://localhost:1/v1"}))
    assert compose.remote_server("lab#tiny") is None


def test_a_server_is_found_with_its_key_and_never_shows_it(monkeypatch):
    settings.save(Settings(servers={"lab": "http://localhost:1/v1"}))
    monkeypatch.setenv("R1CHAT_KEY_LAB", KEY)
    server, model = compose.remote_server("lab#org/R1:7b")
    assert (server.url, server.key, server.name) == ("http://localhost:1/v1", KEY, "lab")
    assert model == "org/R1:7b"
    assert KEY not in repr(server)
    assert compose.remote_server("http://localhost:1/v1#m")[0].key is None
    monkeypatch.setenv("R1CHAT_KEY_LAB", "two words")
    with pytest.raises(UsageError, match="R1CHAT_KEY_LAB is no API key"):
        compose.remote_server("lab#x")
