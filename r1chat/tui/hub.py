"""What the app asks of the hub. All of it may take long: it is called on threads alone."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from r1chat.errors import ModelError, R1ChatError
from r1chat.tui.shelf import Offer, Shelf

if TYPE_CHECKING:
    # huggingface_hub and pydantic come with these: nothing here is imported before it is needed.
    from r1chat.hub.catalogue import Distill
    from r1chat.hub.fit import Fit, Shape
    from r1chat.hub.local import LocalModel
    from r1chat.hub.machine import Machine
    from r1chat.hub.reference import HubRef
    from r1chat.hub.remote import Found, Remote
    from r1chat.hub.variants import Variant
    from r1chat.hub.verify import Verified
    from r1chat.servers.listing import ServedModel

_ANSWERS_S = 8.0
"""How long a server has to list its models."""
_MOST = 50
"""Files of the working folder that are looked at."""


@dataclass(frozen=True, slots=True)
class Quant:
    """A model in one quant, to choose from."""

    ref: str
    quant: str
    size: int
    """Bytes."""
    fit: Fit | None
    variant: Variant | None = None
    """None where the Hub could not be asked."""
    shape: Shape | None = None


@dataclass(frozen=True, slots=True)
class Quants:
    """What there is of a model."""

    title: str
    best: str
    """The quant that suits this machine best; empty if none does."""
    quants: tuple[Quant, ...]


class Hub:
    """Looks things up.

    Args:
        context: Tokens of context that the user wants; None leaves it to the engine.
    """

    def __init__(self, context: Callable[[], int | None] = lambda: None) -> None:
        self._context = context

    # -- this machine --

    def machine(self) -> Machine:
        """What this machine has."""
        from r1chat.hub.machine import this_machine

        return this_machine()

    def distills(self) -> Sequence[Distill]:
        """The catalogue."""
        from r1chat.hub import catalogue

        return catalogue.distills()

    def local_models(self) -> Sequence[LocalModel]:
        """The models on this machine, those in the working folder at the end."""
        from r1chat.hub.local import local_models, model_at

        found = local_models()
        seen = {model.path for model in found}
        for file in sorted(Path.cwd().glob("*.gguf"))[:_MOST]:
            if file not in seen:
                with contextlib.suppress(ModelError):
                    found.append(model_at(file))
        return found

    def shelf(self) -> Shelf:
        """All that is known without the network.

        Raises:
            ModelError: If the catalogue is damaged.
        """
        from r1chat.hub import fit

        machine, distills = self.machine(), self.distills()
        local = tuple(self.local_models())
        context = self._context()
        offers = tuple(
            Offer(distill, quant, distill.sizes[quant], fits)
            for distill in distills
            for quant, fits in [fit.best_of(distill, machine, context)]
        )
        begin, quant = fit.recommended(distills, machine)
        fits = fit.fit(fit.shape_of(begin), begin.sizes[quant], machine, context)
        by_repo = {repo.lower(): distill for distill in distills for repo in distill.repos}
        known = {
            model.ref: by_repo[repo] for model in local if (repo := model.repo.lower()) in by_repo
        }
        return Shelf(
            machine=machine,
            local=local,
            offers=offers,
            recommended=Offer(begin, quant, begin.sizes[quant], fits),
            fits={
                model.ref: fit.fit(shape, model.size, machine, context)
                for model in local
                if not model.problem and (shape := _shape(model, known.get(model.ref)))
            },
            distills=known,
        )

    def fit(self, distill: Distill, size: int, machine: Machine) -> Fit:
        """How so many bytes of a distill fit this machine; at once, unlike the rest."""
        from r1chat.hub import fit

        return fit.fit(fit.shape_of(distill), size, machine, self._context())

    def describe(self, model: LocalModel) -> list[tuple[str, str]]:
        """All that can be said of a model here, in names and values.

        Raises:
            ModelError: If its file cannot be read.
        """
        from r1chat.hub.about import about

        return about(model).lines()

    def verify(
        self, model: LocalModel, on_progress: Callable[[int, int], None] | None = None
    ) -> Verified:
        """Compares a model's files with what was published.

        Raises:
            ModelError: If they cannot be read.
        """
        from r1chat.hub.verify import verify

        return verify(model, on_progress)

    def removable(self, model: LocalModel) -> bool:
        """Whether it is ours to remove."""
        from r1chat.hub.removal import removable

        return removable(model)

    def remove(self, model: LocalModel) -> int:
        """Removes a model's files; returns the bytes that are free now.

        Raises:
            ModelError: If it is not ours, or cannot be removed.
        """
        from r1chat.hub.removal import remove

        return remove(model)

    # -- named servers --

    def servers(self) -> dict[str, str]:
        """The addresses of named servers, by their names."""
        from r1chat import servers

        return servers.known()

    def served(self, name: str, url: str) -> tuple[ServedModel, ...]:
        """The models of a named server.

        Raises:
            NetworkError: If it does not say.
            R1ChatError: If its key cannot be had.
        """
        from r1chat import servers
        from r1chat.servers import listing

        return listing.models(servers.server(name, url), patience_s=_ANSWERS_S)

    # -- the Hub --

    def is_here(self, ref: str) -> bool:
        """Whether a reference leads to a file on this machine, as everywhere else in r1chat.

        Raises:
            UsageError: If it is malformed.
        """
        from r1chat import compose

        try:
            compose.resolve(ref)
        except ModelError:
            return False
        return True

    def remote(self) -> Remote:
        """The Hub, as the environment names it now."""
        from r1chat.hub.remote import Remote

        return Remote()

    def search(self, words: str) -> Sequence[Found]:
        """Looks for repositories with GGUF files.

        Raises:
            NetworkError: If the Hub cannot be reached.
        """
        return self.remote().search(words)

    def resolve(self, ref: HubRef, machine: Machine) -> Quant:
        """Finds what a reference means on the Hub; of several quants the best for this machine.

        Raises:
            NetworkError: If the Hub cannot be reached.
            ModelError: If it has no such model.
        """
        from r1chat.hub import fit, variants
        from r1chat.hub.download import begun

        remote = self.remote()

        def choose(several: list[Variant]) -> Variant:
            if started := begun(several):
                return started
            shape = self._remote_shape(remote, ref, several[0])
            found = fit.best(several, shape, machine, self._context()) if shape else None
            return found or several[0]

        variant = variants.find(remote, ref, choose)
        return self._quant(ref, variant, self._remote_shape(remote, ref, variant), machine)

    def quants(self, ref: HubRef, machine: Machine) -> Quants:
        """All quants that the Hub has of a model.

        Raises:
            NetworkError: If the Hub cannot be reached.
            ModelError: If it has no such model.
        """
        from r1chat.hub import catalogue, fit

        distill = catalogue.get(ref.distill) if ref.distill else None
        remote = self.remote()
        several = self._variants(remote, ref)
        shape = self._remote_shape(remote, ref, several[0])
        best = fit.best(several, shape, machine, self._context()) if shape else None
        return Quants(
            title=distill.title if distill else ref.repos[0],
            best=best.quant if best else "",
            quants=tuple(self._quant(ref, variant, shape, machine) for variant in several),
        )

    def expected(self, distill: Distill, machine: Machine) -> Quants:
        """The quants that a distill should have, as the catalogue knows them; at once."""
        from r1chat.hub import fit

        shape, context = fit.shape_of(distill), self._context()
        best, _ = fit.best_of(distill, machine, context)
        quants = tuple(
            Quant(
                f"{distill.name}-{quant.lower()}",
                quant,
                size,
                fit.fit(shape, size, machine, context),
            )
            for quant, size in sorted(distill.sizes.items(), key=lambda each: each[1])
        )
        return Quants(distill.title, best, quants)

    def shorter(self, quant: Quant, machine: Machine) -> int | None:
        """The context that makes a model fit which does not fit at the one that the user wants."""
        from r1chat.hub import fit

        if self._context() is None or quant.shape is None:
            return None
        found = fit.fit(quant.shape, quant.size, machine)
        return None if found.mark == "no" else found.context

    def _variants(self, remote: Remote, ref: HubRef) -> list[Variant]:
        """What the first of a reference's repositories that there is has."""
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

    def _remote_shape(self, remote: Remote, ref: HubRef, variant: Variant) -> Shape | None:
        """What a model is made of; None where nobody can say."""
        from r1chat.hub import catalogue, fit

        distill = catalogue.get(ref.distill) if ref.distill else None
        if distill is None:
            distill = catalogue.published_by(variant.repo)
        if distill is not None:
            return fit.shape_of(distill)
        try:
            return fit.shape_of(remote.header(variant.files[0]))
        except R1ChatError:
            # What it weighs is known all the same, and the engine looks again before it loads.
            return None

    def _quant(self, ref: HubRef, variant: Variant, shape: Shape | None, machine: Machine) -> Quant:
        from r1chat.hub import fit

        name = variant.ref
        if ref.distill is not None and variant.quant and not variant.shared:
            name = f"{ref.distill}-{variant.quant.lower()}"
        fits = fit.fit(shape, variant.size, machine, self._context()) if shape else None
        return Quant(name, variant.quant, variant.size, fits, variant, shape)


def _shape(model: LocalModel, distill: Distill | None) -> Shape | None:
    """What a model here is made of, as its file says, or the catalogue."""
    from r1chat.hub.fit import shape_of

    return model.shape or (shape_of(distill) if distill else None)
