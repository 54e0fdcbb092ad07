"""Checks the sums of a reply by its events, while they pass."""

from __future__ import annotations

from bisect import bisect_right
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
from r1chat.reasoning.sums import Sums, check, right_of

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
        self._length: dict[_Place, int] = {"thought": 0, "answer": 0}
        self._own: dict[_Place, list[range]] = {"thought": [], "answer": []}
        """Where r1chat's words stand, whose sums are none of the model's."""
        if kept is not None:
            for place, text, injected, _ in _parts(kept):
                at = 0
                for each in injected:
                    self._take(place, text[at : each.at])
                    at = each.at + len(each.text)
                    self._inject(place, text[each.at : at])
                # At its end the model goes on.
                self._take(place, text[at:])
            self._found.clear()

    def take(self, event: Event) -> Event:
        """Takes an event; of a reply the receipt then says what was found."""
        if isinstance(event, InjectedText):
            self._inject("thought", event.text)
        elif isinstance(event, ThoughtText):
            self._take("thought", event.text)
        elif isinstance(event, AnswerText):
            take = self._inject if event.injected else self._take
            take("answer", event.text)
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

    def _inject(self, place: _Place, text: str) -> None:
        at = self._length[place]
        self._own[place].append(range(at, at + len(text)))
        self._sums[place].cut()
        self._take(place, text)

    def _take(self, place: _Place, text: str) -> None:
        self._length[place] += len(text)
        self._note(place, self._sums[place].feed(text))

    def _note(self, place: _Place, statements: Sequence[Statement]) -> None:
        statements = _by_model(statements, self._own[place])
        self._checked += len(statements)
        wrong = [each for each in statements if each.wrong]
        self._wrong += len(wrong)
        self._found += [_wrong_sum(place, each) for each in wrong]


def wrong_sums(reply: Reply) -> list[WrongSum]:
    """The wrong sums of a reply that has ended."""
    return [
        _wrong_sum(place, each)
        for place, text, injected, ended_by in _parts(reply)
        for each in _by_model(
            check(text, _cuts(text, injected, ended_by)),
            [range(words.at, words.at + len(words.text)) for words in injected],
        )
        if each.wrong
    ]


def _by_model(statements: Sequence[Statement], own: Sequence[range]) -> list[Statement]:
    """Those that do not stand in r1chat's words."""
    if not own:
        return list(statements)
    starts = [words.start for words in own]
    return [
        each
        for each in statements
        if not (at := bisect_right(starts, each.start)) or each.start not in own[at - 1]
    ]


def _parts(reply: Reply) -> Iterator[tuple[_Place, str, tuple[Injection, ...], EndedBy | None]]:
    """The parts of a reply, each with what r1chat wrote into it and why it ended."""
    receipt = reply.receipt
    yield "thought", reply.thought, reply.injected, receipt.thought_ended_by
    yield "answer", reply.answer, reply.answer_injected, receipt.answer_ended_by


def _cuts(text: str, injected: Sequence[Injection], ended_by: EndedBy | None) -> list[int]:
    """Where the model was stopped."""
    cuts = [each.at for each in injected]
    return cuts if ended_by == "natural" else [*cuts, len(text)]


def _wrong_sum(place: _Place, each: Statement) -> WrongSum:
    return WrongSum(place, each.start, each.end, each.left, each.claim, right_of(each))


def _with_counts(reply: Reply, checked: int, wrong: int) -> Reply:
    counts = replace(reply.receipt.sums or SumCounts(), checked=checked, wrong=wrong)
    return replace(reply, receipt=replace(reply.receipt, sums=counts))
