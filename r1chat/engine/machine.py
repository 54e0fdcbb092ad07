"""The token machine: evaluates, samples, truncates and forks; knows nothing of thoughts.

A *ledger* mirrors what stands in the KV cache, token by token. Behind the main sequence's there may
stand a *draft*: tokens that were evaluated in advance and become part of it when they are sampled
(`r1chat.engine.speculation`). Everything here runs on the one thread that owns the native handles.
"""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from r1chat.engine.base import Sampling
from r1chat.engine.confidence import Meter, Score
from r1chat.engine.constraint import Constraint
from r1chat.engine.context import Context, ContextOptions, Row
from r1chat.engine.native import AbortByte, api
from r1chat.engine.parts import Scored
from r1chat.engine.samplers import Sampler
from r1chat.engine.speculation import SIZES, Speculation
from r1chat.engine.vocab import LlamaVocabulary
from r1chat.engine.ways import Ways
from r1chat.errors import EngineError
from r1chat.gguf.needs import MOST_LANES, RESERVED_SEQUENCES

MAIN = 0
AHEAD = 1
BEGINNING = 2
"""Where memories that cannot be cut keep the prompt's beginning, to start from again."""
_BEFORE = 3
"""Where they keep what was there before a long evaluation, which may be broken off. What can be cut
does not need it, and has parts of other sequences pass through it when they are saved."""
LANES = RESERVED_SEQUENCES
"""The first of the sequences for samples that are drawn side by side."""
_FEW_LANES = 4
"""Some processors' kernels are at their best with so many tokens."""
_LAST = -1
_UNSETTLED = 8
"""Tokens at the end of a prompt that the next turn's may lack, such as an opening `<think>`."""
_LARGEST = max(SIZES)


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
        self.context = Context(model, options, LANES + options.lanes, abort)
        """Evaluates the batches."""
        self._cache = self.context.cache
        self.capacity = self.context.capacity
        """Tokens of context, of one sequence."""
        self.lanes = options.lanes
        """How many samples can be drawn side by side."""
        self.checkpoint = 0
        """Tokens of what is about to be read that later replies will begin with as well, so that
        a memory that cannot be cut had better keep them."""
        self._main = self._cache.ledgers[MAIN]
        self._sampler: Sampler | None = None
        self._must_repeat = False
        self._greedy: Sampler | None = None
        self._meter: Meter | None = None
        threads = sorted({options.threads, options.batch_threads})
        self.ways = Ways([(each, rows) for each in threads for rows in (MOST_LANES, _FEW_LANES)])
        """With how many threads, and how many lanes in a batch, samples are drawn side by side."""
        self.steady_ways = Ways([(each, MOST_LANES) for each in threads])
        """The same for samples that are to be the same each time: as many lanes as there are."""
        self.speculation = Speculation()
        self.speculates = False
        """Whether tokens are drafted. They change the shape of batches, and so the last bits of
        what is computed."""
        self._exact: set[tuple[int, int]] = set()
        self._inexact_from = _LARGEST + 1
        """The size from which on batches are known to round otherwise than single tokens."""
        self._draft: list[int] = []
        self._row = _LAST
        """Where in the last batch the logits for the next token stand."""

    @property
    def cells(self) -> int:
        """Tokens that the cache holds, of all sequences."""
        return self._cache.cells

    @property
    def cuts(self) -> bool:
        """Whether its memory can be cut: without that nothing is drafted."""
        return self._cache.cuts

    @property
    def chunk(self) -> int:
        """Tokens of a batch at most."""
        return self.context.chunk

    @property
    def position(self) -> int:
        """Tokens in the main sequence."""
        return len(self._main)

    @property
    def room(self) -> int:
        """Tokens that still fit."""
        return self.capacity - self.position

    @property
    def _used(self) -> int:
        """Tokens in the cache while a reply is written.

        What is kept beside the main sequence is its beginning, which it shares.
        """
        return self.position + sum(map(len, self._cache.ledgers[LANES:]))

    @property
    def speculated(self) -> tuple[int, int]:
        """Tokens that were drafted since the context was made, and those that were confirmed."""
        return self.speculation.drafted, self.speculation.accepted

    def set_sampler(self, sampling: Sampling, seed: int) -> None:
        """Chooses how tokens are drawn from now on."""
        self._free_sampler()
        self._sampler = Sampler(sampling, seed)
        self._must_repeat = sampling.temperature <= 0 or sampling.seed is not None

    def sample(self) -> int:
        """Draws the token that follows what was evaluated last."""
        assert self._sampler is not None  # noqa: S101  (`set_sampler` comes first)
        return self.sample_with(self._sampler, self._row)

    def score(self, token: int) -> Score:
        """Measures how sure the model was of a token that follows what was evaluated last."""
        return self.score_at(token, self._row)

    def constrain(self, grammar: str, ends: frozenset[int], written: Sequence[int]) -> None:
        """Draws from now on only what fits a grammar, until another sampler is set.

        Args:
            grammar: GBNF that was checked.
            ends: Tokens that end a reply, beside those that the file names.
            written: What of it stands already.

        Raises:
            EngineError: If that does not fit.
        """
        assert self._sampler is not None  # noqa: S101  (as above)
        self._sampler.constrain(self.constraint(grammar, ends, written))

    @property
    def complete(self) -> bool:
        """Whether what was drawn since `constrain` is a whole of the grammar."""
        return self._sampler is not None and self._sampler.complete

    def constraint(self, grammar: str, ends: frozenset[int], written: Sequence[int]) -> Constraint:
        """A grammar of which something stands already; see `constrain`."""
        made = Constraint(self.vocabulary, grammar, ends)
        try:
            made.follow(written)
        except EngineError:
            made.close()
            raise
        return made

    def forbid(self, token: int) -> None:
        """Takes a token out of what may follow what was evaluated last."""
        self.forbid_at(token, self._row)

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
            message = f"the context of {self.capacity:,} tokens is full"
            raise EngineError(message)
        if sequence == MAIN and len(tokens) == 1:
            self._go_on(tokens[0])
            if on_progress is not None:
                on_progress(1)
            return
        self._drop_draft()
        done = 0
        while done < len(tokens):
            chunk = tokens[done : self._end_of_chunk(sequence, done)]
            self._read(sequence, chunk)
            done += len(chunk)
            if on_progress is not None:
                on_progress(done)

    def _end_of_chunk(self, sequence: int, done: int) -> int:
        """Up to which of some tokens to read next, where so many of them are read."""
        to_checkpoint = self._kept_from(self.checkpoint) - len(self._cache.ledgers[sequence])
        stops = sequence == MAIN and self._cache.forgets and 0 < to_checkpoint < self.chunk
        return done + (to_checkpoint if stops else self.chunk)

    def _kept_from(self, checkpoint: int) -> int:
        return max(0, checkpoint - _UNSETTLED)

    def _read(self, sequence: int, tokens: Sequence[int]) -> None:
        """Reads several tokens; what it read before survives where it is broken off."""
        cache = self._cache
        if cache.cuts:
            self._decode(((sequence, tokens),))
        else:
            cache.copy(sequence, _BEFORE, len(cache.ledgers[sequence]))
            try:
                self._decode(((sequence, tokens),))
            except EngineError:
                cache.copy(_BEFORE, sequence, len(cache.ledgers[_BEFORE]))
                raise
            finally:
                cache.forget(_BEFORE)
        at_checkpoint = sequence == MAIN and self.position == self._kept_from(self.checkpoint)
        if at_checkpoint and cache.forgets:
            cache.copy(MAIN, BEGINNING, self.position)

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

    def peek(
        self, tokens: Sequence[int], most: int, is_last: Callable[[int], bool]
    ) -> list[Scored]:
        """Says what would follow, and leaves the main sequence as it is.

        The logits of what was evaluated last are lost: whoever wants the next token samples it
        before.

        Args:
            tokens: What to append in thought.
            most: Tokens to draw at most, each the likeliest one.
            is_last: Whether a token ends it.

        Returns:
            The tokens drawn, the last one included, and how sure the model was of each; nothing
            where the cache has no room.

        Raises:
            Cancelled: If the abort byte was set.
            EngineError: If llama.cpp fails.
        """
        self._drop_draft()
        if self._used + len(tokens) + most > self.cells:
            return []
        if self._greedy is None:
            self._greedy = Sampler(Sampling(temperature=0), 0)
        drawn: list[Scored] = []
        if not self.fork(LANES, self.position):
            return []
        try:
            with self.context.few_threads():
                for start in range(0, len(tokens), self.chunk):
                    self._decode(((LANES, tokens[start : start + self.chunk]),))
            while True:
                token = self.sample_with(self._greedy, _LAST)
                drawn.append((token, self.score_at(token, _LAST)))
                if len(drawn) >= most or is_last(token):
                    return drawn
                self._decode(((LANES, (token,)),))
        finally:
            self.fork(LANES, 0)

    def sample_with(self, sampler: Sampler, index: int) -> int:
        """Draws the token that follows a place of the last batch."""
        return sampler.draw(self.context.handle, index)

    def score_at(self, token: int, index: int) -> Score:
        """Measures how sure the model was of a token that follows a place of the last batch."""
        if self._meter is None:
            self._meter = Meter(self.vocabulary.size)
        logits = api.llama_get_logits_ith(self.context.handle, index)
        return self._meter.score(index, logits, token)

    def forbid_at(self, token: int, index: int) -> None:
        """Takes a token out of what may follow a place of the last batch."""
        api.llama_get_logits_ith(self.context.handle, index)[token] = -math.inf

    def _go_on(self, token: int) -> None:
        """Appends a token to the main sequence, unless its draft is there already."""
        if self._draft and self._draft[0] == token:
            del self._draft[0]
            self._main.append(token)
            self._row += 1
            self.speculation.confirmed()
            return
        self._drop_draft()
        draft: list[int] = []
        if self.speculates and self.cuts and self.position > _LARGEST:
            cells = self.cells - self._used
            room = min(self.room, cells - _LARGEST) - 1
            usable = self._is_exact if self._must_repeat else None
            draft = self._admitted(self.speculation.draft(self._main, token, room, usable), usable)
        seconds = self._decode(((MAIN, (token,)),), draft)
        self._draft = draft
        self._row = 0 if draft else _LAST
        self.speculation.took(len(draft), seconds)
        if not draft:
            self.context.single_took(seconds)

    def _admitted(self, draft: list[int], usable: Callable[[int], bool] | None) -> list[int]:
        """The guesses that the grammar does not refuse, in a batch of a usual size."""
        assert self._sampler is not None  # noqa: S101  (as above)
        admitted = self._sampler.admitted(draft)
        if len(admitted) == len(draft):
            return draft
        sizes = (size for size in reversed(SIZES) if size <= len(admitted) + 1)
        size = next((size for size in sizes if usable is None or usable(size)), 1)
        return list(admitted[: size - 1])

    def _is_exact(self, size: int) -> bool:
        """Whether a batch of so many tokens gives the same bits as its tokens one by one.

        Kernels change with the size of a batch and with the length of the context. Greedy
        decoding, and that with a given seed, are asked for when a reply is to be the same each
        time: they draft only where nothing is rounded otherwise. A size that rounds otherwise in
        one place is not looked at again, nor is a larger one.
        """
        length = self.position.bit_length()
        if size >= self._inexact_from or (size, length) in self._exact:
            return size < self._inexact_from
        # To find out costs the batch and its tokens one by one.
        if not self.speculation.affords_check(self.speculation.cost.of(size) + size):
            return False
        began = time.perf_counter()
        tokens = self._main[-size:]
        if self._rows(tokens, size) == self._rows(tokens, 1):
            self._exact.add((size, length))
        else:
            self._inexact_from = size
        self.speculation.spend(time.perf_counter() - began)
        return size < self._inexact_from

    def _rows(self, tokens: Sequence[int], size: int) -> list[bytes]:
        """The logits behind each of the last tokens, read in batches of a size."""
        self.fork(LANES, self.position - len(tokens))
        length = self.vocabulary.size * ctypes.sizeof(ctypes.c_float)
        found = []
        try:
            for at in range(0, len(tokens), size):
                first, *others = tokens[at : at + size]
                self._decode(((LANES, (first,)),), others)
                if others:
                    self._cache.ledgers[LANES].extend(others)
                for row in range(1 + len(others)):
                    logits = api.llama_get_logits_ith(self.context.handle, row)
                    found.append(ctypes.string_at(logits, length))
        finally:
            self.fork(LANES, 0)
        return found

    def _drop_draft(self) -> None:
        """Takes what was drafted, and not sampled, out of the cache."""
        if self._draft:
            self._draft = []
            if not self._cache.drop_draft(MAIN):
                self._cache.cuts = False
                tokens = self.tokens(MAIN)
                self._cache.forget(MAIN)
                self._read_rest(tokens)
        self._row = _LAST

    def _decode(self, rows: Sequence[Row], draft: Sequence[int] = ()) -> float:
        """Evaluates a batch; see `Context.decode`."""
        if self._meter is not None:
            self._meter.forget()
        try:
            return self.context.decode(rows, draft)
        except EngineError:
            # The main sequence may end before it did.
            self.speculation.restart()
            raise

    def truncate(self, length: int) -> None:
        """Cuts the main sequence to a length, or reads its beginning again where that must be.

        Raises:
            Cancelled: If the abort byte was set; the sequence may be shorter then.
            EngineError: If llama.cpp fails.
        """
        self._drop_draft()
        self.speculation.restart()
        tokens = self._main[:length]
        self._begin_with(tokens)
        self._read_rest(tokens)

    def _read_rest(self, tokens: Sequence[int]) -> None:
        """Reads those of some tokens that the main sequence, which is their beginning, lacks."""
        while self.position < len(tokens):
            self._read(MAIN, tokens[self.position : self.position + self.chunk])

    def cut(self, sequence: int, length: int) -> bool:
        """Cuts a lane to a length.

        Returns:
            Whether that could be done; if not, the lane is empty now.
        """
        self._drop_draft()
        return self._cache.cut(sequence, length)

    def tokens(self, sequence: int) -> list[int]:
        """What a sequence holds."""
        return list(self._cache.ledgers[sequence])

    def fork(self, sequence: int, length: int) -> bool:
        """Gives another sequence the beginning of the main one, which costs no memory.

        Args:
            sequence: Which; what it held is forgotten.
            length: Tokens of the main sequence; 0 empties the other.

        Returns:
            Whether that could be done; if not, the other is empty now.
        """
        self._drop_draft()
        return self._cache.copy(MAIN, sequence, length)

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
        self._begin_with(tokens[:-1])
        for sequence in (AHEAD, BEGINNING):
            # Where one cannot go back, it is the place to go on from when the next turn comes.
            shared = self._cache.shared(sequence, tokens)
            if not self._cache.forgets or shared < len(self._cache.ledgers[sequence]):
                self._cache.forget(sequence)
        return self.position

    def _begin_with(self, tokens: Sequence[int]) -> None:
        """Makes the main sequence the longest beginning of some tokens that is in the cache."""
        source = self._farthest((MAIN, AHEAD, BEGINNING), tokens)
        length = self._cache.reach(source, tokens)
        if source == MAIN:
            self._cache.cut(MAIN, length)
        else:
            self._cache.copy(source, MAIN, length)

    def _farthest(self, sequences: Sequence[int], tokens: Sequence[int]) -> int:
        """Which sequence has most of some tokens; of several, the first."""
        return max(sequences, key=lambda sequence: self._cache.reach(sequence, tokens))

    def clear(self) -> None:
        """Empties the cache."""
        self._drop_draft()
        self.speculation.restart()
        self._cache.clear()

    # -- saved states --

    @property
    def in_parts(self) -> bool:
        """Whether the state of some of a sequence's tokens can be had by itself."""
        return self._cache.in_parts

    def reach(self, tokens: Sequence[int]) -> int:
        """How many tokens of a prompt `reuse` would find in the cache."""
        return max(self._cache.reach(each, tokens) for each in (MAIN, AHEAD, BEGINNING))

    def state(self, sequence: int, first: int, last: int) -> ctypes.Array[Any] | None:
        """Copies out what is in the cache of some tokens; see `Cache.state`."""
        if not self.in_parts:
            # What is drafted would be in it.
            self._drop_draft()
        return self._cache.state(sequence, first, last, _BEFORE)

    def add_state(self, tokens: Sequence[int], data: bytearray) -> bool:
        """Appends tokens to the main sequence without evaluating them; see `Cache.add_state`."""
        return self._cache.add_state(MAIN, tokens, data, _BEFORE)

    def begin_ahead(self, tokens: Sequence[int]) -> int:
        """Starts the second sequence with the prefix that a future prompt shares.

        Returns:
            How many tokens of it are there already.
        """
        self._drop_draft()
        source = self._farthest((AHEAD, MAIN, BEGINNING), tokens)
        length = self._cache.reach(source, tokens)
        if source == AHEAD:
            self._cache.cut(AHEAD, length)
        else:
            self._cache.copy(source, AHEAD, length)
        return len(self._cache.ledgers[AHEAD])

    def cells_for_ahead(self, tokens: int) -> bool:
        """Whether the cache has room for so many tokens beside the main sequence."""
        return self.position + tokens + 1 <= self.capacity

    def drop_ahead(self) -> None:
        """Forgets the second sequence."""
        self._cache.forget(AHEAD)

    def _free_sampler(self) -> None:
        if self._sampler is not None:
            self._sampler.close()
            self._sampler = None

    def close(self) -> None:
        """Frees samplers, batch and context, in this order."""
        self._free_sampler()
        if self._greedy is not None:
            self._greedy.close()
            self._greedy = None
        self.context.close()
