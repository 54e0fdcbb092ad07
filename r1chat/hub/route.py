"""Diagnoses proxies and encryption between this machine and another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from r1chat.errors import NetworkError, R1ChatError
from r1chat.hub.busy import Busy
from r1chat.sanitize import line

if TYPE_CHECKING:
    from r1chat.hub.network import Proxy

_LONGEST_REASON = 120
_UNAUTHORIZED = re.compile("407|.*NO ACCEPTABLE METHODS|Invalid username/password")
"""How proxies say that they want another name and password: by HTTP, and the words for SOCKS."""
_FORBIDDEN = ("401", "403")
# The HTTP library's names of what comes behind a proxy that a tunnel leads through.
_BEHIND_TUNNEL = ("proxy.start_tls.started", "socks.setup_socks5_connection.complete")
_BEHIND_PROXY = "http11.send_request_headers.started"
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "UNEXPECTED_EOF")


class Route:
    """The route of one request.

    Args:
        url: Where the request goes.
        party: Who answers there, to be shown; the host's name where nothing is given.
        address: What the user changes to go elsewhere, to be shown; empty where it is not theirs.
        straight: Whether no proxy is used, whatever the environment says.

    Attributes:
        party: Likewise.
        address: Likewise.
    """

    def __init__(
        self, url: str, *, party: str = "", address: str = "", straight: bool = False
    ) -> None:
        self._url = url
        self._straight = straight
        self._seen: list[str] = []
        self._to_socks: Any = None
        """The connection to a SOCKS proxy."""
        self.party = party or self.host
        self.address = address

    def saw(self, event: str, details: Mapping[str, Any]) -> None:
        """Takes what the HTTP library is doing."""
        self._seen.append(event)
        if event == "socks.connect_tcp.complete":
            self._to_socks = details.get("return_value")

    @property
    def host(self) -> str:
        """Where the request goes, to be shown."""
        return line(urlsplit(self._url).netloc.rpartition("@")[2], 80)

    @property
    def via(self) -> str:
        """The proxy in between, to be put behind what an unencrypted answer says; or empty.

        A proxy may have written such an answer itself.
        """
        proxy = self.proxy()
        seen = proxy is not None and not self._is_tunnel(proxy)
        return f", through {proxy}" if seen else ""

    def fault(self, error: Exception) -> R1ChatError | None:
        """What an exception says of a proxy or of the encryption; None where it is neither."""
        proxy = self.proxy()
        if proxy is not None and not self._is_behind(proxy):
            if self._to_socks is not None:
                # The HTTP library forgets it without closing it.
                self._to_socks.close()
            return self._proxy_failure(error, proxy)
        found = self._tls_failure(error)
        return NetworkError(found) if found else None

    def _proxy_failure(  # noqa: PLR0911  (one for each kind of failure)
        self, error: Exception, proxy: Proxy
    ) -> R1ChatError:
        """What went wrong before the proxy let anything through."""
        import httpx2

        reason = reason_of(error)
        change = f"correct or unset {proxy.variable}"
        if isinstance(error, httpx2.ProxyError):
            if _UNAUTHORIZED.match(reason):
                return NetworkError(wants_password(proxy))
            what = f"{proxy} does not let r1chat through to {self.host} ({reason})"
            if reason.startswith(_FORBIDDEN):
                return NetworkError(f"{what}: ask who runs it, or {change}")
            return Busy(f"{what}: try later, or {change}")
        if self._handshake_failed:
            if any(sign in str(error) for sign in _NO_TLS):
                hint = f"write http:// in {proxy.variable}"
                return NetworkError(f"{proxy} does not speak TLS: {hint}")
            return NetworkError(f"{proxy} cannot prove its name ({reason}): {change}")
        if isinstance(error, httpx2.TimeoutException):
            return Busy(f"{proxy} does not answer: {change}")
        if isinstance(error, httpx2.ConnectError):
            return Busy(f"{proxy} cannot be reached ({reason}): start it, or {change}")
        return Busy(f"{proxy} broke the connection off ({reason}): {change}")

    def _tls_failure(self, error: Exception) -> str:  # noqa: PLR0911  (one for each kind)
        """What is wrong with the encryption; empty if it is something else."""
        from r1chat.hub.network import certificates

        text = str(error)
        # Once both sides encrypt, an error of TLS is a connection that broke.
        if not _is_tls(error) or not self._handshake_failed:
            return ""
        if "CERTIFICATE_VERIFY_FAILED" not in text:
            if any(sign in text for sign in _NO_TLS):
                hint = f"write http:// in {self.address}" if self.address else "try again later"
                return f"{self.party} does not speak TLS: {hint}"
            return f"{self.party} and r1chat agree on no encryption ({reason_of(error)})"
        reason, named = reason_of(error), certificates()
        if "expired" in text or "not yet valid" in text:
            return f"the certificate of {self.party} is out of date ({reason}): check the clock"
        if "ostname mismatch" in text or "IP address mismatch" in text:
            return f"{self.party} answers under another name ({reason}): check the network"
        if named is not None:
            return (
                f"{self.party} has a certificate that {named} does not vouch for ({reason}): "
                f"add its issuer there, or unset {named.variable}"
            )
        return (
            f"{self.party} cannot prove its name ({reason}): name the certificate file of its "
            "issuer in SSL_CERT_FILE (a proxy or a virus scanner that reads along has its own)"
        )

    @property
    def _handshake_failed(self) -> bool:
        """Whether one side did not want to encrypt with the other."""
        ended = [event for event in self._seen if ".start_tls." in event]
        return bool(ended) and ended[-1].endswith("failed")

    def proxy(self) -> Proxy | None:
        """The proxy that it leads through."""
        from r1chat.hub.network import proxy_for

        if self._straight:
            return None
        try:
            return proxy_for(self._url)
        except R1ChatError:
            return None

    def _is_tunnel(self, proxy: Proxy) -> bool:
        return urlsplit(self._url).scheme == "https" or proxy.scheme.startswith("socks")

    def _is_behind(self, proxy: Proxy) -> bool:
        """Whether the request got past its proxy."""
        if self._is_tunnel(proxy):
            return any(event in _BEHIND_TUNNEL for event in self._seen)
        return _BEHIND_PROXY in self._seen


def is_of_network(error: Exception) -> bool:
    """Whether an exception is one with which a request may fail, and no mistake of r1chat's."""
    import httpx2

    known = (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError, RuntimeError)
    # What a SOCKS proxy says wrongly comes as it is, from a package that need not be there.
    return isinstance(error, known) or type(error).__module__.partition(".")[0] == "socksio"


def wants_password(proxy: Proxy) -> str:
    """What it means that a proxy answers 407."""
    if proxy.has_password:
        return f"{proxy} does not take the name and password in {proxy.variable}: correct them"
    return (
        f"{proxy} wants a name and a password: write {proxy.scheme}://NAME:PASSWORD@HOST:PORT "
        f"into {proxy.variable}"
    )


def _is_tls(error: Exception) -> bool:
    import ssl

    text = str(error)
    return isinstance(error, ssl.SSLError) or "[SSL" in text or "CERTIFICATE_VERIFY" in text


def reason_of(error: Exception) -> str:
    """Python's words without its numbers and places in C."""
    text = re.sub(r"^\[(?:Errno -?\d+|SSL[^\]]*)\] |\s*\(_\w+\.c:\d+\)$", "", str(error))
    return line(text, _LONGEST_REASON) or type(error).__name__
