"""The line that shows what is attached to the next question."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from textual.message import Message
from textual.widgets import Static

from r1chat.errors import R1ChatError
from r1chat.formatting import counted
from r1chat.sanitize import line
from r1chat.tui.threads import on_thread

if TYPE_CHECKING:
    from r1chat.attachments import Attachment

MOST_ATTACHED = 16


class AttachmentBar(Static):
    """Holds the attachments of the next question; hidden while there is none."""

    DEFAULT_CSS = """
    AttachmentBar { height: auto; color: $text-muted; }
    """

    class Changed(Message):
        """Something was attached or removed."""

    def __init__(self) -> None:
        super().__init__("", id="attached", markup=False)
        self.display = False
        self._attached: list[Attachment] = []

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """What is attached."""
        return tuple(self._attached)

    def take(self) -> tuple[Attachment, ...]:
        """Hands the attachments over to a question, and is empty again."""
        attached = self.attachments
        self._attached.clear()
        self._show()
        return attached

    def restore(self, attachments: Iterable[Attachment]) -> None:
        """Attaches what belongs to a question that comes back, as far as there is room."""
        for each in attachments:
            if each not in self._attached:
                self.add(each)

    def attach_text(self, text: str) -> None:
        """Attaches a pasted text, or says why not."""
        from r1chat import attachments

        name = f"pasted text {len(self._attached) + 1}"
        try:
            attachments.check_size(text.encode(errors="replace"), name)
        except R1ChatError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        self.add(attachments.Attachment(name, text))

    async def attach_file(self, path: str) -> bool:
        """Attaches a text file, or says why not.

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
        return self.add(found)

    def _wait(self, words: str) -> None:
        """Says, on the thread that reads a pipe, what is waited for."""
        self.app.call_from_thread(self.notify, line(words, 300), timeout=5, markup=False)

    def add(self, found: Attachment) -> bool:
        """Attaches something, if it is not one too many."""
        if len(self._attached) >= MOST_ATTACHED:
            self.notify(f"More than {MOST_ATTACHED} attachments are too many.", severity="warning")
            return False
        self._attached.append(found)
        self._show()
        return True

    def remove_last(self) -> None:
        """Removes the last attachment."""
        if self._attached:
            self._attached.pop()
            self._show()

    def _show(self) -> None:
        names = "  ".join(
            f"[{line(item.name, 40)}, {counted(len(item.text), 'character')}]"
            for item in self._attached
        )
        self.update(f" Attached: {names}  (Escape takes the last away)")
        self.display = bool(self._attached)
        self.post_message(self.Changed())
