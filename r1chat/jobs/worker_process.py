"""Starts the process that works on the jobs of a model, apart from whoever asks for it."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from r1chat import locks, paths
from r1chat.errors import R1ChatError
from r1chat.jobs.folder import Job, Jobs
from r1chat.jobs.order import Order

_WORKERS = "workers"
_NAMED = 16
_AGAIN_S = 5.0
"""How long a process may take to begin before another is tried."""
_PROGRAM = "r1chat.commands.worker"


def worker_lock(model: str) -> Path:
    """The lock of the process that works on a model's jobs: there is one at most."""
    named = hashlib.sha256(model.encode("utf-8", "surrogateescape")).hexdigest()[:_NAMED]
    return paths.jobs() / f".{_WORKERS}" / f"{named}.lock"


def submit(order: Order) -> Job:
    """Makes a job, and has a process work on it.

    Raises:
        R1ChatError: If that cannot be done.
    """
    job = Jobs().add(order)
    try:
        start(order.model)
    except OSError as error:
        message = f"the job {job.id} waits: its process cannot be started ({error.strerror})"
        raise R1ChatError(message) from None
    return job


class Care:
    """Has a process work on a job for as long as somebody waits for it: the one before may die.

    Args:
        job: The job.
        clock: Seconds, monotonic.
    """

    def __init__(self, job: Job, clock: Callable[[], float] = time.monotonic) -> None:
        self._job = job
        self._clock = clock
        self._next = -math.inf

    def look(self) -> None:
        """Starts a process where the job waits and there is none; to be called again and again.

        Raises:
            R1ChatError: If it cannot be started.
        """
        if self._clock() < self._next or self._job.state != "waiting":
            return
        self._next = self._clock() + _AGAIN_S
        try:
            start(self._job.order.model)
        except OSError as error:
            message = f"the process for the job {self._job.id} cannot be started: {error.strerror}"
            raise R1ChatError(message) from None


def start_waiting() -> None:
    """Has processes work on the jobs that wait because the process before has died."""
    for model in {job.order.model for job in Jobs().all() if job.state == "waiting"}:
        # It may work the next time; meanwhile the job says that it waits.
        with contextlib.suppress(OSError):
            start(model)


def start(model: str) -> None:
    """Has a process work on the jobs of a model, if none does yet.

    It has a session of its own, so that it outlasts the terminal. Two that start at once settle by
    the lock which of them stays.

    Args:
        model: The model's reference.

    Raises:
        OSError: If it cannot be started.
    """
    if locks.held(worker_lock(model)):
        # Before it ends it gives up its lock, and then looks for jobs once more.
        return
    paths.settle_library_folder()
    environment = dict(os.environ)
    if home := environment.get(paths.HOME_VARIABLE):
        # It starts in another folder.
        environment[paths.HOME_VARIABLE] = str(paths.named(home).absolute())
    subprocess.Popen(
        # `-m` puts the working directory first on the path; nobody's own json.py may get in.
        [sys.executable, "-m", _PROGRAM, model],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=paths.package().parent,
        env=environment,
    )
