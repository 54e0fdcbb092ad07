"""The token machine: evaluates, samples, cuts and forks; knows nothing of thoughts.

A *ledger* mirrors what stands in the KV cache, token by token. Everything here runs on the one
thread that owns the native handles.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, TypeAlias

from r1chat.engine.base import Sampling
from r1chat.engine.native import AbortByte, api
from r1chat.engine.threads import Pace
from r1chat.engine.vocab import LlamaVocabulary
from r1chat.errors import Cancelled, EngineError

MAIN = 0
AHEAD = 1
LANES = 2
"""The first of the sequences for samples that are drawn side by side."""
MOST_LANES = 16
_SEQUENCES = LANES + MOST_LANES
_ABORTED = 2
_NO_SLOT = 1
_BATCH = 512

Row: TypeAlias = tuple[int, Sequence[int]]
"""A sequence and the tokens to be appended to it."""


@dataclass(frozen=True, slots=True)
class ContextOptions:
    """How a context is made.

    Attributes:
        size: Tokens of context.
        cells: Tokens that the cache holds, of all sequences; as many as the context by default.
        threads: Threads for single tokens.
        batch_threads: Threads for prompts.
    """

    size: int
    threads: int
    batch_threads: int
    cells: int | None = None


class TokenMachine:
    """A model's context and what is in it.

    Args:
        model: llama.cpp's handle of the model; it must outlive this object.
        options: How the context is made.
        abort: Stops a running evaluation when it is set.

    Raises:
        EngineError: If there is not enough memory for the context.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401  (an opaque native handle)
        options: ContextOptions,
        abort: AbortByte,
    ) -> None:
        self.vocabulary = LlamaVocabulary(model)
        self._abort = abort
        params = api.llama_context_default_params()
        params.n_ctx = max(options.size, options.cells or 0)
        params.n_batch = params.n_ubatch = min(_BATCH, options.size)
        params.n_seq_max = _SEQUENCES
        params.kv_unified = True
        params.n_threads = options.threads
        params.n_threads_batch = options.batch_threads
        params.abort_callback = abort.callback
        params.abort_callback_data = abort.data
        params.no_perf = True
        self._params = params
        self._context = api.llama_init_from_model(model, params)
        if not self._context:
            message = f"no memory for a context of {options.size} tokens; take a smaller --ctx"
            raise EngineError(message)
        self._memory = api.llama_get_memory(self._context)
        self.cells: int = api.llama_n_ctx(self._context)
        """Tokens that the cache holds, of all sequences."""
        # llama.cpp rounds up.
        self.capacity = self.cells if options.cells in {None, options.size} else options.size
        """Tokens of context, of one sequence."""
        self._chunk: int = api.llama_n_batch(self._context)
        self._batch = api.llama_batch_init(self._chunk, 0, 1)
        self._ledgers: list[list[int]] = [[] for _ in range(_SEQUENCES)]
        self._sampler: Any = None
        self._greedy: Any = None
        self._pace = Pace(options.threads)
        self._batch_threads = options.batch_threads

    @property
    def position(self) -> int:
        """Tokens in the main sequence."""
        return len(self._ledgers[MAIN])

    @property
    def room(self) -> int:
        """Tokens that still fit."""
        return self.capacity - self.position

    def set_sampler(self, sampling: Sampling, seed: int) -> None:
        """Chooses how tokens are drawn from now on."""
        self._free_sampler()
        self._sampler = make_sampler(sampling, seed)

    def sample(self) -> int:
        """Draws the token that follows what was evaluated last."""
        return int(api.llama_sampler_sample(self._sampler, self._context, -1))

    def evaluate(
        self,
        tokens: Sequence[int],
        *,
        sequence: int = MAIN,
        on_progress: Callable[[int], None] | None = None,
    ) -> None:
        """Appends tokens to a sequence.

        Args:
            tokens: At least one.
            sequence: MAIN or AHEAD.
            on_progress: Called after each chunk with the number of tokens done.

        Raises:
            Cancelled: If the abort byte was set; the ledger then ends where the cache does.
            EngineError: If they do not fit, or llama.cpp fails.
        """
        ledger = self._ledgers[sequence]
        if len(ledger) + len(tokens) > self.capacity:
            message = f"the context of {self.capacity} tokens is full"
            raise EngineError(message)
        for start in range(0, len(tokens), self._chunk):
            chunk = tokens[start : start + self._chunk]
            self._decode(((sequence, chunk),))
            if on_progress is not None:
                on_progress(start + len(chunk))

    def evaluate_together(self, rows: Sequence[Row]) -> list[int]:
        """Appends tokens to several sequences in one batch.

        Args:
            rows: Each sequence at most once; all tokens together fit into a batch.

        Returns:
            For each row where in the batch its last token stands, for `sample_with`.

        Raises:
            Cancelled: If the abort byte was set; the ledgers then end where the cache does.
            EngineError: If they do not fit, or llama.cpp fails.
        """
        self._decode(rows)
        return [end - 1 for end in accumulate(len(tokens) for _, tokens in rows)]

    def peek(self, tokens: Sequence[int], most: int, is_last: Callable[[int], bool]) -> list[int]:
        """Says what would follow, and leaves the main sequence as it is.

        The logits of what was evaluated last are lost: whoever wants the next token samples it
        before.

        Args:
            tokens: What to append in thought.
            most: Tokens to draw at most, each the likeliest one.
            is_last: Whether a token ends it.

        Returns:
            The tokens drawn, the last one included; nothing where the cache has no room.

        Raises:
            Cancelled: If the abort byte was set.
            EngineError: If llama.cpp fails.
        """
        used = sum(map(len, self._ledgers))
        if used + len(tokens) + most > self.cells:
            return []
        if self._greedy is None:
            self._greedy = make_sampler(Sampling(temperature=0), 0)
        drawn: list[int] = []
        self.fork(LANES, self.position)
        try:
            with self.few_threads():
                for start in range(0, len(tokens), self._chunk):
                    self._decode(((LANES, tokens[start : start + self._chunk]),))
            while True:
                drawn.append(self.sample_with(self._greedy, -1))
                if len(drawn) >= most or is_last(drawn[-1]):
                    return drawn
                self._decode(((LANES, drawn[-1:]),))
        finally:
            self.fork(LANES, 0)

    @contextlib.contextmanager
    def few_threads(self) -> Iterator[None]:
        """Evaluates batches with the threads for single tokens.

        A prompt is worth all cores; a thousand small batches are not worth fighting over the last
        one: where another program has it, two threads took ten times as long as one.
        """
        threads = self._pace.threads
        api.llama_set_n_threads(self._context, threads, threads)
        try:
            yield
        finally:
            api.llama_set_n_threads(self._context, threads, self._batch_threads)

    def sample_with(self, sampler: Any, index: int) -> int:  # noqa: ANN401  (an opaque handle)
        """Draws the token that follows a place of the last batch."""
        return int(api.llama_sampler_sample(sampler, self._context, index))

    def _decode(self, rows: Sequence[Row]) -> None:
        batch = self._batch
        i = 0
        for sequence, tokens in rows:
            position = len(self._ledgers[sequence])
            for offset, token in enumerate(tokens):
                batch.token[i] = token
                batch.pos[i] = position + offset
                batch.n_seq_id[i] = 1
                batch.seq_id[i][0] = sequence
                batch.logits[i] = 0
                i += 1
            batch.logits[i - 1] = 1
        batch.n_tokens = i
        began = time.perf_counter()
        status = api.llama_decode(self._context, batch)
        if status == 0:
            for sequence, tokens in rows:
                self._ledgers[sequence].extend(tokens)
            if i == 1 and self._pace.observe(time.perf_counter() - began):
                api.llama_set_n_threads(self._context, self._pace.threads, self._batch_threads)
            return
        for sequence, tokens in rows:
            self._resync(sequence, tokens)
        if status == _ABORTED or self._abort:
            message = "stopped"
            raise Cancelled(message)
        if status == _NO_SLOT:
            message = f"the context of {self.capacity} tokens is full"
            raise EngineError(message)
        message = f"llama.cpp could not evaluate {i} tokens (error {status})"
        raise EngineError(message)

    def _resync(self, sequence: int, tokens: Sequence[int]) -> None:
        """Cuts or extends a ledger to what an interrupted evaluation left in the cache."""
        ledger = self._ledgers[sequence]
        kept = api.llama_memory_seq_pos_max(self._memory, sequence) + 1
        ledger.extend(tokens[: max(0, kept - len(ledger))])
        self._cut(sequence, min(kept, len(ledger)))

    def truncate(self, length: int, *, sequence: int = MAIN) -> None:
        """Cuts a sequence to a length."""
        self._cut(sequence, length)

    def fork(self, sequence: int, length: int) -> None:
        """Gives another sequence the beginning of the main one, which costs no memory.

        Args:
            sequence: Which; what it held is forgotten.
            length: Tokens of the main sequence; 0 empties the other.
        """
        self._copy(MAIN, sequence, length)

    @property
    def chunk(self) -> int:
        """Tokens of a batch at most."""
        return self._chunk

    def _cut(self, sequence: int, length: int) -> None:
        ledger = self._ledgers[sequence]
        if api.llama_memory_seq_rm(self._memory, sequence, length, -1):
            del ledger[length:]
            return
        # Memories that keep a state instead of a cache cannot be cut, only begun anew.
        api.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        ledger.clear()

    def reuse(self, tokens: Sequence[int]) -> int:
        """Keeps of the cache what a prompt begins with, and drops the rest.

        Args:
            tokens: The prompt.

        Returns:
            How many of its tokens are in the main sequence. At least one token is left to be
            evaluated, since sampling needs its logits.
        """
        shared = [_shared(ledger, tokens) for ledger in self._ledgers[:LANES]]
        if shared[AHEAD] > shared[MAIN]:
            self._copy(AHEAD, MAIN, shared[AHEAD])
        self.drop_ahead()
        self._cut(MAIN, min(max(shared), len(tokens) - 1))
        return self.position

    def clear(self) -> None:
        """Empties the cache."""
        api.llama_memory_clear(self._memory, False)  # noqa: FBT003  (a native signature)
        for ledger in self._ledgers:
            ledger.clear()

    def begin_ahead(self, tokens: Sequence[int]) -> int:
        """Gives the second sequence what the main one shares with a future prompt.

        Returns:
            How many tokens of it are there already.
        """
        ahead = _shared(self._ledgers[AHEAD], tokens)
        shared = _shared(self._ledgers[MAIN], tokens)
        if ahead >= shared:
            self._cut(AHEAD, ahead)
            return len(self._ledgers[AHEAD])
        self._copy(MAIN, AHEAD, shared)
        return len(self._ledgers[AHEAD])

    def cells_for_ahead(self, tokens: int) -> bool:
        """Whether the cache has room for so many tokens beside the main sequence."""
        return self.position + tokens + 1 <= self.capacity

    def drop_ahead(self) -> None:
        """Forgets the second sequence."""
        api.llama_memory_seq_rm(self._memory, AHEAD, -1, -1)
        self._ledgers[AHEAD].clear()

    def _copy(self, source: int, target: int, length: int) -> None:
        api.llama_memory_seq_rm(self._memory, target, -1, -1)
        self._ledgers[target].clear()
        if length:
            api.llama_memory_seq_cp(self._memory, source, target, 0, length)
            self._ledgers[target].extend(self._ledgers[source][:length])

    def _free_sampler(self) -> None:
        if self._sampler is not None:
            api.llama_sampler_free(self._sampler)
            self._sampler = None

    def close(self) -> None:
        """Frees samplers, batch and context, in this order."""
        self._free_sampler()
        if self._greedy is not None:
            api.llama_sampler_free(self._greedy)
            self._greedy = None
        if self._context:
            api.llama_batch_free(self._batch)
            api.llama_free(self._context)
            self._context = None


def make_sampler(sampling: Sampling, seed: int) -> Any:  # noqa: ANN401  (an opaque native handle)
    """Makes llama.cpp's chain of samplers, to be freed with ``llama_sampler_free``.

    `top_k` stands first in it: behind it the others sort forty candidates instead of the whole
    vocabulary, a tenth of the time.
    """
    chain = api.llama_sampler_chain_init(api.llama_sampler_chain_default_params())
    if sampling.temperature <= 0:
        stages = [api.llama_sampler_init_greedy()]
    else:
        stages = [api.llama_sampler_init_top_k(sampling.top_k)] if sampling.top_k else []
        if sampling.top_p < 1:
            stages.append(api.llama_sampler_init_top_p(sampling.top_p, 1))
        if sampling.min_p > 0:
            stages.append(api.llama_sampler_init_min_p(sampling.min_p, 1))
        stages.append(api.llama_sampler_init_temp(sampling.temperature))
        stages.append(api.llama_sampler_init_dist(seed))
    for stage in stages:
        api.llama_sampler_chain_add(chain, stage)
    return chain


def _shared(ledger: Sequence[int], tokens: Sequence[int]) -> int:
    """How many tokens two sequences have in common at their beginning."""
    if ledger[: len(tokens)] == list(tokens[: len(ledger)]):
        return min(len(ledger), len(tokens))
    for i, (a, b) in enumerate(zip(ledger, tokens, strict=False)):
        if a != b:
            return i
    return min(len(ledger), len(tokens))
