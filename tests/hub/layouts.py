"""Lays models out as the Hub's cache, LM Studio and Ollama do, and a home without any."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import gguf
import numpy as np
import pytest

from r1chat.hub import ollama
from tests.factory import write_model

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER_COMMIT = "f" * 40


def move_in(monkeypatch: pytest.MonkeyPatch, home: Path) -> Path:
    """Makes a folder the user's home, in which no program has any models yet."""
    for name in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("OLLAMA_MODELS", raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setattr(ollama, "SERVICE", home / "service" / "models")
    return home


def a_model(path: Path, seed: int = 0, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_model(path, seed=seed, **options)


def in_hub_cache(
    home: Path, data: bytes, path: str, repo: str = "acme/Small-GGUF", commit: str = COMMIT
) -> Path:
    """Puts a file into the Hub's cache and returns its name there."""
    folder = home / ".cache" / "huggingface" / "hub" / f"models--{repo.replace('/', '--')}"
    blob = folder / "blobs" / hashlib.sha256(data).hexdigest()
    blob.parent.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(data)
    (folder / "refs").mkdir(exist_ok=True)
    (folder / "refs" / "main").write_text(commit)
    pointer = folder / "snapshots" / commit / path
    pointer.parent.mkdir(parents=True, exist_ok=True)
    pointer.symlink_to(os.path.relpath(blob, pointer.parent))
    return pointer


def in_ollama(
    store: Path,
    data: bytes,
    name: tuple[str, ...] = ("registry.ollama.ai", "library", "deepseek-r1", "7b"),
    **more: bytes,
) -> Path:
    """Puts a model into a store of Ollama's and returns its weights.

    Args:
        store: The folder with `blobs` and `manifests`.
        data: The weights.
        name: Host, namespace, model and tag.
        more: Other layers by the last word of their media type.
    """
    layers = []
    for kind, content in {"model": data, **more}.items():
        digest = hashlib.sha256(content).hexdigest()
        blob = store / "blobs" / f"sha256-{digest}"
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content)
        layers.append(
            {
                "mediaType": f"application/vnd.ollama.image.{kind}",
                "digest": f"sha256:{digest}",
                "size": len(content),
            }
        )
    manifest = store.joinpath("manifests", *name)
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": layers}))
    return store / "blobs" / layers[0]["digest"].replace(":", "-")


def split(folder: Path, name: str, count: int = 3) -> list[Path]:
    """Writes models of one tensor each, which say that they are shards of one."""
    parts = []
    for number in range(count):
        path = folder / f"{name}-{number + 1:05}-of-{count:05}.gguf"
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_uint16("split.no", number)
        writer.add_uint16("split.count", count)
        writer.add_tensor(f"blk.{number}.weight", np.zeros((4, 32), np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        parts.append(path)
    return parts
