"""One request of a reply, with its waits and retries."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from r1chat.engine.remote.chunks import Chunk
from r1chat.engine.remote.finishes import end_of
from r1chat.engine.remote.link import Stream
from r1chat.engine.remote.refusals import Absent, Busy, Cut, Refused
from r1chat.engine.remote.shared import Branch
from r1chat.errors import NetworkError
from r1chat.formatting import format_duration, format_remaining
from r1chat.sanitize import line

_LOOKS_S = 1.0
"""Between looks at an address where nobody listens yet."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server is waited for. All but `tries` are seconds."""

    first: float = 900.0
    """For the first token: long prompts are read slowly, and servers have queues."""
    idle: float = 120.0
    """For each token after it."""
    closing: float = 2.0
    """For what may follow the end of a reply: what it cost, and that this was all."""
    looking: float = 30.0
    """While it is found out what the server is, for one that is busy."""
    starting: float = 180.0
    """While nobody listens where a server is known to have been: one with a large model takes
    minutes to start again."""
    probing: float = 5.0
    """For each sign of its make, where it does not name it; all are looked for at once."""
    tries: int = 4
    first_wait: float = 0.5
    """Before the second try; it doubles from try to try."""
    longest_wait: float = 300.0
    """That a server may ask for; a longer one is not sat out."""


class Start:
    """Says how long to wait for a server that is not running, and tells the user once.

    Args:
        patience: How long it is waited for in all.
        tell: Takes a line for the user.
    """

    def __init__(self, patience: Patience, tell: Callable[[str], None]) -> None:
        self._limit = patience.starting
        self._tell = tell
        self._end: float | None = None

    def wait(self, error: Absent) -> float:
        """Seconds until the next try.

        Raises:
            Absent: If it has been waited for long enough.
        """
        now = time.monotonic()
        if self._end is None:
            self._end = now + self._limit
            if self._limit:
                self._tell(waiting(error, self._limit))
        if now >= self._end:
            raise error
        return min(_LOOKS_S, self._end - now)


class Segment:
    """Reads one response; retries where the server is busy and nothing was received yet.

    Args:
        server: What to call the server.
        begin: Sends the request.
        explain: Finds out why nothing came; raises what it finds.
        adapt: Makes the next request one that the server does not refuse for the same reason;
            returns what the user should know of it, or None where that cannot be done.
        tell: Takes a line for the user.
        patience: How long to wait.
        interrupts: Whether a reply that ends without a reason was broken off.
    """

    def __init__(
        self,
        server: str,
        begin: Callable[[], Stream | Branch],
        explain: Callable[[], None],
        adapt: Callable[[Refused], str | None],
        tell: Callable[[str], None],
        patience: Patience,
        *,
        interrupts: bool = False,
    ) -> None:
        self._server = server
        self._begin = begin
        self._explain = explain
        self._adapt = adapt
        self._interrupts = interrupts
        self._tell = tell
        self._patience = patience
        self._tried = 1
        self._start = Start(patience, tell)
        self._asked_why = False
        self._retry_at: float | None = None
        self._stream = begin()
        self._last = time.monotonic()
        self._complete = False
        """Whether nothing more is waited for."""
        self._is_late = False
        """Whether the server goes on after it has said why it ended."""
        self.begun = False
        """Whether anything has come."""
        self.finish: str | None = None
        """Why it ended, in the server's words."""
        self.name = ""
        """The completion's own name."""

    @property
    def ended(self) -> bool:
        """Whether all of it has been taken."""
        return self._complete or (self._stream.ended and self._retry_at is None)

    def take(self, wait_s: float) -> list[Chunk]:
        """Takes what came, if need be after a wait; nothing where nothing did.

        Raises:
            NetworkError, ModelError: If the rest of it will not come.
        """
        if self._retry_at is not None:
            left = self._retry_at - time.monotonic()
            if left > 0:
                time.sleep(min(left, wait_s))
                return []
            self._retry_at = None
            self._stream = self._begin()
            self._last = time.monotonic()
        try:
            chunks = self._stream.take(wait_s)
        except NetworkError as error:
            self._fail(error)
            return []
        if chunks is None:
            self._check_idle()
            return []
        self._last = time.monotonic()
        for chunk in chunks:
            if chunk.text or chunk.thought:
                self.begun = True
                # Words behind a reason: it was none. Some servers give one with every piece.
                self._is_late = self._is_late or self.finish is not None
                self.finish = None
            self.finish = chunk.finish or self.finish
            self.name = chunk.name or self.name
        if self._stream.ended:
            self._judge()
        return chunks

    def _judge(self) -> None:
        """Looks at how a stream has ended."""
        why = ""
        if self.finish is not None:
            if end_of(self.finish) == "failed":
                why = f"{self._server} broke the reply off ({line(self.finish, 40)})"
                self.finish = None
        elif not self._stream.whole:
            why = f"the connection to {self._server} was cut"
        elif self._interrupts:
            why = f"{self._server} broke the reply off, perhaps for another one"
        elif not self.begun:
            why = f"{self._server} answers with nothing"
        if why:
            try:
                self._try_again(Cut(f"{why}: what came is kept"))
            except Refused as refused:
                self._fail(refused)

    def close(self) -> None:
        """Leaves the rest of it."""
        self._stream.close()

    def _fail(self, error: NetworkError) -> None:
        if self.finish is not None:
            # The reply is whole, whatever becomes of the connection.
            self._complete = True
        elif isinstance(error, Busy):
            self._try_again(error)
        elif isinstance(error, Absent) and not self.begun:
            self._retry_at = time.monotonic() + self._start.wait(error)
        elif isinstance(error, Refused) and not self.begun:
            self._adapt_to(error)
        else:
            raise error

    def _adapt_to(self, error: Refused) -> None:
        """Asks in another way where the server refuses this one."""
        note = self._adapt(error)
        if note is None:
            raise error
        if note:
            self._tell(note)
        self._retry_at = time.monotonic()

    def _try_again(self, error: Busy) -> None:
        if self.begun:
            raise error
        if isinstance(error, Cut) and not self._asked_why:
            self._asked_why = True
            # Some servers cannot refuse any more once they have promised a stream.
            self._explain()
        wait = wait_before(self._tried + 1, error, self._patience)
        if self._tried >= self._patience.tries or wait is None:
            raise error
        self._tried += 1
        self._retry_at = time.monotonic() + wait
        self._tell(trying_again(error, wait))

    def _check_idle(self) -> None:
        if self.finish is not None and not self._is_late:
            self._complete = time.monotonic() - self._last > self._patience.closing
            return
        limit = self._patience.idle if self.begun else self._patience.first
        if time.monotonic() - self._last > limit:
            silence = format_duration(limit, trim=True)
            msg = f"{self._server} has sent nothing for {silence}: what came is kept"
            raise NetworkError(msg)


def wait_before(attempt: int, error: Busy, patience: Patience) -> float | None:
    """Seconds to wait before a further try.

    They are spread out, so that not everybody who was refused comes back at once.

    Args:
        attempt: The try's number, from 2 on.
        error: Why the last one failed.
        patience: How long to wait.

    Returns:
        None where the server asks for more than is sat out.
    """
    own: float = patience.first_wait * 2 ** (attempt - 2)
    asked = error.wait_s or 0.0
    if asked > patience.longest_wait:
        return None
    if asked > own:
        # Never earlier than it asked for.
        return asked + random.uniform(0, own + asked / 10)  # noqa: S311
    return max(asked, own * random.uniform(0.5, 1.5))  # noqa: S311


def trying_again(error: Busy, wait_s: float) -> str:
    """Says what failed, and when it is tried again."""
    # The server's own words may have colons in them; what is said behind the last is a cure.
    wait = format_remaining(math.ceil(wait_s))
    return f"{str(error).rpartition(': ')[0] or error}; trying again in {wait}"


def waiting(error: Absent, limit: float) -> str:
    """Says that a server is not running, and how long it is waited for."""
    most = format_duration(limit, trim=True)
    return f"{str(error).rpartition(': ')[0]}; waiting up to {most} for it to start"
