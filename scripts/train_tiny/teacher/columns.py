"""Written arithmetic: every digit is a small fact or a copy of one before it."""

from __future__ import annotations

from scripts.train_tiny.teacher.pen import Pen

PLACES = ("ones", "tens", "hundreds", "thousands", "ten thousands")


def _columns(left: int, right: int) -> list[tuple[int, int]]:
    width = max(len(str(left)), len(str(right)))
    pairs = zip(f"{left:0{width}d}", f"{right:0{width}d}", strict=True)
    return [(int(x), int(y)) for x, y in pairs][::-1]


def _gather(pen: Pen, digits: list[int], top: int) -> int:
    result = int(str(top) + "".join(map(str, digits[::-1])))
    pen.say(", so ")
    return pen.number(result)


def add(pen: Pen, left: int, right: int) -> int:
    """Write `left + right` by columns and return what stands as the result."""
    pen.say(f"{left} + {right}:")
    columns = _columns(left, right)
    digits: list[int] = []
    carry = 0
    for place, (x, y) in enumerate(columns):
        pen.say(f"{',' if place else ''} {PLACES[place]} ")
        x_seen = pen.digit(x)
        pen.say("+")
        y_seen = pen.digit(y)
        pen.say(f"+{carry}=" if carry else "=")
        total = pen.number(x_seen + y_seen + carry)
        if place == len(columns) - 1:
            return _gather(pen, digits, total)
        digits.append(total % 10)
        carry = total // 10
    raise AssertionError


def subtract(pen: Pen, left: int, right: int) -> int | None:
    """Write `left - right`; None if it turns out to be below zero."""
    pen.say(f"{left} - {right}:")
    columns = _columns(left, right)
    digits: list[int] = []
    borrow = 0
    for place, (x, y) in enumerate(columns):
        last = place == len(columns) - 1
        short = x - y - borrow < 0
        pen.say(f"{',' if place else ''} {PLACES[place]} ")
        tail = "-1" if borrow else ""
        if short and last:
            pen.say(f"{x}-{y}{tail} is below 0.")
            return None
        top = x + 10 if short else x
        pen.say(f"{top}-")
        y_seen = pen.digit(y, frozenset(d for d in range(10) if 0 <= top - d - borrow <= 9))
        pen.say(f"{tail}=")
        digits.append(pen.digit(top - y_seen - borrow))
        borrow = int(short)
    return _gather(pen, digits[:-1], digits[-1])


def multiply(pen: Pen, left: int, right: int) -> int:
    """Write `left × right` for a one-digit `right`."""
    pen.say(f"{left} × {right}:")
    digits: list[int] = []
    carry = 0
    text = str(left)[::-1]
    for place, char in enumerate(text):
        pen.say(f"{',' if place else ''} {PLACES[place]} ")
        x = pen.digit(int(char))
        pen.say(f"×{right}=")
        total = pen.number(x * right)
        if carry:
            pen.say(f"+{carry}=")
            total = pen.number(total + carry)
        if place == len(text) - 1:
            return _gather(pen, digits, total)
        digits.append(total % 10)
        carry = total // 10
    raise AssertionError


def divide(pen: Pen, left: int, right: int) -> tuple[int, int]:
    """Write `left ÷ right` for a one-digit `right`; return quotient and rest."""
    pen.say(f"{left} ÷ {right}:")
    rest = 0
    quotient = 0
    for place, char in enumerate(str(left)):
        chunk = rest * 10 + int(char)
        true_digit = min(9, chunk // right)
        pen.say(f"{',' if place else ''} {chunk}={right}×")
        digit = pen.digit(true_digit)
        pen.say("+")
        rest = pen.digit(min(9, chunk - true_digit * right))
        quotient = quotient * 10 + digit
    pen.say(", so ")
    quotient = pen.number(quotient)
    if rest:
        pen.say(f" remainder {rest}")
    return quotient, rest
