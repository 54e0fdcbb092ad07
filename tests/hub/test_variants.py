from __future__ import annotations

import pytest

from r1chat.errors import ModelError, NetworkError
from r1chat.hub.quants import quant_of
from r1chat.hub.reference import HubRef, parse
from r1chat.hub.values import Listing, RemoteFile
from r1chat.hub.variants import find, sort_out, variants

REPO = "owner/Model-GGUF"
COMMIT = "c" * 40


def file(path, size=100, repo=REPO):
    return RemoteFile(repo, COMMIT, path, size, "a" * 64, "a" * 64)


def listing(*files, repo=REPO, revision="main"):
    made = [each if isinstance(each, RemoteFile) else file(each, repo=repo) for each in files]
    return Listing(repo, revision, COMMIT, tuple(made), "mit", gated=False, base_model="")


class Shelf:
    """Holds listings."""

    def __init__(self, *listings):
        self.listings = {each.repo: each for each in listings}
        self.asked = []

    def listing(self, repo, revision):
        self.asked.append((repo, revision))
        held = self.listings.get(repo)
        if held is None:
            message = f"there is no {repo}"
            raise ModelError(message)
        return held


@pytest.mark.parametrize(
    ("path", "quant"),
    [
        ("Model-7B-Q4_K_M.gguf", "Q4_K_M"),
        ("Model.Q4_K_M.gguf", "Q4_K_M"),
        ("Model-7B.q8_0.gguf", "Q8_0"),
        ("model_Q5_K_S.gguf", "Q5_K_S"),
        ("Model-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("Model-UD-IQ2_XXS.gguf", "UD-IQ2_XXS"),
        ("Model-IQ4_XS.gguf", "IQ4_XS"),
        ("Model.i1-IQ1_S.gguf", "IQ1_S"),
        ("Model-TQ1_0.gguf", "TQ1_0"),
        ("Model-BF16.gguf", "BF16"),
        ("Model-fp16.gguf", "F16"),
        ("Model-F32.gguf", "F32"),
        ("Model-Q4_0_4_4.gguf", "Q4_0_4_4"),
        ("gpt-MXFP4_MOE.gguf", "MXFP4_MOE"),
        ("Model-Q4_K_M-imat.gguf", "Q4_K_M"),
        ("Q8_0/Model-00001-of-00002.gguf", "Q8_0"),
        ("Model-Q6_K/Model-Q6_K-00001-of-00003.gguf", "Q6_K"),
        ("Model.gguf", ""),
        ("Qwen-7B.gguf", ""),
        ("ggml-model.gguf", ""),
    ],
)
def test_a_name_tells_the_quant(path, quant):
    assert quant_of(path) == quant


def test_variants_come_from_the_smallest():
    found = variants(
        listing(file("M-Q8_0.gguf", 80), file("M-Q2_K.gguf", 20), file("M-Q4_K_M.gguf", 40))
    )
    assert [(each.quant, each.size) for each in found] == [
        ("Q2_K", 20),
        ("Q4_K_M", 40),
        ("Q8_0", 80),
    ]
    assert found[0].name == "M-Q2_K"
    assert found[0].ref == f"{REPO}:Q2_K"
    assert (found[0].repo, found[0].commit) == (REPO, COMMIT)


def test_what_is_no_model_is_left_out_with_its_reason():
    found, left_out = sort_out(
        listing(
            "README.md",
            "config.json",
            "M-Q4_0.gguf",
            "mmproj-M-F16.gguf",
            "M.imatrix.gguf",
            "imatrix.dat",
            "M-Q8_0.gguf.part1of2",
            "M-Q8_0.gguf.part2of2",
            file("M-Q6_K.gguf", 0),
        )
    )
    assert [each.name for each in found] == ["M-Q4_0"]
    assert set(left_out) == {
        "mmproj-M-F16.gguf",
        "M.imatrix.gguf",
        "M-Q8_0.gguf.part1of2",
        "M-Q8_0.gguf.part2of2",
        "M-Q6_K.gguf",
    }


def test_parts_are_put_together_in_order():
    paths = [f"M-Q8_0/M-Q8_0-0000{number}-of-00003.gguf" for number in (3, 1, 2)]
    (found,) = variants(listing(*paths))
    assert [each.path for each in found.files] == sorted(paths)
    assert found.quant == "Q8_0"
    assert found.size == 300
    assert found.name == "M-Q8_0-00001-of-00003"


def test_a_set_with_a_hole_is_left_out_and_says_so():
    paths = [f"M-Q8_0-0000{number}-of-00003.gguf" for number in (1, 3)]
    found, left_out = sort_out(listing(*paths))
    assert found == []
    assert set(left_out.values()) == {"is one of 3 parts, of which the Hub has 2"}


@pytest.mark.parametrize("path", ["M-00000-of-00001.gguf", "M-00002-of-00001.gguf"])
def test_a_part_that_cannot_be_is_left_out(path):
    assert variants(listing(path)) == []


def test_parts_of_different_sets_are_kept_apart():
    found = variants(
        listing(
            "a/M-Q8_0-00001-of-00002.gguf",
            "a/M-Q8_0-00002-of-00002.gguf",
            "b/M-Q8_0-00001-of-00001.gguf",
        )
    )
    assert sorted(len(each.files) for each in found) == [1, 2]
    assert [each.shared for each in found] == [True, True]


def test_a_reference_of_a_variant_finds_it_again():
    held = listing(
        "Small-Q4_0.gguf", "Large-Q4_0.gguf", "Large-Q8_0.gguf", "plain.gguf", revision="dev"
    )
    for each in variants(held):
        assert find(Shelf(held), parse(each.ref)) == each


def test_a_file_that_is_a_part_gives_the_whole_set():
    held = listing("M-Q8_0-00001-of-00002.gguf", "M-Q8_0-00002-of-00002.gguf", "M-Q4_0.gguf")
    found = find(Shelf(held), HubRef((REPO,), file="M-Q8_0-00002-of-00002.gguf"))
    assert len(found.files) == 2


def test_a_file_in_another_case_is_found_where_it_leaves_no_doubt():
    held = listing("M-Q4_0.gguf", "m-q4_0.gguf", "A/B-Q8_0.gguf")
    assert find(Shelf(held), HubRef((REPO,), file="a/b-q8_0.GGUF")).name == "B-Q8_0"
    assert find(Shelf(held), HubRef((REPO,), file="m-q4_0.gguf")).name == "m-q4_0"
    with pytest.raises(ModelError, match="has no file"):
        find(Shelf(held), HubRef((REPO,), file="M-q4_0.gguf"))


def test_a_raw_piece_is_refused_by_name():
    held = listing("M-Q8_0.gguf.part1of2", "M-Q4_0.gguf")
    with pytest.raises(ModelError, match=r"raw piece of a file.*M-Q4_0"):
        find(Shelf(held), HubRef((REPO,), file="M-Q8_0.gguf.part1of2"))


def test_a_missing_quant_is_answered_with_those_there_are():
    held = listing("M-Q4_0.gguf", "M-UD-Q4_K_XL.gguf")
    with pytest.raises(ModelError, match=r"has no Q8_0; it has Q4_0, UD-Q4_K_XL"):
        find(Shelf(held), HubRef((REPO,), quant="Q8_0"))


def test_a_missing_file_is_answered_with_those_like_it():
    held = listing("M-Q4_0.gguf", "other.gguf")
    with pytest.raises(ModelError, match=r"has no file M-Q4_1.gguf; it has M-Q4_0.gguf"):
        find(Shelf(held), HubRef((REPO,), file="M-Q4_1.gguf"))


def test_a_repository_without_models_says_why():
    with pytest.raises(ModelError, match=r"has no GGUF model: look"):
        find(Shelf(listing("model.safetensors")), HubRef((REPO,)))
    with pytest.raises(ModelError, match=r"has no GGUF model.*raw piece"):
        find(Shelf(listing("M.gguf.part1of2")), HubRef((REPO,)))


def test_a_quant_that_two_models_have_needs_the_file():
    held = listing("A-Q4_0.gguf", "B-Q4_0.gguf")
    with pytest.raises(ModelError, match=r"name the file: A-Q4_0\.gguf, B-Q4_0\.gguf"):
        find(Shelf(held), HubRef((REPO,), quant="Q4_0"))


def test_where_the_quant_is_open_somebody_chooses():
    held = listing(file("M-Q2_K.gguf", 1), file("M-Q4_K_M.gguf", 2), file("M-Q8_0.gguf", 3))
    assert find(Shelf(held), HubRef((REPO,)), lambda offered: offered[-1]).quant == "Q8_0"
    assert find(Shelf(held), HubRef((REPO,))).quant == "Q4_K_M"
    assert find(Shelf(listing("M-Q3_K_M.gguf", "odd.gguf")), HubRef((REPO,))).name == "M-Q3_K_M"


def test_the_next_publisher_is_asked_where_the_first_has_it_not():
    first, second = listing("M-Q4_0.gguf", repo="a/x"), listing("M-Q8_0.gguf", repo="c/x")
    shelf = Shelf(first, second)
    found = find(shelf, HubRef(("a/x", "b/x", "c/x"), quant="Q8_0", short="r1:7b"))
    assert found.repo == "c/x"
    assert [repo for repo, _ in shelf.asked] == ["a/x", "b/x", "c/x"]


def test_the_first_publishers_answer_is_told_where_none_has_it():
    shelf = Shelf(listing("M-Q4_0.gguf", repo="a/x"), listing("M-Q5_0.gguf", repo="b/x"))
    with pytest.raises(ModelError, match="a/x has no Q8_0; it has Q4_0"):
        find(shelf, HubRef(("a/x", "b/x"), quant="Q8_0"))


def test_a_failing_network_is_told_at_once():
    class Down:
        def listing(self, *_):
            message = "the Hub cannot be reached"
            raise NetworkError(message)

    with pytest.raises(NetworkError, match="cannot be reached"):
        find(Down(), HubRef(("a/x", "b/x")))


def test_the_revision_is_asked_for_and_kept():
    held = listing("M-Q4_0.gguf", revision="dev")
    shelf = Shelf(held)
    found = find(shelf, HubRef((REPO,), quant="Q4_0", revision="dev"))
    assert shelf.asked == [(REPO, "dev")]
    assert found.ref == f"{REPO}@dev:Q4_0"
