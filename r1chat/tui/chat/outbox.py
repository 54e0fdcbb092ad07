"""What was typed and no model has yet: the draft, attachments, questions that wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from r1chat.tui.chat.attachment_bar import AttachmentBar
from r1chat.tui.widgets.composer import Composer
from r1chat.tui.widgets.queue import Queue, Queued

if TYPE_CHECKING:
    from r1chat.attachments import Attachment
    from r1chat.conversation import Node
    from r1chat.tui.services.drafts import Draft
    from r1chat.tui.widgets.turn import TurnView

_LOADING = "Waiting for the model"
_NO_MODEL = "Waiting for a model: F3 picks one, Escape gives the question back"


@dataclass(frozen=True, slots=True)
class Held:
    """A question that was sent before there was a model."""

    view: TurnView
    attached: tuple[Attachment, ...]
    parent: Node | None
    """What it follows; None is the end of the conversation."""


class Outbox:
    """Owns the question that waits for a model, and keeps all that was not answered yet.

    Args:
        composer: Has the draft.
        queue: Has the questions that wait for a reply to end.
        bar: Has the attachments.
    """

    def __init__(self, composer: Composer, queue: Queue, bar: AttachmentBar) -> None:
        self._composer = composer
        self._queue = queue
        self._bar = bar
        self.held: Held | None = None
        self.awaited = ""
        """What questions wait for though a model is there that could answer: a line for people."""

    # -- questions that wait for a reply to end --

    def put_off(self, text: str) -> None:
        """Has a question wait, with what is attached."""
        self._queue.add(Queued(text, self._bar.take()))

    def next(self) -> Queued | None:
        """Takes the question that has waited longest."""
        return self._queue.take_first()

    def take_back(self) -> None:
        """Puts the question that was sent last and still waits back into the composer."""
        question = self._queue.take_last()
        if question is not None:
            self._composer.give_back(question.text)
            self._bar.restore(question.attached)
            self._composer.focus()

    def put_aside(self) -> None:
        """Has the arrows bring back the questions that wait: their conversation is left."""
        while (question := self._queue.take_first()) is not None:
            self._composer.remember(question.text, unsent=True)
            self._bar.restore(question.attached)

    # -- the one that waits for a model --

    def hold(self, held: Held, *, loading: bool) -> None:
        """Keeps a question until there is a model."""
        self.held = held
        self.show_wait(loading=loading)

    def show_wait(self, *, loading: bool) -> None:
        """Says what the question waits for.

        Args:
            loading: Whether a model is on its way.
        """
        if self.held is not None:
            self.held.view.status = self.awaited or (_LOADING if loading else _NO_MODEL)

    def release(self) -> Held | None:
        """Takes the question, because there is a model now."""
        held, self.held = self.held, None
        return held

    def give_back_held(self) -> Held | None:
        """Puts the question back into the composer; it, where there was one."""
        held = self.release()
        if held is not None:
            self._composer.give_back(held.view.question)
            self._bar.restore(held.attached)
        return held

    # -- what comes back --

    def give_back_failed(self, words: str, attached: Sequence[Attachment]) -> None:
        """Gives words back that nothing came of; a draft that was begun since stays in front."""
        if self._composer.text.strip():
            self._composer.remember(words, unsent=True)
        else:
            self._composer.give_back(words)
        self._bar.restore(attached)

    def unsent(self) -> Draft:
        """What would be lost with the screen, whether or not it is still shown."""
        from r1chat.tui.services.drafts import Draft

        text, earlier = self._composer.unsent
        waiting = self._queue.questions
        if self.held is not None:
            waiting = (Queued(self.held.view.question, self.held.attached), *waiting)
        words = [*(each.text for each in waiting), *([text] if text.strip() else [])]
        along = tuple(each for question in waiting for each in question.attached)
        return Draft("\n".join(words) or text, earlier, (*along, *self._bar.attachments))

    def restore(self, draft: Draft) -> None:
        """Puts the draft of an app that has ended in front of what was written since."""
        for text in draft.earlier:
            self._composer.remember(text, unsent=True)
        if draft.text.strip():
            self._composer.give_back(draft.text)
        self._bar.restore(draft.attachments)
