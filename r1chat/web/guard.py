"""Who may talk to the page.

The port is open to every program on this machine, browsers among them, and a browser lets any
site of the world connect to it. Two headers, which a page cannot forge, tell such a site apart:
`Origin` names the site that opened a WebSocket, and `Host` the name by which the browser came. A
site that points a name of its own at this machine ("DNS rebinding") has the two agree, but on a
name that is not ours.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from urllib.parse import urlsplit

_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?", re.IGNORECASE)


def own_names(host: str) -> frozenset[str]:
    """The names by which a browser may come, besides addresses.

    Args:
        host: Where the page listens.
    """
    names = {"localhost", host}
    if not is_loopback(host):
        machine = socket.gethostname()
        names |= {machine, f"{machine}.local"}
    return frozenset(name.lower() for name in names)


def is_loopback(host: str) -> bool:
    """Whether nobody outside this machine can reach what listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def refusal(
    host: str | None, origin: str | None, *, names: frozenset[str], needs_origin: bool
) -> str | None:
    """Why a request is refused; None where it is welcome.

    Args:
        host: Its header `Host`.
        origin: Its header `Origin`.
        names: What `own_names` says.
        needs_origin: Whether it must say where it comes from, as every browser's WebSocket does.
    """
    if not _is_own(host or "", names):
        return "this page goes by another name; use the address that r1chat printed"
    if origin is None:
        return "it does not say which page it comes from" if needs_origin else None
    if not _is_same(origin, host or ""):
        return "another site's page may not talk to this one"
    return None


def _is_own(host: str, names: frozenset[str]) -> bool:
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match["name"].strip("[]")
    try:
        # No site can point an address at another machine than it is of.
        ipaddress.ip_address(name)
    except ValueError:
        return name.lower().rstrip(".") in names
    return True


def _is_same(origin: str, host: str) -> bool:
    try:
        site = urlsplit(origin)
    except ValueError:
        return False
    return site.scheme in ("http", "https") and site.netloc.lower() == host.lower()
