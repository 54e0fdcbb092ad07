"""Prints the capabilities of the llama.cpp build as one JSON object on stdout.

`r1chat doctor` runs this in a child process: a build for another processor or without one of its
libraries ends the whole process, and whoever imports it here.
"""

from __future__ import annotations

import ctypes
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any


def _ggml(name: str, folder: Path) -> str | None:
    """What one of ggml's functions without arguments says; None where it has no such function."""
    for pattern in ("libggml-base.so", "libggml-base.dylib", "ggml-base.dll"):
        file = folder / pattern
        if file.is_file():
            function = getattr(ctypes.CDLL(str(file)), name, None)
            if function is None:
                return None
            function.restype = ctypes.c_char_p
            text = function()
            return text.decode("utf-8", "replace") if text else None
    return None


def about() -> dict[str, Any]:
    """What the build is.

    Raises:
        EngineError: If it cannot be used.
    """
    began = time.perf_counter()
    from r1chat.engine import native

    native.start()
    api = native.api
    from r1chat.engine.devices import backends, devices

    library = Path(api._base_path)  # noqa: SLF001  (no function of the bindings tells)
    return {
        "seconds": time.perf_counter() - began,
        "features": api.llama_print_system_info().decode("utf-8", "replace"),
        "gpu_offload": bool(backends() or api.llama_supports_gpu_offload()),
        "gpus": [asdict(device) for device in devices()],
        "ggml_version": _ggml("ggml_version", library),
        "ggml_commit": _ggml("ggml_commit", library),
        "folder": str(library),
    }


def main() -> int:
    """Prints it; 1 with a line on stderr where it cannot be used."""
    from r1chat.errors import EngineError

    try:
        print(json.dumps(about()))  # noqa: T201  (the parent process reads it)
    except EngineError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
