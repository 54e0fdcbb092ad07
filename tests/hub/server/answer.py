"""An answer before it is sent, and what goes wrong on its way."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.hub.server.content import Bytes, Content


@dataclass(frozen=True)
class Break:
    """Something that happens after so many bytes of the body.

    Args:
        at: Bytes of this body that go out before.
        kind: "reset" is a TCP reset, "close" an orderly end, "stall" a silence.
        seconds: How long the silence lasts.
    """

    at: int
    kind: Literal["reset", "close", "stall"]
    seconds: float = 0


@dataclass
class Answer:
    """What a request gets.

    Args:
        status: HTTP's.
        headers: Without Content-Length, which is that of the body.
        body: The whole of it; `start` and `stop` say which part is sent.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: Content = field(default_factory=Bytes)
    start: int = 0
    stop: int = -1
    states_length: bool = True
    rate: float | None = None
    header_pause: float = 0
    dropped: bool = False
    breaks: list[Break] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.stop < 0:
            self.stop = self.body.size

    @property
    def length(self) -> int:
        return self.stop - self.start

    def put_body(self, body: Content) -> None:
        """Replaces the body by another, the whole of which is sent."""
        self.body, self.start, self.stop = body, 0, body.size


def as_json(value: Any, **headers: str) -> Answer:
    """A value as an answer; keywords become headers, `X_Repo_Commit` X-Repo-Commit."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    body = Bytes(json.dumps(value).encode())
    return Answer(200, {"Content-Type": "application/json; charset=utf-8"} | named, body)


def as_error(status: int, message: str, code: str = "", **headers: str) -> Answer:
    """An error the way the Hub says it: in two headers and in the body."""
    line = " ".join(message.split())
    answer = as_json({"error": message}, X_Error_Message=line, **headers)
    answer.status = status
    if code:
        answer.headers["X-Error-Code"] = code
    return answer


def not_found(user: str | None) -> Answer:
    """A repository that is not there, or not for this user: the Hub does not say which."""
    if user is None:
        return as_error(401, "Invalid username or password.", "RepoNotFound")
    return as_error(404, "Repository not found", "RepoNotFound")
