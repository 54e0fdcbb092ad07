"""What lists show of each model, read from its header and cached.

A header is read in some 30 ms, most of them for the vocabulary that has to be skipped: too long
for a list of fifty.
"""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

from r1chat import paths
from r1chat.errors import ModelError
from r1chat.gguf import Array, Header
from r1chat.gguf.needs import Shape
from r1chat.prompt import kind_of
from r1chat.prompt.framing import ASSISTANT, CHATML_START, USER
from r1chat.prompt.switches import hinted
from r1chat.reasoning.formats import known, pieces_of
from r1chat.sanitize import line
from r1chat.user_files import small_text

Stamp: TypeAlias = tuple[tuple[int, ...], ...]

LONGEST_NAME = 80
MOST = 1 << 50
"""No honest figure of a model is greater."""
_FORMAT = 3
"""To be counted up whenever a fact's meaning changes."""
_MOST_CONTEXT = 1 << 31


@dataclass(frozen=True, slots=True)
class Facts:
    """About one model, its texts fit to be shown."""

    name: str
    arch: str
    quant: str
    size: int
    """Bytes of all its files."""
    context: int
    """Tokens it was made for; 0 if it does not say."""
    thinks: bool
    shape: Shape | None
    """What its need of memory depends on; None if it does not say, or nonsense."""


def facts_of(header: Header) -> Facts:
    """What a header says."""
    context = header.context_trained
    return Facts(
        name=shown(header.name, LONGEST_NAME) or shown(header.path.stem, LONGEST_NAME),
        arch=shown(header.arch, 40),
        quant=header.quant,
        size=header.size,
        context=context if 0 < context < _MOST_CONTEXT else 0,
        thinks=kind_of(markers(header), hinted(header.chat_template, header.name), known()).thinks,
        shape=shape_of(header),
    )


def _names() -> tuple[str, ...]:
    """The markers that tell how a model is spoken to."""
    pieces = (piece for each in known() for piece in pieces_of(each.opens[0]))
    return tuple(dict.fromkeys((USER, ASSISTANT, CHATML_START, *pieces)))


def shape_of(header: Header) -> Shape | None:
    """What a model's need of memory depends on; None if the header says nonsense."""
    try:
        shape = Shape.of(header)
    except (ModelError, OSError):
        return None
    numbers = [number for number in asdict(shape).values() if number is not None]
    return shape if all(0 <= number < MOST for number in numbers) and shape.layers else None


def shown(text: str, most: int) -> str:
    """A text from a file as it may be shown; one of megabytes is cut before it is cleaned."""
    return line(text[: 8 * most], most)


def markers(header: Header) -> Callable[[str], bool]:
    """Whether a model's vocabulary has a marker, as a function.

    Where the vocabulary is out of reach, as that of a file that is still on the Hub, what the
    template mentions counts.
    """
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    if not isinstance(tokens, Array):
        return lambda _: False
    if tokens.size:
        with contextlib.suppress(OSError):
            names = _names()
            found = dict(zip(names, tokens.holds(*names), strict=True))
            return lambda marker: found.get(marker, False)
    template = header.chat_template or ""
    return lambda marker: marker in template


def stamp_of(files: list[Path]) -> Stamp | None:
    """What tells a model's files from what they were before; None if one cannot be seen."""
    try:
        infos = [os.stat(file) for file in files]  # noqa: PTH116  (hundreds of files)
    except (OSError, ValueError):
        return None
    return tuple((info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns) for info in infos)


class Memory:
    """Facts about files that were read before, in a file of the cache.

    A damaged one is as good as none, and so is one that cannot be written.
    """

    def __init__(self) -> None:
        self._path = paths.cache_dir() / "local_models.json"
        self._known = _read(self._path)
        self._used: dict[str, tuple[Stamp, Facts]] = {}

    def recall(self, path: Path, stamp: Stamp) -> Facts | None:
        """The facts about a file that has not changed since."""
        known = self._known.get(str(path))
        if known is None or known[0] != stamp:
            return None
        self._used[str(path)] = known
        return known[1]

    def keep(self, path: Path, stamp: Stamp, facts: Facts) -> None:
        """Remembers the facts about a file."""
        self._used[str(path)] = (stamp, facts)

    def save(self) -> None:
        """Writes down what was kept or recalled; the rest, files that are gone, is forgotten."""
        if self._used == self._known:
            return
        models = {
            path: {"stamp": stamp, "facts": asdict(facts)}
            for path, (stamp, facts) in self._used.items()
        }
        paths.remember(self._path, json.dumps({"format": _format(), "models": models}))


def _format() -> str:
    """What the facts depend on: the formats of thoughts that are known, too."""
    return f"{_FORMAT}-{zlib.crc32(repr(known()).encode()):x}"


def _read(path: Path) -> dict[str, tuple[Stamp, Facts]]:
    try:
        content = json.loads(small_text(path) or "{}")
        if content.get("format") != _format():
            return {}
        return {
            str(path): (_stamp(model["stamp"]), _facts(model["facts"]))
            for path, model in content["models"].items()
        }
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def _stamp(values: object) -> Stamp:
    if not isinstance(values, list) or not all(isinstance(value, list) for value in values):
        raise TypeError
    return tuple(tuple(int(number) for number in value) for value in values)


def _facts(values: dict[str, Any]) -> Facts:
    shape = values.pop("shape")
    if shape is not None:
        shape = Shape(**shape)
        if not all(value is None or type(value) is int for value in asdict(shape).values()):
            raise TypeError
    facts = Facts(**values, shape=shape)
    texts, numbers = (facts.name, facts.arch, facts.quant), (facts.size, facts.context)
    if any(not isinstance(text, str) or text != line(text) for text in texts):
        raise TypeError
    if any(type(number) is not int or number < 0 for number in numbers):
        raise TypeError
    if not isinstance(facts.thinks, bool):
        raise TypeError
    return facts
