"""Speaks HTTP with the Hub: bounded, patient, and quiet about secrets.

huggingface_hub's own calls are not used for this. They read answers of any length, wait where
nobody can wake them, print addresses with signatures in them, and lose a whole listing over one
entry that is not as it should be.
"""

from __future__ import annotations

import contextlib
import json
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urljoin

import r1chat
from r1chat.errors import NetworkError, R1ChatError
from r1chat.hub import refusals
from r1chat.hub.environment import Environment, origin
from r1chat.hub.refusals import Busy

if TYPE_CHECKING:
    import httpx2

MOST_JSON = 8 << 20
"""Bytes of one answer of the API. As Python's values they can take twenty times as much."""
_MOST_ERROR = 16 << 10
_WHOLE_S = 60.0
"""Seconds after which an answer that comes in drops is given up."""
_HOPS = 5
# The first digits of statuses.
_SUCCESS, _REDIRECT = 2, 3
_TRIES = 4
_FIRST_WAIT_S = 0.25
_SAT_OUT_S = 10.0
"""The longest wait that is sat out where nobody sees it."""
_SAT_OUT_SEEN_S = 300.0
"""The longest where somebody does: the Hub counts its limits over five minutes."""

Wait = Callable[[float], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    url: str = field(repr=False)
    """Where it came from, after redirects within the Hub."""

    @property
    def leads_away(self) -> bool:
        """Whether it is a redirect to somewhere else, whose address is its ``location``."""
        return "location" in self.headers

    @property
    def is_final(self) -> bool:
        """Whether it is what was asked for, or leads there."""
        return self.leads_away or self.status // 100 == _SUCCESS


class Client:
    """Sends requests to the Hub. Keeps no connection open between them; thread-safe.

    Args:
        environment: Where the Hub is, and the token.
        wait: Waits so many seconds, and may raise to give up; time.sleep if there is none, and
            then long waits are not sat out but raised.
    """

    def __init__(self, environment: Environment, wait: Wait | None = None) -> None:
        self.environment = environment
        self._wait = wait
        self._lock = threading.Lock()
        self._http: httpx2.Client | None = None

    def json(
        self, url: str, parameters: Mapping[str, str | list[str]], subject: refusals.Subject
    ) -> tuple[object, Answer]:
        """Gets an answer of the API, patiently.

        Returns:
            What it says, unchecked, and the answer itself.

        Raises:
            NetworkError: If there is none.
            ModelError: If the Hub knows no such thing.
        """

        def once() -> tuple[object, Answer]:
            answer = self.follow("GET", url, parameters, subject, most=MOST_JSON)
            if answer.leads_away:
                msg = f"{self.environment.host} sends us to another site: check HF_ENDPOINT"
                raise NetworkError(msg)
            try:
                return json.loads(answer.body), answer
            except (ValueError, RecursionError):
                pass
            msg = f"{self.environment.host} answers with something else than JSON: try again later"
            raise Busy(msg)

        return self.patiently(once)

    def follow(
        self,
        method: str,
        url: str,
        parameters: Mapping[str, str | list[str]],
        subject: refusals.Subject,
        *,
        most: int,
    ) -> Answer:
        """Sends one request, and follows redirects as long as they stay at the Hub.

        Returns:
            The answer; its status may be that of a redirect to somewhere else, then with the
            whole address as its ``location``. Headers that only an earlier one had are kept.

        Raises:
            NetworkError, ModelError: As `refusals.refusal` says it.
        """
        kept: dict[str, str] = {}
        for _ in range(_HOPS):
            with self._stream(method, url, self.headers(url), parameters) as response:
                body = _read(response, most if response.is_success else _MOST_ERROR)
                answer = Answer(response.status_code, response.headers, body, str(response.url))
            self._check(answer, subject)
            kept = {**{name.lower(): value for name, value in answer.headers.items()}, **kept}
            location = answer.headers.get("location")
            if answer.status // 100 != _REDIRECT or location is None:
                kept.pop("location", None)
                return Answer(answer.status, kept, answer.body, answer.url)
            url, parameters = _joined(answer.url, location), {}
            if not self.environment.is_own(url):
                return Answer(answer.status, {**kept, "location": url}, b"", answer.url)
            kept = {k: v for k, v in kept.items() if k.startswith("x-")}
        msg = f"{self.environment.host} redirects in a circle: try again later"
        raise NetworkError(msg)

    def part(
        self,
        url: str,
        headers: Mapping[str, str],
        start: int,
        length: int,
        subject: refusals.Subject,
    ) -> bytes:
        """Reads some bytes of a file, in one try.

        Args:
            url: Where the file's bytes are.
            headers: What to send there.
            start: The first byte.
            length: How many bytes; the file must have them.
            subject: What they are part of.

        Raises:
            NetworkError, ModelError: If they do not come.
        """
        ask = {**headers, "range": f"bytes={start}-{start + length - 1}"}
        with self._stream("GET", url, ask, {}) as response:
            if not response.is_success:
                body = _read(response, _MOST_ERROR)
                self._check(Answer(response.status_code, response.headers, body, ""), subject)
                msg = f"{subject.path} is not where the Hub says (HTTP {response.status_code})"
                raise NetworkError(msg)
            skip = start
            if response.status_code == HTTPStatus.PARTIAL_CONTENT:
                if not response.headers.get("content-range", "").startswith(f"bytes {start}-"):
                    msg = f"{self.environment.host} sends other bytes than asked for: try again"
                    raise Busy(msg)
                skip = 0
            # A server that knows no ranges starts at the beginning.
            data = _read(response, skip + length, cut=True)[skip:]
        if len(data) < length:
            msg = f"the connection to {self.environment.host} was cut: try again"
            raise Busy(msg)
        return data

    def headers(self, url: str) -> dict[str, str]:
        """What to send to an address; the token only to the Hub itself."""
        headers = {"user-agent": f"r1chat/{r1chat.__version__}", "accept-encoding": "identity"}
        if self.environment.token is not None and self.environment.is_own(url):
            headers["authorization"] = f"Bearer {self.environment.token}"
        return headers

    def patiently(self, once: Callable[[], T]) -> T:
        """Does something that may be `Busy`, several times if it must."""
        for tried in range(_TRIES):
            try:
                return once()
            except Busy as error:
                # Spread out, so that not everybody who was refused comes back at once.
                own = _FIRST_WAIT_S * 2**tried * random.uniform(0.5, 1.5)  # noqa: S311
                wait = max(own, error.wait_s or 0)
                seen = self._wait is not None
                if tried == _TRIES - 1 or wait > (_SAT_OUT_SEEN_S if seen else _SAT_OUT_S):
                    raise
            (self._wait or time.sleep)(wait)
        raise AssertionError  # The last turn returns or raises.

    def _check(self, answer: Answer, subject: refusals.Subject) -> None:
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise refusals.refusal(
                answer.status, answer.headers, answer.body, subject, self.environment
            )

    @contextlib.contextmanager
    def _stream(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        parameters: Mapping[str, str | list[str]],
    ) -> Iterator[httpx2.Response]:
        if self.environment.offline:
            msg = "HF_HUB_OFFLINE is set: unset it to reach the Hub, or use a model that is here"
            raise NetworkError(msg)
        try:
            with self._session().stream(
                method, url, headers=dict(headers), params=parameters or None
            ) as response:
                yield response
        except R1ChatError:
            raise
        except Exception as error:
            raise refusals.failure(error, self.environment) from error

    def _session(self) -> httpx2.Client:
        with self._lock:
            if self._http is None:
                import httpx2

                # They would write signed addresses, and headers, into the log.
                for name in ("httpx2", "httpcore2"):
                    logging.getLogger(name).setLevel(logging.WARNING)
                self._http = httpx2.Client(
                    timeout=self.environment.timeout_s,
                    limits=httpx2.Limits(max_keepalive_connections=0),
                )
            return self._http


def _read(response: httpx2.Response, most: int, *, cut: bool = False) -> bytes:
    """Reads a body.

    Args:
        response: The answer.
        most: Bytes.
        cut: Whether what is longer is cut off; else it is an error, or an error's text.
    """
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        msg = "the Hub sends packed data that nobody asked for: try again later"
        raise NetworkError(msg)
    body = bytearray()
    end = time.monotonic() + _WHOLE_S
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > most or (cut and len(body) == most):
            if cut or not response.is_success:
                return bytes(body[:most])
            msg = f"the Hub sends an answer of more than {most >> 20} MiB: it cannot be right"
            raise NetworkError(msg)
        if time.monotonic() > end:
            msg = "the Hub sends its answer too slowly: try again later"
            raise Busy(msg)
    return bytes(body)


def _joined(base: str, location: str) -> str:
    try:
        url = urljoin(base, location)
        if origin(url)[0] in {"http", "https"} and origin(url)[1] and url.isprintable():
            return url
    except ValueError:
        pass
    msg = "the Hub redirects to something that is no address: try again later"
    raise NetworkError(msg)
