"""Builds llama-server from the source package of the installed llama-cpp-python, once.

Prints where it lies. It is what `scripts/bench_remote --server llama-server` and the long tests of
the remote engine talk to.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from llama_source import CACHE, extract, say, version

_OFF = (
    "BUILD_SHARED_LIBS",
    "GGML_NATIVE",  # what is built here may be kept for another machine
    "LLAMA_BUILD_APP",
    "LLAMA_BUILD_EXAMPLES",
    "LLAMA_BUILD_TESTS",
    "LLAMA_BUILD_UI",
    "LLAMA_CURL",
    "LLAMA_OPENSSL",
    "LLAMA_USE_PREBUILT_UI",
)


def built() -> Path:
    """Where the program lies, or will."""
    return CACHE / f"llama-server-{version()}" / "bin" / "llama-server"


def build() -> Path:
    """Builds it, unless it is there already; that takes some minutes of processor time."""
    program = built()
    if program.is_file():
        return program
    source = extract(r"vendor/llama\.cpp/.*") / "vendor" / "llama.cpp"
    folder = program.parent.parent
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "build.log"
    say(f"building llama-server (once, some minutes); the log is {log}")
    jobs = os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL", str(os.cpu_count() or 1))
    steps = (
        ["cmake", "-S", source, "-B", folder, "-DCMAKE_BUILD_TYPE=Release"]
        + [f"-D{name}=OFF" for name in _OFF],
        ["cmake", "--build", folder, "--target", "llama-server", "--parallel", jobs],
    )
    with log.open("w") as out:
        for step in steps:
            subprocess.run(step, check=True, stdout=out, stderr=out)
    return program


if __name__ == "__main__":
    print(build())
