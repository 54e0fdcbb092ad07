"""Starts the process that works on the jobs of a model, apart from whoever asks for it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from r1chat import locks, paths
from r1chat.errors import R1ChatError
from r1chat.jobs.folder import Job, Jobs
from r1chat.jobs.order import Order

_WORKERS = "workers"
_NAMED = 16
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
