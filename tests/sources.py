"""Python files as trees, for tests that read the code."""

from __future__ import annotations

import ast

_TRIES = 50


def tree(text: str) -> ast.Module:
    """The syntax tree of a Python file.

    Some Pythons count the depth of a tree in one place for all threads (their issue 106905), and
    give up where another thread makes a tree as well, which writing a traceback does.
    """
    for _ in range(_TRIES):
        try:
            return ast.parse(text)
        except SystemError:
            continue
    return ast.parse(text)
