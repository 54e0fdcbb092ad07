"""The token machine: evaluates, samples, cuts and forks; knows nothing of thoughts.

A *ledger* mirrors what stands in the KV cache, token by token. Behind the main sequence's there may
stand a *draft*: tokens that were evaluated in advance and become part of it when they are sampled
(`r1chat.engine.speculation`). Everything here runs on the one thread that owns the native handles.
"""

from __future__ import annotations

import contextlib
import ctypes
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, TypeAlias

from r1chat.engine.base import Sampling
from r1chat.engine.cache import Cache
from r1chat.engine.native import AbortByte, api
from r1chat.engine.samplers import make_sampler
from r1chat.engine.speculation import SIZES, Speculation
from r1chat.engine.threads import Pace
from r1chat.engine.vocab import LlamaVocabulary
from r1chat.engine.ways import Ways
from r1chat.errors import Cancelled, EngineError

MAIN = 0
AHEAD = 1
LANES = 2
"""The first of the sequences for samples that are drawn side by side."""
MOST_LANES = 16
_FEW_LANES = 4
"""Some processors' kernels are at their best with so many tokens."""
_SEQUENCES = LANES + MOST_LANES
_ABORTED = 2
_NO_SLOT = 1
_BATCH = 512
_LAST = -1
_LARGEST = max(SIZES)
_NARROW = 64
"""Heads of less width than this do without flash attention: for each pair of tokens the processor's
costs as much as for wide ones. Without it the built-in model takes half the time for a token, and
a fifth for each of a small batch."""

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
        if api.llama_model_n_embd(model) < _NARROW * api.llama_model_n_head(model):
            params.flash_attn_type = api.LLAMA_FLASH_ATTN_TYPE_DISABLED
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
        self._cache = Cache(self._context, _SEQUENCES)
        self.cells = self._cache.cells
        """Tokens that the cache holds, of all sequences."""
        # llama.cpp rounds up.
        self.capacity = self.cells if options.cells in {None, options.size} else options.size
        """Tokens of context, of one sequence."""
        self._chunk: int = api.llama_n_batch(self._context)
        self._batch = api.llama_batch_init(self._chunk, 0, 1)
        self._main = self._cache.ledgers[MAIN]
        self._sampler: Any = None
        self._must_repeat = False
        self._greedy: Any = None
        self._pace = Pace(options.threads)
        self._batch_threads = options.batch_threads
        self.ways = Ways(
            [
                (threads, rows)
                for threads in sorted({options.threads, options.batch_threads})
                for rows in (MOST_LANES, _FEW_LANES)
            ]
        )
        """With how many threads, and how many lanes in a batch, samples are drawn side by side."""
        self.steady_ways = Ways(
            [(threads, MOST_LANES) for threads in sorted({options.threads, options.batch_threads})]
        )
        """The same for samples that are to be the same each time: as many lanes as there are."""
        self.speculation = Speculation()
        self.speculates = False
        """Whether tokens are drafted. They change the shape of batches, and so the last bits of
        what is computed."""
        # States that are no cache cannot be cut back by a few tokens.
        self._can_cut = not (
            api.llama_model_is_recurrent(model) or api.llama_model_is_hybrid(model)
        )
        self._exact: dict[tuple[int, int], bool] = {}
        self._draft: list[int] = []
        self._row = _LAST
        """Where in the last batch the logits for the next token stand."""

    @property
    def position(self) -> int:
        """Tokens in the main sequence."""
        return len(self._main)

    @property
    def room(self) -> int:
        """Tokens that still fit."""
        return self.capacity - self.position

    @property
    def speculated(self) -> tuple[int, int]:
        """Tokens that were drafted since the context was made, and those that were confirmed."""
        return self.speculation.drafted, self.speculation.accepted

    def set_sampler(self, sampling: Sampling, seed: int) -> None:
        """Chooses how tokens are drawn from now on."""
        self._free_sampler()
        self._sampler = make_sampler(sampling, seed)
        self._must_repeat = sampling.temperature <= 0 or sampling.seed is not None

    def sample(self) -> int:
        """Draws the token that follows what was evaluated last."""
        return int(api.llama_sampler_sample(self._sampler, self._context, self._row))

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
        ledger = self._cache.ledgers[sequence]
        if len(ledger) + len(tokens) > self.capacity:
            message = f"the context of {self.capacity} tokens is full"
            raise EngineError(message)
        if sequence == MAIN and len(tokens) == 1:
            self._go_on(tokens[0])
            if on_progress is not None:
                on_progress(1)
            return
        self._drop_draft()
        for start in range(0, len(tokens), self._chunk):
            chunk = tokens[start : start + self._chunk]
            self._decode(((sequence, chunk),))
            if sequence == MAIN and self.speculates:
                self.speculation.read(self._main)
            if on_progress is not None:
                on_progress(start + len(chunk))

    def shared(self, tokens: Sequence[int]) -> int:
        """How many tokens the main sequence and others have in common at their beginning."""
        return self._cache.shared(MAIN, tokens)

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
        self._drop_draft()
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
        self._drop_draft()
        used = self._cache.used
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
        """Evaluates batches with the threads for single tokens, or as `use_threads` says.

        A prompt is worth all cores; a small batch is not worth fighting over the last one: where
        another program has it, two threads took ten times as long as one.
        """
        self.use_threads(self._pace.threads)
        try:
            yield
        finally:
            api.llama_set_n_threads(self._context, self._pace.threads, self._batch_threads)

    def use_threads(self, threads: int) -> None:
        """Evaluates all that comes with some threads, until `few_threads` ends."""
        api.llama_set_n_threads(self._context, threads, threads)

    def sample_with(self, sampler: Any, index: int) -> int:  # noqa: ANN401  (an opaque handle)
        """Draws the token that follows a place of the last batch."""
        return int(api.llama_sampler_sample(sampler, self._context, index))

    def _go_on(self, token: int) -> None:
        """Appends a token to the main sequence; one that was drafted stands there already."""
        if self._draft and self._draft[0] == token:
            del self._draft[0]
            self._main.append(token)
            self._row += 1
            self.speculation.confirmed()
            return
        self._drop_draft()
        draft: list[int] = []
        if self.speculates and self._can_cut and self.position > _LARGEST:
            cells = self.cells - self._cache.used
            room = min(self.room, cells - _LARGEST) - 1
            usable = self._is_exact if self._must_repeat else None
            draft = self.speculation.draft(self._main, token, room, usable)
        seconds = self._decode(((MAIN, (token,)),), draft)
        self._draft = draft
        self._row = 0 if draft else _LAST
        self.speculation.took(len(draft), seconds)
        if not draft and self._pace.observe(seconds):
            api.llama_set_n_threads(self._context, self._pace.threads, self._batch_threads)

    def _is_exact(self, size: int) -> bool:
        """Whether a batch of so many tokens gives the same bits as its tokens one by one.

        Kernels change with the size of a batch and with the length of the context. Greedy
        decoding, and that with a given seed, are asked for when a reply is to be the same each
        time: they draft only where nothing is rounded otherwise.
        """
        length = self.position.bit_length()
        if (size, length) not in self._exact:
            # To find out costs the batch and a single token.
            if not self.speculation.affords(self.speculation.cost.of(size) + 1):
                return False
            began = time.perf_counter()
            self._exact[size, length] = self._first_row(1) == self._first_row(size)
            self.speculation.spend(time.perf_counter() - began)
        return self._exact[size, length]

    def _first_row(self, size: int) -> bytes:
        """The logits behind the first token of a batch, made of the end of the main sequence."""
        tokens = self._main[-_LARGEST:]
        self.fork(LANES, self.position - len(tokens))
        try:
            self._decode(((LANES, tokens[:1]),), tokens[1:size])
            logits = api.llama_get_logits_ith(self._context, 0)
            return ctypes.string_at(logits, self.vocabulary.size * ctypes.sizeof(ctypes.c_float))
        finally:
            self.fork(LANES, 0)

    def _drop_draft(self) -> None:
        """Takes what was drafted, and not sampled, out of the cache."""
        if self._draft:
            self._draft = []
            self._cache.cut(MAIN, self.position)
        self._row = _LAST

    def _decode(self, rows: Sequence[Row], draft: Sequence[int] = ()) -> float:
        """Evaluates a batch.

        Args:
            rows: What is appended to which ledger.
            draft: Tokens to be tried behind the last row; logits are made for each.

        Returns:
            The seconds that it took.
        """
        batch = self._batch
        i = 0
        for sequence, tokens in rows:
            position = len(self._cache.ledgers[sequence])
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
        status = api.llama_decode(self._context, batch)
        if i <= _LARGEST:
            # A GPU may still be at it. What small batches take is what drafts are decided by.
            api.llama_synchronize(self._context)
        seconds = time.perf_counter() - began
        if status == 0:
            for sequence, tokens in rows:
                self._cache.ledgers[sequence].extend(tokens)
            return seconds
        self.speculation.restart()
        for sequence, tokens in rows:
            self._cache.resync(sequence, tokens)
        if status == _ABORTED or self._abort:
            message = "stopped"
            raise Cancelled(message)
        if status == _NO_SLOT:
            message = f"the context of {self.capacity} tokens is full"
            raise EngineError(message)
        message = f"llama.cpp could not evaluate {i} tokens (error {status})"
        raise EngineError(message)

    def truncate(self, length: int, *, sequence: int = MAIN) -> None:
        """Cuts a sequence to a length."""
        self._drop_draft()
        if sequence == MAIN:
            self.speculation.restart()
        self._cache.cut(sequence, length)

    def fork(self, sequence: int, length: int) -> None:
        """Gives another sequence the beginning of the main one, which costs no memory.

        Args:
            sequence: Which; what it held is forgotten.
            length: Tokens of the main sequence; 0 empties the other.
        """
        self._drop_draft()
        self._cache.copy(MAIN, sequence, length)

    @property
    def chunk(self) -> int:
        """Tokens of a batch at most."""
        return self._chunk

    def reuse(self, tokens: Sequence[int]) -> int:
        """Keeps of the cache what a prompt begins with, and drops the rest.

        Args:
            tokens: The prompt.

        Returns:
            How many of its tokens are in the main sequence. At least one token is left to be
            evaluated, since sampling needs its logits.
        """
        self._drop_draft()
        self.speculation.restart()
        shared, ahead = self._cache.shared(MAIN, tokens), self._cache.shared(AHEAD, tokens)
        if ahead > shared:
            self._cache.copy(AHEAD, MAIN, ahead)
        self.drop_ahead()
        self._cache.cut(MAIN, min(max(shared, ahead), len(tokens) - 1))
        return self.position

    def clear(self) -> None:
        """Empties the cache."""
        self._drop_draft()
        self.speculation.restart()
        self._cache.clear()

    def begin_ahead(self, tokens: Sequence[int]) -> int:
        """Gives the second sequence what the main one shares with a future prompt.

        Returns:
            How many tokens of it are there already.
        """
        self._drop_draft()
        shared, ahead = self._cache.shared(MAIN, tokens), self._cache.shared(AHEAD, tokens)
        if ahead >= shared:
            self._cache.cut(AHEAD, ahead)
        else:
            self._cache.copy(MAIN, AHEAD, shared)
        return len(self._cache.ledgers[AHEAD])

    def cells_for_ahead(self, tokens: int) -> bool:
        """Whether the cache has room for so many tokens beside the main sequence."""
        return self.position + tokens + 1 <= self.capacity

    def drop_ahead(self) -> None:
        """Forgets the second sequence."""
        self._cache.copy(MAIN, AHEAD, 0)

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
