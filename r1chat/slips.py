"""Checks the sums of a reply by its events, while they pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from r1chat.events import (
    AnswerText,
    Event,
    InjectedText,
    Reply,
    SumCounts,
    ThoughtEnded,
    ThoughtText,
    WrongSum,
)
from r1chat.reasoning.equations import Statement
from r1chat.reasoning.sums import Sums, check, shown

_Place = Literal["thought", "answer"]


class SumCheck:
    """Checks a reply.

    Args:
        kept: What stands of it already, where it goes on from another.
    """

    def __init__(self, kept: Reply | None = None) -> None:
        self._sums: dict[_Place, Sums] = {"thought": Sums(), "answer": Sums()}
        self._checked = self._wrong = 0
        self._found: list[WrongSum] = []
        if kept is not None:
            self._take("thought", kept.thought)
            self._take("answer", kept.answer)
            self._found.clear()

    def take(self, event: Event) -> Event:
        """Takes an event; of a reply the receipt then says what was found."""
        if isinstance(event, (ThoughtText, InjectedText)):
            self._take("thought", event.text)
        elif isinstance(event, AnswerText):
            self._take("answer", event.text)
        elif isinstance(event, ThoughtEnded):
            self._note("thought", self._sums["thought"].close())
        elif isinstance(event, Reply):
            self._note("thought", self._sums["thought"].close())
            self._note("answer", self._sums["answer"].close())
            return _with_counts(event, self._checked, self._wrong)
        return event

    def found(self) -> list[WrongSum]:
        """The wrong sums that were found since this was asked last."""
        found, self._found = self._found, []
        return found

    def _take(self, place: _Place, text: str) -> None:
        self._note(place, self._sums[place].feed(text))

    def _note(self, place: _Place, statements: Sequence[Statement]) -> None:
        self._checked += len(statements)
        wrong = [each for each in statements if each.wrong]
        self._wrong += len(wrong)
        self._found += [_wrong_sum(place, each) for each in wrong]


def wrong_sums(reply: Reply) -> list[WrongSum]:
    """The wrong sums of a reply that has ended."""
    return [
        _wrong_sum(place, each)
        for place, text in _texts(reply)
        for each in check(text)
        if each.wrong
    ]


def _texts(reply: Reply) -> tuple[tuple[_Place, str], tuple[_Place, str]]:
    return ("thought", reply.thought), ("answer", reply.answer)


def _wrong_sum(place: _Place, each: Statement) -> WrongSum:
    return WrongSum(place, each.start, each.end, each.left, each.claim, shown(each.right))


def _with_counts(reply: Reply, checked: int, wrong: int) -> Reply:
    counts = replace(reply.receipt.sums or SumCounts(), checked=checked, wrong=wrong)
    return replace(reply, receipt=replace(reply.receipt, sums=counts))
