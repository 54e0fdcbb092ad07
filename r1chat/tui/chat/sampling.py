"""How many samples a question is asked with: the choice, and the streams and turns made for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from r1chat.tui.host import Host
from r1chat.tui.widgets.samples_sign import CHOICES, SamplesSign

if TYPE_CHECKING:
    from r1chat.attachments import Attachment
    from r1chat.compaction import Choose
    from r1chat.conversation import Node
    from r1chat.engine.base import Continuation
    from r1chat.events import Event, FullContext
    from r1chat.reasoning.budget import Think
    from r1chat.reasoning.control import Control
    from r1chat.session import Session
    from r1chat.tui.preferences import Preferences
    from r1chat.tui.widgets.turn import TurnView

_Then: TypeAlias = "Callable[[str | None], None] | Callable[[str | None], Awaitable[None]]"
_ABOUT = ("each question is asked once", "the answer of the majority counts")
_ALL_THE_SAME = "At a temperature of 0 all samples are the same: one is enough."


class SampleCount:
    """Owns how many samples a question is asked with.

    Args:
        host: The app.
        sign: Shows the number.
    """

    def __init__(self, host: Host, sign: SamplesSign) -> None:
        self._host = host
        self._sign = sign
        self._once: int | None = None
        """The number for the next question alone."""

    @property
    def value(self) -> int:
        """How many samples the next question is asked with."""
        preferences = self._host.preferences
        wanted = self._once or preferences.samples
        return 1 if preferences.greedy else wanted

    def show(self) -> None:
        """Shows the number beside the budget."""
        self._sign.samples = self.value

    def step(self) -> None:
        """Goes on to the next number; behind the last it is off."""
        following = [count for count in CHOICES if count > self._host.preferences.samples]
        self._set(following[0] if following else CHOICES[0])

    def _set(self, count: int) -> None:
        if count > 1 and self._refuses():
            return
        self._host.preferences.samples = count
        self.show()

    def forks(self) -> int:
        """How many go on from one place of a thought; 0, said why, where all would be the same."""
        if self._refuses():
            return 0
        return self.value if self.value > 1 else CHOICES[1]

    def _refuses(self) -> bool:
        refuses = self._host.preferences.greedy
        if refuses:
            self._host.notify(_ALL_THE_SAME, timeout=5)
        return refuses

    def choose(self) -> None:
        """Lets the user pick the number for all questions from now on."""

        def picked(count: str | None) -> None:
            if count is not None:
                self._set(int(count))

        self._pick("Samples to each question", CHOICES, picked)

    async def ask_with(self, regenerate: Callable[[], Awaitable[None]]) -> None:
        """Asks once more with several samples; where one is usual, the user picks how many.

        Args:
            regenerate: Asks.
        """

        async def ask(count: int) -> None:
            self._once = count
            try:
                await regenerate()
            finally:
                self._once = None

        async def picked(count: str | None) -> None:
            if count is not None:
                await ask(int(count))

        if self._refuses():
            return
        if self._host.preferences.samples > 1:
            await ask(self._host.preferences.samples)
        else:
            self._pick("Regenerate with samples", CHOICES[1:], picked)

    def _pick(self, title: str, counts: Sequence[int], then: _Then) -> None:
        from r1chat.tui.screens.pick import Choice, Pick

        if len(self._host.screen_stack) > 1:
            return
        choices = [
            Choice(str(count), f"×{count}" if count > 1 else "off", _ABOUT[count > 1])
            for count in counts
        ]
        usual = str(self._host.preferences.samples)
        self._host.push_screen(Pick(title, choices, current=usual), then)


def turn_view(question: str, attached: Sequence[Attachment], samples: int) -> TurnView:
    """A turn to be mounted.

    Args:
        question: The question.
        attached: What goes along.
        samples: How many replies are drawn.
    """
    if samples == 1:
        from r1chat.tui.widgets.turn import TurnView

        return TurnView(question, attached)
    from r1chat.tui.samples import Draw
    from r1chat.tui.widgets.sampled import SampledTurn

    return SampledTurn(question, attached, Draw(samples))


def reply_events(  # noqa: PLR0913  (what a reply comes from)
    session: Session,
    view: TurnView,
    *,
    control: Control,
    preferences: Preferences,
    think: Think,
    parent: Node,
    resume: Continuation | None,
    full_context: FullContext,
    choose: Choose,
) -> Iterator[Event]:
    """The stream of a turn's reply; called on the thread that reads it.

    Args:
        session: Asks the model.
        view: The turn.
        control: Steers the reply.
        preferences: How tokens are chosen.
        think: Whether a model that does not think by itself is asked to.
        parent: The turn that this one follows.
        resume: An earlier reply to go on from: alone, or all samples from one place of it.
        full_context: What becomes of the oldest turns where the context is full.
        choose: Asks the user that.
    """
    if view.draw is None or (resume is not None and view.draw.over):
        return session.ask(
            view.question,
            control=control,
            language=preferences.settings.think_language,
            sampling=preferences.sampling(session.model),
            max_answer=preferences.settings.max_answer,
            attachments=view.attachments,
            think=think,
            parent=parent,
            resume=resume,
            full_context=full_context,
            check_sums=preferences.check_sums,
            choose=choose,
        )
    from r1chat.checking import prepare, same

    prepare()
    return session.consensus(
        view.question,
        samples=len(view.draw.samples),
        samples_stop=preferences.settings.samples_stop or "settled",
        same=same,
        control=control,
        language=preferences.settings.think_language,
        sampling=preferences.sampling(session.model),
        max_answer=preferences.settings.max_answer,
        attachments=view.attachments,
        think=think,
        parent=parent,
        full_context=full_context,
        check_sums=preferences.check_sums,
        resume=resume,
        choose=choose,
    )
