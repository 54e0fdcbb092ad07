from __future__ import annotations

import itertools
import json

import pytest
from pydantic import ValidationError

from r1chat.errors import ModelError
from r1chat.hub import catalogue
from r1chat.reasoning.formats import FORMATS

OWN = ["r1:1.5b", "r1:7b", "r1:8b", "r1:0528-8b", "r1:14b", "r1:32b", "r1:70b"]
# KiB of F16 cache a token.
KV_KIB = [28, 56, 128, 144, 192, 256, 320]


def own():
    return [entry for entry in catalogue.entries() if entry.family == catalogue.FAMILY]


SCORES = {
    "aime_pass1": 50,
    "aime_cons64": None,
    "math500": None,
    "aime25_pass1": None,
    "source": "its card",
    "date": "2025-04-29",
}


@pytest.fixture
def record():
    return json.loads(catalogue.FILE.read_text("utf-8"))


@pytest.fixture
def read(tmp_path):
    def read(value):
        file = tmp_path / "catalogue.json"
        file.write_text(json.dumps(value), "utf-8")
        return catalogue.read(file)

    return read


def test_it_has_the_six_distills_and_the_later_one_from_the_smallest():
    entries = own()
    assert [entry.name for entry in entries] == OWN
    parameters = [entry.parameters for entry in entries]
    assert parameters == sorted(parameters)


def test_the_distills_come_first_and_each_other_family_stands_together():
    families = [entry.family for entry in catalogue.entries()]
    assert families[: len(OWN)] == ["r1"] * len(OWN)
    assert len(set(families)) == len(list(itertools.groupby(families))) > 10


def test_every_model_thinks_in_a_format_that_there_is():
    names = {each.name for each in FORMATS}
    assert {entry.format for entry in catalogue.entries()} <= names
    assert set(catalogue.read().formats_run) <= names
    assert all(catalogue.was_run(entry) for entry in own())
    assert not catalogue.was_run(catalogue.get("gpt-oss:20b"))


def test_every_distill_was_made_for_131072_tokens_and_can_be_had_as_q4_k_m():
    for entry in own():
        assert entry.context == 131_072
        assert entry.repos[0].startswith("unsloth/DeepSeek-R1-")
        assert entry.sizes["Q4_K_M"]


def test_sizes_grow_with_the_bits_and_go_with_the_parameters():
    for entry in catalogue.entries():
        sizes = list(entry.sizes.values())
        assert sizes == sorted(sizes)
        bits = {quant: size * 8 / entry.parameters for quant, size in entry.sizes.items()}
        assert 4.4 < bits.get("Q4_K_M", bits.get("MXFP4", 0)) < 5.4
        assert 15.9 < bits.get("F16", bits.get("BF16", 16)) < 16.2
        assert 8.4 < bits.get("Q8_0", 8.5) < 8.7
        assert 0 < (entry.active or entry.parameters) <= entry.parameters


@pytest.mark.parametrize(("name", "kib"), zip(OWN, KV_KIB, strict=True))
def test_the_shapes_give_the_known_need_of_cache(name, kib):
    shape = catalogue.get(name).shape
    assert 2 * shape.layers * shape.kv_heads * shape.head_dim * 2 == kib * 1024
    assert shape.heads * shape.head_dim == shape.hidden


def test_shapes_and_parameters_agree_to_the_last_one():
    """What is left for the feed-forward parts makes a whole width, divisible by 64."""
    dense = [each for each in catalogue.entries() if not (each.active or each.shape.cache)]
    for entry in dense:
        shape = entry.shape
        queries, keys = (n * shape.head_dim for n in (shape.heads, shape.kv_heads))
        layer = 2 * shape.hidden * (queries + keys) + 2 * shape.hidden
        if "Qwen2.5" in entry.base or entry.family in {"qwq", "deepscaler"}:
            layer += queries + 2 * keys  # Biases of queries, keys and values.
        if "Qwen3" in entry.base:  # Norms of queries and keys.
            layer += 2 * shape.head_dim
        if entry.family == "olmo3":
            layer += queries + keys
        ends = [n * shape.vocabulary * shape.hidden + shape.hidden for n in (1, 2)]  # Tied or not.
        rests = [entry.parameters - end - shape.layers * layer for end in ends]
        assert any(rest % (3 * shape.layers * shape.hidden * 64) == 0 for rest in rests), entry.name


def test_scores_are_those_of_deepseek_and_missing_where_it_gives_none():
    assert catalogue.get("r1:7b").scores.model_dump() == {
        "aime_pass1": 55.5,
        "aime_cons64": 83.3,
        "math500": 92.8,
        "aime25_pass1": None,
        "source": "model card of deepseek-ai/DeepSeek-R1",
        "date": "2025-01-20",
    }
    without = [d.name for d in own() if d.scores.math500 is None]
    assert without == ["r1:0528-8b"]


def test_licences_are_deepseeks_and_the_bases():
    licences = {entry.name: entry.licences for entry in own()}
    assert {licence[0] for licence in licences.values()} == {"MIT"}
    assert licences["r1:8b"][1] == "llama3.1"
    assert licences["r1:70b"][1] == "llama3.3"
    assert licences["r1:14b"][1] == "Apache-2.0"


def test_a_name_is_found_in_any_case():
    assert catalogue.get("R1:7B") is catalogue.get("r1:7b")
    assert catalogue.get("r1:9b") is None


def test_an_entry_cannot_be_changed():
    entry = catalogue.get("r1:7b")
    with pytest.raises(ValidationError):
        entry.context = 1
    with pytest.raises(TypeError):
        entry.sizes["Q4_K_M"] = 1


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"context": 0}, "context"),
        ({"sizes": {"Q4_K_M": -1}}, "sizes"),
        ({"sizes": {"../x": 1}}, "sizes"),
        ({"sizes": {}}, "sizes"),
        ({"repos": ["unsloth"]}, "repos"),
        ({"repos": ["a/../b"]}, "repos"),
        ({"repos": []}, "repos"),
        ({"name": "R1 7B"}, "name"),
        ({"licences": []}, "licences"),
        ({"surprise": 1}, "surprise"),
        ({"scores": {**SCORES, "aime_pass1": 101}}, "aime_pass1"),
        ({"scores": {**SCORES, "source": None}}, "need a source"),
        ({"scores": {**SCORES, "aime_pass1": None}}, "need a source"),
        ({"scores": {**SCORES, "date": "yesterday"}}, "date"),
    ],
)
def test_a_wrong_entry_is_refused_with_its_place(record, read, change, where):
    record["entries"][1] |= change
    with pytest.raises(ModelError, match=where) as caught:
        read(record)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("field", ["layers", "hidden", "heads", "kv_heads", "head_dim"])
def test_a_shape_without_extent_is_refused(record, read, field):
    record["entries"][0]["shape"][field] = 0
    with pytest.raises(ModelError, match=field):
        read(record)


def test_two_of_one_name_are_refused(record, read):
    record["entries"].append(record["entries"][0])
    with pytest.raises(ModelError, match="same name"):
        read(record)


def test_a_catalogue_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ModelError, match="catalogue of models cannot be read"):
        catalogue.read(tmp_path / "none.json")
