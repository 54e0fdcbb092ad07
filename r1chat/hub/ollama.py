"""Finds models that Ollama has downloaded, to use them in place.

A manifest `manifests/<host>/<namespace>/<model>/<tag>` lists the parts of a model by their
SHA-256; the part with the weights is a GGUF file, `blobs/sha256-<hex>`.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from r1chat.hub.names import good_path, good_repo
from r1chat.hub.places import Place, files
from r1chat.sanitize import line
from r1chat.user_files import small_text

SERVICE = Path("/usr/share/ollama/.ollama/models")
"""Where Ollama keeps models if it runs as a service, as its installer for Linux sets it up."""
_WEIGHTS = "application/vnd.ollama.image.model"
_ADAPTER = "application/vnd.ollama.image.adapter"
_DIGEST = re.compile(r"sha256[:-]([0-9a-f]{64})")
_LONGEST_MANIFEST = 1 << 20
_OUTSIDE = "leads out of Ollama's folder"
_HOST, _NAMESPACE = "registry.ollama.ai", "library"
_HUBS = {"hf.co", "huggingface.co"}
_MOST_WEIGHTS = 8
_PARTS = 4
"""Of a manifest's path: host, namespace, model, tag."""


def stores() -> list[Path]:
    """Where Ollama may keep models, whether the folders exist or not."""
    found = []
    configured = os.environ.get("OLLAMA_MODELS", "").strip().strip("\"'")
    try:
        store = Path(configured) if configured else Path.home() / ".ollama" / "models"
    except RuntimeError:  # nobody knows where home is
        store = Path()
    if store.is_absolute():
        found.append(store)
    if sys.platform == "linux" and store != SERVICE:
        found.append(SERVICE)
    return found


PREFIX = "ollama:"
"""Stands before the name of such a model in a reference."""


def find(ref: str) -> Place | None:
    """The weights that a reference such as "ollama:deepseek-r1:7b" means.

    Without a tag it is the one called "latest"; host, namespace and case may be left to Ollama's
    own rules, as on its command line.
    """
    wanted = ref.removeprefix(PREFIX)
    if ":" not in wanted.rpartition("/")[2]:
        wanted += ":latest"
    for taken_for_granted in (f"{_HOST}/", f"{_NAMESPACE}/"):
        wanted = wanted.removeprefix(taken_for_granted)
    there = [place for place in models() if place.name.lower() == wanted.lower()]
    return min(there, key=lambda place: place.name != wanted, default=None)


def obstacle(path: Path) -> str:
    """Why weights in a store cannot be used, by whatever path they are named; empty if they can.

    Weights that one model has with an adapter and another without can be used.
    """
    # A link from elsewhere leads to the same weights.
    return next(filter(None, map(_obstacle, dict.fromkeys((path, _real(path))))), "")


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return path


def _obstacle(path: Path) -> str:
    if not _DIGEST.fullmatch(path.name.replace("sha256-", "sha256:")):
        return ""
    for store in stores():
        try:
            if not path.parent.samefile(store / "blobs"):
                continue
        except (OSError, ValueError):
            continue
        problems = [place.problem for place in _in(store) if place.path.name == path.name]
        if problems and all(problems):
            return problems[0]
        return _OUTSIDE if _leads_away(path) else ""
    return ""


def models() -> Iterator[Place]:
    """The weights of Ollama's models, those that r1chat can use as they are first."""
    found = [place for store in stores() for place in _in(store)]
    # The same weights with and without an adapter are the same file, and the first name counts.
    return iter(sorted(found, key=lambda place: bool(place.problem)))


def _in(store: Path) -> Iterator[Place]:
    manifests = store / "manifests"
    for path in files(manifests, depth=_PARTS - 1):
        parts = path.relative_to(manifests).parts
        if len(parts) == _PARTS:
            yield from _model(store, parts, _layers(path))


def _name(host: str, namespace: str, model: str, tag: str) -> str:
    """A model's name as one types it for Ollama."""
    shown = f"{model}:{tag}"
    if (host, namespace) != (_HOST, _NAMESPACE):
        shown = f"{namespace}/{shown}"
    return line(shown if host == _HOST else f"{host}/{shown}", 120)


def _published(host: str, namespace: str, model: str, tag: str) -> tuple[str, str]:
    """The repository of the Hub that a model comes from, and something like its file's name."""
    repo = f"{namespace}/{model}"
    if host not in _HUBS or not good_repo(repo):
        return "", ""
    file = tag if tag.lower().endswith(".gguf") else f"{tag}.gguf"
    return (repo, file) if good_path(file) else (repo, "")


def _layers(manifest: Path) -> dict[str, list[str]]:
    """The digests in a manifest by the kind of the part, those left out that are none."""
    found: dict[str, list[str]] = {}
    try:
        content = json.loads(small_text(manifest, _LONGEST_MANIFEST) or "{}")
    except (ValueError, RecursionError):
        return found
    layers = content.get("layers") if isinstance(content, dict) else None
    for layer in layers if isinstance(layers, list) else ():
        kind, digest = (
            (layer.get("mediaType"), layer.get("digest")) if isinstance(layer, dict) else (0, 0)
        )
        if isinstance(kind, str) and isinstance(digest, str) and _DIGEST.fullmatch(digest):
            found.setdefault(kind, []).append(digest[-64:])
    return found


def _model(store: Path, parts: tuple[str, ...], layers: dict[str, list[str]]) -> Iterator[Place]:
    repo, file = _published(*parts)
    # Ollama knows one; a manifest of thousands would fill the list.
    for digest in dict.fromkeys(layers.get(_WEIGHTS, ())[:_MOST_WEIGHTS]):
        path = store / "blobs" / f"sha256-{digest}"
        problem = ""
        if _ADAPTER in layers:
            problem = "has a LoRA adapter, which r1chat cannot put on"
        elif _leads_away(path):
            problem = _OUTSIDE
        yield Place(path, "ollama", repo, file=file, name=_name(*parts), problem=problem)


def _leads_away(blob: Path) -> bool:
    # The folder of blobs as a whole may well lie on another disk.
    try:
        return blob.resolve().parent != blob.parent.resolve()
    except (OSError, RuntimeError):
        return True
