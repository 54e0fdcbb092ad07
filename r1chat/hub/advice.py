"""Finds what a model's maker advises on sampling: in its file, or on its card in the catalogue."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from r1chat.events import SamplingFrom
    from r1chat.gguf import Header

_KEYS = {
    "temperature": ("general.sampling.temp", 0.0, 2.0),
    "top_p": ("general.sampling.top_p", 0.0, 1.0),
    "top_k": ("general.sampling.top_k", 0, 1 << 20),
    "min_p": ("general.sampling.min_p", 0.0, 1.0),
}
"""As newer converters write them, with the least and the most that makes sense."""
_OFF = -1
"""What some write for no top-k."""
_CACHED = re.compile(r"models--([^/]+?)--([^/]+)")
_ADDRESS = re.compile(r"huggingface\.co/([^/\s]+/[^/\s]+)")


@dataclass(frozen=True, slots=True)
class Advice:
    """What a model's maker advises on sampling."""

    source: SamplingFrom | None = None
    """Where it says so; None where it does not."""
    values: Mapping[str, float] = field(default_factory=dict, hash=False)
    """By the names of settings."""

    def __str__(self) -> str:
        """In words, e.g. "temperature 0.6, top_k 20 (its card)"; empty where there is none."""
        said = ", ".join(f"{name} {value:g}" for name, value in self.values.items())
        return f"{said} ({'the file' if self.source == 'file' else 'its card'})" if said else ""


def advice_for(header: Header) -> Advice:
    """The advice on a model; nothing where nobody gives any."""
    own = dict(_of_file(header))
    if own:
        return Advice("file", own)
    for repo in _repos(header):
        if found := _cards().get(repo.lower()):
            return Advice("card", found)
    return Advice()


def _of_file(header: Header) -> Iterator[tuple[str, float]]:
    """What the file says; what makes no sense is left out."""
    for name, (key, least, most) in _KEYS.items():
        value = header.metadata.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        if name == "top_k":
            value = 0 if value == _OFF else value
            value = int(value) if math.isfinite(value) else value
        if math.isfinite(value) and least <= value <= most and not (name == "top_p" and not value):
            # Its figures are singles: 0.95 is 0.949999988…
            yield name, value if isinstance(value, int) else round(value, 4)


def _repos(header: Header) -> Iterator[str]:
    """Repositories that a file may be from, or whose model it was made from."""
    path = header.path.absolute().as_posix()
    yield from (f"{owner}/{name}" for owner, name in _CACHED.findall(path))
    # LM Studio's folders are called so.
    yield "/".join(header.path.absolute().parts[-3:-1])
    for key in ("general.repo_url", "general.source.repo_url", "general.base_model.0.repo_url"):
        yield from _ADDRESS.findall(header.text(key) or "")


@functools.cache
def _cards() -> Mapping[str, Mapping[str, float]]:
    """The advice of the catalogue, by repository in small letters."""
    # As plain JSON: what checks the catalogue takes longer to import than a small model to load.
    file = Path(__file__).with_name("catalogue.json")
    entries: list[dict[str, Any]] = json.loads(file.read_bytes())["entries"]
    return {
        repo.lower(): entry["sampling"]
        for entry in entries
        if "sampling" in entry
        for repo in (*entry["repos"], entry["base"])
        # A distill's base is another model.
        if not (entry["name"].startswith("r1:") and repo == entry["base"])
    }
