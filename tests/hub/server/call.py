"""A request taken apart."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from tests.hub.server.record import Request, Route

if TYPE_CHECKING:
    from tests.hub.server.hub import Hub

API_ROUTES: dict[str, Route] = {"revision": "info", "tree": "tree", "paths-info": "paths"}


@dataclass
class Call:
    """What the parts of the Hub get to see.

    Args:
        hub: Whose.
        request: The record of it.
        repo: "owner/name", where the address has one.
        revision: Where the address has one, else "main".
        path: In the repository.
        raw: Whether the address is that of git's own content, the pointer of a large file.
        query: Of the address, and of a form that was sent.
    """

    hub: Hub
    request: Request
    repo: str = ""
    revision: str = "main"
    path: str = ""
    raw: bool = False
    query: dict[str, list[str]] = field(default_factory=dict)

    def one(self, name: str, default: str = "") -> str:
        return self.query.get(name, [default])[-1]

    def all(self, name: str) -> list[str]:
        """A value that may come more than once; some clients write `name[]`."""
        return self.query.get(name, []) + self.query.get(f"{name}[]", [])

    def is_on(self, name: str) -> bool:
        return self.one(name).lower() in {"1", "true"}


def on_hub(hub: Hub, method: str, target: str) -> Call:
    """Says what an address of the Hub is about."""
    url = urlsplit(target)
    # Split first: a revision may hold a "/" of its own, written %2F.
    parts = [unquote(part) for part in url.path.split("/")[1:]]
    call = Call(hub, Request("other", method, unquote(url.path), url.query))
    call.query = parse_qs(url.query, keep_blank_values=True)
    if parts[:2] == ["api", "models"]:
        call.request.route = "info" if parts[2:] else "search"
        call.repo = "/".join(parts[2:4])
        if len(parts) > 4:
            call.request.route = API_ROUTES.get(parts[4], "other")
            call.revision = parts[5] if len(parts) > 5 else "main"
            call.path = "/".join(parts[6:])
    elif parts == ["api", "whoami-v2"]:
        call.request.route = "whoami"
    elif len(parts) > 4 and parts[2] in {"resolve", "raw"}:
        call.request.route = "file"
        call.raw = parts[2] == "raw"
        call.repo, call.revision = "/".join(parts[:2]), parts[3]
        call.path = "/".join(parts[4:])
    return call


def on_cdn(hub: Hub, method: str, target: str) -> Call:
    """Says what an address of the other origin is about."""
    url = urlsplit(target)
    query = parse_qs(url.query, keep_blank_values=True)
    # The query holds the signature; it is kept out of the record's path, as clients should do.
    return Call(hub, Request("cdn", method, unquote(url.path), url.query), query=query)


def read_form(kind: str, body: bytes) -> dict[str, list[str]]:
    """A posted form or object, as lists of texts."""
    if "json" not in kind:
        return parse_qs(body.decode(), keep_blank_values=True)
    values: dict[str, object] = json.loads(body or b"{}")
    return {
        name: [str(item) for item in value] if isinstance(value, list) else [str(value)]
        for name, value in values.items()
    }
