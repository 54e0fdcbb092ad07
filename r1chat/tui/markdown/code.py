"""The code in an answer."""

from __future__ import annotations

from dataclasses import dataclass

from r1chat.tui.markdown.parser import parse


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
    return [
        CodeBlock((token.info.split() or [""])[0], token.content.rstrip("\n"))
        for token in parse(source)
        if token.type in ("fence", "code_block")
    ]
