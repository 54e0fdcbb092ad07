"""What goes along with the next question."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.screen import Screen
from textual.widgets import Static

from r1chat.errors import R1ChatError
from r1chat.formatting import counted
from r1chat.sanitize import line
from r1chat.tui.threads import on_thread
from r1chat.tui.widgets.composer import Composer

if TYPE_CHECKING:
    from r1chat.attachments import Attachment

MOST_ATTACHED = 16


class AttachingScreen(Screen[None]):
    """Gathers attachments, and shows them in a line of its own."""

    DEFAULT_CSS = """
    AttachingScreen {
        #attached { height: auto; color: $text-muted; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._attached: list[Attachment] = []

    def attachment_line(self) -> Static:
        """The line that says what is attached, to be composed."""
        shown = Static("", id="attached", markup=False)
        shown.display = False
        return shown

    def take_attached(self) -> tuple[Attachment, ...]:
        """Gives what is attached to a question; nothing is any more."""
        attached = tuple(self._attached)
        self._attached.clear()
        self._show_attached()
        return attached

    def attach_again(self, attachments: Iterable[Attachment]) -> None:
        """Attaches what went along with a question that comes back, as far as there is room."""
        for each in attachments:
            if each not in self._attached:
                self._add(each)

    @on(Composer.Attach)
    async def _attach_pasted(self, event: Composer.Attach) -> None:
        if event.path is not None:
            if not await self.attach_file(str(event.path)):
                event.composer.insert(event.text)
            return
        from r1chat import attachments

        name = f"pasted text {len(self._attached) + 1}"
        try:
            attachments.check_size(event.text.encode(errors="replace"), name)
        except R1ChatError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        self._add(attachments.Attachment(name, event.text))

    async def attach_file(self, path: str) -> bool:
        """Attaches a text file to the next question, or says why not.

        Returns:
            Whether it is attached.
        """
        from r1chat import attachments

        try:
            # A disk may be slow, or somewhere else.
            read = partial(attachments.read_file, path, waits=self._wait)
            found = await on_thread(read, "r1chat-attach")
        except R1ChatError as error:
            self.notify(line(str(error), 300), severity="error", markup=False)
            return False
        return self._add(found)

    def _wait(self, words: str) -> None:
        """Says, on the thread that reads a pipe, what is waited for."""
        self.app.call_from_thread(self.notify, line(words, 300), timeout=5, markup=False)

    def _add(self, found: Attachment) -> bool:
        if len(self._attached) >= MOST_ATTACHED:
            self.notify(f"More than {MOST_ATTACHED} attachments are too many.", severity="warning")
            return False
        self._attached.append(found)
        self._show_attached()
        self.refresh_bindings()
        return True

    def detach(self) -> None:
        """Takes the last attachment away again."""
        if self._attached:
            self._attached.pop()
            self._show_attached()
            self.refresh_bindings()

    def _show_attached(self) -> None:
        shown = self.query_one("#attached", Static)
        names = "  ".join(
            f"[{line(item.name, 40)}, {counted(len(item.text), 'character')}]"
            for item in self._attached
        )
        shown.update(f" Attached: {names}  (Escape takes the last away)")
        shown.display = bool(self._attached)
