"""Parses a user's reference to a model on the Hub.

``r1:7b`` and ``qwen3:8b-q4_k_m`` from the catalogue; ``owner/repo``, ``owner/repo:QUANT`` and
``owner/repo/file.gguf``, each of them with a revision after the repository
(``owner/repo@REV:QUANT``); ``owner/repo/FOLDER``, where the folder's name tells a quant; and the
addresses that a browser shows.
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from r1chat.errors import UsageError
from r1chat.gguf.looks import piece_of
from r1chat.hub.names import good_path, good_quant, good_repo, good_revision
from r1chat.hub.quants import normal, quant_in
from r1chat.sanitize import line

MAIN = "main"
_ANY = "LATEST"
"""What Ollama writes where no quant is named."""
_SHORT = re.compile(r"([a-z][a-z0-9.-]*):(?!//).*", re.IGNORECASE | re.DOTALL)
_HOSTS = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})
_FORM = 'write "owner/repo", "owner/repo:QUANT" or "owner/repo/file.gguf"'
# What stands before a revision in an address.
_VIEWS = {"tree", "blob", "raw", "resolve"}
_ADDRESS = re.compile(r"(?:(?:https?|hf)://)(.*)", re.IGNORECASE | re.DOTALL)
# What is a file and no model, by its ending.
_FILE = re.compile(r".*\.(?:safetensors|bin|pth?|json|md|txt|dat|ya?ml|py|imatrix)", re.IGNORECASE)
# Revisions that have slashes of their own.
_REFS = re.compile(r"refs/(?:pr|convert)/[^/]+(?=/)")


@dataclass(frozen=True, slots=True)
class HubRef:
    """A model on the Hub, as a user names it. `str` gives what `parse` makes the same of."""

    repos: tuple[str, ...]
    """"owner/name", to be tried in order: a model of the catalogue has several publishers."""
    quant: str | None = None
    """In upper case, "Q4_K_M"; None for the best that fits."""
    file: str | None = None
    """A path in the repository."""
    folder: str | None = None
    """A path in the repository, whose last name tells the `quant` of what lies there."""
    revision: str = MAIN
    """A branch, a tag or a commit."""
    short: str | None = None
    """"r1:7b", if it was named so."""

    def __str__(self) -> str:
        if self.short is not None:
            return f"{self.short}-{self.quant.lower()}" if self.quant else self.short
        text = self.repos[0]
        if self.revision != MAIN:
            text += "@" + self.revision.replace("/", "%2F")
        if self.file is not None or self.folder is not None:
            return f"{text}/{self.file or self.folder}"
        return f"{text}:{self.quant}" if self.quant else text


def parse(text: str) -> HubRef | None:
    """Reads a reference. It does not look whether a file of that name lies on this machine.

    Returns:
        None for what is no reference to the Hub: a path, the name of a built-in model.

    Raises:
        UsageError: If it is one, but malformed, or no model of the catalogue has that name.
    """
    text = text.strip()
    if (short := _SHORT.fullmatch(text)) and (found := _of_catalogue(text, short[1])):
        return found
    if address := _ADDRESS.fullmatch(text):
        if text[:2].lower() == "hf":
            return _plain(address[1], certain=True)
        return _address(text)
    host, slash, rest = text.partition("/")
    if slash and host.lower() in _HOSTS:
        return _address(f"https://{host}/{rest}")
    return _plain(text, certain=False)


def _of_catalogue(text: str, family: str) -> HubRef | None:
    """Reads a short name; None where the catalogue has no such family."""
    # pydantic comes with it.
    from r1chat.hub import catalogue

    wanted = text.lower()
    known = [entry for entry in catalogue.entries() if entry.family == family.lower()]
    if not known:
        return None
    named = [entry for entry in known if f"{wanted}-".startswith(f"{entry.name}-")]
    if not named:
        names = [entry.name for entry in known]
        near = difflib.get_close_matches(wanted, names, n=1, cutoff=0.5)
        guess = f" (did you mean {near[0]}?)" if near else ""
        msg = f'there is no "{line(text, 40)}"{guess}; there are {", ".join(names)}'
        raise UsageError(msg)
    entry = max(named, key=lambda entry: len(entry.name))
    quant = normal(wanted[len(entry.name) + 1 :])
    if wanted != entry.name and not good_quant(quant):
        msg = f'"{line(text, 40)}" names no quant: write {entry.name} or {entry.name}-q4_k_m'
        raise UsageError(msg)
    return HubRef(entry.repos, quant or None, short=entry.name)


def _plain(text: str, *, certain: bool) -> HubRef | None:
    """Reads "owner/repo…".

    Args:
        text: All of it.
        certain: Whether it can be nothing else, so that every fault is worth an error.
    """
    owner, _, rest = text.partition("/")
    name = re.split("[/:@]", rest, maxsplit=1)[0]
    after = rest[len(name) :]
    good = good_repo(f"{owner}/{name}")
    if not certain:
        if not owner or not rest or ":" in owner or text[0] in "./~\\":
            return None
        # Without a colon or an @ it may be a path as well. Only what can be a model's file or
        # folder, and a whole repository, are worth a look on the Hub.
        is_model = _is_model_file(after or name) or bool(_quant_of_folder(after))
        is_path = not good or is_model != bool(after)
        if after[:1] in {"", "/"} and is_path:
            return None
    if not good:
        return _refuse(text)
    revision = MAIN
    if after.startswith("@"):
        revision, after = _revision_first(after[1:])
    return _checked(f"{owner}/{name}", revision, after, text)


def _revision_first(text: str) -> tuple[str, str]:
    """Cuts "REV/file.gguf" and "REV:QUANT" behind the revision."""
    if "/" in text and (_is_model_file(text) or (":" not in text and _quant_of_folder(text))):
        cut = len(refs[0]) if (refs := _REFS.match(text)) else text.index("/")
    else:
        cut = text.rindex(":") if ":" in text else len(text)
    return unquote(text[:cut]), text[cut:]


def _checked(repo: str, revision: str, after: str, text: str) -> HubRef:
    if not good_revision(revision):
        msg = f'"{line(text, 80)}" names no revision: give a branch, a tag or a commit after the @'
        raise UsageError(msg)
    if after.startswith(":"):
        if _is_model_file(after) and good_path(after[1:]):
            return HubRef((repo,), file=after[1:], revision=revision)
        quant = normal(after[1:])
        if quant == _ANY:
            return HubRef((repo,), revision=revision)
        if not good_quant(quant):
            msg = f'"{line(text, 80)}" names no quant after the colon: e.g. {repo}:Q4_K_M'
            raise UsageError(msg)
        return HubRef((repo,), quant=quant, revision=revision)
    if after:
        quant = _quant_of_folder(after.rstrip("/"))
        if quant and good_path(after.strip("/")):
            folder = after.strip("/")
            return HubRef((repo,), quant=quant, folder=folder, revision=revision)
        if not good_path(after[1:]) or not _is_model_file(after):
            msg = f'"{line(text, 80)}" names no GGUF file: {_FORM}'
            raise UsageError(msg)
        return HubRef((repo,), file=after[1:], revision=revision)
    return HubRef((repo,), revision=revision)


def _is_model_file(path: str) -> bool:
    return path.lower().endswith(".gguf") or piece_of(path.rpartition("/")[2]) is not None


def _quant_of_folder(path: str) -> str:
    """The quant that a folder's name tells; empty for what names a file, or tells none."""
    name = path.rstrip("/").rpartition("/")[2]
    return "" if _is_model_file(name) or _FILE.fullmatch(name) else quant_in(name)


def _refuse(text: str) -> HubRef:
    msg = f'"{line(text, 80)}" names no repository of the Hub: {_FORM}'
    raise UsageError(msg)


def _address(text: str) -> HubRef | None:
    """Reads what a browser shows. An address of another site is none of ours."""
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        own = urlsplit(os.environ.get("HF_ENDPOINT", "")).hostname
    except ValueError:
        return None
    if host.lower() not in _HOSTS and host != own:
        return None
    owner, name, *rest = [*(part for part in parts.path.split("/") if part), "", ""]
    rest = [part for part in rest if part]
    name, colon, quant = name.partition(":")
    repo = f"{owner}/{name}"
    if not good_repo(repo):
        return _refuse(text)
    if not rest:
        shown = parse_qs(parts.query).get("show_file_info", [""])[0]
        return _checked(repo, MAIN, f"/{shown}" if shown else colon + quant, text)
    kind, where = rest[0], rest[1:]
    cut = 3 if where[:1] == ["refs"] else 1
    revision, file = "/".join(where[:cut]), "/".join(where[cut:])
    if kind == "tree":
        good = not file or bool(_quant_of_folder(unquote(file)))
    else:
        good = bool(file) and kind in _VIEWS
    if colon or not revision or not good:
        return _refuse(text)
    return _checked(repo, unquote(revision), f"/{unquote(file)}" if file else "", text)
