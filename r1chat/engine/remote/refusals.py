"""Says in one line why a server did not do what it was asked, and what to do about it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from http import HTTPStatus

from r1chat.engine.remote.server import Server
from r1chat.errors import ModelError, NetworkError, R1ChatError
from r1chat.hub.refusals import wait_asked_for
from r1chat.sanitize import line

_LONGEST_REASON = 200
_PASSING = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT}
_TOO_LONG = ("context", "too long", "maximum", "exceed")
"""Words with which servers refuse a prompt for its length."""
_CONTEXT = re.compile(r"(?:context length is|context size \(?|context window of) ?(\d{2,9})")
_REDACTED = "[key]"


class Busy(NetworkError):  # noqa: N818  (a state that passes)
    """The server does not keep up; it may later.

    Attributes:
        wait_s: How long it asked to be left alone, in seconds; None if it did not say.
    """

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class Cut(Busy):
    """The connection was cut before the reply had ended."""


class Refused(NetworkError):  # noqa: N818  (what happened, not what went wrong)
    """The server does not want the request as it is.

    Attributes:
        status: HTTP's.
        too_long: Whether the prompt is too long for it.
        context: Tokens of context, where it says them then; else 0.
    """

    def __init__(
        self, message: str, status: int, *, too_long: bool = False, context: int = 0
    ) -> None:
        super().__init__(message)
        self.status = status
        self.too_long = too_long
        self.context = context


def refusal(  # noqa: PLR0911  (one for each kind of refusal)
    status: int, headers: Mapping[str, str], body: bytes, server: Server, model: str = ""
) -> R1ChatError:
    """What an answer means that is not the one hoped for.

    Args:
        status: HTTP's.
        headers: By names in lower case, or whatever does not mind the case.
        body: As much of it as was read.
        server: Who answered.
        model: What was asked for.
    """
    host, reason = server.host, said(body, server)
    detail = f" ({reason})" if reason else ""
    passes = status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED
    if status in _PASSING or passes:
        wait = wait_asked_for(headers)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return Busy(f"{host} has too much to do{detail}: try again later", wait)
        return Busy(f"{host} fails with HTTP {status}{detail}: see the server's log", wait)
    if status == HTTPStatus.UNAUTHORIZED:
        what = "does not accept your key" if server.key else "wants a key"
        return Refused(f"{host} {what}{detail}: {_key_cure(server)}", status)
    if status == HTTPStatus.FORBIDDEN:
        return Refused(f"{host} refuses access{detail}: check the key and what it is for", status)
    if status == HTTPStatus.NOT_FOUND and model and "model" in reason.lower():
        return ModelError(f"{host} has no model {line(model, 80)}: check the name behind the #")
    if status == HTTPStatus.NOT_FOUND:
        hint = "" if server.url.endswith("/v1") else "; most addresses end in /v1"
        return Refused(f"{host} has nothing at this address{detail}: check it{hint}", status)
    if status < HTTPStatus.BAD_REQUEST:
        where = "sends us to another address" if status >= HTTPStatus.MULTIPLE_CHOICES else "fails"
        return Refused(f"{host} {where} (HTTP {status}): use the address that it means", status)
    too_long = any(word in reason.lower() for word in _TOO_LONG)
    size = _CONTEXT.search(reason) if too_long else None
    return Refused(
        f"{host} refuses the request (HTTP {status}){detail}",
        status,
        too_long=too_long,
        context=int(size[1]) if size else 0,
    )


def failure(error: Exception, server: Server) -> R1ChatError:
    """What an exception on the way to the server means."""
    import ssl

    import httpx2

    host = server.host
    text = line(str(error), _LONGEST_REASON)
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return NetworkError(
            f"the certificate of {host} is not trusted ({_certificate(text)}): check the name, or "
            "make its issuer known to this system (SSL_CERT_FILE)"
        )
    if isinstance(error, ssl.SSLError) or "SSL" in str(error):
        return NetworkError(f"{host} speaks no TLS that we understand ({text}): is it http://?")
    for kinds, what in (
        (httpx2.ConnectTimeout, f"{host} cannot be reached: nobody answers there"),
        (httpx2.ProxyError, f"the proxy does not reach {host} ({text}): check HTTPS_PROXY"),
        (httpx2.ConnectError, f"{host} cannot be reached ({text}): is the server running?"),
        (httpx2.TimeoutException, f"{host} does not answer: check the server, or try later"),
    ):
        if isinstance(error, kinds):
            return NetworkError(what)
    if isinstance(error, (httpx2.RemoteProtocolError, httpx2.NetworkError)):
        return Cut(f"the connection to {host} was cut: what came is kept")
    if isinstance(error, (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError, RuntimeError)):
        return NetworkError(f"{host} cannot be asked ({type(error).__name__}): check the address")
    raise error


def said(body: bytes, server: Server) -> str:
    """What the server itself says, fit to be shown and without the key."""
    text = body.decode("utf-8", "replace")
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        # A web page says nothing.
        return "" if "<" in text else _clean(text, server)
    for name in ("error", "detail", "message"):
        value = value.get(name, value) if isinstance(value, dict) else value
    return _clean(value, server) if isinstance(value, str) else ""


def _clean(text: str, server: Server) -> str:
    if server.key:
        text = text.replace(server.key, _REDACTED)
    return line(text, _LONGEST_REASON)


def _key_cure(server: Server) -> str:
    if server.name:
        return f"set it with: r1chat servers key {server.name}"
    return "set R1CHAT_API_KEY, or give the server a name: r1chat servers add"


def _certificate(text: str) -> str:
    """The part of OpenSSL's words that people understand."""
    return text.partition("certificate verify failed: ")[2].partition(" (_ssl")[0] or text
