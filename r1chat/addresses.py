"""Validates addresses, names and keys of servers.

An address is shown, saved and logged, so that nothing secret may stand in it: one with a password
or a query is refused, and no message here repeats what it refuses.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

LONGEST = 1000
LONGEST_KEY = 4096
NAME_RULE = "small letters, digits and hyphens, 32 at most, a letter or a digit first"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_KEY = re.compile(rf"[!-~]{{1,{LONGEST_KEY}}}")
_HOST = re.compile(r"[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?\.?|[0-9a-f:.]+(%[a-z0-9._~-]+)?")
_PATH = re.compile(r"[\w.~!$&'()*+,;=:@%/-]*", re.ASCII)
_PORTS = {"http": 80, "https": 443}
_USUAL_PATH = "/v1"


def is_name(text: str) -> bool:
    """Whether a server may be called that; see `NAME_RULE`."""
    return _NAME.fullmatch(text) is not None


def is_key(text: str) -> bool:
    """Whether a server may want that as a key: one line of ASCII without spaces."""
    return _KEY.fullmatch(text) is not None


def normal(text: str) -> str:
    """The normal form of an address.

    Args:
        text: E.g. "http://localhost:8000" or "https://host/v1/".

    Returns:
        The same with a path, ``/v1`` where none was given, and no slash at its end.

    Raises:
        ValueError: If it is none; the message is one line, without the address in it.
    """
    text = text.strip()
    if len(text) > LONGEST or not text.isprintable() or re.search(r"[\s\\]", text):
        message = "an address is one line without spaces"
        raise ValueError(message)
    parts = _parts(text)
    if parts.scheme not in _PORTS or "://" not in text:
        message = "an address begins with http:// or https://"
        raise ValueError(message)
    if "@" in parts.netloc:
        message = "an address may not contain a name or password; a key is kept with `servers key`"
        raise ValueError(message)
    if "?" in text or "#" in text:
        message = "an address has no ? and no #; a key is kept with `servers key`"
        raise ValueError(message)
    host, port = parts.hostname or "", _port(parts)
    if not _HOST.fullmatch(host) or not _PATH.fullmatch(parts.path):
        message = "an address is a host's name or number, a port and a path of plain letters"
        raise ValueError(message)
    shown = f"[{host}]" if ":" in host else host
    if port is not None and port != _PORTS[parts.scheme]:
        shown = f"{shown}:{port}"
    return f"{parts.scheme}://{shown}{parts.path.rstrip('/') or _USUAL_PATH}"


def origin(url: str) -> str:
    """Scheme, host and port of an address that `normal` gave: who gets what is sent there."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def is_loopback(host: str) -> bool:
    """Whether what is sent to a host stays on this machine, by its name or number."""
    name = host.lower().strip("[]").rstrip(".")
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
    # What servers listen at on all networks: who connects there stays here.
    return address.is_loopback or address.is_unspecified


def is_plain_to_other_machine(url: str) -> bool:
    """Whether what is sent to an address crosses a network unencrypted."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def _parts(text: str) -> SplitResult:
    try:
        return urlsplit(text)
    except ValueError:
        message = "an address with a colon in its host has brackets around it: http://[::1]:8000"
        raise ValueError(message) from None


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        message = "an address's port is a number up to 65535"
        raise ValueError(message) from None
