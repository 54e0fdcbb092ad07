"""Asks a server which models it serves."""

from __future__ import annotations

import json
import logging
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import r1chat
from r1chat.addresses import is_loopback
from r1chat.errors import NetworkError, R1ChatError
from r1chat.sanitize import line

if TYPE_CHECKING:
    import httpx2

PATIENCE_S = 10.0
MOST_MODELS = 1000
_MOST = 4 << 20
"""Bytes of an answer; OpenRouter's list of 400 models, with prices, has half a megabyte."""
_LONGEST_ID = 300
_MOST_CONTEXT = 1 << 40
_ELSEWHERE = {301, 302, 307, 308, 404, 405, 421}
_REFUSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that a server has."""

    id: str
    """As the server calls it; fit to be shown."""
    context: int = 0
    """Tokens of context; 0 where the server does not say."""


def models(
    url: str, key: str | None = None, *, patience_s: float = PATIENCE_S
) -> tuple[ServedModel, ...]:
    """The models of a server, as it lists them.

    Args:
        url: Its address, as `r1chat.addresses.normal` gives it.
        key: What it is told; it goes nowhere else, for no redirect is followed.
        patience_s: Seconds for the whole.

    Raises:
        NetworkError: If it does not say; the message is one line.
    """
    host = urlsplit(url).netloc
    headers = {"user-agent": f"r1chat/{r1chat.__version__}", "accept-encoding": "identity"}
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    end = time.monotonic() + patience_s
    with _answer(f"{url}/models", headers, host, patience_s) as response:
        body = bytearray()
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > _MOST or time.monotonic() > end:
                break
        status = response.status_code
    if status in _REFUSED:
        raise NetworkError(_refusal(host, has_key=key is not None))
    if status != HTTPStatus.OK:
        hint = "is its address right, with its path (/v1)?" if status in _ELSEWHERE else "try later"
        message = f"{host} answers with HTTP {status} where it should list its models: {hint}"
        raise NetworkError(message)
    if len(body) > _MOST or time.monotonic() > end:
        message = f"{host} does not come to the end of its list of models: try later"
        raise NetworkError(message)
    return read(bytes(body), host)


def read(body: bytes, host: str) -> tuple[ServedModel, ...]:
    """Reads a list of models. What cannot be named on a command line is left out.

    Raises:
        NetworkError: If it is none.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    entries = value.get("data") if isinstance(value, dict) else None
    if not isinstance(entries, list):
        message = f"{host} does not answer as an OpenAI-compatible server: is its address right?"
        raise NetworkError(message)
    found: dict[str, ServedModel] = {}
    for entry in entries[:MOST_MODELS]:
        name = entry.get("id") if isinstance(entry, dict) else None
        if isinstance(name, str) and name and line(name, _LONGEST_ID) == name:
            found.setdefault(name, ServedModel(name, _context(entry)))
    return tuple(found.values())


def _context(entry: Mapping[str, Any]) -> int:
    """Tokens of context: vLLM and SGLang say what they serve, llama-server what it was made for."""
    meta = entry.get("meta")
    says = (entry.get("max_model_len"), meta.get("n_ctx") if isinstance(meta, dict) else None)
    for count in says:
        if isinstance(count, int) and not isinstance(count, bool) and 0 < count < _MOST_CONTEXT:
            return count
    return 0


@contextmanager
def _answer(
    url: str, headers: Mapping[str, str], host: str, patience_s: float
) -> Iterator[httpx2.Response]:
    import httpx2

    # They would write addresses and headers into the log.
    for name in ("httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # A proxy cannot reach what is on this machine alone.
    proxied = not is_loopback(urlsplit(url).hostname or "")
    try:
        with (
            httpx2.Client(timeout=patience_s, trust_env=proxied) as client,
            client.stream("GET", url, headers=dict(headers)) as response,
        ):
            yield response
    except R1ChatError:
        raise
    except Exception as error:  # noqa: BLE001  (what nobody expects is raised again)
        raise _failure(error, host) from None


def _failure(error: Exception, host: str) -> NetworkError:
    import httpx2

    text = line(str(error), 120)
    if "CERTIFICATE_VERIFY_FAILED" in str(error) or isinstance(error, ssl.SSLError):
        return NetworkError(f"{host} cannot prove its name ({text}): check its certificate")
    if isinstance(error, httpx2.TimeoutException):
        return NetworkError(f"{host} does not answer: is it running?")
    if isinstance(error, httpx2.ConnectError):
        return NetworkError(f"{host} cannot be reached ({text}): is it running?")
    if isinstance(error, (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError, RuntimeError)):
        # What it says may be what was sent.
        return NetworkError(f"{host} does not speak HTTP as it should ({type(error).__name__})")
    raise error


def _refusal(host: str, *, has_key: bool) -> str:
    if has_key:
        return f"{host} does not take this key: check it, or `r1chat servers key` with another"
    return f"{host} wants an API key: r1chat servers key NAME, or one in the environment"
