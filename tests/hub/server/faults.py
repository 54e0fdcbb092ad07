"""What goes wrong. A fault spoils one answer; rules say which answers it meets."""

from __future__ import annotations

import json
import random
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

from tests.hub.server.answer import Answer, Break, as_error
from tests.hub.server.content import Bytes, Endless, Flipped, Padded, Turned
from tests.hub.server.files import refusal, unsatisfiable
from tests.hub.server.record import Request, Route


class Fault(ABC):
    """Spoils an answer; `chance` gives what the fault leaves open."""

    @abstractmethod
    def spoil(self, answer: Answer, chance: random.Random) -> None: ...


@dataclass(frozen=True)
class Cut(Fault):
    """Ends the connection in the middle of the body.

    Args:
        how: By a TCP reset, or by an orderly end that comes too early.
        at: After so many bytes of this body; None leaves it to chance.
    """

    how: Literal["reset", "close"] = "reset"
    at: int | None = None

    def spoil(self, answer: Answer, chance: random.Random) -> None:
        at = chance.randrange(max(answer.length, 1)) if self.at is None else self.at
        answer.breaks.append(Break(at, self.how))


@dataclass(frozen=True)
class Stall(Fault):
    """Sends nothing for so many seconds, then goes on."""

    seconds: float = 3600
    at: int | None = None

    def spoil(self, answer: Answer, chance: random.Random) -> None:
        at = chance.randrange(max(answer.length, 1)) if self.at is None else self.at
        answer.breaks.append(Break(at, "stall", self.seconds))


@dataclass(frozen=True)
class Slow(Fault):
    """Sends the body at so many bytes a second."""

    rate: float = 1e6

    def spoil(self, answer: Answer, _chance: random.Random) -> None:
        answer.rate = self.rate


@dataclass(frozen=True)
class SlowHeaders(Fault):
    """Sends the headers byte by byte, with so many seconds between two."""

    pause: float = 0.1

    def spoil(self, answer: Answer, _chance: random.Random) -> None:
        answer.header_pause = self.pause


@dataclass(frozen=True)
class Drop(Fault):
    """Resets the connection instead of answering."""

    def spoil(self, answer: Answer, _chance: random.Random) -> None:
        answer.dropped = True


@dataclass(frozen=True)
class Status(Fault):
    """Answers with an error.

    Args:
        code: HTTP's.
        body: Its text, as it goes out; None says it the Hub's way.
        headers: Stated besides, as pairs.
    """

    code: int = 503
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def spoil(self, answer: Answer, _chance: random.Random) -> None:
        spoilt = as_error(self.code, "Something went wrong on our side")
        if self.body is not None:
            spoilt = Answer(self.code, {"Content-Type": "text/plain"}, Bytes(self.body))
        spoilt.headers |= dict(self.headers)
        become(answer, spoilt)


@dataclass(frozen=True)
class TooMany(Fault):
    """Refuses for a while (429).

    Args:
        wait: Seconds the client is told to wait.
        header: Which of the two ways says so.
    """

    wait: int = 55
    header: Literal["RateLimit", "Retry-After", "both", "none"] = "both"

    def spoil(self, answer: Answer, _chance: random.Random) -> None:
        spoilt = as_error(429, "We had to rate limit you.")
        if self.header in {"RateLimit", "both"}:
            spoilt.headers["RateLimit"] = f'"api";r=0;t={self.wait}'
            spoilt.headers["RateLimit-Policy"] = '"fixed window";"api";q=500;w=300'
        if self.header in {"Retry-After", "both"}:
            spoilt.headers["Retry-After"] = str(self.wait)
        become(answer, spoilt)


@dataclass(frozen=True)
class IgnoreRange(Fault):
    """Sends the whole where a part was asked for (200)."""

    def spoil(self, answer: Answer, _chance: random.Random) -> None:
        if answer.status == 206:
            answer.status = 200
            del answer.headers["Content-Range"]
            answer.put_body(answer.body)


@dataclass(frozen=True)
class Unsatisfiable(Fault):
    """Calls a range that is good a bad one (416)."""

    def spoil(self, answer: Answer, _chance: random.Random) -> None:
        become(answer, unsatisfiable(answer.body.size))


@dataclass(frozen=True)
class WrongRange(Fault):
    """Sends another part than was asked for, and says so in Content-Range."""

    by: int = 1

    def spoil(self, answer: Answer, _chance: random.Random) -> None:
        if answer.status == 206:
            answer.start = max(answer.start - self.by, 0)
            stated = f"bytes {answer.start}-{answer.stop - 1}/{answer.body.size}"
            answer.headers["Content-Range"] = stated


@dataclass(frozen=True)
class Etag(Fault):
    """States another etag."""

    value: str = "0" * 64
    quoted: bool = True

    def spoil(self, answer: Answer, _chance: random.Random) -> None:
        value = f'"{self.value}"' if self.quoted else self.value
        for name in ("ETag", "X-Linked-Etag"):
            if name in answer.headers:
                answer.headers[name] = value


@dataclass(frozen=True)
class Size(Fault):
    """States another size of a large file where the Hub says where it is."""

    value: str = "1"

    def spoil(self, answer: Answer, _chance: random.Random) -> None:
        answer.headers["X-Linked-Size"] = self.value


@dataclass(frozen=True)
class Header(Fault):
    """States a header as it is given; None leaves it out."""

    name: str = "X-Test"
    value: str | None = None

    def spoil(self, answer: Answer, _chance: random.Random) -> None:
        answer.headers.pop(self.name, None)
        if self.value is not None:
            answer.headers[self.name] = self.value


@dataclass(frozen=True)
class Corrupt(Fault):
    """Sends wrong bytes of the right length.

    Args:
        at: The one byte of the file that is wrong; None leaves it to chance.
        whole: Whether every byte is.
    """

    at: int | None = None
    whole: bool = False

    def spoil(self, answer: Answer, chance: random.Random) -> None:
        if self.whole:
            answer.body = Turned(answer.body)
        elif answer.length:
            at = chance.randrange(answer.start, answer.stop) if self.at is None else self.at
            answer.body = Flipped(answer.body, at)


@dataclass(frozen=True)
class Short(Fault):
    """Leaves the end of the body out, and states that length."""

    by: int = 1

    def spoil(self, answer: Answer, _chance: random.Random) -> None:
        answer.stop = max(answer.stop - self.by, answer.start)


@dataclass(frozen=True)
class Long(Fault):
    """Sends more than there is.

    Args:
        by: Bytes too many.
        stated: Whether Content-Length counts them; else it is left out.
    """

    by: int = 1
    stated: bool = True

    def spoil(self, answer: Answer, _chance: random.Random) -> None:
        answer.body = Padded(answer.body, self.by)
        answer.stop += self.by
        answer.states_length = self.stated


@dataclass(frozen=True)
class NeverEnds(Fault):
    """Sends a body without end: `begin` once, then `again` for ever."""

    begin: bytes = b""
    again: bytes = b" "

    def spoil(self, answer: Answer, _chance: random.Random) -> None:
        answer.put_body(Endless(self.begin, self.again))
        answer.states_length = False


@dataclass(frozen=True)
class Redirect(Fault):
    """Sends the client elsewhere: to another scheme, or round in a circle."""

    to: str = "file:///etc/hostname"
    status: int = 302

    def spoil(self, answer: Answer, _chance: random.Random) -> None:
        become(answer, Answer(self.status, {"Location": self.to}))


@dataclass(frozen=True)
class Expired(Fault):
    """Calls a signed location out of date (403)."""

    def spoil(self, answer: Answer, _chance: random.Random) -> None:
        become(answer, refusal(403, "AccessDenied", "Request has expired"))


@dataclass(frozen=True)
class Body(Fault):
    """Sends these bytes in the place of the body."""

    data: bytes = b""

    def spoil(self, answer: Answer, _chance: random.Random) -> None:
        answer.put_body(Bytes(self.data))


@dataclass(frozen=True)
class Edit(Fault):
    """Changes the JSON of an answer: the function gets the value and returns another."""

    change: Callable[[Any], Any]

    def spoil(self, answer: Answer, _chance: random.Random) -> None:
        value = self.change(json.loads(answer.body.read(0, answer.body.size)))
        answer.put_body(Bytes(json.dumps(value).encode()))


def become(answer: Answer, other: Answer) -> None:
    """Turns one answer into another, delivery included."""
    vars(answer).update(vars(other))


@dataclass
class Rule:
    """Which answers a fault meets.

    Args:
        fault: What happens.
        on: The route it happens on; "any" is all.
        method: HTTP's; "any" is all.
        path: A pattern the decoded path has to fit.
        times: How often; None is always.
        skip: How many that would fit are let through first.
    """

    fault: Fault
    on: Route | Literal["any"] = "cdn"
    method: str = "GET"
    path: str = "*"
    times: int | None = 1
    skip: int = 0

    def meets(self, request: Request) -> bool:
        fits = (
            self.on in {"any", request.route}
            and self.method in {"any", request.method}
            and fnmatchcase(request.path, self.path)
        )
        if not fits or self.times == 0:
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


class Faults:
    """All that goes wrong on a Hub; the same seed and requests give the same faults."""

    def __init__(self, seed: int = 0) -> None:
        self._chance = random.Random(seed)
        self._rules: list[Rule] = []
        self._lock = threading.Lock()

    def add(
        self,
        fault: Fault,
        on: Route | Literal["any"] = "cdn",
        *,
        method: str = "GET",
        path: str = "*",
        times: int | None = 1,
        skip: int = 0,
    ) -> Faults:
        """Adds a rule (see `Rule`); returns itself."""
        with self._lock:
            self._rules.append(Rule(fault, on, method, path, times, skip))
        return self

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def spoil(self, request: Request, answer: Answer) -> None:
        """Lets everything that meets a request spoil its answer."""
        with self._lock:
            for rule in self._rules:
                if rule.meets(request):
                    request.faults.append(type(rule.fault).__name__)
                    rule.fault.spoil(answer, self._chance)
