"""Makes the grammar of a shape, and has a child process try it, which may crash in its place.

llama.cpp ends the whole process on some grammars: those that are nested very deeply, that take all
memory, or that can be read in ever more ways the longer a text becomes. So each is parsed, and
followed for some hundred tokens, where that hurts nobody.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import threading
from functools import lru_cache
from pathlib import Path

from r1chat import paths
from r1chat.errors import EngineError, R1ChatError, UsageError
from r1chat.sanitize import line
from r1chat.shapes import Shape, leaves, schema

_WALL_S = 60
_CPU_S = 6
_MEMORY = 1 << 30
_STACK = 512 * 1024
"""Bytes of the child's stack: no system gives the engine's thread fewer."""
_STEPS = 150
_WALKS = 3
_LARGEST = 1 << 20
_PARSING = re.compile(r"error parsing grammar: (?P<why>[^\n]*)")
_PLACE = re.compile(r" at (?P<rest>.*)")
_SHOWN = 60
_RECURSION = "a rule begins with itself (left recursion)"
_BAD, _NO_LIBRARY = 1, 3
"""Exit codes of the child; any other means that it crashed."""


@lru_cache(maxsize=16)
def gbnf(shape: Shape) -> str:
    """The grammar of a shape, in GBNF that llama.cpp can use.

    Raises:
        UsageError: If it cannot; the message is one line.
        EngineError: If no process could be started to find out.
    """
    job = {"core": schema.core(shape.text)} if shape.kind == "json" else {"grammar": shape.text}
    data = json.dumps(job).encode("utf-8", "surrogatepass")
    if len(data) > _LARGEST:
        message = "the shape of the answer is too large to be used"
        raise UsageError(message)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "r1chat.engine.grammars"],
            input=data,
            capture_output=True,
            timeout=_WALL_S,
            check=False,
            # `-m` puts the working directory first on the path; nobody's own json.py may get in.
            cwd=paths.package().parent,
        )
    except subprocess.TimeoutExpired:
        message = _unusable(shape, "llama.cpp takes too long over it")
        raise UsageError(message) from None
    except OSError as error:
        message = f"no process could be started to try the grammar ({error.strerror})"
        raise EngineError(message) from None
    if done.returncode == 0:
        return done.stdout.decode()
    said = done.stderr.decode("utf-8", "replace")
    if done.returncode == _NO_LIBRARY:
        raise EngineError(line(said))
    raise UsageError(_reason(shape, said, done.returncode))


def _unusable(shape: Shape, why: str) -> str:
    what = "the schema" if shape.kind == "json" else "the grammar"
    return f"{what} cannot be used: {why}"


def _reason(shape: Shape, said: str, code: int) -> str:
    """Why the child has failed, in one line."""
    parsing = _PARSING.search(said)
    if parsing is not None:
        return _unusable(shape, _located(shape, parsing["why"]))
    last = said.strip().splitlines()[-1:]
    if shape.kind == "json" and _RECURSION in said:
        return _unusable(shape, "it refers to itself without end")
    if code == _BAD and last:
        return _unusable(shape, line(last[0]))
    return _unusable(
        shape,
        "llama.cpp fails on it; it is too large, nested too deeply, or too ambiguous",
    )


def _located(shape: Shape, why: str) -> str:
    """What the parser says, with the line in place of all that stands behind it."""
    place = _PLACE.search(why)
    if place is None:
        return line(why)
    rest, words = place["rest"], line(why[: place.start()])
    if shape.kind == "json" or not rest.strip():
        return f"{words} at its end" if shape.kind == "grammar" else words
    rows = shape.text.splitlines()
    number = next((at for at, row in enumerate(rows, 1) if row.endswith(rest)), None)
    where = "" if number is None else f" in line {number}"
    return f"{words}{where}, at {line(rest, _SHOWN)}"


# -- in the child --


def _limit() -> None:
    if sys.platform == "win32":  # The parent's clock alone ends it.
        return
    import resource

    in_use = 1 << 30
    with contextlib.suppress(OSError), Path("/proc/self/statm").open() as statm:
        in_use = int(statm.read().split()[0]) * resource.getpagesize()
    for what, limit in (
        (resource.RLIMIT_CPU, _CPU_S),
        (resource.RLIMIT_AS, in_use + _MEMORY),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # macOS knows some of them by name only
            resource.setrlimit(what, (limit, limit))


def _try(grammar: str) -> None:
    """Parses a grammar and follows it for some tokens of the built-in model.

    Raises:
        R1ChatError: If it is no good.
    """
    import ctypes
    import os
    import random

    from r1chat.engine import native
    from r1chat.engine.base import Sampling
    from r1chat.engine.constraint import Constraint
    from r1chat.engine.parts import NOTHING
    from r1chat.engine.samplers import make_sampler
    from r1chat.engine.vocab import LlamaVocabulary
    from r1chat.models import FILE

    native.start()
    api = native.api
    params = api.llama_model_default_params()
    params.vocab_only = True
    vocabulary = LlamaVocabulary(api.llama_model_load_from_file(os.fsencode(FILE), params))
    native.forget_errors()
    for seed in range(_WALKS):
        draw = random.Random(seed)  # noqa: S311  (no secret)
        try:
            constraint = Constraint(vocabulary, grammar)
        except UsageError:
            raise UsageError(_said(native.last_errors())) from None
        chain = make_sampler(Sampling(temperature=1, top_k=0, top_p=1), seed)
        row = (ctypes.c_float * vocabulary.size)(*(draw.random() for _ in range(vocabulary.size)))
        for _ in range(_STEPS):
            token = constraint.redraw(chain, row)
            if token == NOTHING or constraint.is_end(token):
                break
            constraint.accept(token)
            # What repeats itself is what can be read in many ways.
            row[token] += 4 * seed
    native.forget_errors()


def _said(errors: list[str]) -> str:
    for text in errors:
        if "left recursion" in text:
            return _RECURSION
        if "does not contain" in text:
            return "it has no rule root"
    return line(errors[0]) if errors else "llama.cpp does not take it"


def main() -> int:
    """Reads a job from stdin, and writes a grammar that is good to stdout."""
    job = json.loads(sys.stdin.buffer.read())
    try:
        from r1chat.engine import native
    except EngineError as error:
        sys.stderr.write(f"{error}\n")
        return _NO_LIBRARY
    failures: list[BaseException] = []

    def work() -> None:
        try:
            grammar = job.get("grammar")
            if grammar is None:
                grammar = native.gbnf_of(job["core"], leaves.HELPERS)
            _limit()
            _try(grammar)
            sys.stdout.buffer.write(grammar.encode())
        except BaseException as failure:  # noqa: BLE001  (said below)
            failures.append(failure)

    threading.stack_size(_STACK)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if not failures:
        return 0
    known = isinstance(failures[0], R1ChatError)
    sys.stderr.write(f"{failures[0] if known else type(failures[0]).__name__}\n")
    return _BAD if known else 2


if __name__ == "__main__":
    sys.exit(main())
