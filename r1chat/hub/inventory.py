"""Says which models are on this machine, which can be downloaded, and how each would run here.

The command line and the app show what it says and decide nothing of it themselves. It asks this
machine and the Hub; the models of servers are listed by `r1chat.servers`.
"""

from __future__ import annotations

import contextlib
import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from r1chat.errors import ModelError, NetworkError
from r1chat.hub.locate import locate
from r1chat.sanitize import line

if TYPE_CHECKING:
    # huggingface_hub and pydantic come with these: nothing here is imported before it is needed.
    from r1chat.hub.catalogue import Entry
    from r1chat.hub.client import Wait
    from r1chat.hub.fit import Fit, Shape
    from r1chat.hub.local import LocalModel
    from r1chat.hub.machine import Machine
    from r1chat.hub.reference import HubRef
    from r1chat.hub.remote import Found, Remote
    from r1chat.hub.unfinished import Unfinished
    from r1chat.hub.variants import Variant

_LONGEST = 300
_MARKS = {"fits": 2, "tight": 1, "no": 0}
"""How good it is that a model fits so."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that can be downloaded, in one quant, as far as the catalogue knows it."""

    ref: str
    """What names it."""
    quant: str
    size: int
    """Bytes; about, where the Hub has not been asked."""
    fit: Fit | None
    """How it fits this machine; None where nobody can say."""
    entry: Entry | None
    """What the catalogue says of it; None for all other models."""


@dataclass(frozen=True, slots=True)
class Choice(Offer):
    """A model as the Hub has it."""

    variant: Variant
    """Its files, to be downloaded."""
    shape: Shape | None
    problem: str = ""
    """What is wrong with its header, in a line."""

    @property
    def doubtful(self) -> bool:
        """Whether it could not be used on this machine, as far as anybody can say."""
        return bool(self.problem) or (self.fit is not None and self.fit.mark == "no")


@dataclass(frozen=True, slots=True)
class Quants:
    """All quants of a model."""

    title: str
    best: str
    """The quant that suits this machine best; empty if none does."""
    offers: tuple[Offer, ...]


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of models without the network."""

    machine: Machine
    local: tuple[LocalModel, ...]
    """The models on this machine, by their short names where they have unambiguous ones."""
    fits: Mapping[str, Fit]
    """How the local models fit, by their references; those left out of which nobody can say."""
    entries: Mapping[str, Entry]
    """What the catalogue says of local models, by their references."""
    catalogue: tuple[Offer, ...]
    """Every model of the catalogue, in the quant that is best for this machine."""
    recommended: Offer
    """The model to begin with."""

    @property
    def offers(self) -> tuple[Offer, ...]:
        """The models to download: those that are not here in the quant that is best."""
        here = {
            (entry.name, model.quant)
            for model in self.local
            if (entry := self.entries.get(model.ref))
        }
        return tuple(
            offer
            for offer in self.catalogue
            if offer.entry and (offer.entry.name, offer.quant) not in here
        )

    def entry_of(self, repo: str) -> Entry | None:
        """The model of the catalogue that a repository publishes."""
        known = (offer.entry for offer in self.catalogue if offer.entry)
        return next((each for each in known if repo.lower() in map(str.lower, each.repos)), None)


class Inventory:
    """Looks models up. All of it may take long, unless it says otherwise.

    Args:
        context: Tokens of context that the user wants; None leaves it to the engine.
        wait: Sits out what a busy Hub asks for, see `Remote`.
    """

    def __init__(
        self, context: Callable[[], int | None] = lambda: None, wait: Wait | None = None
    ) -> None:
        self._context = context
        self._wait = wait
        self._seen: Machine | None = None

    # -- this machine --

    def machine(self) -> Machine:
        """What this machine has at the moment."""
        from r1chat.hub.machine import this_machine

        return this_machine()

    def entries(self) -> Sequence[Entry]:
        """The catalogue.

        Raises:
            ModelError: If it is damaged.
        """
        from r1chat.hub import catalogue

        return catalogue.entries()

    def find_local(self) -> Sequence[LocalModel]:
        """Looks for models on this machine, wherever they lie."""
        from r1chat.hub.local import local_models

        return local_models()

    def local_models(self) -> tuple[LocalModel, ...]:
        """The models on this machine, by their short names where they have unambiguous ones.

        Raises:
            ModelError: If the catalogue is damaged.
        """
        return _named(self.find_local(), self._publishers())

    def unfinished(self, ref: HubRef | None = None) -> list[Unfinished]:
        """What downloads that were stopped have left, of all models or of one."""
        from r1chat.hub.cache import repos
        from r1chat.hub.unfinished import unfinished

        wanted = {repo.lower() for repo in ref.repos} if ref is not None else None
        folders = [each for each in repos() if wanted is None or each.repo.lower() in wanted]
        return [part for folder in folders for part in unfinished(folder)]

    def survey(self, also: Path | None = None) -> Survey:
        """All that is known without the network.

        Args:
            also: The file of a model that may lie where nobody looks.

        Raises:
            ModelError: If the catalogue is damaged.
        """
        from r1chat.hub import fit

        machine = self._seen = self.machine()
        all_entries, context = self.entries(), self._context()
        publishers = self._publishers()
        found = list(self.find_local())
        # It may have been named from the working folder, where that is still there; what is found
        # has its whole path.
        with contextlib.suppress(OSError):
            also = also.absolute() if also is not None else None
        if also is not None and also not in {model.path for model in found}:
            with contextlib.suppress(ModelError):
                found.append(self.in_file(also))
        local = _named(found, publishers)
        entries = {
            model.ref: entry for model in local if (entry := publishers.get(model.repo.lower()))
        }
        fits = {model.ref: self._fit(model, entries.get(model.ref), machine) for model in local}
        return Survey(
            machine=machine,
            local=local,
            fits={ref: found for ref, found in fits.items() if found is not None},
            entries=entries,
            catalogue=tuple(
                self._expected(each, fit.best_of(each, machine, context)[0]) for each in all_entries
            ),
            recommended=self._expected(*fit.recommended(all_entries, machine)),
        )

    def recommended(self) -> Offer:
        """The model to begin with on this machine.

        Raises:
            ModelError: If the catalogue is damaged.
        """
        from r1chat.hub import fit

        self._seen = self.machine()
        return self._expected(*fit.recommended(self.entries(), self._seen))

    def usual(self) -> LocalModel | None:
        """The model to use where the user has chosen none: the best real one on this machine.

        Those in the working folder do not count: whoever unpacks an archive has chosen nothing.

        Returns:
            None where there is none but the built-in one.

        Raises:
            ModelError: If the catalogue is damaged.
        """
        here = Path.cwd()
        found = [
            each
            for each in self.find_local()
            if each.source != "built in" and not each.problem and each.path.parent != here
        ]
        if not found:
            # Nothing more is imported where there is nothing to choose from.
            return None
        from r1chat.hub import fit

        publishers, machine = self._publishers(), self.machine()

        def rank(model: LocalModel) -> tuple[object, ...]:
            entry = publishers.get(model.repo.lower())
            shape = model.shape or (fit.shape_of(entry) if entry else None)
            fits = fit.fit(shape, model.size, machine, self._context()) if shape else None
            pace = fits.tokens_per_s if fits else None
            is_fast = pace is None or pace >= fit.USABLE
            score = (entry.scores.aime_pass1 if entry else None) or 0.0
            size = model.size if is_fast else -model.size
            return _MARKS[fits.mark if fits else "tight"], is_fast, model.thinks, score, size

        best = max(_named(found, publishers), key=rank)
        return best if rank(best)[0] else None

    def fit_of(self, model: LocalModel) -> Fit | None:
        """How a model on this machine runs here; None where nobody knows, or it cannot be used."""
        return self._fit(model, self._publishers().get(model.repo.lower()), self.machine())

    def _fit(self, model: LocalModel, entry: Entry | None, machine: Machine) -> Fit | None:
        from r1chat.hub import fit

        shape = model.shape or (fit.shape_of(entry) if entry else None)
        if shape is None or model.problem:
            return None
        return fit.fit(shape, model.size, machine, self._context())

    def in_file(self, path: Path) -> LocalModel:
        """The model in a file, wherever that lies.

        Raises:
            ModelError: If it cannot be read.
        """
        from r1chat.gguf import read_header
        from r1chat.hub.local import model_of

        return model_of(read_header(path))

    def local(self, ref: str) -> LocalModel | None:
        """The model on this machine that a reference means; None if there is none in its places.

        Raises:
            UsageError: If it is malformed.
        """
        found = self.find_local()
        models = _named(found, self._publishers())
        # What cannot be used has a name all the same.
        for model, before in zip(models, found, strict=True):
            if ref in {model.ref, before.ref}:
                return model
        from r1chat.hub.places import same_file

        try:
            path = locate(ref)
        except ModelError:
            return None
        return next((model for model in models if same_file(model.path, path)), None)

    # -- the Hub --

    def remote(self) -> Remote:
        """The Hub, as the environment names it now.

        Raises:
            NetworkError: If the environment makes no sense.
        """
        from r1chat.hub.remote import Remote

        return Remote(self._wait)

    def search(self, words: str, limit: int = 30) -> Sequence[Found]:
        """Looks for repositories with GGUF files.

        Raises:
            NetworkError: If the Hub cannot be reached.
        """
        return self.remote().search(words, limit)

    def resolve(self, ref: HubRef) -> Choice:
        """Finds what a reference means on the Hub.

        Of several quants it is the one whose download was begun, else the best for this machine.

        Raises:
            NetworkError: If the Hub cannot be reached.
            ModelError: If it has no such model.
        """
        from r1chat.hub import variants
        from r1chat.hub.download import begun

        remote = self.remote()
        look = functools.cache(lambda variant: self._shape(remote, ref, variant))

        def choose(several: list[Variant]) -> Variant:
            return begun(several) or self._best(several, look(several[0])[0])

        variant = variants.find(remote, ref, choose)
        return self._choice(ref, variant, *look(variant))

    def quants(self, ref: HubRef) -> Quants:
        """All quants that the Hub has of a model.

        Raises:
            NetworkError: If the Hub cannot be reached.
            ModelError: If it has no such model.
        """
        from r1chat.hub import fit

        remote = self.remote()
        several = _variants(remote, ref)
        entry = _entry(ref, several[0].repo)
        try:
            shape, problem = self._shape(remote, ref, several[0])
        except NetworkError:
            # What there is can be chosen from all the same.
            shape, problem = None, ""
        best = fit.best(several, shape, self._machine(), self._context()) if shape else None
        return Quants(
            title=entry.title if entry else ref.repos[0],
            best=best.quant if best else "",
            offers=tuple(self._choice(ref, variant, shape, problem) for variant in several),
        )

    def expected(self, entry: Entry) -> Quants:
        """The quants that a model should have, as the catalogue knows them; at once."""
        from r1chat.hub import fit

        best, _ = fit.best_of(entry, self._machine(), self._context())
        quants = sorted(entry.sizes, key=entry.sizes.__getitem__)
        return Quants(entry.title, best, tuple(self._expected(entry, quant) for quant in quants))

    def fit(self, entry: Entry, size: int) -> Fit:
        """How so many bytes of a model fit this machine; at once after a `survey`."""
        from r1chat.hub import fit

        return fit.fit(fit.shape_of(entry), size, self._machine(), self._context())

    def shorter(self, choice: Choice) -> int | None:
        """The context that makes a model fit which does not fit at the one that the user wants."""
        from r1chat.hub import fit

        if self._context() is None or choice.shape is None:
            return None
        found = fit.fit(choice.shape, choice.size, self._machine())
        return None if found.mark == "no" else found.context

    def _publishers(self) -> dict[str, Entry]:
        """The models of the catalogue by the repositories that publish them, in lower case."""
        return {repo.lower(): entry for entry in self.entries() for repo in entry.repos}

    def _machine(self) -> Machine:
        """The machine as it was when it was looked at last."""
        if self._seen is None:
            self._seen = self.machine()
        return self._seen

    def _best(self, several: list[Variant], shape: Shape | None) -> Variant:
        from r1chat.hub import fit, variants

        if shape is None:
            return variants.usual(several)
        return fit.best(several, shape, self._machine(), self._context()) or several[0]

    def _shape(self, remote: Remote, ref: HubRef, variant: Variant) -> tuple[Shape | None, str]:
        """What a model's need of memory depends on; None where its header does not say, and why.

        Raises:
            NetworkError: If the Hub does not give the header.
        """
        from r1chat.hub import facts, fit

        if entry := _entry(ref, variant.repo):
            return fit.shape_of(entry), ""
        try:
            shape = facts.shape_of(remote.header(variant.files[0]))
        except ModelError as error:
            return None, line(str(error), _LONGEST)
        return shape, "" if shape else "its header does not say how much memory it needs"

    def _expected(self, entry: Entry, quant: str) -> Offer:
        size = entry.sizes[quant]
        ref = f"{entry.name}-{quant.lower()}"
        return Offer(ref, quant, size, self.fit(entry, size), entry)

    def _choice(self, ref: HubRef, variant: Variant, shape: Shape | None, problem: str) -> Choice:
        from r1chat.hub import fit
        from r1chat.hub.reference import MAIN

        name = variant.ref
        if ref.short and variant.quant and not variant.shared and ref.revision == MAIN:
            name = f"{ref.short}-{variant.quant.lower()}"
        fits = fit.fit(shape, variant.size, self._machine(), self._context()) if shape else None
        entry = _entry(ref, variant.repo)
        return Choice(name, variant.quant, variant.size, fits, entry, variant, shape, problem)


def _named(found: Sequence[LocalModel], known: Mapping[str, Entry]) -> tuple[LocalModel, ...]:
    """Gives models of the Hub's cache their short names, where these are unambiguous.

    Files of "UD-Q4_K_XL" call themselves Q4_K_M, so that the publisher's word for it counts.
    """
    made = []
    for model in found:
        repo, _, quant = model.ref.partition(":")
        entry = known.get(model.repo.lower())
        if quant and repo == model.repo:
            ref = f"{entry.name}-{quant.lower()}" if entry else model.ref
            made.append(replace(model, ref=ref, quant=quant))
        else:
            made.append(model)
    times = Counter(model.ref for model in made)
    return tuple(
        model if times[model.ref] == 1 else replace(model, ref=before.ref)
        for model, before in zip(made, found, strict=True)
    )


def _variants(remote: Remote, ref: HubRef) -> list[Variant]:
    """The models in the first of a reference's repositories that there is."""
    from r1chat.hub import variants

    missing: ModelError | None = None
    for repo in ref.repos:
        try:
            several = variants.variants(remote.listing(repo, ref.revision))
        except ModelError as error:
            missing = missing or error
            continue
        if several:
            return several
        missing = missing or ModelError(f"{repo} has no GGUF file that r1chat can load")
    raise missing or ModelError("there is no such model on the Hub")


def _entry(ref: HubRef, repo: str) -> Entry | None:
    """What the catalogue knows of a model."""
    from r1chat.hub import catalogue

    return (catalogue.get(ref.short) if ref.short else None) or catalogue.published_by(repo)
