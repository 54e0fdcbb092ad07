"""Ollama's models are used where they lie, and its manifests are believed in nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from r1chat.compose import resolve
from r1chat.errors import ModelError
from r1chat.gguf import read_header
from r1chat.hub import ollama
from r1chat.hub.local import local_models, model_of, models_in
from tests.hub.layouts import a_model, in_ollama, move_in


@pytest.fixture
def user(monkeypatch, tmp_path):
    return move_in(monkeypatch, tmp_path)


@pytest.fixture
def store(user):
    return user / ".ollama" / "models"


@pytest.fixture
def weights(tmp_path):
    return a_model(tmp_path / "made" / "weights.gguf").read_bytes()


def found():
    return [model for model in local_models() if model.source == "ollama"]


def test_a_model_is_found_by_its_manifest_and_named_as_ollama_names_it(store, weights):
    blob = in_ollama(store, weights)
    (model,) = found()
    assert model.path == blob
    assert model.ref == "ollama:deepseek-r1:7b"
    assert resolve(model.ref) == blob
    assert model.name == "deepseek-r1:7b"
    assert (model.arch, model.quant, model.context) == ("llama", "F32", 512)
    assert model.size == len(weights)
    assert model.problem == ""


def test_a_name_without_a_tag_means_the_latest(store, weights):
    name = ("registry.ollama.ai", "library", "deepseek-r1", "latest")
    blob = in_ollama(store, weights, name)
    assert resolve("ollama:deepseek-r1") == blob


def test_a_model_that_ollama_has_not_is_named_in_the_error(store):
    with pytest.raises(ModelError, match="Ollama has no such model: ollama:nothing"):
        resolve("ollama:nothing")


def test_names_leave_out_what_ollama_takes_for_granted(store, tmp_path):
    names = {
        ("registry.ollama.ai", "library", "deepseek-r1", "latest"): "deepseek-r1:latest",
        ("registry.ollama.ai", "someone", "tuned", "q4"): "someone/tuned:q4",
        ("hf.co", "bartowski", "R1-GGUF", "Q4_K_M"): "hf.co/bartowski/R1-GGUF:Q4_K_M",
    }
    for seed, name in enumerate(names):
        in_ollama(store, a_model(tmp_path / "made.gguf", seed).read_bytes(), name)
    assert sorted(model.name for model in found()) == sorted(names.values())


def test_the_variable_and_the_service_name_other_stores(user, weights, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setenv("OLLAMA_MODELS", f' "{elsewhere}" ')
    in_ollama(elsewhere, weights)
    in_ollama(ollama.SERVICE, a_model(tmp_path / "second.gguf", 2).read_bytes())
    in_ollama(user / ".ollama" / "models", a_model(tmp_path / "third.gguf", 3).read_bytes())
    stores = {model.path.parent.parent for model in found()}
    assert stores == {elsewhere, ollama.SERVICE}


def test_the_same_weights_under_two_names_are_one_model(store, weights):
    in_ollama(store, weights)
    in_ollama(store, weights, ("registry.ollama.ai", "library", "deepseek-r1", "latest"))
    assert len(found()) == 1


def test_other_parts_of_a_model_are_no_models(store, weights):
    in_ollama(store, weights, template=b"{{ .Prompt }}", projector=b"GGUF eyes", license=b"MIT")
    assert len(found()) == 1


def test_a_model_with_an_adapter_says_that_it_cannot_be_used(store, weights):
    in_ollama(store, weights, adapter=b"GGUF LoRA")
    (model,) = found()
    assert "LoRA adapter" in model.problem


def test_weights_that_a_second_model_uses_without_an_adapter_can_be_used(store, weights):
    in_ollama(store, weights, ("registry.ollama.ai", "library", "a", "tuned"), adapter=b"LoRA")
    in_ollama(store, weights, ("registry.ollama.ai", "library", "b", "plain"))
    (model,) = found()
    assert (model.name, model.problem) == ("b:plain", "")


@pytest.mark.parametrize(
    "digest",
    [
        "sha256:../../../secret.gguf",
        "sha256:" + "A" * 64,
        "sha256:" + "a" * 63,
        "/etc/passwd",
        "sha256:" + "a" * 64 + "\n",
        17,
        None,
        ["sha256:" + "a" * 64],
    ],
)
def test_a_digest_that_is_none_leads_nowhere(store, weights, digest):
    in_ollama(store, weights)
    manifest = store / "manifests/registry.ollama.ai/library/bad/tag"
    manifest.parent.mkdir(parents=True)
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": digest}
    manifest.write_text(json.dumps({"layers": [layer]}))
    assert [model.name for model in found()] == ["deepseek-r1:7b"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"layers": 5}',
        b'{"layers": [5, null, [], {}]}',
        b'{"layers": [{"mediaType": [], "digest": {}}]}',
        b"[" * 100_000,
        b"\xff\xfe\x00",
        b"1" * 5000,
        b'{"layers": []}' + b" " * (2 << 20),
    ],
)
def test_a_manifest_that_is_none_is_passed_over(store, weights, content):
    in_ollama(store, weights)
    manifest = store / "manifests/registry.ollama.ai/library/bad/tag"
    manifest.parent.mkdir(parents=True)
    manifest.write_bytes(content)
    assert [model.name for model in found()] == ["deepseek-r1:7b"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_as_manifest_is_not_waited_for(store, weights):
    in_ollama(store, weights)
    manifest = store / "manifests/registry.ollama.ai/library/bad/tag"
    manifest.parent.mkdir(parents=True)
    os.mkfifo(manifest)
    assert [model.name for model in found()] == ["deepseek-r1:7b"]


@pytest.mark.parametrize("parts", [("library", "x", "1"), ("a", "b", "c", "d", "e")])
def test_a_manifest_lies_four_folders_deep_and_nowhere_else(store, weights, parts):
    in_ollama(store, weights, parts)
    assert found() == []


def test_a_blob_that_leads_out_of_the_store_is_not_used(store, weights, tmp_path):
    blob = in_ollama(store, weights)
    secret = a_model(tmp_path / "outside" / "secret.gguf", 5)
    blob.unlink()
    blob.symlink_to(secret)
    (model,) = found()
    assert "leads out" in model.problem


def test_the_folder_of_blobs_may_lie_on_another_disk(store, weights, tmp_path):
    in_ollama(store, weights)
    (store / "blobs").rename(tmp_path / "big disk")
    (store / "blobs").symlink_to(tmp_path / "big disk")
    (model,) = found()
    assert model.problem == ""


def test_a_blob_that_is_missing_or_broken_is_listed_with_its_problem(store, weights, tmp_path):
    in_ollama(store, weights).unlink()
    in_ollama(store, weights[:-100], ("registry.ollama.ai", "library", "cut", "1"))
    problems = {model.name: model.problem for model in found()}
    assert problems["deepseek-r1:7b"] == "does not exist"
    assert problems["cut:1"].startswith("is truncated")


def test_names_from_the_store_are_fit_to_be_shown(store, weights):
    in_ollama(store, weights, ("registry.ollama.ai", "library", "red\x1b[31m\u202e", "x"))
    (model,) = found()
    assert model.name == "red:x"


def test_without_ollama_there_is_nothing(user: Path):
    assert found() == []


def test_a_manifest_of_thousands_of_weights_does_not_fill_the_list(store, weights):
    blob = in_ollama(store, weights)
    manifest = store / "manifests/registry.ollama.ai/library/deepseek-r1/7b"
    kind = "application/vnd.ollama.image.model"
    others = [{"mediaType": kind, "digest": f"sha256:{number:064x}"} for number in range(5000)]
    first = {"mediaType": kind, "digest": blob.name.replace("-", ":")}
    manifest.write_text(json.dumps({"layers": [first, first, *others]}))
    assert 1 <= len(found()) <= 8
    assert resolve("ollama:deepseek-r1:7b") == blob


@pytest.mark.parametrize("name", ["", ":", "::", "/", "a:b:c", "../x", "red\x1b[31m", "a/b/c/d/e"])
def test_any_name_is_found_or_refused_in_one_line(store, weights, name):
    in_ollama(store, weights)
    with pytest.raises(ModelError, match="has no such model") as caught:
        resolve(f"ollama:{name}")
    assert str(caught.value).isprintable()


def test_a_name_too_long_is_told_once(store):
    with pytest.raises(ModelError, match="File name too long") as caught:
        resolve("ollama:" + "x" * 5000)
    assert len(str(caught.value)) < 500


def test_names_are_taken_as_ollama_takes_them(store, weights, tmp_path):
    blob = in_ollama(store, weights)
    other = a_model(tmp_path / "made.gguf", 7).read_bytes()
    from_hub = in_ollama(store, other, ("hf.co", "Acme", "R1-GGUF", "Q4_K_M"))
    for name in ("deepseek-r1:7b", "DeepSeek-R1:7B", "library/deepseek-r1:7b"):
        assert resolve(f"ollama:{name}") == blob
        assert resolve(f"ollama:registry.ollama.ai/library/{name.rpartition('/')[2]}") == blob
    for name in ("hf.co/Acme/R1-GGUF:Q4_K_M", "hf.co/acme/r1-gguf:q4_k_m"):
        assert resolve(f"ollama:{name}") == from_hub


def test_a_link_leads_to_no_weights_that_are_refused_by_their_own_name(store, weights, tmp_path):
    blob = in_ollama(store, weights, adapter=b"LoRA")
    link = tmp_path / "links" / "mine.gguf"
    link.parent.mkdir()
    link.symlink_to(blob)
    with pytest.raises(ModelError, match="has a LoRA adapter"):
        resolve(str(link))
    for model in (*models_in(link.parent), model_of(read_header(link))):
        assert "has a LoRA adapter" in model.problem
    in_ollama(store, weights, ("registry.ollama.ai", "library", "plain", "latest"))
    assert resolve(str(link)) == link
