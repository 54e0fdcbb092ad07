"""What the models screen lists: values alone, so that they can be sorted, filtered and tested."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from r1chat.formatting import format_count, noun
from r1chat.sanitize import line

if TYPE_CHECKING:
    from r1chat.hub.catalogue import Distill
    from r1chat.hub.fit import Fit
    from r1chat.hub.local import LocalModel
    from r1chat.hub.machine import Machine
    from r1chat.hub.remote import Found
    from r1chat.servers.listing import ServedModel
    from r1chat.tui.fetch import Fetch

Section: TypeAlias = Literal["fetching", "here", "served", "offered", "found"]
Order: TypeAlias = Literal["usual", "name", "size", "score", "speed"]
ORDERS: tuple[Order, ...] = ("usual", "name", "size", "score", "speed")
TITLES: dict[Section, str] = {
    "fetching": "Being fetched",
    "here": "On this machine",
    "served": "On servers",
    "offered": "To fetch",
    "found": "On the Hub",
}
TINY = "tiny"
SOURCES = {
    "built in": "built in",
    "hub": "Hub cache",
    "lm studio": "LM Studio",
    "ollama": "Ollama",
    "folder": "folder",
}


@dataclass(frozen=True, slots=True)
class Offer:
    """A distill in the quant that is best for this machine."""

    distill: Distill
    quant: str
    size: int
    """Bytes, about."""
    fit: Fit

    @property
    def ref(self) -> str:
        """What to ask for."""
        return f"{self.distill.name}-{self.quant.lower()}"


@dataclass(frozen=True, slots=True)
class Shelf:
    """All that is known of models here and of those worth fetching."""

    machine: Machine
    local: tuple[LocalModel, ...]
    offers: tuple[Offer, ...]
    recommended: Offer
    """The one to begin with."""
    fits: Mapping[str, Fit]
    """How the local models fit, by their references."""
    distills: Mapping[str, Distill]
    """The distills that local models are, by the models' references."""


@dataclass(frozen=True, slots=True)
class Served:
    """A named server, and what it has."""

    name: str
    url: str
    models: tuple[ServedModel, ...] | None = None
    """None before it has said."""
    problem: str = ""
    """Why it has not, in a line."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the list. Its texts are clean."""

    key: str
    section: Section
    ref: str
    name: str
    quant: str = ""
    size: int = 0
    """Bytes."""
    fit: Fit | None = None
    distill: Distill | None = None
    state: str = ""
    busy: bool = False
    """Whether the state matters more than how it fits."""
    in_use: bool = False
    local: LocalModel | None = None
    fetch: Fetch | None = None
    found: Found | None = None
    server: Served | None = None

    @property
    def usable(self) -> bool:
        """Whether a model can be used as it is."""
        if self.section == "served":
            return "#" in self.ref
        return self.section == "here" or (self.fetch is not None and self.fetch.active)

    @property
    def score(self) -> float | None:
        """DeepSeek's figure for AIME 2024, in percent."""
        return self.distill.scores.aime_pass1 if self.distill else None

    @property
    def speed(self) -> float | None:
        """Tokens a second to expect."""
        return self.fit.tokens_per_s if self.fit else None

    def matches(self, words: Sequence[str]) -> bool:
        """Whether all of some words, in lower case, stand somewhere in it."""
        title = self.distill.title if self.distill else ""
        arch = self.local.arch if self.local else ""
        mark = self.fit.mark if self.fit else ""
        texts = (self.name, self.quant, self.ref, self.state, title, arch, mark)
        searched = " ".join(texts).lower()
        return all(word in searched for word in words)


def rows(
    shelf: Shelf | None,
    fetches: Iterable[Fetch],
    current: str,
    path: Path | None = None,
    servers: Iterable[Served] = (),
) -> list[Row]:
    """What there is, in the usual order.

    Args:
        shelf: What is known; None before anybody has looked.
        fetches: Downloads that go on, wait or failed.
        current: The model in use.
        path: Its file.
        servers: Named servers, as far as they have said what they have.
    """
    served = [row for server in servers for row in _of_server(server, current)]
    if shelf is None:
        return _unseen(current, served)
    fetches = list(fetches)
    by_repo = {
        repo.lower(): offer.distill for offer in shelf.offers for repo in offer.distill.repos
    }
    made = [_of_fetch(fetch, by_repo.get(fetch.repo.lower())) for fetch in fetches]
    refs = Counter(_short_ref(model, shelf) for model in shelf.local)
    for model in shelf.local:
        ref = _short_ref(model, shelf)
        row = _of_local(model, shelf.distills.get(model.ref), ref if refs[ref] == 1 else model.ref)
        in_use = model.path == path or current in {row.ref, model.ref, str(model.path)}
        made.append(replace(row, fit=shelf.fits.get(model.ref), in_use=in_use))
    here = {(row.distill.name, row.quant) for row in made if row.distill is not None}
    made += [
        _of_offer(offer, recommended=offer.ref == shelf.recommended.ref)
        for offer in shelf.offers
        if (offer.distill.name, offer.quant) not in here
    ]
    made += served
    if not any(row.in_use for row in made):
        made.append(_in_use(current))
    return made


def _unseen(current: str, served: list[Row]) -> list[Row]:
    """What is there in any case."""
    tiny = Row(key=f"here {TINY}", section="here", ref=TINY, name=TINY, state=SOURCES["built in"])
    if current == TINY:
        return [replace(tiny, in_use=True), *served]
    chosen = [] if any(row.in_use for row in served) else [_in_use(current)]
    return [tiny, *served, *chosen]


def _in_use(current: str) -> Row:
    """The model in use, which lies where nobody looks; or the one that should be in use."""
    name = current.rpartition("/")[2] if current.endswith(".gguf") else current
    # An address, or a model that its server did not list.
    section: Section = "served" if "#" in current or "://" in current else "here"
    return Row(f"here {current}", section, current, line(name, 96), state="chosen", in_use=True)


def _of_server(server: Served, current: str) -> list[Row]:
    """A server's models; one row that says how it stands where it has not listed any."""
    if server.models:
        return [
            Row(
                key=f"served {server.name}#{model.id}",
                section="served",
                ref=f"{server.name}#{model.id}",
                name=line(f"{server.name}#{model.id}", 96),
                state=f"{format_count(model.context)} ctx" if model.context else "",
                in_use=f"{server.name}#{model.id}" == current,
                server=server,
            )
            for model in server.models
        ]
    waits = server.models is None and not server.problem
    state = "asking …" if waits else "no access" if server.problem else "no models"
    return [
        Row(
            key=f"served {server.name}",
            section="served",
            ref=server.name,
            name=line(server.name, 96),
            state=state,
            busy=True,
            server=server,
        )
    ]


def found_rows(results: Iterable[Found]) -> list[Row]:
    """What a search has found, as rows."""
    return [
        Row(
            key=f"found {result.repo}",
            section="found",
            ref=result.repo,
            name=line(result.repo, 96),
            state=_popularity(result),
            found=result,
        )
        for result in results
    ]


def arranged(made: Iterable[Row], order: Order, words: str = "") -> list[Row]:
    """Sorts and filters rows; sections stay together.

    Args:
        made: The rows.
        order: By what; scores and speeds begin with the highest.
        words: Only rows that have all of these words stay.
    """
    wanted = words.lower().split()
    kept = [row for row in made if row.matches(wanted)]
    key = _KEYS.get(order)
    if key is not None:
        kept.sort(key=key)
    sections: list[Section] = list(TITLES)
    return sorted(kept, key=lambda row: sections.index(row.section))


_KEYS: dict[Order, Callable[[Row], tuple[float, str]]] = {
    "name": lambda row: (0.0, row.name.lower()),
    "size": lambda row: (float(row.size), row.name.lower()),
    "score": lambda row: (-(row.score or 0.0), row.name.lower()),
    "speed": lambda row: (-(row.speed or 0.0), row.name.lower()),
}


def _of_fetch(fetch: Fetch, distill: Distill | None) -> Row:
    return Row(
        key=f"fetch {fetch.key}",
        section="fetching",
        ref=fetch.ref,
        name=distill.name if distill else line(fetch.name, 96),
        quant=fetch.quant,
        size=fetch.total,
        fit=fetch.fit,
        distill=distill,
        state=fetch.state,
        busy=True,
        fetch=fetch,
    )


def published_quant(model: LocalModel) -> str:
    """The quant as its publisher calls it: files of "UD-Q4_K_XL" call themselves Q4_K_M."""
    repo, _, quant = model.ref.partition(":")
    return quant if quant and repo == model.repo else model.quant


def _short_ref(model: LocalModel, shelf: Shelf) -> str:
    """A distill of the Hub's cache as it was fetched by: r1chat looks there for all publishers."""
    distill = shelf.distills.get(model.ref)
    if distill is None or model.ref != f"{model.repo}:{published_quant(model)}":
        return model.ref
    return f"{distill.name}-{published_quant(model).lower()}"


def _of_local(model: LocalModel, distill: Distill | None, ref: str) -> Row:
    name = TINY if model.ref == TINY else distill.name if distill else line(model.name, 96)
    return Row(
        key=f"here {model.ref}",
        section="here",
        ref=ref,
        name=name,
        quant=line(published_quant(model), 32),
        size=model.size,
        distill=distill,
        state="unusable" if model.problem else SOURCES[model.source],
        busy=bool(model.problem),
        local=model,
    )


def _of_offer(offer: Offer, *, recommended: bool) -> Row:
    return Row(
        key=f"offer {offer.distill.name}",
        section="offered",
        ref=offer.ref,
        name=offer.distill.name,
        quant=offer.quant,
        size=offer.size,
        fit=offer.fit,
        distill=offer.distill,
        state="recommended" if recommended else "",
    )


def _popularity(result: Found) -> str:
    parts = [f"{format_count(result.downloads)} {noun(result.downloads, 'download')}"]
    if result.parameters:
        parts.insert(0, f"{format_count(result.parameters)} parameters")
    if result.gated:
        parts.append("gated")
    return " · ".join(parts)
