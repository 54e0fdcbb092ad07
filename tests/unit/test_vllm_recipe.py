"""What a real vLLM is given: the numbers and tokens of a GGUF file, in another form."""

from __future__ import annotations

import itertools
import json
import struct

import gguf
import numpy as np
import pytest

from scripts.real.models import NAMES as REAL
from scripts.vllm.__main__ import main
from scripts.vllm.catalog import SERVED, served
from scripts.vllm.converting import ConvertError, convert
from scripts.vllm.serving import Vllm
from tests.factory import write_model


def read(folder):
    """What stands in a converted folder, and its tensors."""
    files = {each.stem: json.loads(each.read_text("utf-8")) for each in folder.glob("*.json")}
    data = (folder / "model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__")
    body = data[8 + length :]
    tensors = {
        name: np.frombuffer(body[slice(*about["data_offsets"])], "<f4").reshape(about["shape"])
        for name, about in header.items()
    }
    assert sum(each.nbytes for each in tensors.values()) == len(body)
    return files, tensors


def test_the_built_in_model_keeps_its_numbers_and_tokens(tmp_path):
    model = served("tiny-chat")
    convert(model.origin, tmp_path / "it", special=True, renamed=model.renamed)
    files, tensors = read(tmp_path / "it")
    before = gguf.GGUFReader(model.origin)
    assert len(tensors) == len(before.tensors)
    embedding = before.tensors[0].data.astype(np.float32)
    assert np.array_equal(tensors["model.embed_tokens.weight"], embedding)
    queries = next(each for each in before.tensors if each.name == "blk.4.attn_q.weight")
    found = tensors["model.layers.4.self_attn.q_proj.weight"]
    assert np.array_equal(found, queries.data.astype(np.float32))
    assert files["config"]["tie_word_embeddings"] is True
    assert files["config"]["num_key_value_heads"] == 2
    vocabulary = files["tokenizer"]["model"]["vocab"]
    assert [*vocabulary.values()] == [*range(1024)]
    added = {each["content"]: each for each in files["tokenizer"]["added_tokens"]}
    assert {name for name, each in added.items() if each["special"]} == set(added)
    assert vocabulary["<|user|>"] == 1020
    assert "｜" not in files["tokenizer_config"]["chat_template"]
    assert files["generation_config"]["eos_token_id"] == [1019]
    # Its twin for the engine in process has the same tensors, and the other names.
    twin = gguf.GGUFReader(tmp_path / "it" / "same.gguf")
    assert twin.get_field("tokenizer.ggml.tokens").contents()[1021] == "<|assistant|>"
    pairs = zip(twin.tensors, before.tensors, strict=True)
    assert all(np.array_equal(one.data, other.data) for one, other in pairs)


def test_what_is_not_known_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(ConvertError, match="architecture llama, not qwen2"):
        convert(write_model(tmp_path / "m.gguf"), tmp_path / "it")
    with pytest.raises(ConvertError, match="'gpt-2'"):
        convert(write_model(tmp_path / "m.gguf", arch="qwen2", pre="gpt-2"), tmp_path / "it")
    assert not (tmp_path / "it").exists()


def test_the_command_says_what_there_is(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    assert all(f"  {each.name} " in told for each in SERVED)
    assert {each.source for each in SERVED} <= {"tiny", *REAL}
    assert main(["convert", "huge"]) == 1
    assert "no model is called 'huge'; there are tiny," in capsys.readouterr().err


@pytest.mark.parametrize(("layout", "nodes"), [("one", 1), ("workers", 1), ("nodes", 2)])
def test_every_layout_stays_on_this_machine(layout, nodes):
    commands = Vllm("tiny", layout, more=["--x"]).commands()
    assert len(commands) == nodes
    for command in commands:
        named = itertools.pairwise(command)
        addresses = [value for name, value in named if name in {"--host", "--master-addr"}]
        assert set(addresses) == {"127.0.0.1"}
        assert command[-1] == "--x"
    assert sum("--headless" in command for command in commands) == nodes - 1


def test_what_stands_behind_two_dashes_is_the_servers_own(monkeypatch, capsys):
    seen = []
    monkeypatch.setattr("scripts.vllm.__main__._serve", lambda options: seen.append(options) or 0)
    assert main(["serve", "tiny", "--port", "8000", "--", "--max-model-len", "512"]) == 0
    assert (seen[0].name, seen[0].port) == ("tiny", 8000)
    assert seen[0].further == ["--max-model-len", "512"]
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    assert "goes to `vllm serve`" in capsys.readouterr().out
