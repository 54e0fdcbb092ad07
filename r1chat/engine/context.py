"""A model's llama.cpp context: evaluates batches with the best number of threads."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from r1chat.engine.cache import Cache
from r1chat.engine.native import AbortByte, api
from r1chat.engine.threads import Pace
from r1chat.errors import Cancelled, EngineError
from r1chat.formatting import counted
from r1chat.gguf.needs import MOST_LANES, plain_batch

_ABORTED = 2
_NO_SLOT = 1
_BATCH = 512
_ROUNDED = 256
"""Tokens of context come in so many at a time."""
_SMALL = 16
"""Tokens of a batch that is waited for, where a GPU may still be at it: threads and drafts are
decided by what small batches take."""

Row: TypeAlias = tuple[int, Sequence[int]]
"""A sequence and the tokens to be appended to it."""


@dataclass(frozen=True, slots=True)
class ContextOptions:
    """How a context is made.

    Attributes:
        size: Tokens of context.
        cells: Tokens that the cache holds, of all sequences; as many as the context by default.
        threads: Threads for single tokens to begin with.
        batch_threads: Threads for prompts.
        lanes: Samples that can be drawn side by side.
        most_threads: Threads for single tokens at most; as many as to begin with by default.
        on_gpu: Whether layers of the model are on a GPU.
    """

    size: int
    threads: int
    batch_threads: int
    cells: int | None = None
    lanes: int = MOST_LANES
    most_threads: int | None = None
    on_gpu: bool = False


class Context:
    """A model's context, with its cache.

    Args:
        model: llama.cpp's handle of the model; it must outlive this object.
        options: How the context is made.
        sequences: How many sequences there may be.
        abort: Stops a running evaluation when it is set.

    Raises:
        EngineError: If there is not enough memory for it.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401  (an opaque native handle)
        options: ContextOptions,
        sequences: int,
        abort: AbortByte,
    ) -> None:
        self._abort = abort
        params = api.llama_context_default_params()
        # llama.cpp rounds up too, but only after it has cut the batch to what it was given: one of
        # fewer tokens than there are sequences ends the process.
        params.n_ctx = -(-max(options.size, options.cells or 0) // _ROUNDED) * _ROUNDED
        params.n_batch = params.n_ubatch = min(_BATCH, params.n_ctx)
        params.n_seq_max = sequences
        params.kv_unified = True
        plain = plain_batch(api.llama_model_n_head(model), params.n_ctx)
        if plain is not None and not options.on_gpu:
            params.flash_attn_type = api.LLAMA_FLASH_ATTN_TYPE_DISABLED
            params.n_ubatch = min(plain, params.n_ubatch)
        params.n_threads = options.threads
        params.n_threads_batch = options.batch_threads
        params.abort_callback = abort.callback
        params.abort_callback_data = abort.data
        params.no_perf = True
        self._params = params
        self.handle = api.llama_init_from_model(model, params)
        if not self.handle:
            message = f"no memory for a context of {options.size:,} tokens; take a smaller --ctx"
            raise EngineError(message)
        # What llama.cpp calls hybrid has a state in some layers.
        has_states = api.llama_model_is_recurrent(model) or api.llama_model_is_hybrid(model)
        window = api.llama_model_n_swa(model)
        self.cache = Cache(self.handle, sequences, cuts=not has_states, window=window)
        # llama.cpp rounds up.
        rounded = options.cells in {None, options.size}
        self.capacity = self.cache.cells if rounded else options.size
        """Tokens of context, of one sequence."""
        self.chunk: int = api.llama_n_batch(self.handle)
        """Tokens of a batch at most."""
        self._batch = api.llama_batch_init(self.chunk, 0, 1)
        self._pace = Pace(options.threads, options.most_threads)
        self._batch_threads = options.batch_threads

    @property
    def kind(self) -> str:
        """What else than the model decides the form of what is in the cache."""
        params = self._params
        names = ("type_k", "type_v", "flash_attn_type", "swa_full", "kv_unified")
        return " ".join(f"{name}={int(getattr(params, name))}" for name in names)

    def decode(self, rows: Sequence[Row], draft: Sequence[int] = ()) -> float:
        """Evaluates a batch.

        Args:
            rows: What is appended to which ledger.
            draft: Tokens to be tried behind the only row; logits are made for each.

        Returns:
            The seconds that it took.

        Raises:
            Cancelled: If the abort byte was set; the ledgers then end where the cache does.
            EngineError: If they do not fit, or llama.cpp fails.
        """
        batch = self._batch
        i = 0
        for sequence, tokens in rows:
            position = len(self.cache.ledgers[sequence])
            tried = len(tokens) - 1
            for offset, token in enumerate((*tokens, *draft)):
                batch.token[i] = token
                batch.pos[i] = position + offset
                batch.n_seq_id[i] = 1
                batch.seq_id[i][0] = sequence
                batch.logits[i] = offset >= tried
                i += 1
        batch.n_tokens = i
        began = time.perf_counter()
        status = api.llama_decode(self.handle, batch)
        if i <= _SMALL:
            api.llama_synchronize(self.handle)
        seconds = time.perf_counter() - began
        if status == 0:
            for sequence, tokens in rows:
                self.cache.ledgers[sequence].extend(tokens)
            return seconds
        if status != _NO_SLOT:
            self.cache.interrupted(rows)
        if status == _ABORTED or self._abort:
            message = "stopped"
            raise Cancelled(message)
        if status == _NO_SLOT:
            message = f"the context of {self.capacity:,} tokens is full"
            raise EngineError(message)
        message = f"llama.cpp could not evaluate {counted(i, 'token')} (error {status})"
        raise EngineError(message)

    @contextlib.contextmanager
    def few_threads(self) -> Iterator[None]:
        """Evaluates batches with the threads for single tokens, or as `use_threads` says.

        A prompt is worth all cores; a small batch is not worth fighting over the last one: where
        another program has it, two threads took ten times as long as one.
        """
        self.use_threads(self._pace.threads)
        try:
            yield
        finally:
            self._set_threads()

    def use_threads(self, threads: int) -> None:
        """Evaluates all that comes with some threads, until `few_threads` ends."""
        api.llama_set_n_threads(self.handle, threads, threads)

    def single_took(self, seconds: float) -> None:
        """Records the time of a single token, by which the number of threads is chosen."""
        if self._pace.observe(seconds):
            self._set_threads()

    def _set_threads(self) -> None:
        api.llama_set_n_threads(self.handle, self._pace.threads, self._batch_threads)

    def close(self) -> None:
        """Frees the batch and the context."""
        if self.handle:
            api.llama_batch_free(self._batch)
            api.llama_free(self.handle)
            self.handle = None
