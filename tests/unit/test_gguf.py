"""GGUF headers: what they say, and what is refused before a byte of weights is read."""

from __future__ import annotations

import os
import random
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest

from r1chat.errors import ModelError
from r1chat.formatting import counted
from r1chat.gguf import (
    SUPPORTED_ARCHITECTURES,
    Array,
    Header,
    check_chat_model,
    read_header,
    shown,
)
from r1chat.gguf.tables import FILE_TYPES, OTHER_ARCHITECTURES, TENSOR_TYPES
from tests.factory import CHATML, byte_tokens, write_model


def writer_of(path: Path, arch: str = "llama") -> gguf.GGUFWriter:
    return gguf.GGUFWriter(path, arch)


def finish(writer: gguf.GGUFWriter, *, weights: bool = True) -> None:
    if weights:
        writer.add_tensor("token_embd.weight", np.zeros((4, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "model.gguf", template=CHATML)


@pytest.fixture(scope="module")
def header(model: Path) -> Header:
    return read_header(model)


def refusal(path: Path) -> str:
    """Why a file is refused, less its name."""
    with pytest.raises(ModelError) as caught:
        check_chat_model(read_header(path))
    message = str(caught.value)
    assert message.isprintable()
    name = shown(path)
    assert message.startswith(f"{name} ")
    return message[len(name) + 1 :]


def test_a_header_says_what_the_model_is(header: Header, model: Path) -> None:
    assert header.version == 3
    assert header.arch == "llama"
    assert header.name == "random"
    assert header.quant == "F32"
    assert header.context_trained == 512
    assert header.block_count == 2
    assert header.embedding_length == 32
    assert (header.head_count, header.head_count_kv) == (2, 2)
    assert (header.key_length, header.value_length) == (16, 16)
    assert header.tokenizer_model == "gpt2"
    assert header.chat_template == CHATML
    assert header.license is None
    assert header.kind == "model"
    assert header.is_model
    assert header.shards == (model,)
    assert header.split_count == 1
    assert header.size == model.stat().st_size
    check_chat_model(header)


def test_a_token_takes_its_keys_and_values_of_all_layers(header: Header) -> None:
    assert header.kv_bytes_per_token == 2 * 2 * (16 + 16) * 2


def test_the_weights_are_counted_as_the_gguf_package_counts_them(
    header: Header, model: Path
) -> None:
    tensors = gguf.GGUFReader(model).tensors
    assert header.parameters == sum(int(t.n_elements) for t in tensors)
    assert header.weights_bytes == sum(int(t.n_bytes) for t in tensors)
    assert [t.name for t in header.tensors] == [t.name for t in tensors]


def test_arrays_stay_on_disk_and_can_be_read(header: Header) -> None:
    tokens = header.metadata["tokenizer.ggml.tokens"]
    types = header.metadata["tokenizer.ggml.token_type"]
    assert isinstance(tokens, Array)
    assert isinstance(types, Array)
    assert list(tokens.strings())[:256] == byte_tokens()
    assert types.numbers()[256] == gguf.TokenType.CONTROL
    with pytest.raises(ModelError):
        tokens.numbers()


def test_layers_may_differ_in_their_heads(tmp_path: Path) -> None:
    path = tmp_path / "layers.gguf"
    writer = writer_of(path)
    writer.add_block_count(3)
    writer.add_embedding_length(64)
    writer.add_head_count(4)
    writer.add_head_count_kv([2, 0, 1])
    finish(writer)
    header = read_header(path)
    assert header.head_count_kv == 2
    assert header.kv_bytes_per_token == (2 + 0 + 1) * (16 + 16) * 2


def test_latent_attention_keeps_no_values(tmp_path: Path) -> None:
    path = tmp_path / "latent.gguf"
    writer = writer_of(path, "deepseek2")
    writer.add_block_count(10)
    writer.add_head_count(16)
    writer.add_head_count_kv(1)
    writer.add_key_length(576)
    writer.add_value_length(512)
    writer.add_key_length_mla(192)
    finish(writer)
    assert read_header(path).kv_bytes_per_token == 10 * 576 * 2


def test_a_quant_that_is_not_named_is_that_of_most_weights(tmp_path: Path) -> None:
    path = tmp_path / "quant.gguf"
    writer = writer_of(path)
    writer.add_tensor("norm.weight", np.zeros(32, np.float32))
    blocks = np.zeros((8, 34 * 2), np.uint8)
    writer.add_tensor("blk.weight", blocks, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    finish(writer, weights=False)
    assert read_header(path).quant == "Q8_0"


def test_the_tables_agree_with_the_gguf_package() -> None:
    for kind, (block, size) in gguf.GGML_QUANT_SIZES.items():
        assert TENSOR_TYPES[kind] == (kind.name, block, size)
    for file_type in gguf.LlamaFileType:
        if file_type.name != "GUESSED":
            name = file_type.name.removeprefix("MOSTLY_").removeprefix("ALL_")
            assert FILE_TYPES[file_type] == name


def test_every_architecture_is_listed_once() -> None:
    assert len(set(SUPPORTED_ARCHITECTURES)) == len(SUPPORTED_ARCHITECTURES)
    assert not set(SUPPORTED_ARCHITECTURES) & set(OTHER_ARCHITECTURES)
    assert {"llama", "qwen2", "qwen3", "deepseek2"} <= set(SUPPORTED_ARCHITECTURES)


NOT_GGUF = {
    "web.gguf": (b"\n<!DOCTYPE html><html>", "a web page"),
    "lfs.gguf": (b"version https://git-lfs.github.com/spec/v1\noid", "git-lfs pointer"),
    "st.gguf": (struct.pack("<Q", 99) + b'{"__metadata__":{}}', "safetensors"),
    "zip.gguf": (b"PK\x03\x04rest", "zip archive"),
    "pickle.gguf": (b"\x80\x02}q\x00", "pickle"),
    "old.gguf": (b"tjgg\x03\0\0\0", "GGML format of before"),
    "json.gguf": (b'{"error": "not found"}', "JSON"),
    "zeros.gguf": (bytes(4096), "begins with zeros"),
    "packed.gguf": (b"\x1f\x8b\x08rest", "packed"),
    "text.gguf": (b"hello", "is not a GGUF file"),
    "empty.gguf": (b"", "is empty"),
    "short.gguf": (b"GGUF", "is truncated"),
    "version1.gguf": (b"GGUF\1\0\0\0" + bytes(16), "version 1"),
    "version9.gguf": (b"GGUF\x09\0\0\0" + bytes(16), "version 9"),
    "big.gguf": (b"GGUF\0\0\0\3" + bytes(16), "big-endian"),
    "m.Q4_K_M.gguf.part2of2": (b"\1\2\3", "join the pieces first (cat m.Q4_K_M.gguf?part*"),
    "m.gguf-split-a": (b"GGUF\3\0\0\0", "join the pieces first (cat m.gguf?split*"),
}


@pytest.mark.parametrize("name", NOT_GGUF)
def test_what_is_no_model_is_called_what_it_is(name: str, tmp_path: Path) -> None:
    data, reason = NOT_GGUF[name]
    path = tmp_path / name
    path.write_bytes(data)
    assert reason in refusal(path)


def test_paths_without_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "none.gguf") == "does not exist"
    assert refusal(tmp_path / "file" / "below.gguf").startswith("does not exist")
    assert refusal(tmp_path) == "is a directory, not a GGUF file"
    assert refusal(tmp_path / "pipe") == "is not a regular file"
    assert refusal(tmp_path / "nul\0").startswith("cannot be read")
    assert refusal(tmp_path / ("x" * 5000)).startswith("cannot be read")


def test_control_characters_in_a_name_are_escaped(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[31m\u202e\n.gguf"
    assert refusal(path) == "does not exist"
    assert "a\\x1b[31m\\u202e\\n.gguf" in shown(path)


@pytest.mark.parametrize("missing", [1, 7, 1000])
def test_a_truncated_model_is_refused_with_what_is_missing(
    missing: int, model: Path, tmp_path: Path
) -> None:
    last = read_header(model).tensors[-1]
    assert last.size > 1000
    data = model.read_bytes()
    whole = gguf.GGUFReader(model).data_offset + last.offset + last.size
    path = tmp_path / "cut.gguf"
    path.write_bytes(data[: whole - missing])
    expected = f"is truncated: it ends {counted(missing, 'byte')} before the end of its last tensor"
    assert refusal(path).startswith(expected)


def test_an_unknown_architecture_is_named_in_a_short_line_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "new.gguf"
    finish(writer_of(path, "qwen9\x1b"))
    reason = refusal(path)
    assert "the architecture 'qwen9\\x1b'" in reason
    assert "pip install --upgrade llama-cpp-python" in reason
    assert len(reason) < 150


MADE_FOR_FIGURES = {
    "mean pooling": (lambda w: w.add_pooling_type(gguf.PoolingType.MEAN), "", "an embedding model"),
    "cls pooling": (lambda w: w.add_pooling_type(gguf.PoolingType.CLS), "", "an embedding model"),
    "last pooling": (lambda w: w.add_pooling_type(gguf.PoolingType.LAST), "", "an embedding model"),
    "sees both ways": (lambda w: w.add_causal_attention(False), "", "an embedding model"),
    "rank pooling": (lambda w: w.add_pooling_type(gguf.PoolingType.RANK), "", "a reranker"),
    "tags": (lambda w: w.add_tags(["mteb", "sentence-similarity"]), "", "an embedding model"),
    "labels": (lambda w: w.add_classifier_output_labels(["yes", "no"]), "", "a classifier"),
    "a classifier's head": (lambda _: None, "cls.output.weight", "a classifier"),
    "a reranker's head": (lambda w: w.add_name("Rerank"), "cls.weight", "a reranker"),
}


@pytest.mark.parametrize(
    ("says", "tensor", "what"), MADE_FOR_FIGURES.values(), ids=MADE_FOR_FIGURES
)
@pytest.mark.parametrize("arch", ["qwen3", "llama", "gemma3"])
def test_what_was_made_for_figures_is_refused_though_it_is_built_like_one_that_chats(
    says: Callable[[gguf.GGUFWriter], None], tensor: str, what: str, arch: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.gguf"
    writer = writer_of(path, arch)
    says(writer)
    if tensor:
        writer.add_tensor(tensor, np.zeros((2, 32), np.float32))
    finish(writer)
    assert refusal(path).startswith(f"is {what}")
    assert len(refusal(path)) < 100


def test_a_model_that_says_it_pools_nothing_can_chat(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    writer = writer_of(path, "qwen3")
    writer.add_pooling_type(gguf.PoolingType.NONE)
    writer.add_causal_attention(True)
    finish(writer)
    check_chat_model(read_header(path))


@pytest.mark.parametrize("tags", [["text-generation", "feature-extraction"], ["code"], []])
def test_tags_that_do_not_speak_against_it_leave_a_model_to_chat(
    tags: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "model.gguf"
    writer = writer_of(path, "qwen3")
    writer.add_tags(tags)
    finish(writer)
    check_chat_model(read_header(path))


@pytest.mark.parametrize(
    ("arch", "reason"),
    [
        ("bert", "embedding model"),
        ("nomic-bert", "embedding model"),
        ("jina-bert-v2", "embedding model"),
        ("gemma-embedding", "embedding model"),
        ("clip", "mmproj"),
        ("t5", "encoder-decoder"),
        ("llada", "diffu"),
        ("flux", "pictures"),
        ("whisper", "speech"),
    ],
)
def test_models_that_cannot_chat_are_refused(arch: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "other.gguf"
    finish(writer_of(path, arch))
    assert reason in refusal(path)


def test_an_adapter_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lora.gguf"
    writer = writer_of(path)
    writer.add_type("adapter")
    finish(writer)
    assert "LoRA adapter" in refusal(path)


def test_a_vocabulary_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "vocab.gguf"
    finish(writer_of(path), weights=False)
    assert not read_header(path).is_model
    assert refusal(path) == "holds only a vocabulary, no weights"


def test_an_endless_chat_template_is_refused_and_another_long_text_is_left_out(
    tmp_path: Path,
) -> None:
    text = "x" * (1 << 20) + "y"
    writer = writer_of(tmp_path / "long.gguf")
    writer.add_string("tokenizer.huggingface.json", text)
    finish(writer)
    header = read_header(tmp_path / "long.gguf")
    assert header.text("tokenizer.huggingface.json") is None
    writer = writer_of(tmp_path / "template.gguf")
    writer.add_chat_template(text)
    finish(writer)
    assert "tokenizer.chat_template" in refusal(tmp_path / "template.gguf")


def split(folder: Path) -> list[Path]:
    """Writes a model in three shards."""
    shards = [folder / f"m-{n:05}-of-00003.gguf" for n in (1, 2, 3)]
    for number, path in enumerate(shards):
        writer = writer_of(path)
        writer.add_uint16("split.no", number)
        writer.add_uint16("split.count", 3)
        writer.add_tensor(f"blk.{number}.weight", np.zeros((4, 32), np.float32))
        finish(writer, weights=False)
    return shards


def test_the_shards_of_a_model_are_taken_together(tmp_path: Path) -> None:
    shards = split(tmp_path)
    header = read_header(shards[0])
    assert header.split_count == 3
    assert header.shards == tuple(shards)
    assert header.parameters == 3 * 4 * 32
    assert header.size == sum(path.stat().st_size for path in shards)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    shards = split(tmp_path)
    shards[1].unlink()
    assert refusal(shards[0]) == "is one of 3 shards; missing: m-00002-of-00003.gguf"


def test_a_truncated_shard_is_named(tmp_path: Path) -> None:
    shards = split(tmp_path)
    shards[2].write_bytes(shards[2].read_bytes()[:-200])
    with pytest.raises(ModelError, match=r"m-00003-of-00003\.gguf is truncated"):
        read_header(shards[0])


def test_a_model_is_given_by_its_first_shard_under_its_own_name(tmp_path: Path) -> None:
    shards = split(tmp_path)
    assert refusal(shards[1]) == "is not the first of its 3 shards: give m-00001-of-00003.gguf"
    renamed = shards[0].rename(tmp_path / "renamed.gguf")
    assert "must be named as llama.cpp does: name-00001-of-00003.gguf" in refusal(renamed)


def hostile(rng: random.Random, sound: bytes) -> bytes:
    """A damaged header: cut, with flipped bits, or with an absurd number somewhere."""
    end = 9000  # The header and a little of the weights.
    data = bytearray(sound)
    kind = rng.randrange(3)
    if kind == 0:
        return bytes(data[: rng.randrange(len(data))])
    if kind == 1:
        for _ in range(rng.randrange(1, 5)):
            data[rng.randrange(end)] ^= 1 << rng.randrange(8)
        return bytes(data)
    number = rng.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 40, (1 << 63) - 1, (1 << 64) - 1])
    at = rng.randrange(4, end)
    data[at : at + 8] = struct.pack("<Q", number)
    return bytes(data)


def read_all(header: Header) -> None:
    """Uses everything that a header offers."""
    for name in dir(header):
        if not name.startswith("_"):
            getattr(header, name)
    for value in header.metadata.values():
        if isinstance(value, Array):
            for _ in value.strings():
                pass
    check_chat_model(header)


def test_five_hundred_damaged_files_end_in_an_error_or_a_header(
    model: Path, tmp_path: Path
) -> None:
    rng = random.Random(1)
    sound = model.read_bytes()
    path = tmp_path / "mutant.gguf"
    refusals = []
    tracemalloc.start()
    for _ in range(500):
        path.write_bytes(hostile(rng, sound))
        tracemalloc.reset_peak()
        before, _peak = tracemalloc.get_traced_memory()
        try:
            read_all(read_header(path))
        except ModelError as error:
            refusals.append(str(error))
        assert tracemalloc.get_traced_memory()[1] - before < 4 << 20
    tracemalloc.stop()
    assert 250 < len(refusals) < 500
    assert all(reason.isprintable() for reason in refusals)


def test_absurd_counts_cost_nothing(tmp_path: Path) -> None:
    path = tmp_path / "absurd.gguf"
    start = b"GGUF" + struct.pack("<IQQ", 3, 0, 1)
    key = struct.pack("<Q", 1) + b"k"
    huge = (1 << 63) - 1
    texts = struct.pack("<IIQ", 9, 8, 1 << 22) + bytes(64)
    for rest in (
        struct.pack("<Q", huge),
        key + struct.pack("<IQ", 8, huge),
        key + struct.pack("<IIQ", 9, 4, huge),
        key + struct.pack("<IIQ", 9, 8, huge),
        key + texts,
        key + struct.pack("<IIQ", 9, 9, 2),
        key + struct.pack("<I", 99),
    ):
        path.write_bytes(start + rest)
        assert "damaged" in refusal(path) or "truncated" in refusal(path)
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, huge, huge))
    assert "damaged" in refusal(path)
