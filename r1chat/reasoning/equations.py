r"""Finds the equations between numbers in a sentence, and says of each whether it holds.

``3 + 4 = 7``, ``20% of 50 is 10``, chains, LaTeX, units and money beside the numbers; all of it is
computed exactly, as fractions. Where a reader could see anything but plain arithmetic in what is
written, an equation that does not hold is in doubt: better to miss a slip than to call a right sum
wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from r1chat.reasoning.arithmetic import (
    BY,
    MOST_UNIT_WORDS,
    SHARES,
    NotPlain,
    Relation,
    Side,
    Sides,
)
from r1chat.reasoning.notation import Token, decimals, tokens_of, words
from r1chat.reasoning.units import CHANGES, COMPARED, kinds_of, singular

_MOST_ROUNDED = 64
_ROUNDING = Fraction(1, 100)
"""Share of a value by which numbers that were rounded may change it."""
_LOOKS_ROUNDED = re.compile(r"\.\d*(?:33|66|67|17|83|14|43|57|71|86|29)$")
_RANGE = re.compile(r"[^\s]*\d[-–][^\s]*\d")
_TWO_SLASHES = re.compile(r"\s/\s[^()]*\d/\d|\d/\d[^()]*\s/\s")
"""Of which the one without spaces may be meant to bind more closely."""
_NAMES = re.compile(r"\d-[^\W\d_]{2}|[^\W\d_]/\d")
"""16-ounce cans, and a rate of 16 seconds/10 feet."""
_SCIENTIFIC = re.compile(r"\b10\s{0,2}(?:\^|\*\*|[⁰¹²³⁴-⁹])")
_MAY_SAY = re.compile(r"[=＝]|\b(?:is|equals|are|makes|gives)\b")
_FUNCTIONS = words(
    "sqrt root log ln lg exp sin cos tan cot sec csc arcsin arccos arctan max min gcd lcm mod "
    "modulo choose floor ceil ceiling round abs sum det power base squared cubed f g h "
    "factorial sigma phi over per plus minus times divided multiplied percent subtracted"
)
"""Words in front of an expression that take it for themselves, or that it goes on from."""
_LABELS = words(
    "step day week month problem question example case option part equation eq line number no "
    "item level year chapter page round stage rule method group trial test figure table section "
    "row column scenario possibility attempt answer version grade room bus apartment"
)
"""Words in front of a number that is a name: day 3."""
_PREPOSITIONS = words("of for in by to from with on at than as about after before between")
"""Words that make of what follows a part of what is spoken of: the digits of 2^10 are 7."""
_QUOTES = frozenset('"“”')
_REST = words("and with plus remainder r R")


@dataclass(frozen=True, slots=True)
class Statement:
    """An equation between numbers, by where it stands in the text that it was found in."""

    start: int
    end: int
    left: str
    """What is computed, as it was written."""
    claim: str
    """What it is said to be, as it was written."""
    claimed: Fraction
    right: Fraction
    """What it is."""
    wrong: bool


class Equation(NamedTuple):
    """A statement of a sentence."""

    statement: Statement
    doubtful: bool
    """Whether it must not be called wrong."""


class Reader:
    """Finds the equations of one sentence after another.

    It remembers which numbers were rounded: what is computed with them later need not be exact.
    """

    def __init__(self) -> None:
        self._rounded: dict[str, None] = {}

    def equations(self, text: str) -> list[Equation]:
        """Finds the equations of a sentence, in order."""
        found: list[Equation] = []
        if not _MAY_SAY.search(text):
            return found
        tokens = tokens_of(text)
        sides = Sides(tokens)
        at = 0
        while at < len(tokens):
            if not _may_begin(sides, tokens, at):
                at += 1
                continue
            try:
                side, end = sides.side(at)
            except NotPlain:
                at = _past_failure(tokens, at)
                continue
            doubtful = _doubt_before(tokens, at, side)
            if doubtful is None:
                at = end
                continue
            side.doubtful = side.doubtful or doubtful
            named = at > 0 and tokens[at - 1].text in _PREPOSITIONS
            at = self._follow(text, sides, tokens, side, end, found, named=named)
        return found

    def _follow(
        self,
        text: str,
        sides: Sides,
        tokens: list[Token],
        side: Side,
        end: int,
        found: list[Equation],
        *,
        named: bool,
    ) -> int:
        """Follows a chain of sides from behind the first one; returns where it ends."""
        while (relation := sides.relation(end)) is not None:
            how, begin = relation
            if not sides.begins_signed(begin):
                break
            try:
                other, end = sides.side(begin)
            except NotPlain:
                return begin
            doubtful = sides.relation(end) is None and _doubt_behind(tokens, end, how)
            if doubtful is None:
                break
            other.doubtful = other.doubtful or doubtful
            if how == "about":
                self._remember(other)
            elif side.signs or other.signs:
                judged = self._judged(text, side, other, how)
                unclear = judged.statement.wrong and named and how == "said"
                found.append(judged._replace(doubtful=judged.doubtful or unclear))
            side, named = other, False
        return end

    def _judged(self, text: str, one: Side, other: Side, how: Relation) -> Equation:
        expression, claim = (one, other) if one.signs else (other, one)
        holds = self._holds(one, other, expression, claim)
        written = text[one.start : other.end]
        doubtful = not holds and (
            one.doubtful
            or other.doubtful
            or (how == "said" and bool(other.signs))
            or _other_units(one, other, expression, claim)
            or _other_reading(expression, claim, how, written)
            or self._by_rounding(expression, claim)
        )
        all_percent = expression.percents and claim.percents
        statement = Statement(
            start=one.start,
            end=other.end,
            left=_written(text, expression),
            claim=_written(text, claim),
            claimed=claim.value.plain if all_percent else claim.value.exact,
            right=expression.value.plain if all_percent else expression.value.exact,
            wrong=not holds,
        )
        return Equation(statement, doubtful)

    def _holds(self, one: Side, other: Side, expression: Side, claim: Side) -> bool:
        values = [(one.value.exact, other.value.exact)]
        if one.percents or other.percents:
            # 3/4 × 100 = 75%
            values += [(a, b) for a in one.value for b in other.value]
        if any(a == b for a, b in values):
            return True
        if other.signs and other.lead == one.value.exact:
            # 3 + 4 = 7 + 5 = 12: one step after the other.
            return True
        literal = claim.literal
        if literal is None:
            return False
        step = Fraction(1, 10 ** decimals(literal.text))
        readings = [(claim.value.plain, step)]
        if claim.percents:
            readings.append((claim.value.exact, step / 100))
        exact = expression.value.exact
        for said, least in readings:
            if (exact / least).denominator != 1 and abs(exact - said) < least:
                self._remember(claim)
                return True
        return False

    def _remember(self, side: Side) -> None:
        for token in side.numbers:
            if "." in token.text:
                self._rounded[token.text] = None
                if len(self._rounded) > _MOST_ROUNDED:
                    del self._rounded[next(iter(self._rounded))]

    def _by_rounding(self, expression: Side, claim: Side) -> bool:
        """Whether the difference may come from numbers that were rounded, before or right here."""
        rounded = any(
            token.text in self._rounded or _LOOKS_ROUNDED.search(token.text)
            for token in expression.numbers
        )
        if claim.signs:
            # 250 - 250/3 = 250 - 83.33
            known = {token.text for token in expression.numbers}
            rounded = rounded or any(
                decimals(token.text) > 1 and token.text not in known for token in claim.numbers
            )
        exact, said = expression.value.exact, claim.value.exact
        return rounded and abs(exact - said) <= abs(exact) * _ROUNDING


def _written(text: str, side: Side) -> str:
    r"""A side as it was written, with the brace that ends a unit in \text{…}."""
    end = side.end
    open_braces = text.count("{", side.start, end) - text.count("}", side.start, end)
    while open_braces > 0 and text.startswith("}", end):
        open_braces, end = open_braces - 1, end + 1
    return text[side.start : end]


# -- what else two sides that differ may mean --


def _other_units(one: Side, other: Side, expression: Side, claim: Side) -> bool:
    """Whether they may be measured in different units."""
    signs = set(expression.signs)
    kinds = one.kinds | other.kinds
    if signs <= {"*", "/"}:
        # 2 weeks * 7 days/week
        kinds -= expression.rates & expression.counted
    if len({kind.partition(":")[0] for kind in kinds}) < len(kinds):
        return True
    if len(expression.units) > 1 and signs <= {"+", "-"} and expression.units & claim.units:
        # 2 pizzas + 4 slices = 20 slices
        return True
    if claim.percents:
        return expression.percents not in {0, len(expression.numbers)}
    shares = expression.percents == len(signs) == 1 and signs <= {"*", "of"}
    return bool(expression.percents) and not shares


def _other_reading(expression: Side, claim: Side, how: Relation, written: str) -> bool:
    """Whether what is written may be no sum at all."""
    signs, value = set(expression.signs), expression.value.exact
    number = claim.literal is not None and not claim.percents
    whole = number and (how == "said" or claim.value.exact.denominator == 1)
    # 1/3 = 20 students
    ratio = whole and expression.signs == ["/"] and 0 < value < 1
    dates = {"/", "-"} <= signs and "time:day" in claim.kinds
    # 10-15 = 5 pages
    pages = claim.value.exact == -value and _RANGE.match(written) is not None
    unclear = any(each.search(written) for each in (_SCIENTIFIC, _TWO_SLASHES, _NAMES))
    return ratio or dates or pages or unclear


# -- what stands around an equation --


def _may_begin(sides: Sides, tokens: list[Token], at: int) -> bool:
    """Whether a side may begin at a token: at an operand, or at a sign right before one."""
    token = tokens[at]
    if token.text != "-" or token.kind != "op":
        return sides.begins_operand(at)
    after = sides.token(at + 1)
    signed = after is not None and not after.spaced and sides.begins_operand(at + 1)
    follows = at > 0 and tokens[at - 1].kind in {"number", "close", "percent", "word"}
    return signed and not follows


def _past_failure(tokens: list[Token], at: int) -> int:
    """Where to go on behind something that could not be read to its end."""
    if tokens[at].kind not in {"open", "money"}:
        while at < len(tokens) and tokens[at].kind not in {"break", "equals", "about", "word"}:
            at += 1
    # What stands in a bracket may be read.
    return at + 1


def _doubt_before(tokens: list[Token], at: int, side: Side) -> bool | None:
    """Looks at what stands in front of a side.

    Returns:
        Whether that raises doubts; None where the side is part of something larger.
    """
    here = tokens[at]
    if not at:
        # A list's dash may touch what it lists.
        return here.text == "-"
    before = tokens[at - 1]
    earlier = tokens[at - 2] if at > 1 else None
    doubt: bool | None = None
    if before.kind in {"equals", "about"}:
        doubt = False
    elif before.kind == "break":
        doubt = before.text in _QUOTES or (before.text == "." and not here.spaced)
    elif before.kind == "close":
        doubt = not here.spaced or (earlier is not None and earlier.kind == "number")
    elif before.kind == "word":
        doubt = _doubt_behind_word(tokens, at, side)
    elif before.kind == "open":
        called = earlier is not None and earlier.kind in {"word", "number", "close"}
        doubt = None if called and not before.spaced else bool(earlier and earlier.kind == "op")
    elif before.kind == "op" and earlier is None and here.spaced:
        # A list's mark; a plus may also go on from the line above.
        doubt = before.text != "-"
    elif before.text == "-" and earlier is not None and earlier.kind == "word":
        # A dash, or a sign: "the total -3 + 5".
        doubt = None if here.spaced else True
    return doubt


def _doubt_behind_word(tokens: list[Token], at: int, side: Side) -> bool | None:
    """As `_doubt_before`, where a word stands in front."""
    here, before = tokens[at], tokens[at - 1]
    touches = not here.spaced and here.kind != "money" and before.text.isascii()
    first = at - 1
    while first and at - first < MOST_UNIT_WORDS and tokens[first].kind == "word":
        first -= 1
    # 25 classmates + his 1 teacher + 1
    goes_on = first > 0 and tokens[first].kind == "op"
    if before.text in _FUNCTIONS or touches or goes_on:
        return None
    earlier = tokens[at - 2] if at > 1 else None
    counted = earlier is not None and earlier.kind in {"number", "percent"}
    if earlier is not None and before.text in {"of", "to", "by"}:
        # half of 3 + 4; 5 to 8 + 2; divided by 3 + 4
        # "The volume of 16-ounce cans = 32/16": a number alone belongs to the name.
        shared = singular(earlier.text) in SHARES or earlier.text in BY
        return counted or shared or not side.signs
    letter = len(before.text) == 1 and before.text.isascii() and before.text not in {"a", "i"}
    after = tokens[at + 1] if at + 1 < len(tokens) else None
    dashed = after is not None and after.text == "-" and before.text in _LABELS
    # 5 feet 3 inches + 2 inches
    compound = counted and bool(kinds_of(before.text))
    return letter or dashed or compound or not side.signs


def _doubt_behind(tokens: list[Token], end: int, how: Relation) -> bool | None:
    """As `_doubt_before`, for what stands behind the last side of a chain."""
    after = tokens[end] if end < len(tokens) else None
    following = tokens[end + 1] if end + 1 < len(tokens) else None
    number_follows = following is not None and following.kind == "number"
    doubt: bool | None = None
    if after is None or after.kind == "money":
        doubt = False
    elif after.kind in {"break", "close"}:
        tight = following is not None and not following.spaced and after.text in {".", ","}
        doubt = after.text in _QUOTES or (tight and number_follows)
    elif after.kind == "open":
        doubt = None if not after.spaced else False
    elif after.kind == "word":
        text = after.text
        near = {token.text for token in tokens[end : end + 4] if token.kind == "word"}
        rest = text in _REST and (number_follows or bool(near & {"remainder", "half"}))
        letter = len(text) == 1 and text.isascii() and text not in {"a", "i"}
        compound = number_follows and bool(kinds_of(text))
        doubt = (
            rest or letter or compound or text in CHANGES or (how == "said" and text in COMPARED)
        )
    return doubt
