"""Takes single files out of the source package of the installed llama-cpp-python.

The wheel has llama.cpp's libraries, but neither its headers nor its vocabularies; the source
package of the same version has both. It is fetched once (77 MB) into ``.cache/bench``.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "bench"
MODELS = "vendor/llama.cpp/models"
HEADERS = ("vendor/llama.cpp/include", "vendor/llama.cpp/ggml/include")


def say(text: str) -> None:
    """Tells the user, on stderr, what takes its time."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def version() -> str:
    """The version of llama-cpp-python that is installed."""
    return metadata.version("llama-cpp-python")


def _archive() -> Path:
    name = f"llama_cpp_python-{version()}.tar.gz"
    archive = CACHE / name
    if not archive.is_file():
        say(f"fetching {name} (once, 77 MB)")
        CACHE.mkdir(parents=True, exist_ok=True)
        package = f"llama-cpp-python=={version()}"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--no-binary", ":all:", "--dest", str(CACHE), package]
        subprocess.run(command, check=True, stdout=sys.stderr)
    return archive


def extract(pattern: str) -> Path:
    """Extracts files of the package, unless they are there already.

    Args:
        pattern: A regular expression for whole paths inside the package.

    Returns:
        The folder in which they lie under their paths.
    """
    target = CACHE / f"llama_cpp_python-{version()}"
    mark = target / (re.sub(r"\W+", "-", pattern).strip("-") + ".done")
    if mark.is_file():
        return target
    with tarfile.open(_archive()) as archive:
        for member in archive:
            path = member.name.partition("/")[2]
            if member.isfile() and re.fullmatch(pattern, path):
                data = archive.extractfile(member)
                assert data is not None
                file = target / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data.read())
    mark.touch()
    return target


def headers() -> list[Path]:
    """The folders of llama.h and ggml.h."""
    target = extract(r"vendor/llama\.cpp/(ggml/)?include/[^/]*\.h")
    return [target / folder for folder in HEADERS]


def libraries() -> Path:
    """The folder of libllama in the installed package."""
    import importlib.util

    found = importlib.util.find_spec("llama_cpp")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "lib"
