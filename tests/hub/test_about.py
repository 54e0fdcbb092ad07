"""What is said about a model is what its file says, put into words."""

from __future__ import annotations

from dataclasses import replace

import gguf
import numpy as np
import pytest

from r1chat import paths
from r1chat.engine.llama import LlamaEngine, LoadOptions
from r1chat.errors import ModelError
from r1chat.gguf import read_header
from r1chat.hub.about import about, about_header
from r1chat.hub.catalogue import entries
from r1chat.hub.local import local_models
from r1chat.hub.values import RemoteFile
from r1chat.hub.variants import Variant
from tests.factory import CHATML, CHATML_MARKERS
from tests.hub.layouts import COMMIT, a_model, in_hub_cache, in_ollama, move_in, split


@pytest.fixture
def user(monkeypatch, tmp_path):
    return move_in(monkeypatch, tmp_path)


def test_a_file_is_described(user, tmp_path):
    path = a_model(tmp_path / "model.gguf")
    told = about(path)
    assert (told.name, told.arch, told.quant) == ("random", "llama", "F32")
    assert (told.context, told.layers, told.files) == (512, 2, 1)
    assert told.kv_bytes == 2 * 2 * (16 + 16) * 2
    assert told.parameters == read_header(path).parameters
    assert (told.tokenizer, told.vocabulary) == ("gpt2", 263)
    assert (told.ref, told.path, told.size) == (str(path), str(path), path.stat().st_size)
    assert told.problem == ""


def test_a_model_of_the_hubs_cache_is_described_with_its_origin(user, tmp_path):
    in_hub_cache(user, a_model(tmp_path / "made.gguf").read_bytes(), "Small-Q8_0.gguf")
    told = about(local_models()[1])
    assert told.ref == "acme/Small-GGUF:Q8_0"
    assert (told.repo, told.commit, told.source) == ("acme/Small-GGUF", COMMIT, "Hub cache")
    pairs = dict(told.lines())
    assert pairs["reference"] == "acme/Small-GGUF:Q8_0"
    assert pairs["repository"] == f"acme/Small-GGUF at {COMMIT[:12]}"


def test_a_model_of_ollama_keeps_its_name(user, tmp_path):
    in_ollama(user / ".ollama" / "models", a_model(tmp_path / "made.gguf").read_bytes())
    told = about(local_models()[1])
    assert (told.name, told.source) == ("deepseek-r1:7b", "Ollama")


FRAMINGS = [
    ({}, "R1's, built in", True),
    ({"template": "{{ messages }}</think>"}, "R1's, built in", True),
    ({"markers": CHATML_MARKERS, "template": CHATML}, "its own, ChatML", False),
    (
        {"markers": CHATML_MARKERS, "template": CHATML + "{# <think> #}"},
        "its own, ChatML",
        True,
    ),
    ({"template": "{{ messages[-1].content }}"}, "its own", True),
    (
        {"markers": CHATML_MARKERS[:2], "template": "{{ messages[-1].content }}"},
        "its own",
        False,
    ),
    ({"markers": CHATML_MARKERS}, "none: it continues the text that it is given", False),
    (
        {"markers": CHATML_MARKERS, "template": "{% if %}"},
        "ChatML's, built in; its own cannot be used: ",
        False,
    ),
    (
        {"markers": CHATML_MARKERS[:2], "template": "{{ 'a' * 3000000 }}"},
        '"User:" and "Assistant:"; its own cannot be used: ',
        False,
    ),
]


@pytest.mark.parametrize(("options", "words", "thinks"), FRAMINGS)
def test_the_framing_is_the_one_that_the_prompt_will_have(user, tmp_path, options, words, thinks):
    told = about(a_model(tmp_path / "model.gguf", **options))
    assert told.template.startswith(words)
    assert told.template == words or words.endswith(" ")
    assert told.thinks is thinks


def test_whether_it_thinks_is_what_the_engine_will_find(user, tmp_path):
    for number, (options, _, _) in enumerate(FRAMINGS):
        path = a_model(tmp_path / f"{number}.gguf", **options)
        engine = LlamaEngine(path, options=LoadOptions(trusted=True, ctx=256))
        told = about(path)
        assert engine.info.thinks is told.thinks
        assert told.can_be_asked is (not engine.info.unasked)
        assert ("--think on makes it think first" in dict(told.lines())["thinks"]) is (
            told.can_be_asked and not told.thinks
        )
        assert engine.info.parameters == about(path).parameters
        engine.close()


def test_a_template_may_need_the_tokens_that_begin_and_end(user, tmp_path):
    template = "{% if not bos_token or not eos_token %}{{ raise_exception('none') }}{% endif %}"
    path = a_model(tmp_path / "m.gguf", markers=CHATML_MARKERS, template=template + CHATML)
    assert about(path).template == "its own, ChatML"


def with_licence(path, licence):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_license(licence)
    writer.add_tensor("token_embd.weight", np.zeros((4, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_the_licence_is_the_files_unless_the_catalogue_or_the_hub_knows_better(user, tmp_path):
    path = with_licence(tmp_path / "model.gguf", "gemma")
    assert about(path).licence == "gemma"
    entry = entries()[0]
    repo = entry.repos[-1]
    in_hub_cache(user, path.read_bytes(), "Model-Q8_0.gguf", repo=repo)
    assert about(local_models()[1]).licence == ", ".join(entry.licences)
    assert about_header(read_header(path), licence="mit").licence == "mit"


def test_a_model_that_is_still_on_the_hub_is_described_by_its_header(user, tmp_path):
    header = read_header(a_model(tmp_path / "model.gguf"))
    file = RemoteFile("acme/Big-GGUF", COMMIT, "Big-Q8_0.gguf", 5_000_000_000, None, "0" * 40)
    told = about_header(header, Variant("Q8_0", (file,)))
    assert (told.ref, told.repo, told.commit) == ("acme/Big-GGUF:Q8_0", "acme/Big-GGUF", COMMIT)
    pairs = dict(told.lines())
    assert pairs["size"] == "5.00 GB"
    assert pairs["source"] == "on the Hub, not on this machine"
    assert "path" not in pairs


def test_the_first_file_of_a_split_model_does_not_tell_its_parameters(user, tmp_path):
    first, *_ = split(tmp_path, "big")
    header = read_header(first)
    assert about_header(header).parameters == 3 * 4 * 32
    alone = replace(header, shards=(first,))
    assert about_header(alone).parameters is None
    assert about_header(alone).files == 3


def test_a_vocabulary_out_of_reach_leaves_what_the_template_says(user, tmp_path):
    template = "<｜User｜>{{ messages[-1].content }}<｜Assistant｜><think>"
    path = a_model(tmp_path / "model.gguf", template=template)
    header = read_header(path)
    path.unlink()
    told = about_header(header)
    assert (told.template, told.thinks) == ("R1's, built in", True)


def test_the_lines_leave_out_what_is_unknown(user, tmp_path):
    path = with_licence(tmp_path / "model.gguf", "mit")
    labels = {label for label, _ in about(path).lines()}
    assert {"model", "architecture", "licence", "size", "path"} <= labels
    assert not labels & {"context", "layers", "KV cache", "tokenizer", "repository", "problem"}


def test_a_model_that_cannot_chat_is_described_with_its_problem(user, tmp_path):
    writer = gguf.GGUFWriter(tmp_path / "bert.gguf", "bert")
    writer.add_tensor("token_embd.weight", np.zeros((4, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    assert about(tmp_path / "bert.gguf").problem.startswith("is an embedding model")


def test_a_broken_file_is_an_error_of_one_line(user):
    (paths.made(paths.models()) / "cut.gguf").write_bytes(b"GGUF\3\0\0\0")
    with pytest.raises(ModelError, match="is truncated"):
        about(local_models()[1])


def test_hostile_metadata_is_cleaned_cut_and_never_counted_with(user, tmp_path):
    evil = "x\x1b]0;owned\x07\u202e\n" * 50_000
    path = tmp_path / "evil.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(evil)
    writer.add_license(evil)
    writer.add_tokenizer_model(evil)
    writer.add_chat_template(evil)
    writer.add_uint64("llama.context_length", 2**64 - 1)
    writer.add_uint64("llama.block_count", 2**64 - 1)
    writer.add_int64("llama.attention.head_count", -5)
    writer.add_uint64("llama.embedding_length", 2**64 - 1)
    writer.add_array("llama.attention.head_count_kv", ["a", "b"])
    writer.add_uint32("tokenizer.ggml.bos_token_id", 2**32 - 1)
    writer.add_tensor("token_embd.weight", np.zeros((4, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    told = about(path)
    assert (told.context, told.layers, told.kv_bytes) == (0, 0, 0)
    for label, value in told.lines():
        assert label.isprintable()
        assert value.isprintable()
        assert len(value) <= 300
