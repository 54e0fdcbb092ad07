"""GPUs for tests: llama.cpp's RPC backend, which makes a device of another process's memory.

To llama.cpp such a device is a GPU: layers, cache and buffers are put there as on a card, with a
tensor split among several, and what does not fit there fails to be allocated. The backend is no
part of the wheel; its source is in llama-cpp-python's source package.

As a program: ``serve LIBRARY PORT BYTES`` is a device with so many bytes of memory, 0 for no limit;
``ask LIBRARY PORTS LAYERS SPLIT`` loads the built-in model onto some and answers, as JSON.
"""

from __future__ import annotations

import ctypes
import json
import resource
import subprocess
import sys
from importlib import import_module
from pathlib import Path

from r1chat.engine import native
from r1chat.engine.devices import _function, devices

ROOT = Path(__file__).parent.parent.parent
QUESTION = "What is 44 + 41 + 25?"


def library():
    """Builds the backend, once; returns its file."""
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        source = import_module("bench.llama_source")
    finally:
        sys.path.pop(0)
    built = source.CACHE / f"libggml-rpc-{source.version()}.so"
    if not built.is_file():
        files = r"vendor/llama\.cpp/ggml/(include/.*\.h|src/[^/]*\.h|src/ggml-rpc/.*)"
        ggml = source.extract(files) / "vendor/llama.cpp/ggml"
        options = "-std=c++17 -O1 -fPIC -shared -DGGML_BACKEND_SHARED -DGGML_BACKEND_BUILD"
        folders = [f"-I{ggml / name}" for name in ("include", "src", "src/ggml-rpc")]
        sources = [ggml / "src/ggml-rpc" / name for name in ("ggml-rpc.cpp", "transport.cpp")]
        place = source.libraries()
        link = [f"-L{place}", f"-Wl,-rpath,{place}", "-lggml-base", "-lggml", "-lpthread"]
        command = ["g++", *options.split(), "-DGGML_SHARED", *folders, *sources, *link]
        fresh = built.with_suffix(".new")
        subprocess.run([*command, "-o", fresh], check=True)
        fresh.replace(built)
    return built


def serve(file, port, room):
    """Is a device, until it is killed."""
    native.start()
    backend = ctypes.CDLL(file)
    cpu = _function("ggml_backend_dev_get", ctypes.c_void_p, ctypes.c_size_t)(0)
    if room:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + room
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    start = backend.ggml_backend_rpc_start_server
    start.argtypes = [ctypes.c_char_p, ctypes.c_char_p, *[ctypes.c_size_t] * 2, ctypes.c_void_p]
    start(f"127.0.0.1:{port}".encode(), None, 1, 1, (ctypes.c_void_p * 1)(cpu))


def attach(file, ports):
    """Makes devices known to this process's llama.cpp."""
    native.start()
    add = ctypes.CDLL(file).ggml_backend_rpc_add_server
    add.restype, add.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
    register = _function("ggml_backend_register", None, ctypes.c_void_p)
    for port in ports:
        register(add(f"127.0.0.1:{port}".encode()))


def ask(file, ports, layers, split):
    """Loads the built-in model as told and has it answer."""
    import r1chat
    from r1chat.engine.base import Sampling
    from r1chat.errors import R1ChatError
    from r1chat.events import Notice, Reply

    attach(file, ports)
    said = {"devices": [device.name for device in devices()], "notices": []}
    try:
        engine = r1chat.load("tiny", ctx=512, gpu_layers=layers, tensor_split=split)
    except R1ChatError as error:
        return said | {"error": str(error)}
    for event in r1chat.Session(engine).ask(QUESTION, sampling=Sampling(temperature=0)):
        if isinstance(event, Notice):
            said["notices"].append(event.text)
        if isinstance(event, Reply):
            said |= {"final": event.final, "thought": event.thought}
    said |= {"layers": engine.info.gpu_layers, "of": engine.info.layers}
    engine.close()
    return said


def main():
    what, file, ports, *more = sys.argv[1:]
    if what == "serve":
        serve(file, int(ports), int(more[0]))
    else:
        layers, split = more
        count = int(layers) if layers.lstrip("-").isdigit() else layers
        said = ask(file, ports.split(","), count, split or None)
        sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
