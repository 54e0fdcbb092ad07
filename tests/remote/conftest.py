"""Real servers on this machine, and engines that talk to them."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from r1chat.compose import resolve
from r1chat.engine.remote import RemoteEngine, Server
from scripts.vllm.catalog import SERVED
from scripts.vllm.installing import is_installed
from scripts.vllm.places import COMMAND
from scripts.vllm.serving import Vllm
from tests.ports import free_port
from tests.remote.helpers import KEY, REPLY, quick
from tests.remote.server import ModelServer

STARTS_S = 60.0
"""A guard against waiting for ever."""
ON_VLLM = (pytest.mark.vllm, pytest.mark.timeout(1800))
FLASH = ("--flash_attn", "true")
"""As in this process, where it is llama.cpp's own choice; else the figures differ slightly."""
ROOT = Path(__file__).parents[2]


@contextmanager
def running(command: list[str], port: int, log: Path) -> Iterator[str]:
    """A server as a process of its own; gives its address once it answers."""
    url = f"http://127.0.0.1:{port}/v1"
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        end = time.monotonic() + STARTS_S
        while True:
            assert process.poll() is None, log.read_text("utf-8", "replace")
            assert time.monotonic() < end, "the server does not answer"
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
                break
            time.sleep(0.1)
        yield url
    finally:
        process.kill()
        process.wait()


@contextmanager
def llama_cpp(folder: Path, *more: str) -> Iterator[str]:
    """llama-cpp-python's server with the built-in model; its log goes into a folder."""
    port, model = free_port(), str(resolve("tiny"))
    command = [sys.executable, "-m", "llama_cpp.server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--model", model, "--model_alias", "tiny", "--n_ctx", "1024", *FLASH, *more]
    with running(command, port, folder / "log") as url:
        yield url


@pytest.fixture(scope="session")
def llama_cpp_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """llama-cpp-python's own server."""
    with llama_cpp(tmp_path_factory.mktemp("llama-cpp-server")) as url:
        yield url


@pytest.fixture(scope="session")
def keyed_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The same, which wants a key."""
    with llama_cpp(tmp_path_factory.mktemp("llama-cpp-server"), "--api_key", KEY) as url:
        yield url


class Vllms:
    """Starts real vLLMs, one at a time: each takes 3 GB and the better part of a minute."""

    def __init__(self) -> None:
        self._running: Vllm | None = None
        self._what: tuple[str, ...] = ()

    def __call__(self, name: str = "tiny", layout: str = "one", *more: str) -> Vllm:
        """One that serves a model; the one that runs where that is it."""
        what = (name, layout, *more)
        if self._running is None or self._what != what or not self._running.answers():
            self.stop()
            self._what, self._running = what, Vllm(name, layout, port=free_port(), more=more)
            self._running.start()
            self._running.wait()
        return self._running

    def stop(self) -> None:
        """Ends it."""
        if self._running is not None:
            self._running.stop()
            self._running = None


@pytest.fixture(scope="session")
def vllm() -> Iterator[Vllms]:
    """Real vLLMs; skips the test where none is installed."""
    if not all(each.made for each in SERVED if each.source == "tiny") or not is_installed():
        pytest.skip(f"needs a real vLLM: {COMMAND} install, and convert")
    servers = Vllms()
    yield servers
    servers.stop()


@pytest.fixture(params=["llama-cpp-python", pytest.param("vLLM", marks=ON_VLLM)])
def url(request: pytest.FixtureRequest) -> str:
    """The built-in model on a real server; with --vllm on vLLM, too."""
    if request.param == "vLLM":
        return str(request.getfixturevalue("vllm")().url)
    return str(request.getfixturevalue("llama_cpp_url"))


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """A server of the tests' own that is well."""
    with ModelServer(REPLY) as started:
        yield started


@pytest.fixture
def engine(url: str) -> Iterator[RemoteEngine]:
    """The built-in model on a real server."""
    with closing(RemoteEngine(Server(url), "tiny", patience=quick())) as opened:
        yield opened


@pytest.fixture
def llama_cpp_engine(llama_cpp_url: str) -> Iterator[RemoteEngine]:
    """The built-in model on llama-cpp-python's server."""
    with closing(RemoteEngine(Server(llama_cpp_url), "tiny", patience=quick())) as opened:
        yield opened


@pytest.fixture(scope="session")
def llama_server(request: pytest.FixtureRequest) -> Path:
    """llama-server, built from llama-cpp-python's source package; for the long tests only."""
    if not request.config.getoption("--long"):
        pytest.skip("needs --long")
    build = [sys.executable, str(ROOT / "scripts" / "bench" / "llama_program.py"), "llama-server"]
    done = subprocess.run(build, check=True, capture_output=True, text=True)
    return Path(done.stdout.strip())


@pytest.fixture(scope="session")
def llama_server_url(llama_server: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """llama-server with the built-in model."""
    port = free_port()
    log = tmp_path_factory.mktemp("llama-server") / "log"
    command = [str(llama_server), "-m", str(resolve("tiny")), "--alias", "tiny"]
    command += ["--host", "127.0.0.1", "--port", str(port), "-c", "4096", "-np", "4", "-t", "1"]
    with running(command, port, log) as url:
        yield url
