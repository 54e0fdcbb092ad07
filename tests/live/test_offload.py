"""Layers on GPUs that are processes of this machine, by llama.cpp's RPC backend."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
import sys
import time

import pytest

from r1chat.gguf.layers import _bounds, _spans
from tests.live import rpc
from tests.ports import free_port

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits memory by /proc"),
    pytest.mark.skipif(shutil.which("g++") is None, reason="compiles the backend"),
    pytest.mark.timeout(600),
]
PLENTY = 0


@pytest.fixture(scope="module")
def backend():
    try:
        return str(rpc.library())
    except subprocess.CalledProcessError as error:
        pytest.skip(f"the backend cannot be had: {error}")


@pytest.fixture
def gpu(backend):
    """Starts devices with so much memory each; returns their ports."""
    with contextlib.ExitStack() as stack:

        def start(*rooms):
            ports = [free_port() for _ in rooms]
            for port, room in zip(ports, rooms, strict=True):
                command = [sys.executable, "-m", "tests.live.rpc", "serve", backend, str(port)]
                process = subprocess.Popen(
                    [*command, str(room)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
                stack.callback(process.wait)
                stack.callback(process.kill)
            for port in ports:
                wait_for(port)
            return ports

        yield start


def wait_for(port):
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    pytest.fail("the device never came")


def ask(backend, ports, layers, split=""):
    where = ",".join(map(str, ports))
    command = [sys.executable, "-m", "tests.live.rpc", "ask", backend, where, str(layers), split]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("layers", "on_gpu"), [(0, 0), (1, 1), (3, 3), ("all", 6), (-1, 6), ("auto", 6), (99, 6)]
)
def test_as_many_layers_are_on_the_gpu_as_are_said_to_be(backend, gpu, layers, on_gpu):
    said = ask(backend, gpu(PLENTY), layers)
    assert (said["layers"], said["of"], said["notices"]) == (on_gpu, 6, [])
    assert said["final"] == "110"


def test_several_gpus_share_a_model_and_think_the_same(backend, gpu):
    ports = gpu(PLENTY, PLENTY)
    said = [ask(backend, ports, "all", split) for split in ("", "3,1", "0,1", "1")]
    assert [each["devices"] for each in said] == 4 * [["RPC0", "RPC1"]]
    assert [(each["layers"], each["final"]) for each in said] == 4 * [(6, "110")]


def test_a_split_for_more_gpus_than_there_are_is_refused(backend, gpu):
    said = ask(backend, gpu(PLENTY), "all", "1,1")
    assert said["error"] == "--tensor-split has 2 parts, but there is 1 GPU (RPC0)"


@pytest.mark.parametrize("room", [6, 9, 12, 16], ids=lambda mib: f"{mib} MiB")
def test_a_gpu_that_is_too_small_gets_fewer_layers_and_the_model_answers(backend, gpu, room):
    said = ask(backend, gpu(room << 20), "all")
    assert said["layers"] < said["of"] == 6
    (notice,) = said["notices"]
    assert notice.startswith("the GPU's memory was too small for 6 layers: ")
    assert said["final"] == "110"


def test_layers_go_where_the_arithmetic_says(backend, gpu):
    """In a process of its own: devices stay known as long as a process runs."""
    ports = gpu(PLENTY, PLENTY)
    code = f"""
import json, logging, re
from pathlib import Path
import r1chat
from r1chat.engine import loading
from tests.live import rpc
from tests.ports import free_port
rpc.attach({backend!r}, {ports!r})
said = []
class Keep(logging.Handler):
    def emit(self, record):
        said.append(record.getMessage())
log = logging.getLogger("r1chat.llama")
log.addHandler(Keep()); log.setLevel(logging.DEBUG)
tiny = Path(r1chat.__file__).parent / "models" / "tiny.gguf"
found = []
for split in ((1, 1), (3, 1), (1, 3), (0, 1), (1, 0), (2, 5), (1, 9), (7, 3)):
    for count in range(7):
        said.clear()
        loading.free_model(loading.open_model(tiny, gpu_layers=count, tensor_split=split))
        found.append((split, count, said[:]))
print(json.dumps(found))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) == 56
    for split, count, said in found:
        pattern = r"layer +(\d+) assigned to device (\w+)"
        places = [(int(m[1]), m[2]) for text in said if (m := re.search(pattern, text))]
        wanted = (6 - count) * ["CPU"]
        for index, (first, last) in enumerate(_spans(_bounds(split), count)):
            wanted += (last - first) * [f"RPC{index}"]
        assert [place for _, place in sorted(places)] == wanted, (split, count)
