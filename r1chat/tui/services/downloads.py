"""The app's downloads: they go on whatever screen is shown, and end in a model that is used."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.message import Message

from r1chat.errors import R1ChatError
from r1chat.sanitize import line
from r1chat.tui.download import Download
from r1chat.tui.threads import on_thread

if TYPE_CHECKING:
    from r1chat.hub.fit import Fit
    from r1chat.hub.inventory import Choice
    from r1chat.hub.queue import Job, Queue
    from r1chat.tui.host import Host
    from r1chat.tui.services.known_models import KnownModels

_TOAST_S = 10.0


class Downloads:
    """The queue of downloads, and which of them ends in a model that is used.

    Args:
        host: Is told what changes, and uses what is downloaded.
        known: What is known of models.
    """

    class Changed(Message):
        """A download has got on, or ended."""

    def __init__(self, host: Host, known: KnownModels) -> None:
        self.watchers: set[Callable[[], None]] = set()
        """Are called whenever there is something new to show."""
        self._host = host
        self._known = known
        self._queue: Queue | None = None
        self._names: dict[str, tuple[str, Fit | None]] = {}
        """References and fits of downloads, by their keys."""
        self._chosen = ""
        """The download whose model is to be used once it is here."""
        self._ended: set[str] = set()
        self._told = False
        self._lock = threading.Lock()

    @property
    def pending(self) -> list[Download]:
        """The downloads that go on, wait, or failed."""
        return [self._download(job) for job in self._jobs() if job.phase != "done"]

    @property
    def current(self) -> Download | None:
        """The one to be shown where there is room for one."""
        pending = self.pending
        return next((each for each in pending if each.active and each.progress), None) or next(
            iter(pending), None
        )

    @property
    def chosen(self) -> Download | None:
        """The one whose model is to be used once it is here."""
        jobs = (job for job in self._jobs() if _key(job) == self._chosen)
        return next(map(self._download, jobs), None)

    def _jobs(self) -> list[Job]:
        return [] if self._queue is None else list(self._queue.jobs)

    def _download(self, job: Job) -> Download:
        variant, survey = job.variant, self._known.survey
        key = _key(job)
        entry = survey.entry_of(variant.repo) if survey else None
        if key not in self._names:
            # It was begun by an earlier run.
            self._names[key] = variant.ref, None
            if entry is not None and variant.quant and not variant.shared:
                fit = self._known.inventory.fit(entry, variant.size)
                self._names[key] = f"{entry.name}-{variant.quant.lower()}", fit
        ref, fits = self._names[key]
        return Download(
            key=key,
            ref=ref,
            repo=variant.repo,
            name=entry.name if entry else line(variant.repo.rpartition("/")[2], 96),
            quant=line(variant.quant, 32),
            total=variant.size,
            job=job,
            progress=job.progress,
            failure=line(str(job.error), 300) if job.phase == "failed" else "",
            fit=fits,
        )

    def open(self) -> Queue:
        """The queue, made when it is first needed; on any thread."""
        with self._lock:
            if self._queue is None:
                from r1chat.hub.queue import Queue

                self._queue = Queue(self._known.inventory.remote(), self._tell)
            return self._queue

    def _tell(self) -> None:
        """Called from the downloads' threads."""
        if not self._told:
            self._told = True
            self._host.post_message(self.Changed())

    async def start(self, choice: Choice) -> None:
        """Begins to download a model, which is used once it is here."""
        job = await on_thread(lambda: self.open().add(choice.variant))
        self._chosen = _key(job)
        self._names[self._chosen] = (choice.ref, choice.fit)
        self._tell()

    def choose(self, download: Download) -> None:
        """Has a download's model used as soon as it is here."""
        self._chosen = download.key

    def forget_choice(self) -> None:
        """Another model was picked meanwhile: what is being downloaded is only kept."""
        self._chosen = ""

    def pause(self, download: Download) -> None:
        """Pauses a download."""
        self.open().pause(download.job)

    def resume(self, download: Download) -> None:
        """Resumes a download that was paused or failed."""
        self.open().resume(download.job)

    def cancel(self, download: Download, *, drop: bool) -> None:
        """Stops a download.

        Args:
            download: The download.
            drop: Whether what is here of it is deleted.
        """
        self.open().cancel(download.job, drop=drop)

    def close(self) -> None:
        """Ends all downloads; what is here of them is kept."""
        if self._queue is not None:
            self._queue.close()

    def look(self) -> None:
        """Shows how far the downloads are, and uses what has come."""
        self._told = False
        for job in self._jobs():
            key = _key(job)
            if job.phase not in {"done", "failed"}:
                self._ended.discard(key)
            elif key not in self._ended:
                self._ended.add(key)
                self._end(self._download(job))
        current = self.current
        self._host.show_download(current.state if current else "", self.chosen)
        self._show()

    def _end(self, download: Download) -> None:
        """Uses a model that is here now, if it was chosen and nobody is disturbed by it."""
        if download.failure:
            self._host.notify(download.line, severity="error", markup=False, timeout=_TOAST_S)
            return
        chosen, self._chosen = self._chosen == download.key, ""
        name = f"{download.name} {download.quant}"
        if chosen and not self._host.occupied:
            self._host.notify(f"{name} downloaded.", markup=False)
            self._host.use_model(download.ref)
        else:
            self._host.notify(f"{name} downloaded: F3 uses it.", markup=False, timeout=_TOAST_S)
        self._host.announce(f"{name} downloaded.")
        self._host.run_worker(self._look_again(), group="look-again", exclusive=True)

    async def _look_again(self) -> None:
        with contextlib.suppress(R1ChatError):
            await self._known.look_around()
        self._show()

    def _show(self) -> None:
        for show in list(self.watchers):
            show()


def _key(job: Job) -> str:
    return f"{job.variant.repo} {job.variant.files[0].path} {job.variant.commit}"
