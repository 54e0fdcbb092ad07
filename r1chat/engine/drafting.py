"""A smaller model of the same vocabulary that drafts for a larger one (Leviathan et al. 2023)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from r1chat import gguf
from r1chat.engine import gpus, loading
from r1chat.engine.base import Sampling
from r1chat.engine.context import ContextOptions
from r1chat.engine.native import AbortByte
from r1chat.engine.opening import Opening
from r1chat.errors import Cancelled, EngineError, ModelError
from r1chat.gguf.needs import Shape, needs

log = logging.getLogger(__name__)

_MOST_PADDING = 1024
"""Vocabularies of one family differ by unused tokens at their end."""


@dataclass(frozen=True, slots=True)
class PlannedDraft:
    """A draft model that is about to be loaded."""

    path: Path
    header: gguf.Header

    def bytes_needed(self, context: int) -> int:
        """Memory that it will take, with a context of so many tokens."""
        return needs(Shape.of(self.header), self.header.size, context).total


def plan(path: Path, larger: gguf.Header) -> PlannedDraft:
    """Looks at a draft model before it is loaded.

    Args:
        path: The file.
        larger: The header of the model that it drafts for.

    Raises:
        ModelError: If it cannot be used, or not with that model.
    """
    header = gguf.read_header(path)
    gguf.check_chat_model(header)
    check_vocabulary(header, larger)
    return PlannedDraft(path, header)


class DraftModel:
    """Drafts greedily; its own cache follows the text of the larger model.

    Args:
        planned: What to load.
        sizes: The context of the larger model.
        abort: That of the larger model.
        on_gpu: Whether it may go onto a GPU.
        on_progress: Called with 0 to 1; returning False breaks off.

    Raises:
        ModelError: If it cannot be loaded.
    """

    def __init__(
        self,
        planned: PlannedDraft,
        sizes: ContextOptions,
        abort: AbortByte,
        *,
        on_gpu: bool = False,
        on_progress: Callable[[float], bool] | None = None,
    ) -> None:
        opening = Opening(replace(sizes, cells=None), gpus.ALL if on_gpu else 0)
        self._model, self._machine = opening.open(planned.path, abort, on_progress)
        if not self._machine.cuts:
            self.close()
            message = f"{planned.path.name} cannot draft: what it has read, it cannot take back"
            raise ModelError(message)
        self._machine.set_sampler(Sampling(temperature=0), 0)
        self._has_failed = False

    def behind(self, text: Sequence[int]) -> int:
        """How many tokens of a text it has not read."""
        machine = self._machine
        if len(text) >= machine.capacity or self._has_failed:
            return 0
        return len(text) - machine.shared(text)

    def read(self, text: Sequence[int], most: int) -> None:
        """Reads some of them.

        Raises:
            Cancelled: If the abort byte was set.
        """
        at = self._machine.shared(text)
        self._machine.truncate(at)
        self._evaluate(text[at : at + most])

    def draft(self, text: Sequence[int], token: int, most: int) -> list[int]:
        """What it would write.

        Args:
            text: All tokens before; it has read them.
            token: The one that comes behind them.
            most: Tokens to draft; none where it does not know the token, or has no room.

        Raises:
            Cancelled: If the abort byte was set.
        """
        machine = self._machine
        machine.truncate(len(text))
        if machine.position != len(text) or machine.room <= most:
            return []
        drafted = [token]
        while len(drafted) <= most:
            if not self._evaluate(drafted[-1:]):
                return []
            drafted.append(machine.sample())
        return drafted[1:]

    def _evaluate(self, tokens: Sequence[int]) -> bool:
        if self._has_failed or max(tokens) >= self._machine.vocabulary.size:
            return False
        try:
            self._machine.evaluate(tokens)
        except Cancelled:
            raise
        except EngineError as error:
            # A draft is never needed.
            log.warning("no more drafts: %s", error)
            self._has_failed = True
        return not self._has_failed

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
