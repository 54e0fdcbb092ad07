"""How much memory a model needs. The one place where that is added up.

The engine refuses or shortens a context by it, and the hub marks by it what fits this machine.
"""

from __future__ import annotations

from dataclasses import dataclass

from r1chat.formatting import counted, format_bytes
from r1chat.gguf.header import Array, Header
from r1chat.gguf.states import state_bytes

DEFAULT_CONTEXT = 16384
"""Tokens of context, unless somebody asks for more or less."""
SMALLEST_CONTEXT = 2048
"""The least that a thought and an answer can do with."""
SAFE_SHARE = 0.9
"""How much of the free memory a model may take; with more the machine begins to swap."""
RESERVED_SEQUENCES = 4
"""Sequences that an engine has beside those of its samples: the reply's, what is read ahead, and
two to start from again where a memory cannot be cut."""
MOST_LANES = 16
"""Samples that are drawn side by side at most."""
BATCH = 512
"""Tokens of a prompt that are evaluated at a time."""

_MIB = 1 << 20
MOST_SCORES = 256 * _MIB
"""Bytes of attention scores that are kept at a time, where there is no flash attention."""
_LEAST_BATCH = 64
"""Tokens of a prompt below which evaluating them at a time is dearer than flash attention."""
_F16, _F32 = 2, 4
_PROGRAM = 64 * _MIB
_PER_WORD = 320
_CHEAP_STATES = 64 * _MIB
_WIDTHS = 24
"""Widths of a layer that are kept of each token of a batch."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a model's need of memory depends on, beside its weights.

    Attributes:
        layers: Its layers.
        hidden: Width of a layer.
        heads: Attention heads of a layer.
        kv_heads: Those that keys and values have.
        head_dim: Width of a head.
        vocabulary: Tokens that it knows.
        context: Tokens of context that it was made for; 0 if nobody says.
        cache: Bytes of an F16 cache that a token takes; None where all layers are alike, so that
            it follows from the others.
        state: Bytes that the recurrent layers keep of a sequence, however long it is.
        idle: Thousandths of the weights that a token leaves out: a mixture's other experts.
    """

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    context: int = 0
    cache: int | None = None
    state: int = 0
    idle: int = 0

    @classmethod
    def of(cls, header: Header) -> Shape:
        """The shape of the model that a header describes."""
        tokens = header.metadata.get("tokenizer.ggml.tokens")
        return cls(
            layers=header.block_count,
            hidden=header.embedding_length,
            heads=header.head_count,
            kv_heads=header.head_count_kv,
            head_dim=header.key_length,
            vocabulary=tokens.count if isinstance(tokens, Array) else 0,
            context=header.context_trained,
            cache=header.kv_bytes_per_token,
            state=sum(state_bytes(header)),
            idle=_idle(header),
        )

    @property
    def share_read(self) -> float:
        """How much of the weights a token reads."""
        return 1 - self.idle / 1000

    @property
    def cache_per_token(self) -> int:
        """Bytes of an F16 cache that a token takes."""
        if self.cache is not None:
            return self.cache
        return 2 * self.layers * self.kv_heads * self.head_dim * _F16

    @property
    def usual_lanes(self) -> int:
        """Samples side by side that there is room for unless more are asked for."""
        return max(1, min(MOST_LANES, _CHEAP_STATES // self.state)) if self.state else MOST_LANES

    @property
    def usual_context(self) -> int:
        """Tokens of context that are made unless somebody asks for more or less."""
        return min(self.context or DEFAULT_CONTEXT, DEFAULT_CONTEXT)


def _idle(header: Header) -> int:
    """Thousandths of the weights that belong to experts that a token is not sent to."""
    experts = header.integer(f"{header.arch}.expert_count") or 0
    used = header.integer(f"{header.arch}.expert_used_count") or 0
    if not 0 < used < experts or not header.weights_bytes:
        return 0
    of_experts = sum(tensor.size for tensor in header.tensors if "_exps" in tensor.name)
    return round(1000 * of_experts / header.weights_bytes * (1 - used / experts))


@dataclass(frozen=True, slots=True)
class Needs:
    """Bytes that a model takes at a context; as text, the sum."""

    weights: int
    cache: int
    buffers: int
    tokens: int
    """Of context."""
    states: int = 0
    """What recurrent layers keep of all sequences."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.cache + self.buffers + self.states

    def fits(self, available: int | None, share: float = SAFE_SHARE) -> bool:
        """Whether so much free memory is enough, with something left; nobody knows counts as yes.

        Args:
            available: Bytes of free memory.
            share: How much of them may be taken.
        """
        return available is None or self.total <= available * share

    def __str__(self) -> str:
        states = f"+ {format_bytes(self.states)} states " if self.states else ""
        return (
            f"{format_bytes(self.weights)} file + {format_bytes(self.cache)} for "
            f"{counted(self.tokens, 'token')} {states}"
            f"+ {format_bytes(self.buffers)} buffers = {format_bytes(self.total)}"
        )


def needs(shape: Shape, weights: int, tokens: int, lanes: int | None = None) -> Needs:
    """Adds up what a model needs.

    Args:
        shape: The model's.
        weights: Bytes of its weights, or of its file.
        tokens: Tokens of context.
        lanes: Samples that can be drawn side by side; by default the usual ones.
    """
    states = shape.state * (RESERVED_SEQUENCES + (lanes or shape.usual_lanes))
    cache = tokens * shape.cache_per_token
    return Needs(weights, cache, _buffers(shape, tokens), tokens, states)


def shortened(shape: Shape, weights: int, available: int | None) -> Needs:
    """What a model needs at the usual context, or at the longest half of it, and so on, that fits.

    Args:
        shape: The model's.
        weights: Bytes of its weights, or of its file.
        available: Bytes of free memory, or None where nobody knows.

    Returns:
        The need at `SMALLEST_CONTEXT`, or the usual context if that is less, where none fits.
    """
    found = needs(shape, weights, shape.usual_context)
    while not found.fits(available) and found.tokens > SMALLEST_CONTEXT:
        found = needs(shape, weights, max(SMALLEST_CONTEXT, found.tokens // 2))
    return found


def plain_batch(heads: int, tokens: int) -> int | None:
    """How many tokens a processor evaluates at a time without flash attention.

    On processors llama.cpp's flash attention takes more time for each pair of tokens than the
    products that it saves: in long contexts a token costs a quarter more. Without it each head
    keeps a score for each pair, so that fewer tokens are evaluated at a time where there are many.

    Args:
        heads: Attention heads of a layer.
        tokens: Tokens of context.

    Returns:
        A power of two; None where the scores of so many pairs are not worth their memory.
    """
    most = MOST_SCORES // max(1, _F32 * heads * tokens)
    if most < _LEAST_BATCH:
        return None
    return min(BATCH, 1 << (most.bit_length() - 1))


def untouched(shape: Shape) -> int:
    """Bytes of buffers that llama.cpp reserves and never writes to: logits of a whole batch.

    We ask for those of its last token only, so that in the main memory they cost nothing. A GPU
    gives memory by what is reserved.
    """
    return BATCH * shape.vocabulary * _F32


def gpu_buffers(shape: Shape, tokens: int) -> int:
    """Bytes that llama.cpp reserves on each GPU beside layers and cache."""
    return untouched(shape) + _values(shape, tokens)


def _buffers(shape: Shape, tokens: int) -> int:
    """Bytes that a process needs beside weights and cache.

    Found with llama.cpp of 2026-10 as r1chat runs it (batches of at most 512 tokens, F16 cache), by
    what was resident before and after each step; `scripts/bench_fit` checks the sum:

    - the program: 40 MiB with the app's screen, and some to breathe;
    - the vocabulary: 46 MiB for Qwen's 151,936 tokens and their merges;
    - the layers' values of one batch, in F32: 72 MiB for 1536 values a token, of which the three
      matrices of the feed-forward part are most. They are up to six times as wide as the layer;
    - the mask of the attention: two bytes for each token of the batch and of the context;
    - the scores of the attention, four bytes for each head and each of these (`plain_batch`).

    Where llama.cpp repacks weights for the processor (it does for AVX2 and ARM, not for AMX, where
    r1chat forbids it), the copies are counted and the mapped originals are not: once they are
    copied, nobody reads them, and the system takes their memory back when it needs it. Until then a
    process manager shows up to twice the weights.
    """
    scores = min(MOST_SCORES, _F32 * BATCH * shape.heads * tokens)
    return _PROGRAM + _PER_WORD * shape.vocabulary + _values(shape, tokens) + scores


def _values(shape: Shape, tokens: int) -> int:
    """Bytes of the layers' values of one batch, and of the mask of its attention."""
    return BATCH * (_F32 * _WIDTHS * shape.hidden + _F16 * tokens)
