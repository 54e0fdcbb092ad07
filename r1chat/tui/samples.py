"""Several samples of a reply, as the screen knows them: what each is at, and how they vote."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeAlias

from r1chat.events import (
    AnswerText,
    Decided,
    Drawing,
    Event,
    InjectedText,
    Reply,
    Sampled,
    Tallied,
    ThoughtEnded,
    ThoughtText,
)
from r1chat.votes import Votes, counted, votes_of

if TYPE_CHECKING:
    from r1chat.conversation import Node

State: TypeAlias = Literal["waits", "thinks", "answers", "ended", "stopped", "skipped", "failed"]
"""What a sample is at. skipped: it was stopped before its first word, or never begun."""


class Sample:
    """One of them. What it wrote is kept as it came, and not drawn until somebody looks."""

    def __init__(self) -> None:
        self.state: State = "waits"
        self.events: list[Event] = []
        """What has happened in it, as long as it goes on."""
        self.began = 0.0
        """When its first word came."""
        self.reply: Reply | None = None
        """All of it, once it has ended."""
        self.node: Node | None = None
        """Where it stands in the conversation, if it was kept."""

    @property
    def vote(self) -> str | None:
        """The final answer that it counts for."""
        return self.reply.receipt.vote if self.reply is not None else None

    @property
    def goes_on(self) -> bool:
        """Whether it has not ended."""
        return self.state in {"waits", "thinks", "answers"}

    def take(self, event: Event, now: float) -> None:
        """Takes note of an event.

        Args:
            event: What has happened.
            now: Seconds, monotonic.
        """
        if isinstance(event, Reply):
            self.end(event)
            return
        self.events.append(event)
        if self.state == "waits":
            self.began = now
        if isinstance(event, (ThoughtEnded, AnswerText)):
            self.state = "answers"
        elif isinstance(event, (ThoughtText, InjectedText)):
            self.state = "thinks"

    def end(self, reply: Reply) -> None:
        """Takes note of its end."""
        self.reply = reply
        self.events.clear()
        match reply.receipt.ended_by:
            case "cancelled":
                self.state = "stopped" if reply.thought or reply.answer else "skipped"
            case "error":
                self.state = "failed"
            case _:
                self.state = "ended"


class Draw:
    """All of them.

    Args:
        count: How many there are.
        clock: Tells the time in seconds.
    """

    def __init__(self, count: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.samples = [Sample() for _ in range(count)]
        self.drawn = count
        """How many were drawn; of an old one not all were kept."""
        self.at_once = count
        """How many are drawn at a time."""
        self.short = False
        """Whether it would be more if there were more memory."""
        self.decided: Decided | None = None
        """Why what is still to come is not waited for."""
        self.over = False
        self._counts: tuple[tuple[str, int], ...] = ()
        self._by_confidence = False
        self._clock = clock

    @classmethod
    def of(cls, node: Node) -> Draw | None:
        """The one that a turn's reply comes from, as far as it was kept.

        Returns:
            None where the reply was drawn alone.
        """
        nodes = drawn_with(node)
        if not nodes:
            return None
        draw = cls(len(nodes))
        for sample, each in zip(draw.samples, nodes, strict=True):
            if each.turn is not None:
                sample.end(each.turn.reply)
            sample.node = each
        replies = [each.turn.reply.receipt for each in nodes if each.turn is not None]
        votes = counted(replies)
        draw.drawn, draw._counts, draw.over = votes.samples, votes.counts, True
        draw.decided, draw._by_confidence = votes.decided, votes.by_confidence
        return draw

    @property
    def votes(self) -> Votes:
        """How they have voted so far."""
        states = [sample.state for sample in self.samples]
        return Votes(
            self.drawn,
            states.count("ended"),
            states.count("failed"),
            self._counts,
            self.decided,
            self._by_confidence,
        )

    @property
    def is_sparing(self) -> bool:
        """Whether few are drawn at a time so that no more are drawn than it takes."""
        return self.at_once < len(self.samples) and not self.short

    @property
    def coming(self) -> int:
        """How many go on."""
        return sum(sample.goes_on for sample in self.samples)

    @property
    def thinking(self) -> bool:
        """Whether any of them is in its thought, or has not begun."""
        return any(sample.state in {"waits", "thinks"} for sample in self.samples)

    def spent(self, number: int) -> float:
        """Seconds since a sample's first word."""
        began = self.samples[number].began
        return self._clock() - began if began else 0.0

    def take(self, event: Event) -> None:
        """Takes note of an event."""
        match event:
            case Drawing(at_once=at_once, short=short):
                self.at_once, self.short = at_once, short
            case Sampled(sample=number, event=happened):
                self.samples[number].take(happened, self._clock())
            case Tallied(votes=votes, decided=decided):
                self._counts = votes
                self.decided = decided
            case Reply(samples=replies, votes=votes):
                self._counts = votes
                self._by_confidence = votes_of(event).by_confidence
                for sample, reply in zip(self.samples, replies, strict=True):
                    sample.end(reply)
                self.over = True
            case _:
                pass

    def stop(self) -> None:
        """Takes note that nothing more will come."""
        for sample in self.samples:
            if sample.goes_on:
                sample.state = "skipped" if sample.state == "waits" else "stopped"
        self.over = True

    def place(self, node: Node) -> None:
        """Finds its samples among the versions of a turn."""
        found = {id(each.turn.reply): each for each in node.siblings if each.turn is not None}
        for sample in self.samples:
            sample.node = sample.node or found.get(id(sample.reply))

    def has(self, node: Node) -> bool:
        """Whether a turn's reply is one of them."""
        return any(sample.node is node for sample in self.samples)

    def number(self, node: Node) -> int:
        """Which of them a turn's reply is; the first where it is none of them."""
        return next((i for i, sample in enumerate(self.samples) if sample.node is node), 0)


def drawn_with(node: Node) -> list[Node]:
    """The versions of a turn that were drawn together with one of them, itself included."""
    if node.turn is None or node.turn.reply.receipt.samples == 1:
        return []
    when = _asked(node)
    return [
        each
        for each in node.siblings
        if each.turn is not None and each.turn.reply.receipt.samples > 1 and _asked(each) == when
    ]


def _asked(node: Node) -> float:
    origin = node.turn.origin if node.turn is not None else None
    return origin.created if origin is not None else 0.0
