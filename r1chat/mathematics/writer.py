"""Writes the nodes of a parsed formula as boxes of signs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar, TypeAlias

from r1chat.mathematics import symbols
from r1chat.mathematics.atoms import (
    BOX_MARK,
    Atom,
    bracketed,
    is_factor,
    is_radicand,
    is_unit,
    is_wrapped,
    raisable,
    settled,
)
from r1chat.mathematics.boxes import Box, beside, brace, fence, frame, over, stack, struck
from r1chat.mathematics.grids import grid, in_one_line, table_of
from r1chat.mathematics.letters import Gap, Plain, is_cjk, signs_of

Item: TypeAlias = Any
"""A sign, or a node of pylatexenc, which has no annotations."""

_NEGATED = {"=": "≠", "∈": "∉", "≡": "≢", "<": "≮", ">": "≯", "⊂": "⊄", "∣": "∤", "≈": "≉"}
_ROOTS = {"": "√", "2": "√", "3": "∛", "4": "∜"}
_DELIMITERS = {"<": "⟨", ">": "⟩", ".": "", "/": "/"}
_FLAT_FRACTIONS = ("tfrac", "nicefrac", "sfrac", "flatfrac")
_BARS = ("|", "‖")
"""What looks the same before and behind what it stands around."""
_LETTERS_APART = frozenset(["ord", "op"])


class Writer:
    """Writes one formula.

    Args:
        tall: Whether it may take several lines: fractions over a bar, matrices in rows.
    """

    def __init__(self, *, tall: bool) -> None:
        self._tall = tall
        self._tight = False
        self.boxed = False
        """Whether something in it was boxed."""

    def formula(self, nodes: Sequence[Item]) -> Box:
        """Writes a whole formula, which may have several lines."""
        if not self._tall or not any(getattr(node, "macroname", "") == "\\" for node in nodes):
            return self.write(nodes)
        found = grid("", nodes, "")
        found.align = "l"
        return table_of(found, [[self.write(cell) for cell in row] for row in found.rows])

    def write(self, nodes: Sequence[Item]) -> Box:
        """Puts a sequence of nodes into one box."""
        return self._join(self._atoms(list(_items(nodes))))

    # Sequences.

    def _atoms(self, items: list[Item]) -> list[Atom]:
        atoms: list[Atom] = []
        at = 0
        while at < len(items):
            item = items[at]
            at += 1
            if _is_script(item):
                at = _after_spaces(items, at)
                self._attach(atoms, item, items[at : at + 1])
                at += 1
            elif isinstance(item, (str, Plain, Gap)):
                self._add_sign(atoms, item)
            elif getattr(item, "macroname", None) == "left":
                end = _matching_right(items, at)
                atoms.append(self._fenced(items[at:end], items[end + 1 : end + 2]))
                at = end + 2
            elif type(item).__name__ == "LatexGroupNode":
                # Braces are not seen; only a script holds on to them.
                inside = self._atoms(list(_items(item.nodelist)))
                after = _after_spaces(items, at)
                scripted = after < len(items) and _is_script(items[after])
                atoms += [self._group(inside)] if scripted else inside
            elif getattr(item, "macroname", None) in ("limits", "nolimits"):
                if atoms:
                    atoms[-1].limits = item.macroname == "limits"
            elif getattr(item, "macroname", None) == "not":
                atoms.append(self._negated(item))
            else:
                atoms += self._node(item)
        return atoms

    def _add_sign(self, atoms: list[Atom], item: Item) -> None:
        if isinstance(item, Gap):
            atoms.append(Atom(Box((" ",)), "space", "prose" if item.prose else "words"))
        elif isinstance(item, Plain):
            atoms.append(Atom(Box((item.text,)), item.kind))
        elif item == "'":
            self._raise(atoms, "′")
        elif not item.isspace():
            atoms.append(_sign(item))
        elif atoms and atoms[-1].kind == "punct":
            atoms[-1] = Atom(Box((atoms[-1].box.text.rstrip() + " ",)), "punct")

    def _group(self, inside: list[Atom]) -> Atom:
        if len(inside) == 1:
            return replace(inside[0], scripts="")
        return Atom(self._join(inside), shape="compound" if inside else "")

    def _join(self, atoms: list[Atom]) -> Box:
        atoms = _spaced(settled(atoms))
        boxes: list[Box] = []
        before: str | None = None
        begun = False
        for at, atom in enumerate(atoms):
            kind = atom.kind
            last = at == len(atoms) - 1
            begun = begun or before in (None, "bin", "rel", "open", "punct", "op")
            if kind == "bin" and (begun or last):
                kind = "ord"  # a sign of its own, as in -1, |-1| or 0^+
            begun = begun and atom.text in _BARS
            apart = kind in ("bin", "rel") and not self._tight
            words = kind == "op" and before in ("ord", "close")
            words = words or (before == "op" and kind in _LETTERS_APART and atom.shape != "wrapped")
            words = words or (kind == before == "ord" and not (atom.box.flat and boxes[-1].flat))
            if boxes and (words or (apart and before != "space")):
                boxes.append(Box((" ",)))
            boxes.append(atom.box)
            if apart and not last and atoms[at + 1].kind not in ("space", "rel"):
                boxes.append(Box((" ",)))
            before = kind
        return beside(boxes) if boxes else Box()

    def _flat(self, nodes: Sequence[Item], *, tight: bool = True) -> str:
        """Writes nodes in one line; `tight` leaves out the spaces around + and =."""
        tall, before = self._tall, self._tight
        self._tall, self._tight = False, tight
        try:
            return self.write(nodes).text
        finally:
            self._tall, self._tight = tall, before

    # Scripts.

    def _attach(self, atoms: list[Atom], sign: str, argument: list[Item]) -> None:
        if not argument:
            message = f"nothing stands after {sign}"
            raise ValueError(message)
        base = atoms.pop() if atoms and atoms[-1].kind != "space" else Atom(Box())
        if sign in base.scripts:
            message = f"two scripts after {sign}"
            raise ValueError(message)
        text = self._flat(argument)
        atoms.append(self._scripted(base, sign, text))

    def _scripted(self, base: Atom, sign: str, text: str) -> Atom:
        scripts = base.scripts + sign
        if (base.limits or base.shape == "braced") and self._tall:
            label = Box((text,))
            above, below = (label, None) if sign == "^" else (None, label)
            return replace(base, box=stack(base.box, above, below), scripts=scripts)
        if base.shape == "braced":
            base = replace(bracketed(base), box=Box((_braced(base.text, sign),)))
        elif not base.scripts:
            base = raisable(base, sign)
        raised = symbols.script(text, sign)
        shape = "power" if sign == "^" else base.shape
        if raised is None:
            short = len(text) == 1 or is_wrapped(text)
            shape = "caret" if len(text) == 1 else "power"
            raised = sign + (text if short else f"({text})")
        elif sign == "_" and base.shape in ("power", "caret"):
            shape = base.shape
        kind = "ord" if base.kind in ("bin", "open") else base.kind
        box = _with_script(base, raised, lower=sign == "_")
        return replace(base, box=box, kind=kind, shape=shape, scripts=scripts)

    @staticmethod
    def _raise(atoms: list[Atom], text: str) -> None:
        if not atoms or atoms[-1].kind == "space":
            atoms.append(Atom(Box((text,))))
            return
        base = raisable(atoms[-1], "_")
        atoms[-1] = replace(base, box=_with_script(base, text, lower=False))

    # Nodes.

    def _node(self, node: Item) -> list[Atom]:
        kind = type(node).__name__
        if kind == "LatexMacroNode":
            return self._macro(node.macroname, _arguments(node))
        if kind == "LatexEnvironmentNode":
            return [Atom(self._environment(node), shape="fenced")]
        if kind in ("LatexGroupNode", "LatexMathNode"):
            return self._atoms(list(_items(node.nodelist)))
        if kind != "LatexSpecialsNode" or node.specials_chars == "&":
            return []
        if node.specials_chars == "~":
            return [Atom(Box((" ",)), "space")]
        return self._atoms(list(node.specials_chars))

    def _macro(self, name: str, arguments: list[Item]) -> list[Atom]:
        if name in symbols.NOTHING:
            return []
        if name in symbols.SPACES:
            return [Atom(Box((symbols.SPACES[name],)), "space")]
        if name == "\\":
            return [Atom(Box(("; ",)), "punct")]
        if name.startswith("operatorname") and arguments:
            limits = arguments[0] is not None and len(arguments) > 1
            return [Atom(Box((self._flat(arguments[-1:]),)), "op", limits=limits)]
        if arguments:
            return self._built(name, arguments)
        known = name if name in symbols.OPERATORS else symbols.sign(name)
        return [replace(_sign(known or "\\" + name), limits=name in symbols.LIMITS)]

    def _built(self, name: str, arguments: list[Item]) -> list[Atom]:
        if name in symbols.UPRIGHT:
            return [Atom(Box((_verbatim(arguments[-1]),)), shape="text")]
        if name in symbols.ACCENTS:
            return [Atom(self._accent(name, arguments))]
        build = self._BUILDERS.get(name)
        if build is None:
            # A face or a colour: the content alone.
            return self._atoms(list(_items(arguments[-1:])))
        built = build(self, name, arguments)
        return [built if isinstance(built, Atom) else Atom(built)]

    def _accent(self, name: str, arguments: list[Item]) -> Box:
        text = self._flat(arguments[-1:])
        width = Box((text,)).width
        if self._tall and width > 1 and name in symbols.ARROWS:
            ends = symbols.ARROWS[name]
            arrow = ends[0] + "─" * (width - 2) + ends[1]
            return stack(Box((text,)), Box((arrow,)), None)
        return Box((_accented(text, symbols.ACCENTS[name]),))

    def _fraction(self, name: str, arguments: list[Item]) -> Atom:
        top, bottom = arguments[:1], arguments[-1:]
        if self._tall and name not in _FLAT_FRACTIONS:
            return Atom(over(self.write(top), self.write(bottom)))
        above, below = self._flat(top), self._flat(bottom)
        if not _is_derivative(above, below):
            above = above if is_factor(above) else f"({above})"
            below = below if is_unit(below) else f"({below})"
        return Atom(Box((f"{above}/{below}",)), shape="fraction")

    def _root(self, _: str, arguments: list[Item]) -> Atom:
        degree = self._flat(arguments[:-1])
        text = self._flat(arguments[-1:])
        sign = _ROOTS.get(degree)
        if sign is None:
            raised = symbols.script(degree, "^")
            if raised is None:
                # There are no raised signs for its degree.
                return Atom(Box((f"({text})^(1/{degree if is_unit(degree) else f'({degree})'})",)))
            sign = raised + "√"
        shape = "root" if is_radicand(text) and not is_wrapped(text) else "closed root"
        return Atom(Box((sign + (text if is_radicand(text) else f"({text})"),)), shape=shape)

    def _box(self, _: str, arguments: list[Item]) -> Atom:
        self.boxed = True
        if self._tall:
            return Atom(frame(self.write(arguments)))
        return Atom(Box((BOX_MARK + self._flat(arguments, tight=False),)), shape="boxed")

    def _brace(self, name: str, arguments: list[Item]) -> Atom:
        if self._tall:
            inside = self.write(arguments[-1:])
            return Atom(brace(inside, over=name == "overbrace"), shape="braced")
        return Atom(Box((self._flat(arguments[-1:], tight=False),)), shape="braced")

    def _cancel(self, name: str, arguments: list[Item]) -> Box:
        box = struck(self.write(arguments[-1:]), symbols.STRIKES[name])
        if name == "cancelto":
            box = beside([box, Box(("→" + self._flat(arguments[:1]),))])
        return box

    def _binomial(self, _: str, arguments: list[Item]) -> Box:
        return Box((f"C({self._flat(arguments[:1])}, {self._flat(arguments[-1:])})",))

    def _modulus(self, name: str, arguments: list[Item]) -> Box:
        return Box((f" ({'mod ' * (name == 'pmod')}{self._flat(arguments)})",))

    def _double_struck(self, _: str, arguments: list[Item]) -> Box:
        return Box((symbols.double_struck(self._flat(arguments)),))

    def _stacked(self, name: str, arguments: list[Item]) -> Atom:
        base = self._group(self._atoms(list(_items(arguments[-1:]))))
        base = replace(base, limits=True, scripts="")
        text = self._flat(arguments[:1])
        return self._scripted(base, "_" if name == "underset" else "^", text)

    def _arrow(self, name: str, arguments: list[Item]) -> Box:
        label = self._flat(arguments[-1:])
        return Box((f" ─{label}→ " if name == "xrightarrow" else f" ←{label}─ ",))

    def _tag(self, _: str, arguments: list[Item]) -> Box:
        return Box((f"  ({_verbatim(arguments[-1])})",))

    def _blank(self, name: str, _: list[Item]) -> Box:
        return Box((" " * (name == "hspace"),))

    def _negated(self, node: Item) -> Atom:
        text = self._flat(_arguments(node))
        return Atom(Box((_NEGATED.get(text, text + "\u0338"),)), "rel")

    def _fenced(self, items: list[Item], closing: list[Item]) -> Atom:
        inside = self._join(self._atoms(items[1:]))
        signs = [self._delimiter(items[:1]), self._delimiter(closing)]
        box = beside([fence(signs[0], inside), inside, fence(signs[1], inside)])
        return Atom(box, shape="fenced")

    def _delimiter(self, item: list[Item]) -> str:
        text = self._flat(item)
        return _DELIMITERS.get(text, text)

    _BUILDERS: ClassVar[dict[str, Callable[[Writer, str, list[Item]], Box | Atom]]] = {
        **dict.fromkeys(("frac", "dfrac", "cfrac", *_FLAT_FRACTIONS), _fraction),
        "sqrt": _root,
        **dict.fromkeys(("boxed", "fbox"), _box),
        **dict.fromkeys(("underbrace", "overbrace"), _brace),
        **dict.fromkeys(symbols.STRIKES, _cancel),
        **dict.fromkeys(("binom", "dbinom", "tbinom"), _binomial),
        **dict.fromkeys(("pmod", "pod"), _modulus),
        "mathbb": _double_struck,
        **dict.fromkeys(("overset", "underset", "stackrel"), _stacked),
        **dict.fromkeys(("xrightarrow", "xleftarrow"), _arrow),
        "tag": _tag,
        **dict.fromkeys(("phantom", "hphantom", "hspace", "vspace", "label"), _blank),
    }

    # Environments.

    def _environment(self, node: Item) -> Box:
        name = node.environmentname.rstrip("*")
        given = _arguments(node)
        found = grid(name, node.nodelist, _verbatim(given[-1]) if given else "")
        rows = [[self.write(cell) for cell in row] for row in found.rows]
        if not rows:
            return Box()
        inside = table_of(found, rows) if self._tall else in_one_line(found, rows)
        opening, closing = (
            fence(sign, inside) if sign != " " else Box() for sign in found.brackets
        )
        return beside([opening, inside, closing])


def _items(nodes: Sequence[Item]) -> Iterator[Item]:
    space_before = False
    for node in nodes:
        if isinstance(node, (str, Plain, Gap)):
            yield node
        elif type(node).__name__ == "LatexCharsNode":
            yield from signs_of(node.chars, space_before=space_before)
        elif node is not None:
            yield node
        space_before = bool(getattr(node, "macro_post_space", ""))


def _arguments(node: Item) -> list[Item]:
    described = node.nodeargd
    given = list(described.argnlist or []) if described is not None else []
    return given if any(argument is not None for argument in given) else []


def _is_script(item: Item) -> bool:
    # Nodes cannot be compared with texts.
    return isinstance(item, str) and item in ("^", "_")


def _after_spaces(items: list[Item], at: int) -> int:
    while at < len(items) and isinstance(items[at], str) and items[at].isspace():
        at += 1
    return at


def _matching_right(items: list[Item], at: int) -> int:
    depth = 1
    for index in range(at, len(items)):
        name = getattr(items[index], "macroname", None)
        depth += (name == "left") - (name == "right")
        if depth == 0:
            return index
    return len(items)


def _sign(text: str) -> Atom:
    if text == "-":
        text = "−"
    for kind, signs in (
        ("rel", symbols.RELATIONS),
        ("bin", symbols.BINARY),
        ("open", symbols.OPENING),
        ("close", symbols.CLOSING),
        ("punct", symbols.PUNCTUATION),
    ):
        if text in signs:
            return Atom(Box((text,)), kind)
    is_word = text.lstrip("\\").isalpha() and len(text) > 1
    return Atom(Box((text,)), "op" if is_word or text in symbols.LARGE else "ord")


def _verbatim(node: Item) -> str:
    """The text of a node as it was written, its spaces too."""
    if type(node).__name__ == "LatexCharsNode":
        return str(node.chars)
    if hasattr(node, "specials_chars"):
        return "\u00a0" if node.specials_chars == "~" else str(node.specials_chars)
    if getattr(node, "nodelist", None) is not None:
        if type(node).__name__ == "LatexMathNode":
            return Writer(tall=False).write(node.nodelist).text
        return "".join(_verbatim(child) for child in node.nodelist)
    if hasattr(node, "macroname"):
        return Writer(tall=False).write([node]).text + str(node.macro_post_space)
    return ""


def _accented(text: str, accent: str) -> str:
    return "".join(char + accent for char in text)


def _is_derivative(above: str, below: str) -> bool:
    """Whether a fraction is of differentials, as dy/dx, whose parts need no brackets."""
    signs = ("d", "∂")
    return below[:1] in signs and is_unit(below[1:]) and above[:1] == below[0] and is_factor(above)


def _braced(text: str, sign: str) -> str:
    inside = text if is_unit(text) else f"({text})"
    return inside + ("⏞" if sign == "^" else "⏟")


def _with_script(base: Atom, text: str, *, lower: bool) -> Box:
    box = base.box
    if box.flat:
        return Box((box.text + text,))
    blank = " " * Box((text,)).width
    rows = [blank] * len(box.lines)
    rows[-1 if lower else 0] = text
    return beside([box, Box(tuple(rows), box.base)])


def _spaced(atoms: list[Atom]) -> list[Atom]:
    """Atoms with a space where words would be glued to what stands beside them."""
    spaced: list[Atom] = []
    for atom in atoms:
        before = spaced[-1] if spaced else None
        if before is not None and (before.shape == "text") != (atom.shape == "text"):
            text, sides = (before, -1) if before.shape == "text" else (atom, 0)
            other = before.text[-1:] if sides == 0 else atom.text[:1]
            letters = text.text[-2:] if sides else text.text[:2]
            if len(letters) > 1 and letters.isalpha() and other.isalnum() and not is_cjk(other):
                spaced.append(Atom(Box((" ",)), "space"))
        spaced.append(atom)
    return spaced
