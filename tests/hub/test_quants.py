"""Names as they are in use on the Hub: which quant they tell, and what is no model."""

from __future__ import annotations

from pathlib import Path

import pytest

import r1chat
from r1chat.errors import NetworkError, UsageError
from r1chat.hub.names import good_quant
from r1chat.hub.quants import SHARD, is_statistics, normal, quant_of
from r1chat.hub.reference import HubRef, parse
from r1chat.hub.remote import Remote
from r1chat.hub.variants import find, sort_out
from tests.hub.server import File, Generated, Hub, Repo, faults
from tests.hub.test_variants import Shelf, listing
from tests.program import run

TINY = Path(r1chat.__file__).parent / "models" / "tiny.gguf"
NAME = "acme/Model-GGUF"

NAMES = {
    # unsloth
    "DeepSeek-R1-Distill-Qwen-7B-Q4_K_M.gguf": "Q4_K_M",
    "DeepSeek-R1-0528-Qwen3-8B-UD-Q4_K_XL.gguf": "UD-Q4_K_XL",
    "Qwen3-8B-UD-IQ2_XXS.gguf": "UD-IQ2_XXS",
    "Qwen3-8B-UD-Q8_K_XL.gguf": "UD-Q8_K_XL",
    "DeepSeek-R1-UD-IQ1_S/DeepSeek-R1-UD-IQ1_S-00001-of-00003.gguf": "UD-IQ1_S",
    "UD-TQ1_0/DeepSeek-R1-0528-UD-TQ1_0-00001-of-00004.gguf": "UD-TQ1_0",
    "BF16/Qwen3-32B-BF16-00001-of-00002.gguf": "BF16",
    "Qwen3-8B-Q2_K_L.gguf": "Q2_K_L",
    "Qwen3-8B-IQ4_NL.gguf": "IQ4_NL",
    "gpt-oss-20b-F16.gguf": "F16",
    "Qwen3-Next-MXFP4_MOE.gguf": "MXFP4_MOE",
    # bartowski
    "deepseek-ai_DeepSeek-R1-0528-Qwen3-8B-Q4_K_L.gguf": "Q4_K_L",
    "DeepSeek-R1-Distill-Llama-8B-Q3_K_XL.gguf": "Q3_K_XL",
    "Codestral-22B-v0.1-Q8_0_L.gguf": "Q8_0_L",
    "Llama-3.2-1B-Instruct-Q4_0_4_4.gguf": "Q4_0_4_4",
    "Llama-3.2-1B-Instruct-Q4_0_8_8.gguf": "Q4_0_8_8",
    "Llama-3.2-1B-Instruct-f16.gguf": "F16",
    "Qwen_QwQ-32B-bf16/Qwen_QwQ-32B-bf16-00001-of-00002.gguf": "BF16",
    "gemma-2-9b-it-f32.gguf": "F32",
    "gemma-2-9b-it-Q8_0-f16.gguf": "Q8_0",
    "gemma-2-27b-it-Q4_K_M-fp16.gguf": "Q4_K_M",
    # mradermacher
    "DeepSeek-R1-Distill-Qwen-7B.i1-Q4_K_M.gguf": "Q4_K_M",
    "DeepSeek-R1-Distill-Qwen-7B.i1-IQ1_S.gguf": "IQ1_S",
    "DeepSeek-R1-Distill-Qwen-7B.IQ4_XS.gguf": "IQ4_XS",
    "DeepSeek-R1-Distill-Qwen-7B.f16.gguf": "F16",
    "Model-v2.i1-Q2_K_S.gguf": "Q2_K_S",
    # the makers themselves, and older names
    "qwen2.5-7b-instruct-q4_k_m-00001-of-00002.gguf": "Q4_K_M",
    "qwen2.5-0.5b-instruct-fp16.gguf": "F16",
    "Phi-3-mini-4k-instruct-q4.gguf": "Q4",
    "Phi-3-mini-4k-instruct-fp16.gguf": "F16",
    "gemma-3-4b-it-q4_0.gguf": "Q4_0",
    "gpt-oss-20b-mxfp4.gguf": "MXFP4",
    "model-float16.gguf": "F16",
    # as a browser names what it fetches again
    "Model-Q4_K_M (1).gguf": "Q4_K_M",
    "Model (Q4_K_M).gguf": "Q4_K_M",
    "nomic-embed-text-v1.5.f32.gguf": "F32",
    "mistral-7b-instruct-v0.2.Q5_K_S.gguf": "Q5_K_S",
    "ggml-model-i2_s.gguf": "I2_S",
    "ggml-model-f16.gguf": "F16",
    "BitNet-TL1.gguf": "TL1",
    "model_q4_k_m.gguf": "Q4_K_M",
    "tinyllama-1.1b-chat-fp32.gguf": "F32",
    "WizardLM-2-7B-Q4_K_M-imat.gguf": "Q4_K_M",
    "Model-imatrix-Q4_K_M.gguf": "Q4_K_M",
    "Model-Q5_K_M-imatrix.gguf": "Q5_K_M",
    "Model-Q4_K_M-v2.gguf": "Q4_K_M",
    "Model-Q4_K_M_v2.gguf": "Q4_K_M",
    "Model-Q8-distilled-Q4_K_M.gguf": "Q4_K_M",
    "Kimi-K2-smol-IQ4_KSS-00001-of-00011.gguf": "IQ4_KSS",
    "Model-IQ4_K_R4.gguf": "IQ4_K_R4",
    # the quant in the folder's name alone
    "Q4_K_M/model-00001-of-00003.gguf": "Q4_K_M",
    "q8_0/model.gguf": "Q8_0",
    "gguf/model-fp16/weights.gguf": "F16",
    # none
    "Model.gguf": "",
    "gemma-2b-it.gguf": "",
    "2b_it_v2.gguf": "",
    "Qwen-7B.gguf": "",
    "DeepSeek-R1.SOURCE.gguf": "",
    "QwQ-32B.gguf": "",
    "model-00001-of-00002.gguf": "",
}


def test_a_name_tells_its_quant():
    assert {path: quant_of(path) for path in NAMES} == NAMES
    files = {path: quant for path, quant in NAMES.items() if "/" not in path}
    in_capitals = {path: quant_of(path.lower().replace(".gguf", ".GGUF")) for path in files}
    assert in_capitals == files


def test_what_a_name_tells_finds_it_again():
    for path in (path for path, quant in NAMES.items() if quant):
        finds_again(path)


def finds_again(path: str) -> None:
    quant = quant_of(path)
    assert good_quant(quant)
    shard = SHARD.fullmatch(path)
    count = int(shard[3]) if shard else 0
    parts = [f"{shard[1]}-{n + 1:05}-of-{count:05}.gguf" for n in range(count)] if shard else [path]
    offered = listing(*parts)
    (only,) = sort_out(offered)[0]
    other = {"F16": "fp16", "F32": "FP32"}.get(quant, quant.lower())
    for written in (quant, quant.lower(), other, f"i1-{quant}"):
        ref = parse(f"{offered.repo}:{written}")
        assert ref is not None
        assert find(Shelf(offered), ref) == only


@pytest.mark.parametrize(
    ("text", "quant"),
    [
        ("fp16", "F16"),
        ("float16", "F16"),
        ("q4-k-m", "Q4_K_M"),
        ("FP16", "F16"),
        ("f16", "F16"),
        ("fp32", "F32"),
        ("bf16", "BF16"),
        ("i1-Q4_K_M", "Q4_K_M"),
        ("ud_q4_k_xl", "UD-Q4_K_XL"),
        ("ud-fp16", "UD-F16"),
        ("q4_0", "Q4_0"),
    ],
)
def test_a_quant_has_one_normal_form(text, quant):
    assert normal(text) == quant
    assert parse(f"{NAME}:{text}") == HubRef((NAME,), quant=quant)
    assert parse(f"r1:7b-{text}").quant == quant


@pytest.mark.parametrize(
    ("name", "statistics"),
    [
        ("imatrix.gguf", True),
        ("imatrix_unsloth.gguf", True),
        ("Model.imatrix.gguf", True),
        ("Model-imatrix.gguf", True),
        ("Model-F16-imatrix.gguf", True),
        ("Model-bf16.imatrix.gguf", True),
        ("imatrix-Kimi-Q8_0.gguf", True),
        ("Model-imatrix-Q4_K_M.gguf", False),
        ("Model-imatrix-00001-of-00001.gguf", False),
        ("Model-Q4_K_M-imatrix.gguf", False),
        ("Model-imatrix.Q4_K_M.gguf", False),
        ("Model-iMatrix-Q4_K_M.gguf", False),
        ("Model.gguf", False),
    ],
)
def test_statistics_are_told_from_models_made_with_them(name, statistics):
    assert is_statistics(name) is statistics
    found, left_out = sort_out(listing(name))
    assert (len(found), len(left_out)) == ((0, 1) if statistics else (1, 0))


@pytest.mark.parametrize(
    "name",
    [
        *("mmproj-F16.gguf", "mmproj-model-f16.gguf", "Model.mmproj-Q8_0.gguf"),
        *("Model-mmproj-f16.gguf", "MTP/mmproj-BF16.gguf"),
    ],
)
def test_the_eyes_of_a_model_are_none(name):
    assert sort_out(listing(name, "Model-Q4_0.gguf"))[1].keys() == {name}


# Folders


FOLDERS = {
    "Q4_K_M": "Q4_K_M/Model-Q4_K_M-00001-of-00002.gguf",
    "Model-UD-IQ1_S": "Model-UD-IQ1_S/Model-UD-IQ1_S-00001-of-00002.gguf",
    "BF16": "BF16/weights-00001-of-00002.gguf",
    "sub/Model-Q8_0": "sub/Model-Q8_0/a-00001-of-00002.gguf",
}


def in_folders():
    parts = [
        path.replace("00001-of", f"0000{number}-of")
        for path in FOLDERS.values()
        for number in (1, 2)
    ]
    return listing(*parts, "Model-Q4_K_M.gguf", "Model-Q6_K.gguf")


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize(
    "form",
    [
        "{repo}/{folder}",
        "{repo}/{folder}/",
        "hf://{repo}/{folder}",
        "https://huggingface.co/{repo}/tree/main/{folder}",
        "https://huggingface.co/{repo}/tree/main/{folder}/",
        "https://huggingface.co/{repo}/tree/main/{folder}?show=1",
        "hf.co/{repo}/tree/main/{folder}",
    ],
)
def test_the_address_of_a_quants_folder_means_the_model_in_it(folder, form):
    held = in_folders()
    ref = parse(form.format(repo=held.repo, folder=folder))
    assert ref is not None
    assert parse(str(ref)) == ref
    found = find(Shelf(held), ref)
    assert found.files[0].path == FOLDERS[folder]
    assert len(found.files) == 2


def test_a_folder_that_is_not_there_means_its_quant():
    held = in_folders()
    assert find(Shelf(held), parse(f"{held.repo}/Q6_K")).name == "Model-Q6_K"


def test_a_folder_at_a_revision():
    assert parse("acme/x@dev/Q4_K_M") == HubRef(
        ("acme/x",), quant="Q4_K_M", folder="Q4_K_M", revision="dev"
    )
    assert parse("https://hf.co/acme/x/tree/refs/pr/1/Q4_0").revision == "refs/pr/1"


@pytest.mark.parametrize(
    "text",
    [
        "https://huggingface.co/acme/x/tree/main/docs",
        "https://huggingface.co/acme/x/blob/main",
        "https://huggingface.co/acme/x/tree/main/../Q4_0/Q4_0",
        "hf://acme/x/Q4_0.safetensors",
    ],
)
def test_other_folders_are_refused(text):
    with pytest.raises(UsageError):
        parse(text)


def test_a_file_after_a_colon_as_ollama_writes_it():
    assert parse("hf.co/acme/x:M-Q4_0.gguf") == HubRef(("acme/x",), file="M-Q4_0.gguf")
    assert parse("hf.co/acme/x:latest") == HubRef(("acme/x",))


def test_a_dynamic_quant_is_found_by_its_plain_name_where_there_is_no_other():
    held = listing("M-UD-Q4_K_XL.gguf", "M-Q4_0.gguf", "M-UD-Q4_0.gguf")
    assert find(Shelf(held), parse(f"{held.repo}:Q4_K_XL")).quant == "UD-Q4_K_XL"
    assert find(Shelf(held), parse(f"{held.repo}:Q4_0")).quant == "Q4_0"


# Listings that leave things out


def without(*keys):
    def change(about):
        for each in about["siblings"]:
            for key in keys:
                each.pop(key, None)
        return about

    return faults.Edit(change)


@pytest.fixture
def held(hub: Hub) -> Hub:
    files = [
        File("README.md", b"hello", lfs=False),
        File("Model-F16.gguf", TINY),
        File("Model-Q4_0.gguf", Generated(3_000_000, 1, begin=b"GGUF")),
    ]
    hub.add(Repo(NAME, files, tags=("gguf",)))
    return hub


@pytest.mark.parametrize("keys", [("size",), ("lfs",), ("size", "lfs"), ("size", "lfs", "blobId")])
@pytest.mark.parametrize("tree", ["whole", "missing", "without checksums"])
def test_a_listing_without_sizes_or_checksums_is_completed(held, keys, tree):
    whole = {file.path: file for file in Remote().listing(NAME).files if ".gguf" in file.path}
    held.faults.add(without(*keys), "info", times=None)
    if tree == "missing":
        held.faults.add(faults.Status(404), "tree", times=None)
    elif tree == "without checksums":
        held.faults.add(
            faults.Edit(lambda entries: [{**each, "lfs": None} for each in entries]),
            "tree",
            times=None,
        )
    remote = Remote(wait=lambda _: None)
    there = {file.path: file for file in remote.listing(NAME).files if ".gguf" in file.path}
    assert there == whole


def test_a_model_without_any_checksum_is_not_fetched(held):
    held.faults.add(without("size", "lfs", "blobId"), "info", times=None)
    held.faults.add(faults.Status(404), "tree", times=None)
    for name in ("X-Linked-Etag", "ETag"):
        held.faults.add(faults.Header(name), "any", method="HEAD", times=None)
    with pytest.raises(NetworkError, match=r"neither size nor checksum of Model-F16\.gguf"):
        Remote(wait=lambda _: None).listing(NAME)


@pytest.mark.parametrize(
    "written", ["acme/Model-GGUF:fp16", "acme/Model-GGUF:F16", "https://hf.co/{}/tree/main/F16"]
)
@pytest.mark.engine
def test_the_program_takes_such_names_from_such_a_mirror(held, tmp_path, monkeypatch, written):
    monkeypatch.setenv("HOME", str(tmp_path))
    held.add(Repo(NAME, [File("F16/Model-imatrix-fp16.gguf", TINY)]))
    held.faults.add(without("size", "lfs"), "info", times=None)
    ref = written.format(NAME)
    code, out, err = run("models", "show", ref)
    assert code == 0, err
    assert f"r1chat models pull {NAME}" in out
    code, out, err = run("models", "pull", ref)
    assert code == 0, err
    assert Path(out.strip()).read_bytes() == TINY.read_bytes()
    code, out, err = run("ask", "-m", ref, "--temperature", "0", "What is 44 + 41 + 25?")
    assert (code, "110" in out) == (0, True), err
