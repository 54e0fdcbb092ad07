"""The engine that runs GGUF models in this process, through llama.cpp.

One thread owns every native handle and takes its work from a queue: of several replies that are
asked for at once, each waits for its turn. Two things alone reach it from other threads: the abort
byte, and the plain values of a `Control`.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TypeAlias, TypeVar

from r1chat import prompt
from r1chat.engine import fitting, planning
from r1chat.engine.ahead import read_ahead
from r1chat.engine.base import Message, ModelInfo, Request
from r1chat.engine.grammars import gbnf
from r1chat.engine.loaded import LoadedModel
from r1chat.engine.loading import LoadOptions
from r1chat.engine.loop import ThinkingLoop, answer_reserve
from r1chat.engine.machine import AHEAD, MAIN, TokenMachine
from r1chat.engine.many import ManyReplies, beginnings
from r1chat.engine.native import AbortByte
from r1chat.engine.replay import thought_wanted, tokens_kept
from r1chat.engine.room import NO_MEMORY, Growth
from r1chat.engine.states import StateKeeper
from r1chat.engine.turns import Breaker, Job, unserved
from r1chat.errors import Cancelled, ContextFull, EngineError, R1ChatError
from r1chat.events import EndedBy, Event, LeftOut, Notice, Reply, Sampled
from r1chat.reasoning.control import Control, ControlGroup

__all__ = ["LlamaEngine", "LoadOptions"]

log = logging.getLogger(__name__)

_CLOSED = "the model is closed"
_GROWN = "the context was full: it is {:,} tokens now, {:,} before; {}"
_KEPT = "what the model has read stays"
_READ_AGAIN = "the conversation is read again"
_GIVEN_UP = EngineError("given up")
"""Stands in the queue of events where a reply is not wanted any more; it is never raised."""

T = TypeVar("T")
Events: TypeAlias = "SimpleQueue[Event | R1ChatError]"


class LlamaEngine:
    """Answers questions with a GGUF model.

    Args:
        path: The file; of a split model the first one.
        ref: As the user named it; the path if there is no other name.
        options: How to load it.

    Raises:
        ModelError: If the file cannot be used; the message says why.
        EngineError: If llama.cpp itself is unusable or has no memory left.
    """

    def __init__(
        self, path: Path | str, *, ref: str | None = None, options: LoadOptions | None = None
    ) -> None:
        self._path = Path(path)
        self._ref = ref or str(path)
        self._options = options or LoadOptions()
        self._plan = planning.plan(self._path, self._options)
        self._abort = AbortByte()
        self._breaker = Breaker(self._abort)
        self._process = os.getpid()
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._submitting = threading.RLock()
        self._model: LoadedModel | None = None
        self._info: ModelInfo | None = None
        self._load_s = 0.0
        self._keeper: StateKeeper | None = None
        self._asked: set[Job] = set()
        """Questions that wait: what may take a while makes way for them."""
        self._ahead: tuple[Message, ...] | None = None
        self._told: Callable[[tuple[Message, ...]], prompt.Prompt] | None = None
        """Builds a prompt, the template told of thinking as for the last question."""
        self._window = fitting.Window()
        self._grown = self._ungrown = ""
        """What is to be said of the context: that it is larger now, or why it cannot be."""
        self._stop_ahead: Callable[[], None] = _nothing
        self._broken_off = False
        self._stopped = False
        """Whether the last reply was stopped."""
        self._closed = False
        loaded: SimpleQueue[BaseException | None] = SimpleQueue()
        self._thread = threading.Thread(
            target=self._own, args=(loaded,), name="r1chat-engine", daemon=True
        )
        self._thread.start()
        try:
            failure = loaded.get()
        except BaseException:
            self._broken_off = True
            raise
        if failure is not None:
            raise failure
        atexit.register(self.close)

    @property
    def info(self) -> ModelInfo:
        """The model."""
        if self._info is None:
            raise EngineError(_CLOSED)
        return self._info

    # -- the thread that owns the native handles --

    def _own(self, loaded: SimpleQueue[BaseException | None]) -> None:
        try:
            model = LoadedModel(
                self._plan, self._ref, self._abort, self._on_progress, self._options.formats
            )
        except BaseException as failure:  # noqa: BLE001  (handed to the thread that waits)
            loaded.put(failure)
            return
        self._model, self._info, self._load_s = model, model.info, model.load_s
        if self._options.states is not None:
            self._keeper = StateKeeper(
                self._options.states, lambda: model.state_key, model.info.ref
            )
        loaded.put(None)
        while not self._broken_off and (job := self._jobs.get()) is not None:
            try:
                self._asked.discard(job)
                job.run()
            except Exception:
                # Whoever comes next must find somebody here.
                log.exception("a piece of work failed")
        self._model = None
        self._close_states(model)
        model.close()
        self._abort.clear()

    def _on_progress(self, fraction: float) -> bool:
        if self._options.on_progress is not None:
            self._options.on_progress(fraction)
        return not self._broken_off

    # -- answering --

    def stream(self, request: Request, control: Control) -> Generator[Event, None, None]:
        """Answers; see `Engine.stream`. Where another reply is being written, waits its turn."""
        began = time.perf_counter()

        def serve(events: Events) -> None:
            self._serve(request, control, events, began)

        try:
            yield from self._events(
                serve, control, lambda event: isinstance(event, Reply), request.timeout
            )
        except Cancelled:
            ended_by: EndedBy = "cancelled" if control.cancelled else "time"
            yield unserved(request, ended_by, str(control.budget))

    def stream_many(self, request: Request, group: ControlGroup) -> Generator[Event, None, None]:
        """Answers several times, side by side; see `Engine.stream_many`."""
        began = time.perf_counter()
        left = len(group.parts)

        def is_last(event: Event) -> bool:
            nonlocal left
            left -= isinstance(event, Sampled) and isinstance(event.event, Reply)
            return left <= 0

        def serve(events: Events) -> None:
            self._serve_many(request, group, events, began)

        yield from self._events(serve, group.whole, is_last, request.timeout)

    def _events(
        self,
        serve: Callable[[Events], None],
        control: Control,
        is_last: Callable[[Event], bool],
        patience: float | None,
    ) -> Iterator[Event]:
        """Has the engine's thread serve a request, and hands on what comes of it.

        Args:
            serve: Runs on that thread.
            control: Gives the request up, before its turn too.
            is_last: Whether an event ends the stream.
            patience: Seconds until it is given up where its turn has not come.

        Raises:
            Cancelled: If it was given up before its turn came.
        """
        self._check_process()
        events: Events = SimpleQueue()
        job = Job(lambda: serve(events))
        control.on_cancel(lambda: events.put(_GIVEN_UP))
        self._submit(job)
        finished = False
        try:
            while not finished:
                event = self._next(events, patience)
                patience = None
                if event is _GIVEN_UP:
                    finished = job.take()
                    if finished:
                        message = "stopped"
                        raise Cancelled(message)
                    continue  # It is under way: its end comes along the same way.
                if isinstance(event, R1ChatError):
                    finished = True
                    raise event
                finished = is_last(event)
                yield event
        finally:
            if finished or job.take():
                control.on_cancel(None)
            elif os.getpid() == self._process:
                control.cancel()
                while (event := events.get()) is _GIVEN_UP or not (
                    isinstance(event, R1ChatError) or is_last(event)
                ):
                    pass

    def _next(self, events: Events, patience: float | None) -> Event | R1ChatError:
        self._check_process()
        try:
            return events.get(timeout=patience)
        except Empty:
            return _GIVEN_UP

    def _submit(self, job: Job) -> None:
        """Puts a reply into the queue; what is read ahead gives way to it."""
        with self._submitting:
            if self._closed:
                raise EngineError(_CLOSED)
            self._drop_ahead()
            self._asked.add(job)
            self._jobs.put(job)

    def _drop_ahead(self) -> None:
        # In this order: `_read_ahead` looks the other way round.
        self._ahead = None
        self._stop_ahead()

    def _check_process(self) -> None:
        if os.getpid() != self._process:
            message = "this model was loaded before the process was forked; load it in the new one"
            raise EngineError(message)

    def _serve(
        self,
        request: Request,
        control: Control,
        events: Events,
        began: float,
    ) -> None:
        try:
            loop, seed = self._begin(request, control, events, began)
        except R1ChatError as error:
            events.put(error)
            return
        except Exception as error:
            log.exception("a question could not be put")
            events.put(EngineError(f"the engine failed ({type(error).__name__})"))
            return
        ending: Reply | EngineError = EngineError("the engine failed; the log has the details")
        with self._stoppable(request, control, began):
            try:
                ending = loop.run(seed=seed, load_s=self._load_s)
            except Exception:
                # Whoever waits for the end of the stream must not wait for ever.
                log.exception("a reply could not be closed")
        self._load_s = 0.0
        events.put(ending)
        self._stopped = isinstance(ending, Reply) and ending.receipt.ended_by == "cancelled"
        self._save_state()

    @contextlib.contextmanager
    def _stoppable(self, request: Request, control: Control, began: float) -> Iterator[None]:
        """Lets the control and the clock break an evaluation off."""
        with self._breaker.breakable() as stop:
            timer = None
            if request.timeout is not None:
                left = max(0.0, request.timeout - (time.perf_counter() - began))
                timer = threading.Timer(left, stop)
                timer.daemon = True
                timer.start()
            control.on_cancel(stop)
            try:
                yield
            finally:
                control.on_cancel(None)
                if timer is not None:
                    timer.cancel()

    def _serve_many(
        self, request: Request, group: ControlGroup, events: Events, began: float
    ) -> None:
        ending = EngineError("the engine failed; the log has the details")
        try:
            if request.shape is not None:
                gbnf(request.shape)
            model = self._loaded()
            known = self._follow(model, request.state if request.reuse else "")
            fitted = self._fit(model, request.deepest, group.whole)
            for notice in self._notices(model, fitted):
                events.put(notice)
            prompt = fitted.prompt
            request = _with_known(request, prompt.ids, known)
            begin = beginnings(model.machine, prompt, request, len(group.parts))
            longest = max(begin, key=len)
            machine = model.make_room(request, longest, len(begin))
            machine.checkpoint = len(prompt.ids)
            self._load_state(machine, longest, lambda: group.whole.cancelled)
            many = ManyReplies(
                machine, prompt, begin, request, group, events.put, time.perf_counter, began=began
            )
            with self._stoppable(request, group.whole, began):
                many.run(seed=request.sampling.drawn_seed(), load_s=self._load_s)
            self._load_s = 0.0
        except EngineError as error:
            ending = error
        except R1ChatError as error:
            events.put(error)
            return
        except Exception:
            log.exception("samples could not be drawn")
        # Read by nobody where all replies have come.
        events.put(ending)
        self._save_state()

    def _begin(
        self,
        request: Request,
        control: Control,
        events: Events,
        began: float,
    ) -> tuple[ThinkingLoop, int]:
        """Makes prompt, cache and sampler ready; returns the loop and the seed."""
        if request.shape is not None:
            gbnf(request.shape)
        model = self._loaded()
        known = self._follow(model, request.state if request.reuse else "")
        fitted = self._fit(model, request, control)
        machine = model.machine
        ids = fitted.prompt.ids
        if request.resume is not None and known[: len(ids)] == ids:
            request, ids = _with_known(request, ids, known), known
        self._load_state(machine, ids, lambda: control.cancelled)
        sampling = request.sampling
        seed = sampling.drawn_seed()
        machine.set_sampler(sampling, seed)
        machine.speculates = request.reuse
        machine.checkpoint = len(fitted.prompt.ids) if request.reuse else 0
        for notice in self._notices(model, fitted):
            events.put(notice)
        loop = ThinkingLoop(
            machine,
            machine.vocabulary,
            fitted.prompt,
            request,
            control,
            self._saving(machine, events.put),
            time.perf_counter,
            began=began,
        )
        return loop, seed

    def _loaded(self) -> LoadedModel:
        if self._closed or self._model is None:
            raise EngineError(_CLOSED)
        return self._model

    def _fit(self, model: LoadedModel, request: Request, control: Control) -> fitting.Fitted:
        resume = request.resume
        wanted = thought_wanted(request, control.budget)
        self._told = partial(model.prompt, think=wanted.think, effort=wanted.effort)

        def build(messages: tuple[Message, ...]) -> prompt.Prompt:
            return model.prompt(
                messages,
                think=wanted.think,
                first=wanted.first,
                brief=wanted.brief,
                effort=wanted.effort,
                opens=wanted.opens,
                raw=request.raw,
            )

        def fit(*, drops: bool) -> fitting.Fitted:
            capacity = model.machine.capacity
            share = capacity // 4
            tokens = control.budget.tokens
            return self._window.fit(
                request.messages,
                build,
                capacity=capacity,
                wanted=answer_reserve(capacity, request.max_answer) + fitting.LEAST_REPLY,
                thought=share if tokens is None else min(tokens, share),
                taken=0 if resume is None else tokens_kept(resume, model.machine.vocabulary),
                drops=drops,
            )

        if request.when_full == "drop":
            return fit(drops=True)
        try:
            return fit(drops=False)
        except ContextFull as full:
            growth = model.growth(full.missing)
            if request.when_full == "refuse":
                raise ContextFull(
                    full.turns, full.tokens, larger=growth.size, memory=growth.memory
                ) from None
            self._grow(model, growth)
            return fit(drops=True)

    def _grow(self, model: LoadedModel, growth: Growth) -> None:
        """Makes the context larger, or notes why it cannot be."""
        before = model.info.context
        self._ungrown = growth.obstacle
        if growth.obstacle:
            return
        kept = model.grow(growth.size)
        if model.info.context == before:
            self._ungrown = NO_MEMORY
            return
        self._info = model.info
        if not kept and self._keeper is not None:
            # Saved states fit the context as it was.
            self._keeper.begin_again()
        self._grown = _GROWN.format(model.info.context, before, _KEPT if kept else _READ_AGAIN)

    def _notices(self, model: LoadedModel, fitted: fitting.Fitted) -> Iterator[Event]:
        grown, self._grown = self._grown, ""
        yield from map(Notice, (*model.notices(), *fitted.prompt.notices, *filter(None, [grown])))
        left_out = self._window.news()
        if left_out:
            if self._ungrown:
                yield Notice(f"the context cannot be made larger: {self._ungrown}")
            yield LeftOut(left_out)
        self._ungrown = ""

    # -- saved states --

    def _follow(
        self, model: LoadedModel, conversation: str, sequence: int = MAIN
    ) -> tuple[int, ...]:
        """Goes over to a conversation; returns the tokens that are saved of it."""
        model.known = ()
        if self._keeper is not None:
            model.known = self._keeper.follow(conversation, sequence)
            self._window.before = self._keeper.left_out
        return model.known

    def _load_state(
        self, machine: TokenMachine, tokens: Sequence[int], is_over: Callable[[], bool]
    ) -> None:
        if self._keeper is not None:
            self._keeper.left_out = self._window.left_out
            self._keeper.load(machine, tokens, is_over)

    def _saving(
        self, machine: TokenMachine, emit: Callable[[Event], None]
    ) -> Callable[[Event], None]:
        """Has the state saved at intervals, between two tokens."""
        keeper = self._keeper
        if keeper is None:
            return emit

        def emit_and_save(event: Event) -> None:
            emit(event)
            keeper.at_token(machine)

        return emit_and_save

    def _save_state(self) -> None:
        """Saves what is not saved yet, until there is something else to do."""
        if self._keeper is not None and self._model is not None:
            self._keeper.save(self._model.machine, lambda: self._closed or bool(self._asked))

    def _close_states(self, model: LoadedModel) -> None:
        if self._keeper is not None:
            try:
                self._keeper.close(model.machine, stopped=self._stopped)
            except EngineError:
                log.exception("the state of the conversation could not be saved")

    # -- reading ahead --

    def prepare(
        self, messages: tuple[Message, ...], *, state: str = "", drops: bool = True
    ) -> None:
        """Reads a conversation ahead in the background; see `Engine.prepare`."""
        self._check_process()
        with self._submitting:
            if self._closed:
                return
            self._drop_ahead()
            self._ahead = messages
            self._jobs.put(Job(lambda: self._read_ahead(messages, state, drops=drops)))

    def wait_ahead(self) -> None:
        """Waits until what `prepare` began is done. For measurements and tests."""
        self.inside(lambda _: None)

    def inside(self, work: Callable[[LoadedModel], T]) -> T:
        """Does something on the thread that owns the model. For measurements and tests.

        Args:
            work: Is given the model; what it raises is raised here.
        """
        from concurrent.futures import Future

        self._check_process()
        found: Future[T] = Future()

        def job() -> None:
            try:
                found.set_result(work(self._loaded()))
            except BaseException as failure:  # noqa: BLE001  (handed to the thread that waits)
                found.set_exception(failure)

        with self._submitting:
            if self._closed:
                raise EngineError(_CLOSED)
            self._jobs.put(Job(job))
        return found.result()

    def _read_ahead(self, messages: tuple[Message, ...], state: str, *, drops: bool) -> None:
        model = self._model
        if model is None:
            return
        with self._breaker.breakable() as stop:
            self._stop_ahead = stop
            if self._ahead is not messages or self._closed:
                return
            self._follow(model, state, AHEAD)
            load = partial(
                self._load_state, model.machine, is_over=lambda: self._ahead is not messages
            )
            # A template may write into the system text how long to think.
            build = self._told or model.prompt
            read_ahead(model.machine, messages, build, self._window, load, drops=drops)
        self._save_state()

    def close(self) -> None:
        """Frees the model. Further calls do nothing, nor does one in a process that was forked."""
        if os.getpid() != self._process:
            return
        with self._submitting:
            if self._closed:
                return
            self._closed = True
            self._breaker.close()
            self._jobs.put(None)
        self._thread.join()
        atexit.unregister(self.close)


def _with_known(request: Request, prompt: tuple[int, ...], known: tuple[int, ...]) -> Request:
    """Tells replies that are continued how they were spelled, where their state was saved."""
    if known[: len(prompt)] != prompt:
        return request
    spelled = known[len(prompt) :]
    resume = request.resume and replace(request.resume, known=spelled)
    forks = tuple(replace(each, known=spelled) for each in request.forks)
    return replace(request, resume=resume, forks=forks)


def _nothing() -> None:
    pass
