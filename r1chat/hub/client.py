"""The HTTP client for the Hub: bounded, patient, and silent about secrets.

huggingface_hub's own calls are not used for this. They read answers of any length, wait where
nobody can wake them, print addresses with signatures in them, and lose a whole listing over one
entry that is not as it should be.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from r1chat.errors import NetworkError
from r1chat.formatting import format_bytes
from r1chat.hub import refusals
from r1chat.hub.busy import Busy
from r1chat.hub.environment import Environment
from r1chat.hub.redirects import opened

if TYPE_CHECKING:
    import httpx2

    from r1chat.hub.way import Way

MOST_JSON = 8 << 20
"""Bytes of one answer of the API. As Python's values they can take twenty times as much."""
_MOST_ERROR = 16 << 10
_WHOLE_S = 60.0
"""Seconds after which an answer that comes in drops is given up."""
# The first digit of statuses.
_SUCCESS = 2
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
    """Where it came from, after redirects."""
    party: str
    """Who answered, to be shown."""

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
            answer = self._answer("GET", url, parameters, subject, most=MOST_JSON)
            try:
                return json.loads(answer.body), answer
            except (ValueError, RecursionError):
                pass
            msg = f"{answer.party} answers with something else than JSON: try again later"
            raise Busy(msg)

        return self.patiently(once)

    def look(self, url: str, subject: refusals.Subject, *, beyond: bool = False) -> Answer:
        """Asks what the Hub says of a file (HEAD), following redirects within the Hub.

        Args:
            url: The file's address.
            subject: What it is.
            beyond: Whether to follow other redirects too, until somebody names the checksum.

        Returns:
            The answer; its status may be that of a redirect to somewhere else, then with the
            whole address as its ``location``. Headers that only an earlier one had are kept.

        Raises:
            NetworkError, ModelError: As `refusals.refusal` says it.
        """
        kept: dict[str, str] = {}
        away = ""

        def within(response: httpx2.Response, target: str) -> bool:
            nonlocal away
            for name, value in response.headers.items():
                if name.lower().startswith("x-"):
                    kept.setdefault(name.lower(), value)
            stays = self.environment.is_own(target) or (beyond and "x-linked-etag" not in kept)
            away = "" if stays else target
            return stays

        try:
            answer = self._answer("HEAD", url, {}, subject, most=0, onward=within)
        except refusals.NoSuchMethod:
            # Some mirrors know GET alone. What it says of the bytes will be seen when they come.
            return Answer(HTTPStatus.OK, kept, b"", url, self.environment.host)
        said = {name.lower(): value for name, value in answer.headers.items()} | kept
        said.pop("location", None)
        if away:
            said["location"] = away
        return replace(answer, headers=said)

    def _answer(
        self,
        method: str,
        url: str,
        parameters: Mapping[str, str | list[str]],
        subject: refusals.Subject,
        *,
        most: int,
        onward: Callable[[httpx2.Response, str], bool] | None = None,
    ) -> Answer:
        """Sends a request, and reads an answer of so many bytes at most."""
        more = {"onward": onward} if onward else {}
        with self._opened(method, url, parameters=parameters, **more) as (response, way):
            body = _read(response, most if response.is_success else _MOST_ERROR, way)
            answer = Answer(
                response.status_code, response.headers, body, str(response.url), way.party
            )
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise refusals.refusal(answer.status, answer.headers, answer.body, subject, way)
        return answer

    def part(self, url: str, start: int, length: int, subject: refusals.Subject) -> bytes:
        """Reads some bytes of a file, in one try.

        Args:
            url: Where the file's bytes are, or what leads there.
            start: The first byte.
            length: How many bytes; the file must have them.
            subject: What they are part of.

        Raises:
            NetworkError, ModelError: If they do not come.
        """
        headers = {"range": f"bytes={start}-{start + length - 1}"}
        with self._opened("GET", url, headers=headers) as (response, way):
            if not response.is_success:
                body = _read(response, _MOST_ERROR, way)
                status = response.status_code
                if status >= HTTPStatus.BAD_REQUEST:
                    raise refusals.refusal(status, response.headers, body, subject, way)
                msg = f"{way.party} does not give {subject.path} (HTTP {status}): try again"
                raise NetworkError(msg)
            skip = start
            if response.status_code == HTTPStatus.PARTIAL_CONTENT:
                if not response.headers.get("content-range", "").startswith(f"bytes {start}-"):
                    msg = f"{way.party} sends other bytes than asked for: try again"
                    raise Busy(msg)
                skip = 0
            # A server that knows no ranges starts at the beginning.
            data = _read(response, skip + length, way, cut=True)[skip:]
        if len(data) < length:
            msg = f"the connection to {way.party} was cut{way.via}: try again"
            raise Busy(msg)
        return data

    def _opened(
        self,
        method: str,
        url: str,
        **more: Any,  # noqa: ANN401  (as `opened` takes them)
    ) -> AbstractContextManager[tuple[httpx2.Response, Way]]:
        return opened(self._session(), self.environment, method, url, **more)

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

    def _session(self) -> httpx2.Client:
        with self._lock:
            if self._http is None:
                import httpx2

                from r1chat.hub.network import new_client

                self._http = new_client(
                    httpx2.Timeout(self.environment.timeout_s),
                    httpx2.Limits(max_keepalive_connections=0),
                )
            return self._http


def _read(response: httpx2.Response, most: int, way: Way, *, cut: bool = False) -> bytes:
    """Reads a body.

    Args:
        response: The answer.
        most: Bytes.
        way: The way that it comes.
        cut: Whether what is longer is cut off; else it is an error, or an error's text.
    """
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        msg = f"{way.party} sends compressed data although none was requested: try again later"
        raise NetworkError(msg)
    body = bytearray()
    end = time.monotonic() + _WHOLE_S
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > most or (cut and len(body) == most):
            if cut or not response.is_success:
                return bytes(body[:most])
            msg = (
                f"{way.party} sends an answer of more than {format_bytes(most)}: it cannot be right"
            )
            raise NetworkError(msg)
        if time.monotonic() > end:
            msg = f"{way.party} sends its answer too slowly: try again later"
            raise Busy(msg)
    return bytes(body)
