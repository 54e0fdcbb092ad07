"""What can go wrong with an answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass
class Fault:
    """One thing that goes wrong.

    Args:
        on: The end of the path that it happens on.
        times: How often.
        when: Only to a request that has this field.
        status: Is answered in place of 200, with `body` and `headers`.
        how: What happens to the connection `after` so many bytes of the body, or before the
            answer's head where `after` is None.
        raw: Goes out in place of the body, with `headers`.
        kind: The body's content type.
    """

    on: str = "/completions"
    times: int = 1
    when: str = field(default="", kw_only=True)
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    after: int | None = None
    how: Literal["reset", "close", "stall", ""] = ""
    raw: bytes | None = None
    kind: str = "text/event-stream"
