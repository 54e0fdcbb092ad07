"""Compares answers with math-verify: run by `r1chat.checking.mathematics`, never imported.

Reads lines of JSON from stdin, writes one for each to stdout. What it computes was written by a
model: ``9^{9^{9^9}}`` keeps sympy busy for ever. It therefore sets its own limits, for each answer
again, and dies by them.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import Any

_MOST_NESTED = 3000


def _limit_memory(memory: int) -> None:
    if sys.platform == "win32":  # The parent's clock alone ends it.
        return
    import resource

    in_use = 1 << 29
    with contextlib.suppress(OSError), Path("/proc/self/statm").open() as statm:
        in_use = int(statm.read().split()[0]) * resource.getpagesize()
    for what, limit in ((resource.RLIMIT_AS, in_use + memory), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):  # macOS knows some of them by name only
            resource.setrlimit(what, (limit, limit))


def _limit_time(cpu_seconds: int) -> None:
    """Lets the system end this process when it has used up so much more processor time.

    The parent ends it as well, but may itself be gone by then.
    """
    if sys.platform == "win32":
        return
    import resource

    usage = resource.getrusage(resource.RUSAGE_SELF)
    until = int(usage.ru_utime + usage.ru_stime) + 1 + cpu_seconds
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (until, hard))


def _same(one: str, other: str) -> bool:
    from math_verify import parse, verify

    def read(text: str) -> list[Any]:
        found: list[Any] = parse(f"\\boxed{{{text}}}", parsing_timeout=None)
        return found

    first, second = read(one), read(other)
    if not first or not second:
        return False
    # It is not symmetric: it takes the first for the reference.
    return any(verify(a, b, timeout_seconds=None) for a, b in ((first, second), (second, first)))


def _answer(job: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"same": bool(_same(job["one"], job["other"]))}
    except Exception as error:  # noqa: BLE001  (whatever sympy raises at what a model wrote)
        return {"error": type(error).__name__}


def main() -> None:
    """Answers jobs until stdin ends."""
    # What libraries print must not get among the answers.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    logging.disable()
    warnings.simplefilter("ignore")
    setup = json.loads(sys.stdin.readline())
    sys.path += setup["path"]
    sys.setrecursionlimit(_MOST_NESTED)
    # Some of what it needs is imported at the first comparison only.
    _same("x+1", "1+x")
    _limit_memory(setup["memory"])
    print(json.dumps({"ready": True}), file=out, flush=True)
    for line in sys.stdin:
        _limit_time(setup["cpu_seconds"])
        print(json.dumps(_answer(json.loads(line))), file=out, flush=True)


if __name__ == "__main__":
    main()
