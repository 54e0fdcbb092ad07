"""How a user names a model on the Hub.

``r1:7b`` and ``r1:7b-q4_k_m`` from the catalogue; ``owner/repo``, ``owner/repo:QUANT`` and
``owner/repo/file.gguf``, each of them with a revision after the repository
(``owner/repo@REV:QUANT``); and the addresses that a browser shows.
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
from r1chat.sanitize import line

MAIN = "main"
_SHORT = "r1:"
_HOSTS = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})
_FORM = 'write "owner/repo", "owner/repo:QUANT" or "owner/repo/file.gguf"'
_ADDRESS = re.compile(r"(?:(?:https?|hf)://)(.*)", re.IGNORECASE | re.DOTALL)
# Revisions that have slashes of their own.
_REFS = re.compile(r"(refs/(?:pr|convert)/[^/:]+)(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class HubRef:
    """A model on the Hub, as a user names it. `str` gives what `parse` makes the same of."""

    repos: tuple[str, ...]
    """"owner/name", to be tried in order: a distill has several publishers."""
    quant: str | None = None
    """In upper case, "Q4_K_M"; None for the best that fits."""
    file: str | None = None
    """A path in the repository."""
    revision: str = MAIN
    """A branch, a tag or a commit."""
    distill: str | None = None
    """"r1:7b", if it was named so."""

    def __str__(self) -> str:
        if self.distill is not None:
            return f"{self.distill}-{self.quant.lower()}" if self.quant else self.distill
        text = self.repos[0]
        if self.revision != MAIN:
            text += "@" + self.revision.replace("/", "%2F")
        if self.file is not None:
            return f"{text}/{self.file}"
        return f"{text}:{self.quant}" if self.quant else text


def parse(text: str) -> HubRef | None:
    """Reads a reference. It does not look whether a file of that name lies on this machine.

    Returns:
        None for what is no reference to the Hub: a path, the name of a built-in model.

    Raises:
        UsageError: If it is one, but malformed, or no distill of the catalogue has that name.
    """
    text = text.strip()
    if text.lower().startswith(_SHORT):
        return _distill(text)
    if address := _ADDRESS.fullmatch(text):
        if text[:2].lower() == "hf":
            return _plain(address[1], certain=True)
        return _address(text)
    host, slash, rest = text.partition("/")
    if slash and host.lower() in _HOSTS:
        return _address(f"https://{host}/{rest}")
    return _plain(text, certain=False)


def _distill(text: str) -> HubRef:
    # pydantic comes with it.
    from r1chat.hub import catalogue

    wanted = text.lower()
    named = [d for d in catalogue.distills() if f"{wanted}-".startswith(f"{d.name}-")]
    if not named:
        names = [distill.name for distill in catalogue.distills()]
        near = difflib.get_close_matches(wanted, names, n=1, cutoff=0.5)
        guess = f"; did you mean {near[0]}?" if near else ""
        msg = f'there is no distill "{line(text, 40)}"{guess} There are: {", ".join(names)}'
        raise UsageError(msg.replace('" There', '". There'))
    distill = max(named, key=lambda d: len(d.name))
    quant = wanted[len(distill.name) + 1 :].upper()
    if wanted != distill.name and not good_quant(quant):
        msg = f'"{line(text, 40)}" names no quant: write {distill.name} or {distill.name}-q4_k_m'
        raise UsageError(msg)
    return HubRef(distill.repos, quant or None, distill=distill.name)


def _plain(text: str, *, certain: bool) -> HubRef | None:
    """Reads "owner/repo…".

    Args:
        text: All of it.
        certain: Whether it can be nothing else, so that every fault is worth an error.
    """
    owner, slash, rest = text.partition("/")
    if not certain and (not slash or not owner or ":" in owner or text[0] in "./~\\"):
        return None
    match = re.fullmatch(r"([^/:@]*)(@[^:]*?)?(:[^/]*|/.*)?", rest, re.DOTALL)
    if match is None:
        return _refuse(text) if certain else None
    name, at, after = match[1], match[2] or "", match[3] or ""
    if at and not after.startswith(":"):
        at, after = _revision_first(at + after)
    is_file = after.startswith("/")
    if not certain and not at and not after.startswith(":"):
        # A path as well as a reference. Only a file that can be a model's is worth a network.
        if not good_repo(f"{owner}/{name}") or (is_file and not _is_model_file(after)):
            return None
        if not is_file and _is_model_file(name):
            return None
    revision = unquote(at[1:]) if at else MAIN
    if not good_repo(f"{owner}/{name}"):
        return _refuse(text)
    return _checked(f"{owner}/{name}", revision, after, text)


def _revision_first(text: str) -> tuple[str, str]:
    """Cuts "@REV/path" into "@REV" and "/path"."""
    if refs := _REFS.fullmatch(text[1:]):
        return "@" + refs[1], refs[2]
    revision, slash, path = text.partition("/")
    return revision, slash + path


def _checked(repo: str, revision: str, after: str, text: str) -> HubRef:
    if not good_revision(revision):
        msg = f'"{line(text, 80)}" names no revision: give a branch, a tag or a commit after the @'
        raise UsageError(msg)
    if after.startswith(":"):
        quant = after[1:].upper()
        if not good_quant(quant):
            msg = f'"{line(text, 80)}" names no quant after the colon: e.g. {repo}:Q4_K_M'
            raise UsageError(msg)
        return HubRef((repo,), quant=quant, revision=revision)
    if after:
        if not good_path(after[1:]) or not _is_model_file(after):
            msg = f'"{line(text, 80)}" names no GGUF file: {_FORM}'
            raise UsageError(msg)
        return HubRef((repo,), file=after[1:], revision=revision)
    return HubRef((repo,), revision=revision)


def _is_model_file(path: str) -> bool:
    return path.lower().endswith(".gguf") or piece_of(path.rpartition("/")[2]) is not None


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
    path = [part for part in parts.path.split("/") if part]
    if len(path) < 2:  # noqa: PLR2004  (owner and name)
        return _refuse(text)
    owner, rest = path[0], path[2:]
    name, colon, quant = path[1].partition(":")
    repo = f"{owner}/{name}"
    if not good_repo(repo):
        return _refuse(text)
    if not rest:
        shown = parse_qs(parts.query).get("show_file_info", [""])[0]
        return _checked(repo, MAIN, f"/{shown}" if shown else colon + quant, text)
    kind, where = rest[0], rest[1:]
    if kind == "tree" and len(where) == 1:
        return _checked(repo, unquote(where[0]), "", text)
    if kind in {"resolve", "blob", "raw"} and not colon:
        cut = 3 if where[:1] == ["refs"] else 1
        revision, file = "/".join(where[:cut]), "/".join(where[cut:])
        if file:
            return _checked(repo, unquote(revision), "/" + unquote(file), text)
    return _refuse(text)
