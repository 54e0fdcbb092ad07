"""Turns a GGUF file into the folder of files that vLLM serves: the same numbers, the same tokens.

Weights are dequantised to float32, so that vLLM computes with what llama.cpp computes with. Only
models of Qwen2's architecture are known, whose tensors need nothing but other names.
"""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from scripts.train_tiny.pattern import PATTERN

_LAYER = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_OUTSIDE = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
_SPLITS = dict.fromkeys(("qwen2", "deepseek-r1-qwen"), PATTERN)
"""How texts are cut before their pieces are merged, by the name that the file has for it."""
_END_OF_TURN = ("<|im_end|>", "<|endoftext|>", "<｜end▁of▁sentence｜>")
THINK = ("<think>", "</think>")


class ConvertError(Exception):
    """A model cannot be converted. One line."""


def convert(
    source: Path, target: Path, *, special: bool = False, renamed: Mapping[str, str] | None = None
) -> None:
    """Writes a model's folder; what is there already is replaced once all is written.

    Args:
        source: The GGUF file.
        target: The folder.
        special: Whether the tags of thoughts are special tokens, which a server leaves out of
            texts.
        renamed: Other texts for markers, in the vocabulary and in the template.

    Raises:
        ConvertError: If its architecture or its tokenizer is not known.
    """
    model = Model(source, renamed or {})
    if model.value("general.architecture") != "qwen2":
        msg = f"{source} has the architecture {model.value('general.architecture')}, not qwen2"
        raise ConvertError(msg)
    unfinished = target.with_name(f"{target.name}.writing")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    files = {
        "config.json": model.config(),
        "generation_config.json": {"eos_token_id": model.ends()},
        "tokenizer.json": model.tokenizer(special=special),
        "tokenizer_config.json": model.tokenizer_config(),
    }
    for name, content in files.items():
        text = json.dumps(content, ensure_ascii=False, indent=1)
        (unfinished / name).write_text(text, "utf-8")
    _write_weights(unfinished / "model.safetensors", model.tensors())
    if renamed:
        model.write_gguf(unfinished / "same.gguf")
    shutil.rmtree(target, ignore_errors=True)
    unfinished.replace(target)


class Model:
    """What stands in a GGUF file, in the words of the other format.

    Args:
        source: The file.
        renamed: Other texts for markers.
    """

    def __init__(self, source: Path, renamed: Mapping[str, str]) -> None:
        self._reader = gguf.GGUFReader(source)
        self._renamed = renamed
        self._tokens = [renamed.get(each, each) for each in self.value("tokenizer.ggml.tokens")]
        self._types = self.value("tokenizer.ggml.token_type")

    def value(self, key: str, default: Any = None) -> Any:  # noqa: ANN401  (whatever a file has)
        """A value of the header."""
        field = self._reader.get_field(key)
        return default if field is None else field.contents()

    def template(self) -> str:
        """The chat template."""
        text = str(self.value("tokenizer.chat_template", ""))
        for old, new in self._renamed.items():
            text = text.replace(old, new)
        return text

    def ends(self) -> list[int]:
        """The tokens with which a reply ends."""
        named = [self._tokens.index(each) for each in _END_OF_TURN if each in self._tokens]
        return sorted({*named, self.value("tokenizer.ggml.eos_token_id")})

    def config(self) -> dict[str, Any]:
        """The model's shape."""

        def shape(key: str, default: Any = None) -> Any:  # noqa: ANN401  (as in `value`)
            return self.value(f"qwen2.{key}", default)

        names = {each.name for each in self._reader.tensors}
        return {
            "architectures": ["Qwen2ForCausalLM"],
            "model_type": "qwen2",
            "dtype": "float32",
            "hidden_act": "silu",
            "vocab_size": len(self._tokens),
            "hidden_size": shape("embedding_length"),
            "intermediate_size": shape("feed_forward_length"),
            "num_hidden_layers": shape("block_count"),
            "num_attention_heads": shape("attention.head_count"),
            "num_key_value_heads": shape("attention.head_count_kv"),
            "max_position_embeddings": shape("context_length"),
            "rms_norm_eps": float(shape("attention.layer_norm_rms_epsilon")),
            "rope_theta": float(shape("rope.freq_base", 10_000.0)),
            "tie_word_embeddings": "output.weight" not in names,
            "use_sliding_window": False,
            "bos_token_id": self.value("tokenizer.ggml.bos_token_id"),
            "eos_token_id": self.value("tokenizer.ggml.eos_token_id"),
        }

    def tokenizer_config(self) -> dict[str, Any]:
        """What surrounds the tokenizer."""
        return {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "chat_template": self.template(),
            "bos_token": self._named("bos") if self._adds_bos else None,
            "eos_token": self._named("eos"),
            "pad_token": self._named("padding"),
            "clean_up_tokenization_spaces": False,
            "model_max_length": self.value("qwen2.context_length"),
        }

    def tokenizer(self, *, special: bool) -> dict[str, Any]:
        """The tokenizer."""
        split = self.value("tokenizer.ggml.pre")
        if self.value("tokenizer.ggml.model") != "gpt2" or split not in _SPLITS:
            msg = f"texts are cut as {split!r} does it, which is not known here"
            raise ConvertError(msg)
        kinds = gguf.TokenType
        added = [
            {
                "id": number,
                "content": text,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": kind == kinds.CONTROL or (special and text in THINK),
            }
            for number, (text, kind) in enumerate(zip(self._tokens, self._types, strict=True))
            if kind in {kinds.CONTROL, kinds.USER_DEFINED}
        ]
        byte_level = {"add_prefix_space": False, "trim_offsets": False, "use_regex": False}
        pattern = {"type": "Split", "pattern": {"Regex": _SPLITS[split]}, "behavior": "Isolated"}
        merges = [each.split(" ") for each in self.value("tokenizer.ggml.merges")]
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": added,
            "normalizer": None,
            "pre_tokenizer": {
                "type": "Sequence",
                "pretokenizers": [
                    pattern | {"invert": False},
                    {"type": "ByteLevel", **byte_level},
                ],
            },
            "post_processor": self._post_processor(),
            "decoder": {"type": "ByteLevel", **byte_level},
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "continuing_subword_prefix": None,
                "end_of_word_suffix": None,
                "fuse_unk": False,
                "byte_fallback": False,
                "ignore_merges": False,
                "vocab": {text: number for number, text in enumerate(self._tokens)},
                "merges": merges,
            },
        }

    def tensors(self) -> Iterator[tuple[str, np.ndarray]]:
        """All weights, in float32, by the names of the other format."""
        for each in self._reader.tensors:
            yield _renamed(each.name), gguf.dequantize(each.data, each.tensor_type)

    def write_gguf(self, target: Path) -> None:
        """Writes the file again, with the other texts."""
        writer = gguf.GGUFWriter(target, self.value("general.architecture"))
        own = {
            "tokenizer.ggml.tokens": self._tokens,
            "tokenizer.chat_template": self.template(),
        }
        for key, field in self._reader.fields.items():
            if key.startswith("GGUF.") or key == "general.architecture":
                continue
            kind, *of = field.types
            value = own.get(key, field.contents())
            writer.add_key_value(key, value, kind, of[0] if of else None)
        for each in self._reader.tensors:
            writer.add_tensor(each.name, each.data, raw_dtype=each.tensor_type)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()

    @property
    def _adds_bos(self) -> bool:
        return bool(self.value("tokenizer.ggml.add_bos_token", default=False))

    def _named(self, what: str) -> str | None:
        number = self.value(f"tokenizer.ggml.{what}_token_id")
        return None if number is None else self._tokens[number]

    def _post_processor(self) -> dict[str, Any] | None:
        """What puts the first token before a text."""
        if not self._adds_bos:
            return None
        bos = self._named("bos")
        number = self.value("tokenizer.ggml.bos_token_id")
        first = {"SpecialToken": {"id": bos, "type_id": 0}}
        text, other = ({"Sequence": {"id": name, "type_id": 0}} for name in "AB")
        return {
            "type": "TemplateProcessing",
            "single": [first, text],
            "pair": [first, text, other],
            "special_tokens": {bos: {"id": bos, "ids": [number], "tokens": [bos]}},
        }


def _renamed(name: str) -> str:
    if name in _OUTSIDE:
        return _OUTSIDE[name]
    block, layer, part, kind = name.split(".")
    if block != "blk" or part not in _LAYER:
        msg = f"a tensor is called {name}, which is not known here"
        raise ConvertError(msg)
    return f"model.layers.{layer}.{_LAYER[part]}.{kind}"


def _write_weights(target: Path, tensors: Iterator[tuple[str, np.ndarray]]) -> None:
    """Writes a safetensors file: the length of a JSON header, the header, the numbers."""
    data = target.with_suffix(".data")
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    with data.open("wb") as out:
        for name, tensor in tensors:
            size = out.write(np.ascontiguousarray(tensor, dtype="<f4").data)
            place = [at, at + size]
            header[name] = {"dtype": "F32", "shape": [*tensor.shape], "data_offsets": place}
            at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with target.open("wb") as out, data.open("rb") as numbers:
        out.write(struct.pack("<Q", len(text)) + text)
        shutil.copyfileobj(numbers, out, 1 << 20)
    data.unlink()
