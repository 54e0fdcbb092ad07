"""Letters of formulas that are words: models write sentences and names where TeX expects signs.

TeX drops the spaces of a formula, and lowers one letter behind an underscore. A boxed sentence
keeps its spaces here, and my_var stays what it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

_TOKEN = re.compile(
    r"""(?<![_^])(?P<name>[^\W\d_]{2,}(?:\d*_[^\W_]*[^\W\d_][^\W_]*)+(?![\w^])|[^\W\d_]_[^\W\d_]{3,}(?![\w^]))
    |(?P<word>[^\W\d_]{2,}(?:'[^\W\d_]+)+)
    |(?P<letters>[^\W\d_]+)
    |(?P<space>\s+)
    |(?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Plain:
    """A text that is shown as it is.

    Attributes:
        text: The text.
        kind: How it is spaced.
    """

    text: str
    kind: str = "ord"


@dataclass(frozen=True, slots=True)
class Gap:
    """A space between words.

    Attributes:
        prose: Whether they make a sentence.
    """

    prose: bool = False


_LONG = 3
"""Letters of what is hardly a product."""
_ENDS = frozenset(".!?")
Sign: TypeAlias = "str | Plain | Gap"


def is_cjk(sign: str) -> bool:
    """Whether a letter is a word by itself."""
    return "\u2e80" <= sign <= "\U0003ffff" and sign.isalpha()


def _is_word(text: str) -> bool:
    return text[:1].isalpha() and (len(text) > 1 or is_cjk(text))


def _joins(before: str, after: str) -> bool:
    """Whether a hyphen joins words, and is no minus."""
    letters = before[-1:].isalpha() and after[:1].isalpha()
    return letters and (_is_word(before) or _is_word(after))


def signs_of(chars: str, *, space_before: bool = False) -> Iterator[Sign]:
    """Reads characters of a formula.

    Args:
        chars: The characters.
        space_before: Whether a space stands before them that belongs to a macro.

    Yields:
        The signs, each a character; names whole; and the spaces that part words.
    """
    tokens = [(found.lastgroup or "", found[0]) for found in _TOKEN.finditer(chars)]
    prose = sum(_is_word(text) for _, text in tokens) > 1
    kept = prose or any(text[:1].isalpha() and len(text) >= _LONG for _, text in tokens)
    if space_before and tokens and _is_word(tokens[0][1]):
        yield Gap(prose)
    for at, (kind, text) in enumerate(tokens):
        before = tokens[at - 1][1] if at else ""
        after = tokens[at + 1][1] if at + 1 < len(tokens) else ""
        words = kept or _is_word(before) or _is_word(after)
        if kind == "name":
            yield Plain(text)
        elif kind == "word":
            yield Plain(text.replace("'", "’"))
        elif kind == "letters":
            yield from text
        elif kind == "space":
            yield Gap(prose) if words or (after and before in _ENDS) else text
        elif text == ":" and _is_word(before):
            yield Plain(text, "punct")
        elif text == "-" and _joins(before, after):
            yield Plain(text)
        else:
            yield text
