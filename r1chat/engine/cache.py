"""llama.cpp's KV cache, and the ledgers that mirror it token by token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from r1chat.engine.native import api


class Cache:
    """What a context remembers, sequence by sequence.

    Args:
        context: llama.cpp's handle of the context; it must outlive this object.
        sequences: How many sequences there may be.
    """

    def __init__(self, context: Any, sequences: int) -> None:  # noqa: ANN401  (a native handle)
        self._memory = api.llama_get_memory(context)
        self.cells: int = api.llama_n_ctx(context)
        """Tokens that it holds, of all sequences."""
        self.ledgers: list[list[int]] = [[] for _ in range(sequences)]
        """The tokens of each sequence."""

    @property
    def used(self) -> int:
        """Tokens in all sequences, those that they share counted in each."""
        return sum(map(len, self.ledgers))

    def shared(self, sequence: int, tokens: Sequence[int]) -> int:
        """How many tokens a sequence and others have in common at their beginning."""
        ledger = self.ledgers[sequence]
        if ledger[: len(tokens)] == list(tokens[: len(ledger)]):
            return min(len(ledger), len(tokens))
        pairs = enumerate(zip(ledger, tokens, strict=False))
        return next(i for i, (one, other) in pairs if one != other)

    def cut(self, sequence: int, length: int) -> None:
        """Cuts a sequence to a length."""
        ledger = self.ledgers[sequence]
        if api.llama_memory_seq_rm(self._memory, sequence, length, -1):
            del ledger[length:]
            return
        # Memories that keep a state instead of a cache cannot be cut, only begun anew.
        api.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        ledger.clear()

    def copy(self, source: int, target: int, length: int) -> None:
        """Gives a sequence the beginning of another, which costs no memory.

        Args:
            source: The other.
            target: What it held is forgotten.
            length: Tokens; 0 empties the target.
        """
        api.llama_memory_seq_rm(self._memory, target, -1, -1)
        self.ledgers[target].clear()
        if length:
            api.llama_memory_seq_cp(self._memory, source, target, 0, length)
            self.ledgers[target].extend(self.ledgers[source][:length])

    def resync(self, sequence: int, tokens: Sequence[int]) -> None:
        """Cuts or extends a ledger to what an interrupted evaluation left in the cache."""
        ledger = self.ledgers[sequence]
        kept = api.llama_memory_seq_pos_max(self._memory, sequence) + 1
        ledger.extend(tokens[: max(0, kept - len(ledger))])
        self.cut(sequence, min(kept, len(ledger)))

    def clear(self) -> None:
        """Empties all of it."""
        api.llama_memory_clear(self._memory, False)  # noqa: FBT003  (a native signature)
        for ledger in self.ledgers:
            ledger.clear()
