"""Tells what is known of a model on a server."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict

from r1chat import compose
from r1chat.commands.columns import pairs
from r1chat.formatting import counted
from r1chat.output import Out, write_indented
from r1chat.sanitize import line

_ABLE = (
    ("budget", "thinking budget"),
    ("close", "answer now"),
    ("go_on", "keep thinking, steering, continuing"),
    ("peek", "previews"),
)


def show(ref: str, out: Out, *, as_json: bool, on_notice: Callable[[str], None]) -> None:
    """Asks the server, and says what it says.

    Args:
        ref: What `compose.remote_server` takes.
        out: Standard output.
        as_json: Whether a script reads it.
        on_notice: Takes what the user should know before the server is asked.

    Raises:
        ModelError: If the server has no such model.
        NetworkError: If it does not answer.
    """
    with closing(compose.load(ref, on_notice=on_notice)) as engine:
        info = engine.info
    if as_json:
        names = (
            "ref",
            "name",
            "host",
            "context",
            "context_trained",
            "parameters",
            "size",
            "thinks",
        )
        known = {name: getattr(info, name) for name in names}
        write_indented(out, {"schema": 1, **known, "cannot": asdict(info.steering)})
        return
    rows = [
        ("model", line(info.name)),
        ("server", line(info.host)),
        ("context", counted(info.context, "token") if info.context else "the server does not say"),
    ]
    if info.parameters:
        rows.append(("parameters", f"{info.parameters:,}"))
    for name, what in _ABLE:
        why = getattr(info.steering, name)
        rows.append((what, f"no: {line(why)}" if why else "yes"))
    out.write(pairs(rows))
