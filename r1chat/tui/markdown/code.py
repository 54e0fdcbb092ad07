"""The code in an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from r1chat.sanitize import line

if TYPE_CHECKING:
    from markdown_it.token import Token

_LONGEST_NAME = 30


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """A block of code.

    Attributes:
        language: As the model named it, or "".
        text: The code, without a line break at its end.
    """

    language: str
    text: str


def code_blocks(source: str) -> list[CodeBlock]:
    """The blocks of code in Markdown, in the order of their numbers on the screen."""
    from r1chat.markdown import parse

    return [
        CodeBlock(language_of(token), token.content.rstrip("\n"))
        for token in parse(source)
        if token.type in ("fence", "code_block")
    ]


def language_of(token: Token) -> str:
    """The language that a block of code is said to be in, or ""."""
    return line((token.info.split() or [""])[0], _LONGEST_NAME)
