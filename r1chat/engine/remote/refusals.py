"""Explains a server's error in one line, with what to do about it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urljoin

from r1chat.addresses import normal
from r1chat.engine.remote.server import Server
from r1chat.engine.remote.sse import Event, parsed
from r1chat.errors import ModelError, NetworkError, R1ChatError
from r1chat.hub.refusals import wait_asked_for
from r1chat.hub.route import Route, is_of_network, reason_of
from r1chat.sanitize import line

_LONGEST_REASON = 200
_PASSING = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT}
_ABOUT_THE_REQUEST = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
}
_TOO_LONG = re.compile(
    r"context"
    r"|\b(prompt|input|message|request|conversation|sequence)\w*\b.{0,60}"
    r"\b(too (long|large|big)|longer|exceed)"
    r"|too many (input |prompt )?tokens"
    r"|(exceed|maximum|longer|limit|allowed|<=).{0,40}\btokens"
    r"|\btokens?\b.{0,60}(exceed|too large|too long|longer|must be <=|maximum)"
    r"|maximum prompt length|reduce the length",
    re.IGNORECASE,
)
"""Words with which servers refuse a prompt for its length."""
_LIMIT = re.compile(r"max_(completion_|new_|output_)?tokens")
_PROMPT = re.compile(r"context|prompt|input|message", re.IGNORECASE)
_CONTEXT = re.compile(
    r"(?:(?:context|prompt|sequence) (?:length|size|window)(?: is| of)?(?: only)?:? ?\(?"
    r"|tokens \+ `?max_new_tokens`? must be <= |model with )(\d{2,9})"
)
_LENGTH = re.compile(
    r"(\d{2,9}) (?:tokens )?(?:in|from) (?:the|your) (?:input )?(?:messages|prompt)"
    r"|(?:request|input|requested tokens) \((\d{2,9})"
    r"|prompt contains (\d{2,9})|given: (\d{2,9})|requested (\d{2,9}) tokens",
    re.IGNORECASE,
)
_FAULTY_FIELD = re.compile(
    "unexpected keyword|(unknown|unsupported|unrecognized|unrecognised|invalid) "
    "(request )?(field|parameter|argument|option)|extra inputs are not permitted",
    re.IGNORECASE,
)
_WANTS_TLS = re.compile("HTTPS (port|server)", re.IGNORECASE)
"""What servers with encryption say to a request without: nginx's words, and Go's."""
_REDACTED = "[key]"
_LONGEST_CODE = 100
_DIGITS = 3
_MOST_STATUS = 600
_MOST_TOKENS = 1 << 40
_DEEPEST = 6
"""Levels of an answer in which words are looked for."""
_WORDS = (
    *("error", "errors", "detail", "message", "msg", "description", "reason", "title"),
    *("error_message", "error_msg", "error_description"),
)
"""Where servers put their words."""
_CODES = ("code", "error_code", "status_code", "http_code", "status", "type", "error_type")
"""Where they put the kind of their trouble, as a number or a name."""
_MEANINGS = (
    (r"ratelimit|toomanyrequests|throttl", HTTPStatus.TOO_MANY_REQUESTS),
    (r"quota|billing|credit|payment", HTTPStatus.PAYMENT_REQUIRED),
    (r"overload|unavailable|capacity|busy|loading", HTTPStatus.SERVICE_UNAVAILABLE),
    (r"timeout|timedout", HTTPStatus.REQUEST_TIMEOUT),
    (r"auth|apikey|token.*invalid", HTTPStatus.UNAUTHORIZED),
    (r"permission|^forbidden|denied", HTTPStatus.FORBIDDEN),
    (r"notfound", HTTPStatus.NOT_FOUND),
    (r"invalid|badrequest|validation|unprocessable|context|unsupported", HTTPStatus.BAD_REQUEST),
    (r"filter|moderation|policy|valueerror|typeerror|forbid", HTTPStatus.BAD_REQUEST),
)
"""What the names of errors mean in terms of HTTP; the first that fits counts."""


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


class Absent(NetworkError):  # noqa: N818  (a state that passes)
    """Nobody listens at the server's address: it is not running, or it is still starting."""


class Refused(NetworkError):  # noqa: N818  (what happened, not what went wrong)
    """The server does not want the request as it is.

    Attributes:
        status: HTTP's.
        too_long: Whether the prompt is too long for it.
        context: Tokens of context, where it says them then; else 0.
        length: Tokens of the prompt, likewise.
        said: The server's words, unshortened and not fit to be shown.
        fields: Parts of the request that it names as being at fault.
    """

    def __init__(
        self,
        message: str,
        status: int,
        *,
        too_long: bool = False,
        context: int = 0,
        length: int = 0,
        said: str = "",
        fields: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.too_long = too_long
        self.context = context
        self.length = length
        self.said = said
        self.fields = fields


def refusal(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    server: Server,
    model: str = "",
    via: str = "",
) -> R1ChatError:
    """What an answer means that is not the one hoped for.

    Args:
        status: HTTP's.
        headers: By names in lower case, or whatever does not mind the case.
        body: As much of it as was read.
        server: Who answered.
        model: What was asked for.
        via: The proxy in between, which may have written the answer itself; or empty.
    """
    text = body.decode("utf-8", "replace")
    value = parsed(text)
    if status == HTTPStatus.BAD_REQUEST and _WANTS_TLS.search(text):
        where = server.url.replace("http://", "https://", 1)
        return Refused(f"{server.host} speaks https:// alone: use {where}", status)
    # A web page says nothing.
    words = ("" if "<" in text else text) if value is None else _words(value)
    wait, label = wait_asked_for(headers), f"HTTP {status}"
    return _meaning(status, words, value, server, model, wait_s=wait, label=label, via=via)


def trouble(event: Event, server: Server, model: str = "") -> R1ChatError | None:
    """The error that an event of a stream tells of; None where it tells of none.

    A server that has promised a stream can refuse nothing by a status any more.

    Args:
        event: The event.
        server: Who sent it.
        model: What was asked for.
    """
    value = event.value
    tells = event.name == "error"
    if isinstance(value, dict):
        listed = value.get("choices")
        choices = listed if isinstance(listed, list) else []
        found = next((c for c in choices if isinstance(c, dict) and c.get("error")), None)
        if found is not None and not value.get("error"):
            value = {"error": found["error"]}
        bare = listed is None and any(
            isinstance(value.get(name), (str, list)) and value[name] for name in _WORDS
        )
        marked = "error" in (value.get("object"), value.get("type"))
        tells = tells or bool(value.get("error")) or marked or bare
    if not tells:
        return None
    words = event.text if value is None else _words(value)
    status = _status(value, words)
    return _meaning(status, words, value, server, model)


def redirection(status: int, target: str, asked: str, server: Server) -> Refused:
    """What it means that a server sends us to another address, where no key is sent unasked.

    Args:
        status: HTTP's.
        target: Where it sends us, as it says.
        asked: The address that was asked.
        server: Who answered.
    """
    host, hint = server.host, "use the address that it means"
    with contextlib.suppress(ValueError):
        # What stands behind the server's address belongs to the question, not to the server.
        there = urljoin(asked, target).partition("?")[0].rstrip("/")
        behind = asked.removeprefix(server.url)
        hint = f"use {line(normal(there.removesuffix(behind)), _LONGEST_REASON)}"
    return Refused(f"{host} sends us to another address (HTTP {status}): {hint}", status)


def _meaning(  # noqa: PLR0911  (one for each kind of refusal)
    status: int,
    words: str,
    value: object,
    server: Server,
    model: str,
    *,
    wait_s: float | None = None,
    label: str = "",
    via: str = "",
) -> R1ChatError:
    host, reason = server.host, clean(words, server)
    detail = f"{f' ({reason})' if reason else ''}{via}"
    with_label = f" with {label}" if label else ""
    size = _number(_CONTEXT, words, value, "n_ctx")
    passes = status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED
    if status == HTTPStatus.TOO_MANY_REQUESTS and any(map(_is_spent, _codes(value))):
        # That passes with a payment alone.
        status = HTTPStatus.PAYMENT_REQUIRED
    if passes and _FAULTY_FIELD.search(words):
        # The server did not check the request before it used it.
        status, passes = HTTPStatus.BAD_REQUEST, False
    if (status in _PASSING or passes) and not size:
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return Busy(f"{host} has too much to do{detail}: try again later", wait_s)
        return Busy(f"{host} fails{with_label}{detail}: see the server's log", wait_s)
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
        return Refused(f"{host} fails (HTTP {status}): use the address that it means", status)
    about_it = status in _ABOUT_THE_REQUEST or bool(size)
    return Refused(
        f"{host} refuses the request{f' ({label})' if label else ''}{detail}",
        status,
        too_long=about_it and _is_too_long(words, value),
        context=size,
        length=_number(_LENGTH, words, value, "n_prompt_tokens"),
        said=words,
        fields=_fields(value),
    )


def _is_too_long(words: str, value: object) -> bool:
    """Whether a refusal speaks of the prompt's length."""
    if any("context" in code for code in _codes(value)):
        return True
    is_limit = _LIMIT.search(words) and not _PROMPT.search(words)
    return not is_limit and _TOO_LONG.search(words) is not None


def _number(pattern: re.Pattern[str], words: str, value: object, name: str) -> int:
    """A number of tokens that a refusal speaks of, by itself or in its words; 0 without one."""
    error = value.get("error") if isinstance(value, dict) else None
    said = error.get(name) if isinstance(error, dict) else None
    if type(said) is int and 0 < said < _MOST_TOKENS:
        return said
    found = pattern.search(words)
    return next(int(group) for group in found.groups() if group) if found else 0


def _status(value: object, words: str) -> int:
    """What the status would have been of an error that came in a stream."""
    codes = _codes(value)
    for code in codes:
        if code.isascii() and code.isdecimal() and len(code) == _DIGITS:
            number = int(code)
            if HTTPStatus.BAD_REQUEST <= number < _MOST_STATUS:
                return number
    for code in codes:
        plain = re.sub(r"[^a-z]", "", code.lower())
        for meaning, status in _MEANINGS:
            if re.search(meaning, plain):
                return status
    if _CONTEXT.search(words):
        return HTTPStatus.BAD_REQUEST
    return HTTPStatus.INTERNAL_SERVER_ERROR


def _is_spent(code: str) -> bool:
    return re.search("quota|billing|credit", code) is not None


def _codes(value: object) -> list[str]:
    """The numbers and names by which a server says what kind of trouble it is in."""
    error = value.get("error") if isinstance(value, dict) else None
    found: list[str] = []
    for place in (error, value):
        for name in _CODES:
            code = place.get(name) if isinstance(place, dict) else None
            if isinstance(code, (str, int)) and not isinstance(code, bool):
                found.append(str(code)[:_LONGEST_CODE])
    return found


def _fields(value: object) -> tuple[str, ...]:
    """The parts of the request that a refusal names by themselves, not in its words."""
    if not isinstance(value, dict):
        return ()
    found = []
    for place in (value.get("error"), value):
        param = place.get("param") if isinstance(place, dict) else None
        if isinstance(param, str):
            found.append(param)
    detail = value.get("detail")
    for each in detail if isinstance(detail, list) else ():
        where = each.get("loc") if isinstance(each, dict) else None
        if isinstance(where, list):
            found += [part for part in where if isinstance(part, str)]
    return tuple(found)


def failure(error: Exception, server: Server, route: Route | None) -> R1ChatError:
    """What an exception on the way to the server means; the route knows how far it came."""
    import httpx2

    if not is_of_network(error):
        raise error
    fault = route.fault(error) if route is not None else None
    if fault is not None:
        # Nobody changes a proxy or a certificate while a reply waits.
        return NetworkError(str(fault))
    host, via = server.host, route.via if route is not None else ""
    text = reason_of(error)
    if isinstance(error, httpx2.ConnectError) and _is_refused(error):
        return Absent(f"{host} cannot be reached ({text}): is the server running?")
    for kinds, what in (
        (httpx2.ConnectTimeout, f"{host} cannot be reached: nobody answers there"),
        (httpx2.ConnectError, f"{host} cannot be reached ({text}): is the server running?"),
        (httpx2.TimeoutException, f"{host} does not answer{via}: check the server, or try later"),
    ):
        if isinstance(error, kinds):
            return NetworkError(what)
    if re.search("illegal (request|status) line", text):
        return NetworkError(f"{host} answers with something else than HTTP: is it https://?")
    if isinstance(error, (httpx2.RemoteProtocolError, httpx2.NetworkError)):
        return Cut(f"the connection to {host} was cut{via}: what came is kept")
    return NetworkError(f"{host} cannot be asked ({type(error).__name__}): check the address")


def _is_refused(error: BaseException | None) -> bool:
    """Whether the machine is there, and no server on it."""
    while error is not None and not isinstance(error, ConnectionRefusedError):
        error = error.__cause__ or error.__context__
    return error is not None


def _words(value: object, deepest: int = _DEEPEST) -> str:
    """The words of a server in whatever it answers."""
    if isinstance(value, str):
        # A gateway may pass on what another server said as it came.
        inner = parsed(value) if value.lstrip().startswith("{") else None
        return (_words(inner, deepest - 1) if inner is not None else "") or value
    if deepest <= 0:
        return ""
    if isinstance(value, list):
        return "; ".join(words for each in value if (words := _words(each, deepest - 1)))
    if not isinstance(value, dict):
        return ""
    words = next((w for name in _WORDS if (w := _words(value.get(name), deepest - 1))), "")
    where = value.get("loc")
    if words and isinstance(where, list) and where and isinstance(where[-1], str):
        words = f"{where[-1]}: {words}"
    metadata = value.get("metadata")
    raw = _words(metadata.get("raw"), deepest - 1) if isinstance(metadata, dict) else ""
    return f"{words}: {raw}" if words and raw and raw != words else words or raw


def clean(text: str, server: Server) -> str:
    """A server's words, fit to be shown and without the key."""
    if server.key:
        text = text.replace(server.key, _REDACTED)
    return line(text, _LONGEST_REASON)


def _key_cure(server: Server) -> str:
    if server.name:
        return f"set it with: r1chat servers key {server.name}"
    return "set R1CHAT_API_KEY, or give the server a name: r1chat servers add"
