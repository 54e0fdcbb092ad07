r"""A formula in one line has the value that it has over a bar.

Formulas are made from a small grammar, together with their values. What is shown of each is read
by an evaluator that knows nothing of how it was written, once as arithmetic says it (a product
without a sign counts as much as one with a sign) and once as many people read it (1/2x is 1 over
2x): both must find the value.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from r1chat.mathematics import render
from tests.examples import examples

NAMES = {"x": 1.25, "y": 0.75, "π": 3.5, "α": 1.5}
_LATEX = {"π": r"\pi ", "α": r"\alpha "}
_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ˣʸᵅ", "0123456789+-()xyα", strict=True))


Draw = Callable[[st.SearchStrategy[Any]], Any]


class Reader:
    """Reads what is shown, and computes it."""

    def __init__(self, text: str, *, close: bool) -> None:
        self._text = text.replace("▣ ", "").replace("▣", "").replace("−", "-")
        self._at = 0
        self._close = close

    def value(self) -> float:
        found = self._sum()
        assert self._at == len(self._text), self._text[self._at :]
        return found

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _takes(self, signs: str) -> str:
        found = re.compile(rf" ?([{signs}]) ?").match(self._text, self._at)
        self._at = found.end() if found else self._at
        return found[1] if found else ""

    def _sum(self) -> float:
        total = self._product()
        while sign := self._takes("+\\-"):
            other = self._product()
            total += other if sign == "+" else -other
        return total

    def _product(self) -> float:
        total = self._unary()
        while True:
            if sign := self._takes("·×÷/"):
                other = self._unary()
                total = total * other if sign in "·×" else total / other
            elif self._stands_beside():
                total *= self._power()
            else:
                return total

    def _unary(self) -> float:
        if self._takes("\\-"):
            return -self._unary()
        total = self._power()
        while self._close and self._stands_beside():
            total *= self._power()
        return total

    def _stands_beside(self) -> bool:
        found = re.compile(r" ?(?=[^ +\-·×÷/)])").match(self._text, self._at)
        self._at = found.end() if found else self._at
        return found is not None

    def _power(self) -> float:
        base = self._primary()
        if raised := self._run(_RAISED.keys() - {"√"}):
            text = "".join(_RAISED[sign] for sign in raised)
            return base ** Reader(text, close=self._close).value()
        if self._peek() == "^":
            self._at += 1
            return base ** (self._group() if self._peek() == "(" else self._primary())
        return base

    def _run(self, signs: set[str]) -> str:
        start = self._at
        while self._peek() in signs and self._peek():
            self._at += 1
        if self._peek() == "√":  # the degree of a root
            self._at = start
        return self._text[start : self._at]

    def _group(self) -> float:
        assert self._peek() == "("
        self._at += 1
        found = self._sum()
        assert self._peek() == ")", self._text[self._at :]
        self._at += 1
        return found

    def _primary(self) -> float:
        if self._peek() == "(":
            return self._group()
        degree = re.compile("([⁰¹²³⁴-⁹]*)([√∛∜])").match(self._text, self._at)
        if degree:
            self._at = degree.end()
            number = {"√": 2, "∛": 3, "∜": 4}[degree[2]]
            if degree[1]:
                number = int("".join(_RAISED[sign] for sign in degree[1]))
            return self._primary() ** (1 / number)
        mixed = re.compile(r"(\d+) (\d+)/(\d+)").match(self._text, self._at)
        if mixed:
            self._at = mixed.end()
            return int(mixed[1]) + int(mixed[2]) / int(mixed[3])
        number_ = re.compile(r"\d+(?:\.\d+)?").match(self._text, self._at)
        if number_:
            self._at = number_.end()
            return float(number_[0])
        name = self._peek()
        assert name in NAMES, f"{name!r} in {self._text}"
        self._at += 1
        return NAMES[name]


@dataclass(frozen=True)
class Made:
    """A formula and its value.

    Attributes:
        latex: Its source.
        value: Its value.
        rank: 0 for a sum, 1 for a product or what has a sign, 2 for what stands by itself.
        digit: Whether its source begins with a digit, which would join the one before it.
        whole: Whether it is a whole number, which would make a mixed one of a fraction behind it.
        ratio: Whether it is a fraction of whole numbers.
    """

    latex: str
    value: float
    rank: int = 2
    digit: bool = False
    whole: bool = False
    ratio: bool = False


def unit(made: Made) -> Made:
    """What can stand beside something: in brackets where it must."""
    if made.rank == 2:
        return made
    return Made(rf"\left({made.latex}\right)", made.value)


WHOLE = st.integers(0, 20).map(lambda n: Made(str(n), n, digit=True, whole=True))
DECIMAL = st.integers(1, 99).map(lambda n: Made(f"{n / 4}", n / 4, digit=True))
LETTER = st.sampled_from(list(NAMES)).map(lambda c: Made(_LATEX.get(c, c), NAMES[c]))


@st.composite
def mixed(draw) -> Made:
    whole, top, bottom = draw(st.integers(1, 20)), draw(st.integers(1, 8)), draw(st.integers(1, 9))
    macro = draw(st.sampled_from([r"\frac", r"\dfrac", r"\,\frac", r" \tfrac"]))
    value = whole + top / (top + bottom)
    return Made(rf"{whole}{macro}{{{top}}}{{{top + bottom}}}", value, digit=True)


def total(draw: Draw, one: Made, two: Made) -> Made:
    if draw(st.booleans()):
        return Made(f"{one.latex}+{two.latex}", one.value + two.value, 0, digit=one.digit)
    right = two if two.rank else unit(two)
    return Made(f"{one.latex}-{right.latex}", one.value - two.value, 0, digit=one.digit)


def minus(draw: Draw, one: Made, two: Made) -> Made:
    inside = one if one.rank else unit(one)
    return Made(f"-{inside.latex}", -one.value, 0)


def product(draw: Draw, one: Made, two: Made) -> Made:
    left, right = unit(one), unit(two)
    sign = draw(st.sampled_from([r"\cdot ", r"\times "]))
    return Made(left.latex + sign + right.latex, one.value * two.value, 1, digit=left.digit)


def division(draw: Draw, one: Made, two: Made) -> Made:
    assume(two.value)
    latex = rf"{unit(one).latex}\div {unit(two).latex}"
    return Made(rf"\left({latex}\right)", one.value / two.value)


def juxtaposed(draw: Draw, one: Made, two: Made) -> Made:
    parts = [unit(each) for each in (one, two, *draw(st.lists(LETTER, max_size=2)))]
    parts = draw(st.permutations(parts))
    for left, right in itertools.pairwise(parts):
        assume(not right.digit and not (left.whole and right.ratio))
    space = draw(st.sampled_from(["", r"\,", " "]))
    latex = space.join(each.latex for each in parts)
    return Made(latex, math.prod(each.value for each in parts), 1, digit=parts[0].digit)


def fraction(draw: Draw, one: Made, two: Made) -> Made:
    assume(two.value)
    macro = draw(st.sampled_from([r"\frac", r"\dfrac"]))
    ratio = one.whole and two.whole
    return Made(f"{macro}{{{one.latex}}}{{{two.latex}}}", one.value / two.value, ratio=ratio)


EXPONENTS = [
    ("2", 2), ("3", 3), ("-1", -1), (r"\frac{1}{2}", 0.5), ("x", NAMES["x"]), (r"\pi", NAMES["π"]),
    ("2^{2}", 4), (r"1\frac{1}{2}", 1.5), ("x+1", NAMES["x"] + 1),
]  # fmt: skip


def power(draw: Draw, one: Made, two: Made) -> Made:
    small, exponent = draw(st.sampled_from(EXPONENTS))
    # Of what is negative there is more than one power.
    assume(one.value > 0 or (one.value and exponent in (2, 3, -1, 4)))
    assume(abs(one.value) < 1e3)
    base = f"{{{one.latex}}}" if draw(st.booleans()) else rf"\left({one.latex}\right)"
    return Made(f"{base}^{{{small}}}", one.value**exponent, digit=one.digit)


def root(draw: Draw, one: Made, two: Made) -> Made:
    degree = draw(st.sampled_from([2, 2, 3, 4, 5]))
    assume(one.value >= 0)
    mark = "" if degree == 2 else f"[{degree}]"
    return Made(rf"\sqrt{mark}{{{one.latex}}}", one.value ** (1 / degree))


def box(draw: Draw, one: Made, two: Made) -> Made:
    return Made(rf"\boxed{{{one.latex}}}", one.value)


def group(draw: Draw, one: Made, two: Made) -> Made:
    return Made(f"{{{unit(one).latex}}}", one.value, digit=unit(one).digit)


WAYS = [total, minus, product, division, juxtaposed, juxtaposed, fraction, power, root, box, group]


@st.composite
def larger(draw: Draw, inner: st.SearchStrategy[Made]) -> Made:
    one, two = draw(inner), draw(inner)
    return draw(st.sampled_from(WAYS))(draw, one, two)


FORMULA = st.recursive(st.one_of(WHOLE, DECIMAL, LETTER, mixed()), larger, max_leaves=8)


def is_near(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)


@given(FORMULA)
@example(Made(r"\boxed{2\frac{1}{3}}", 7 / 3))
@example(Made(r"\frac{3}{4}\pi", 0.75 * NAMES["π"]))
@example(Made(r"\frac{1}{2}\,x", 0.5 * NAMES["x"]))
@example(Made(r"\frac12\frac34", 0.375))
@example(Made(r"2\boxed{3}", 6))
@example(Made(r"2^{3}\sqrt{x}", 8 * NAMES["x"] ** 0.5))
@example(Made(r"x\sqrt[5]{y}", NAMES["x"] * NAMES["y"] ** 0.2))
@example(Made(r"2^{\pi}x", 2 ** NAMES["π"] * NAMES["x"]))
@example(Made(r"{\boxed{x^3}}^2", NAMES["x"] ** 6))
@example(Made(r"\sqrt{2}x", 2**0.5 * NAMES["x"]))
@examples(1000)
def test_a_formula_in_one_line_has_its_value(made):
    assume(abs(made.value) < 1e9)
    formula = render(made.latex)
    assert formula is not None, made.latex
    for close in (False, True):
        try:
            value = Reader(formula.text, close=close).value()
        except (OverflowError, ZeroDivisionError):
            assume(False)
        assert is_near(value, made.value), (made.latex, formula.text, value, made.value)


@pytest.mark.parametrize("text", ["3/4π", "21/3", "√2x"])
def test_the_evaluator_sees_what_can_be_read_in_two_ways(text):
    values = [Reader(text, close=close).value() for close in (False, True)]
    expected = {"3/4π": 0.75 * NAMES["π"], "21/3": 7 / 3, "√2x": (2 * NAMES["x"]) ** 0.5}[text]
    assert not all(is_near(value, expected) for value in values)
