"""What a saved state depends on: the model's file, how its context is made, the build of llama.cpp.

Nothing here reads a model's whole file, which takes seconds. Any change to a file changes the
time of its last change, which no program can set back; samples of what is in it come on top, for
systems that know no such time.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from r1chat.engine.context import Context
from r1chat.engine.native import api
from r1chat.gguf import Header

_SAMPLES = 64
_SAMPLE = 4096


def state_key(header: Header, context: Context) -> str:
    """A digest of all that must be the same for a state to fit.

    Args:
        header: The model's.
        context: Its context.

    Raises:
        OSError: If the model's file is not there any more.
    """
    original = header.integer(f"{header.arch}.rope.scaling.original_context_length")
    parts = [
        [_file(shard) for shard in header.shards],
        context.kind,
        # Beyond the context that they were first made for, some models turn positions otherwise.
        original is not None and context.cache.cells > original,
        _build(),
    ]
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=32).hexdigest()


def _file(path: Path) -> list[object]:
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        sampled = hashlib.blake2b(digest_size=32)
        last = max(0, status.st_size - _SAMPLE)
        for number in range(_SAMPLES + 1):
            file.seek(last * number // _SAMPLES)
            sampled.update(file.read(_SAMPLE))
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, sampled.hexdigest()]


def _build() -> list[Any]:
    """The files of llama.cpp's libraries."""
    library: Any = getattr(api, "_lib", None)
    folder = Path(getattr(library, "_name", None) or api.__file__).parent
    files = sorted(each for each in folder.iterdir() if each.is_file())
    return [
        api.LLAMA_STATE_SEQ_VERSION,
        [(each.name, each.stat().st_size, each.stat().st_mtime_ns) for each in files],
    ]
