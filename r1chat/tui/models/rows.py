"""What the models screen lists: values alone, so that they can be sorted, filtered and tested."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from r1chat.formatting import format_count, noun
from r1chat.hub.places import SOURCES
from r1chat.models import TINY
from r1chat.sanitize import line

if TYPE_CHECKING:
    from r1chat.hub.catalogue import Entry
    from r1chat.hub.fit import Fit
    from r1chat.hub.inventory import Offer, Survey
    from r1chat.hub.local import LocalModel
    from r1chat.hub.remote import Found
    from r1chat.tui.download import Download
    from r1chat.tui.services.known_models import Served

Section: TypeAlias = Literal["downloading", "here", "served", "offered", "others", "found"]
Order: TypeAlias = Literal["usual", "name", "size", "score", "speed"]
ORDERS: tuple[Order, ...] = ("usual", "name", "size", "score", "speed")
TITLES: dict[Section, str] = {
    "downloading": "Downloading",
    "here": "On this machine",
    "served": "On servers",
    "offered": "Available to download",
    "others": "Other models that think",
    "found": "On the Hub",
}


UNTRIED = "unproven"
"""The state of a model in whose format no real one was ever run with r1chat."""


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
    entry: Entry | None = None
    state: str = ""
    busy: bool = False
    """Whether the state matters more than how it fits."""
    in_use: bool = False
    local: LocalModel | None = None
    download: Download | None = None
    found: Found | None = None
    server: Served | None = None

    @property
    def usable(self) -> bool:
        """Whether a model can be used as it is."""
        if self.section == "served":
            return "#" in self.ref
        return self.section == "here" or (self.download is not None and self.download.active)

    @property
    def has_row(self) -> bool:
        """Whether it is a line at all; see `NO_ROW`."""
        return bool(self.key)

    @property
    def can_download(self) -> bool:
        """Whether it is neither here nor on a server."""
        return self.section != "served" and not self.usable

    @property
    def can_ask(self) -> bool:
        """Whether it is a server that has not said what it has."""
        return self.section == "served" and not self.usable

    @property
    def has_quants(self) -> bool:
        """Whether there are other quants of it."""
        return self.entry is not None or self.found is not None

    @property
    def has_download(self) -> bool:
        """Whether it is being downloaded, or that is paused."""
        return self.download is not None

    @property
    def is_downloading(self) -> bool:
        """Whether it is being downloaded now."""
        return self.download is not None and self.download.active

    @property
    def is_paused(self) -> bool:
        """Whether its download is paused."""
        return self.download is not None and not self.download.active

    @property
    def can_verify(self) -> bool:
        """Whether its files are on this machine."""
        return self.local is not None

    @property
    def can_delete(self) -> bool:
        """Whether they are, and no download needs them."""
        return self.local is not None and self.download is None

    @property
    def score(self) -> float | None:
        """Its maker's figure for AIME 2024, in percent."""
        return self.entry.scores.aime_pass1 if self.entry else None

    @property
    def speed(self) -> float | None:
        """Tokens a second to expect."""
        return self.fit.tokens_per_s if self.fit else None

    def matches(self, words: Sequence[str]) -> bool:
        """Whether all of some words, in lower case, stand somewhere in it."""
        title = self.entry.title if self.entry else ""
        arch = self.local.arch if self.local else ""
        mark = self.fit.mark if self.fit else ""
        texts = (self.name, self.quant, self.ref, self.state, title, arch, mark)
        searched = " ".join(texts).lower()
        return all(word in searched for word in words)


NO_ROW = Row("", "offered", "", "")
"""What the cursor is on where the list is empty: what is typed can be downloaded."""


def rows(
    survey: Survey | None,
    downloads: Iterable[Download],
    current: str,
    path: Path | None = None,
    servers: Iterable[Served] = (),
) -> list[Row]:
    """What there is, in the usual order.

    Args:
        survey: What is known; None before anybody has looked.
        downloads: Those that go on, wait or failed.
        current: The model in use.
        path: Its file.
        servers: Named servers, as far as they have said what they have.
    """
    served = [row for server in servers for row in _of_server(server, current)]
    if survey is None:
        return _unseen(current, served)
    made = [_of_download(each, survey.entry_of(each.repo)) for each in downloads]
    coming = {(row.entry.name, row.quant) for row in made if row.entry is not None}
    for model in survey.local:
        row = _of_local(model, survey.entries.get(model.ref))
        in_use = model.path == path or current in {
            model.ref,
            f"{model.repo}:{model.quant}",
            str(model.path),
        }
        made.append(replace(row, fit=survey.fits.get(model.ref), in_use=in_use))
    made += [
        _of_offer(offer, offer.entry, recommended=offer == survey.recommended)
        for offer in survey.offers
        if offer.entry and (offer.entry.name, offer.quant) not in coming
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


def _of_download(download: Download, entry: Entry | None) -> Row:
    return Row(
        key=download.row,
        section="downloading",
        ref=download.ref,
        name=entry.name if entry else line(download.name, 96),
        quant=download.quant,
        size=download.total,
        fit=download.fit,
        entry=entry,
        state=download.state,
        busy=True,
        download=download,
    )


def _of_local(model: LocalModel, entry: Entry | None) -> Row:
    name = TINY if model.ref == TINY else entry.name if entry else line(model.name, 96)
    return Row(
        key=f"here {model.ref}",
        section="here",
        ref=model.ref,
        name=name,
        quant=line(model.quant, 32),
        size=model.size,
        entry=entry,
        state="unusable" if model.problem else SOURCES[model.source],
        busy=bool(model.problem),
        local=model,
    )


def _of_offer(offer: Offer, entry: Entry, *, recommended: bool) -> Row:
    from r1chat.hub.catalogue import FAMILY, was_run

    state = "recommended" if recommended else "" if was_run(entry) else UNTRIED
    return Row(
        key=f"offer {entry.name}",
        section="offered" if entry.family == FAMILY else "others",
        ref=offer.ref,
        name=entry.name,
        quant=offer.quant,
        size=offer.size,
        fit=offer.fit,
        entry=entry,
        state=state,
    )


def _popularity(result: Found) -> str:
    parts = [f"{format_count(result.downloads)} {noun(result.downloads, 'download')}"]
    if result.parameters:
        parts.insert(0, f"{format_count(result.parameters)} parameters")
    if result.gated:
        parts.append("gated")
    return " · ".join(parts)
