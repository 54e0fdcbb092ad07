r"""Cuts a sentence into the numbers, signs and words of arithmetic.

LaTeX is read as what it stands for: ``3 \times \frac{1}{2}`` has the tokens of ``3 × (1)/(2)``, and
``\boxed{\$18}`` those of ``$18``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal[
    "number", "op", "equals", "about", "open", "close", "frac", "percent", "word", "money", "break",
    "other",
]  # fmt: skip
"""What a token is. about: a relation that is no equality. break: punctuation. other: a sign that
makes of what it touches something else than plain arithmetic."""

_MOST_DIGITS = 30
_MOST_POWER = 3
"""Digits of a power that is written small."""
_LATIN = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"
_SIGN = re.compile(
    rf"""(?xs)
    (?P<space>\s+)
    | (?P<number>0[xXbBoO](?=[0-9A-Fa-f]*[A-Fa-f])[0-9A-Fa-f]+
        | \.?\d+(?:(?:[.,:]|\{{,\}}|\\,)\d+)*(?:[eE][+-]?\d+)?)
    | (?P<fraction>[½⅓⅔¼¾⅕⅛])
    | (?P<raised>[⁰¹²³⁴-⁹]+)
    | (?P<times>(?<=[\d\s)\]}}%])[xX](?=\s*(?:\\?[$(€£]|[\d.]|\\[dt]?frac)))
    | (?P<word>[{_LATIN}][{_LATIN}0-9]*(?:['’][a-z]+)? | [^\W\d_]+)
    | (?P<latex>\\[A-Za-z]+|\\.)
    | (?P<relation>={{2,}}|!=+|<[-=]{{0,2}}>?|[-=~]{{0,2}}>|:=|[-+*/]=
        | [≈≃≅≐≠≡~∼≤≥→⇒⟹∝=＝])
    | (?P<op>//|\*\*|[-+−–×*·•∙⋅÷/^∕⁄＋])
    | (?P<bracket>[(){{}}\[\]])
    | (?P<percent>[%％])
    | (?P<money>[$€£¥₹])
    | (?P<rest>\.{{2,}}|.)
    """
)
_PLAIN_NUMBER = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+")
_LEADS_NUMBER = re.compile(r"\s{0,2}\.?\d")
FRACTIONS = {
    "½": Fraction(1, 2), "⅓": Fraction(1, 3), "⅔": Fraction(2, 3), "¼": Fraction(1, 4),
    "¾": Fraction(3, 4), "⅕": Fraction(1, 5), "⅛": Fraction(1, 8),
}  # fmt: skip
_OPERATORS = {
    "+": "+", "＋": "+", "-": "-", "−": "-", "–": "-",
    "×": "*", "*": "*", "·": "*", "•": "*", "∙": "*", "⋅": "*",
    "÷": "/", "/": "/", "∕": "/", "⁄": "/", "^": "^", "**": "^",
}  # fmt: skip
_ALSO_LAYOUT = frozenset({"*", "**", "•", "·"})
"""Operators that also set text in bold, or begin the lines of a list."""
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_BREAKS = frozenset(",;:.?!\"“”‘’'|&#—✓✔✅，。；：？！、「」《》\n")
_CASED = frozenset("LCFR")
"""Letters whose case tells units from other things."""


def words(text: str) -> frozenset[str]:
    """A set of words, written as a line of them."""
    return frozenset(text.split())


_LATEX: dict[str, tuple[Kind, str]] = {
    "times": ("op", "*"), "cdot": ("op", "*"), "ast": ("op", "*"), "div": ("op", "/"),
    "%": ("percent", "%"), "$": ("money", "$"), "\\": ("break", "\n"), "circ": ("word", "degree"),
    **{name: ("about", name) for name in ("approx", "sim", "simeq", "cong", "approxeq")},
    **{name: ("frac", name) for name in ("frac", "dfrac", "tfrac", "cfrac")},
    **{name: ("break", name) for name in ("#", "&", "newline")},
}  # fmt: skip
_LATEX_LAYOUT = words(
    "left right big Big bigl bigr Bigl Bigr displaystyle textstyle quad qquad , ; : ! ( ) [ ] > | "
    "limits nonumber"
) | {" "}
_LATEX_CONTENT = words(
    "text textbf textit textrm mathrm mathbf mathit mathsf mbox boxed fbox bold bm boldsymbol"
)
"""Commands of which only the content counts."""


class Token(NamedTuple):
    """A sign, number or word of a sentence."""

    kind: Kind
    text: str
    """A word in small letters, an operator as one of ``+-*/^``, else what was written."""
    start: int
    end: int
    spaced: bool
    """Whether white space, or what only sets the text, stands in front of it."""
    value: Fraction | None = None
    """Of a number; None where it is not written as a plain one."""


def tokens_of(text: str) -> list[Token]:
    """The tokens of a sentence, in order."""
    return _Cutter(text).tokens


def decimals(text: str) -> int:
    """Digits behind the point of a number as it was written."""
    return len(text.partition(".")[2])


class _Cutter:
    """Cuts one sentence."""

    def __init__(self, text: str) -> None:
        self.tokens: list[Token] = []
        self._text = text
        self._spaced = True
        self._braces: list[bool] = []
        """Of the braces that are open, whether each only holds the content of a command."""
        self._holds_content = False
        """Whether a brace that comes next would."""
        takes: dict[str, Callable[[str, int, int], None]] = {
            "space": self._take_space,
            "number": self._take_number,
            "fraction": self._take_fraction,
            "raised": self._take_raised,
            "times": lambda _, start, end: self._add("op", "*", start, end),
            "word": self._take_word,
            "latex": self._take_latex,
            "relation": self._take_relation,
            "op": self._take_operator,
            "bracket": self._take_bracket,
            "percent": lambda part, start, end: self._add("percent", part, start, end),
            "money": self._take_money,
            "rest": self._take_rest,
        }
        for match in _SIGN.finditer(text):
            group = match.lastgroup or "rest"
            takes[group](match[0], *match.span())
            if group not in {"latex", "space"}:
                self._holds_content = False

    def _add(
        self, kind: Kind, text: str, start: int, end: int, value: Fraction | None = None
    ) -> None:
        self.tokens.append(Token(kind, text, start, end, self._spaced, value))
        self._spaced = False

    def _take_space(self, _part: str, _start: int, _end: int) -> None:
        self._spaced = True

    def _take_number(self, part: str, start: int, end: int) -> None:
        plain = part.replace("{,}", ",").replace("\\,", ",")
        readable = _PLAIN_NUMBER.fullmatch(plain) and len(plain) <= _MOST_DIGITS
        value = Fraction(plain.replace(",", "")) if readable else None
        self._add("number", part, start, end, value)

    def _take_fraction(self, part: str, start: int, end: int) -> None:
        self._add("number", part, start, end, FRACTIONS[part])

    def _take_raised(self, part: str, start: int, end: int) -> None:
        power = Fraction(int(part.translate(_SUPERSCRIPTS)[:_MOST_POWER]))
        self._spaced = False
        self._add("op", "^", start, start)
        self._add("number", part, start, end, power)

    def _take_word(self, part: str, start: int, end: int) -> None:
        self._add("word", part if part in _CASED else part.lower(), start, end)

    def _take_latex(self, part: str, start: int, end: int) -> None:
        name = part[1:]
        self._holds_content = name in _LATEX_CONTENT
        ends_formula = name == "$" and not _LEADS_NUMBER.match(self._text, end)
        if self._holds_content or name in _LATEX_LAYOUT or ends_formula:
            self._spaced = True
        else:
            kind, said = _LATEX.get(name, ("other", name))
            self._add(kind, said, start, end)

    def _take_relation(self, part: str, start: int, end: int) -> None:
        self._add("equals" if part in {"=", "＝"} else "about", part, start, end)

    def _take_operator(self, part: str, start: int, end: int) -> None:
        if part in _ALSO_LAYOUT and not self._joins(start, end):
            self._spaced = True
        elif part == "//":
            self._add("other", part, start, end)
        else:
            self._add("op", _OPERATORS[part], start, end)

    def _joins(self, start: int, end: int) -> bool:
        """Whether a sign stands between what could be two operands."""
        before, after = self._text[max(0, start - 2) : start], self._text[end : end + 2]
        if not before.strip() or not after.strip():
            return False
        even = before[-1].isspace() == after[0].isspace()
        product = end - start == 1 and after.strip()[0] in "0123456789($\\"
        last = before.strip()[-1]
        return (even or product) and (last.isalnum() or last in ")]}%$½¼¾⅓⅔")

    def _take_bracket(self, part: str, start: int, end: int) -> None:
        if part == "{":
            self._braces.append(self._holds_content)
            skipped = self._holds_content
        else:
            skipped = part == "}" and bool(self._braces) and self._braces.pop()
        if skipped:
            self._spaced = True
        else:
            self._add("open" if part in "([{" else "close", part, start, end)

    def _take_money(self, part: str, start: int, end: int) -> None:
        if _LEADS_NUMBER.match(self._text, end):
            self._add("money", part, start, end)
        else:
            # The end of a formula.
            self._spaced = True

    def _take_rest(self, part: str, start: int, end: int) -> None:
        if part == "¢":
            self._add("word", "cent", start, end)
            return
        kind: Kind = "break" if part in _BREAKS else "other"
        if part == "!" and self.tokens and not self._spaced:
            # A factorial, or the end of an exclamation: nobody can tell.
            kind = "other" if self.tokens[-1].kind in {"number", "close"} else kind
        self._add(kind, part, start, end)
