"""A loaded model with all its native handles, which one thread owns."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from r1chat import prompt
from r1chat.engine import gpus, loading
from r1chat.engine.base import (
    BY_ITSELF,
    NO_TEMPLATE,
    Message,
    ModelInfo,
    Request,
    Steering,
    steering_of,
)
from r1chat.engine.context import ContextOptions
from r1chat.engine.identity import state_key
from r1chat.engine.machine import MAIN, TokenMachine
from r1chat.engine.native import AbortByte
from r1chat.engine.opening import Opening
from r1chat.engine.planning import Plan
from r1chat.engine.respelling import respelled
from r1chat.engine.room import Growth, cells_wanted, freed, growth
from r1chat.errors import EngineError
from r1chat.gguf.needs import Shape
from r1chat.hub.advice import advice_for
from r1chat.prompt.switches import hinted
from r1chat.reasoning.formats import Format, known
from r1chat.resources import available_memory

log = logging.getLogger(__name__)


class LoadedModel:
    """Loads a model as it was planned.

    Args:
        plan: How.
        ref: As the user named it.
        abort: Stops a running evaluation when it is set.
        on_progress: Called with 0 to 1 while it is read; returning False breaks off.
        formats: Formats of thoughts that a user has described.

    Raises:
        ModelError: If llama.cpp refuses the file, or there is not enough memory.
    """

    def __init__(
        self,
        plan: Plan,
        ref: str,
        abort: AbortByte,
        on_progress: Callable[[float], bool],
        formats: tuple[Format, ...] = (),
    ) -> None:
        began = time.perf_counter()
        self._plan = plan
        self._on_gpu = plan.on_gpu
        self._notices = list(plan.notices)
        self._abort = abort
        self._on_progress = on_progress
        self._model: Any = None
        self._machine: TokenMachine | None = None
        self._sizes = plan.sizes
        self.known: tuple[int, ...] = ()
        """Tokens of the conversation as they were spelled before."""
        self._formats = known(formats)
        try:
            machine, self._on_gpu = gpus.settle(self._on_gpu, self._attempt)
            self._machine = machine
            self._template = hinted(loading.chat_template(self._model), plan.header.name)
            question = (Message("user", "?"),)
            thinks = self.prompt(question).thinks
            asks = self.prompt(question, first=True).style is not None
        except BaseException:
            self.close()
            raise
        self.load_s = time.perf_counter() - began
        """Seconds that it took."""
        parameters, weights = loading.describe(self._model)
        self.info = ModelInfo(
            ref=ref,
            path=str(plan.path),
            arch=plan.header.arch,
            quant=plan.header.quant,
            name=plan.header.name,
            context=machine.capacity,
            context_trained=plan.header.context_trained or machine.capacity,
            parameters=parameters,
            size=weights,
            thinks=thinks,
            threads=plan.sizes.threads,
            gpu_layers=self._on_gpu.layers,
            load_s=self.load_s,
            layers=self._on_gpu.count,
            advice=advice_for(plan.header),
            mixture=bool(Shape.of(plan.header).idle),
            steering=steering_of(Steering(), thinks=thinks),
            unasked="" if asks else BY_ITSELF if thinks else NO_TEMPLATE,
        )
        """The model, described."""

    @property
    def machine(self) -> TokenMachine:
        """Evaluates and samples."""
        if self._machine is None:
            # There was no memory for it when a larger cache was tried; there may be now.
            self._machine = self._made(self._sizes)
        return self._machine

    def _made(self, sizes: ContextOptions) -> TokenMachine:
        sizes = replace(sizes, on_gpu=self._on_gpu.layers != 0)
        return TokenMachine(self._model, sizes, self._abort)

    def _attempt(self, layers: int) -> TokenMachine:
        opening = Opening(self._sizes, layers, split=self._on_gpu.split)
        self._model, machine = opening.open(self._plan.path, self._abort, self._on_progress)
        return machine

    def prompt(
        self,
        messages: tuple[Message, ...],
        *,
        think: bool = True,
        first: bool = False,
        brief: bool = False,
        effort: int | str | None = None,
        opens: bool = False,
        raw: bool = False,
    ) -> prompt.Prompt:
        """Puts a conversation to this model; as `r1chat.prompt.build`."""
        vocabulary = self.machine.vocabulary
        made = prompt.build(
            vocabulary,
            messages,
            template=self._template,
            think=think,
            first=first,
            brief=brief,
            effort=effort,
            opens=opens,
            raw=raw,
            formats=self._formats,
        )
        return replace(made, ids=tuple(respelled(made.ids, self.known, vocabulary)))

    @property
    def state_key(self) -> str:
        """What a saved state must fit."""
        return state_key(self._plan.header, self.machine.context)

    def notices(self) -> Iterator[str]:
        """What the user should know of the loading; once."""
        yield from filter(None, (self._on_gpu.notice, *self._notices))
        self._on_gpu, self._notices = replace(self._on_gpu, notice=""), []

    def make_room(self, request: Request, shared: Sequence[int], count: int) -> TokenMachine:
        """Makes a larger cache, where more samples would fit into the memory then.

        Args:
            request: The question.
            shared: The tokens that samples begin with; those that were read stay where they can.
            count: How many samples are wanted.

        Returns:
            The machine from now on.
        """
        machine, header, available = self.machine, self._plan.header, self._available
        cells = cells_wanted(header, machine, len(shared), count, request, available)
        lanes = loading.choose_lanes(header, cells, count, freed(header, machine, available))
        if cells <= machine.cells and lanes <= machine.lanes:
            return machine
        machine.reuse(shared)
        if not self._remake(replace(self._sizes, cells=cells, lanes=lanes)):
            log.warning("no memory for a cache of %s tokens", cells)
        return self.machine

    def _remake(self, sizes: ContextOptions) -> bool:
        """Makes the context again, and takes along what was read where its form stays the same.

        Returns:
            Whether there was memory for one like this; if not, the next is as it was planned.
        """
        old = self.machine
        tokens, kind = old.tokens(MAIN), old.context.kind
        data = old.state(MAIN, 0, len(tokens)) if tokens else None
        old.close()
        self._machine = None
        with contextlib.suppress(EngineError):
            self._machine = self._made(sizes)
        made = self._machine is not None
        machine = self.machine
        if data is not None and machine.context.kind == kind:
            machine.add_state(tokens, bytearray(data))
        return made

    @property
    def _available(self) -> int | None:
        """Bytes of memory for a model like this one, as far as is known."""
        # What is loaded on the processor shows in what is free now; on a GPU it may not.
        as_planned = 0 < self.info.gpu_layers == self._plan.on_gpu.layers
        return self._plan.available if as_planned else available_memory()

    def growth(self, more: int) -> Growth:
        """The larger context that there is memory for.

        Args:
            more: Tokens that find no room now.
        """
        return growth(self._plan.header, self.machine, more, self._available)

    def grow(self, size: int) -> bool:
        """Makes the context larger; where there is no memory for it after all, it stays.

        Args:
            size: Tokens of it.

        Returns:
            Whether what the model had read is in it still.
        """
        machine, header = self.machine, self._plan.header
        read = machine.position
        free = freed(header, machine, self._available)
        cells = loading.choose_cells(header, size, self._plan.options.samples, free)
        lanes = loading.choose_lanes(header, cells, self._plan.options.samples, free)
        sizes = replace(self._sizes, size=size, cells=cells, lanes=lanes)
        if self._remake(sizes):
            self._sizes = sizes
        else:
            log.warning("no memory for a context of %s tokens", size)
        self.info = replace(self.info, context=self.machine.capacity)
        return self.machine.position == read

    def close(self) -> None:
        """Frees all of it: the context, then the weights."""
        if self._machine is not None:
            self._machine.close()
            self._machine = None
        if self._model is not None:
            loading.free_model(self._model)
            self._model = None
