#!/usr/bin/env python3
"""Writes a GGUF file of random weights that costs exactly what R1-Distill-Qwen-1.5B costs.

Same tensors, same quantisation (Q4_K_M: 1.1 GB), same vocabulary and framing; what it says is
noise. Nothing has to be downloaded but the vocabulary that llama.cpp's sources carry.

    python scripts/bench/speed_model.py .cache/speed-1.5b.gguf

With `--repeats` it says the same thousand words over and over, at the same cost: its layers add
nothing, and behind each word its output layer knows the one that comes next.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import blocks
import gguf
import llama_source
import numpy as np
from gguf import GGMLQuantizationType as Type

LAYERS = 28
WIDTH = 1536
HEADS = 12
KV_HEADS = 2
HEAD = WIDTH // HEADS
FEED_FORWARD = 8960
VOCABULARY = 151_936
CONTEXT = 131_072
ROPE_BASE = 10_000.0
EPSILON = 1e-6
Q4_K_M = 15

# What R1's vocabulary has in place of Qwen2's.
MARKERS = {
    151_643: ("<｜end▁of▁sentence｜>", gguf.TokenType.CONTROL),
    151_644: ("<｜User｜>", gguf.TokenType.CONTROL),
    151_645: ("<｜Assistant｜>", gguf.TokenType.CONTROL),
    151_646: ("<｜begin▁of▁sentence｜>", gguf.TokenType.CONTROL),
    151_647: ("<|EOT|>", gguf.TokenType.CONTROL),
    151_648: ("<think>", gguf.TokenType.USER_DEFINED),
    151_649: ("</think>", gguf.TokenType.USER_DEFINED),
}
EOS, BOS = 151_643, 151_646
WORDS = 151_643
"""Tokens below this are words; those above are never drawn, since their output weights are 0."""

CIRCLE = range(1000, 2000)
"""The words that a model says over and over that was written to do so."""

_TEMPLATE = "templates/deepseek-ai-DeepSeek-R1-Distill-Qwen-32B.jinja"
_SLAB_ROWS = 8192
_SEED = 1


@dataclass(frozen=True)
class Tensor:
    """A tensor to be written."""

    name: str
    shape: tuple[int, ...]
    """Rows first, as numpy has it."""
    kind: Type

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        size, width = gguf.GGML_QUANT_SIZES[self.kind]
        return self.shape[-1] // size * width

    @property
    def size(self) -> int:
        """Bytes in all."""
        return self.row_bytes * (self.shape[0] if len(self.shape) > 1 else 1)


def tensors() -> Iterator[Tensor]:
    """The tensors of the model, in the order of the file."""
    yield Tensor("token_embd.weight", (VOCABULARY, WIDTH), Type.Q4_K)
    for layer in range(LAYERS):
        # Q4_K_M spends more bits on these two in the first and last eighth, and in every third
        # layer between.
        eighth = LAYERS // 8
        more = layer < eighth or layer >= 7 * LAYERS // 8 or (layer - eighth) % 3 == 2
        better = Type.Q6_K if more else Type.Q4_K
        block = f"blk.{layer}"
        kv = KV_HEADS * HEAD
        yield Tensor(f"{block}.attn_norm.weight", (WIDTH,), Type.F32)
        yield Tensor(f"{block}.attn_q.weight", (WIDTH, WIDTH), Type.Q4_K)
        yield Tensor(f"{block}.attn_q.bias", (WIDTH,), Type.F32)
        yield Tensor(f"{block}.attn_k.weight", (kv, WIDTH), Type.Q4_K)
        yield Tensor(f"{block}.attn_k.bias", (kv,), Type.F32)
        yield Tensor(f"{block}.attn_v.weight", (kv, WIDTH), better)
        yield Tensor(f"{block}.attn_v.bias", (kv,), Type.F32)
        yield Tensor(f"{block}.attn_output.weight", (WIDTH, WIDTH), Type.Q4_K)
        yield Tensor(f"{block}.ffn_norm.weight", (WIDTH,), Type.F32)
        yield Tensor(f"{block}.ffn_gate.weight", (FEED_FORWARD, WIDTH), Type.Q4_K)
        yield Tensor(f"{block}.ffn_up.weight", (FEED_FORWARD, WIDTH), Type.Q4_K)
        yield Tensor(f"{block}.ffn_down.weight", (WIDTH, FEED_FORWARD), better)
    yield Tensor("output_norm.weight", (WIDTH,), Type.F32)
    yield Tensor("output.weight", (VOCABULARY, WIDTH), Type.Q6_K)


def repeating() -> Iterator[tuple[Tensor, Iterator[bytes]]]:
    """The tensors of a model that says the words of `CIRCLE` over and over."""
    random = np.random.default_rng(_SEED)
    row = WIDTH // blocks.BLOCK
    words = blocks.q6_k(VOCABULARY * row, random).reshape(VOCABULARY, -1)
    before = np.arange(-1, VOCABULARY - 1)
    before[[CIRCLE.start, CIRCLE.stop]] = CIRCLE[-1], CIRCLE.start - 1
    follows = words[before]
    follows[WORDS:] = 0
    for tensor in tensors():
        if tensor.name == "token_embd.weight":
            yield replace(tensor, kind=Type.Q6_K), iter([words.tobytes()])
        elif tensor.name == "output.weight":
            yield tensor, iter([follows.tobytes()])
        elif tensor.name.endswith(("attn_output.weight", "ffn_down.weight")):
            yield tensor, iter([bytes(tensor.size)])
        else:
            yield tensor, slabs(tensor, random)


def slabs(tensor: Tensor, random: np.random.Generator) -> Iterator[bytes]:
    """The bytes of a tensor, some rows at a time."""
    if tensor.kind == Type.F32:
        value = 1.0 if tensor.name.endswith("norm.weight") else 0.0
        yield np.full(tensor.shape, value, "<f4").tobytes()
        return
    rows, columns = tensor.shape
    make = blocks.q4_k if tensor.kind == Type.Q4_K else blocks.q6_k
    for start in range(0, rows, _SLAB_ROWS):
        count = min(_SLAB_ROWS, rows - start)
        slab = make(count * columns // blocks.BLOCK, random).reshape(count, -1)
        if tensor.name == "output.weight" and start + count > WORDS:
            slab[max(0, WORDS - start) :] = 0
        yield slab.tobytes()


def _strings(field: gguf.ReaderField) -> list[bytes]:
    return [bytes(field.parts[i]) for i in field.data]


def add_vocabulary(writer: gguf.GGUFWriter) -> None:
    """Adds R1-Distill-Qwen's vocabulary and chat template."""
    source = llama_source.extract(
        rf"vendor/llama\.cpp/models/(ggml-vocab-qwen2\.gguf|{_TEMPLATE.replace('.', '[.]')})"
    )
    folder = source / llama_source.MODELS
    fields = gguf.GGUFReader(folder / "ggml-vocab-qwen2.gguf").fields
    tokens = _strings(fields["tokenizer.ggml.tokens"])
    assert len(tokens) == VOCABULARY
    types = [gguf.TokenType.NORMAL] * WORDS
    types += [gguf.TokenType.UNUSED] * (VOCABULARY - WORDS)
    for token, (text, kind) in MARKERS.items():
        tokens[token] = text.encode()
        types[token] = kind
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("deepseek-r1-qwen")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(_strings(fields["tokenizer.ggml.merges"]))
    writer.add_bos_token_id(BOS)
    writer.add_eos_token_id(EOS)
    writer.add_pad_token_id(EOS)
    writer.add_add_bos_token(value=True)
    writer.add_add_eos_token(value=False)
    writer.add_chat_template((folder / _TEMPLATE).read_text("utf-8"))


def noise() -> Iterator[tuple[Tensor, Iterator[bytes]]]:
    """The tensors of a model that says anything."""
    random = np.random.default_rng(_SEED)
    for tensor in tensors():
        yield tensor, slabs(tensor, random)


def write(path: Path, *, repeats: bool = False) -> None:
    """Writes the model, by way of a file beside it, so that a broken off run leaves none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    writer = gguf.GGUFWriter(part, "qwen2")
    writer.add_name("Speed model of the shape of R1-Distill-Qwen-1.5B (random weights)")
    writer.add_block_count(LAYERS)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_file_type(Q4_K_M)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    add_vocabulary(writer)
    plan = list(repeating() if repeats else noise())
    for tensor, _ in plan:
        writer.add_tensor_info(
            tensor.name, tensor.shape, np.dtype(np.float32), tensor.size, raw_dtype=tensor.kind
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    with part.open("ab") as file:
        file.write(b"\0" * (-file.tell() % gguf.GGUF_DEFAULT_ALIGNMENT))
        for _, data in plan:
            for slab in data:
                file.write(slab)
            file.write(b"\0" * (-file.tell() % gguf.GGUF_DEFAULT_ALIGNMENT))
    part.replace(path)


def ensure(path: Path, *, repeats: bool = False) -> Path:
    """Writes the model unless it is there."""
    if not path.is_file():
        llama_source.say(f"writing {path.name} (once, 1.1 GB)")
        write(path, repeats=repeats)
    return path


def main() -> None:
    """Writes the file named on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("path", type=Path, help="the file to write")
    parser.add_argument("--repeats", action="store_true", help="let it repeat itself")
    args = parser.parse_args()
    path: Path = args.path
    write(path, repeats=args.repeats)
    print(f"{path}: {path.stat().st_size / 1e9:.3f} GB")


if __name__ == "__main__":
    main()
