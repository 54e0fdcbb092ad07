"""What another program has here is used and not fetched again, if it is the very same."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import r1chat
from r1chat import compose, paths
from r1chat.errors import DownloadCancelled, MissingModel, ModelError
from r1chat.hub.download import Control, begun, download
from r1chat.hub.layout import hub_cache
from r1chat.hub.reference import parse
from r1chat.hub.remote import Remote
from r1chat.hub.twins import twin
from r1chat.hub.variants import find
from tests.hub import layouts
from tests.hub.layouts import in_ollama, move_in
from tests.hub.server import File, Hub, Repo
from tests.program import run

TINY = (Path(r1chat.__file__).parent / "models" / "tiny.gguf").read_bytes()
SUM = ("--temperature", "0", "What is 44 + 41 + 25?")
NAME = "unsloth/DeepSeek-R1-Distill-Qwen-7B-GGUF"
PATH = "DeepSeek-R1-Distill-Qwen-7B-Q4_K_M.gguf"
REFS = ["r1:7b", "r1:7b-q4_k_m", f"{NAME}:Q4_K_M", NAME, f"{NAME}/{PATH}"]


@pytest.fixture
def user(hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home in which no program has any models, and a Hub with one."""
    home = move_in(monkeypatch, tmp_path / "user")
    home.mkdir()
    monkeypatch.setenv("HF_HOME", str(home / "hf"))
    hub.add(Repo(NAME, [File(PATH, TINY)], tags=("gguf",)))
    return home


def in_lm_studio(home: Path, data: bytes = TINY, path: str = f"{NAME}/{PATH}") -> Path:
    file = home / ".lmstudio" / "models" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


def in_folder(home: Path, data: bytes = TINY) -> Path:
    del home
    file = paths.models() / "renamed.gguf"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


def in_another_repository(home: Path, data: bytes = TINY) -> Path:
    del home
    pointer = layouts.in_hub_cache(hub_cache().parents[2], data, "other.gguf", "mirror/Other-GGUF")
    moved = hub_cache() / "models--mirror--Other-GGUF"
    source = hub_cache().parents[2] / ".cache" / "huggingface" / "hub" / moved.name
    moved.parent.mkdir(parents=True, exist_ok=True)
    source.rename(moved)
    return moved / pointer.relative_to(source)


WHERE = {
    "lm studio": in_lm_studio,
    "ollama": lambda home, data=TINY: in_ollama(home / ".ollama" / "models", data),
    "folder": in_folder,
}


def variant(name: str = NAME):
    remote, ref = Remote(wait=lambda _: None), parse(name)
    assert ref is not None
    return remote, find(remote, ref)


@pytest.mark.parametrize(("where", "ref"), zip(WHERE, REFS[:3], strict=True))
@pytest.mark.engine
def test_a_pull_uses_what_is_here_and_the_model_has_its_name_then(hub, user, where, ref):
    file = WHERE[where](user)
    code, out, err = run("models", "pull", "--yes", ref)
    assert (code, out) == (0, f"{file}\n"), err
    assert "nothing is downloaded" in err
    # The header is read beforehand.
    assert hub.requests.sent("cdn") <= 1 << 20
    asked = len(hub.requests)
    for other in REFS:
        assert compose.resolve(other) == file
    assert len(hub.requests) == asked
    if where == "ollama":
        code, out, err = run("ask", "-m", err.rsplit(" ", 1)[1].strip(), *SUM)
        assert (code, "110" in out) == (0, True), err


@pytest.mark.parametrize("where", WHERE)
def test_the_download_itself_looks_first(hub, user, where):
    file = WHERE[where](user)
    seen = []
    remote, wanted = variant()
    assert download(wanted, remote, on_progress=seen.append) == file
    assert seen[-1].state == "done"
    assert not hub.requests.of("cdn")


@pytest.mark.parametrize("where", ["lm studio", "folder"])
def test_a_file_of_the_same_size_and_other_bytes_is_not_used(hub, user, where):
    WHERE[where](user, TINY[:-1] + bytes([TINY[-1] ^ 1]))
    remote, wanted = variant()
    assert twin(wanted) is None
    path = download(wanted, remote)
    assert path.is_relative_to(hub_cache())
    assert path.read_bytes() == TINY


def test_a_blob_that_is_not_what_its_name_says_is_not_used(user):
    blob = in_ollama(user / ".ollama" / "models", TINY)
    blob.write_bytes(TINY[:-1] + b"x")
    assert twin(variant()[1]) is None


@pytest.mark.parametrize("how", ["adapter", "outside"])
def test_weights_that_cannot_be_used_are_no_twins(user, tmp_path, how):
    store = user / ".ollama" / "models"
    blob = in_ollama(store, TINY, **({"adapter": b"LoRA"} if how == "adapter" else {}))
    if how == "outside":
        blob.rename(tmp_path / "secret")
        blob.symlink_to(tmp_path / "secret")
    assert twin(variant()[1]) is None


def test_what_was_compared_is_not_compared_again_until_it_changes(user):
    file = in_lm_studio(user, path="other/Name-GGUF/x.gguf")
    read = []
    wanted = variant()[1]
    assert twin(wanted, read.append) == file
    assert read[-1] == len(TINY)
    read.clear()
    assert twin(wanted, read.append) == file
    assert read == []
    assert compose.resolve(REFS[2]) == file
    file.write_bytes(TINY[:-1] + b"x")
    with pytest.raises(MissingModel):
        compose.resolve(REFS[2])
    assert twin(wanted) is None


def test_what_is_gone_is_missing_again(user):
    file = in_ollama(user / ".ollama" / "models", TINY)
    assert twin(variant()[1]) == file
    assert compose.resolve("r1:7b") == file
    file.unlink()
    with pytest.raises(MissingModel):
        compose.resolve("r1:7b")


def test_a_split_model_is_one_only_as_a_whole(hub, user):
    halves = TINY[: len(TINY) // 2], TINY[len(TINY) // 2 :]
    names = [f"Q8_0/M-Q8_0-0000{number}-of-00002.gguf" for number in (1, 2)]
    hub.add(Repo("acme/Split-GGUF", [File(*each) for each in zip(names, halves, strict=True)]))
    remote = Remote(wait=lambda _: None)
    wanted = find(remote, parse("acme/Split-GGUF:Q8_0"))
    first = in_lm_studio(user, halves[0], f"acme/Split-GGUF/{names[0]}")
    assert twin(wanted) is None
    in_lm_studio(user, halves[1], f"acme/Split-GGUF/{names[1]}")
    assert twin(wanted) == first


def test_who_compares_can_be_stopped(user):
    in_lm_studio(user, path="a/b/x.gguf")
    remote, wanted = variant()
    control = Control()

    def stop(progress):
        if progress.state == "checking":
            control.cancel()

    with pytest.raises(DownloadCancelled):
        download(wanted, remote, control=control, on_progress=stop)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"format": 1}', '{"format": 1, "checksums": 5, "adopted": [3]}']
)
def test_a_damaged_memory_is_none(user, content):
    file = in_lm_studio(user, path="a/b/x.gguf")
    memory = paths.cache_dir() / "twins.json"
    memory.parent.mkdir(parents=True, exist_ok=True)
    memory.write_text(content)
    with pytest.raises(MissingModel):
        compose.resolve("r1:7b")
    assert twin(variant()[1]) == file
    assert compose.resolve("r1:7b") == file


@pytest.mark.parametrize("change", [{"path": 5}, {"files": []}, {"files": [{}]}, {"revision": 1}])
def test_a_memory_that_somebody_edited_leads_nowhere(user, change):
    in_lm_studio(user, path="a/b/x.gguf")
    assert twin(variant()[1])
    memory = paths.cache_dir() / "twins.json"
    content = json.loads(memory.read_text())
    content["adopted"] = [content["adopted"][0] | change]
    memory.write_text(json.dumps(content))
    with pytest.raises(MissingModel):
        compose.resolve("r1:7b")


def test_where_the_quant_is_open_the_one_that_is_here_is_meant(hub, user):
    files = [File(PATH, TINY), File(PATH.replace("Q4_K_M", "Q8_0"), TINY + bytes(32))]
    hub.add(Repo(NAME, files, tags=("gguf",)))
    for quant, data in (("Q4_K_M", TINY), ("Q8_0", TINY + bytes(32))):
        file = in_lm_studio(user, data, "other/Name-GGUF/renamed.gguf")
        remote, ref = Remote(), parse("r1:7b")
        assert find(remote, ref, begun).quant == quant
        assert twin(find(remote, ref, begun)) == file


# By name, without a network


@pytest.mark.parametrize("ref", [*REFS, NAME.upper() + ":q4_k_m"])
def test_what_lm_studio_keeps_under_the_repositorys_name_is_used_offline(
    user, monkeypatch, hub, ref
):
    file = in_lm_studio(user)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert compose.resolve(ref) == file
    if ref == REFS[0]:
        code, out, err = run("models", "pull", ref)
        assert (code, out) == (0, f"{file}\n"), err
    assert not hub.requests


@pytest.mark.parametrize("host", ["hf.co", "huggingface.co"])
@pytest.mark.parametrize("tag", ["Q4_K_M", "latest", PATH])
def test_what_ollama_fetched_from_the_hub_is_used_offline(user, hub, host, tag):
    blob = in_ollama(user / ".ollama" / "models", TINY, (host, *NAME.split("/"), tag))
    assert compose.resolve(NAME) == blob
    assert (tag == "latest") or compose.resolve("r1:7b-q4_k_m") == blob
    assert not hub.requests


def test_what_is_not_whole_is_not_used_by_its_name(user):
    in_lm_studio(user, TINY[:-100])
    with pytest.raises(MissingModel):
        compose.resolve("r1:7b")


def test_another_quant_or_revision_is_not_meant(user):
    in_lm_studio(user)
    for ref in (f"{NAME}:Q8_0", f"{NAME}@dev:Q4_K_M", "r1:7b-q8_0", "r1:8b"):
        with pytest.raises(MissingModel):
            compose.resolve(ref)


# Names in another case


ODD = "Unsloth/deepseek-r1-distill-QWEN-7b-gguf"


@pytest.mark.parametrize("sends_on", [True, False])
@pytest.mark.parametrize("ref", [f"{ODD}:q4_k_m", ODD, f"{ODD}/{PATH}", f"https://hf.co/{ODD}"])
def test_a_name_in_another_case_is_fetched_into_the_folder_of_its_own(hub, user, sends_on, ref):
    hub.sends_on = sends_on
    remote, wanted = variant(ref)
    path = download(wanted, remote)
    folders = [path.name for path in hub_cache().iterdir() if path.name.startswith("models--")]
    assert folders == [f"models--{NAME.replace('/', '--')}"]
    for other in (*REFS, ref):
        assert compose.resolve(other) == path
    sent = hub.requests.sent("cdn")
    remote, wanted = variant()
    assert download(wanted, remote) == path
    assert hub.requests.sent("cdn") == sent


def test_a_folder_in_another_case_is_gone_on_with(hub, user):
    """Whoever has such a folder from before gets no second one."""
    pointer = in_another_repository(user)
    odd = hub_cache() / f"models--{ODD.replace('/', '--')}"
    (hub_cache() / "models--mirror--Other-GGUF").rename(odd)
    commit = hub.repos[NAME].refs["main"]
    snapshot = odd / "snapshots" / commit
    (odd / "snapshots" / pointer.parent.name).rename(snapshot)
    (snapshot / "other.gguf").rename(snapshot / PATH)
    (odd / "refs" / "main").write_text(commit)
    for ref in REFS:
        assert compose.resolve(ref) == snapshot / PATH
    remote, wanted = variant()
    assert download(wanted, remote) == snapshot / PATH
    assert not hub.requests.of("cdn")
    assert [path.name for path in hub_cache().iterdir() if "models" in path.name] == [odd.name]
    code, _, err = run("models", "rm", "--yes", REFS[2])
    assert code == 0, err
    assert not odd.exists()


def test_a_hub_that_claims_another_repository_is_not_believed(hub, user):
    from tests.hub.server import faults

    hub.faults.add(faults.Edit(lambda about: about | {"id": "evil/Other"}), "info", times=None)
    assert {file.repo for file in Remote().listing(NAME).files} == {NAME}
    hub.faults.clear()
    hub.faults.add(faults.Edit(lambda about: about | {"id": 5}), "info", times=None)
    assert {file.repo for file in Remote().listing(NAME).files} == {NAME}


# What one front end refuses, all refuse


REFUSED = {
    "adapter": "has a LoRA adapter",
    "outside": "leads out of Ollama's folder",
}


@pytest.fixture(params=REFUSED)
def refused(request, user, tmp_path):
    """A model that the list calls unusable, and all the names that it has."""
    how = request.param
    store = user / ".ollama" / "models"
    name = ("registry.ollama.ai", "library", "tuned", "latest")
    blob = in_ollama(store, TINY, name, **({"adapter": b"LoRA"} if how == "adapter" else {}))
    if how == "outside":
        blob.rename(tmp_path / "secret.gguf")
        blob.symlink_to(tmp_path / "secret.gguf")
    (user / "linked").symlink_to(store / "blobs")
    forms = [
        *("ollama:tuned", "ollama:tuned:latest", "ollama:Tuned", "ollama:library/tuned"),
        *("ollama:registry.ollama.ai/library/tuned:latest", str(blob)),
        *(os.path.relpath(blob), f"~/linked/{blob.name}", f"{blob.parent}/../blobs/{blob.name}"),
    ]
    return REFUSED[how], forms


def test_every_name_of_what_cannot_be_used_is_refused(refused):
    reason, forms = refused
    for form in forms:
        with pytest.raises(ModelError, match=f"cannot be used: it {reason}"):
            compose.resolve(form)


def test_the_program_refuses_it_everywhere_and_shows_why(refused):
    reason, forms = refused
    for form in (forms[1], forms[5]):
        code, out, err = run("ask", "-m", form, *SUM)
        assert (code, out, err.count("\n")) == (3, "", 1)
        assert reason in err
    code, out, _ = run("models", "list", "--format", "json")
    (model,) = [each for each in json.loads(out)["models"] if each["source"] == "ollama"]
    assert reason in model["problem"]
    code, out, err = run("models", "show", model["ref"])
    assert code == 0, err
    assert reason in out


def test_weights_with_and_without_an_adapter(user):
    store = user / ".ollama" / "models"
    in_ollama(store, TINY, ("registry.ollama.ai", "library", "a", "tuned"), adapter=b"LoRA")
    blob = in_ollama(store, TINY, ("registry.ollama.ai", "library", "b", "plain"))
    with pytest.raises(ModelError, match="LoRA"):
        compose.resolve("ollama:a:tuned")
    assert compose.resolve("ollama:b:plain") == blob
    assert compose.resolve(str(blob)) == blob
