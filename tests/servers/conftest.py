"""A keyring of the test's own, and servers that list models."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.remote.conftest import llama_cpp
from tests.servers import keyrings
from tests.servers.api import Api, listed
from tests.servers.secret import KEY

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch):
    for name in list(os.environ):
        if name.endswith("_API_KEY") or name == "OPENAI_BASE_URL":
            monkeypatch.delenv(name)


@pytest.fixture
def keyring_file(tmp_path, monkeypatch):
    """Where the keyring of this test, and of the processes that it starts, keeps its keys."""
    file = tmp_path / "kept.json"
    monkeypatch.setenv(keyrings.FILE, str(file))
    use_keyring(monkeypatch, "FileKeyring")
    return file


def use_keyring(monkeypatch, name):
    """Has this process and those that it starts use a keyring, whatever was used before."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", f"tests.servers.keyrings.{name}")
    # It is chosen once, at the first use.
    monkeypatch.setattr("keyring.core._keyring_backend", None)


@pytest.fixture(scope="session")
def keyed(tmp_path_factory):
    """llama-cpp-python's server with the built-in model and a key."""
    with llama_cpp(tmp_path_factory.mktemp("server"), "--api_key", KEY) as url:
        yield url


@pytest.fixture
def api():
    """A server with two models."""
    with Api(listed("deepseek-r1:7b", "org/R1-70B", max_model_len=131_072)) as server:
        yield server
