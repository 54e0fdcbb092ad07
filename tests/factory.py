"""Writes small GGUF models with random weights, for tests of every family."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

R1_MARKERS = (
    ("<｜begin▁of▁sentence｜>", gguf.TokenType.CONTROL),
    ("<｜end▁of▁sentence｜>", gguf.TokenType.CONTROL),
    ("<｜User｜>", gguf.TokenType.CONTROL),
    ("<｜Assistant｜>", gguf.TokenType.CONTROL),
    ("<think>", gguf.TokenType.USER_DEFINED),
    ("</think>", gguf.TokenType.USER_DEFINED),
)
CHATML_MARKERS = (
    ("<|endoftext|>", gguf.TokenType.CONTROL),
    ("<|im_end|>", gguf.TokenType.CONTROL),
    ("<|im_start|>", gguf.TokenType.CONTROL),
)
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def byte_tokens() -> list[str]:
    """The 256 bytes as GPT-2 spells them."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spelled = {byte: chr(byte) for byte in printable}
    for extra, byte in enumerate(byte for byte in range(256) if byte not in spelled):
        spelled[byte] = chr(256 + extra)
    return [spelled[byte] for byte in range(256)]


def write_model(
    path: Path,
    *,
    arch: str = "llama",
    markers: tuple[tuple[str, gguf.TokenType], ...] = R1_MARKERS,
    template: str | None = None,
    context: int = 512,
    seed: int = 0,
    scale: float = 0.3,
    pre: str = "qwen2",
) -> Path:
    """Writes a model of two layers whose vocabulary is the bytes and the given markers.

    The first marker begins a text, the second ends it. No marker is ever among the forty
    likeliest tokens, so that such a model thinks, or answers, for ever.
    """
    rng = np.random.default_rng(seed)
    width, hidden, heads, layers = 32, 64, 2, 2
    tokens = [*byte_tokens(), *(text for text, _ in markers), "Ġt"]
    kinds = [kind for _, kind in markers]
    types = [gguf.TokenType.NORMAL] * 256 + kinds + [gguf.TokenType.NORMAL]
    writer = gguf.GGUFWriter(path, arch)
    writer.add_name("random")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_context_length(context)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(hidden)
    writer.add_head_count(heads)
    writer.add_head_count_kv(heads)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_dimension_count(width // heads)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(["Ġ t"])
    writer.add_bos_token_id(256)
    writer.add_eos_token_id(257)
    writer.add_add_bos_token(False)
    if template is not None:
        writer.add_chat_template(template)

    def tensor(name: str, *shape: int) -> None:
        data = rng.normal(0.0, scale, shape).astype(np.float32)
        if name == "output.weight":
            data[256 : 256 + len(markers)] = 0
        writer.add_tensor(name, data)

    def ones(name: str, size: int) -> None:
        writer.add_tensor(name, np.ones(size, np.float32))

    tensor("token_embd.weight", len(tokens), width)
    tensor("output.weight", len(tokens), width)
    ones("output_norm.weight", width)
    for i in range(layers):
        block = f"blk.{i}"
        ones(f"{block}.attn_norm.weight", width)
        ones(f"{block}.ffn_norm.weight", width)
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            tensor(f"{block}.{part}.weight", width, width)
        tensor(f"{block}.ffn_gate.weight", hidden, width)
        tensor(f"{block}.ffn_up.weight", hidden, width)
        tensor(f"{block}.ffn_down.weight", width, hidden)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
