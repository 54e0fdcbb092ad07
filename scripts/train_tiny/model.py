"""The tiny reasoning model: a Qwen2-shaped decoder in plain PyTorch.

Names, rotary order (NEOX: first half with second half), QKV bias and tied
embeddings follow llama.cpp's `qwen2` architecture, so that `export.py` copies
tensors and computes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Shape:
    """Sizes of the model; the defaults are those of the shipped file."""

    vocab: int = 1024
    width: int = 192
    layers: int = 5
    heads: int = 6
    kv_heads: int = 2
    ff: int = 512
    context: int = 1024
    rope_theta: float = 10_000.0
    eps: float = 1e-6

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.width // self.heads


Cache = list[tuple[Tensor, Tensor]]


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Apply rotary positions in NEOX order to `x` of (batch, heads, time, dim)."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """Attention with grouped heads, written out.

    On a CPU the backward pass of torch's fused attention takes longer than
    all matrices of the layer together; this does not.

    Args:
        query: (batch, heads, time, dim).
        key: (batch, kv_heads, seen, dim).
        value: as `key`.
        mask: added to the scores, broadcast to (batch, kv_heads, groups, time, seen).

    Returns:
        The heads side by side: (batch, time, heads * dim).
    """
    batch, heads, time, dim = query.shape
    kv_heads, seen = key.shape[1], key.shape[2]
    grouped = query.reshape(batch, kv_heads, heads // kv_heads * time, dim) * dim**-0.5
    scores = (grouped @ key.mT).view(batch, kv_heads, -1, time, seen) + mask
    weights = torch.softmax(scores, dim=-1, dtype=scores.dtype)
    mixed = weights.view(batch, kv_heads, -1, seen) @ value
    return mixed.view(batch, heads, time, dim).transpose(1, 2).reshape(batch, time, heads * dim)


class Block(nn.Module):
    """One decoder layer: attention with grouped keys, then a SwiGLU."""

    def __init__(self, shape: Shape) -> None:
        """Build the layer's matrices without initialising them."""
        super().__init__()
        self.shape = shape
        width, dim = shape.width, shape.head_dim
        self.attn_norm = nn.RMSNorm(width, eps=shape.eps)
        self.ffn_norm = nn.RMSNorm(width, eps=shape.eps)
        self.attn_q = nn.Linear(width, shape.heads * dim)
        self.attn_k = nn.Linear(width, shape.kv_heads * dim)
        self.attn_v = nn.Linear(width, shape.kv_heads * dim)
        self.attn_output = nn.Linear(shape.heads * dim, width, bias=False)
        self.ffn_gate = nn.Linear(width, shape.ff, bias=False)
        self.ffn_up = nn.Linear(width, shape.ff, bias=False)
        self.ffn_down = nn.Linear(shape.ff, width, bias=False)

    def forward(
        self,
        x: Tensor,
        rope: tuple[Tensor, Tensor],
        mask: Tensor,
        past: tuple[Tensor, Tensor] | None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the layer's output and its keys and values (past included)."""
        batch, time, _ = x.shape
        dim = self.shape.head_dim
        normed = self.attn_norm(x)
        query = self.attn_q(normed).view(batch, time, -1, dim).transpose(1, 2)
        key = self.attn_k(normed).view(batch, time, -1, dim).transpose(1, 2)
        value = self.attn_v(normed).view(batch, time, -1, dim).transpose(1, 2)
        query, key = rotate(query, *rope), rotate(key, *rope)
        if past is not None:
            key = torch.cat((past[0], key), dim=2)
            value = torch.cat((past[1], value), dim=2)
        mixed = attend(query, key, value, mask)
        x = x + self.attn_output(mixed)
        normed = self.ffn_norm(x)
        gated = functional.silu(self.ffn_gate(normed)) * self.ffn_up(normed)
        return x + self.ffn_down(gated), (key, value)


class TinyModel(nn.Module):
    """Token ids in, logits out; the output matrix is the embedding."""

    rope_cos: Tensor
    rope_sin: Tensor

    def __init__(self, shape: Shape) -> None:
        """Build and initialise the weights from torch's global seed."""
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(shape.vocab, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.output_norm = nn.RMSNorm(shape.width, eps=shape.eps)
        for name, weight in self.named_parameters():
            if name.endswith(".bias"):
                nn.init.zeros_(weight)
            elif weight.ndim > 1:
                nn.init.normal_(weight, std=0.02 if "embd" in name else weight.shape[1] ** -0.5)
        for block in self.blocks:
            assert isinstance(block, Block)
            for last in (block.attn_output, block.ffn_down):
                last.weight.data.mul_((2 * shape.layers) ** -0.5)
        half = shape.head_dim // 2
        rates = shape.rope_theta ** (-torch.arange(half, dtype=torch.float32) / half)
        angles = torch.arange(shape.context, dtype=torch.float32)[:, None] * rates
        self.register_buffer("rope_cos", angles.cos(), persistent=False)
        self.register_buffer("rope_sin", angles.sin(), persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the final hidden states (batch, time, width) of whole rows."""
        rope = (self.rope_cos[: tokens.shape[1]], self.rope_sin[: tokens.shape[1]])
        x = self.token_embd(tokens)
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
        time = tokens.shape[1]
        mask = torch.full((time, time), -1e9, dtype=dtype).triu(1)
        for block in self.blocks:
            x, _ = block(x, rope, mask, None)
        return self.output_norm(x)

    def logits(self, hidden: Tensor) -> Tensor:
        """Project hidden states on the vocabulary."""
        return functional.linear(hidden, self.token_embd.weight)

    def step(
        self, tokens: Tensor, positions: Tensor, mask: Tensor, past: Cache | None
    ) -> tuple[Tensor, Cache]:
        """Decode rows that stand at different positions, with a cache.

        Args:
            tokens: (batch, time) ids, padded where a row has fewer.
            positions: (batch, time) place of each token in its own row.
            mask: (batch, 1, 1, time, past + time), 0 where attention may look, else very low.
            past: what the last call returned.

        Returns:
            Logits (batch, time, vocab) and the grown cache.
        """
        rope = (self.rope_cos[positions][:, None], self.rope_sin[positions][:, None])
        x = self.token_embd(tokens)
        cache: Cache = []
        for index, block in enumerate(self.blocks):
            x, pair = block(x, rope, mask, past[index] if past else None)
            cache.append(pair)
        return self.logits(self.output_norm(x)), cache
