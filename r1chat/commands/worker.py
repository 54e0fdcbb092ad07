"""The process that works on the jobs of one model, one after another, while there are any."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from r1chat import jobs, locks, logs, notifications
from r1chat import settings as user
from r1chat.commands import options
from r1chat.commands.ask import Asking, Verdict
from r1chat.commands.exits import ExitCode, code_of
from r1chat.commands.given import Given
from r1chat.commands.stopping import Stop
from r1chat.console import Console
from r1chat.engine.base import Engine, ModelInfo
from r1chat.errors import R1ChatError
from r1chat.events import Event, Loading, Reply
from r1chat.history import History
from r1chat.interrupts import Interrupted, Interrupts
from r1chat.jobs import End, Job, Jobs
from r1chat.output import Out, document, event_line, to_json
from r1chat.sanitize import line

if TYPE_CHECKING:
    from typing_extensions import Self

_IDLE_S = 60.0
"""How long the model stays loaded for a job that may come."""
_LOOK_S, _RESCAN_S = 0.25, 3.0
_CLOSING_S = 10.0
_PRIVATE = 0o600


def main() -> int:
    """Works on the jobs of the model that is named on the command line."""
    # Whoever waits for a thread that has died would wait for ever.
    threading.excepthook = _die
    user.use(user.load()[0])
    return run(sys.argv[1], Console(None))


def _die(failure: threading.ExceptHookArgs) -> None:
    if failure.exc_value is not None:
        logs.crash(failure.exc_value)
    os._exit(ExitCode.FAILED)


def run(model: str, console: Console, clock: Callable[[], float] = time.monotonic) -> int:
    """Works on the jobs of a model until there are none for a while.

    Args:
        model: The model's reference.
        console: Standard error, which leads nowhere.
        clock: Seconds, monotonic.

    Returns:
        The exit code.
    """
    logs.start()
    with Interrupts() as interrupts:
        worker = _Worker(model, console, interrupts, clock)
        try:
            # A job that came in while the lock was given up is not left behind.
            while worker.run() and Jobs().waiting(model):
                pass
        except Interrupted as end:
            return end.code
        except OSError as error:
            # The jobs are gone, or the disk is full: what waits goes on waiting.
            logs.crash(error)
            return ExitCode.FAILED
        finally:
            worker.close()
    return interrupts.code or ExitCode.ANSWERED


class _Worker:
    """Keeps the model of its jobs loaded."""

    def __init__(
        self, model: str, console: Console, interrupts: Interrupts, clock: Callable[[], float]
    ) -> None:
        self._model = model
        self._console = console
        self._interrupts = interrupts
        self._clock = clock
        self._jobs = Jobs()
        self._engine: Engine | None = None
        self._loaded: object = None
        """What the model was loaded with."""

    def run(self) -> bool:
        """Works until there is nothing to do for a while.

        Returns:
            Whether it did: no other process works on these jobs, and nobody ended this one.
        """
        lock = locks.taken(jobs.worker_lock(self._model))
        if lock is None:
            return False
        try:
            since, looked, seen = self._clock(), -_RESCAN_S, -1
            while self._interrupts.code is None and self._clock() - since < _IDLE_S:
                # The folder's time changes with each new job, but not if two come at once.
                changed = _changed(self._jobs.folder)
                if changed is None:
                    return False
                if changed == seen and self._clock() - looked < _RESCAN_S:
                    time.sleep(_LOOK_S)
                    continue
                seen, looked = changed, self._clock()
                for job in self._jobs.waiting(self._model):
                    self._work(job)
                    since = self._clock()
                    if self._interrupts.code is not None:
                        break
            return self._interrupts.code is None
        finally:
            locks.released(lock)

    def close(self) -> None:
        """Frees the model."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()

    def _work(self, job: Job) -> None:
        """Does a job, if it still waits."""
        lock = job.taken()
        if lock is None:
            return
        try:
            if job.end is None and not job.events.exists():
                self._do(job)
        finally:
            locks.released(lock)
        if job.unwanted:
            job.forget()

    def _do(self, job: Job) -> None:
        stop = _JobStop(job)
        self._interrupts.control = stop
        try:
            with _Events(job) as events, stop:
                end = self._answered(job, events, stop)
        except Exception as error:  # noqa: BLE001  (one job must not take the others along)
            logs.crash(error)
            kind = type(error).__name__
            end = End("failed", ExitCode.FAILED, f"something went wrong inside r1chat ({kind})")
        finally:
            self._interrupts.control = None
        if self._interrupts.code is not None and not stop.by_user:
            # It has no end: whoever looks sees that it was interrupted, and can have it go on.
            return
        job.finish(end)
        if end.state != "stopped":
            notifications.job_ended(job.order.question, done=end.state == "done")

    def _answered(self, job: Job, events: _Events, stop: _JobStop) -> End:
        history = History(on_demand=True)
        try:
            verdict = self._ask(job, events, stop, history)
        except R1ChatError as error:
            verdict = Verdict(code_of(error), line(str(error), 1000))
        finally:
            if job.unwanted:
                # Its conversation was removed for good while the reply was being written.
                with contextlib.suppress(R1ChatError):
                    history.store.purge(job.order.conversation)
            kept = history.close(_CLOSING_S)
        notes = (*verdict.notes, *history.take_notices())
        if stop.by_user:
            return End("stopped", ExitCode.INTERRUPTED, "it was stopped", notes)
        code = verdict.code if kept or verdict.code else ExitCode.FAILED
        return End("failed" if code else "done", code, verdict.error, notes)

    def _ask(self, job: Job, events: _Events, stop: _JobStop, history: History) -> Verdict:
        """Has the question answered as `r1chat ask` would.

        Raises:
            R1ChatError: If it cannot be.
        """
        order = job.order
        settings, _ = user.load()
        given = Given(_arguments(order), settings)
        name = order.conversation
        asking = Asking(given, self._console, _nowhere(), history, saves=True, name=name)
        asking.shape = order.shape
        asking.given.check()
        engine = self._engine_for(asking, events)
        events.conversation = name
        asked = order.question, order.attachments
        events.question = order.question
        reply = asking.answer(asked, asking.given, engine, events, steering=stop)
        return asking.verdict(reply, engine.info)

    def _engine_for(self, asking: Asking, events: _Events) -> Engine:
        """The model, loaded as a job wants it: anew where that is otherwise than before."""
        given = asking.given
        names = ("ctx", "threads", "gpu_layers", "tensor_split")
        wanted = (*map(given.either, names), given.args.samples)
        if self._engine is None or wanted != self._loaded:
            self.close()
            self._engine = asking.load(given, events, interrupts=self._interrupts)
            self._loaded = wanted
        return self._engine


class _JobStop(Stop):
    """Stops a job: by a signal, or because the user asks for it."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.by_user = False
        self._job = job
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="r1chat-stop", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def _watch(self) -> None:
        while not self._over.wait(_LOOK_S):
            if self._job.stop_wanted:
                self.by_user = True
                self.cancel()
                return


class _Events:
    """Writes what happens into a job's file, an event a line.

    Args:
        job: The job.
    """

    def __init__(self, job: Job) -> None:
        self.question = ""
        self.conversation = ""
        self._job = job
        self._file: BinaryIO

    def __enter__(self) -> Self:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        self._file = os.fdopen(os.open(self._job.events, flags, _PRIVATE), "ab")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def event(self, event: Event) -> None:
        """Writes a line."""
        if not isinstance(event, Loading):
            self._write(event_line(event))

    def reply(self, reply: Reply, info: ModelInfo) -> None:
        """Writes the last line."""
        values = document(reply, info, self.question, self.conversation)
        self._write({"type": "reply", **values})

    def _write(self, values: dict[str, object]) -> None:
        # Whole, and at once: others read along.
        self._file.write(to_json(values).encode("utf-8", "replace") + b"\n")
        self._file.flush()


def _arguments(order: jobs.Order) -> argparse.Namespace:
    """What the command line would have said."""
    parser = argparse.ArgumentParser(add_help=False)
    options.add_ask(parser)
    args = parser.parse_args([])
    vars(args).update(order.options)
    args.model = order.model
    args.conversation = order.conversation if order.continues else None
    args.format, args.thoughts = "jsonl", "hide"
    return args


def _nowhere() -> Out:
    """Standard output that nobody reads."""
    return Out(open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123  (for the process)


def _changed(folder: Path) -> int | None:
    """When a folder was changed; None where it is gone."""
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return None


if __name__ == "__main__":
    sys.exit(main())
