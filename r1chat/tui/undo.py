"""How much one undo takes back: a word, or what was written between two pauses."""

from __future__ import annotations

from textual.document._edit import Edit
from textual.document._history import EditHistory

STEPS = 1000
"""Steps that can be taken back."""
_PAUSE_S = 1.0
_LONGEST = 24
"""Characters of a step, in a text without spaces."""


class WordHistory(EditHistory):
    """Makes a step of each word, with the space behind it, of each pause and of each deletion.

    Textual's own makes one of all that is typed without a pause of two seconds.
    """

    def __init__(self) -> None:
        super().__init__(
            max_checkpoints=STEPS, checkpoint_timer=_PAUSE_S, checkpoint_max_characters=_LONGEST
        )
        self._after_space = False

    def record(self, edit: Edit) -> None:
        """Records an edit, behind a checkpoint where a word begins."""
        result = edit._edit_result  # noqa: SLF001  (as Textual's own history reads it)
        removed = result.replaced_text if result is not None else ""
        begins_word = self._after_space and bool(edit.text) and not edit.text.isspace()
        # A word or a line that is deleted by one key is a step of its own.
        if begins_word or len(removed) > 1:
            self.checkpoint()
        super().record(edit)
        if len(removed) > 1:
            self.checkpoint()
        self._after_space = edit.text.isspace()

    def clear(self) -> None:
        """Forgets all steps."""
        super().clear()
        self._after_space = False
