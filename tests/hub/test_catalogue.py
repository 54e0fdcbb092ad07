from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from r1chat.errors import ModelError
from r1chat.hub import catalogue

NAMES = ["r1:1.5b", "r1:7b", "r1:8b", "r1:0528-8b", "r1:14b", "r1:32b", "r1:70b"]
# KiB of F16 cache a token.
KV_KIB = [28, 56, 128, 144, 192, 256, 320]


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
    distills = catalogue.distills()
    assert [distill.name for distill in distills] == NAMES
    parameters = [distill.parameters for distill in distills]
    assert parameters == sorted(parameters)


def test_every_distill_was_made_for_131072_tokens_and_can_be_had_as_q4_k_m():
    for distill in catalogue.distills():
        assert distill.context == 131_072
        assert distill.repos[0].startswith("unsloth/DeepSeek-R1-")
        assert distill.sizes["Q4_K_M"]


def test_sizes_grow_with_the_bits_and_go_with_the_parameters():
    for distill in catalogue.distills():
        sizes = list(distill.sizes.values())
        assert sizes == sorted(sizes)
        bits = {quant: size * 8 / distill.parameters for quant, size in distill.sizes.items()}
        assert 4.5 < bits["Q4_K_M"] < 5.2
        assert 15.9 < bits.get("F16", 16) < 16.1
        assert 8.4 < bits.get("Q8_0", 8.5) < 8.7


@pytest.mark.parametrize(("name", "kib"), zip(NAMES, KV_KIB, strict=True))
def test_the_shapes_give_the_known_need_of_cache(name, kib):
    shape = catalogue.get(name).shape
    assert 2 * shape.layers * shape.kv_heads * shape.head_dim * 2 == kib * 1024
    assert shape.heads * shape.head_dim == shape.hidden


def test_shapes_and_parameters_agree_to_the_last_one():
    """What is left for the feed-forward parts makes a whole width, divisible by 64."""
    for distill in catalogue.distills():
        shape = distill.shape
        keys = shape.kv_heads * shape.head_dim
        layer = 2 * shape.hidden * (shape.hidden + keys) + 2 * shape.hidden
        if "Qwen2.5" in distill.base:  # Biases of queries, keys and values.
            layer += shape.hidden + 2 * keys
        if "Qwen3" in distill.base:  # Norms of queries and keys.
            layer += 2 * shape.head_dim
        embeddings = 2 * shape.vocabulary * shape.hidden
        rest = distill.parameters - embeddings - shape.hidden - shape.layers * layer
        assert rest % (3 * shape.layers * shape.hidden * 64) == 0, distill.name


def test_scores_are_those_of_deepseek_and_missing_where_it_gives_none():
    assert catalogue.get("r1:7b").scores.model_dump() == {
        "aime_pass1": 55.5,
        "aime_cons64": 83.3,
        "math500": 92.8,
    }
    without = [d.name for d in catalogue.distills() if d.scores.math500 is None]
    assert without == ["r1:0528-8b"]


def test_licences_are_deepseeks_and_the_bases():
    licences = {distill.name: distill.licences for distill in catalogue.distills()}
    assert {licence[0] for licence in licences.values()} == {"MIT"}
    assert licences["r1:8b"][1] == "llama3.1"
    assert licences["r1:70b"][1] == "llama3.3"
    assert licences["r1:14b"][1] == "Apache-2.0"


def test_a_name_is_found_in_any_case():
    assert catalogue.get("R1:7B") is catalogue.get("r1:7b")
    assert catalogue.get("r1:9b") is None


def test_an_entry_cannot_be_changed():
    distill = catalogue.get("r1:7b")
    with pytest.raises(ValidationError):
        distill.context = 1
    with pytest.raises(TypeError):
        distill.sizes["Q4_K_M"] = 1


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
        ({"scores": {"aime_pass1": 101, "aime_cons64": 1, "math500": 1}}, "aime_pass1"),
    ],
)
def test_a_wrong_entry_is_refused_with_its_place(record, read, change, where):
    record["distills"][1] |= change
    with pytest.raises(ModelError, match=where) as caught:
        read(record)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("field", ["layers", "hidden", "heads", "kv_heads", "head_dim"])
def test_a_shape_without_extent_is_refused(record, read, field):
    record["distills"][0]["shape"][field] = 0
    with pytest.raises(ModelError, match=field):
        read(record)


def test_two_of_one_name_are_refused(record, read):
    record["distills"].append(record["distills"][0])
    with pytest.raises(ModelError, match="same name"):
        read(record)


def test_a_catalogue_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ModelError, match="catalogue of models cannot be read"):
        catalogue.read(tmp_path / "none.json")
