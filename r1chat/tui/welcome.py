"""What a new user is shown: this machine, the model that suits it, and how it is downloaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from r1chat import keymap
from r1chat.formatting import (
    counted,
    format_bytes,
    format_rate,
    format_remaining,
    format_speed,
)
from r1chat.hub.fit import WORDS
from r1chat.hub.places import SOURCES
from r1chat.sanitize import line

if TYPE_CHECKING:
    from r1chat.hub.inventory import Survey
    from r1chat.tui.download import Download

_LINE_MBIT = 50
"""Of a usual connection, for the time that a download takes."""
_MOST_FOUND = 3
_MINUTE = 60
_START = (
    "r1chat shows how a model thinks, and lets you steer it. "
    "No model for real questions is on this machine yet."
)
_LOOKED_IN = "nothing yet (Hub cache, LM Studio, Ollama, {folders}, files opened before)"
_MEANWHILE = "Write your question meanwhile: it waits, and is asked once the model is there."
_TOY = "or just ask: a built-in toy answers, which knows arithmetic alone"


@dataclass(frozen=True, slots=True)
class Welcome:
    """What was found when the app was first started.

    Attributes:
        ref: The model that suits this machine.
        facts: What there is to know, each with its name.
    """

    ref: str
    facts: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, survey: Survey, *, begun: Download | None, own_folders: bool) -> Welcome:
        """What a survey comes to.

        Args:
            survey: The survey.
            begun: What is here of the model to begin with.
            own_folders: Whether the user has named folders to look in.
        """
        return cls(survey.recommended.ref, tuple(_facts(survey, begun, own_folders=own_folders)))

    def page(self, keys: Mapping[str, str], download: Download | None, asked_for: str) -> Group:
        """The page.

        Args:
            keys: The keys of all actions by their ids.
            download: The model that was chosen, while it is on its way.
            asked_for: The model that the Hub is being asked for, before that.
        """
        models, help_ = (keymap.shown(keys[each]) for each in ("app.models", "app.help"))
        if download is not None:
            does = "tries again" if download.failure else "pauses or stops it"
            other = f"{models} {does}, and shows other models."
            return Group(Text(f"{download.line}\n\n{_MEANWHILE}\n\n{other}"))
        if asked_for:
            return Group(Text(f"Asking the Hub for {line(asked_for, 60)} …\n\n{_MEANWHILE}"))
        fetch = keymap.shown(keys["app.fetch"])
        to_do = (
            ("Enter", f"downloads it ({fetch} while you write); questions wait for it"),
            (models, "shows other models, and opens files of your own"),
            ("", _TOY),
            (help_, "explains the keys"),
        )
        return Group(Text(_START), Text(), _table(self.facts), Text(), _table(to_do))


def _table(rows: tuple[tuple[str, str], ...]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for name, said in rows:
        table.add_row(name, Text(said))
    return table


def _facts(
    survey: Survey, begun: Download | None, *, own_folders: bool
) -> Iterator[tuple[str, str]]:
    machine, offer, fit = survey.machine, survey.recommended, survey.recommended.fit
    if machine.ram_total:
        free, total = format_bytes(machine.ram_free), format_bytes(machine.ram_total)
        parts = [f"{free} of {total} memory free", counted(machine.threads, "thread")]
        parts += [f"{line(gpu.name, 40)}, {format_bytes(gpu.total)}" for gpu in machine.gpus]
        parts += [f"reads {format_rate(machine.products)} of weights"] if machine.products else []
        yield "This machine", " · ".join(parts)
    title = offer.entry.title if offer.entry else offer.ref
    parts = [f"{line(title, 60)} ({offer.quant})"]
    if fit is not None and fit.mark != "fits":
        parts.append(f"the smallest one, {WORDS[fit.mark]}")
    if fit is not None and fit.tokens_per_s:
        parts.append(f"about {format_speed(fit.tokens_per_s, estimated=True)}")
    yield "Suits it", " · ".join(parts)
    seconds = offer.size * 8 / (_LINE_MBIT * 1e6)
    if seconds > _MINUTE:
        seconds = round(seconds / _MINUTE) * _MINUTE
    parts = [format_bytes(offer.size), f"{format_remaining(seconds)} at {_LINE_MBIT} Mbit/s"]
    parts += [f"{begun.percent} of it is here"] if begun is not None else []
    parts += [f"{format_bytes(machine.disk_free)} free on the disk"] if machine.disk_free else []
    yield "Its download", " · ".join(parts)
    folders = "your folders, r1chat's own" if own_folders else "r1chat's folder"
    yield "On this disk", _found(survey) or _LOOKED_IN.format(folders=folders)


def _found(survey: Survey) -> str:
    """The models that are here and were not taken, each with the reason."""
    here = [model for model in survey.local if model.source != "built in"]
    said = []
    for model in here[:_MOST_FOUND]:
        fit = survey.fits.get(model.ref)
        why = model.problem or ("too big" if fit and fit.mark == "no" else "")
        said.append(f"{line(model.name, 40)} ({SOURCES[model.source]}{f': {why}' if why else ''})")
    if len(here) > _MOST_FOUND:
        said.append(f"{len(here) - _MOST_FOUND} more")
    return ", ".join(said)
