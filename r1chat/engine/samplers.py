"""Draws tokens by llama.cpp's samplers: temperature, top-k, top-p, min-p; within a grammar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from r1chat.engine.base import Sampling
from r1chat.engine.constraint import Constraint
from r1chat.engine.native import api


class Sampler:
    """Draws one token after another.

    Args:
        sampling: How tokens are chosen.
        seed: For the choice.
    """

    def __init__(self, sampling: Sampling, seed: int) -> None:
        self._chain: Any = make_sampler(sampling, seed)
        self._constraint: Constraint | None = None

    def draw(self, context: Any, index: int) -> int:  # noqa: ANN401  (an opaque native handle)
        """Draws the token that follows a place of the last batch.

        Raises:
            EngineError: If nothing fits the grammar.
        """
        token = int(api.llama_sampler_sample(self._chain, context, index))
        constraint = self._constraint
        if constraint is None:
            return token
        if not constraint.allows(token):
            token = constraint.redraw(self._chain, api.llama_get_logits_ith(context, index))
        if token >= 0:
            constraint.accept(token)
        return token

    def constrain(self, constraint: Constraint) -> None:
        """Draws from now on only what fits a grammar."""
        self._release()
        self._constraint = constraint

    @property
    def complete(self) -> bool:
        """Whether what was drawn since `constrain` is a whole of the grammar."""
        return self._constraint is not None and self._constraint.complete

    def admitted(self, draft: list[int]) -> Sequence[int]:
        """The beginning of some guesses that the grammar does not refuse."""
        if self._constraint is None or not draft:
            return draft
        return self._constraint.admitted(draft)

    def _release(self) -> None:
        if self._constraint is not None:
            self._constraint.close()
            self._constraint = None

    def close(self) -> None:
        """Frees what is native."""
        self._release()
        api.llama_sampler_free(self._chain)


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
