"""Checks the sums in a thought or an answer while it is written.

Only what a careful reader would call a wrong sum counts as one: no rounding, no question, no
supposition, nothing in code, and nothing that the text itself takes back right there.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from r1chat.reasoning.equations import Reader, Statement
from r1chat.reasoning.phrases import CORRECTION

LONGEST_SENTENCE = 1000
"""Characters after which a sentence is taken to end."""
TAKEN_BACK_WITHIN = 40
"""Characters behind a sentence in which it may be taken back, white space before them aside."""
_MOST_SPACE = 200
_DENIED_WITHIN = 80
_MOST_DECIMALS = 6
_LONGEST_RIGHT = 24
_LARGE = 10**12
_LARGEST_DENOMINATOR = 100
_ABOUT = "about"

_SENTENCE_END = re.compile(r"\n|[.!?;][\"'”’)\]*_]{0,4}\s|[。！？；]")
_LONGEST_END = 6
_FENCE = re.compile(r"\s*(?P<fence>`{3,}|~{3,})")
_TICKS = re.compile(r"`+")
_MARKS = re.compile(r"[ \t]*(?:(?:[>#]+|[•▪◦‣]|\d{1,3}[.)]|\([a-z\d]\))[ \t]+)*")
"""What begins a line of a list, a heading or a quotation."""
_STEP = re.compile(
    r"[,:;]\s|[，：；]|\b(?:then|so|hence|thus|therefore|because|since)\b", re.IGNORECASE
)
_SUPPOSED = re.compile(
    r"\b(?:about|around|close|errors?|round\w*)\s*$"
    r"|\b(?:not|never|\w+n['’]t)(?:\s+\w+){0,3}\s*$"
    r"|\b(?:if|suppose|supposing|assum\w*|say|imagine|pretend|whether|unless|wrong\w*"
    r"|incorrect\w*|mistaken\w*|mistakes?|claim\w*|confus\w*|approximate\w*|approx|roughly"
    r"|nearly|almost|estimat\w*|rounded|rounding|instead|rather)\b"
    r"|如果|假设|假如|不|错|约",
    re.IGNORECASE,
)
"""What makes of an equation behind it a supposition, or an estimate."""
_DENIED = re.compile(
    r"\b(?:not|wrong\w*|incorrect\w*|mistakes?|error|false|impossible|contradict\w*|no|approx\w*"
    r"|roughly|rounded|rounding|round|about|remainder|instead|rather)\b"
    r"|n['’]t\b|[≠✗✘❌×]\s*$|不|错|余|约",
    re.IGNORECASE,
)
"""What makes of an equation in front of it none."""
_LISTED = re.compile(r"(?:[\s,;&]|\band\b|\bor\b)*")
_BLOT = "\0"
_OTHER_KIND = re.compile(
    r"\b(?:mod|modulo|modular|pmod|bmod|binary|hex|hexadecimal|octal|boolean|xor)\b|≡|\\equiv"
    r"|\bbase[-\s]?(?:\d|two|eight|sixteen)|\\p?b?mod\b",
    re.IGNORECASE,
)
"""Arithmetic of another kind: where it is spoken of, no sum that follows is called wrong."""
_DOUBTFUL = re.compile(
    r"\d\s?[ap]\.?m\b|\d{4}-\d\d-\d\d|\b(?:o['’]clock|clock|puzzle|pattern)", re.IGNORECASE
)
"""What sentences are about in which equations are often no sums."""
_TAKEN_BACK = re.compile(
    r"(?:\\[\])]|[\s>*_#\"'“‘(\[$-])*(?:(?:oh|but|and|so|well|ah|now|okay|ok)\b\W{1,3})*"
    r"(?:wait|no\b|not\b|nope|h+m+|oops|actually|sorry|correction|scratch\s+that|wrong|incorrect"
    r"|(?:that|this|it|which)(?:['’]s|\s+is|\s+was|\s+seems|\s+looks|\s+can)\s*(?:not|n['’]t|wrong|off"
    r"|incorrect|a\s+mistake|impossible)"
    r"|(?:that|this|it)\s+(?:is|does|ca|wo)n['’]t|i\s+made|i\s+mis\w+|my\s+mistake"
    r"|let\s+me\s+(?:re|correct|fix|try\s+again)|等|不对|不對|嗯)",
    re.IGNORECASE,
)
_GOES_ON = re.compile(
    r"[^\S\n]*(?:[.,]"
    r"|(?:[-+−–*×·÷/^%(]|\*\*|\\[,;:! ]|\\[a-zA-Z]*(?:\{[^{}\n]{0,40})?)?"
    r"(?:[^\S\n]*[^\W\d_]{1,20}){0,3})[^\S\n]*"
)
"""What may stand between a number and the place where its text was cut, so that nobody knows
whether it was whole, or all of the result: 3 times, 3 mil(lion)."""
_POINTS = (",", ".")


class Sums:
    """Finds the sums of a text that comes in chunks, however it is cut, and checks them.

    The work is constant a character; little more than a sentence is kept.

    Args:
        patient: Whether a wrong sum waits for the words behind its sentence, which may take it
            back.
    """

    def __init__(self, *, patient: bool = True) -> None:
        self._patient = patient
        self._reader = Reader()
        self._text = ""
        """The sentence that is being written, and in front of it what follows a pending sum."""
        self._at = 0
        """Where `_text` stands in the whole."""
        self._begin = 0
        """Where in `_text` the sentence begins."""
        self._looked = 0
        """Up to where in `_text` its end was looked for."""
        self._line_begins = True
        self._fence = ""
        self._ticks = ""
        """What closes a span of code that is open on this line."""
        self._cuts: list[int] = []
        """Where the text was cut, in the whole, as far as a sentence there may still be read."""
        self._special = False
        """Whether arithmetic of another kind has been spoken of."""
        self._pending: deque[tuple[Statement, int]] = deque()
        """Sums in their order, each with where in the whole its sentence ends."""

    def feed(self, text: str) -> list[Statement]:
        """Takes the next chunk and returns the sums that are certain now, in order."""
        found: list[Statement] = []
        for start in range(0, len(text), LONGEST_SENTENCE):
            self._text += text[start : start + LONGEST_SENTENCE]
            while (end := self._end_of_sentence()) is not None:
                self._sentence(end)
            self._looked = max(self._begin, len(self._text) - _LONGEST_END)
            found += self._settled(ended=False)
            self._forget()
        return found

    def cut(self) -> None:
        """Takes note that its author was stopped here: what comes next is not the author's.

        A result at which a text was cut is not called wrong: 7 may have become 75.
        """
        self._cuts.append(self._at + len(self._text))

    def close(self) -> list[Statement]:
        """Returns what the end of the text has made certain."""
        if self._begin < len(self._text):
            self._sentence(len(self._text))
        return self._settled(ended=True)

    def wrong_before(self, following: str) -> Statement | None:
        """The first wrong sum of a sentence that would end with a text, if there is one.

        Args:
            following: What may come next; it is not taken.
        """
        whole = self._text + following[:_LONGEST_END]
        end = _SENTENCE_END.search(whole, self._looked)
        if end is None or end.end() <= len(self._text) or self._fence or self._ticks:
            return None
        found = self._sums_of(self._text[self._begin :], self._at + self._begin)
        return next((each for each in found if each.wrong), None)

    def _end_of_sentence(self) -> int | None:
        found = _SENTENCE_END.search(self._text, self._looked)
        longest = self._begin + LONGEST_SENTENCE
        if found is not None and found.end() <= longest:
            return found.end()
        return longest if len(self._text) >= longest else None

    def _sentence(self, end: int) -> None:
        """Takes the sentence that ends there."""
        text = self._text[self._begin : end]
        if not self._is_fenced(text):
            for each in self._sums_of(self._without_code(text), self._at + self._begin):
                self._pending.append((each, self._at + end))
        self._line_begins = text.endswith("\n")
        if self._line_begins:
            self._ticks = ""
        self._begin = self._looked = end

    def _is_fenced(self, text: str) -> bool:
        """Whether a sentence belongs to a block of code."""
        fence = _FENCE.match(text) if self._line_begins else None
        was_inside = bool(self._fence)
        if fence is not None:
            if not was_inside:
                inline = fence["fence"][0] == "`" and "`" in text[fence.end() :]
                self._fence = "" if inline else fence["fence"]
            elif fence["fence"].startswith(self._fence):
                self._fence = ""
        return was_inside or bool(self._fence)

    def _without_code(self, text: str) -> str:
        """A sentence with what stands between backticks blotted out."""
        if "`" not in text and not self._ticks:
            return text
        parts, start = [], 0
        for ticks in _TICKS.finditer(text):
            if not self._ticks:
                parts.append(text[start : ticks.start()])
                start, self._ticks = ticks.start(), ticks[0]
            elif ticks[0] == self._ticks:
                parts.append(_BLOT * (ticks.end() - start))
                start, self._ticks = ticks.end(), ""
        rest = text[start:]
        parts.append(_BLOT * len(rest) if self._ticks else rest)
        return "".join(parts)

    def _sums_of(self, text: str, at: int) -> list[Statement]:
        """The sums of a sentence, those that nobody could be sure of left out."""
        self._special = self._special or _OTHER_KIND.search(text) is not None
        marks = _MARKS.match(text) if self._line_begins else None
        if marks is not None:
            text = " " * marks.end() + text[marks.end() :]
        read = self._reader.equations(text)
        if not any(statement.wrong for statement, _ in read):
            return [_moved(statement, at) for statement, _ in read]
        sure = []
        asked = max(text.rfind("?"), text.rfind("？"), text.rfind("吗"))
        unlikely = self._special or _DOUBTFUL.search(text) is not None
        steps = [step.end() for step in _STEP.finditer(text)]
        supposed, before = False, 0
        for statement, doubtful in read:
            start, end = statement.start, statement.end
            step = steps[number - 1] if (number := bisect_right(steps, start)) else 0
            listed = before and _LISTED.fullmatch(text, before, start) is not None
            supposed = (supposed and bool(listed)) or _SUPPOSED.search(
                text, step, start
            ) is not None
            before = end
            denied = _DENIED.search(text[end : end + _DENIED_WITHIN]) is not None
            if not statement.wrong or not (
                doubtful
                or unlikely
                or supposed
                or denied
                or asked >= end
                or self._may_go_on(statement, text, at)
            ):
                sure.append(_moved(statement, at))
        return sure

    def _may_go_on(self, statement: Statement, text: str, at: int) -> bool:
        """Whether the text was cut where the claim might have gone on."""
        start, end = at + statement.start, at + statement.end
        cut = next((each for each in self._cuts if each > start), None)
        if cut is not None and cut < end:
            return True
        if cut is None or _GOES_ON.fullmatch(text, statement.end, cut - at) is None:
            return False
        between = text[statement.end : cut - at].strip()
        # A full stop was the end of a sentence, unless the right result has one there, too.
        whole = "".join(filter(str.isdigit, statement.claim))
        return between not in _POINTS or _digits(statement.right).startswith(whole)

    def _settled(self, *, ended: bool) -> list[Statement]:
        """Takes out the pending sums of which it is clear whether the text takes them back."""
        found = []
        while self._pending:
            statement, end = self._pending[0]
            if statement.wrong and self._patient:
                after = self._text[end - self._at :][: _MOST_SPACE + TAKEN_BACK_WITHIN]
                words = after.lstrip()[:TAKEN_BACK_WITHIN]
                enough = len(words) == TAKEN_BACK_WITHIN or len(after) > _MOST_SPACE
                if not enough and not ended:
                    break
                if _TAKEN_BACK.match(words):
                    self._pending.popleft()
                    continue
            found.append(statement)
            self._pending.popleft()
        return found

    def _forget(self) -> None:
        """Drops what is not needed any more."""
        kept = self._begin
        if self._pending:
            kept = min(kept, self._pending[0][1] - self._at)
        if kept:
            self._text = self._text[kept:]
            self._at += kept
            self._cuts = [each for each in self._cuts if each >= self._at]
            self._begin -= kept
            self._looked -= kept


def shown(value: Fraction) -> str:
    """A value as people write it: as a decimal where it has an end soon, else as a fraction."""
    exact = value * 10**_MOST_DECIMALS
    if exact.denominator != 1:
        return f"{value.numerator}/{value.denominator}"
    sign, whole = "-" if value < 0 else "", abs(int(exact))
    before, behind = divmod(whole, 10**_MOST_DECIMALS)
    rest = f"{behind:0{_MOST_DECIMALS}}".rstrip("0")
    return f"{sign}{before}" + (f".{rest}" if rest else "")


def right_of(statement: Statement) -> str:
    """What an equation that does not hold should say, in the form of what it says.

    Where it says a fraction, a fraction; else, where the decimal has no end soon, what it is about.
    """
    claim, right = statement.claim, statement.right
    if claim.rstrip("\\").endswith("%"):
        return shown(right if "%" in statement.left else 100 * right) + "%"
    ends = (right * 10**_MOST_DECIMALS).denominator == 1
    small = right.denominator <= _LARGEST_DENOMINATOR
    text = shown(right)
    if len(text) <= _LONGEST_RIGHT and (ends or (small and ("/" in claim or "frac" in claim))):
        return text
    try:
        number = float(right)
    except OverflowError:
        return f"{_ABOUT} 10^{len(str(abs(int(right)))) - 1}"
    return f"{_ABOUT} {number:.3g}" if abs(number) >= _LARGE else f"{_ABOUT} {number:.2f}"


def corrected(left: str, claim: str, right: str) -> str:
    """The words with which a thought goes on from a wrong sum.

    Args:
        left: What is computed, as it was written.
        claim: What it is said to be.
        right: What it is; see `right_of`.
    """
    left, claim = (" ".join(part.split()) for part in (left, claim))
    words = CORRECTION.format(left=left, value=claim, true=right)
    if right.startswith(_ABOUT):
        words = words.replace(f"{left} = {right}", f"{left} is {right}")
    return words


def check(text: str, cuts: Iterable[int] = (), *, patient: bool = True) -> list[Statement]:
    """Finds the sums of a whole text and checks them.

    Args:
        text: The text.
        cuts: Where in it its author was stopped, in characters; see `Sums.cut`.
        patient: As for `Sums`.
    """
    sums, found, at = Sums(patient=patient), [], 0
    for cut in sorted(set(cuts)):
        found += sums.feed(text[at:cut])
        sums.cut()
        at = cut
    return found + sums.feed(text[at:]) + sums.close()


def _digits(value: Fraction) -> str:
    """The digits of a value up to its sixth decimal, without sign and point."""
    whole, rest = divmod(abs(value), 1)
    return f"{whole}{int(rest * 10**_MOST_DECIMALS):0{_MOST_DECIMALS}}"


def _moved(statement: Statement, by: int) -> Statement:
    return replace(statement, start=statement.start + by, end=statement.end + by)
