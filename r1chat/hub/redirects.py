"""Sends a request to the Hub and follows its redirects by one set of rules.

- A location may be relative, at another origin, and lead on; ten requests, then it is an error.
- The token goes to the Hub's own origin alone, wherever the redirects lead.
- From an encrypted address nothing leads to an unencrypted one.
- An error names who is at fault: the proxy, the certificates, the Hub, or where it sent us.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from r1chat.errors import NetworkError, R1ChatError
from r1chat.hub.environment import Environment, origin
from r1chat.hub.way import Way

if TYPE_CHECKING:
    import httpx2

MOST = 10
"""Requests in a row."""
_REDIRECTS = {
    HTTPStatus.MOVED_PERMANENTLY,
    HTTPStatus.FOUND,
    HTTPStatus.SEE_OTHER,
    HTTPStatus.TEMPORARY_REDIRECT,
    HTTPStatus.PERMANENT_REDIRECT,
}


def _everywhere(_response: httpx2.Response, _url: str) -> bool:
    return True


@contextlib.contextmanager
def opened(
    http: httpx2.Client,
    environment: Environment,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    parameters: Mapping[str, str | list[str]] | None = None,
    onward: Callable[[httpx2.Response, str], bool] = _everywhere,
) -> Iterator[tuple[httpx2.Response, Way]]:
    """Sends a request, and follows where it leads.

    Args:
        http: Speaks HTTP; follows nothing itself.
        environment: Where the Hub is, and the token.
        method: HTTP's.
        url: Where to; the parameters are for this address alone.
        headers: What to send everywhere.
        parameters: Those of the address.
        onward: Is told each redirect and where it leads; says whether to follow it.

    Yields:
        The answer, its body unread, and the way that it came. It is a redirect where `onward`
        does not want it followed.

    Raises:
        NetworkError: If there is no answer; a `Busy` where another try may bring one.
    """
    if environment.offline:
        msg = "HF_HUB_OFFLINE is set: unset it to reach the Hub, or use a local model"
        raise NetworkError(msg)
    for _ in range(MOST):
        way = Way(environment, url)
        with contextlib.ExitStack() as stack:
            try:
                response = stack.enter_context(
                    http.stream(
                        method,
                        url,
                        headers={**environment.headers(url), **(headers or {})},
                        params=parameters or None,
                        extensions={"trace": way.saw},
                    )
                )
            except R1ChatError:
                raise
            except Exception as error:
                raise way.failure(error) from error
            target = _target(response, way)
            if target is None or not onward(response, target):
                with way.blamed():
                    yield response, way
                return
        url, parameters = target, None
    msg = f"{environment.host} redirects in a loop: try again later"
    raise NetworkError(msg)


def _target(response: httpx2.Response, way: Way) -> str | None:
    """Where an answer leads.

    Raises:
        NetworkError: If that can be no address, or one that is not to be followed.
    """
    location = response.headers.get("location")
    if response.status_code not in _REDIRECTS or location is None:
        return None
    base = str(response.url)
    try:
        url = urljoin(base, location.strip())
        scheme, host, _ = origin(url)
        good = scheme in {"http", "https"} and bool(host) and url.isprintable()
    except ValueError:
        good = False
    if not good:
        msg = f"{way.party} redirects to something that is no address: try again later"
        raise NetworkError(msg)
    if urlsplit(base).scheme == "https" and scheme != "https":
        msg = f"{way.party} sends r1chat on to an unencrypted address at {host}: not followed"
        raise NetworkError(msg)
    return url
