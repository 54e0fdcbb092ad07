"""A turn whose reply is the majority's of several samples."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult

from r1chat import votes
from r1chat.attachments import Attachment
from r1chat.conversation import Node, Turn
from r1chat.engine.base import Continuation
from r1chat.events import Drawing, Event, Reply, Sampled, Tallied
from r1chat.reasoning.budget import Budget
from r1chat.tui.samples import Draw
from r1chat.tui.widgets.tally import Tally
from r1chat.tui.widgets.turn import TurnView
from r1chat.tui.widgets.versions import Versions
from r1chat.wording import answer_line

_WAITS = "Sample {number} waits for a place"


class SampledTurn(TurnView):
    """Shows the votes, and of the samples one at a time: of the others nothing is drawn.

    Args:
        question: As it was asked.
        attachments: What goes along.
        draw: The samples.
    """

    def __init__(self, question: str, attachments: Sequence[Attachment], draw: Draw) -> None:
        super().__init__(question, attachments)
        self._draw = draw
        self._begun = False
        self.looked = 0
        """Which sample is shown."""
        self._alone = False
        """Whether a single reply has taken the samples' place."""
        self._shared: Continuation | None = None
        """The beginning that the samples share of a thought."""

    def compose(self) -> ComposeResult:
        """The votes come last: there they stay where they are, whatever grows above them."""
        yield from super().compose()
        yield Tally(self.draw)

    @property
    def draw(self) -> Draw:
        """The samples."""
        return self._draw

    @property
    def tally(self) -> Tally:
        """The votes."""
        return self.query_one(Tally)

    @property
    def drawing(self) -> bool:
        """Whether samples are being drawn."""
        return self._begun and not self.draw.over

    @property
    def is_thinking(self) -> bool:
        """Whether any of the samples is in its thought."""
        return self.draw.thinking if self.drawing else super().is_thinking

    @property
    def astray(self) -> bool:
        """Whether another sample is shown than the one that the conversation goes on with."""
        return self.draw.over and self.draw.samples[self.looked].node is not self.node

    # -- while they are drawn --

    def begin(self, budget: Budget, *, answering: bool = False) -> None:
        """Makes ready for a reply; one that goes on does so without the other samples."""
        if self.draw.over:
            self._alone = True
            self.tally.display = False
        self._begun = True
        super().begin(budget, answering=answering)

    def show_thought(self, resume: Continuation) -> None:
        """Shows what is kept of a thought; each of the samples goes on from there."""
        self._shared = resume
        super().show_thought(resume)

    def take(self, event: Event) -> None:
        """Shows an event, as far as it belongs to the sample that is shown."""
        if self._alone:
            super().take(event)
            return
        self.draw.take(event)
        match event:
            case Sampled(sample=number, event=happened):
                if number == self.looked:
                    super().take(happened)
            case Reply():
                self._choose(event)
            case Drawing() | Tallied():
                pass
            case _:
                super().take(event)
        self.tally.show(self.looked)

    def in_sight(self, event: Event) -> Event | None:
        """An event of the sample that is shown, or of all of them."""
        if not isinstance(event, Sampled):
            return event
        shown = self.drawing and event.sample == self.looked
        return event.event if shown and not isinstance(event.event, Reply) else None

    def _choose(self, reply: Reply) -> None:
        """Shows the majority's reply, unless the one that is shown has the same answer."""
        vote = self.draw.samples[self.looked].vote
        if vote is not None and vote == reply.receipt.vote:
            self.show_receipt()
            return
        chosen = next(
            (
                number
                for number, sample in enumerate(reply.samples)
                if sample.receipt is reply.receipt
            ),
            self.looked,
        )
        if chosen != self.looked:
            self.look(chosen)
        self._end(reply)

    def fail(self, reason: str) -> None:
        """Says why there is no reply."""
        self.draw.stop()
        self.tally.show(self.looked)
        super().fail(reason)

    # -- one of them --

    def look(self, number: int) -> None:
        """Shows another sample, from its beginning and as it goes on.

        Args:
            number: Which.
        """
        self.looked = number
        sample = self.draw.samples[number]
        pane = self.thinking
        pane.clear()
        self.answer.reset()
        self.answer.display = False
        self._reply = None
        self.status = _WAITS.format(number=number + 1) if sample.state == "waits" else ""
        if sample.reply is not None:
            self.show_reply(sample.reply)
        elif sample.goes_on:
            if self._shared is not None:
                super().show_thought(self._shared)
            pane.start()
            pane.set_clock(pane.seconds + self.draw.spent(number))
            for event in sample.events:
                super().take(event)
            # At once: a pane that is empty for a moment would make everything below it jump.
            pane.flush()
        self.tally.show(number)

    def step(self, by: int) -> None:
        """Shows the sample before or after."""
        number = self.looked + by
        if 0 <= number < len(self.draw.samples):
            self.look(number)

    def show_sample(self, step: int) -> bool:
        """Shows another sample while they are drawn; afterwards leads back to the chosen one."""
        if self.drawing:
            self.step(step)
        elif self.astray and self.node is not None:
            # From a sample that was not kept the way leads back first.
            self.look_back()
        else:
            return False
        return True

    @on(Tally.Picked)
    def _picked(self, event: Tally.Picked) -> None:
        event.stop()
        node = self.draw.samples[event.number].node
        if self.draw.over and node is not None and node is not self.node and self.node is not None:
            # The conversation goes on with what is chosen.
            self.post_message(self.VersionWanted(self, node.version - self.node.version))
        else:
            self.look(event.number)

    # -- afterwards --

    def place(self, node: Node) -> None:
        """Takes note of where the turn stands; the samples take the place of its versions."""
        super().place(node)
        if self._alone:
            return
        self.draw.place(node)
        if all(self.draw.has(each) for each in node.siblings):
            self.query_one(Versions).display = False
        self.tally.show(self.looked)

    @property
    def as_good(self) -> Node | None:
        """The sample that is shown, where it has the answer that the conversation goes on with."""
        shown = self.draw.samples[self.looked]
        if self.node is None or self.node.turn is None or shown.vote is None:
            return None
        return shown.node if shown.vote == self.node.turn.reply.receipt.vote else None

    def look_back(self) -> None:
        """Shows the sample that the conversation goes on with."""
        if self.node is not None:
            self.look(self.draw.number(self.node))

    def show_turn(self, turn: Turn) -> None:
        """Shows a reply that has ended before."""
        super().show_turn(turn)
        self.tally.show(self.looked)

    def show_receipt(self) -> None:
        """Shows what the reply cost, and how many samples agree with it."""
        reply = self._reply
        if reply is None:
            return
        if self._alone:
            super().show_receipt()
            return
        cost = answer_line(reply, interrupted=self._cut_off)
        said = _said_by(self.draw.votes, reply.receipt.vote) if self.draw.over else ""
        self.status = " · ".join(part for part in (said, cost) if part)


def _said_by(found: votes.Votes, vote: str | None) -> str:
    """How many samples say what one of them says."""
    if vote is None:
        return ""
    if vote == found.final:
        return votes.agreeing(found)
    count = dict(found.counts).get(vote, 1)
    return f"{count} of {found.samples} gave this answer"


def view_of(node: Node, known: Draw | None = None) -> TurnView:
    """A view of a turn that has been answered, to be mounted and told to show it.

    Args:
        node: The turn.
        known: Samples that were drawn while the app ran, those that were not kept among them.
    """
    turn = node.turn
    assert turn is not None  # noqa: S101  (the root is never shown)
    draw = known if known is not None and known.has(node) else Draw.of(node)
    if draw is None:
        return TurnView(turn.question, turn.attachments)
    view = SampledTurn(turn.question, turn.attachments, draw)
    view.looked = draw.number(node)
    return view
