"""Writes a small model with the real vocabulary and template of an R1 distill.

What it says is noise: two random layers. But its tokens, markers and framing are those that
DeepSeek-R1-Distill-Qwen-7B has, so that prompts, splits and closing words can be tried on them.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

from r1chat.gguf.header import Array, Header
from r1chat.gguf.reader import read_header_of

_WIDTH, _HIDDEN, _HEADS, _LAYERS = 64, 128, 2, 2
_CONTEXT = 32_768
_SEED = 1


def write_small_r1(head: Path, whole_size: int, target: Path) -> None:
    """Writes the small model.

    Args:
        head: A file whose header is whole, and whose weights may be cut off.
        whole_size: Bytes that the file would have with all of its weights; at least what its
            header asks for.
        target: The file to write.
    """
    with head.open("rb") as file:
        header = read_header_of(file, head, whole_size)
    unfinished = target.with_suffix(".writing")
    writer = gguf.GGUFWriter(unfinished, "qwen2")
    _write_shape(writer)
    vocabulary = _write_vocabulary(writer, header)
    _write_tensors(writer, vocabulary)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    unfinished.replace(target)


def _write_shape(writer: gguf.GGUFWriter) -> None:
    writer.add_name("R1 vocabulary, random weights")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_context_length(_CONTEXT)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(_LAYERS)
    writer.add_feed_forward_length(_HIDDEN)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_layer_norm_rms_eps(1e-6)


def _write_vocabulary(writer: gguf.GGUFWriter, header: Header) -> int:
    tokens = list(_array(header, "tokenizer.ggml.tokens").strings())
    writer.add_tokenizer_model(header.tokenizer_model or "gpt2")
    writer.add_tokenizer_pre(header.text("tokenizer.ggml.pre") or "")
    writer.add_token_list(tokens)
    types = _array(header, "tokenizer.ggml.token_type").numbers()
    writer.add_token_types([int(number) for number in types])
    writer.add_token_merges(list(_array(header, "tokenizer.ggml.merges").strings()))
    for add, key in (
        (writer.add_bos_token_id, "bos_token_id"),
        (writer.add_eos_token_id, "eos_token_id"),
        (writer.add_pad_token_id, "padding_token_id"),
    ):
        number = header.integer(f"tokenizer.ggml.{key}")
        if number is not None:
            add(number)
    writer.add_add_bos_token(bool(header.metadata.get("tokenizer.ggml.add_bos_token", True)))
    writer.add_chat_template(header.chat_template or "")
    return len(tokens)


def _array(header: Header, key: str) -> Array:
    value = header.metadata[key]
    assert isinstance(value, Array), key
    return value


def _write_tensors(writer: gguf.GGUFWriter, vocabulary: int) -> None:
    random = np.random.default_rng(_SEED)

    def matrix(name: str, *shape: int) -> None:
        writer.add_tensor(name, random.normal(0.0, 0.2, shape).astype(np.float16))

    def ones(name: str) -> None:
        writer.add_tensor(name, np.ones(_WIDTH, np.float32))

    def zeros(name: str) -> None:
        writer.add_tensor(name, np.zeros(_WIDTH, np.float32))

    matrix("token_embd.weight", vocabulary, _WIDTH)
    ones("output_norm.weight")
    for layer in range(_LAYERS):
        block = f"blk.{layer}"
        ones(f"{block}.attn_norm.weight")
        ones(f"{block}.ffn_norm.weight")
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            matrix(f"{block}.{part}.weight", _WIDTH, _WIDTH)
        for part in ("attn_q", "attn_k", "attn_v"):
            zeros(f"{block}.{part}.bias")
        matrix(f"{block}.ffn_gate.weight", _HIDDEN, _WIDTH)
        matrix(f"{block}.ffn_up.weight", _HIDDEN, _WIDTH)
        matrix(f"{block}.ffn_down.weight", _WIDTH, _HIDDEN)
