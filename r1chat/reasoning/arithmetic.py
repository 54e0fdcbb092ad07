"""Reads the sides of equations between numbers, and computes them exactly."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, NamedTuple, TypeAlias

from r1chat.reasoning.notation import FRACTIONS, Kind, Token, words
from r1chat.reasoning.units import CHANGES, JOINED, LETTERS, PER, kinds_of, singular

Relation: TypeAlias = Literal["equals", "said", "about"]
"""equals: by a sign. said: in words ("is"). about: a relation that is no equality."""

_MOST_BITS = 1024
_LARGEST_POWER = 64
_DEEPEST = 12
MOST_UNIT_WORDS = 4

_WORD_OPERATORS = {"plus": "+", "minus": "-", "times": "*"}
BY = {"multiplied": "*", "divided": "/"}
"""Operators that "by" follows."""
SHARES = {
    "half": Fraction(1, 2), "third": Fraction(1, 3), "quarter": Fraction(1, 4),
    "fourth": Fraction(1, 4), "fifth": Fraction(1, 5), "sixth": Fraction(1, 6),
    "eighth": Fraction(1, 8), "tenth": Fraction(1, 10),
}  # fmt: skip
"""Of something: half of 12."""
_MULTIPLES = {"twice": 2, "double": 2, "thrice": 3, "triple": 3}
_EQUALS = words("is equals makes gives are")
_ARTICLES = words("the a an these those this that her his their its all total remaining original")


class NotPlain(Exception):  # noqa: N818  (no error: the usual case in prose)
    """What is written is no plain arithmetic."""


class Value(NamedTuple):
    """What a part of a side comes to."""

    exact: Fraction
    plain: Fraction
    """The same with "50%" read as 50."""


@dataclass(slots=True)
class Side:
    """A side of an equation."""

    value: Value = Value(Fraction(), Fraction())  # noqa: RUF009  (it is immutable)
    start: int = 0
    end: int = 0
    signs: list[str] = field(default_factory=list)
    """Its operators."""
    numbers: list[Token] = field(default_factory=list)
    percents: int = 0
    doubtful: bool = False
    """Whether what is written could mean something else."""
    units: set[str] = field(default_factory=set)
    """The first words behind its numbers."""
    kinds: set[str] = field(default_factory=set)
    """Of the units beside its numbers, those of which there are others for the same thing."""
    rates: set[str] = field(default_factory=set)
    """Of them, those that something is counted by: a day, in hours per day."""
    counted: set[str] = field(default_factory=set)
    """Of them, those that are counted themselves."""

    @property
    def literal(self) -> Token | None:
        """The number, where it is nothing but one."""
        return self.numbers[0] if len(self.numbers) == 1 and not self.signs else None

    @property
    def lead(self) -> Fraction | None:
        """The number that it begins with."""
        return self.numbers[0].value if self.numbers else None


class Sides:
    """Reads sides from the tokens of a sentence.

    Args:
        tokens: The sentence's.
    """

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._side = Side()
        self._depth = 0

    # -- looking --

    def token(self, at: int) -> Token | None:
        """A token, or None beyond the ends."""
        return self._tokens[at] if 0 <= at < len(self._tokens) else None

    def begins_operand(self, at: int) -> bool:
        """Whether a number, a bracket or a share of something begins there."""
        token = self.token(at)
        if token is None:
            return False
        if token.kind == "money":
            return self._is(at + 1, "number")
        if token.kind == "word":
            multiple = token.text in _MULTIPLES and self._starts_number(at + 1)
            return multiple or self._share(at) is not None
        return token.kind in {"number", "frac", "open"}

    def begins_signed(self, at: int) -> bool:
        """Whether an operand begins there, with a sign or without one."""
        return self.begins_operand(at + 1 if self._is(at, "op", "-", "+") else at)

    def relation(self, at: int) -> tuple[Relation, int] | None:
        """The relation that stands there, and where it ends."""
        token = self.token(at)
        if token is None:
            return None
        if token.kind == "about":
            return "about", at + 1
        if token.kind == "equals":
            about = self._is(at + 1, "about")
            return ("about", at + 2) if about else ("equals", at + 1)
        if token.kind != "word" or token.text not in _EQUALS:
            return None
        at += 1
        if self._is(at, "word", "equal") and self._is(at + 1, "word", "to"):
            at += 2
        elif self._is(at, "word", "us"):
            at += 1
        return ("said", at) if self.begins_signed(at) else None

    def side(self, at: int) -> tuple[Side, int]:
        """Reads the side that begins at a token.

        Returns:
            The side, and the token behind it.

        Raises:
            NotPlain: If it is no plain arithmetic.
        """
        self._at, self._depth = at, 0
        self._side = side = Side(start=self._tokens[at].start)
        side.value = self._sum()
        side.end = self._tokens[self._at - 1].end
        return side, self._at

    def _is(self, at: int, kind: Kind, *texts: str) -> bool:
        token = self.token(at)
        return token is not None and token.kind == kind and (not texts or token.text in texts)

    def _starts_number(self, at: int) -> bool:
        return self._is(at, "number") or (self._is(at, "money") and self._is(at + 1, "number"))

    def _share(self, at: int) -> tuple[Fraction, int] | None:
        """A share in words ("half of", "a third of"), and where what it is of begins."""
        if self._is(at, "word", "a", "one"):
            at += 2 if self._is(at + 1, "op", "-") else 1
        token = self.token(at)
        if token is None or token.kind != "word" or token.text not in SHARES:
            return None
        after = self._after_of(at + 1)
        return None if after is None else (SHARES[token.text], after)

    def _after_of(self, at: int) -> int | None:
        """Where the number stands that "of" leads to; None where there is none."""
        if not self._is(at, "word", "of"):
            return None
        at += 1
        for _ in range(2):
            at += self._is(at, "word", *_ARTICLES)
        return at if self._starts_number(at) or self._is(at, "open") else None

    def _operator(self, at: int) -> tuple[str, int] | None:
        """The operator that stands there, in signs or in words, and where it ends."""
        token = self.token(at)
        if token is None or token.kind not in {"op", "word"}:
            return None
        if token.kind == "op":
            return token.text, at + 1
        if token.text in _WORD_OPERATORS and self.begins_operand(at + 1):
            return _WORD_OPERATORS[token.text], at + 1
        if token.text in BY and self._is(at + 1, "word", "by") and self.begins_operand(at + 2):
            return BY[token.text], at + 2
        return None

    def _next_is(self, *signs: str) -> str | None:
        """Takes an operator, if it is one of these.

        Raises:
            NotPlain: If no operand follows it.
        """
        found = self._operator(self._at)
        if found is None or found[0] not in signs:
            return None
        if not self.begins_signed(found[1]):
            raise NotPlain
        self._at = found[1]
        return found[0]

    # -- reading --

    def _apply(self, sign: str, one: Value, other: Value) -> Value:
        self._side.signs.append(sign)
        return Value(_apply(sign, one.exact, other.exact), _apply(sign, one.plain, other.plain))

    def _sum(self) -> Value:
        value = self._product()
        while (sign := self._next_is("+", "-")) is not None:
            value = self._apply(sign, value, self._product())
        return value

    def _product(self) -> Value:
        value = self._power()
        divided = False
        while True:
            sign = self._next_is("*", "/")
            if sign is None and self._is(self._at, "open") and self._adjoins():
                # 2(3 + 4): a product; behind a division nobody knows of what.
                sign = "*"
                self._side.doubtful = self._side.doubtful or divided
            after = self._after_of(self._at)
            if sign is None and after is not None and value.exact.denominator != 1:
                # 1/3 of 12
                sign, self._at = "of", after
            if sign is None:
                return value
            divided = divided or sign == "/"
            value = self._apply(sign, value, self._power())

    def _adjoins(self) -> bool:
        """Whether a bracket stands directly behind a number or another bracket."""
        before = self.token(self._at - 1)
        here = self._tokens[self._at]
        return before is not None and not here.spaced and before.kind in {"number", "close"}

    def _power(self) -> Value:
        negative = self._is(self._at, "op", "-")
        if self._is(self._at, "op", "-", "+"):
            self._at += 1
        value = self._operand()
        if self._next_is("^") is not None:
            # -3^2 is read in two ways, and so is 2^3^2.
            self._side.doubtful = self._side.doubtful or negative
            sign = -1 if self._is(self._at, "op", "-") else 1
            if self._is(self._at, "op", "-", "+"):
                self._at += 1
            exponent = self._operand()
            value = self._apply("^", value, Value(sign * exponent.exact, sign * exponent.plain))
            if self._is(self._at, "op", "^"):
                raise NotPlain
        return Value(-value.exact, -value.plain) if negative else value

    def _operand(self) -> Value:
        if not self.begins_operand(self._at):
            raise NotPlain
        if self._is(self._at, "money"):
            self._at += 1
            self._side.kinds.add("money:dollar")
        token = self._tokens[self._at]
        if token.kind == "word":
            return self._in_words()
        if token.kind == "frac":
            number = self._frac()
            value = Value(number, number)
        elif token.kind == "open":
            value = self._bracketed()
        elif token.value is not None:
            self._side.numbers.append(token)
            number = self._mixed(token.value)
            value = Value(number, number)
        else:
            raise NotPlain
        return self._behind(value)

    def _mixed(self, value: Fraction) -> Fraction:
        r"""Reads the rest of 3 1/2, 2½ or 3\frac{1}{2}."""
        self._at += 1
        after = self.token(self._at)
        if after is None or value.denominator != 1:
            return value
        if after.text in FRACTIONS:
            self._at += 1
            self._side.signs.append("/")
            return value + FRACTIONS[after.text]
        if after.kind == "frac":
            # Nobody knows whether a sum is meant, or a product.
            self._side.doubtful = True
            return value + self._frac()
        slash, below = self.token(self._at + 1), self.token(self._at + 2)
        tight = slash is not None and below is not None and not slash.spaced and not below.spaced
        if not (tight and after.spaced and slash and slash.text == "/" and after.value and below):
            return value
        if after.kind != "number" or not below.value:
            return value
        self._at += 3
        self._side.signs.append("/")
        return value + after.value / below.value

    def _frac(self) -> Fraction:
        self._at += 1
        parts = []
        for _ in range(2):
            if not self._is(self._at, "open"):
                raise NotPlain
            parts.append(self._bracketed())
        return self._apply("/", *parts).exact

    def _bracketed(self) -> Value:
        self._go_deeper()
        self._at += 1
        if not self.begins_signed(self._at):
            raise NotPlain
        value = self._sum()
        if not self._is(self._at, "close"):
            raise NotPlain
        self._at += 1
        self._depth -= 1
        return value

    def _go_deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise NotPlain

    def _in_words(self) -> Value:
        """Reads "half of 12" and "twice 6"."""
        share = self._share(self._at)
        if share is None:
            factor = Fraction(_MULTIPLES[self._tokens[self._at].text])
            self._at += 1
        else:
            factor, self._at = share
        return self._of(Value(factor, factor))

    def _of(self, share: Value) -> Value:
        self._go_deeper()
        value = self._apply("of", share, self._operand())
        self._depth -= 1
        # Where more follows nobody knows of what the share is.
        self._side.doubtful = self._side.doubtful or self._operator(self._at) is not None
        return value

    def _behind(self, value: Value) -> Value:
        """Reads what stands behind a number: percent, "of", and its unit."""
        side = self._side
        percent = self._is(self._at, "percent") or self._is(self._at, "word", "percent")
        if percent:
            self._at += 1
            side.percents += 1
            value = Value(value.exact / 100, value.plain)
            if self._is(self._at, "number") or self._is(self._at, "open"):
                # The remainder of a division.
                raise NotPlain
        after = self._after_of(self._at)
        if after is not None and (percent or value.exact.denominator != 1):
            self._at = after
            return self._of(value)
        self._unit()
        return value

    def _unit(self) -> None:
        """Passes over a number's unit, if an operator, a relation or the end of it follows.

        Else only takes note of it: the words of the sentence go on.
        """
        side, at = self._side, self._at
        found: list[Token] = []
        signs = over = False
        while len(found) <= MOST_UNIT_WORDS and (size := self._unit_part(at, bool(found))):
            token = self._tokens[at]
            if token.kind == "word":
                (side.rates if over else side.counted).update(kinds_of(token.text))
                found.append(token)
            signs = signs or token.kind == "op"
            over = token.text in PER or token.text == "/"
            at += size
        if not found:
            return
        first = found[0]
        letter = len(first.text) == 1 and first.text.isascii()
        _check_unit(first, attached=not first.spaced and not signs)
        side.units.add(singular(first.text))
        if signs or self._operator(at) or self.relation(at) or self._is(at, "close"):
            self._at = at
            unclear = first.text in CHANGES | JOINED or len(found) > MOST_UNIT_WORDS
            side.doubtful = side.doubtful or unclear or (letter and first.text != "a")
        else:
            found = found[:1]
        for word in found:
            side.kinds |= kinds_of(word.text)

    def _unit_part(self, at: int, begun: bool) -> int:  # noqa: FBT001  (private)
        """How many tokens there go on a unit; 0 where none does."""
        token = self.token(at)
        if token is None:
            return 0
        if token.kind == "word":
            ends = self._operator(at) or self.relation(at) or self._after_of(at) is not None
            return 0 if ends else 1
        word_follows = self._is(at + 1, "word")
        slash = token.text == "/" and self._share(at + 1) is None
        hyphen = token.text == "-" and not token.spaced
        degree = token.text == "^" and self._is(at + 1, "word", "degree")
        if token.kind == "op" and word_follows and (slash or hyphen or degree):
            return 1
        return 2 if token.text == "^" and begun and self._is(at + 1, "number") else 0


def _check_unit(word: Token, *, attached: bool) -> None:
    """Refuses what is no unit, but a variable.

    Raises:
        NotPlain: If it is one.
    """
    text = word.text
    if len(text) == 1 and text.isascii():
        if text not in LETTERS and (text != "a" or attached):
            raise NotPlain
    elif not text.isalpha() and text.isalnum():
        raise NotPlain


def _apply(sign: str, one: Fraction, other: Fraction) -> Fraction:
    """Computes, within limits.

    Raises:
        NotPlain: If the result would be too large, or is none.
    """
    if sign == "^":
        value = _raised(one, other)
    elif sign == "/":
        if not other:
            raise NotPlain
        value = one / other
    elif sign in {"*", "of"}:
        value = one * other
    else:
        value = one + other if sign == "+" else one - other
    if value.numerator.bit_length() + value.denominator.bit_length() > _MOST_BITS:
        raise NotPlain
    return value


def _raised(base: Fraction, exponent: Fraction) -> Fraction:
    whole = exponent.denominator == 1 and abs(exponent) <= _LARGEST_POWER
    bits = base.numerator.bit_length() + base.denominator.bit_length()
    if not whole or bits * abs(exponent) > _MOST_BITS or (not base and exponent <= 0):
        raise NotPlain
    return base ** int(exponent)
