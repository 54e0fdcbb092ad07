"""Every test runs in a home of its own and without a network."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings

from scripts.real.models import COMMAND, folder

HERE = Path(__file__).parent
ROOT = HERE.parent
ENGINE = {
    *("faults", "live", "real", "remote"),
    *("hub/test_about.py", "hub/test_app_pty_fetching.py", "unit/test_gpus.py"),
    *("servers/test_app_budgets.py", "servers/test_named_app.py", "servers/test_named_models.py"),
}
"""What runs llama.cpp; within other files tests are marked as `engine`."""
REAL_MODELS = folder()

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the tests that take long, too")
    parser.addoption("--real", action="store_true", help="run the tests on real models, too")
    parser.addoption("--vllm", action="store_true", help="run those on a real vLLM, too")
    parser.addoption("--no-engine", action="store_true", help="run what needs no llama.cpp")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--vllm") and config.getoption("numprocesses", None):
        message = "--vllm needs -n 0: each process would start servers of its own, of 3 GB each"
        raise pytest.UsageError(message)
    # A run that is to say whether a change is good draws the same examples every time; a long run
    # looks for new ones.
    settings.register_profile(
        "same", derandomize=True, database=None, deadline=None, max_examples=40
    )
    settings.register_profile("new", deadline=None, print_blob=True)
    settings.load_profile("new" if config.getoption("--long") else "same")
    keep_bytecode()
    # Nobody's own keyring is asked: it may be locked, or hold a key for a name of the tests.
    os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    # Whatever runs in the background or under nohup ignores signals, and so do its children.
    for signum in (signal.SIGHUP, signal.SIGTERM):
        if signal.getsignal(signum) is signal.SIG_IGN:
            signal.signal(signum, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def keep_bytecode() -> None:
    """Has the many programs that tests start not compile all of their modules each.

    Where none of it may lie beside the sources, it goes into a folder of its own.
    """
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        folder = os.environ.setdefault("PYTHONPYCACHEPREFIX", str(ROOT / ".cache" / "bytecode"))
        sys.dont_write_bytecode, sys.pycache_prefix = False, folder


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves out what cannot even be imported without llama.cpp."""
    left_out = config.getoption("--no-engine") and collection_path.relative_to(HERE).as_posix()
    return True if left_out in ENGINE else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = {"engine"} if config.getoption("--no-engine") else set()
    if not config.getoption("--long"):
        left_out.add("long")
        if not config.getoption("--real"):
            left_out.add("real")
    if not config.getoption("--vllm"):
        left_out.add("vllm")
    # By their marks alone: a folder may have the same name.
    out = [item for item in items if any(map(item.get_closest_marker, left_out))]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in set(out)]


def pytest_collection_finish() -> None:
    # Thousands of tests are no garbage: a collector that looks at all of them takes a second.
    gc.freeze()


@pytest.fixture(scope="session")
def real_model() -> Callable[[str], Path]:
    """The file of a real model by its name; skips the test where it has not been fetched."""

    def path(name: str) -> Path:
        file = REAL_MODELS / f"{name}.gguf"
        if not file.is_file():
            pytest.skip(f"needs a real model: {COMMAND} {name}")
        return file

    return path


@pytest.fixture(scope="session")
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a user who has no models."""
    return tmp_path_factory.mktemp("nobody")


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folders for one test each; pytest would look through all that there are for a free name."""
    folder = tmp_path_factory.mktemp("homes")
    return (folder / str(number) for number in count())


@pytest.fixture(autouse=True)
def home(nobody: Path, homes: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where r1chat keeps its files during a test; child processes inherit it."""
    for name in list(os.environ):
        if name.startswith("R1CHAT_"):
            monkeypatch.delenv(name)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    folder = next(homes)
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("R1CHAT_HOME", str(folder))
    # A model that somebody has on this machine would be used where a test names none.
    for name in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(nobody))
    yield folder
    # A command line that ran in this process has led the log away from the next test, and an app
    # has told it what its user wants.
    resources = sys.modules.get("r1chat.resources")
    if resources is not None:
        resources.use_threads(None)
        resources.give_threads(None)
    started = sys.modules.get("r1chat.logs")
    if started is not None:
        started.stop()


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets sockets of this process reach this machine only."""
    connect = socket.socket.connect
    look_up = socket.getaddrinfo

    def is_here(host: object) -> bool:
        name = host.decode() if isinstance(host, bytes) else host
        return name in (None, "", "localhost", "::1") or str(name).startswith("127.")

    def guarded_connect(self: socket.socket, address: tuple[object, ...] | str | bytes) -> None:
        if isinstance(address, tuple) and not is_here(address[0]):
            message = f"a test tried to reach {address[0]}"
            raise RuntimeError(message)
        connect(self, address)

    def guarded_look_up(host: object, *args: object, **options: object) -> object:
        if not is_here(host):
            message = f"a test tried to look up {host}"
            raise RuntimeError(message)
        return look_up(host, *args, **options)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)


@pytest.fixture
def run_python() -> Run:
    """Runs a fresh interpreter: `run_python("-c", "…")`; returns it with its output as text."""

    def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        settings = {"capture_output": True, "text": True, "timeout": 60} | options
        return subprocess.run([sys.executable, *arguments], check=False, **settings)

    return run
