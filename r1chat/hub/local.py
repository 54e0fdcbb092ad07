"""Lists the models on this machine, wherever they are."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from r1chat import models, paths
from r1chat.errors import ModelError
from r1chat.gguf import Header, check_chat_model, is_part, read_header
from r1chat.gguf import shown as escaped
from r1chat.gguf.needs import Shape
from r1chat.hub import cache, lmstudio, ollama, recent
from r1chat.hub.facts import LONGEST_NAME, Facts, Memory, Stamp, facts_of, shown, stamp_of
from r1chat.hub.places import Place, Source, files, shards, whole
from r1chat.hub.quants import quant_of
from r1chat.hub.reference import HubRef
from r1chat.sanitize import line

GGUF = ".gguf"
_DEPTH = 3
_MOST_HERE = 50
"""Files of the working folder that are looked at."""
_LONGEST_PROBLEM = 160
_LONGEST_PATH = 4096


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model on this machine. Its texts are fit to be shown; its path is as it is."""

    ref: str
    """What names it: "tiny", "owner/repo:QUANT", "owner/repo/file.gguf", "ollama:NAME:TAG", or its
    path."""
    path: Path
    """Absolute; the first of its files where it is split."""
    name: str
    quant: str
    arch: str
    size: int
    """Bytes of all its files."""
    source: Source
    repo: str
    """Who published it, as "owner/name", where that is known."""
    commit: str
    """Of the repository; empty outside the Hub's cache."""
    thinks: bool
    context: int
    """Tokens it was made for; 0 if it does not say."""
    problem: str = ""
    """Why it cannot be used, in one line."""
    shape: Shape | None = None
    """What its need of memory depends on, if the file says so."""


def local_models() -> list[LocalModel]:
    """Everything that is a model, or should be one: the built-in one, then by place and name.

    Files in the working folder come last.

    A split model is one, and so is a file with several names. What only goes with a model (its
    eyes, an adapter) is left out. Never raises: what is wrong with a file is its `problem`.
    """
    return _listed(_places())


def models_in(folder: Path) -> list[LocalModel]:
    """The models below a folder, as `local_models` lists them; no deeper than a store's lie."""
    return _listed(_below(_absolute(folder)))


def _listed(places: Iterable[Place]) -> list[LocalModel]:
    memory = Memory()
    seen: set[object] = set()
    found: list[tuple[Place, LocalModel]] = []
    for place in whole(places):
        model = _model(place, memory, seen)
        if model is not None:
            found.append((place, model))
    memory.save()
    return _named(found)


def model_of(header: Header) -> LocalModel:
    """The model whose header was read."""
    return _made(_in_folder(_absolute(header.path)), facts_of(header), refusal(header))


def _places() -> Iterator[Place]:
    yield Place(models.FILE, "built in")
    yield from sorted(
        (
            Place(each.file, "hub", repo=each.repo, commit=each.commit, file=each.path_in_repo)
            for each in cache.installed()
            if each.path_in_repo.lower().endswith(".gguf")
        ),
        key=lambda place: (place.repo, place.file),
    )
    for folder in paths.model_folders():
        yield from _below(folder)
    yield from lmstudio.models()
    yield from ollama.models()
    yield from map(_in_folder, recent.files())
    here = files(_absolute(Path()), depth=0, suffix=GGUF)
    yield from map(_in_folder, islice(here, _MOST_HERE))


def _below(folder: Path) -> Iterator[Place]:
    return map(_in_folder, files(folder, depth=_DEPTH, suffix=GGUF))


def _in_folder(path: Path) -> Place:
    """A file that no program lists; what a link of it leads to may be Ollama's."""
    return Place(path, "folder", problem=ollama.obstacle(path))


def _model(place: Place, memory: Memory, seen: set[object]) -> LocalModel | None:
    """Reads a model; None if it was seen before, or is none by itself."""
    parts = shards(place.path)
    now = stamp_of(parts)
    identity = now[0][:2] if now else place.path
    if identity in seen:
        return None
    seen.add(identity)
    if place.path != parts[0]:
        missing = shown(parts[0].name, LONGEST_NAME)
        return _made(place, None, f"is a part of a model whose first file is missing: {missing}")
    facts = memory.recall(place.path, now) if now else None
    return _made(place, facts) if facts else _read(place, memory, now)


def _read(place: Place, memory: Memory, now: Stamp | None) -> LocalModel | None:
    try:
        header = read_header(place.path)
        if is_part(header):
            return None
        facts, problem = facts_of(header), refusal(header)
    except ModelError as error:
        return _made(place, None, _reason(error, place.path))
    if now and not problem:
        memory.keep(place.path, now, facts)
    return _made(place, facts, problem)


def _made(place: Place, facts: Facts | None, problem: str = "") -> LocalModel:
    if facts is None:
        stem = shown(place.path.stem, LONGEST_NAME)
        facts = Facts(stem, "", "", _size(place.path), 0, thinks=False, shape=None)
    return LocalModel(
        ref=line(str(place.path), _LONGEST_PATH),
        path=place.path,
        name=place.name or facts.name,
        quant=facts.quant,
        arch=facts.arch,
        size=facts.size,
        source=place.source,
        repo=place.repo,
        commit=place.commit,
        thinks=facts.thinks,
        context=facts.context,
        shape=facts.shape,
        problem=line(place.problem or problem, _LONGEST_PROBLEM),
    )


def _named(found: list[tuple[Place, LocalModel]]) -> list[LocalModel]:
    """Gives those that have something shorter than their path a reference."""
    hub = [place for place, _ in found if place.source == "hub"]
    quants = Counter((place.repo, quant_of(place.file)) for place in hub)
    names = Counter((place.repo, place.file) for place in hub)

    def ref(place: Place, model: LocalModel) -> str:
        if place.source == "built in":
            return models.TINY
        if place.source == "ollama":
            return ollama.PREFIX + place.name
        if place.source != "hub":
            return model.ref
        quant = quant_of(place.file)
        if quant and quants[place.repo, quant] == 1:
            return str(HubRef((place.repo,), quant=quant))
        if names[place.repo, place.file] == 1:
            return str(HubRef((place.repo,), file=place.file))
        return str(HubRef((place.repo,), file=place.file, revision=place.commit))

    return [replace(model, ref=ref(place, model)) for place, model in found]


def refusal(header: Header) -> str:
    """Why a model whose header can be read cannot be used; empty if it can."""
    try:
        check_chat_model(header)
    except ModelError as error:
        return _reason(error, header.path)
    return ""


def _reason(error: ModelError, path: Path) -> str:
    """An error about a file, without its path."""
    text = str(error)
    for known in (f"{escaped(path)} ", f"{escaped(path.parent)}{os.sep}"):
        text = text.removeprefix(known)
    return text


def _size(path: Path) -> int:
    try:
        info = path.stat()
    except (OSError, ValueError):
        return 0
    return info.st_size if stat.S_ISREG(info.st_mode) else 0


def _absolute(path: Path) -> Path:
    try:
        return path.absolute()
    except OSError:  # the folder that it is relative to is gone
        return path
