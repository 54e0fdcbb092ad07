"""The votes of several samples, while they think and after: answers, counts, and each sample."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.app import RenderResult
from textual.binding import BindingType
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.widget import Widget

from r1chat import votes as words
from r1chat.formatting import counted
from r1chat.sanitize import line
from r1chat.tui.keys import bindings
from r1chat.tui.samples import Draw, Sample
from r1chat.tui.thought_words import fit
from r1chat.wording import LONGEST_FINAL

_NARROWEST = 7
"""Columns of a sample at least, beside the digits of its number."""
_WIDEST = 18
_WORDS_FROM = 7
"""Columns from which on what a sample is at is said in a word."""
_LABELS = (24, 12, 7)
"""Columns of an answer, as far as there is room."""
_ABOVE = 2
"""Rows above those of the samples."""
_GAP = Content("  ")
_KEYS = "Alt+← Alt+→"
_SIGNS = {
    "waits": "·",
    "thinks": "…",
    "answers": "…",
    "stopped": "×",
    "skipped": "·",
    "failed": "!",
    "ended": "–",
}


class Tally(Widget, can_focus=True):
    """Three rows or a few more: how far they are, the answers as bars, the samples.

    Its height depends on its width and on how many samples there are alone, so that nothing moves
    while they think.
    """

    DEFAULT_CSS = """
    Tally {
        height: auto;
        padding: 0 2;
        margin: 1 0 0 0;
        color: $text-muted;
        text-wrap: nowrap;
        text-overflow: ellipsis;
        pointer: pointer;
        &:focus { color: $text; background: $boost; }
    }
    """
    FOCUS_ON_CLICK = False
    BINDINGS: ClassVar[list[BindingType]] = bindings("tally")
    ALLOW_SELECT = False

    @dataclass
    class Picked(Message):
        """The user wants to see a sample."""

        number: int

    def __init__(self, draw: Draw) -> None:
        super().__init__()
        self.draw = draw
        self._looked = 0
        self._drawn: object = None

    def show(self, looked: int) -> None:
        """Draws what is new, if anything is.

        Args:
            looked: Which sample stands below.
        """
        draw, self._looked = self.draw, looked
        each = tuple((sample.state, sample.vote) for sample in draw.samples)
        news = (looked, each, draw.votes, draw.at_once, draw.decided, draw.over)
        if news != self._drawn:
            self._drawn = news
            self.refresh()

    # -- where things stand --

    def _grid(self, width: int) -> tuple[int, int, int]:
        """How many rows the samples take, how many stand in each, and how wide one is."""
        count = len(self.draw.samples)
        narrowest = _NARROWEST + len(str(count))
        rows = math.ceil(count / max(1, width // narrowest))
        in_row = math.ceil(count / rows)
        return rows, in_row, min(_WIDEST, max(narrowest, width // in_row))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Two rows, and those of the samples."""
        del container, viewport
        return _ABOVE + self._grid(width)[0]

    def render(self) -> RenderResult:
        """All rows."""
        width = self.content_size.width
        return Content("\n").join([self._head(width), self._bars(width), *self._each(width)])

    # -- the rows --

    def _head(self, width: int) -> Content:
        draw, votes = self.draw, self.draw.votes
        said = self._verdict() if draw.over else self._progress()
        style = "bold $text" if draw.decided and not draw.over else ""
        text = fit(said, width)
        gap = width - cell_len(text) - len(_KEYS)
        keys = " " * gap + _KEYS if gap > 1 and votes.samples > 1 else ""
        return Content.assemble((text, style), keys).truncate(width, ellipsis=True)

    def _progress(self) -> list[str]:
        draw = self.draw
        states = [sample.state for sample in draw.samples]
        at_once = f", {draw.at_once} at a time" if draw.at_once < len(states) else ""
        why = ": memory" if draw.short and at_once else ""
        head = counted(len(states), "sample")
        if draw.votes.is_short:
            return [words.unfinished(draw.votes), words.drawn(draw.votes)]
        if draw.decided:
            return [f"{head} · certain: the others can change nothing", f"{head} · certain"]
        ended = len(states) - draw.coming
        counts = [(ended, "ended"), (states.count("thinks"), "thinking")]
        counts += [(states.count("answers"), "answering"), (states.count("waits"), "waiting")]
        told = " · ".join(f"{count} {what}" for count, what in counts if count)
        brief = f"{ended} of {head} ended"
        return [
            f"{head}{at_once}{why} · {told}",
            f"{head} · {told}",
            f"{brief}{at_once}{why}",
            brief,
        ]

    def _verdict(self) -> list[str]:
        votes = self.draw.votes
        majority, short = (words.agreeing(votes, longest) for longest in _LABELS[:2])
        stopped = f"{votes.stopped} stopped" if votes.stopped else ""
        if votes.is_short:
            stopped = words.drawn(votes)
        variants = (
            (majority, words.unfinished(votes)),
            (majority, stopped),
            (majority,),
            (short,),
        )
        return [" · ".join(part for part in parts if part) for parts in variants]

    def _bars(self, width: int) -> Content:
        counts, coming = self.draw.votes.counts, 0 if self.draw.over else self.draw.coming
        most = "up to " if self.draw.is_sparing else ""
        rest = f"{'┄' * coming} {most}{coming} to come" if coming else ""
        if not counts:
            # After the last the head says it: samples of prose have answers, and no results.
            return Content(f"no result yet  {rest}"[:width] if coming else "")
        end = [Content(rest)] if rest else []
        for limit in _LABELS:
            bars = [
                _bar(final, count, limit, first=not place)
                for place, (final, count) in enumerate(counts)
            ]
            if _cells([*bars, *end]) <= width:
                return _GAP.join([*bars, *end])
        # What does not fit is what has the fewest votes.
        end = [Content("…"), *end]
        while len(bars) > 1 and _cells([*bars, *end]) > width:
            bars.pop()
        return _GAP.join([*bars, *end]).truncate(width)

    def _each(self, width: int) -> list[Content]:
        _, in_row, columns = self._grid(width)
        digits = len(str(len(self.draw.samples)))
        chips = [
            self._chip(number, sample, columns, digits)
            for number, sample in enumerate(self.draw.samples)
        ]
        return [
            Content("").join(chips[start : start + in_row])
            for start in range(0, len(chips), in_row)
        ]

    def _chip(self, number: int, sample: Sample, columns: int, digits: int) -> Content:
        looked = number == self._looked
        name = f"{'▸' if looked else ' '}{number + 1:>{digits}} "
        room = columns - len(name) - 1
        if sample.vote is not None:
            state = line(sample.vote, LONGEST_FINAL)
        elif room >= _WORDS_FROM:
            state = "no vote" if sample.state == "ended" else sample.state
        else:
            state = _SIGNS[sample.state]
        leads = sample.vote is not None and sample.vote == self.draw.votes.final
        style = "bold $text-accent" if leads else "$text" if sample.goes_on or looked else ""
        text = Content.assemble((name, "bold $text" if looked else ""), (state, style))
        # By columns: some characters take two.
        text = text.truncate(columns - 1, ellipsis=True)
        return text.pad_right(columns - text.cell_length)

    # -- what the user does --

    def action_step(self, by: int) -> None:
        """Looks at the sample before or after."""
        number = self._looked + by
        if 0 <= number < len(self.draw.samples):
            self.post_message(self.Picked(number))

    def on_click(self, event: events.Click) -> None:
        """Looks at the sample that was hit."""
        event.stop()
        at = event.get_content_offset(self)
        if at is None:
            return
        _, in_row, columns = self._grid(self.content_size.width)
        row, column = at.y - _ABOVE, at.x // columns
        number = row * in_row + column
        if row >= 0 and column < in_row and number < len(self.draw.samples):
            self.post_message(self.Picked(number))


def _cells(parts: list[Content]) -> int:
    """Columns that parts take side by side."""
    return sum(part.cell_length + _GAP.cell_length for part in parts) - _GAP.cell_length


def _bar(final: str, count: int, limit: int, *, first: bool) -> Content:
    style = "bold $text-accent" if first else ""
    label = Content.styled(line(final, 2 * limit), style).truncate(limit, ellipsis=True)
    return Content.assemble(label, " ", ("━" * count, style), f" {count}")
