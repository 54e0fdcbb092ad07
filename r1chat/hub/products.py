"""Benchmarks the installed llama.cpp's matrix products, in bytes of weights a second.

To write a token is to multiply all the weights with one vector, so a product of that shape, by the
engine's own code and with as many threads as it takes, says what to expect. It runs in a child
process, because that code may be made for another processor and end in an illegal instruction.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from r1chat import paths
from r1chat.resources import available_memory

_Q4_K, _F32 = 12, 0
"""ggml's numbers for the types of the weights, those of most models that people run, and of the
vector."""
_COLUMNS, _ROWS = 2048, 5000
_WEIGHTS = _COLUMNS * _ROWS // 256 * 144
"""Bytes of a matrix; its product takes less than a millisecond, so that few meet a switch to
another process."""
_MATRICES = 32
"""Together they are larger than most caches: each is read from memory."""
_ROUNDS = 3
_ROOM = 1 << 20
"""For the graph of a matrix, and for what a thread puts down while it multiplies."""
_SHARE = 1 / 8
"""Of the free memory that the measurement may take."""
_FEWEST = 4
_QUIET = 4
"""The fastest quarter of the products: others may have the processor during the rest."""
_FILL = 0x2A
_TIMEOUT_S = 60
_SUFFIXES = {"nt": ".dll", "posix": ".dylib" if sys.platform == "darwin" else ".so"}


def library(name: str) -> Path | None:
    """A library of the installed llama.cpp, which is not loaded for it.

    Args:
        name: "ggml-base" or "ggml-cpu".
    """
    given = paths.library_folder()
    found = None if given else importlib.util.find_spec("llama_cpp")
    packages = (found.submodule_search_locations if found else None) or ()
    for place in [given] if given else [Path(package, "lib") for package in packages]:
        for prefix in ("lib", ""):
            file = place / f"{prefix}{name}{_SUFFIXES.get(os.name, '.so')}"
            if file.is_file():
                return file
    return None


def measured(threads: int) -> float | None:
    """Measures it, in about 0.3 s.

    Args:
        threads: How many multiply together.

    Returns:
        Bytes of weights a second; None where it cannot be measured.
    """
    if library("ggml-cpu") is None:
        return None
    command = [sys.executable, "-m", "r1chat.hub.products", str(threads)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=True,
            # `-m` puts the working directory first on the path; nobody's own json.py may get in.
            cwd=paths.package().parent,
            # A pool of threads that spins while it waits would slow the rest of the machine down.
            env={"GOMP_SPINCOUNT": "1000", **os.environ},
        )
        rate = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return rate if isinstance(rate, float) and rate > 0 else None


class _Params(ctypes.Structure):
    _fields_ = (
        ("mem_size", ctypes.c_size_t),
        ("mem_buffer", ctypes.c_void_p),
        ("no_alloc", ctypes.c_bool),
    )


def _functions() -> tuple[Any, Any]:
    """Ggml's libraries, the functions that are needed declared."""
    files = [library("ggml-base"), library("ggml-cpu")]
    base, cpu = (ctypes.CDLL(str(file), mode=ctypes.RTLD_GLOBAL) for file in files)
    pointer = ctypes.c_void_p
    signatures: tuple[tuple[Any, Any, Any], ...] = (
        (base.ggml_init, pointer, (_Params,)),
        (base.ggml_reset, None, (pointer,)),
        (base.ggml_new_tensor_2d, pointer, (pointer, ctypes.c_int, *[ctypes.c_int64] * 2)),
        (base.ggml_mul_mat, pointer, (pointer,) * 3),
        (base.ggml_new_graph, pointer, (pointer,)),
        (base.ggml_build_forward_expand, None, (pointer, pointer)),
        (base.ggml_get_data, pointer, (pointer,)),
        (base.ggml_nbytes, ctypes.c_size_t, (pointer,)),
        (cpu.ggml_graph_compute_with_ctx, ctypes.c_int, (pointer, pointer, ctypes.c_int)),
    )
    for function, result, arguments in signatures:
        function.restype = result
        function.argtypes = arguments
    return base, cpu


def _rate(threads: int, matrices: int) -> float:
    """Multiplies, and returns the bytes of weights that a second is enough for."""
    base, cpu = _functions()
    room = _Params(matrices * (_WEIGHTS + _ROOM), None, False)  # noqa: FBT003  (a native signature)
    context = base.ggml_init(room)
    desk = base.ggml_init(_Params((threads + 1) * _ROOM, None, False))  # noqa: FBT003  (as above)
    vector = base.ggml_new_tensor_2d(context, _F32, _COLUMNS, 1)
    values = (ctypes.c_float * _COLUMNS).from_address(base.ggml_get_data(vector))
    values[:] = [each % 7 - 3.0 for each in range(_COLUMNS)]
    graphs = []
    for _ in range(matrices):
        matrix = base.ggml_new_tensor_2d(context, _Q4_K, _COLUMNS, _ROWS)
        # Memory that was never written is one and the same page of zeros.
        ctypes.memset(base.ggml_get_data(matrix), _FILL, base.ggml_nbytes(matrix))
        graph = base.ggml_new_graph(context)
        base.ggml_build_forward_expand(graph, base.ggml_mul_mat(context, matrix, vector))
        graphs.append(graph)
    times = []
    for graph in graphs * _ROUNDS:
        base.ggml_reset(desk)
        began = time.perf_counter()
        cpu.ggml_graph_compute_with_ctx(desk, graph, threads)
        times.append(time.perf_counter() - began)
    # The first products find no threads yet.
    return _WEIGHTS / sorted(times)[len(times) // _QUIET]


def main(arguments: Sequence[str]) -> int:
    """Prints the rate for a number of threads."""
    free = available_memory()
    matrices = _MATRICES
    if free is not None:
        matrices = min(matrices, int(free * _SHARE) // (_WEIGHTS + _ROOM))
    if matrices < _FEWEST:
        return 1
    sys.stdout.write(json.dumps(_rate(int(arguments[0]), matrices)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
