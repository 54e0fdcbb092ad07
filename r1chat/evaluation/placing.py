"""Finds the place in a thought where something is to be done to it, and the words for it.

Where a thought is cut no line, formula or block of code stands open, except in front of a value
that is planted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from r1chat.engine.base import Continuation
from r1chat.evaluation.interventions import Intervention, Place
from r1chat.events import Reply
from r1chat.reasoning.code import CodeTracker
from r1chat.reasoning.equality import same_answer
from r1chat.reasoning.occurrence import first_place
from r1chat.reasoning.phrases import LANDING
from r1chat.reasoning.sums import check

_NUMBER = re.compile(r"(?<![\w.])\d+(?:,\d+)*(?:\.\d+)?")
_LINE_NUMBER = re.compile(r"(?:^|\n)[ \t>*#]*\d{1,3}[.):]")
_SENTENCE_END = re.compile(r"[.!?;。！？；][\"'”’)\]*_]{0,4}(?=\s|$)")
_LINE_OR_SENTENCE_END = re.compile(rf"\n|{_SENTENCE_END.pattern}")
_FORMULA = re.compile(r"\\[\[\](]|\\\)|\$\$|\\(?:begin|end)\{")
_OPENS = ("\\[", "\\(", "\\begin{")


@dataclass(frozen=True, slots=True)
class Steer:
    """How a reply is steered: what of its thought is kept, and what is written behind that."""

    keep: int
    words: str
    closes: bool = False
    sentence: str = LANDING
    """Closes the thought, where it is closed."""
    value: str = ""
    """The value that was planted, or given away."""
    true: str = ""
    """The one that stood in the place of a planted one."""

    @property
    def goes_on(self) -> int:
        """Where in the thought the model goes on."""
        return self.keep + len(self.words)

    def of(self, reply: Reply) -> Continuation:
        """The reply as it is to be continued."""
        return Continuation(reply, self.keep, self.words, self.closes, self.sentence)


@dataclass(frozen=True, slots=True)
class _Result:
    """A number that comes out of a sum."""

    start: int
    end: int
    left: str


class _Thought:
    """What a model has thought, without what r1chat wrote in front of it and behind it."""

    def __init__(self, reply: Reply) -> None:
        self.text = reply.thought
        self.begin, self.end = 0, len(self.text)
        for each in reply.injected:
            if each.at == self.begin:
                self.begin += len(each.text)
        for each in reversed(reply.injected):
            if each.at + len(each.text) >= self.end and each.at >= self.begin:
                self.end = each.at
        self._breaks = list(self._closed_breaks())

    def _closed_breaks(self) -> Iterator[int]:
        """Where lines begin that stand in no formula and in no code."""
        code, formulas, start = CodeTracker(), _Formulas(), self.begin
        while (at := self.text.find("\n", start, self.end) + 1) > 0:
            code.feed(self.text[start:at])
            formulas.feed(self.text[start:at])
            start = at
            # Empty lines stay with what stands before them, as tokens have them.
            if not code.fence and not formulas.open and not self.text.startswith("\n", at):
                yield at

    def cut(self, near: int) -> int:
        """The end of a line at a place or behind it; where there is none, of a sentence."""
        later = next((at for at in self._breaks if at >= near), None)
        if later is not None:
            return later
        return self._first_closed(_SENTENCE_END, max(near - 1, self.begin))

    def sentence_end(self, at: int) -> int:
        """Where the sentence, or the line, ends in which a place stands."""
        return self._first_closed(_LINE_OR_SENTENCE_END, at)

    def _first_closed(self, ends: re.Pattern[str], at: int) -> int:
        """The first of some ends from a place on that stands in no formula; else the last end."""
        formulas, read = _Formulas(), self.begin
        for end in ends.finditer(self.text, at, self.end):
            stop = end.start() if end[0] == "\n" else end.end()
            formulas.feed(self.text[read:stop])
            if not formulas.open:
                return stop
            read = stop
        return self.end

    def line(self, number: int) -> int | None:
        """Where a line begins, those that are empty not counted."""
        starts = [
            at
            for at in dict.fromkeys(chain([self.begin], self._breaks))
            if self.text[at : self.end].partition("\n")[0].strip()
        ]
        return starts[number - 1] if number <= len(starts) else None

    def results(self) -> list[_Result]:
        """The results of its sums; where it has none, its numbers."""
        found: list[_Result] = []
        for sum_ in check(self.text[: self.end]):
            whole = self.text[sum_.start : sum_.end]
            turned = whole.startswith(sum_.claim) and not whole.startswith(sum_.left)
            at = sum_.start + (0 if turned else max(0, whole.rfind(sum_.claim)))
            number = _NUMBER.search(self.text, at, at + len(sum_.claim))
            if sum_.start >= self.begin and number is not None and _is_plain(sum_.claim):
                found.append(_Result(number.start(), number.end(), sum_.left))
        if found:
            return found
        numbered = {end.end() - 1 for end in _LINE_NUMBER.finditer(self.text)}
        return [
            _Result(each.start(), each.end(), "")
            for each in _NUMBER.finditer(self.text, self.begin, self.end)
            if each.end() not in numbered
        ]

    def result(self, at: Place, final: str | None) -> _Result | None:
        """The result that a place means."""
        if at == "answer":
            return self._final(final or "")
        found = self.results()
        if isinstance(at, str) and at.startswith("sum "):
            number = int(at.removeprefix("sum "))
            return found[number - 1] if number <= len(found) else None
        near: int | None = self.begin
        if at in {"end", "last sum"}:
            near = self.end
        elif isinstance(at, float) or at.startswith("line"):
            near = self.place(at, final)
        if near is None or not found:
            return None
        return next((each for each in found if each.start >= near), found[-1])

    def _final(self, final: str) -> _Result | None:
        """Where the final answer stands first."""
        place = first_place(self.text[: self.end], final)
        if place is None or place[0] < self.begin:
            return None
        number = _NUMBER.search(self.text, *place)
        return number and _Result(number.start(), number.end(), "")

    def place(self, at: Place, final: str | None) -> int | None:
        """Where a thought is to be cut."""
        if at == "begin":
            return self.begin
        if at == "end":
            return self.end
        if isinstance(at, float):
            return self.cut(self.begin + round(at * (self.end - self.begin)))
        if at.startswith("line "):
            return self.line(int(at.removeprefix("line ")))
        result = self.result(at, final)
        return None if result is None else self.cut(result.end)


def steer(intervention: Intervention, reply: Reply, reference: str) -> Steer | None:
    """How a reply is steered.

    Args:
        intervention: What is to be done.
        reply: As it came by itself.
        reference: The right answer.

    Returns:
        None where the thought has no such place, or no value can be made up.
    """
    thought = _Thought(reply)
    if thought.begin >= thought.end:
        return None
    if intervention.kind in {"plant", "back"}:
        return _planted(intervention, thought, reply, reference)
    keep = thought.place(intervention.at, reply.final)
    if keep is None:
        return None
    if intervention.kind == "stop":
        return Steer(keep, "", closes=True, sentence=intervention.words)
    value = ""
    if intervention.kind == "hint":
        truth = intervention.value == "right"
        value = reference if truth else _other(reference, reply.final or "")
        if not value:
            return None
    words = intervention.words.replace("{value}", value)
    before = thought.text[:keep]
    aligned = not before or before.endswith("\n")
    gap = "" if aligned or not words or words.startswith(" ") else "\n"
    return Steer(keep, gap + words, value=value)


def _planted(
    intervention: Intervention, thought: _Thought, reply: Reply, reference: str
) -> Steer | None:
    """A wrong value in the place of a result; with "back" also the words that doubt it."""
    text = thought.text
    result = thought.result(intervention.at, reply.final)
    if result is None:
        return None
    true = text[result.start : result.end]
    value = _other(true, reference)
    if not value:
        return None
    # The space before it belongs to its first token.
    keep = len(text[: result.start].rstrip(" "))
    keep = max(keep, thought.begin)
    space = text[keep : result.start]
    words = intervention.words.replace("{value}", value).replace("{true}", true)
    left = " ".join(result.left.split())
    if intervention.kind == "plant":
        return Steer(keep, space + words, value=value, true=true)
    if not left:
        # Of a number that is no result nobody can say what it is not.
        return None
    rest = text[result.end : thought.sentence_end(result.end)]
    words = words.replace("{left}", left)
    gap = "\n\n" if words else ""
    return Steer(keep, f"{space}{value}{rest}{gap}{words}", value=value, true=true)


def _other(number: str, *avoid: str) -> str:
    """Another number that looks like one: with another digit, so many digits, and as plausible.

    Args:
        number: A text with a number in it.
        avoid: What it may not be.

    Returns:
        The text with the other number; nothing where it has none.
    """
    found = _NUMBER.search(number)
    if found is None:
        return ""
    whole = found[0].partition(".")[0]
    places = [found.start() + at for at, sign in enumerate(whole) if sign.isdigit()]
    # Not the last of several: the slip shall matter.
    at = places[-2] if len(places) > 1 else places[-1]
    least = 1 if at == places[0] else 0
    for step in range(1, 10):
        digit = (int(number[at]) + step) % 10
        other = f"{number[:at]}{digit}{number[at + 1 :]}"
        if digit >= least and not any(same_answer(other, each) for each in (number, *avoid)):
            return other
    return ""


def _is_plain(claim: str) -> bool:
    """Whether a result is one number, and no expression."""
    return len(_NUMBER.findall(claim)) == 1 and not re.search(r"\d\s*[-+*/×÷·^]\s*\d", claim)


class _Formulas:
    """Knows whether a formula is open at the end of a text that comes line by line."""

    def __init__(self) -> None:
        self._depth, self._dollars = 0, False

    def feed(self, text: str) -> None:
        """Takes more of it."""
        for sign in _FORMULA.finditer(text):
            if sign[0] == "$$":
                self._dollars = not self._dollars
            else:
                self._depth = max(0, self._depth + (1 if sign[0] in _OPENS else -1))

    @property
    def open(self) -> bool:
        """Whether one is open."""
        return self._depth > 0 or self._dollars
