"""Constrains sampling to a grammar, with llama.cpp's grammar sampler.

As llama.cpp's own programs do it, a token is drawn freely first and the grammar asked about that
one alone. Only where it refuses, the candidates are narrowed down to what fits, and one of them is
drawn: of the likeliest 512; where none of these fits, of the likeliest 8,192; and only then of the
whole vocabulary. To ask about all of 150,000 tokens takes as long as a small model takes for one.
"""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Sequence
from typing import Any

from r1chat.engine.native import api
from r1chat.engine.parts import NOTHING
from r1chat.engine.vocab import LlamaVocabulary
from r1chat.errors import EngineError, UsageError

_WINDOWS = (512, 8192)
_MOST_CPU_S = 4.0
"""For one token: a grammar that takes so long has many readings of what was written, and each
further token may double them."""


class Constraint:
    """A grammar, and how much of it has been written.

    Args:
        vocabulary: The model's.
        grammar: GBNF that `r1chat.engine.grammars` has found good.
        ends: Tokens that end a reply, beside those that the file names.

    Raises:
        UsageError: If llama.cpp does not take the grammar.
    """

    def __init__(
        self, vocabulary: LlamaVocabulary, grammar: str, ends: frozenset[int] = frozenset()
    ) -> None:
        self._vocabulary = vocabulary
        self._ends = ends
        handle = api.llama_sampler_init_grammar(vocabulary.handle, grammar.encode(), b"root")
        if not handle:
            message = "llama.cpp does not take this grammar"
            raise UsageError(message)
        self._handle: Any = handle
        self._windows: Any = [api.llama_sampler_init_top_k(size) for size in _WINDOWS]
        self._one = (api.llama_token_data * 1)()
        self._texts: dict[int, bool] = {}

    def close(self) -> None:
        """Frees what is native."""
        for handle in (self._handle, *self._windows):
            api.llama_sampler_free(handle)

    # -- what fits --

    def is_end(self, token: int) -> bool:
        """Whether a token ends a reply."""
        return token in self._ends or self._vocabulary.ends_reply(token)

    @property
    def complete(self) -> bool:
        """Whether what was written is a whole of the grammar, so that it may end."""
        end = self._vocabulary.an_end
        # Without any end in the vocabulary a grammar goes on as long as something fits.
        return end is not None and self._fits(self._handle, end)

    def allows(self, token: int) -> bool:
        """Whether a token may come next."""
        if self.is_end(token):
            return self.complete
        return self._is_text(token) and self._fits(self._handle, token)

    def accept(self, token: int) -> None:
        """Takes a token that `allows` has found good."""
        if not self.is_end(token):
            with _Watch():
                api.llama_sampler_accept(self._handle, token)

    def follow(self, tokens: Sequence[int]) -> None:
        """Takes what was written before.

        Raises:
            EngineError: If it does not fit.
        """
        for token in tokens:
            if not self.allows(token):
                message = "the answer that is to be continued has not this shape"
                raise EngineError(message)
            self.accept(token)

    def admitted(self, draft: Sequence[int]) -> list[int]:
        """The beginning of some guesses that fits the grammar."""
        found: list[int] = []
        handle = api.llama_sampler_clone(self._handle)
        try:
            for token in draft:
                fits = self._is_text(token) and not self.is_end(token)
                if not fits or not self._fits(handle, token):
                    break
                found.append(token)
                if len(found) < len(draft):
                    with _Watch():
                        api.llama_sampler_accept(handle, token)
        finally:
            api.llama_sampler_free(handle)
        return found

    def _is_text(self, token: int) -> bool:
        """Whether a reader sees all of a token: of markers, for one, nothing is seen."""
        known = self._texts.get(token)
        if known is None:
            shown = self._vocabulary.shown(token)
            # Behind a NUL llama.cpp would look at nothing more, and fail when it takes the token.
            known = bool(shown) and b"\0" not in shown and shown == self._vocabulary.piece(token)
            self._texts[token] = known
        return known

    def _fits(self, handle: Any, token: int) -> bool:  # noqa: ANN401  (an opaque native handle)
        self._one[0].id, self._one[0].logit = token, 0.0
        _apply(handle, self._one, 1)
        return bool(self._one[0].logit == 0.0)

    # -- drawing --

    def redraw(self, chain: Any, logits: Any) -> int:  # noqa: ANN401  (native)
        """Draws a token of those that fit, where a free one did not.

        Args:
            chain: The samplers.
            logits: Of all tokens.

        Returns:
            The token, or NOTHING.

        Raises:
            EngineError: If no token of the vocabulary fits, and the answer is not whole.
        """
        for window in (*self._windows, None):
            found = self._fitting(logits, window)
            if found:
                few = (api.llama_token_data * len(found))(*found)
                array = _apply(chain, few, len(found), in_order=True)
                return int(few[array.selected].id)
        if self.complete or self._vocabulary.an_end is None:
            return NOTHING
        message = "this model has no token that would go on with the shape that is asked for"
        raise EngineError(message)

    def _fitting(self, logits: Any, window: Any) -> list[Any]:  # noqa: ANN401  (native)
        """The likeliest tokens that fit, the likeliest first.

        Args:
            logits: Of all tokens.
            window: A sampler that leaves so many of the likeliest to look at; None looks at all.
        """
        candidates = self._vocabulary.candidates
        size = candidates.fill(logits)
        stages = (self._handle, self._windows[0]) if window is None else (window, self._handle)
        for stage in stages:
            size = _apply(stage, candidates.data, size).size
        return [
            api.llama_token_data(each.id, each.logit, 0.0)
            for each in candidates.data[:size]
            if each.logit != -math.inf
            and (self._vocabulary.ends_reply(each.id) or self._is_text(each.id))
        ]


def _apply(stage: Any, data: Any, size: int, *, in_order: bool = False) -> Any:  # noqa: ANN401
    """Applies a sampler to candidates, which stay in the array that they are in."""
    pointer = ctypes.cast(data, ctypes.POINTER(api.llama_token_data))
    array = api.llama_token_data_array(pointer, size, -1, in_order)
    with _Watch():
        api.llama_sampler_apply(stage, ctypes.byref(array))
    if ctypes.addressof(array.data.contents) != ctypes.addressof(data):
        ctypes.memmove(data, array.data, array.size * ctypes.sizeof(api.llama_token_data))
    return array


class _Watch:
    """Raises where llama.cpp has taken very long."""

    def __enter__(self) -> None:
        self._began = time.thread_time()

    def __exit__(self, *_: object) -> None:
        if time.thread_time() - self._began > _MOST_CPU_S:
            message = "the grammar is too ambiguous: it reads what was written in too many ways"
            raise EngineError(message)
