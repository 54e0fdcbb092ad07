"""A thought as it grows, and the ways through it: from doubt to doubt, paragraph by paragraph."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from r1chat.events import WrongSum
from r1chat.tui.finding import places_of
from r1chat.tui.keys import applies, bindings
from r1chat.tui.markdown.origins import Place
from r1chat.tui.widgets.line_view import LineView
from r1chat.tui.widgets.strips import Span


@dataclass(frozen=True, slots=True)
class Passage:
    """A paragraph of the thought, by where it stands in the text as it was written."""

    offset: int
    end: int
    """After its newline."""
    text: str
    """As it is shown."""


class ThoughtView(LineView):
    """A view of a thought with a cursor on its paragraphs."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("thought")

    shaded: reactive[bool] = reactive(default=False, repaint=False, init=False)
    """Whether paragraphs are shaded that the model was not sure of."""
    cursor: reactive[int | None] = reactive[int | None](None, repaint=False)
    """The number of the paragraph that is chosen, or None."""

    @dataclass
    class ParagraphChosen(Message):
        """The user wants to go back to a paragraph of the thought."""

        view: ThoughtView
        offset: int
        """Where the paragraph begins in the thought as it was written, in characters."""
        end: int
        """Where it ends, its newline included."""
        wrong: WrongSum | None = None
        """The wrong sum from which the thought is to go on; None where that is to be asked."""
        forks: bool = False
        """Whether several continuations are to be drawn from it."""

    searched = ""
    """What is searched for."""
    found: tuple[Span, ...] = ()
    """Where it stands, in order."""
    _shade_seen = (0, 0)
    """The paragraph that was written last, and how it was shaded."""
    _at_found = 0
    """Which of these places was gone to last."""
    _moment: int | None = None
    """The moment that was gone to last, as long as the cursor is on it."""

    @property
    def moments(self) -> int:
        """How often the model doubted."""
        return len(self.written.moments)

    def clear(self) -> None:
        """Forgets everything."""
        self.set_reactive(ThoughtView.cursor, None)
        self._moment = None
        self._shade_seen = (0, 0)
        super().clear()

    def next_moment(self) -> bool:
        """Goes to the next moment of doubt below the top; whether there is one."""
        return self._go_to_moment(1)

    def previous_moment(self) -> bool:
        """Goes to the last moment of doubt above the top, or of all when it follows the tail.

        Returns:
            Whether there is one.
        """
        return self._go_to_moment(-1)

    @property
    def paragraph_at_cursor(self) -> Passage | None:
        """The paragraph that is chosen, if any is."""
        if self.cursor is None:
            return None
        last = self._page.last_of(self.cursor)
        paragraphs = self.written.paragraphs[self.cursor : last + 1]
        text = "\n".join(paragraph.text for paragraph in paragraphs)
        return Passage(paragraphs[0].offset, self.written.end_of(last), text)

    def move_cursor(self, by: int) -> None:
        """Chooses the paragraph so many further down; without one, the last that is in sight."""
        page = self._page
        if self._stale or not page.count:
            return
        at = self.cursor
        if at is None:
            at = page.place(max(0, min(self._bottom, page.count) - 1)).paragraph + 1
            by = -1
        step = 1 if by > 0 else -1
        chosen = None
        while by and 0 <= at + step < len(self.written.paragraphs):
            at += step
            if self.written.paragraphs[at].text.strip() and page.begins(at):
                chosen = at
                by -= step
        if chosen is not None:
            self._choose(chosen, page.rows_of(chosen))

    def search(self, words: str) -> int | None:
        """Finds words, and goes to the first of their places from the top of what is in sight on.

        Args:
            words: The words; none ends the search.

        Returns:
            The number of that place, or None where there is none. While the words stay the same
            it is that of the place that was gone to.
        """
        again = words == self.searched
        self.searched = words
        self.found = places_of(words, [each.text for each in self.written.paragraphs])
        self._strips.clear()
        self.refresh()
        if not self.found:
            return None
        if again:
            return self._at_found
        here = self.place_at_top
        number = bisect_left(self.found, (here, here))
        self._at_found = number % len(self.found)
        self._show_place(self.found[self._at_found][0])
        return self._at_found

    def go_to_found(self, step: int) -> int | None:
        """Goes to another place that was found; behind the last one comes the first.

        Args:
            step: 1 for the next one, -1 for the previous one.

        Returns:
            Its number, or None where there is none.
        """
        if not self.found:
            return None
        self._at_found = (self._at_found + step) % len(self.found)
        self._show_place(self.found[self._at_found][0])
        return self._at_found

    @property
    def found_place(self) -> Place | None:
        """Where the place that was gone to last begins."""
        return self.found[self._at_found][0] if self.found else None

    def _show_place(self, place: Place) -> None:
        """Brings a place into sight, unless it is."""
        row, top = self._page.row(place), self.scroll_offset.y
        if not top <= row < self._bottom:
            self._hold(max(0, row - self.container_size.height // 3))
            self._settle()

    def _found_in(self, span: Span) -> tuple[Span, ...]:
        first = max(0, bisect_left(self.found, (span[0], span[0])) - 1)
        found = []
        for each in self.found[first:]:
            if each[0] >= span[1]:
                break
            found.append(each)
        return tuple(found)

    def watch_cursor(self, old: int | None, new: int | None) -> None:
        """Shows the chosen paragraph."""
        self._moment = None
        for paragraph in (old, new):
            if paragraph is not None and not self._stale:
                rows = self._page.rows_of(paragraph)
                self._repaint(rows.start, rows.stop)
        if (old is None) != (new is None):
            self.refresh_bindings()

    def action_scroll_end(self) -> None:
        """Goes to the end and stays there."""
        self.cursor = None
        super().action_scroll_end()

    def action_next_moment(self) -> None:
        """Goes to the next moment of doubt."""
        self.next_moment()

    def action_previous_moment(self) -> None:
        """Goes to the previous moment of doubt."""
        self.previous_moment()

    def action_move_cursor(self, by: int) -> None:
        """Chooses another paragraph."""
        self.move_cursor(by)

    def action_choose(self) -> None:
        """Tells which paragraph is chosen."""
        passage = self.paragraph_at_cursor
        if passage is not None:
            self.post_message(self.ParagraphChosen(self, passage.offset, passage.end))

    def action_fork(self) -> None:
        """Tells that several continuations are to be drawn from the chosen paragraph."""
        passage = self.paragraph_at_cursor
        if passage is not None:
            chosen = self.ParagraphChosen(self, passage.offset, passage.end, forks=True)
            self.post_message(chosen)

    def check_sum(self) -> bool:
        """Has the wrong sum of the chosen paragraph doubted, and says whether there is one."""
        passage, wrong = self.paragraph_at_cursor, self.wrong_at_cursor
        if passage is None or wrong is None:
            return False
        self.post_message(self.ParagraphChosen(self, passage.offset, passage.end, wrong))
        return True

    def action_check_sum(self) -> None:
        """Tells that the wrong sum of the chosen paragraph is to be doubted there."""
        self.check_sum()

    def action_leave(self) -> None:
        """Chooses no paragraph."""
        self.cursor = None
        if self.scroll_y >= self.max_scroll_y:
            self._follow()

    @property
    def has_cursor(self) -> bool:
        """Whether a paragraph is chosen."""
        return self.cursor is not None

    @property
    def has_moments(self) -> bool:
        """Whether the model doubts anywhere in it, or a sum is wrong."""
        return bool(self.written.moments or self.written.wrong)

    @property
    def wrong_at_cursor(self) -> WrongSum | None:
        """The wrong sum of the paragraph that is chosen, if there is one."""
        if self.cursor is None:
            return None
        here = range(self.cursor, self._page.last_of(self.cursor) + 1)
        wrong = self.written.wrong
        if self._moment is not None:
            place = self.written.marks[self._moment]
            wrong = [*(each for each in wrong if each.place == place), *wrong]
        return next((each.found for each in wrong if each.place.paragraph in here), None)

    @property
    def has_wrong_sum(self) -> bool:
        """Whether the paragraph that is chosen has a wrong sum."""
        return self.wrong_at_cursor is not None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hides the keys that would do nothing."""
        del parameters
        return applies(self, "thought", action)

    def update_text(self) -> None:
        """Brings the screen up to date with the text."""
        marks = self._marked_moments + self._marked_wrong
        super().update_text()
        if self.shaded:
            self._shade_anew()
        if not marks and self._marked_moments + self._marked_wrong and self.has_focus:
            self.refresh_bindings()

    def _shade_anew(self) -> None:
        """Repaints the paragraph that was written last, where more of it shades it otherwise."""
        paragraph, shade = self._shade_seen
        last = len(self.written.paragraphs) - 1
        if paragraph <= last and self.written.shade(paragraph) != shade and not self._stale:
            self._repaint(self._page.row(Place(paragraph, 0)), self._page.count)
        self._shade_seen = last, self.written.shade(last)

    def watch_shaded(self) -> None:
        """Shades the paragraphs, or none."""
        self._strips.clear()
        self.refresh()

    def _shade_of(self, place: Place) -> int:
        inside = self.shaded and place.paragraph < len(self.written.paragraphs)
        return self.written.shade(place.paragraph) if inside else 0

    def _is_chosen(self, place: Place) -> bool:
        cursor = self.cursor
        return cursor is not None and cursor <= place.paragraph <= self._page.last_of(cursor)

    def _choose(self, paragraph: int, rows: range) -> None:
        """Puts the cursor on a paragraph and brings some of its rows into sight."""
        self.cursor = paragraph
        height = self.container_size.height
        top = max(self.scroll_offset.y, rows.stop - height)
        self._hold(min(top, rows.start))
        self._settle()
        self._show_row(rows.start)

    def _show_row(self, row: int) -> None:
        """Scrolls what the thought stands in, where the row would be out of sight."""
        y = self.content_region.y + row - self.scroll_offset.y
        for around in self.ancestors:
            if isinstance(around, Widget) and around.show_vertical_scrollbar:
                seen = around.scrollable_content_region
                by = min(y - seen.y, 0) + max(y + 1 - seen.bottom, 0)
                if by:
                    around.scroll_relative(y=by, animate=False)
                y -= by

    def _go_to_moment(self, step: int) -> bool:
        page = self._page
        if self._stale or not page.count:
            return False
        moments = self.written.marks
        at = self._moment
        if at is None:
            here = page.count if self.following else self.scroll_offset.y
            rows = [page.row(moment) for moment in moments]
            at = bisect_left(rows, here) - (step > 0)
        at += step
        if not 0 <= at < len(moments):
            return False
        self._go_to(moments[at])
        self._moment = at
        return True

    @property
    def place_at_top(self) -> Place:
        """Where what is in sight begins."""
        return self._page.place(self.scroll_offset.y) if self._page.count else Place(0, 0)

    def read_from(self, place: Place) -> None:
        """Puts the cursor on the paragraph of a place, and the place to the top."""
        if not self._stale and self._page.count:
            self._go_to(place)
            self._hold(max(0, self._page.row(place) - 1))
            self._settle()

    def _go_to(self, place: Place) -> None:
        page = self._page
        row = page.row(place)
        # A line of a formula has no row of its own.
        paragraph = place.paragraph if page.begins(place.paragraph) else page.place(row).paragraph
        self._choose(paragraph, range(row, row + 1))
