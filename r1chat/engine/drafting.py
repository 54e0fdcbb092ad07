"""A smaller model of the same vocabulary that drafts for a larger one (Leviathan et al. 2023)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from r1chat import gguf
from r1chat.engine import loading
from r1chat.engine.base import Sampling
from r1chat.engine.machine import ContextOptions, TokenMachine
from r1chat.engine.native import AbortByte
from r1chat.errors import ModelError

_MOST_PADDING = 1024
"""Vocabularies of one family differ by unused tokens at their end."""


class DraftModel:
    """Drafts greedily; its own cache follows the text of the larger model.

    Args:
        path: The file.
        sizes: The context of the larger model.
        abort: That of the larger model.
        gpu_layers: Layers to put on the GPU; -1 for all.
        on_progress: Called with 0 to 1; returning False breaks off.

    Raises:
        ModelError: If it cannot be loaded.
        EngineError: If there is not enough memory for its context.
    """

    def __init__(
        self,
        path: Path,
        sizes: ContextOptions,
        abort: AbortByte,
        *,
        gpu_layers: int = 0,
        on_progress: Callable[[float], bool] | None = None,
    ) -> None:
        self._model: Any = loading.open_model(path, gpu_layers=gpu_layers, on_progress=on_progress)
        try:
            self._machine = TokenMachine(self._model, sizes, abort)
        except BaseException:
            loading.free_model(self._model)
            raise
        self._machine.set_sampler(Sampling(temperature=0), 0)

    def draft(self, text: Sequence[int], token: int, most: int) -> list[int]:
        """What it would write.

        Args:
            text: All tokens before.
            token: The one that comes behind them.
            most: Tokens to draft; fewer where it does not know one of them.

        Raises:
            Cancelled: If the abort byte was set.
            EngineError: If llama.cpp fails.
        """
        machine = self._machine
        whole = [*text, token]
        if len(whole) + most > machine.capacity or max(whole) >= machine.vocabulary.size:
            return []
        done = machine.reuse(whole)
        machine.evaluate(whole[done:])
        drafted: list[int] = []
        while True:
            drafted.append(machine.sample())
            if len(drafted) >= most:
                return drafted
            machine.evaluate(drafted[-1:])

    def close(self) -> None:
        """Frees it."""
        self._machine.close()
        loading.free_model(self._model)


def check_vocabulary(header: gguf.Header, other: gguf.Header) -> None:
    """Sees to it that two models have the same tokens under the same numbers.

    Args:
        header: The draft model's.
        other: The larger model's.

    Raises:
        ModelError: If they have not.
    """
    message = (
        f"{header.path.name} cannot draft for {other.path.name}: their vocabularies differ; "
        "take a smaller model of the same family"
    )
    if header.tokenizer_model != other.tokenizer_model:
        raise ModelError(message)
    mine, its = (each.metadata.get("tokenizer.ggml.tokens") for each in (header, other))
    if not isinstance(mine, gguf.Array) or not isinstance(its, gguf.Array):
        raise ModelError(message)
    if abs(mine.count - its.count) > _MOST_PADDING:
        raise ModelError(message)
    # The shorter one ends the comparison.
    if any(one != two for one, two in zip(mine.strings(), its.strings(), strict=False)):
        raise ModelError(message)
