"""Chooses proxy and certificates for a request, from the environment.

The HTTP library reads all of it when a client is made, and fails there with Python's words, also
over a proxy that no request would use. Here each request looks for itself, so that an error can
name the variable that is to blame.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import logging
import os
import ssl
import threading
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from r1chat import install
from r1chat.errors import NetworkError
from r1chat.sanitize import line

_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""The variables that name certificates, in the order in which they count."""
_SCHEMES = {"http", "https", "socks5", "socks5h"}
_LONGEST_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that requests go through."""

    variable: str
    """What names it: an environment variable, or the system's settings."""
    url: str = field(repr=False)
    """Its address, which may hold a password."""

    @property
    def scheme(self) -> str:
        """What it speaks."""
        return urlsplit(self.url).scheme

    @property
    def has_password(self) -> bool:
        """Whether the address says as whom to use it."""
        return "@" in urlsplit(self.url).netloc

    def __str__(self) -> str:
        """Names it in a message, without the password."""
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]
        return f"the proxy of {self.variable} ({line(f'{parts.scheme}://{host}', _LONGEST_SHOWN)})"


def proxy_for(url: str) -> Proxy | None:
    """The proxy of a request, or None where it goes straight.

    Raises:
        NetworkError: If the environment names a proxy that cannot be used.
    """
    parts = urlsplit(url)
    known = urllib.request.getproxies()
    kind = parts.scheme if known.get(parts.scheme) else "all"
    value = known.get(kind, "").strip()
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    if not value or _goes_straight(parts.hostname or "", port, known):
        return None
    return _checked(Proxy(_variable(kind, value), value if "://" in value else f"http://{value}"))


def _checked(proxy: Proxy) -> Proxy:
    # Desktops write "socks://" for what is SOCKS 5 nearly everywhere.
    if proxy.url.lower().startswith("socks://"):
        proxy = Proxy(proxy.variable, "socks5" + proxy.url[len("socks") :])
    try:
        parts = urlsplit(proxy.url)
        good = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
        httpx2.Proxy(proxy.url)
    except (ValueError, httpx2.InvalidURL):
        good = False
    if not good:
        # What cannot be taken apart may have a password anywhere before an "@".
        shown = line(proxy.url.rpartition("@")[2], _LONGEST_SHOWN)
        msg = (
            f'{proxy.variable} names no proxy that r1chat can use ("{shown}"): write '
            "http://HOST:PORT or socks5://HOST:PORT, or unset it"
        )
        raise NetworkError(msg)
    if proxy.scheme.startswith("socks"):
        _need_socks(proxy)
    return proxy


def _need_socks(proxy: Proxy) -> None:
    if importlib.util.find_spec("socksio") is None:
        command = install.add("socksio>=1,<2")
        msg = f"{proxy} needs a package that is not installed: {command}; or unset the variable"
        raise NetworkError(msg)


def _variable(kind: str, value: str) -> str:
    """The environment variable that a proxy comes from, in the case in which it is written."""
    names = [name for name, set_to in os.environ.items() if set_to.strip() == value]
    named = [name for name in names if name.lower() == f"{kind}_proxy"]
    # Python takes the lower-case one where both are set.
    return min(named, key=lambda name: name != name.lower(), default="the system's settings")


def _goes_straight(host: str, port: int | None, known: Mapping[str, str]) -> bool:
    """Whether NO_PROXY, or the system, exempts a host."""
    if any(_exempts(entry.strip(), host, port) for entry in known.get("no", "").split(",")):
        return True
    return bool(urllib.request.proxy_bypass(host if port is None else f"{host}:{port}"))


def _exempts(entry: str, host: str, port: int | None) -> bool:
    """Whether an entry of NO_PROXY means a host: a name, a domain, an address, a network, "*"."""
    if entry in {"", "*"}:
        return entry == "*"
    entry = entry.lower().rpartition("://")[2]
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        pass
    name, colon, number = entry.rpartition(":")
    if colon and number.isdecimal() and ("]" in name or ":" not in name):
        if int(number) != port:
            return False
        entry = name
    name = entry.strip("[]").lstrip("*").lstrip(".")
    return bool(name) and (host.lower() == name or host.lower().endswith(f".{name}"))


@dataclass(frozen=True, slots=True)
class Certificates:
    """The certificates that servers are checked by, where the environment names some."""

    variable: str
    path: Path

    def __str__(self) -> str:
        """Names them in a message."""
        return f"{self.variable} ({line(str(self.path), 120)})"


def certificates() -> Certificates | None:
    """What the environment names; None leaves it to the system."""
    for name in _CERTIFICATES:
        if value := os.environ.get(name):
            return Certificates(name, Path(value))
    return None


def tls_context() -> ssl.SSLContext:
    """Makes what checks servers.

    Raises:
        NetworkError: If the environment names certificates that cannot be read.
    """
    named = certificates()
    if named is None:
        return httpx2.create_ssl_context(trust_env=False)
    try:
        if named.path.is_dir():
            return ssl.create_default_context(capath=named.path)
        if named.path.exists() and not named.path.is_file():
            reason = "is not a regular file"
        else:
            return ssl.create_default_context(cafile=named.path)
    except FileNotFoundError:
        reason = "does not exist"
    except ssl.SSLError:
        reason = "holds no certificates in PEM form"
    except (OSError, ValueError) as error:
        reason = f"cannot be read: {getattr(error, 'strerror', None) or 'it is no path'}"
    msg = f"the certificate file of {named} {reason}: correct or unset {named.variable}"
    raise NetworkError(msg)


def new_client(
    timeout: httpx2.Timeout, limits: httpx2.Limits, *, straight: bool = False
) -> httpx2.Client:
    """Makes what speaks HTTP, and follows no redirects.

    Args:
        timeout: How long it waits.
        limits: How many connections it has.
        straight: Whether it uses no proxy, whatever the environment says.
    """
    for name in ("httpx2", "httpcore2"):
        # They would write signed addresses, and headers, into the log.
        logging.getLogger(name).setLevel(logging.WARNING)
    transport = _ByRoute(limits, straight=straight)
    return httpx2.Client(transport=transport, timeout=timeout, trust_env=False)


class _ByRoute(httpx2.BaseTransport):
    """Sends each request by the proxy that is meant for it. Thread-safe."""

    def __init__(self, limits: httpx2.Limits, *, straight: bool) -> None:
        self._limits = limits
        self._straight = straight
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None
        self._transports: dict[tuple[bool, Proxy | None], httpx2.HTTPTransport] = {}

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        proxy = None if self._straight else proxy_for(str(request.url))
        encrypted = request.url.scheme == "https" or (proxy is not None and proxy.scheme == "https")
        with self._lock:
            key = encrypted, proxy
            if key not in self._transports:
                self._transports[key] = self._transport(encrypted=encrypted, proxy=proxy)
            transport = self._transports[key]
        return transport.handle_request(request)

    def _transport(self, *, encrypted: bool, proxy: Proxy | None) -> httpx2.HTTPTransport:
        if not encrypted:
            # Trusts nobody, and costs nothing; reading the system's certificates takes a while.
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        else:
            context = self._context = self._context or tls_context()
        by = None
        if proxy is not None:
            own = context if proxy.scheme == "https" else None
            by = httpx2.Proxy(proxy.url, ssl_context=own)
        return httpx2.HTTPTransport(verify=context, trust_env=False, limits=self._limits, proxy=by)

    def close(self) -> None:
        with self._lock:
            for transport in self._transports.values():
                transport.close()
