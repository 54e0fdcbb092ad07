"""Checks the sums of a reply by its events, while they pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from r1chat.events import (
    AnswerText,
    EndedBy,
    Event,
    InjectedText,
    Injection,
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
        if isinstance(event, InjectedText):
            self._sums["thought"].cut()
            self._take("thought", event.text)
        elif isinstance(event, ThoughtText):
            self._take("thought", event.text)
        elif isinstance(event, AnswerText):
            if event.injected:
                self._sums["answer"].cut()
            self._take("answer", event.text)
        elif isinstance(event, ThoughtEnded):
            self._close("thought", event.ended_by)
        elif isinstance(event, Reply):
            self._close("thought", event.receipt.thought_ended_by)
            self._close("answer", event.receipt.answer_ended_by)
            return _with_counts(event, self._checked, self._wrong)
        return event

    def found(self) -> list[WrongSum]:
        """The wrong sums that were found since this was asked last."""
        found, self._found = self._found, []
        return found

    def _close(self, place: _Place, ended_by: EndedBy | None) -> None:
        sums = self._sums[place]
        if ended_by != "natural":
            sums.cut()
        self._note(place, sums.close())

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
        for place, text, cuts in _texts(reply)
        for each in check(text, cuts)
        if each.wrong
    ]


def _texts(reply: Reply) -> Iterator[tuple[_Place, str, list[int]]]:
    """The parts of a reply, each with where the model was stopped in it."""
    receipt = reply.receipt
    parts: tuple[tuple[_Place, str, tuple[Injection, ...], EndedBy | None], ...] = (
        ("thought", reply.thought, reply.injected, receipt.thought_ended_by),
        ("answer", reply.answer, reply.answer_injected, receipt.answer_ended_by),
    )
    for place, text, injected, ended_by in parts:
        cuts = [each.at for each in injected]
        yield place, text, cuts if ended_by == "natural" else [*cuts, len(text)]


def _wrong_sum(place: _Place, each: Statement) -> WrongSum:
    return WrongSum(place, each.start, each.end, each.left, each.claim, shown(each.right))


def _with_counts(reply: Reply, checked: int, wrong: int) -> Reply:
    counts = replace(reply.receipt.sums or SumCounts(), checked=checked, wrong=wrong)
    return replace(reply, receipt=replace(reply.receipt, sums=counts))
