"""Decides how to get an answer where a model would end its reply without one.

A model may end its reply in the middle of its thought, or behind it without a word, although the
result stands in the thought. So it is asked for the answer: its end is refused once, and then words
that begin an answer are written for it. A model whose answer follows by itself notices nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from r1chat.reasoning.final import final_answer, open_boxes
from r1chat.reasoning.phrases import ANSWER, BOX, BOX_END, OPEN_ANSWER

if TYPE_CHECKING:
    from r1chat.events import AnswerAsked

_BOXES = ("\\boxed", "\\fbox")


def asks_for_box(texts: Iterable[str]) -> bool:
    r"""Whether any of these texts speaks of ``\boxed``: instructions, a question, a thought."""
    return any(box in text for text in texts for box in _BOXES)


class Rescue:
    """Knows what was tried already to get an answer out of one reply. Pure: it is told the rest.

    Args:
        asked: The texts that say what is wanted: system texts and the question.
        allowed: Whether an answer may be asked for at all; not where a text is merely completed.
        trained: Whether the model was made to think, so that its vocabulary has the tags: then it
            writes its answer by itself behind a thought that was cut, and often works it out there.
        insists: Whether another token is drawn in place of an end before words are written. What a
            model writes then that was only asked to think is rarely its answer.
    """

    def __init__(
        self,
        asked: Iterable[str] = (),
        *,
        allowed: bool = True,
        trained: bool = True,
        insists: bool = True,
    ) -> None:
        self.done: AnswerAsked | None = None
        """The strongest remedy that was used."""
        self._allowed = allowed
        self._trained = trained
        self._insists = insists
        self._box_wanted = asks_for_box(asked)
        self._refused = False
        self._asked_for_final = False

    def refuses_end(self, answered: bool) -> bool:  # noqa: FBT001  (there is nothing else to say)
        """Whether to draw another token in place of the one that ends the reply.

        Args:
            answered: Whether there is an answer: anything but white space that the model wrote.
        """
        waits = self._insists or self.done == "words"
        if answered or self._refused or not (self._allowed and waits):
            return False
        self._refused = True
        self.done = self.done or "again"
        return True

    def begins_answer(self, answered: bool) -> bool:  # noqa: FBT001  (as above)
        """Whether to write `words`, for the model to continue.

        They are for a reply with a thought: where it ends inside it, so that the thought is closed
        for it; and behind it, where no end was left to be refused.

        Args:
            answered: Whether there is an answer.
        """
        if answered or self.done == "words" or not self._allowed:
            return False
        self.done = "words"
        # Words that nothing follows are no answer either: an end may be refused once more.
        self._refused = False
        return True

    def lands_boxed(self, thought: str) -> bool:
        """Whether to write `words` at once behind a thought that was closed for the model.

        They are for a model that was not made to think and is asked for a box: left to itself it
        writes a sentence, or an explanation in which no box is (docs/thinking.md has the figures).

        Args:
            thought: The whole thought.
        """
        if self._trained or not (self._box_wanted or asks_for_box((thought,))):
            return False
        return self.begins_answer(answered=False)

    def begins_final(self, answer: str) -> bool:
        """Whether to write `final_words` behind a whole answer, and have the model go on.

        They are for a reply that was asked for a box and whose answer has no final result.

        Args:
            answer: All of it.
        """
        asks = self._allowed and self._box_wanted and self.done != "words"
        if not asks or self._asked_for_final or final_answer(answer) is not None:
            return False
        self._asked_for_final = True
        self._refused = False
        self.done = "final"
        return True

    @staticmethod
    def final_words(answer: str) -> str:
        r"""The words that open a ``\boxed{`` behind an answer."""
        return "\n" * max(0, 2 - (len(answer) - len(answer.rstrip("\n")))) + ANSWER + BOX

    def words(self, thought: str) -> str:
        r"""The words that begin the answer, with a ``\boxed{`` where one is wanted.

        Args:
            thought: The whole thought.
        """
        boxed = self._box_wanted or asks_for_box((thought,))
        if boxed:
            return ANSWER + BOX
        return ANSWER if self._insists else OPEN_ANSWER


def missing(answer: str, ours: Iterable[str]) -> str:
    """The braces that close a box which r1chat's words opened and the model did not close.

    Args:
        answer: The whole answer.
        ours: What of it r1chat wrote.
    """
    return BOX_END * open_boxes(answer) if any(BOX in words for words in ours) else ""
