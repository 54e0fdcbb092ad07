"""What is known of the model that the cursor is on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from r1chat.formatting import format_bytes, format_count, format_speed, noun
from r1chat.hub.places import SOURCES
from r1chat.sanitize import line
from r1chat.tui.keys import bindings
from r1chat.tui.models import columns
from r1chat.tui.models.rows import Row
from r1chat.tui.screens.once import Once

if TYPE_CHECKING:
    from r1chat.tui.services.known_models import Served

_LONGEST = 300
_LONGEST_VALUE = 500


class ModelDetails(VerticalScroll, can_focus=False):
    """A few lines below or beside the list."""

    DEFAULT_CSS = """
    ModelDetails {
        height: auto;
        max-height: 50%;
        padding: 0 1;
        background: $surface;
        scrollbar-size-vertical: 1;
        Static { height: auto; }
    }
    """

    def compose(self) -> ComposeResult:
        """One text."""
        yield Static(markup=False)

    def show(self, row: Row | None) -> None:
        """Says what is known of a row."""
        self.query_one(Static).update("" if row is None else text(row))


class AboutModel(ModalScreen[None], Once[None]):
    """Shows what is known of a model; any of Escape, F6, i and q closes it.

    Args:
        row: The model.
        pairs: More about it.
    """

    DEFAULT_CSS = """
    AboutModel {
        align: center middle;
        & > VerticalScroll {
            width: 76;
            max-width: 98%;
            height: auto;
            max-height: 94%;
            padding: 0 1;
            background: $surface;
            border: round $primary;
            scrollbar-size-vertical: 1;
            Static { height: auto; }
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("about")

    def __init__(self, row: Row, pairs: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__()
        self._row = row
        self._pairs = pairs

    def compose(self) -> ComposeResult:
        """One text that scrolls where the screen is small."""
        parts: list[Content | str | tuple[str, str]] = [text(self._row), "\n"]
        for name, value in self._pairs:
            parts.append(("\n" + line(name, 40) + "  ", "$foreground 60%"))
            parts.append(line(value, _LONGEST_VALUE))
        with VerticalScroll():
            yield Static(Content.assemble(*parts), markup=False)


def text(row: Row) -> Content:
    """What is known of a row, in a few lines."""
    lines = [_heading(row)]
    if row.download is not None and row.download.failure:
        lines.append(Content(row.download.failure))
    if row.local is not None and row.local.problem:
        lines.append(Content.styled(f"✗ {line(row.local.problem, _LONGEST)}", "$text-error"))
    if row.server is not None:
        lines += _server(row.server)
    if row.fit is not None:
        says, style = columns.said(row.fit)
        lines.append(Content.assemble((f"{says}: ", style), row.fit.arithmetic))
    lines.append(Content(_speed_and_scores(row)))
    lines.append(Content(_origin(row)))
    if row.local is not None:
        path = str(row.local.path)
        lines.append(Content.styled(line(path, _LONGEST), "$foreground 60%"))
    return Content("\n").join(each for each in lines if each)


def _server(server: Served) -> list[Content]:
    """Where a server is, and what is wrong with it."""
    where = Content(f"Server {server.name}, {line(server.url, _LONGEST)}")
    if not server.problem:
        return [where]
    return [where, Content.styled(f"✗ {line(server.problem, _LONGEST)}", "$text-error")]


def _heading(row: Row) -> Content:
    name = row.entry.title if row.entry else row.name
    parts: list[str | tuple[str, str]] = [(name, "bold")]
    about = [row.quant, format_bytes(row.size) if row.size else ""]
    if row.entry is not None:
        about.append(f"{format_count(row.entry.parameters)} parameters")
    elif row.found is not None and row.found.parameters:
        about.append(f"{format_count(row.found.parameters)} parameters")
    if row.local is not None:
        about += [line(row.local.arch, 40), "thinks" if row.local.thinks else "does not think"]
    if row.found is not None:
        about += [
            line(row.found.arch, 40),
            f"{format_count(row.found.downloads)} {noun(row.found.downloads, 'download')}",
        ]
        about += [
            f"{format_count(row.found.likes)} {noun(row.found.likes, 'like')}",
            f"updated {line(row.found.updated, 10)}",
        ]
    said = " · ".join(each for each in about if each)
    return Content.assemble(*parts, f"  {said}" if said else "")


def _speed_and_scores(row: Row) -> str:
    parts = [row.fit.on_gpu] if row.fit is not None and row.fit.on_gpu else []
    if row.speed is not None:
        parts.append(f"about {format_speed(row.speed, estimated=True)}")
    context = row.entry.context if row.entry else row.local.context if row.local else 0
    if row.found is not None and row.found.context:
        context = row.found.context
    if context and row.fit is not None:
        parts.append(f"{row.fit.context:,} of {context:,} tokens of context")
    elif context:
        parts.append(f"{context:,} tokens of context")
    if row.entry is not None:
        scores = row.entry.scores
        if scores.aime_pass1 is not None:
            votes = f" (of 64 votes {scores.aime_cons64})" if scores.aime_cons64 else ""
            parts.append(f"AIME 2024 {scores.aime_pass1} %{votes}")
        if scores.aime25_pass1 is not None:
            parts.append(f"AIME 2025 {scores.aime25_pass1} %")
        if scores.math500 is not None:
            parts.append(f"MATH-500 {scores.math500} %")
        if scores.source:
            parts.append(f"scores: {scores.source}, {scores.date}")
    return " · ".join(parts)


def _origin(row: Row) -> str:
    parts = []
    if row.entry is not None:
        from r1chat.hub.catalogue import was_run

        if not was_run(row.entry):
            parts.append(f"its format ({row.entry.format}) was tried here on made-up models alone")
        parts.append(f"Licence {' and '.join(row.entry.licences)}")
        if row.local is None:
            parts.append(f"from {row.download.repo if row.download else row.entry.repos[0]}")
    elif row.download is not None:
        parts.append(f"from {line(row.download.repo, 96)}")
    if row.local is not None:
        parts.append(SOURCES[row.local.source])
        if row.local.repo:
            parts.append(f"from {line(row.local.repo, 96)}")
        if row.local.commit:
            parts.append(f"commit {row.local.commit[:8]}")
    if row.found is not None and row.found.gated:
        parts.append("gated: its terms have to be accepted on its page first")
    return " · ".join(parts)
