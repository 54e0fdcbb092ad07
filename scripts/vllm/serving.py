"""Starts vLLM on loopback: one process, tensor-parallel workers, or two nodes on this machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from scripts.vllm.places import environment, folder, model, python

LAYOUTS = ("one", "workers", "nodes")
STARTS_S = 300.0
"""A guard against waiting for ever: a start takes 20 to 50 seconds on two processors."""
_STOPS_S = 15.0
_CACHE_GB = "1"
_HERE = "127.0.0.1"


class ServeError(Exception):
    """The server does not start. One line."""


class Vllm:
    """A running vLLM.

    Args:
        name: The model, converted before.
        layout: ``one`` process, two ``workers`` by tensor parallelism, or two ``nodes`` that have
            one worker each.
        port: Where it listens.
        log: Takes what it says.
        more: Further options of ``vllm serve``.
    """

    def __init__(
        self,
        name: str = "tiny",
        layout: str = "one",
        *,
        port: int = 0,
        log: Path | None = None,
        more: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.layout = layout
        self.port = port or free_port()
        self.url = f"http://{_HERE}:{self.port}/v1"
        self.log = log or folder() / f"{name}-{layout}-{self.port}.log"
        self._more = tuple(more)
        self.nodes: list[subprocess.Popen[bytes]] = []
        """The processes that were started; the first one answers."""

    def start(self) -> None:
        """Starts it; `wait` waits until it answers."""
        assert not self.nodes
        with self.log.open("ab") as out:
            self.nodes = [
                subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    env=_environment(),
                    start_new_session=True,
                )
                for command in self.commands()
            ]

    def wait(self, limit: float = STARTS_S) -> None:
        """Waits until it answers.

        Raises:
            ServeError: If it ends before, or needs too long.
        """
        end = time.monotonic() + limit
        while not self.answers():
            if any(each.poll() is not None for each in self.nodes):
                msg = f"vLLM has ended: see {self.log}"
                raise ServeError(msg)
            if time.monotonic() > end:
                msg = f"vLLM does not answer within {limit:.0f} s: see {self.log}"
                raise ServeError(msg)
            time.sleep(0.2)

    def answers(self) -> bool:
        """Whether it answers questions."""
        with suppress(OSError), socket.create_connection((_HERE, self.port), 5):
            return True
        return False

    def stop(self) -> None:
        """Ends all of its processes, whatever state they are in."""
        for each in self.nodes:
            _signal(each, signal.SIGTERM)
        end = time.monotonic() + _STOPS_S
        for each in self.nodes:
            with suppress(subprocess.TimeoutExpired):
                each.wait(max(0.0, end - time.monotonic()))
            # Workers outlive the process that started them, where that was killed.
            _signal(each, signal.SIGKILL)
            each.wait()
        self.nodes = []

    def processes(self) -> dict[int, str]:
        """All processes of it, by their numbers, as they name themselves."""
        groups = {each.pid for each in self.nodes}
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError, ValueError):
                number = int(entry.name)
                if os.getpgid(number) in groups:
                    text = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                    found[number] = text
        return found

    def workers(self) -> list[int]:
        """The processes that compute for others; with one process, the engine's own."""
        mark = "EngineCore" if self.layout == "one" else "Worker"
        return [number for number, text in self.processes().items() if mark in text]

    def commands(self) -> list[list[str]]:
        """What is run for it: a command for each node."""
        command = [str(python().with_name("vllm")), "serve", str(model(self.name))]
        command += ["--served-model-name", self.name, "--host", _HERE, "--port", str(self.port)]
        # Nothing is compiled, which would take longer than all that is asked of it here.
        command += ["--dtype", "float32", "--enforce-eager"]
        parallel = ["--tensor-parallel-size", "2", "--distributed-executor-backend", "mp"]
        meeting = ["--master-addr", _HERE, "--master-port", str(free_port()), "--nnodes", "2"]
        options = {
            "one": [[]],
            "workers": [parallel],
            "nodes": [
                [*parallel, *meeting, "--node-rank", "0"],
                [*parallel, *meeting, "--node-rank", "1", "--headless"],
            ],
        }
        return [[*command, *each, *self._more] for each in options[self.layout]]


@contextmanager
def serving(name: str = "tiny", layout: str = "one", *more: str) -> Iterator[Vllm]:
    """A server that answers; it ends with the block."""
    server = Vllm(name, layout, more=more)
    try:
        server.start()
        server.wait()
        yield server
    finally:
        server.stop()


def free_port() -> int:
    """A port on which nobody listens just now."""
    with socket.socket() as probe:
        probe.bind((_HERE, 0))
        return int(probe.getsockname()[1])


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return kept | {
        "PATH": f"{environment() / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
        "VLLM_CACHE_ROOT": str(folder() / "cache"),
        "VLLM_CPU_KVCACHE_SPACE": _CACHE_GB,
        # Threads that wait for each other spin, which costs more than a small model's arithmetic.
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "VLLM_HOST_IP": _HERE,
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
        "GLOO_SOCKET_IFNAME": "lo",
    }


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
