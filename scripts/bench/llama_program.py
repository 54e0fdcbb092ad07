"""Builds a program of llama.cpp from the source package of the installed llama-cpp-python, once.

    python scripts/bench/llama_program.py llama-server      # prints where it lies
    python scripts/bench/llama_program.py llama-completion

llama-server is what `scripts/bench_remote --server llama-server` and the long tests of the remote
engine talk to; llama-completion is what `scripts/bench_start` compares r1chat with. The latter is
compiled for this machine, as llama-cpp-python is, so that both compute with the same kernels.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from llama_source import CACHE, extract, say, version

SERVER, COMPLETION = "llama-server", "llama-completion"
_OFF = (
    "BUILD_SHARED_LIBS",
    "LLAMA_BUILD_APP",
    "LLAMA_BUILD_EXAMPLES",
    "LLAMA_BUILD_TESTS",
    "LLAMA_BUILD_UI",
    "LLAMA_CURL",
    "LLAMA_OPENSSL",
    "LLAMA_USE_PREBUILT_UI",
)


def built(name: str) -> Path:
    """Where a program lies, or will."""
    return CACHE / f"{name}-{version()}" / "bin" / name


def build(name: str) -> Path:
    """Builds a program, unless it is there already; that takes some minutes of processor time."""
    program = built(name)
    if program.is_file():
        return program
    source = extract(r"vendor/llama\.cpp/.*") / "vendor" / "llama.cpp"
    folder = program.parent.parent
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "build.log"
    say(f"building {name} (once, some minutes); the log is {log}")
    jobs = os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL", str(os.cpu_count() or 1))
    # A server that is built here may be kept for another machine.
    native = "ON" if name == COMPLETION else "OFF"
    choices = ["-DCMAKE_BUILD_TYPE=Release", f"-DGGML_NATIVE={native}"]
    choices += [f"-D{each}=OFF" for each in _OFF]
    steps = (
        ["cmake", "-S", source, "-B", folder, *choices],
        ["cmake", "--build", folder, "--target", name, "--parallel", jobs],
    )
    with log.open("w") as out:
        for step in steps:
            subprocess.run(step, check=True, stdout=out, stderr=out)
    return program


if __name__ == "__main__":
    print(build(sys.argv[1]))
