"""Where the question is written: several lines, a history, pasted files."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.actions import SkipAction
from textual.app import SuspendNotSupported
from textual.binding import BindingType
from textual.geometry import Offset
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widgets import TextArea

from r1chat.sanitize import line, line_breaks, sanitize
from r1chat.tui.dropped import dropped_file
from r1chat.tui.keys import bindings
from r1chat.tui.recall import Recall
from r1chat.tui.undo import WordHistory

ASK = "Ask something…  (Enter sends, Ctrl+J begins a new line)"
_MOST_LINES = 8
_LONG_PASTE = 20_000


class Composer(TextArea):
    """Takes the question. Enter sends it; Shift+Enter, Alt+Enter or Ctrl+J begin a new line."""

    DEFAULT_CSS = f"""
    Composer {{
        height: auto;
        min-height: 3;
        max-height: {_MOST_LINES + 2};
        border: round $border-blurred;
        padding: 0 1;
        background: $background;
        border-title-color: $text-accent;
        border-title-background: $background;
        &:focus {{ border: round $border; }}
        .text-area--cursor-line {{ background: transparent; }}
    }}
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings("composer")

    queued: reactive[bool] = reactive(default=False, repaint=False)
    """Whether a question waits that can be taken back."""
    suggesting: reactive[bool] = reactive(default=False, repaint=False, bindings=True)
    """Whether something is suggested for the word that is being typed."""

    @dataclass
    class Sent(Message):
        """A question was sent; the composer is empty again."""

        text: str

    @dataclass
    class Emptied(Message):
        """A key that means something else in an empty composer: "enter", "up" or "ctrl+d"."""

        key: str

    @dataclass
    class Attach(Message):
        """Something was pasted that is better attached than written out."""

        path: Path | None
        """A file whose path was pasted."""
        text: str
        """What was pasted."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  (Textual's own name)
        super().__init__(
            id=id,
            soft_wrap=True,
            show_line_numbers=False,
            tab_behavior="focus",
            placeholder=ASK,
            highlight_cursor_line=False,
        )
        self.history = WordHistory()
        self._recall = Recall()
        self.keys_first: Callable[[str], bool] = lambda _: False
        """Takes a key before the composer does; tells whether it was meant."""
        self.pick_earlier: Callable[[Sequence[str]], None] = lambda _: None
        """Has the user pick one of the earlier texts, from new to old, to take up again."""

    def remember(self, text: str, *, unsent: bool = False) -> None:
        """Adds a text to those that the arrows bring back.

        Args:
            text: The text.
            unsent: Whether nothing else has it, so that it has to outlast the app.
        """
        self._recall.add(line_breaks(text), unsent=unsent)

    @property
    def unsent(self) -> tuple[str, tuple[str, ...]]:
        """What only the composer has: the draft, and texts that were put aside or changed."""
        return self._recall.unsent(self.text)

    def action_send(self) -> None:
        """Sends what is written, unless it is empty."""
        text = _without_blank_end(self.text)
        if not text.strip():
            self.post_message(self.Emptied("enter"))
            return
        # Cleared here and not by whoever takes it: by then the next question may have been begun.
        self._show(self._recall.sent(text))
        self.post_message(self.Sent(text))

    def give_back(self, text: str) -> None:
        """Restores a rejected question in front of the current draft."""
        self._show(f"{text}\n{self.text}" if self.text.strip() else text)

    def put_aside(self) -> None:
        """Empties the composer; the arrows bring the text back, at the next start too."""
        draft = self._recall.leave(self.text)
        self._recall.add(draft, unsent=True)
        self._show("")

    def visit(self, text: str) -> None:
        """Takes up an earlier text to change it; the draft waits until it is sent or left.

        Args:
            text: The text.
        """
        self._show(self._recall.visit(line_breaks(text), self.text))

    def leave(self, *, unless_changed: bool = False) -> None:
        """Goes back to the draft; a change that was made is kept for the arrows.

        Args:
            unless_changed: Whether a changed text becomes the draft, where there is none.
        """
        self._show(self._recall.leave(self.text, unless_changed=unless_changed))

    def load_text(self, text: str) -> None:
        """Puts a text into the place of what there is, for good."""
        super().load_text(line_breaks(text))

    def action_cursor_line_end(self, select: bool = False) -> None:  # noqa: FBT001, FBT002  (Textual's)
        """Goes to the end of the line; at it the key is the conversation's."""
        if not select and self.cursor_at_end_of_line:
            raise SkipAction
        super().action_cursor_line_end(select)

    def action_new_line(self) -> None:
        """Begins a new line."""
        self.insert("\n")

    def action_earlier(self) -> None:
        """Goes up a line, from the first one to the question before, of those that wait first."""
        if self.queued and not self.text:
            self.post_message(self.Emptied("up"))
            return
        found = self._recall.earlier(self.text) if self.cursor_at_first_line else None
        if found is None:
            self.action_cursor_up()
        else:
            self._show(found)

    def action_search(self) -> None:
        """Picks an earlier text to take up again."""
        texts = list(dict.fromkeys(reversed(self._recall.texts)))
        if texts:
            self.pick_earlier(texts)
        else:
            self.notify("Nothing was sent yet.", timeout=2)

    def action_edit(self) -> None:
        """Edits what is written in the user's own editor; the app waits meanwhile."""
        from r1chat.tui import editor

        try:
            editor.command(os.environ)
            with self.app.suspend():
                edited = editor.edit(self.text, os.environ)
        except SuspendNotSupported:
            self.notify("Not here: an editor needs a terminal of its own.", timeout=5)
        except editor.EditorError as error:
            self.notify(line(str(error), 300), severity="error", markup=False)
        else:
            self._show(sanitize(edited))
            self.app.refresh(layout=True)

    def action_delete_or_quit(self) -> None:
        """Deletes the sign to the right; where there is nothing at all, it ends the app."""
        if self.text:
            self.action_delete_right()
        else:
            self.post_message(self.Emptied("ctrl+d"))

    def action_later(self) -> None:
        """Goes down a line, from the last one to the question after."""
        found = self._recall.later(self.text) if self.cursor_at_last_line else None
        if found is None:
            self.action_cursor_down()
        else:
            self._show(found)

    def _show(self, text: str) -> None:
        """Puts a text into the place of what there is; undo brings that back."""
        if text != self.text:
            self.replace(line_breaks(text), (0, 0), self.document.end)
        self.move_cursor(self.document.end)

    def scroll_cursor_visible(self, center: bool = False, animate: bool = False) -> Offset:  # noqa: FBT001, FBT002  (Textual's)
        """Scrolls to the cursor, unless it still stands on a line that undo or redo took away."""
        if self.cursor_location[0] >= self.document.line_count:
            return Offset()
        return super().scroll_cursor_visible(center, animate)

    def render_line(self, y: int) -> Strip:
        """Draws a line; nothing where there is no column for it, which Textual cannot wrap to."""
        if self.content_size.width < 1:
            return Strip.blank(self.size.width, self.rich_style)
        return super().render_line(y)

    def _on_key(self, event: events.Key) -> None:  # type: ignore[override]
        # Not as priority bindings: these overtake the letters that were typed just before.
        if event.is_printable:
            if event.key.startswith("alt+"):
                # A key that does not apply now is no letter either.
                event.prevent_default()
            return
        if self.keys_first(event.key):
            event.stop()
            event.prevent_default()
            return
        found = self.screen.active_bindings.get(event.key)
        action = found.binding.action if found is not None and found.node is self else ""
        if action in {"send", "new_line"}:
            event.stop()
            event.prevent_default()
            if action == "send":
                self.action_send()
            else:
                self.action_new_line()

    async def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()
        path = dropped_file(event.text)
        if path is not None or len(event.text) > _LONG_PASTE:
            self.post_message(self.Attach(path, event.text))
            return
        self.insert(event.text)


def _without_blank_end(text: str) -> str:
    """A text without the blank lines that a paste often ends with."""
    kept = text.rstrip()
    return kept if "\n" in text[len(kept) :] else text
