"""Follows a request, and says who is at fault where it does not arrive."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from r1chat.errors import NetworkError, R1ChatError
from r1chat.hub.busy import Busy
from r1chat.hub.environment import Environment
from r1chat.hub.route import Route, is_of_network, reason_of, wants_password


class Way(Route):
    """The way of one request.

    Args:
        environment: Where the Hub is.
        url: Where the request goes.

    Attributes:
        environment: Likewise.
        is_hub: Whether it goes to the Hub itself, and not where that sends us.
    """

    def __init__(self, environment: Environment, url: str) -> None:
        self.environment = environment
        self.is_hub = environment.is_own(url)
        super().__init__(url, address="HF_ENDPOINT" if self.is_hub else "")
        if not self.is_hub:
            self.party = f"{self.host} (where {environment.host} sends r1chat)"

    @property
    def password_wanted(self) -> str:
        """What it means that the answer is 407."""
        proxy = self.proxy()
        if proxy is None:
            return f"{self.party} asks for a proxy's password: is HF_ENDPOINT a proxy?"
        return wants_password(proxy)

    @contextlib.contextmanager
    def blamed(self) -> Iterator[None]:
        """Names who is at fault where the body breaks off. What others raise passes."""
        import httpx2

        try:
            yield
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise self.failure(error) from error

    def failure(self, error: Exception) -> R1ChatError:
        """What an exception on the way means."""
        import httpx2

        if not is_of_network(error):
            raise error
        if (fault := self.fault(error)) is not None:
            return fault
        reason, party = reason_of(error), self.party
        for kinds, what in (
            (
                httpx2.TimeoutException,
                f"{party} does not answer{self.via}: check the connection, or try later",
            ),
            (httpx2.ProxyError, f"{self.proxy()} does not reach {self.host} ({reason})"),
            (
                httpx2.ConnectError,
                f"{party} cannot be reached ({reason}): {self._advice()}",
            ),
            (
                (httpx2.NetworkError, httpx2.RemoteProtocolError),
                f"the connection to {party} was cut{self.via}: try again",
            ),
        ):
            if isinstance(error, kinds):
                return Busy(what)
        kind = type(error).__name__
        return NetworkError(f"{party} cannot be asked ({kind}): check HF_ENDPOINT")

    def _advice(self) -> str:
        return "check the connection" + (" and HF_ENDPOINT" if self.is_hub else ", or try later")
