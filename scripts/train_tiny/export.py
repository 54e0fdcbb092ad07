"""Write a checkpoint as a GGUF that llama.cpp loads: F16, architecture qwen2.

F16 and not Q8_0: some builds of llama.cpp crash on quantised weights on
processors with AMX, and two megabytes are a small price for a file that runs
on all of them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import gguf
import numpy as np

from scripts.train_tiny.model import TinyModel
from scripts.train_tiny.tokenizer import CONTROL, SPECIALS, Tokenizer
from scripts.train_tiny.train import load_model

CHAT_TEMPLATE = (
    "{{ bos_token }}{% set ns = namespace(system='') %}"
    "{% for message in messages %}{% if message['role'] == 'system' %}"
    "{% set ns.system = message['content'] + '\\n\\n' %}{% endif %}{% endfor %}"
    "{% for message in messages %}{% if message['role'] == 'user' %}"
    "{{ '<｜User｜>' + ns.system + message['content'] }}{% set ns.system = '' %}"
    "{% elif message['role'] == 'assistant' %}{% set content = message['content'] %}"
    "{% if '</think>' in content %}"
    "{% set content = content.split('</think>')[-1].lstrip() %}{% endif %}"
    "{{ '<｜Assistant｜>' + content + '<｜end▁of▁sentence｜>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<｜Assistant｜><think>\\n' }}{% endif %}"
)
OUTER = {"token_embd.weight": "token_embd.weight", "output_norm.weight": "output_norm.weight"}


def _keys(writer: gguf.GGUFWriter, model: TinyModel, tokenizer: Tokenizer) -> None:
    shape = model.shape
    writer.add_name("r1chat tiny")
    writer.add_description("A toy reasoning model: small sums, comparisons, letter counts.")
    writer.add_license("mit")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.ff)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_freq_base(shape.rope_theta)
    writer.add_layer_norm_rms_eps(shape.eps)
    kinds = [gguf.TokenType.NORMAL] * len(tokenizer)
    for token in SPECIALS:
        kind = gguf.TokenType.CONTROL if token in CONTROL else gguf.TokenType.USER_DEFINED
        kinds[tokenizer.ids[token]] = kind
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("deepseek-r1-qwen")
    writer.add_token_list(tokenizer.tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([f"{a} {b}" for a, b in tokenizer.merges])
    writer.add_bos_token_id(tokenizer.ids[SPECIALS[0]])
    writer.add_eos_token_id(tokenizer.eos)
    writer.add_pad_token_id(tokenizer.eos)
    writer.add_add_bos_token(value=True)
    writer.add_add_eos_token(value=False)
    writer.add_chat_template(CHAT_TEMPLATE)


def _tensor_name(name: str) -> str:
    if name in OUTER:
        return OUTER[name]
    _, layer, rest = name.split(".", 2)
    return f"blk.{layer}.{rest}"


def export(checkpoint: Path, vocabulary: Path, target: Path) -> Path:
    """Write the GGUF; matrices are F16, norms and biases F32.

    Args:
        checkpoint: what `train` saved.
        vocabulary: the run's tokenizer.
        target: file to write.
    """
    model = load_model(checkpoint)
    tokenizer = Tokenizer.load(vocabulary)
    part = target.with_suffix(".part")
    writer = gguf.GGUFWriter(part, "qwen2")
    _keys(writer, model, tokenizer)
    for name, weight in model.state_dict().items():
        data = weight.detach().numpy().astype(np.float32)
        if data.ndim > 1:
            writer.add_tensor(_tensor_name(name), data.astype(np.float16))
        else:
            writer.add_tensor(_tensor_name(name), data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.replace(target)
    return target


def main() -> None:
    """Export one checkpoint by hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("target", type=Path)
    args = parser.parse_args()
    print(export(args.checkpoint, args.checkpoint.parent / "tokenizer.json", args.target))


if __name__ == "__main__":
    main()
