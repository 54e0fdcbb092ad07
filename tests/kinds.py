"""Writes small random models of every kind of memory: what attends, what keeps a state, and both.

Their vocabulary is the one of `tests.factory`, and so are their markers.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

from tests.factory import R1_MARKERS, byte_tokens

KINDS = ("llama", "gemma3", "mamba", "jamba", "lfm2", "falcon-h1", "qwen35")
"""Architectures: attention, with a sliding window, states alone, and the two mixed in four ways
(layers of each kind; short convolutions; both in every layer; linear attention)."""
STATEFUL = frozenset({"mamba", "jamba", "lfm2", "falcon-h1", "qwen35"})
WINDOW = 8

_WIDTH, _HIDDEN, _HEADS = 64, 96, 2
_LAYERS = 4
_LAYERS_WINDOWED = 6
"""Gemma's last of six sees all."""
_QWEN_ATTENDS = 4
"""Every so many layers of qwen3.5."""
_INNER, _STATE, _CONV, _RANK, _GROUPS = 128, 16, 4, 8, 2


class _Writer:
    """Adds random tensors to a file."""

    def __init__(self, path: Path, arch: str, seed: int, markers: int) -> None:
        self.out = gguf.GGUFWriter(path, arch)
        self._rng = np.random.default_rng(seed)
        self._markers = markers

    def random(self, name: str, *shape: int, scale: float = 0.3) -> None:
        data = self._rng.normal(0.0, scale, shape).astype(np.float32)
        if name == "output.weight":
            data[256 : 256 + self._markers] = 0
        self.out.add_tensor(name, data)

    def ones(self, name: str, *shape: int) -> None:
        self.out.add_tensor(name, np.ones(shape, np.float32))

    def decays(self, name: str, *shape: int) -> None:
        """How fast a state forgets: slowly, so that one that is wrong shows for long."""
        self.out.add_tensor(name, -self._rng.uniform(0.05, 0.5, shape).astype(np.float32))

    def attention(self, block: str, *, normed: bool, gated: bool = False) -> None:
        self.random(f"{block}.attn_q.weight", _WIDTH * (1 + gated), _WIDTH)
        for part in ("k", "v", "output"):
            self.random(f"{block}.attn_{part}.weight", _WIDTH, _WIDTH)
        if normed:
            for part in ("q", "k"):
                self.ones(f"{block}.attn_{part}_norm.weight", _WIDTH // _HEADS)

    def feed_forward(self, block: str) -> None:
        self.random(f"{block}.ffn_gate.weight", _HIDDEN, _WIDTH)
        self.random(f"{block}.ffn_up.weight", _HIDDEN, _WIDTH)
        self.random(f"{block}.ffn_down.weight", _WIDTH, _HIDDEN)

    def mamba(self, block: str, *, normed: bool) -> None:
        self.random(f"{block}.ssm_in.weight", 2 * _INNER, _WIDTH)
        self.random(f"{block}.ssm_conv1d.weight", _INNER, _CONV)
        self.random(f"{block}.ssm_conv1d.bias", _INNER)
        self.random(f"{block}.ssm_x.weight", _RANK + 2 * _STATE, _INNER)
        self.random(f"{block}.ssm_dt.weight", _INNER, _RANK)
        self.random(f"{block}.ssm_dt.bias", _INNER)
        if normed:
            self.ones(f"{block}.ssm_dt_norm.weight", _RANK)
            self.ones(f"{block}.ssm_b_norm.weight", _STATE)
            self.ones(f"{block}.ssm_c_norm.weight", _STATE)
        self.decays(f"{block}.ssm_a", _INNER, _STATE)
        self.ones(f"{block}.ssm_d", _INNER)
        self.random(f"{block}.ssm_out.weight", _WIDTH, _INNER)

    def mamba2(self, block: str) -> None:
        channels = _INNER + 2 * _STATE
        self.random(f"{block}.ssm_in.weight", _INNER + channels + _RANK, _WIDTH)
        self.random(f"{block}.ssm_conv1d.weight", channels, _CONV)
        self.random(f"{block}.ssm_conv1d.bias", channels)
        self.random(f"{block}.ssm_dt.bias", _RANK)
        self.decays(f"{block}.ssm_a", _RANK, 1)
        self.ones(f"{block}.ssm_d", _RANK, 1)
        self.random(f"{block}.ssm_out.weight", _WIDTH, _INNER)

    def linear_attention(self, block: str) -> None:
        keys = _GROUPS * _STATE
        channels = 2 * keys + _INNER
        self.random(f"{block}.attn_qkv.weight", channels, _WIDTH)
        self.random(f"{block}.attn_gate.weight", _INNER, _WIDTH)
        self.random(f"{block}.ssm_conv1d.weight", channels, _CONV)
        self.random(f"{block}.ssm_dt.bias", _RANK)
        self.decays(f"{block}.ssm_a", _RANK)
        self.random(f"{block}.ssm_beta.weight", _RANK, _WIDTH)
        self.random(f"{block}.ssm_alpha.weight", _RANK, _WIDTH)
        self.ones(f"{block}.ssm_norm.weight", _STATE)
        self.random(f"{block}.ssm_out.weight", _WIDTH, _INNER)

    def short_convolution(self, block: str) -> None:
        self.random(f"{block}.shortconv.conv.weight", _WIDTH, _CONV)
        self.random(f"{block}.shortconv.in_proj.weight", 3 * _WIDTH, _WIDTH)
        self.random(f"{block}.shortconv.out_proj.weight", _WIDTH, _WIDTH)


def write_kind(path: Path, arch: str, *, context: int = 512, seed: int = 0) -> Path:
    """Writes a model of an architecture of `KINDS`."""
    tokens = [*byte_tokens(), *(text for text, _ in R1_MARKERS), "Ġt"]
    kinds = [kind for _, kind in R1_MARKERS]
    writer = _Writer(path, arch, seed, len(R1_MARKERS))
    out = writer.out
    out.add_name(f"random {arch}")
    out.add_file_type(gguf.LlamaFileType.ALL_F32)
    out.add_context_length(context)
    out.add_embedding_length(_WIDTH)
    layers = _LAYERS_WINDOWED if arch == "gemma3" else _LAYERS
    out.add_block_count(layers)
    out.add_feed_forward_length(_HIDDEN)
    out.add_layer_norm_rms_eps(1e-6)
    out.add_vocab_size(len(tokens))
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("qwen2")
    out.add_token_list(tokens)
    out.add_token_types([gguf.TokenType.NORMAL] * 256 + kinds + [gguf.TokenType.NORMAL])
    out.add_token_merges(["Ġ t"])
    out.add_bos_token_id(256)
    out.add_eos_token_id(257)
    out.add_add_bos_token(False)
    _describe(out, arch)
    writer.random("token_embd.weight", len(tokens), _WIDTH)
    writer.random("output.weight", len(tokens), _WIDTH)
    writer.ones("token_embd_norm.weight" if arch == "lfm2" else "output_norm.weight", _WIDTH)
    for layer in range(layers):
        _write_layer(writer, arch, layer)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return path


def _describe(out: gguf.GGUFWriter, arch: str) -> None:
    mixed = arch in {"jamba", "lfm2"}
    out.add_head_count(0 if arch == "mamba" else _HEADS)
    kv_heads = [_HEADS * (layer % 2) for layer in range(_LAYERS)] if mixed else _HEADS
    out.add_head_count_kv(0 if arch == "mamba" else kv_heads)
    if arch in {"llama", "gemma3", "lfm2", "falcon-h1"}:
        out.add_rope_dimension_count(_WIDTH // _HEADS)
    if arch == "gemma3":
        out.add_key_length(_WIDTH // _HEADS)
        out.add_value_length(_WIDTH // _HEADS)
        out.add_sliding_window(WINDOW)
    if arch == "lfm2":
        out.add_shortconv_l_cache(_CONV)
    if arch in {"mamba", "jamba", "falcon-h1", "qwen35"}:
        out.add_ssm_conv_kernel(_CONV)
        out.add_ssm_inner_size(_INNER)
        out.add_ssm_state_size(_STATE)
        out.add_ssm_time_step_rank(_RANK)
    if arch == "falcon-h1":
        out.add_ssm_group_count(1)
    if arch == "qwen35":
        out.add_ssm_group_count(_GROUPS)
        out.add_key_length(_WIDTH // _HEADS)
        out.add_value_length(_WIDTH // _HEADS)
        out.add_rope_dimension_count(_WIDTH // _HEADS)
        out.add_array("qwen35.rope.dimension_sections", [4, 4, 4, 4])


def _write_layer(writer: _Writer, arch: str, layer: int) -> None:
    block = f"blk.{layer}"
    writer.ones(f"{block}.attn_norm.weight", _WIDTH)
    if arch == "mamba":
        writer.mamba(block, normed=False)
        return
    if arch == "falcon-h1":
        writer.mamba2(block)
        writer.attention(block, normed=False)
    elif arch == "qwen35" and (layer + 1) % _QWEN_ATTENDS:
        writer.linear_attention(block)
    elif arch in {"jamba", "lfm2"} and layer % 2 == 0:
        if arch == "jamba":
            writer.mamba(block, normed=True)
        else:
            writer.short_convolution(block)
    else:
        normed = arch in {"gemma3", "lfm2", "qwen35"}
        writer.attention(block, normed=normed, gated=arch == "qwen35")
    if arch in {"gemma3", "qwen35"}:
        writer.ones(f"{block}.post_attention_norm.weight", _WIDTH)
    if arch == "gemma3":
        writer.ones(f"{block}.post_ffw_norm.weight", _WIDTH)
    if arch != "qwen35":
        writer.ones(f"{block}.ffn_norm" + ("" if arch == "falcon-h1" else ".weight"), _WIDTH)
    writer.feed_forward(block)
