"""Writes the nodes of a parsed formula as boxes of signs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from r1chat.tui.mathematics import symbols
from r1chat.tui.mathematics.boxes import Box, beside, fence, frame, over, table

Item: TypeAlias = Any
"""A sign, or a node of pylatexenc, which has no annotations."""

BOX_MARK = "▣ "

_BRACKETS = {
    "pmatrix": "()",
    "bmatrix": "[]",
    "Bmatrix": "{}",
    "vmatrix": "||",
    "Vmatrix": "‖‖",
    "cases": "{ ",
    "dcases": "{ ",
    "rcases": " }",
}
_GRIDS = frozenset(["matrix", "smallmatrix", "array", "tabular", "subarray"])
_NEGATED = {"=": "≠", "∈": "∉", "≡": "≢", "<": "≮", ">": "≯", "⊂": "⊄", "∣": "∤", "≈": "≉"}
_ROOTS = {"": "√", "2": "√", "3": "∛", "4": "∜"}
_DELIMITERS = {"<": "⟨", ">": "⟩", ".": "", "/": "/"}
_LETTERS_APART = frozenset(["ord", "op"])


@dataclass(slots=True)
class Atom:
    """A box, and what kind of sign it is: ord, op, bin, rel, open, close, punct or space."""

    box: Box
    kind: str = "ord"


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
            if isinstance(item, str):
                if item in "^_":
                    at = _after_spaces(items, at)
                    argument = items[at : at + 1]
                    self._attach(atoms, item, argument)
                    at += 1
                elif item == "'":
                    self._raise(atoms, "′")
                elif item.isspace():
                    if atoms and atoms[-1].kind == "punct":
                        atoms[-1] = Atom(Box((atoms[-1].box.text.rstrip() + " ",)), "punct")
                else:
                    atoms.append(_sign(item))
                continue
            name = getattr(item, "macroname", None)
            if name == "left":
                end = _matching_right(items, at)
                atoms.append(self._fenced(items[at:end], items[end + 1 : end + 2]))
                at = end + 2
            elif name == "not":
                atoms.append(self._negated(item))
            else:
                atoms += self._node(item)
        return atoms

    def _join(self, atoms: list[Atom]) -> Box:
        boxes: list[Box] = []
        before: str | None = None
        for at, atom in enumerate(atoms):
            kind = atom.kind
            last = at == len(atoms) - 1
            if kind == "bin" and (before in (None, "bin", "rel", "open", "punct", "op") or last):
                kind = "ord"  # a sign of its own, as in -1 or 0^+
            apart = kind in ("bin", "rel") and not self._tight
            words = kind == "op" and before in ("ord", "close")
            words = words or (before == "op" and kind in _LETTERS_APART)
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

    def _attach(self, atoms: list[Atom], kind: str, argument: list[Item]) -> None:
        if not argument:
            message = f"nothing stands after {kind}"
            raise ValueError(message)
        text = self._flat(argument)
        raised = symbols.script(text, kind)
        if raised is None:
            short = len(text) == 1 or _is_wrapped(text)
            raised = kind + (text if short else f"({text})")
        self._raise(atoms, raised, lower=kind == "_")

    @staticmethod
    def _raise(atoms: list[Atom], text: str, *, lower: bool = False) -> None:
        if not atoms or atoms[-1].kind == "space":
            atoms.append(Atom(Box((text,))))
            return
        base = atoms[-1].box
        if base.flat:
            atoms[-1].box = Box((base.text + text,))
        else:
            blank = " " * Box((text,)).width
            rows = [blank] * len(base.lines)
            rows[-1 if lower else 0] = text
            atoms[-1].box = beside([base, Box(tuple(rows), base.base)])
        if atoms[-1].kind in ("bin", "open"):
            atoms[-1].kind = "ord"

    # Nodes.

    def _node(self, node: Item) -> list[Atom]:
        kind = type(node).__name__
        if kind == "LatexMacroNode":
            return self._macro(node.macroname, _arguments(node))
        if kind == "LatexEnvironmentNode":
            return [Atom(self._environment(node))]
        if kind in ("LatexGroupNode", "LatexMathNode"):
            return [Atom(self.write(node.nodelist))]
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
            return [Atom(Box((self._flat(arguments[-1:]),)), "op")]
        if arguments:
            return [Atom(self._built(name, arguments))]
        known = name if name in symbols.OPERATORS else symbols.sign(name)
        return [_sign(known or "\\" + name)]

    def _built(self, name: str, arguments: list[Item]) -> Box:
        if name in symbols.UPRIGHT:
            return Box((_verbatim(arguments[-1]),))
        if name in symbols.ACCENTS:
            return Box((_accented(self._flat(arguments[-1:]), symbols.ACCENTS[name]),))
        build = self._BUILDERS.get(name)
        # A face, a colour, something struck out: the content alone.
        return build(self, name, arguments) if build else self.write(arguments[-1:])

    def _fraction(self, name: str, arguments: list[Item]) -> Box:
        top, bottom = arguments[:1], arguments[-1:]
        if self._tall and name != "tfrac":
            return over(self.write(top), self.write(bottom))
        above, below = self._flat(top), self._flat(bottom)
        above = above if _is_factor(above) else f"({above})"
        below = below if _is_unit(below) else f"({below})"
        return Box((f"{above}/{below}",))

    def _root(self, _: str, arguments: list[Item]) -> Box:
        degree = self._flat(arguments[:-1])
        text = self._flat(arguments[-1:])
        sign = _ROOTS.get(degree) or (symbols.script(degree, "^") or f"{degree} ") + "√"
        return Box((sign + (text if _is_unit(text) else f"({text})"),))

    def _box(self, _: str, arguments: list[Item]) -> Box:
        self.boxed = True
        if self._tall:
            return frame(self.write(arguments))
        return Box((BOX_MARK + self._flat(arguments, tight=False),))

    def _binomial(self, _: str, arguments: list[Item]) -> Box:
        return Box((f"C({self._flat(arguments[:1])}, {self._flat(arguments[-1:])})",))

    def _modulus(self, name: str, arguments: list[Item]) -> Box:
        return Box((f" ({'mod ' * (name == 'pmod')}{self._flat(arguments)})",))

    def _double_struck(self, _: str, arguments: list[Item]) -> Box:
        return Box((symbols.double_struck(self._flat(arguments)),))

    def _stacked(self, name: str, arguments: list[Item]) -> Box:
        atoms = [Atom(self.write(arguments[-1:]))]
        self._attach(atoms, "_" if name == "underset" else "^", arguments[:1])
        return atoms[0].box

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
        return Atom(beside([fence(signs[0], inside), inside, fence(signs[1], inside)]))

    def _delimiter(self, item: list[Item]) -> str:
        text = self._flat(item)
        return _DELIMITERS.get(text, text)

    _BUILDERS: ClassVar[dict[str, Callable[[Writer, str, list[Item]], Box]]] = {
        **dict.fromkeys(("frac", "dfrac", "cfrac", "tfrac"), _fraction),
        "sqrt": _root,
        **dict.fromkeys(("boxed", "fbox"), _box),
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
        brackets = _BRACKETS.get(name, "  ")
        rows = [[self.write(cell) for cell in row] for row in _rows(node.nodelist)]
        if not rows:
            return Box()
        if self._tall:
            if name in _BRACKETS or name in _GRIDS:
                given = _arguments(node)
                spec = "".join(c for c in _verbatim(given[-1]) if c in "lcr") if given else ""
                default = "l" if "cases" in name else "c"
                inside = table(rows, spec or default, gap=2)
            else:
                inside = table(rows, "rl" * len(rows[0]), gap=1)
        else:
            between = ", " if "cases" in name else " "
            lines = [between.join(cell.text for cell in row if cell.text) for row in rows]
            inside = Box(("; ".join(lines),))
        opening, closing = (fence(sign, inside) if sign != " " else Box() for sign in brackets)
        return beside([opening, inside, closing])


def _items(nodes: Sequence[Item]) -> Iterator[Item]:
    for node in nodes:
        if isinstance(node, str):
            yield node
        elif type(node).__name__ == "LatexCharsNode":
            yield from node.chars
        elif node is not None:
            yield node


def _arguments(node: Item) -> list[Item]:
    described = node.nodeargd
    given = list(described.argnlist or []) if described is not None else []
    return given if any(argument is not None for argument in given) else []


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


def _rows(nodes: Sequence[Item]) -> list[list[list[Item]]]:
    rows: list[list[list[Item]]] = [[[]]]
    for node in nodes:
        if getattr(node, "macroname", None) in ("\\", "cr", "tabularnewline"):
            rows.append([[]])
        elif getattr(node, "specials_chars", None) == "&":
            rows[-1].append([])
        else:
            rows[-1][-1].append(node)
    return [row for row in rows if any(_is_something(cell) for cell in row)]


def _is_something(cell: list[Item]) -> bool:
    return any(
        not isinstance(item, str) or not item.isspace()
        for item in _items(cell)
        if getattr(item, "macroname", None) != "hline"
    )


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


def _is_wrapped(text: str) -> bool:
    """Whether one pair of brackets holds the whole text."""
    if not (text.startswith("(") and text.endswith(")")):
        return False
    depth = 0
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0 and at < len(text) - 1:
            return False
    return True


def _is_factor(text: str) -> bool:
    """Whether a text can stand above the line of a fraction as it is."""
    loose = symbols.BINARY | symbols.RELATIONS | symbols.PUNCTUATION | set(" /")
    depth = 0
    for at, char in enumerate(text):
        depth += (char in symbols.OPENING) - (char in symbols.CLOSING)
        if at and depth == 0 and char in loose:
            return False
    return True


def _is_unit(text: str) -> bool:
    """Whether a text can stand below the line of a fraction, or in a root, as it is."""
    if _is_wrapped(text) or text.replace(".", "").isdigit():
        return True
    scripts = set(symbols.SCRIPTS["^"].values()) | set(symbols.SCRIPTS["_"].values())
    return text[:1].isalpha() and all(char in scripts for char in text[1:])
