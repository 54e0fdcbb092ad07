"""The atoms of a formula, and the brackets that one line needs where two lines need none.

A fraction over a bar says by its height what belongs to it. In one line 3/4π can be read in two
ways, and 2 and 1/3 side by side become 21/3: what stands beside what decides on brackets.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from r1chat.mathematics import symbols
from r1chat.mathematics.boxes import Box

BOX_MARK = "▣ "

_DIVISIONS = frozenset("÷/:∶")
_POSTFIX = frozenset("!%‰°′″/")
_ROOT_SIGNS = frozenset("√∛∜")
_NEUTRAL = frozenset("…⋯⋮⋱.,;:?|‖∣")
_PIPES = frozenset("|‖")
_WRAPPED_WHOLE = frozenset(
    ["fraction", "mixed", "root", "closed root", "caret", "compound", "boxed"]
)
"""Shapes that a raised sign behind them would not be seen to belong to."""


@dataclass(slots=True)
class Atom:
    """A box, and what it is.

    Attributes:
        box: What is seen of it.
        kind: How it is spaced: ord, op, bin, rel, open, close, punct or space.
        shape: What it is made of, where that matters in one line: "fraction", "mixed" (a mixed
            number), "root" and "closed root" (whose brackets end it), "power", "caret" (x^π, whose
            end is not seen), "boxed", "braced", "text", "fenced", "compound" (a group); of a space
            "words" or "prose", what it parts; or "".
        scripts: Which of ^ and _ it has already.
        limits: Whether its scripts stand above and below it, where there is room.
    """

    box: Box
    kind: str = "ord"
    shape: str = ""
    scripts: str = ""
    limits: bool = False

    @property
    def text(self) -> str:
        """What it is in one line; "" of a tall one."""
        return self.box.text if self.box.flat else ""


class _Sides(NamedTuple):
    """What stands beside an atom."""

    before: Atom | None
    after: Atom | None
    follows: bool
    """Whether it stands right behind something that it is multiplied by."""
    goes_on: bool
    """Whether something follows that it is multiplied by, or that belongs to it."""


def settled(atoms: Sequence[Atom]) -> list[Atom]:
    """Puts brackets around what could be read otherwise beside its neighbours."""
    atoms = list(_mixed(atoms))
    done: list[Atom] = []
    for at, atom in enumerate(atoms):
        if not atom.shape:
            done.append(atom)
            continue
        sides = _sides(atoms, at)
        if not _needs_brackets(atom, sides):
            done.append(atom)
            continue
        before = sides.before.text[-1:] if sides.before is not None else ""
        if sides.follows and before.isalpha() and atom.shape in ("fraction", "mixed"):
            # x(1/2) would be a function of 1/2.
            done.append(Atom(Box(("·",))))
        done.append(_closed(atom) if atom.shape == "caret" else bracketed(atom))
    return done


def _needs_brackets(atom: Atom, sides: _Sides) -> bool:
    before, after, follows, goes_on = sides
    if atom.shape in ("fraction", "mixed"):
        signed = atom.text[:1] in "−±∓" and before is not None and before.kind == "bin"
        return follows or goes_on or signed or _is_division(before) or _is_function(before)
    if atom.shape in ("root", "closed root"):
        raised = before is not None and before.shape in ("power", "caret")
        degree = atom.text[:1] not in _ROOT_SIGNS
        return (goes_on and atom.shape == "root") or (follows and (raised or degree))
    if atom.shape in ("boxed", "braced"):
        kinds = {each.kind for each in (before, after) if each is not None}
        return follows or goes_on or (bool(kinds & {"bin", "op"}) and not is_unit(_inside(atom)))
    return atom.shape == "caret" and goes_on and atom.kind != "op"


def _closed(atom: Atom) -> Atom:
    """A power whose exponent stands in brackets, so that its end is seen."""
    return replace(atom, box=Box((f"{atom.text[:-1]}({atom.text[-1]})",)))


def bracketed(atom: Atom) -> Atom:
    """An atom in brackets; a mark stays before them."""
    if not atom.box.flat:
        return atom
    mark = BOX_MARK.strip() if atom.shape == "boxed" else ""
    return Atom(Box((f"{mark}({_inside(atom)})",)), "ord", "wrapped")


def raisable(atom: Atom, sign: str) -> Atom:
    """An atom that a script can be put to."""
    if not atom.box.flat or (atom.shape in ("compound", "boxed") and is_radicand(_inside(atom))):
        return atom
    if atom.shape in _WRAPPED_WHOLE or (sign == "^" and atom.shape == "power"):
        return bracketed(atom)
    return atom


def _inside(atom: Atom) -> str:
    return atom.text.removeprefix(BOX_MARK) if atom.shape == "boxed" else atom.text


def _mixed(atoms: Sequence[Atom]) -> Iterator[Atom]:
    """Joins whole numbers and the fractions behind them."""
    waiting: list[Atom] = []
    for atom in atoms:
        whole = "".join(each.text for each in waiting).rstrip(" ")
        if atom.shape == "fraction" and whole.isdecimal() and is_ratio(atom.text):
            yield Atom(Box((f"{whole} {atom.text}",)), "ord", "mixed")
            waiting = []
        elif _is_digit(atom) or (waiting and atom.kind == "space" and atom.box.width <= 1):
            waiting.append(atom)
        else:
            yield from waiting
            waiting = []
            yield atom
    yield from waiting


def _is_digit(atom: Atom) -> bool:
    # With its decimal point a number is no whole one.
    return not atom.shape and (atom.text.isdecimal() or atom.text == ".")


def _sides(atoms: Sequence[Atom], at: int) -> _Sides:
    before, after = _neighbour(atoms, at, -1), _neighbour(atoms, at, 1)
    return _Sides(
        atoms[before] if before is not None else None,
        atoms[after] if after is not None else None,
        before is not None and _ends_operand(atoms, before),
        after is not None and _begins_operand(atoms, after),
    )


def _neighbour(atoms: Sequence[Atom], at: int, step: int) -> int | None:
    """What stands beside an atom, narrow spaces left out."""
    at += step
    while 0 <= at < len(atoms):
        if atoms[at].kind != "space":
            return at
        if atoms[at].box.width > 1 or atoms[at].shape == "prose":
            return None
        if step < 0 and atoms[at].shape == "words":
            # What stands before it is a word, and is not multiplied.
            return None
        at += step
    return None


def _begins_operand(atoms: Sequence[Atom], at: int) -> bool:
    """Whether what stands to the left of an atom is multiplied by it, or belongs to it."""
    atom = atoms[at]
    if atom.kind in ("open", "op") or atom.shape == "fenced" or not atom.box.flat:
        return True
    if atom.text in _PIPES:
        return _pipes_before(atoms, at) % 2 == 0
    first = atom.text[:1]
    if atom.kind != "ord" or not first or first in _NEUTRAL:
        return False
    return atom.shape != "text" or first.isalnum()


def _ends_operand(atoms: Sequence[Atom], at: int) -> bool:
    """Whether what stands to the right of an atom is multiplied by it."""
    atom = atoms[at]
    if atom.kind == "close" or atom.shape == "fenced":
        return True
    if atom.text in _PIPES:
        return _pipes_before(atoms, at) % 2 == 1
    last = atom.text[-1:]
    if atom.kind != "ord" or not last or last in _NEUTRAL or last in _DIVISIONS:
        return False
    return atom.shape != "text" or last.isalnum()


def _pipes_before(atoms: Sequence[Atom], at: int) -> int:
    return sum(each.text in _PIPES for each in atoms[:at])


def _is_division(atom: Atom | None) -> bool:
    return atom is not None and atom.text in _DIVISIONS


def _is_function(atom: Atom | None) -> bool:
    return atom is not None and atom.kind == "op" and not atom.limits and atom.text[:1].isalpha()


# What can stand without brackets.


def is_wrapped(text: str) -> bool:
    """Whether one pair of brackets holds the whole text."""
    if not (text.startswith("(") and text.endswith(")")):
        return False
    depth = 0
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0 and at < len(text) - 1:
            return False
    return True


def is_factor(text: str) -> bool:
    """Whether a text can stand above the line of a fraction as it is."""
    loose = symbols.BINARY | symbols.RELATIONS | symbols.PUNCTUATION | set(" /")
    depth = 0
    for at, char in enumerate(text):
        depth += (char in symbols.OPENING) - (char in symbols.CLOSING)
        if depth == 0 and (
            (at and char in loose) or (char == "^" and text[at + 1 : at + 2] != "(")
        ):
            return False
    return True


def is_ratio(text: str) -> bool:
    """Whether a text is one whole number over another."""
    top, _, bottom = text.partition("/")
    return top.isdecimal() and bottom.isdecimal()


def is_unit(text: str) -> bool:
    """Whether a text can stand below the line of a fraction as it is."""
    return _is_simple(text, {*symbols.SCRIPTS["^"].values(), *symbols.SCRIPTS["_"].values()}) or (
        text[:1] in _ROOT_SIGNS and _is_simple(text[1:], set())
    )


def is_radicand(text: str) -> bool:
    """Whether a text can stand in a root as it is."""
    return _is_simple(text, set(symbols.SCRIPTS["_"].values()))


def _is_simple(text: str, scripts: set[str]) -> bool:
    if is_wrapped(text) or text.replace(".", "").isdecimal():
        return True
    return text[:1].isalpha() and all(
        char in scripts or unicodedata.combining(char) for char in text[1:]
    )
