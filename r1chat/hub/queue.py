"""The download queue: one at a time, in the background."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from r1chat import paths
from r1chat.errors import DownloadCancelled, NetworkError, R1ChatError
from r1chat.hub import layout
from r1chat.hub.download import Control, Progress, download, fetched, forget
from r1chat.hub.download.whole import Hub
from r1chat.hub.variants import Variant
from r1chat.user_files import small_text

log = logging.getLogger(__name__)

_CLOSE_S = 1.0

Phase = Literal["queued", "running", "paused", "failed", "done", "cancelled"]


@dataclass(eq=False, slots=True)
class Job:
    """A queued download, which only its queue changes."""

    variant: Variant
    phase: Phase = "queued"
    progress: Progress | None = None
    """The latest; None while it waits for its turn."""
    error: R1ChatError | None = None
    """Why it failed."""
    path: Path | None = None
    """Where the model is, once it is here."""
    control: Control = field(default_factory=Control)
    """Of its latest turn; for the queue alone."""


class Queue:
    """Downloads models one after the other, on a thread of its own.

    What it has not finished is remembered on disk: after a restart it is there again, paused.

    Args:
        remote: The Hub.
        on_change: Called, from any thread, whenever a job has changed.
    """

    def __init__(self, remote: Hub, on_change: Callable[[], None] | None = None) -> None:
        self._remote = remote
        self._on_change = on_change
        self._news = threading.Condition()
        self._closed = False
        self._remembered = _read()
        self._jobs = [
            _paused(Job(variant))
            for variant in self._remembered
            if not all(map(layout.here, variant.files))
        ]
        self._thread: threading.Thread | None = None

    @property
    def jobs(self) -> tuple[Job, ...]:
        """All jobs in their order, those included that are done or failed."""
        return tuple(self._jobs)

    def add(self, variant: Variant) -> Job:
        """Queues a model; one that is queued already is resumed.

        Returns:
            Its job.
        """
        with self._news:
            for job in self._jobs:
                if job.variant.files == variant.files and job.phase != "done":
                    break
            else:
                job = Job(variant)
                self._jobs = [each for each in self._jobs if each.variant.files != variant.files]
                self._jobs.append(job)
        self.resume(job)
        return job

    def pause(self, job: Job) -> None:
        """Lets a job wait until `resume`, and the next one have its turn."""
        with self._news:
            if job.phase in {"queued", "running"}:
                job.control.cancel()
                _paused(job)
        self._tell()

    def resume(self, job: Job) -> None:
        """Resumes a job that was paused or failed."""
        with self._news:
            if job.phase in {"paused", "failed"}:
                job.phase, job.progress, job.error = "queued", None, None
            self._wake()
        self._tell()

    def cancel(self, job: Job, *, drop: bool = False) -> None:
        """Takes a job off the list.

        Args:
            job: The job.
            drop: Whether what is here of it is deleted.
        """
        with self._news:
            if job in self._jobs:
                self._jobs = [each for each in self._jobs if each is not job]
            job.phase = "cancelled"
            job.control.cancel()
            self._wake()
        if drop:
            # It waits until the download has let go of the file, and a big one takes its time.
            threading.Thread(
                target=forget, args=(job.variant,), name="r1chat-forget", daemon=True
            ).start()
        self._tell()

    def close(self) -> None:
        """Ends it; what is not finished is kept and remembered."""
        with self._news:
            self._closed = True
            for job in self._jobs:
                job.control.cancel()
            self._news.notify()
        if self._thread is not None:
            self._thread.join(_CLOSE_S)
        self._remember()

    def _wake(self) -> None:
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._work, name="r1chat-downloads", daemon=True)
            self._thread.start()
        self._news.notify()

    def _work(self) -> None:
        while True:
            self._remember()
            with self._news:
                queued = next((job for job in self._jobs if job.phase == "queued"), None)
                if self._closed:
                    return
                if queued is None:
                    # Woken up, it looks what there is to remember first.
                    if self._remembered == self._unfinished():
                        self._news.wait()
                    continue
                job, control = queued, Control()
                job.phase, job.control = "running", control
            self._run(job, control)

    def _run(self, job: Job, control: Control) -> None:
        def tell(progress: Progress) -> None:
            with self._news:
                # A job that was paused is shown so at once, and another thread may be quicker.
                if job.phase == "running" and not control.cancelled:
                    job.progress = progress
            self._remember()
            self._tell()

        error: R1ChatError | None = None
        path = None
        try:
            path = download(job.variant, self._remote, control=control, on_progress=tell)
        except DownloadCancelled:
            return
        except R1ChatError as caught:
            error = caught
        except Exception:
            log.exception("a download failed")
            error = NetworkError("the download failed unexpectedly; the log says more")
        with self._news:
            if job.phase == "running" and not control.cancelled:
                job.phase = "done" if error is None else "failed"
                job.error, job.path = error, path
        self._tell()

    def _unfinished(self) -> list[Variant]:
        return [job.variant for job in self._jobs if job.phase != "done"]

    def _remember(self) -> None:
        """Writes down what there is to do; on the queue's thread, since a disk can be slow."""
        unfinished = self._unfinished()
        if unfinished != self._remembered:
            self._remembered = unfinished
            _write(unfinished)

    def _tell(self) -> None:
        if self._on_change is None or self._closed:
            return
        try:
            self._on_change()
        except Exception:
            log.exception("nobody could be told of a download")


def _paused(job: Job) -> Job:
    done = job.progress.done if job.progress else fetched(job.variant)
    job.phase = "paused"
    job.progress = Progress("paused", done, job.variant.size, None, None)
    return job


def _write(variants: list[Variant]) -> None:
    from pydantic import TypeAdapter

    text = TypeAdapter(list[Variant]).dump_json(variants, indent=1).decode()
    paths.remember(paths.downloads_file(), text)


def _read() -> list[Variant]:
    with contextlib.suppress(ValueError):
        text = small_text(paths.downloads_file()) or "[]"
        from pydantic import TypeAdapter

        known = TypeAdapter(list[Variant]).validate_json(text, strict=True)
        return [variant for variant in known if variant.files and _is_good(variant)]
    return []


def _is_good(variant: Variant) -> bool:
    """Whether a saved entry is valid: the file may have been edited."""
    try:
        for file in variant.files:
            folder = layout.place(file)
            folder.pointer(file.commit, file.path), folder.blob(file.etag)
    except R1ChatError:
        return False
    return all(file.size >= 0 for file in variant.files)
