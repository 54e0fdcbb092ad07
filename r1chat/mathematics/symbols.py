"""What stands for what in formulas: signs, scripts, classes of atoms."""

from __future__ import annotations

from functools import cache
from typing import Any

from pylatexenc.latex2text import get_default_latex_context_db


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_UPPER = {
    **dict(zip("0123456789+-−=()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾", strict=True)),
    **dict(zip("abcdefghijklmnoprstuvwxyz", "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ", strict=True)),
    **dict(zip("ABDEGHIJKLMNOPRTUVW", "ᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂ", strict=True)),
    **dict(zip("βγδθφχ", "ᵝᵞᵟᶿᵠᵡ", strict=True)),
    **dict(zip("∘°′'*†", "°°′′*†", strict=True)),
}
_LOWER = {
    **dict(zip("0123456789+-−=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎", strict=True)),
    **dict(zip("aehijklmnoprstuvx", "ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True)),
    **dict(zip("βγρφχ", "ᵦᵧᵨᵩᵪ", strict=True)),
}
SCRIPTS = {"^": _UPPER, "_": _LOWER}

RELATIONS = frozenset("=<>≤≥⩽⩾≠≈≡≅∼≃≪≫∝∈∉∋⊂⊃⊆⊇⊄→←↔⇒⇐⇔↦⟶⟵⟹⟸⟺⟷⇌⊢⊨∥⊥≺≻∣:∤≜≔⟼")
BINARY = frozenset("+-−±∓·×÷∗⋆∘∙∪∩∖⊕⊗⊖⊙∧∨")
OPENING = frozenset("([{⟨⌊⌈")
CLOSING = frozenset(")]}⟩⌋⌉")
LARGE = frozenset("∑∏∐∫∬∭∮⋃⋂⨁⨂")
PUNCTUATION = frozenset(",;")

OPERATORS = _words(
    """arccos arcsin arctan arg cos cosh cot coth csc deg det dim exp gcd hom inf ker lcm lg lim
    liminf limsup ln log max min Pr sec sin sinh sup tan tanh"""
)

LIMITS = _words(
    """sum prod coprod bigcup bigcap bigoplus bigotimes bigvee bigwedge bigsqcup lim liminf limsup
    sup inf max min Pr gcd det argmax argmin"""
)
"""Operators whose scripts stand above and below them, where there is room."""

SPACES = {
    **dict.fromkeys([",", ":", ";", " ", ">", "\n", "thinspace", "medspace", "thickspace"], " "),
    **dict.fromkeys(["quad", "qquad", "enspace"], "  "),
    **dict.fromkeys(["!", "negthinspace", "/"], ""),
}
NOTHING = _words(
    """displaystyle textstyle scriptstyle nonumber notag hline toprule midrule bottomrule hdashline
    cline color require middle left right bigl bigr Bigl Bigr
    big Big bigg Bigg biggl biggr Biggl Biggr mathstrut strut centering normalsize large Large
    allowbreak nobreak protect rm bf it mathopen mathclose mathord"""
)
"""Macros that only say how large or how spaced something is."""

PLAIN = _words(
    """text textrm textbf textit textsf texttt textup textnormal mathrm mathbf mathit mathsf mathtt
    mathnormal mathcal mathscr mathfrak boldsymbol bm pmb mbox hbox emph operatorname operatorname*
    mathop mathbin mathrel ensuremath underline smash vphantom substack"""
)
"""Macros that change the face of their argument only, which a terminal's letters lack."""
UPRIGHT = _words("text textrm textbf textit textsf texttt textup textnormal mbox hbox emph")
"""Those of them whose argument is text, with its spaces."""

ACCENTS = {
    "hat": "\u0302",
    "widehat": "\u0302",
    "bar": "\u0304",
    "tilde": "\u0303",
    "widetilde": "\u0303",
    "vec": "\u20d7",
    "dot": "\u0307",
    "ddot": "\u0308",
    "acute": "\u0301",
    "grave": "\u0300",
    "check": "\u030c",
    "breve": "\u0306",
    "overline": "\u0305",
    "overrightarrow": "\u20d7",
    "overleftarrow": "\u20d6",
    "overleftrightarrow": "\u20e1",
}
ARROWS = {"overrightarrow": "─→", "overleftarrow": "←─", "overleftrightarrow": "←→"}
"""The ends of arrows over several signs."""
STRIKES = {
    "cancel": "\u0338",
    "bcancel": "\u20e5",
    "xcancel": "\u0338",
    "cancelto": "\u0338",
    "sout": "\u0336",
}
"""What strikes its argument out."""

_DOUBLE_STRUCK = dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True))

_OWN = {
    "implies": "⟹",
    "impliedby": "⟸",
    "iff": "⟺",
    "ne": "≠",
    "land": "∧",
    "lor": "∨",
    "lnot": "¬",
    "neg": "¬",
    "degree": "°",
    "triangle": "△",
    "checkmark": "✓",
    "colon": ":",
    "coloneqq": "≔",
    "models": "⊨",
    "Re": "Re",
    "Im": "Im",
    "mid": "∣",
    "gets": "←",
    "cdotp": "·",
    "dotsc": "…",
    "dotsb": "⋯",
    "star": "⋆",
    "qed": "∎",
    "lbrack": "[",
    "rbrack": "]",
    "lvert": "|",
    "rvert": "|",
    "lVert": "‖",
    "rVert": "‖",
    "|": "‖",
    "vert": "|",
    "Vert": "‖",
    "{": "{",
    "}": "}",
    "%": "%",
    "$": "$",
    "#": "#",
    "&": "&",
    "_": "_",
    "bmod": "mod",
    "euro": "€",
    "pounds": "£",
    "S": "§",
    "imath": "ı",
    "jmath": "ȷ",
    "square": "□",
    "blacksquare": "■",
    "Box": "□",
    "copyright": "©",
    "longdiv": "⟌",
}


@cache
def sign(name: str) -> str | None:
    """The sign that a macro without arguments stands for, or None if it is not known."""
    if name in _OWN:
        return _OWN[name]
    spec = _known().get_macro_spec(name)
    text = getattr(spec, "simplify_repl", None) if spec is not None else None
    return text if isinstance(text, str) and text and "%" not in text else None


def double_struck(text: str) -> str:
    r"""What ``\mathbb`` makes of a text."""
    return "".join(_DOUBLE_STRUCK.get(char) or _struck(char) for char in text)


def _struck(char: str) -> str:
    if "A" <= char <= "Z":
        return chr(0x1D538 + ord(char) - ord("A"))
    if "a" <= char <= "z":
        return chr(0x1D552 + ord(char) - ord("a"))
    return char


def script(text: str, kind: str) -> str | None:
    """Writes a text in raised (^) or lowered (_) signs, or None where one of them is missing."""
    table = SCRIPTS[kind]
    if not text or any(char not in table for char in text):
        return None
    return "".join(table[char] for char in text)


@cache
def _known() -> Any:  # noqa: ANN401 - pylatexenc has no annotations
    return get_default_latex_context_db()
