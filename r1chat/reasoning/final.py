r"""Finds the final answer in an answer: what stands in its last ``\boxed{…}``."""

from __future__ import annotations

import re

# One pass over these, so that no text, however broken, costs much more than its length. Two
# backslashes before "boxed" are what is left of one where a model quotes as if for a program.
_TOKEN = re.compile(r"\\{1,2}(?P<box>boxed|fbox)(?![A-Za-z])\s*(?P<brace>\{)?|\\.|[{}]", re.DOTALL)
# TeX boxes a single sign where no brace follows; models mean the whole number.
_BARE = re.compile(r"[-+−]?[0-9][0-9.,/]*%?|[A-Za-z](?![A-Za-z])")
_NUMBER = re.compile(r"(?:(?<![\w)])[-+−])?[0-9][0-9,]*(?:\.[0-9]+)?(?:/[0-9]+)?%?")

_AROUND = "$ \t\r\n"
_AFTER = _AROUND + ".,;:"


def final_answer(text: str) -> str | None:
    r"""Finds what stands in the last ``\boxed{…}`` or ``\fbox{…}`` that is closed and not empty.

    Args:
        text: An answer.

    Returns:
        The content as it was written, less the ``$`` around it and the punctuation after it; None
        where there is none. Of boxes within a box the innermost last one counts.
    """
    if "box" not in text:
        return None
    for start, end in sorted(_boxes(text), reverse=True):
        content = _tidy(text[start:end])
        if content:
            return content
    return None


def open_boxes(text: str) -> int:
    """How many braces are open at the end of a text, from its outermost unclosed box on."""
    _, open_braces = _scan(text)
    first = next((at for at, start in enumerate(open_braces) if start is not None), None)
    return 0 if first is None else len(open_braces) - first


def best_guess(text: str) -> str | None:
    """Finds the final answer; without a box, the last number; without one, the last line.

    Args:
        text: An answer.

    Returns:
        The guess, or None where there is nothing to be read at all.
    """
    boxed = final_answer(text)
    if boxed is not None:
        return boxed
    numbers = _NUMBER.findall(text)
    if numbers:
        return _tidy(numbers[-1])
    lines = text.split("\n")
    return next((tidied for line in reversed(lines) if (tidied := _tidy(line))), None)


def _boxes(text: str) -> list[tuple[int, int]]:
    return _scan(text)[0]


def _scan(text: str) -> tuple[list[tuple[int, int]], list[int | None]]:
    """Finds the closed boxes; and of the braces open at the end, where the contents of boxes begin.

    A brace that belongs to no box is None.
    """
    boxes: list[tuple[int, int]] = []
    open_braces: list[int | None] = []
    for token in _TOKEN.finditer(text):
        if token["box"] and token["brace"]:
            open_braces.append(token.end())
        elif token["box"]:
            bare = _BARE.match(text, token.end())
            if bare:
                boxes.append(bare.span())
        elif token[0] == "{":
            open_braces.append(None)
        elif token[0] == "}" and open_braces:
            start = open_braces.pop()
            if start is not None:
                boxes.append((start, token.start()))
    return boxes, open_braces


def _tidy(text: str) -> str:
    text = text.lstrip(_AROUND)
    short = text.rstrip(_AFTER)
    # The sign after a backslash belongs to it: \$ and \, are commands.
    return text[: len(short) + 1] if short.endswith("\\") else short
