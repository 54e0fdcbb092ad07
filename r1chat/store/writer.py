"""The writer thread: everybody else queues jobs and goes on."""

from __future__ import annotations

import logging
import math
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from r1chat.errors import R1ChatError
from r1chat.sanitize import line
from r1chat.store import damage
from r1chat.store.aside import Aside, Call
from r1chat.store.damage import certain, elsewhere, locked
from r1chat.store.database import Database, Identity
from r1chat.store.replies import ANSWER, THOUGHT
from r1chat.store.saving import write_part

log = logging.getLogger(__name__)

INTERVAL_S = 0.25
"""Streamed text waits this long at most before it is written."""
RETRY_S = 1.0
"""Between two tries while the file cannot be written to."""
PATIENCE_S = 5.0
"""How long another process may keep the file before the user is told."""
_LAST_PATIENCE_S = 2.0
"""How long it may in the end."""
_PAUSE_S = 0.01
_TIDYING_S = 0.5
_JOINED = (THOUGHT, ANSWER)
"""Kinds of pieces that may be written as one."""


@dataclass(slots=True, eq=False)
class Job:
    """Something to be written.

    Attributes:
        do: Writes it, in a transaction of the writer's.
        urgent: Whether it is to be written at once, with all that waits before it.
        done: Is set when it is safe, or when it never will be.
        aside: Whether it is kept aside.
        writes: Whether something is lost where it is never done.
    """

    do: Callable[[sqlite3.Connection], object]
    urgent: bool = True
    done: threading.Event = field(default_factory=threading.Event)
    aside: bool = False
    writes: bool = True

    @property
    def can_be_kept(self) -> bool:
        """Whether it can be kept aside."""
        return isinstance(self.do, Call) and self.do.can_be_kept


@dataclass(slots=True, eq=False)
class Piece:
    """Streamed text; it can wait for a moment. What these are, `saving.write_part` says."""

    reply: str
    kind: str
    text: str
    tokens: int
    aside: bool = False
    can_be_kept: ClassVar[bool] = True


def nothing(connection: sqlite3.Connection) -> None:
    """Writes nothing; what was put before it is safe once it is done."""
    del connection


class Writer:
    """Does jobs in order, many in a transaction, until each is safe.

    Args:
        database: Where to.
        idle: Is called when there is nothing to write; says whether it has more to do.
        repair: Mends the database, or puts another in its place.
        tell: Takes what the user should know.
        aside: Where everything is kept besides, as the database ends with the process.
    """

    def __init__(
        self,
        database: Database,
        *,
        idle: Callable[[], bool],
        repair: Callable[[Identity | None], None],
        tell: Callable[[str], None],
        aside: Aside | None = None,
    ) -> None:
        self._database = database
        self._idle = idle
        self._repair = repair
        self._tell = tell
        self._jobs: deque[Job | Piece] = deque()
        self._patients: deque[tuple[Identity | None, threading.Event]] = deque()
        self._wake = threading.Event()
        self._resting = False
        self._hurry = False
        self._closing = False
        self.aside = aside
        """Where is kept what cannot be written."""
        self._deadline = self._tidied_by = math.inf
        self._reason = ""
        self._told = False
        self.failing = False
        """Whether what there is to write cannot be written now; it is tried again."""
        self.lost = 0
        """Jobs that were never done."""
        self._thread = threading.Thread(target=self._run, name="r1chat-history", daemon=True)
        self._thread.start()

    def put(self, job: Job | Piece) -> None:
        """Takes a job. Does not wait."""
        self._jobs.append(job)
        urgent = isinstance(job, Job) and job.urgent
        if urgent:
            self._hurry = True
        # Between two batches streamed text must not wake it at every token.
        if urgent or self._resting:
            self._wake.set()

    @property
    def busy(self) -> bool:
        """Whether there is something to be written, or no time left."""
        return bool(self._jobs) or time.monotonic() > self._tidied_by

    def mend(self, seen: Identity | None) -> None:
        """Repairs the database on the writer's thread, and waits a while for it.

        Args:
            seen: Which file is damaged.
        """
        mended = threading.Event()
        self._patients.append((seen, mended))
        self._hurry = True
        self._wake.set()
        mended.wait(PATIENCE_S)

    def close(self, timeout: float) -> bool:
        """Does what is left, and ends.

        Returns:
            Whether everything is safe, in the history or beside it.
        """
        self._deadline = time.monotonic() + min(_LAST_PATIENCE_S, timeout / 2)
        self._closing = self._hurry = True
        self._wake.set()
        self._thread.join(timeout)
        if self._thread.is_alive():
            self._tell("not saved: the history did not answer in time")
            self.lost += 1
            return False
        if self.aside is not None:
            self.aside.close()
        return not self.lost and (self.aside is None or self.aside.beside)

    # -- on the thread --

    def _run(self) -> None:
        busy = True
        while True:
            self._resting = True
            if not (self._jobs or self._patients or self._closing or busy):
                self._wake.wait()
            self._resting = False
            self._wake.clear()
            if self._jobs and not self._hurry:
                self._wake.wait(INTERVAL_S)
            self._hurry = self._closing
            while self._patients:
                seen, mended = self._patients.popleft()
                self._repair(seen)
                mended.set()
            jobs = self._drained()
            if jobs:
                self._finish(jobs)
            elif self._closing:
                self._tidy_up()
                return
            began = time.monotonic()
            busy = not self._closing and self._rest()
            if busy:
                # Half of the time belongs to other processes that want to write.
                self._wake.wait(max(_PAUSE_S, time.monotonic() - began))

    def _tidy_up(self) -> None:
        """Does at the end what can be done in a moment; the rest is for the next start."""
        self._tidied_by = time.monotonic() + _TIDYING_S
        while time.monotonic() < self._tidied_by and self._rest():
            pass

    def _rest(self) -> bool:
        """Uses the time in which there is nothing to write."""
        if self._jobs or self.failing:
            return False
        try:
            return self._idle()
        except Exception as error:
            if not locked(error) and not self._mend_if_damaged(error):
                log.exception("the history's housekeeping failed")
        return False

    def _drained(self) -> list[Job | Piece]:
        return [self._jobs.popleft() for _ in range(len(self._jobs))]

    def _finish(self, jobs: list[Job | Piece]) -> None:
        """Writes jobs, however often that must be tried."""
        began = time.monotonic()
        while not self._attempt(jobs, began):
            if not self.failing:
                continue
            jobs += self._drained()
            self._keep(jobs)
            self._tell_of_failure()
            if self._closing:
                self._leave(jobs)
                return
            self._wake.wait(RETRY_S)
            self._wake.clear()

    def _attempt(self, jobs: Sequence[Job | Piece], began: float) -> bool:
        """Tries once.

        Returns:
            Whether there is nothing left to be done about these jobs.
        """
        try:
            if self._database.replaced:
                self._database.reopen()
            with self._database.transaction() as connection:
                for call in _calls(jobs):
                    call(connection)
                if self._lasts and self.aside is not None:
                    self.aside.note(connection)
        except Exception as error:
            if locked(error):
                self._wait(began)
                return False
            if not (self.failing and elsewhere(error)) and self._mend_if_damaged(error):
                return False
            if elsewhere(error) or isinstance(error, (sqlite3.OperationalError, R1ChatError)):
                path = self._database.path
                self._fail(line(str(error)) if path is None else damage.reason(error, path))
                return False
            log.exception("a part of the history could not be written")
            self._spare_the_others(jobs)
            return True
        if self._lasts:
            self._drop(jobs)
        else:
            self._keep(jobs)
        if self.failing:
            self.failing = self._told = False
            self._tell("the history can be written again; what had to wait is saved now")
        _release(jobs)
        return True

    @property
    def _lasts(self) -> bool:
        """Whether what is written outlives the process."""
        return self._database.path is not None

    def _keep(self, jobs: Sequence[Job | Piece]) -> None:
        """Keeps aside what is not yet."""
        if self.aside is None and self._database.path is not None:
            self.aside = Aside(self._database.path)
        fresh = [job for job in jobs if job.can_be_kept and not job.aside]
        if self.aside is None:
            return
        if self.aside.keep(call for call in _calls(fresh) if isinstance(call, Call)):
            for job in fresh:
                job.aside = True
        elif not self._lasts:
            self._lose(jobs)

    def _drop(self, jobs: Sequence[Job | Piece]) -> None:
        """Forgets what is kept aside: it is where it belongs."""
        if self.aside is not None:
            self.aside.drop()
            self.aside = None
            for job in (*jobs, *self._jobs):
                job.aside = False

    def _leave(self, jobs: Sequence[Job | Piece]) -> None:
        """Leaves to the next start what cannot be written any more."""
        lost = [job for job in jobs if not (job.aside or _is_nothing(job))]
        if lost:
            self._lose(lost)
        where = self.aside.path if self.aside is not None else None
        if where is not None and len(lost) < len(jobs):
            self._tell(
                f"not saved in the history: {self._reason}; it is kept in {line(str(where))}, "
                "and the next start takes it in"
            )
        _release(jobs)

    def _wait(self, began: float) -> None:
        """Another process has the file, which is a matter of a moment as a rule."""
        now = time.monotonic()
        if now > self._deadline or now - began > PATIENCE_S:
            self._fail("another program keeps it locked")
        time.sleep(_PAUSE_S)

    def _spare_the_others(self, jobs: Sequence[Job | Piece]) -> None:
        """Runs jobs one by one, so that one which fails does not affect the others."""
        if len(jobs) == 1:
            self._lose(jobs)
        else:
            for job in jobs:
                self._finish([job])

    def _mend_if_damaged(self, error: Exception) -> bool:
        if not certain(error):
            # It may be the file's fault all the same, or a mistake in this program.
            fault = self._database.fault()
            if fault is None:
                return False
            error = fault
        log.warning("the history is damaged: %s", line(repr(error)))
        self._repair(self._database.identity)
        return True

    def _fail(self, reason: str) -> None:
        self.failing = True
        self._reason = reason

    def _tell_of_failure(self) -> None:
        if self._told or self._closing:
            return
        self._told = True
        where = self.aside.path if self.aside is not None else None
        kept = "" if where is None else f"it is kept in {line(str(where))}, and "
        self._tell(f"not saved: {self._reason}; {kept}it is tried again until it works")

    def _lose(self, jobs: Sequence[Job | Piece]) -> None:
        if not self.lost:
            self._tell("not saved: the last of the conversation could not be written")
        self.lost += len(jobs)
        _release(jobs)


def _calls(jobs: Iterable[Job | Piece]) -> Iterator[Callable[[sqlite3.Connection], object]]:
    """The queued jobs, consecutive pieces merged into one."""
    run: list[Piece] = []
    for job in (*jobs, None):
        if run and not (isinstance(job, Piece) and _continues(job, run[0])):
            first, last = run[0], run[-1]
            text = "".join(piece.text for piece in run)
            values = {"name": first.reply, "kind": first.kind, "text": text, "tokens": last.tokens}
            yield Call(write_part, values)
            run = []
        if isinstance(job, Piece):
            run.append(job)
        elif job is not None:
            yield job.do


def _is_nothing(job: Job | Piece) -> bool:
    return isinstance(job, Job) and (job.do is nothing or not job.writes)


def _continues(piece: Piece, first: Piece) -> bool:
    return (piece.reply, piece.kind) == (first.reply, first.kind) and piece.kind in _JOINED


def _release(jobs: Sequence[Job | Piece]) -> None:
    for job in jobs:
        if isinstance(job, Job):
            job.done.set()
