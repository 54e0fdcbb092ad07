"""What the recurrent layers of a model keep of a sequence: a state, however long the text is.

Sized as llama.cpp sizes them (`llama_hparams::n_embd_r` and `n_embd_s`, both in F32). Where a
header leaves open which layers are recurrent, more are counted rather than fewer.
"""

from __future__ import annotations

from r1chat.gguf.header import MAX_LAYERS, Array, Header

_F32 = 4
_WITHOUT_ATTENTION = ("mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7")
_BOTH_IN_EACH = ("falcon-h1",)
_USUAL_INTERVAL = 4
"""Every so many layers qwen3-next and qwen3.5 have one that attends, unless the header says."""
_SHIFTS = 2
"""Tokens that RWKV looks back, unless the header says."""


def state_bytes(header: Header) -> tuple[int, ...]:
    """Bytes of each layer's state, of one sequence; 0 for layers that have none."""
    size = _F32 * _values(header)
    layers = min(header.block_count, MAX_LAYERS)
    recurrent = _recurrent(header, layers) if size else (False,) * layers
    return tuple(size * is_recurrent for is_recurrent in recurrent)


def _values(header: Header) -> int:
    """Numbers in a layer's state."""
    width = header.embedding_length
    if head := _number(header, "wkv.head_size"):
        return width * (head + (_number(header, "token_shift_count") or _SHIFTS))
    if kept := _number(header, "shortconv.l_cache"):
        return width * (kept - 1)
    kept = max(0, _number(header, "ssm.conv_kernel") - 1)
    if head := _number(header, "kda.head_dim"):
        return header.head_count * head * (head + 3 * (kept or 3))
    if header.arch == "minimax-01":
        return header.head_count * header.key_length**2
    inner, state = _number(header, "ssm.inner_size"), _number(header, "ssm.state_size")
    return inner * state + kept * (inner + 2 * _number(header, "ssm.group_count") * state)


def _recurrent(header: Header, layers: int) -> tuple[bool, ...]:
    """Which layers have a state."""
    if header.arch in (*_WITHOUT_ATTENTION, *_BOTH_IN_EACH):
        return (True,) * layers
    said = _numbers(header, "attention.recurrent_layers")
    if len(said) == layers:
        return tuple(map(bool, said))
    heads = _numbers(header, "attention.head_count_kv")
    if len(heads) == layers and 0 in heads:
        hidden = _numbers(header, "feed_forward_length")
        # Layers of nemotron-h do one thing each: some do neither.
        neither = header.arch.startswith("nemotron_h") and len(hidden) == layers
        idle = hidden if neither else (0,) * layers
        return tuple(not kv and not wide for kv, wide in zip(heads, idle, strict=True))
    interval = _number(header, "full_attention_interval")
    if not interval and header.arch.startswith(("qwen3next", "qwen35")):
        interval = _USUAL_INTERVAL
    return tuple(not interval or (layer + 1) % interval != 0 for layer in range(layers))


def _number(header: Header, key: str) -> int:
    return max(0, header.integer(f"{header.arch}.{key}") or 0)


def _numbers(header: Header, key: str) -> tuple[int | float, ...]:
    value = header.metadata.get(f"{header.arch}.{key}")
    return value.numbers() if isinstance(value, Array) else ()
