"""What was asked of the Hub and what really went out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Route = Literal["file", "cdn", "info", "search", "tree", "paths", "whoami", "other"]


@dataclass
class Request:
    """One request.

    Args:
        route: What it is about; "file" is the Hub's own address of a file, "cdn" where large
            files' bytes are.
        method: HTTP's.
        path: Decoded, without the query.
        query: As it came.
        range: The Range header.
        authorized: Whether it brought an Authorization header.
        user: Whose token that holds.
        status: The answer's.
        sent: Bytes of the body that went out so far; of a connection that broke, only those that
            the other side's system has acknowledged.
        faults: The names of the faults that met it.
    """

    route: Route
    method: str
    path: str
    query: str = ""
    range: str | None = None
    if_range: str | None = None
    authorized: bool = False
    user: str | None = None
    status: int = 0
    sent: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def first(self) -> int:
        """The first byte that was asked for."""
        text = (self.range or "").removeprefix("bytes=").partition("-")[0]
        return int(text) if text.isdigit() else 0


class Requests(list[Request]):
    """All requests, oldest first."""

    def of(self, route: Route, method: str | None = None, path: str = "") -> list[Request]:
        """Those of a kind whose path contains a text."""
        return [
            request
            for request in self
            if request.route == route and method in (None, request.method) and path in request.path
        ]

    def sent(self, route: Route = "cdn", path: str = "") -> int:
        """Bytes of bodies that went out in all."""
        return sum(request.sent for request in self.of(route, path=path))

    def bodies(self, path: str = "") -> list[Request]:
        """The requests that got bytes of large files."""
        return [request for request in self.of("cdn", "GET", path) if request.sent]
