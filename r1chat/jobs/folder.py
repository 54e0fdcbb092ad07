"""The folder of the jobs: how each is written, found, ended, stopped and forgotten."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, get_args

from r1chat import locks, paths, user_files
from r1chat.conversation import new_id
from r1chat.errors import R1ChatError
from r1chat.jobs import order as orders
from r1chat.jobs.order import Order
from r1chat.store.rows import count, number
from r1chat.user_files import reason, small_text

if TYPE_CHECKING:
    from filelock import BaseFileLock

log = logging.getLogger(__name__)

State: TypeAlias = Literal["waiting", "running", "done", "failed", "stopped", "interrupted"]
"""waiting: nobody has begun it. running: a process works on it. done: it has an answer. failed: it
has ended without one. stopped: the user stopped it. interrupted: its process died, or was ended."""
Ended: TypeAlias = Literal["done", "failed", "stopped"]
ENDED: frozenset[State] = frozenset({"done", "failed", "stopped", "interrupted"})
"""Nothing more comes of a job in these states."""
_KEPT, _KEPT_S = 100, 30 * 24 * 3600.0
"""So many jobs that have ended are remembered, and so long; their replies are in the history."""
_LARGEST = 256 << 20
_PRIVATE = 0o600
_ORDER, _EVENTS, _END, _STOP, _LOCK = "order.json", "events.jsonl", "end.json", "stop", "lock"
_UNWANTED = "unwanted"


@dataclass(frozen=True, slots=True)
class End:
    """How a job ended."""

    state: Ended
    code: int
    """The exit code that `r1chat ask` would have had."""
    error: str = ""
    notes: tuple[str, ...] = ()
    at: float = 0.0
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job in its folder.

    Attributes:
        folder: Its folder, whose name is its id.
        created: When it was made, in seconds since 1970.
        order: What it is to do.
    """

    folder: Path
    created: float
    order: Order

    @property
    def id(self) -> str:
        """Its name."""
        return self.folder.name

    @property
    def events(self) -> Path:
        """The file of what the reply has said, as JSON lines."""
        return self.folder / _EVENTS

    @property
    def state(self) -> State:
        """What has become of it."""
        if (end := self.end) is not None:
            return end.state
        # Whoever begins it makes that file. A lock would say nothing: others may be looking at it.
        if not self.events.exists():
            return "waiting" if (self.folder / _ORDER).exists() else "interrupted"
        if locks.held(self.folder / _LOCK):
            return "running"
        # It may have ended between the two looks.
        end = self.end
        return "interrupted" if end is None else end.state

    @property
    def end(self) -> End | None:
        """How it ended; None where it has not, or where its process could not say so."""
        try:
            values = json.loads(small_text(self.folder / _END) or "null")
        except (ValueError, RecursionError):
            return None
        if not isinstance(values, dict) or values.get("state") not in get_args(Ended):
            return None
        notes = values.get("notes")
        return End(
            state=cast("Ended", values["state"]),
            code=count(values.get("code")),
            error=str(values.get("error") or ""),
            notes=tuple(map(str, notes)) if isinstance(notes, list) else (),
            at=number(values.get("at")),
        )

    def finish(self, end: End) -> None:
        """Says how it ended; by whoever has it.

        Raises:
            OSError: If it cannot be written.
        """
        values = {
            "state": end.state,
            "code": int(end.code),
            "error": end.error,
            "notes": list(end.notes),
            "at": time.time(),
        }
        # Not one that was removed meanwhile.
        user_files.write(self.folder / _END, [json.dumps(values)], private=True)

    def forget(self) -> None:
        """Removes it, with all that it has said."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def taken(self) -> BaseFileLock | None:
        """Takes it, to work on it; None where another does."""
        return locks.taken(self.folder / _LOCK)

    @property
    def stop_wanted(self) -> bool:
        """Whether the user wants it to stop."""
        return (self.folder / _STOP).exists()

    def stop(self) -> bool:
        """Stops it: at once where nobody works on it, else its process is told to.

        Returns:
            Whether it was not over yet.

        Raises:
            OSError: If it cannot be told.
        """
        if self.state in ENDED:
            return False
        if self.state == "waiting" and (lock := locks.taken(self.folder / _LOCK)) is not None:
            try:
                self.finish(End("stopped", _INTERRUPTED, "it was stopped before it began"))
            finally:
                locks.released(lock)
            return True
        self._mark(_STOP)
        return True

    @property
    def unwanted(self) -> bool:
        """Whether nothing of it is to be left once it is over."""
        return (self.folder / _UNWANTED).exists()

    def leave(self) -> None:
        """Has it removed: at once, or once its process has stopped it."""
        if self.state != "running":
            self.forget()
            return
        try:
            self._mark(_UNWANTED)
            self._mark(_STOP)
        except OSError as error:
            log.warning("job %s not removed: %s", self.id, error)

    def _mark(self, name: str) -> None:
        descriptor = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT, _PRIVATE)
        os.close(descriptor)


_INTERRUPTED = 130


class Jobs:
    """All jobs of this user."""

    def __init__(self) -> None:
        self.folder = paths.jobs()

    def add(self, order: Order) -> Job:
        """Makes a job, which waits for its process.

        Raises:
            R1ChatError: If it cannot be written.
        """
        job = Job(self.folder / new_id(), time.time(), order)
        fresh = self.folder / f".{job.id}"
        try:
            paths.made(fresh)
            values = {"created": job.created, **order.as_json()}
            paths.write_private(fresh / _ORDER, json.dumps(values))
            # Whoever looks sees all of it, or nothing.
            fresh.rename(job.folder)
        except OSError as error:
            shutil.rmtree(fresh, ignore_errors=True)
            message = f"cannot write the job: {reason(error, fresh)}"
            raise R1ChatError(message) from None
        self.tidy(_KEPT)
        return job

    def all(self) -> list[Job]:
        """The jobs, the oldest first; what cannot be read is left out."""
        return sorted(self._read(), key=lambda each: (each.created, each.id))

    def waiting(self, model: str) -> list[Job]:
        """The jobs of a model that nobody has begun, in their order."""
        return [job for job in self.all() if job.order.model == model and job.state == "waiting"]

    def _read(self) -> Iterator[Job]:
        names = []
        with contextlib.suppress(OSError):
            names = [each.name for each in self.folder.iterdir() if not each.name.startswith(".")]
        for name in names:
            if (job := self._job(self.folder / name)) is not None:
                yield job

    def _job(self, folder: Path) -> Job | None:
        text = small_text(folder / _ORDER, _LARGEST)
        if not text:
            return None
        try:
            values: Mapping[str, Any] = json.loads(text)
            return Job(folder, number(values["created"]), orders.read(values))
        except (ValueError, TypeError, KeyError, RecursionError, R1ChatError) as error:
            log.warning("job %s not read: %s", folder.name, error)
            return None

    def tidy(self, most: int | None = None) -> None:
        """Removes those that have ended, and are unwanted or old.

        None outlasts its conversation, which the history keeps as long once it is deleted.

        Args:
            most: How many of the others are to be left, the newest.
        """
        over = [job for job in self.all() if job.state in ENDED]
        for at, job in enumerate(reversed(over)):
            old = job.created < time.time() - _KEPT_S
            if old or job.unwanted or (most is not None and at >= most):
                job.forget()

    def forget(self, conversation: str) -> None:
        """Removes a conversation's jobs; one that is at work is stopped first."""
        for job in self.all():
            if job.order.conversation == conversation:
                job.leave()
