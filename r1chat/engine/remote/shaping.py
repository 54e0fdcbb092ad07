"""Says to servers what shape an answer must have, each in its own words."""

from __future__ import annotations

import json
import re
from typing import Any

from r1chat.engine.grammars import gbnf
from r1chat.engine.remote.dialects import Dialect
from r1chat.shapes import Shape

_NOTHING, _SAID = re.compile(r"(::=|\()[ \t]*(?=\|)"), r'\1 "" '
"""What a rule may be left out as: vLLM's parser of grammars wants it written down."""
_NO_WAY = "no way is known to tell {} of a shape for the answer"
_ITS_OWN_FRAMING = (
    "{} frames the conversation itself, so a shape would hold for the thought as well as the answer"
)
_NOT_FROM_THERE = "{} cannot go on with an answer in a shape: begin it again"


def refusal(dialect: Dialect, shape: Shape, *, host: str, continues: bool, written: bool) -> str:
    """Why a server cannot give answers in a shape; empty where it can.

    Args:
        dialect: The server's.
        shape: The shape.
        host: What to call the server.
        continues: Whether an answer can be asked for behind its thought.
        written: Whether something of the answer stands already.
    """
    if not continues:
        chats = dialect.chat_shapes and (shape.kind == "json" or dialect.grammar)
        return "" if chats else _ITS_OWN_FRAMING.format(host)
    if not (dialect.schema if shape.kind == "json" else dialect.grammar):
        return _NO_WAY.format(host)
    return _NOT_FROM_THERE.format(host) if written else ""


def fields(dialect: Dialect, shape: Shape) -> dict[str, Any]:
    """The fields of a request that say so.

    Raises:
        UsageError: If the shape cannot be used.
    """
    if shape.kind == "json" and dialect.schema == "json_schema":
        return {"json_schema": json.dumps(json.loads(shape.text))}
    grammar = gbnf(shape)
    return {
        name: {"grammar": _NOTHING.sub(_SAID, grammar)} if name == "structured_outputs" else grammar
        for name in dialect.grammar
    }
