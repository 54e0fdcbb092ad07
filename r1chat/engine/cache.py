"""The KV cache of a llama.cpp context, and the ledgers that mirror it token by token.

Attention keeps something of each token, and can forget the last ones. A recurrent layer (mamba's,
or some of a hybrid's) keeps one state of all tokens, which can be copied as it is, but not cut:
llama.cpp refuses to remove the end of it, and copies the newest state whatever part is asked for.
A sliding window may have lost what stands before it. So each operation here is exact, or is not
done and says so.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

from r1chat.engine.native import api


class Cache:
    """What a context remembers, sequence by sequence.

    Args:
        context: llama.cpp's handle of the context; it must outlive this object.
        sequences: How many sequences there may be.
        cuts: Whether sequences can be cut.
        window: Tokens that the layers with a sliding window look back; 0 where there are none.
    """

    def __init__(
        self,
        context: Any,  # noqa: ANN401  (a native handle)
        sequences: int,
        *,
        cuts: bool,
        window: int = 0,
    ) -> None:
        self._context = context
        self._window = window
        self._memory = api.llama_get_memory(context)
        self.cells: int = api.llama_n_ctx(context)
        """Tokens that it holds, of all sequences."""
        self.cuts = cuts
        """Whether sequences can be cut: not where there is a state of all their tokens."""
        self.ledgers: list[list[int]] = [[] for _ in range(sequences)]
        """The tokens of each sequence."""

    @property
    def forgets(self) -> bool:
        """Whether it may be impossible to go back in it, so that checkpoints are worth it."""
        return not self.cuts or self._window > 0

    def shared(self, sequence: int, tokens: Sequence[int]) -> int:
        """How many tokens a sequence and others have in common at their beginning."""
        ledger = self.ledgers[sequence]
        if ledger[: len(tokens)] == list(tokens[: len(ledger)]):
            return min(len(ledger), len(tokens))
        pairs = enumerate(zip(ledger, tokens, strict=False))
        return next(i for i, (one, other) in pairs if one != other)

    def reach(self, sequence: int, tokens: Sequence[int]) -> int:
        """How many tokens of others a sequence can be made to hold, and nothing else."""
        shared = self.shared(sequence, tokens)
        whole = shared == len(self.ledgers[sequence])
        return shared if whole or (self.cuts and self._sees_back_from(sequence, shared)) else 0

    def _sees_back_from(self, sequence: int, length: int) -> bool:
        """Whether a sequence still has all that the token behind a length looks back to.

        llama.cpp gives the cells of a window's past to others, from the first one on.
        """
        first = api.llama_memory_seq_pos_min(self._memory, sequence)
        least = length + 1 - self._window if self._window else 0
        return bool(0 <= first <= max(0, least))

    def cut(self, sequence: int, length: int) -> bool:
        """Cuts a sequence to a length.

        Returns:
            Whether that could be done; if not, the sequence is empty now.
        """
        ledger = self.ledgers[sequence]
        if length >= len(ledger):
            return True
        if length <= 0:
            self.forget(sequence)
            return True
        if self.cuts and self._sees_back_from(sequence, length):
            if api.llama_memory_seq_rm(self._memory, sequence, length, -1):
                del ledger[length:]
                return True
            self.cuts = False
        self.forget(sequence)
        return False

    def drop_draft(self, sequence: int) -> bool:
        """Truncates a sequence in the cache to what its ledger has.

        Returns:
            Whether that could be done.
        """
        length = len(self.ledgers[sequence])
        return bool(api.llama_memory_seq_rm(self._memory, sequence, length, -1))

    def copy(self, source: int, target: int, length: int) -> bool:
        """Gives a sequence the beginning of another, which costs no memory.

        Args:
            source: The other.
            target: What it held is forgotten.
            length: Tokens; 0 empties the target.

        Returns:
            Whether that could be done; if not, the target is empty now.
        """
        self.forget(target)
        ledger = self.ledgers[source]
        if not length:
            return True
        if length < len(ledger) and not self.cuts:
            return False
        # In whole: parts of some memories cannot be copied, and llama.cpp does not say so.
        api.llama_memory_seq_cp(self._memory, source, target, -1, -1)
        self.ledgers[target].extend(ledger)
        return self.cut(target, length)

    def forget(self, sequence: int) -> None:
        """Empties a sequence."""
        api.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        self.ledgers[sequence].clear()

    def interrupted(self, rows: Sequence[tuple[int, Sequence[int]]]) -> None:
        """Brings the ledgers into line with what an evaluation left that was broken off.

        Args:
            rows: The sequences, and what was to be appended to each.
        """
        if self.cuts:
            for sequence, tokens in rows:
                self._resync(sequence, tokens)
        elif len(rows) == 1:
            # Its state has read some of the tokens, and nobody knows how many.
            self.forget(rows[0][0])
        else:
            # States change places within a batch, those of other sequences among them.
            self.clear()

    def _resync(self, sequence: int, tokens: Sequence[int]) -> None:
        """Cuts or extends a ledger to what is in the cache."""
        ledger = self.ledgers[sequence]
        kept = api.llama_memory_seq_pos_max(self._memory, sequence) + 1
        ledger.extend(tokens[: max(0, kept - len(ledger))])
        if not api.llama_memory_seq_rm(self._memory, sequence, kept, -1):
            self.forget(sequence)
        del ledger[kept:]

    # -- what can be kept outside --

    @property
    def in_parts(self) -> bool:
        """Whether the state of some of a sequence's tokens can be had by itself."""
        return self.cuts and not self._window

    def state(self, sequence: int, first: int, last: int, spare: int) -> ctypes.Array[Any] | None:
        """Copies out what it holds of some tokens of a sequence.

        Args:
            sequence: Which.
            first: The first of them; 0 where the state cannot be had in parts.
            last: Behind the last of them; the end of the sequence where it cannot.
            spare: A sequence that nobody uses.

        Returns:
            Their state, which `add_state` takes back; None where llama.cpp gives none.
        """
        source = sequence
        if self.in_parts:
            # Which costs no memory: the cells have one more owner for a moment.
            source = spare
            api.llama_memory_seq_rm(self._memory, spare, -1, -1)
            api.llama_memory_seq_cp(self._memory, sequence, spare, first, last)
        try:
            size = api.llama_state_seq_get_size_ext(self._context, source, 0)
            data = (ctypes.c_uint8 * size)()
            done = api.llama_state_seq_get_data_ext(self._context, data, size, source, 0)
        finally:
            if source == spare:
                api.llama_memory_seq_rm(self._memory, spare, -1, -1)
        return data if size and done == size else None

    def add_state(self, sequence: int, tokens: Sequence[int], data: bytearray, spare: int) -> bool:
        """Appends tokens to a sequence without evaluating them.

        Args:
            sequence: Which; empty where states cannot be had in parts.
            tokens: The tokens.
            data: Their state, as `state` gave it in a context like this one.
            spare: A sequence that nobody uses.

        Returns:
            Whether that could be done; if not, the sequence is as it was, or empty.
        """
        ledger = self.ledgers[sequence]
        first, last = len(ledger), len(ledger) + len(tokens)
        target = spare if self.in_parts else sequence
        view = (ctypes.c_uint8 * len(data)).from_buffer(data)
        done = api.llama_state_seq_set_data_ext(self._context, view, len(data), target, 0)
        newest = api.llama_memory_seq_pos_max(self._memory, target)
        fits = bool(done == len(data) and newest == last - 1)
        if fits and target == spare:
            fits = bool(api.llama_memory_seq_pos_min(self._memory, spare) == first)
            if fits:
                api.llama_memory_seq_cp(self._memory, spare, sequence, first, last)
        if target == spare:
            api.llama_memory_seq_rm(self._memory, spare, -1, -1)
        if fits:
            ledger.extend(tokens)
        elif target == sequence:
            self.forget(sequence)
        return fits

    def clear(self) -> None:
        """Empties all of it."""
        api.llama_memory_clear(self._memory, False)  # noqa: FBT003  (a native signature)
        for ledger in self.ledgers:
            ledger.clear()
