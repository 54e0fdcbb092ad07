"""The models on this machine: each once, by a name that can be typed, whatever lies around."""

from __future__ import annotations

import json
import os
import random
import tempfile
from collections import Counter
from pathlib import Path

import gguf
import numpy as np
import pytest

from r1chat import paths
from r1chat.errors import ModelError
from r1chat.gguf import read_header
from r1chat.hub import facts, places, removal
from r1chat.hub import local as local_module
from r1chat.hub.about import about
from r1chat.hub.local import local_models, model_of
from r1chat.hub.places import files
from r1chat.hub.reference import parse
from tests.factory import CHATML, CHATML_MARKERS
from tests.hub.layouts import COMMIT, a_model, in_hub_cache, in_ollama, move_in, split

OTHER = "f" * 40


@pytest.fixture
def user(monkeypatch, tmp_path):
    return move_in(monkeypatch, tmp_path)


@pytest.fixture
def folder(user):
    return paths.made(paths.models())


@pytest.fixture
def data(tmp_path):
    return a_model(tmp_path / "made" / "model.gguf").read_bytes()


def found(source=None):
    models = local_models()
    return [model for model in models if source in (None, model.source)][source is None :]


def write_gguf(path: Path, arch: str = "llama", **texts: str) -> Path:
    writer = gguf.GGUFWriter(path, arch)
    for key, text in texts.items():
        writer.add_string(key.replace("_", "."), text)
    writer.add_tensor("token_embd.weight", np.zeros((4, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_the_built_in_model_comes_first_and_is_called_tiny(user):
    (tiny,) = local_models()
    assert (tiny.ref, tiny.source, tiny.problem) == ("tiny", "built in", "")
    assert tiny.path.is_file()
    assert tiny.thinks
    assert tiny.size == tiny.path.stat().st_size


def test_a_file_of_the_hubs_cache_is_named_by_repository_and_quant(user, data):
    pointer = in_hub_cache(user, data, "Small-Q8_0.gguf")
    (model,) = found()
    assert model.ref == "acme/Small-GGUF:Q8_0"
    assert model.path == pointer
    assert (model.repo, model.commit) == ("acme/Small-GGUF", COMMIT)
    assert (model.name, model.arch, model.quant) == ("random", "llama", "F32")
    assert (model.size, model.context, model.thinks) == (len(data), 512, True)
    assert model.problem == ""


def test_files_with_the_same_quant_are_named_by_their_names(user, tmp_path):
    for seed, name in enumerate(("One-Q8_0.gguf", "sub/Two-Q8_0.gguf", "Three.gguf")):
        in_hub_cache(user, a_model(tmp_path / "made.gguf", seed).read_bytes(), name)
    assert {model.ref for model in found()} == {
        "acme/Small-GGUF/One-Q8_0.gguf",
        "acme/Small-GGUF/sub/Two-Q8_0.gguf",
        "acme/Small-GGUF/Three.gguf",
    }


def test_references_to_the_cache_are_read_as_what_they_mean(user, tmp_path):
    for seed, name in enumerate(("A-Q8_0.gguf", "B-Q8_0.gguf", "sub dir/C-Q4_K_M.gguf")):
        in_hub_cache(user, a_model(tmp_path / "made.gguf", seed).read_bytes(), name)
    for model in found():
        ref = parse(model.ref)
        assert ref is not None
        assert str(ref) == model.ref


def test_a_file_that_two_commits_share_is_one_model(user, data):
    in_hub_cache(user, data, "Small-Q8_0.gguf")
    in_hub_cache(user, data, "Small-Q8_0.gguf", commit=OTHER)
    assert [model.ref for model in found()] == ["acme/Small-GGUF:Q8_0"]


def test_a_file_that_differs_between_commits_is_named_by_its_commit(user, data, tmp_path):
    in_hub_cache(user, data, "Small-Q8_0.gguf")
    newer = a_model(tmp_path / "newer.gguf", 9).read_bytes()
    in_hub_cache(user, newer, "Small-Q8_0.gguf", commit=OTHER)
    assert {model.ref for model in found()} == {
        f"acme/Small-GGUF@{COMMIT}/Small-Q8_0.gguf",
        f"acme/Small-GGUF@{OTHER}/Small-Q8_0.gguf",
    }


def test_a_file_of_our_own_folder_is_named_by_its_path(folder):
    path = a_model(folder / "sub" / "mine.GGUF")
    (model,) = found("folder")
    assert (model.ref, model.path, model.repo) == (str(path), path, "")


def test_a_file_with_several_names_is_one_model(user, folder, data):
    pointer = in_hub_cache(user, data, "Small-Q8_0.gguf")
    (folder / "link.gguf").symlink_to(pointer)
    os.link(pointer.resolve(), folder / "hard.gguf")
    (folder / "folder").symlink_to(pointer.parent)
    assert [model.source for model in found()] == ["hub"]


def test_a_split_model_is_one(folder):
    parts = split(folder, "big-Q4_K_M")
    (model,) = found("folder")
    assert model.path == parts[0]
    assert model.size == sum(part.stat().st_size for part in parts)
    assert model.problem == ""


def test_a_split_model_of_the_hub_is_named_by_its_quant(user, tmp_path):
    for part in split(tmp_path / "made", "Big-Q4_K_M"):
        in_hub_cache(user, part.read_bytes(), f"Big-Q4_K_M/{part.name}")
    (model,) = found()
    assert (model.ref, model.problem) == ("acme/Small-GGUF:Q4_K_M", "")


@pytest.mark.parametrize("missing", [0, 2])
def test_a_split_model_with_a_part_missing_says_which(folder, missing):
    part = split(folder, "big")[missing]
    part.unlink()
    (model,) = found("folder")
    assert "missing" in model.problem
    assert part.name in model.problem


def test_what_only_goes_with_a_model_is_left_out(folder):
    write_gguf(folder / "eyes.gguf", "clip")
    write_gguf(folder / "mmproj.gguf", "llama", general_type="mmproj")
    write_gguf(folder / "lora.gguf", "llama", general_type="adapter")
    write_gguf(folder / "imatrix.gguf", "llama", general_type="imatrix")
    assert found("folder") == []


def test_what_cannot_chat_is_listed_and_says_why(folder):
    write_gguf(folder / "bert.gguf", "bert")
    write_gguf(folder / "new.gguf", "lama")
    problems = {model.path.name: model.problem for model in found("folder")}
    # What this llama.cpp cannot do, the next one may: that is not remembered.
    assert problems == {model.path.name: model.problem for model in found("folder")}
    assert problems["bert.gguf"].startswith("is an embedding model")
    assert "architecture 'lama'" in problems["new.gguf"]


def test_broken_files_are_listed_with_what_is_wrong(folder, data):
    (folder / "cut.gguf").write_bytes(data[:-50])
    (folder / "short.gguf").write_bytes(data[:200])
    (folder / "page.gguf").write_text("<!DOCTYPE html><title>404</title>")
    (folder / "empty.gguf").touch()
    (folder / "gone.gguf").symlink_to(folder / "nowhere")
    problems = {model.path.name: model.problem for model in found("folder")}
    assert problems["cut.gguf"].startswith("is truncated")
    assert problems["short.gguf"].startswith("is truncated")
    assert problems["page.gguf"].startswith("is a web page")
    assert problems["empty.gguf"] == "is empty"
    assert problems["gone.gguf"] == "does not exist"
    for model in found("folder"):
        assert "\n" not in model.problem
        assert model.name == model.path.stem


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_pipes_and_devices_are_not_waited_for(folder):
    os.mkfifo(folder / "pipe.gguf")
    (folder / "zero.gguf").symlink_to("/dev/zero")
    (folder / "terminal.gguf").symlink_to("/dev/tty")
    problems = {model.path.name: model.problem for model in found("folder")}
    assert set(problems) == {"pipe.gguf", "zero.gguf", "terminal.gguf"}
    assert set(problems.values()) <= {"is not a regular file", "does not exist"}


def test_links_that_go_round_in_a_circle_are_no_trap(folder, data):
    (folder / "a").mkdir()
    (folder / "a" / "up").symlink_to(folder)
    (folder / "self.gguf").symlink_to(folder / "self.gguf")
    (folder / "a" / "b").symlink_to(folder / "a")
    (folder / "a" / "model.gguf").write_bytes(data)
    models = found("folder")
    assert [model.path.name for model in models if not model.problem] == ["model.gguf"]
    assert [model.path.name for model in models if model.problem] == ["self.gguf"]


def test_a_folder_named_as_a_model_is_looked_into(folder, data):
    (folder / "model.gguf").mkdir()
    (folder / "model.gguf" / "inside.gguf").write_bytes(data)
    assert [model.path.name for model in found("folder")] == ["inside.gguf"]


def test_hidden_files_are_left_alone(folder, data):
    (folder / "._model.gguf").write_bytes(b"\0\5\x16\7")
    (folder / ".trash").mkdir()
    (folder / ".trash" / "model.gguf").write_bytes(data)
    assert found("folder") == []


def test_ten_thousand_files_are_read(folder, data):
    (folder / "model.gguf").write_bytes(data)
    for number in range(10_000):
        (folder / f"{number}.gguf").touch()
    problems = Counter(model.problem for model in found("folder"))
    assert problems == {"": 1, "is empty": 10_000}


def test_a_folder_without_end_is_left_at_some_point(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "MOST_ENTRIES", 100)
    for number in range(30):
        (tmp_path / f"{number:02}").mkdir()
        for other in range(10):
            (tmp_path / f"{number:02}" / f"{other}.gguf").touch()
    assert len(list(files(tmp_path, depth=3, suffix=".gguf"))) == 70


def test_depth_is_kept(tmp_path):
    for folder in ("", "1", "1/2", "1/2/3"):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "x.gguf").touch()
    assert len(list(files(tmp_path, depth=2, suffix=".gguf"))) == 3


AS_NOBODY = """
import os, sys
from r1chat.hub.local import local_models
local_models()  # imports everything, from where nobody may not be allowed to read
os.setgroups([]); os.setgid(65534); os.setuid(65534)
os.environ["R1CHAT_HOME"] = sys.argv[1]
for model in local_models()[1:]:
    print(model.path.name, "|", model.problem)
"""


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become somebody else"
)
def test_what_may_not_be_read_is_passed_over_or_says_so(user, data, run_python):
    """As root nothing is forbidden, so that it runs as somebody else."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        home.chmod(0o755)
        folder = home / "data" / "models"
        (folder / "closed").mkdir(parents=True)
        (folder / "closed" / "unseen.gguf").write_bytes(data)
        (folder / "closed").chmod(0)
        (folder / "locked.gguf").write_bytes(data)
        (folder / "locked.gguf").chmod(0)
        (folder / "open.gguf").write_bytes(data)
        done = run_python("-c", AS_NOBODY, name)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "locked.gguf | cannot be read: Permission denied",
        "open.gguf | ",
    ]


def test_what_strangers_wrote_is_fit_to_be_shown(folder):
    writer = gguf.GGUFWriter(folder / "red\x1b[31m.gguf", "llama")
    writer.add_name("name\x1b]0;owned\x07\u202e\nsecond line" + "x" * 100_000)
    writer.add_tensor("token_embd.weight", np.zeros((4, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    (folder / "bad\x1b[0m\n.gguf").write_bytes(b"nonsense")
    models = found("folder")
    assert len(models) == 2
    for model in models:
        for text in (model.ref, model.name, model.problem, model.arch):
            assert text.isprintable()
    good = next(model for model in models if not model.problem)
    assert good.name.startswith("name second line")
    assert len(good.name) <= facts.LONGEST_NAME
    assert good.path.is_file()


def test_mutants_are_listed_or_left_out_but_never_raise(folder, data):
    whole = len(data)
    for seed in range(300):
        rng = random.Random(seed)
        mutant = bytearray(data)
        for _ in range(rng.randint(1, 8)):
            mutant[rng.randrange(3000)] = rng.randrange(256)
        del mutant[rng.choice((whole, rng.randrange(whole))) :]
        (folder / f"{seed:03}.gguf").write_bytes(mutant)
    models = found("folder")
    assert len(models) > 250
    assert any(model.problem for model in models)
    for model in models:
        for text in (model.ref, model.name, model.arch, model.quant, model.problem):
            assert text.isprintable()
        assert model.context >= 0
        if not model.problem:
            about(model).lines()


def test_whether_a_model_thinks_follows_from_its_vocabulary_and_template(folder):
    a_model(folder / "1 r1.gguf")
    a_model(folder / "2 chatml.gguf", 2, markers=CHATML_MARKERS, template=CHATML)
    a_model(folder / "3 plain.gguf", 3, markers=CHATML_MARKERS)
    a_model(folder / "4 never.gguf", 4, template="{{ messages }}")
    thinks = {model.path.name[0]: model.thinks for model in found("folder")}
    # The fourth has R1's markers and a template without thoughts, but knows <think>.
    assert thinks == {"1": True, "2": False, "3": False, "4": True}


def test_facts_are_remembered_and_not_read_again(folder, data, monkeypatch):
    (folder / "model.gguf").write_bytes(data)
    first = local_models()
    monkeypatch.setattr(local_module, "read_header", lambda path: pytest.fail(f"{path} was read"))
    assert local_models() == first


def test_a_file_that_changed_is_read_again(folder, data):
    path = folder / "model.gguf"
    path.write_bytes(data)
    assert found("folder")[0].problem == ""
    path.write_bytes(data[:-10])
    assert found("folder")[0].problem.startswith("is truncated")
    a_model(path, context=1024)
    assert found("folder")[0].context == 1024


def test_a_file_with_other_content_of_the_same_length_is_read_again(folder, data):
    path = folder / "model.gguf"
    path.write_bytes(data)
    os.utime(path, (1, 1))
    assert found("folder")[0].name == "random"
    with path.open("r+b") as file:
        file.write(data.replace(b"random", b"rundum"))
    assert found("folder")[0].name == "rundum"


def test_a_shard_that_changed_counts_too(folder):
    parts = split(folder, "big")
    assert found("folder")[0].problem == ""
    parts[2].write_bytes(parts[2].read_bytes()[:-10])
    assert "is truncated" in found("folder")[0].problem


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: "",
        lambda text: text[: len(text) // 2],
        lambda _: "[]",
        lambda _: "null",
        lambda _: "[" * 100_000,
        lambda _: '{"format": 1, "models": 3}',
        lambda _: '{"format": 1, "models": {"x": {"stamp": [[null]], "facts": {}}}}',
        lambda text: text.replace('"arch": "llama"', '"arch": 5'),
        lambda text: text.replace('"arch": "llama"', '"arch": "\\u001b[31m"'),
        lambda text: text.replace('"thinks": true', '"thinks": 1'),
        lambda text: text.replace('"size": ', '"size": -'),
        lambda text: text.replace('"name"', '"nome"'),
        lambda text: text.replace('"format": ', '"format": 9'),
    ],
)
def test_a_damaged_memory_is_as_good_as_none(folder, data, damage):
    (folder / "model.gguf").write_bytes(data)
    first = local_models()
    memory = paths.cache_dir() / "local_models.json"
    text = memory.read_text()
    assert damage(text) != text
    memory.write_text(damage(text))
    assert local_models() == first
    assert memory.read_text() == text


def test_the_memory_forgets_what_is_gone(folder, data):
    path = folder / "model.gguf"
    path.write_bytes(data)
    local_models()
    path.unlink()
    local_models()
    known = json.loads((paths.cache_dir() / "local_models.json").read_text())["models"]
    assert str(path) not in known


def test_a_memory_that_cannot_be_written_is_done_without(folder, data, home):
    (folder / "model.gguf").write_bytes(data)
    (home / "cache").write_text("in the way")
    assert len(found("folder")) == 1


def test_a_file_anywhere_is_described_as_a_model(user, tmp_path):
    path = a_model(tmp_path / "elsewhere" / "model.gguf")
    model = model_of(read_header(path))
    assert (model.ref, model.source, model.size) == (str(path), "folder", path.stat().st_size)
    with pytest.raises(ModelError, match="does not exist"):
        model_of(read_header(tmp_path / "nothing.gguf"))


def test_a_file_of_our_folder_is_removed_with_all_its_parts(folder):
    parts = split(folder, "big")
    size = sum(part.stat().st_size for part in parts)
    (model,) = found("folder")
    assert removal.removable(model)
    assert removal.remove(model) == size
    assert not any(part.exists() for part in parts)
    assert found("folder") == []


def test_removing_a_link_frees_nothing_and_leaves_the_file(folder, tmp_path):
    path = a_model(tmp_path / "elsewhere" / "model.gguf")
    (folder / "link.gguf").symlink_to(path)
    (model,) = found("folder")
    assert removal.remove(model) == 0
    assert path.is_file()
    assert not (folder / "link.gguf").is_symlink()


def test_a_file_of_the_hubs_cache_is_removed(user, data):
    pointer = in_hub_cache(user, data, "Small-Q8_0.gguf")
    blob = pointer.resolve()
    (model,) = found("hub")
    assert removal.removable(model)
    assert removal.remove(model) == len(data)
    assert not blob.exists()
    assert found("hub") == []


def test_a_file_that_two_commits_share_is_removed_from_both(user, data):
    blob = in_hub_cache(user, data, "Small-Q8_0.gguf").resolve()
    in_hub_cache(user, data, "Small-Q8_0.gguf", commit=OTHER)
    (model,) = found("hub")
    assert removal.remove(model) == len(data)
    assert not blob.exists()
    assert found("hub") == []


def test_a_second_name_keeps_the_bytes(folder, tmp_path):
    path = a_model(folder / "model.gguf")
    os.link(path, tmp_path / "kept.gguf")
    (model,) = found("folder")
    assert removal.remove(model) == 0
    assert (tmp_path / "kept.gguf").is_file()


def test_what_other_programs_fetched_is_not_removed(user, data, tmp_path):
    blob = in_ollama(user / ".ollama" / "models", data)
    theirs = a_model(user / ".lmstudio/models/acme/Small-GGUF/small.gguf", 4)
    mine = a_model(tmp_path / "documents" / "model.gguf", 5)
    models = [*found("ollama"), *found("lm studio"), model_of(read_header(mine)), local_models()[0]]
    hints = ("ollama rm deepseek-r1:7b", "LM Studio", "remove it yourself", "part of r1chat")
    for model, hint in zip(models, hints, strict=True):
        assert not removal.removable(model)
        with pytest.raises(ModelError, match=hint) as refusal:
            removal.remove(model)
        assert str(refusal.value).isprintable()
    assert blob.is_file()
    assert theirs.is_file()
    assert mine.is_file()


def test_listing_imports_nothing_heavy(run_python, user):
    code = """
import sys
from r1chat.hub.local import local_models
assert local_models()[0].ref == "tiny"
heavy = ("llama_cpp", "textual", "pydantic", "numpy", "jinja2", "huggingface_hub")
print([name for name in heavy if name in sys.modules])
"""
    done = run_python("-c", code)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_header_of_a_listed_model_is_the_one_that_the_engine_reads(folder):
    path = a_model(folder / "model.gguf")
    (model,) = found("folder")
    header = read_header(path)
    assert (model.quant, model.arch, model.size) == (header.quant, header.arch, header.size)
