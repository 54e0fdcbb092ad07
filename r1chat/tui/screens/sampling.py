"""Several samples to a question: how many, asking with them, and looking at each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from textual import on
from textual.binding import Binding, BindingType

from r1chat.tui.screens.chat import ChatScreen
from r1chat.tui.widgets.samples_sign import CHOICES, SamplesSign

if TYPE_CHECKING:
    from r1chat.attachments import Attachment
    from r1chat.conversation import Node
    from r1chat.engine.base import Continuation
    from r1chat.events import Event, Reply
    from r1chat.reasoning.control import Control
    from r1chat.session import Session
    from r1chat.tui.widgets.sampled import SampledTurn
    from r1chat.tui.widgets.turn import TurnView

_Then: TypeAlias = "Callable[[str | None], None] | Callable[[str | None], Awaitable[None]]"
_ABOUT = ("each question is asked once", "the answer of the majority counts")
_ALL_THE_SAME = "At a temperature of 0 all samples are the same: a question is asked once."
_ONE_THOUGHT = frozenset({"steer", "look_ahead"})
"""What is done to one thought, and has no meaning for several at a time."""


class SamplingScreen(ChatScreen):
    """Spends several samples on a question."""

    DEFAULT_CSS = """
    SamplingScreen {
        &.-low Tally, &.-lowest Tally { max-height: 2; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("alt+k", "samples", "Samples", id="chat.samples", priority=True, show=False),
        Binding(
            "alt+r",
            "ask_samples",
            "Again, with samples",
            id="chat.ask_samples",
            priority=True,
            show=False,
        ),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._once: int | None = None
        """How many samples the next question alone is worth."""

    async def on_mount(self) -> None:
        """Shows how many samples a question is worth."""
        self._show_samples()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leaves out what one thought alone is steered by, while there are several."""
        if action in _ONE_THOUGHT and self._drawn is not None:
            return False
        if action == "ask_samples":
            return super().check_action("regenerate", ())
        return super().check_action(action, parameters)

    # -- how many --

    @property
    def _count(self) -> int:
        """How many samples a question is worth."""
        wanted = self._once or self.app.preferences.samples
        return 1 if self.app.preferences.sampling.temperature == 0 else wanted

    def _show_samples(self) -> None:
        self.query_one(SamplesSign).samples = self._count

    def action_samples(self) -> None:
        """Goes on to the next number of samples; behind the last it is off."""
        following = [count for count in CHOICES if count > self.app.preferences.samples]
        self._set_samples(following[0] if following else CHOICES[0])

    @on(SamplesSign.Pressed)
    def _sign_pressed(self) -> None:
        self.action_samples()

    def _set_samples(self, count: int) -> None:
        if count > 1 and self._refuses():
            return
        self.app.preferences.samples = count
        self._show_samples()

    def _refuses(self) -> bool:
        refuses = self.app.preferences.sampling.temperature == 0
        if refuses:
            self.notify(_ALL_THE_SAME, timeout=5)
        return refuses

    def action_choose_samples(self) -> None:
        """Picks how many samples the questions from now on are worth."""
        self._pick("Samples to each question", CHOICES, self._samples_picked)

    def _samples_picked(self, count: str | None) -> None:
        if count is not None:
            self._set_samples(int(count))

    async def action_ask_samples(self) -> None:
        """Asks the last question again with several samples."""
        if self._refuses():
            return
        if self.app.preferences.samples > 1:
            await self._ask_again(self.app.preferences.samples)
        else:
            self._pick("Ask it again, with samples", CHOICES[1:], self._again_picked)

    async def _again_picked(self, count: str | None) -> None:
        if count is not None:
            await self._ask_again(int(count))

    def _pick(self, title: str, counts: Sequence[int], then: _Then) -> None:
        from r1chat.tui.screens.pick import Choice, Pick

        if self.app.screen is not self:
            return
        choices = [
            Choice(str(count), f"×{count}" if count > 1 else "off", _ABOUT[count > 1])
            for count in counts
        ]
        self.app.push_screen(Pick(title, choices, current=str(self.app.preferences.samples)), then)

    # -- asking --

    async def _ask_again(self, count: int) -> None:
        if self.running or self.last is None or self._last_node is None:
            return
        self.leave_begun()
        self._once = count
        try:
            await self._branch(self.last)
        finally:
            self._once = None

    def new_view(
        self, question: str, attached: Sequence[Attachment], *, alone: bool = False
    ) -> TurnView:
        """A turn to be mounted."""
        if alone or self._count == 1:
            return super().new_view(question, attached)
        from r1chat.tui.samples import Draw
        from r1chat.tui.widgets.sampled import SampledTurn

        view = SampledTurn(question, attached, Draw(self._count))
        view.collapsed_at_start = self.app.preferences.thoughts_hidden
        return view

    def events(
        self,
        session: Session,
        view: TurnView,
        control: Control,
        parent: Node,
        resume: Continuation | None,
    ) -> Iterator[Event]:
        """What the run of a turn reads; called on its thread."""
        sampled = _sampled(view)
        if sampled is None or resume is not None:
            return super().events(session, view, control, parent, resume)
        from r1chat.checking import prepare, same

        prepare()
        return session.consensus(
            view.question,
            samples=len(sampled.draw.samples),
            same=same,
            control=control,
            sampling=self.app.preferences.sampling,
            max_answer=self.app.settings.max_answer,
            attachments=view.attachments,
            parent=parent,
        )

    # -- while they are drawn --

    @property
    def _drawn(self) -> SampledTurn | None:
        """The turn that samples are being drawn for."""
        view = _sampled(self._view) if self._run is not None else None
        return view if view is not None and view.drawing else None

    @property
    def thinking(self) -> bool:
        """Whether the model is in its thought; of several, whether in any."""
        view = self._drawn
        return view.draw.thinking if view is not None else super().thinking

    def _take_note(self, event: Event) -> None:
        from r1chat.events import Reply, Sampled

        if not isinstance(event, Sampled):
            super()._take_note(event)
        elif not isinstance(event.event, Reply):
            view = self._drawn
            if view is not None and event.sample == view.looked:
                super()._take_note(event.event)

    def finished(self, view: TurnView) -> None:
        """Remembers the samples, those too that are not kept."""
        sampled = _sampled(view)
        if sampled is not None:
            self.conversation.drawn = sampled.draw
            self._stay_at(sampled)
        super().finished(view)

    def _stay_at(self, view: SampledTurn) -> None:
        """Goes on with the sample that is shown, where it says what the majority says."""
        node = view.as_good
        if node is None or node is view.node or self.session is None:
            return
        self.session.conversation.choose(node)
        self.app.history.choose(node.id)
        view.place(node)

    # -- looking at each --

    async def action_version(self, step: int) -> None:
        """Shows another sample while they are drawn, another version afterwards."""
        view = self._drawn
        if view is not None:
            view.step(step)
            return
        view = _sampled(self.last)
        if view is not None and view.astray and view.node is not None:
            # From a sample that was not kept the way leads back first.
            view.look_back()
            return
        await super().action_version(step)

    def _own_reply(self, node: Node | None) -> Reply | None:
        """The reply of a turn that can be gone on with; what is only looked at cannot."""
        for turn in self.conversation.turns:
            view = _sampled(turn)
            if view is not None and view.node is node and view.astray:
                return None
        return super()._own_reply(node)


def _sampled(view: TurnView | None) -> SampledTurn | None:
    """A turn as one of several samples, if it is one."""
    if view is None:
        return None
    from r1chat.tui.widgets.sampled import SampledTurn

    return view if isinstance(view, SampledTurn) else None
