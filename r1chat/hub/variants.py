"""Groups the files of a repository into models: one for each quant, split files together."""

from __future__ import annotations

import contextlib
import difflib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import NoReturn, Protocol

from r1chat.errors import ModelError
from r1chat.formatting import counted
from r1chat.gguf.looks import piece_of
from r1chat.hub.quants import SHARD, is_statistics, quant_of
from r1chat.hub.reference import MAIN, HubRef
from r1chat.hub.values import Listing, RemoteFile
from r1chat.sanitize import line

_MOST_SHARDS = 1024
_MOST_SHOWN = 20
# Where nobody chooses by what fits: the usual compromise, and what comes near to it.
_USUAL = (
    *("Q4_K_M", "UD-Q4_K_XL", "Q5_K_M", "Q4_K_S", "IQ4_XS", "IQ4_NL", "MXFP4", "MXFP4_MOE"),
    *("Q4_0", "Q5_K_S", "Q6_K", "Q8_0"),
)


@dataclass(frozen=True, slots=True)
class Variant:
    """A model in one quant."""

    quant: str
    """In upper case, "Q4_K_M"."""
    files: tuple[RemoteFile, ...]
    """In order, where it is split."""
    revision: str = MAIN
    """That it was asked for by."""
    shared: bool = False
    """Whether another model of the repository has the same quant, so that only the file's name
    tells them apart."""
    licence: str = ""
    """As the publisher says it, or empty."""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def repo(self) -> str:
        """Owner and name."""
        return self.files[0].repo

    @property
    def commit(self) -> str:
        """40 hex digits."""
        return self.files[0].commit

    @property
    def name(self) -> str:
        """The first file's name without its ending."""
        return self.files[0].path.rpartition("/")[2][: -len(".gguf")]

    @property
    def ref(self) -> str:
        """How to ask for it again: "owner/repo:QUANT"."""
        if self.shared or not self.quant:
            return str(HubRef((self.repo,), file=self.files[0].path, revision=self.revision))
        return str(HubRef((self.repo,), quant=self.quant, revision=self.revision))


class Lists(Protocol):
    """Whatever lists repositories, as `r1chat.hub.remote.Remote` does."""

    def listing(self, repo: str, revision: str) -> Listing:
        """The files of a repository."""


def variants(listing: Listing) -> list[Variant]:
    """The models in a repository, from the smallest."""
    return sort_out(listing)[0]


def sort_out(listing: Listing) -> tuple[list[Variant], dict[str, str]]:
    """Separates the models in a repository from what is none.

    Returns:
        The models from the smallest, and for each GGUF file that belongs to none the reason.
    """
    found: list[Variant] = []
    left_out: dict[str, str] = {}
    shards: defaultdict[tuple[str, int], dict[int, RemoteFile]] = defaultdict(dict)
    for file in listing.files:
        if reason := _no_model(file):
            left_out[file.path] = reason
        elif shard := SHARD.fullmatch(file.path):
            shards[shard[1], int(shard[3])][int(shard[2])] = file
        elif file.path.lower().endswith(".gguf"):
            found.append(Variant(quant_of(file.path), (file,), listing.revision))
    for (_, count), members in shards.items():
        files = tuple(members[number] for number in sorted(members))
        if sorted(members) == list(range(1, count + 1)) and count <= _MOST_SHARDS:
            found.append(Variant(quant_of(files[0].path), files, listing.revision))
        else:
            reason = f"is one of {counted(count, 'part')}, of which the Hub has {len(files)}"
            left_out |= {file.path: reason for file in files}
    times = Counter(variant.quant for variant in found)
    found = [
        replace(variant, shared=times[variant.quant] > 1, licence=listing.licence)
        for variant in found
    ]
    return sorted(found, key=lambda variant: (variant.size, variant.name)), left_out


def find(
    remote: Lists, ref: HubRef, choose: Callable[[list[Variant]], Variant] | None = None
) -> Variant:
    """Finds the model that a reference means, in the first of its repositories that has it.

    Args:
        remote: The Hub.
        ref: The reference.
        choose: Takes one of several, where the reference leaves it open; without it the usual.

    Raises:
        ModelError: If none has it; says what there is.
        NetworkError: If the Hub does not say.
    """
    missing: ModelError | None = None
    for repo in ref.repos:
        try:
            listing = remote.listing(repo, ref.revision)
            return _choose(listing, ref, choose)
        except ModelError as error:
            missing = missing or error
    raise missing or ModelError(f"{line(str(ref))} names no repository")


def among(
    files: Iterable[RemoteFile],
    ref: HubRef,
    choose: Callable[[list[Variant]], Variant] | None = None,
) -> Variant | None:
    """Finds the model that a reference means among files of one commit that are on this machine."""
    there = tuple(files)
    if there:
        repo, commit = there[0].repo, there[0].commit
        listing = Listing(repo, commit, commit, there, "", gated=False, base_model="")
        wanted = replace(ref, repos=(repo,), revision=commit, short=None)
        with contextlib.suppress(ModelError):
            return _choose(listing, wanted, choose)
    return None


def _choose(
    listing: Listing, ref: HubRef, choose: Callable[[list[Variant]], Variant] | None
) -> Variant:
    offered, left_out = sort_out(listing)
    if ref.folder is not None:
        inside = [v for v in offered if v.files[0].path.startswith(f"{ref.folder}/")]
        if inside:
            return inside[0] if len(inside) == 1 else (choose or usual)(inside)
    elif ref.file is not None:
        return _with_file(offered, ref.file) or _no_file(listing, ref.file, offered, left_out)
    if not offered:
        reasons = sorted({f"{path} {reason}" for path, reason in left_out.items()})
        detail = f" ({line(reasons[0])})" if reasons else ""
        msg = f"{listing.repo} has no GGUF model{detail}: look for one with `r1chat models search`"
        raise ModelError(msg)
    if ref.quant is None:
        return (choose or usual)(offered)
    meant = [variant for variant in offered if variant.quant == ref.quant] or [
        variant for variant in offered if variant.quant == f"UD-{ref.quant}"
    ]
    if len(meant) > 1:
        names = ", ".join(variant.files[0].path for variant in meant[:_MOST_SHOWN])
        msg = f"{listing.repo} has several models in {ref.quant}, so name the file: {names}"
        raise ModelError(msg)
    if not meant:
        there = [each.ref.rpartition(":")[2] if each.quant else each.name for each in offered]
        msg = f"{listing.repo} has no {ref.quant}; it has {_some(there)}"
        raise ModelError(msg)
    return meant[0]


def _with_file(offered: list[Variant], path: str) -> Variant | None:
    """The model that a file belongs to. Another case will do where it leaves no doubt."""
    for same in (str, str.lower):
        wanted = same(path)
        holds = [v for v in offered if any(same(file.path) == wanted for file in v.files)]
        if len(holds) == 1:
            return holds[0]
    return None


def _no_file(
    listing: Listing, path: str, offered: list[Variant], left_out: dict[str, str]
) -> NoReturn:
    if path in left_out:
        msg = f"{path} {left_out[path]}. {listing.repo} has {_some([v.name for v in offered])}"
        raise ModelError(msg)
    paths = [variant.files[0].path for variant in offered]
    near = difflib.get_close_matches(path, paths, n=3, cutoff=0) or ["no GGUF file"]
    msg = f"{listing.repo} has no file {path}; it has {', '.join(near)}"
    raise ModelError(msg)


def _no_model(file: RemoteFile) -> str:
    """Why a file that has to do with GGUF is no model, or empty."""
    name = file.path.rpartition("/")[2].lower()
    if piece_of(name):
        return "is a raw piece of a file, which llama.cpp cannot load: choose another quant"
    if not name.endswith(".gguf"):
        return ""
    if "mmproj" in name:
        return "is the part of a model that sees pictures, no model by itself"
    if is_statistics(name):
        return "is the statistics that a quant was made with, no model"
    if file.size == 0:
        return "is empty"
    return ""


def usual(offered: list[Variant]) -> Variant:
    """The usual choice among quants, regardless of fit."""
    by_quant = {variant.quant: variant for variant in reversed(offered)}
    return next((by_quant[quant] for quant in _USUAL if quant in by_quant), offered[0])


def _some(names: list[str]) -> str:
    shown = list(dict.fromkeys(names))
    more = f" and {len(shown) - _MOST_SHOWN} more" if len(shown) > _MOST_SHOWN else ""
    return (", ".join(shown[:_MOST_SHOWN]) or "no GGUF model") + more
