"""What becomes of the text in the composer: a question, an edited question, words for a thought."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from r1chat.tui.widgets.composer import ASK, Composer

if TYPE_CHECKING:
    from r1chat.conversation import Node
    from r1chat.events import Reply
    from r1chat.tui.widgets.turn import TurnView

_STEER = "Add to the thought…"
_STEERING = "Add to the thought · Enter inserts · Esc stays stopped"
_REVISING = "Edit summary · Enter saves · Esc cancel"
_EDITING = "Edit question · F2 previous question · Esc cancel"


@dataclass(frozen=True, slots=True)
class Ask:
    """The text is a new question."""


@dataclass(frozen=True, slots=True)
class Edit:
    """The text replaces an earlier question."""

    node: Node


@dataclass(frozen=True, slots=True)
class Revise:
    """The text replaces a summary."""

    node: Node


@dataclass(frozen=True, slots=True)
class Steer:
    """The text goes into a thought."""

    view: TurnView
    reply: Reply | None = None
    """The reply that has paused; None while it is about to."""


InputMode: TypeAlias = Ask | Edit | Revise | Steer


class ModalInput:
    """Owns the input mode of the composer. No transition drops what was typed.

    Args:
        composer: Where the text is written.
        changed: Called when the mode has changed.
    """

    def __init__(self, composer: Composer, changed: Callable[[], None]) -> None:
        self._composer = composer
        self._changed = changed
        self.mode: InputMode = Ask()

    @property
    def edited(self) -> Node | None:
        """The turn whose question is being edited."""
        return self.mode.node if isinstance(self.mode, Edit) else None

    @property
    def steering(self) -> bool:
        """Whether a thought is paused, or about to pause."""
        return isinstance(self.mode, Steer)

    @property
    def paused(self) -> Steer | None:
        """The mode, where it is that of a thought that has paused."""
        mode = self.mode
        return mode if isinstance(mode, Steer) and mode.reply is not None else None

    def edit(self, node: Node, question: str) -> None:
        """Takes up the question of an earlier turn; the draft waits below it."""
        self._composer.visit(question)
        self._composer.focus()
        self._set(Edit(node))

    def revise(self, node: Node, summary: str) -> None:
        """Takes up a summary; the draft waits below it."""
        self._composer.visit(summary)
        self._composer.focus()
        self._set(Revise(node))

    @property
    def _visiting(self) -> bool:
        """Whether what was written before is in the composer, and the draft below it."""
        return isinstance(self.mode, (Edit, Revise))

    def pause(self, view: TurnView) -> None:
        """Waits for a thought to pause; meanwhile the text is a draft still."""
        if self._visiting:
            self._composer.leave(unless_changed=True)
        self._set(Steer(view))

    def steer(self, view: TurnView, reply: Reply) -> None:
        """Has the text go into a thought that has paused."""
        self._set(Steer(view, reply))

    def sent(self) -> InputMode:
        """Goes back to asking, because the text was sent.

        Returns:
            The mode that it was sent in.
        """
        mode = self.mode
        self._set(Ask())
        return mode

    def leave(self, *, unless_changed: bool = False) -> None:
        """Goes back to asking; what was typed becomes the draft, or comes back with the arrows.

        Args:
            unless_changed: Whether an edited question becomes the draft, where there is none.
        """
        if self._visiting:
            self._composer.leave(unless_changed=unless_changed)
        self._set(Ask())

    def _set(self, mode: InputMode) -> None:
        for each in (self.mode, mode):
            if isinstance(each, Steer):
                each.view.show_paused(each is mode)
        self.mode = mode
        steers = self.paused is not None
        titles = {Edit: _EDITING, Revise: _REVISING}
        self._composer.border_title = _STEERING if steers else titles.get(type(mode), "")
        self._composer.placeholder = _STEER if steers else ASK
        self._changed()
