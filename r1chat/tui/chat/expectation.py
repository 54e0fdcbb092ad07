"""Marks on the slider how long the model will think about the question in the composer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from r1chat.tui.threads import on_thread

if TYPE_CHECKING:
    from textual.timer import Timer

    from r1chat.reasoning.difficulty import ThoughtLengths
    from r1chat.tui.host import Host
    from r1chat.tui.widgets.composer import Composer
    from r1chat.tui.widgets.slider import BudgetSlider

_REST_S = 0.4
"""How long nothing is typed before the mark moves, so that it does not tremble."""


class Expectation:
    """Learns from the model's earlier thoughts, and marks what such a question takes.

    Args:
        host: The app.
        composer: Has the question.
        slider: Is marked.
        asked: The question that is being answered; empty while none is.
        after: Does something later.
    """

    def __init__(
        self,
        host: Host,
        composer: Composer,
        slider: BudgetSlider,
        *,
        asked: Callable[[], str],
        after: Callable[[float, Callable[[], None]], Timer],
    ) -> None:
        self._host = host
        self._composer = composer
        self._slider = slider
        self._asked = asked
        self._after = after
        self._lengths: ThoughtLengths | None = None
        self._seen = ""
        self._timer: Timer | None = None

    async def learn(self) -> None:
        """Learns from what is known by now of the thoughts of the model."""
        engine = self._host.engine
        if engine is None:
            return

        def gather() -> ThoughtLengths:
            from r1chat.thought_lengths import learn

            return learn(engine.info, self._host.history.store)

        lengths = await on_thread(gather, "r1chat-lengths")
        if self._host.engine is engine:
            self._lengths = lengths
            self._mark()

    def forget(self) -> None:
        """Knows nothing yet of another model."""
        self._lengths = self._slider.expected = None

    def look(self) -> None:
        """Notes that the question may have changed."""
        if self._composer.text == self._seen:
            return
        self._seen = self._composer.text
        if self._timer is not None:
            self._timer.stop()
        self._timer = self._after(_REST_S, self._mark)

    def _mark(self) -> None:
        draft = self._composer.text
        text = draft if draft.strip() else self._asked()
        self._slider.expected = self._lengths.expected(text) if self._lengths else None
