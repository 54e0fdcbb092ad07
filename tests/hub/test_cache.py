"""The standard Hub cache: what is in it is found, and goes when it is told to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from huggingface_hub import hf_hub_download, scan_cache_dir

from r1chat.errors import ModelError
from r1chat.hub import cache
from r1chat.hub.download import download
from r1chat.hub.layout import RepoFolder, hub_cache
from r1chat.hub.reference import HubRef, parse
from r1chat.hub.remote import Remote
from r1chat.hub.variants import variants
from tests.conftest import Run
from tests.hub.server import File, Generated, Hub, Repo

NAME = "tester/Model-GGUF"
SMALL = Generated(10_000, seed=1, begin=b"GGUF")
BIG = Generated(20_000, seed=2, begin=b"GGUF")
SHARDS = [f"F16/Model-F16-0000{n}-of-00002.gguf" for n in (1, 2)]


@pytest.fixture
def repo(hub: Hub) -> Repo:
    files = [
        File("Model-Q4_K_M.gguf", SMALL),
        File("Model-Q8_0.gguf", BIG),
        File("mmproj-F32.gguf", Generated(100, seed=3)),
        *(File(name, Generated(5000 + at, seed=at)) for at, name in enumerate(SHARDS)),
    ]
    return hub.add(Repo(NAME, files))


def pull(quant: str, revision: str = "main") -> Path:
    found = {variant.quant: variant for variant in variants(Remote().listing(NAME, revision))}
    return download(found[quant], Remote())


def look(text: str) -> Path | None:
    ref = parse(text)
    assert ref is not None
    return cache.cached(ref)


@pytest.mark.parametrize(
    "set_to",
    [
        {},
        {"HF_HOME": "~/hf"},
        {"HF_HOME": "$XDG_CACHE_HOME/x", "XDG_CACHE_HOME": "/y"},
        {"XDG_CACHE_HOME": "/y"},
        {"HF_HUB_CACHE": "~/$HF_HOME/hub", "HF_HOME": "z"},
        {"HUGGINGFACE_HUB_CACHE": "/old", "HF_HOME": "/z"},
    ],
)
def test_the_cache_is_where_the_library_has_it(
    set_to: dict[str, str], run_python: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("HF_HOME", "XDG_CACHE_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    for name, value in set_to.items():
        monkeypatch.setenv(name, value)
    theirs = run_python("-c", "import huggingface_hub.constants as c; print(c.HF_HUB_CACHE)")
    assert str(hub_cache()) == str(Path(theirs.stdout.strip()).absolute())


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HOME", "XDG_CACHE_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.setenv(name, "")
    assert hub_cache() == Path.home() / ".cache" / "huggingface" / "hub"


def test_a_reference_is_found_by_quant_by_file_and_by_itself(repo: Repo) -> None:
    assert look(NAME + ":Q4_K_M") is None
    path, big = pull("Q4_K_M"), pull("Q8_0")
    assert look(NAME + ":Q4_K_M") == path
    assert look(NAME + ":Q8_0") == big
    assert look(NAME + "/Model-Q8_0.gguf") == big
    assert cache.cached(HubRef((NAME,))) == path
    assert cache.cached(HubRef((NAME,)), lambda offered: offered[-1]) == big
    assert cache.cached(HubRef(("nobody/Nothing", NAME), quant="Q8_0")) == big
    assert look(NAME + ":Q5_K_M") is None


def test_what_the_library_downloaded_is_found(hub: Hub, repo: Repo) -> None:
    path = hf_hub_download(
        NAME, "Model-Q8_0.gguf", cache_dir=hub_cache(), endpoint=hub.url, token=False
    )
    assert str(look(NAME + ":Q8_0")) == path
    (found,) = cache.installed()
    assert (found.repo, found.path_in_repo, found.size) == (NAME, "Model-Q8_0.gguf", BIG.size)
    assert (found.commit, str(found.file)) == (repo.refs["main"], path)


def test_the_commit_that_main_was_comes_before_others(repo: Repo) -> None:
    old = pull("Q4_K_M")
    repo.push([File("Model-Q4_K_M.gguf", BIG)])
    assert look(NAME + ":Q4_K_M") == old
    new = pull("Q4_K_M")
    assert new != old
    assert look(NAME + ":Q4_K_M") == new
    assert look(f"{NAME}@{old.parent.name}:Q4_K_M") == old
    # What only an older commit had is good enough, unless a revision was named.
    assert pull("Q8_0", revision=old.parent.name) == look(NAME + ":Q8_0")
    assert look(f"{NAME}@{new.parent.name}:Q8_0") is None
    assert look(f"{NAME}@v1:Q4_K_M") is None


def test_a_split_model_is_there_when_all_of_it_is(repo: Repo) -> None:
    path = pull("F16")
    assert look(NAME + ":F16") == path
    second = path.with_name(Path(SHARDS[1]).name)
    assert look(f"{NAME}/{SHARDS[1]}") == path
    blob = second.resolve()
    blob.rename(blob.with_suffix(".away"))
    assert look(NAME + ":F16") is None
    assert look(f"{NAME}/{SHARDS[0]}") is None


def test_a_file_behind_two_links_is_found(repo: Repo, tmp_path: Path) -> None:
    path = pull("Q4_K_M")
    blob = path.resolve()
    blob.rename(tmp_path / "elsewhere")
    blob.symlink_to(tmp_path / "elsewhere")
    assert look(NAME + ":Q4_K_M") == path


def test_hostile_names_in_the_cache_are_passed_over(repo: Repo) -> None:
    path = pull("Q4_K_M")
    (path.parent / "a\x1b[31m-Q5_K_M.gguf").write_bytes(b"GGUF")
    (path.parent / "folder.gguf").mkdir()
    (path.parent / "loop.gguf").symlink_to("loop.gguf")
    (path.parent / "up").symlink_to("..")
    (hub_cache() / "models--no-owner").mkdir()
    (hub_cache() / "models--a--b").symlink_to("models--a--b")
    (hub_cache() / "models----").mkdir()
    paths = {found.file for found in cache.installed() if found.path_in_repo.count("/") == 0}
    assert path in paths
    assert all("\x1b" not in str(each) for each in paths)


def test_removing_frees_the_file_and_leaves_the_rest(repo: Repo) -> None:
    small, big = pull("Q4_K_M"), pull("Q8_0")
    blob = small.resolve()
    assert cache.remove(small) == SMALL.size
    assert not blob.exists()
    assert big.exists()
    assert not scan_cache_dir(hub_cache()).warnings
    assert cache.remove(big) == BIG.size
    assert not RepoFolder(hub_cache(), NAME).folder.exists()
    assert not scan_cache_dir(hub_cache()).warnings


def test_a_blob_that_another_commit_has_stays(repo: Repo) -> None:
    old = pull("Q4_K_M")
    repo.push([File("Renamed-Q4_K_M.gguf", SMALL)])
    new = pull("Q4_K_M")
    assert cache.remove(old) == 0
    assert new.read_bytes() == SMALL.read(0, SMALL.size)
    assert not old.parent.exists()
    assert cache.remove(new) == SMALL.size


def test_a_split_model_goes_as_a_whole(repo: Repo) -> None:
    path = pull("F16")
    assert cache.remove(path) == 5000 + 5001
    assert list(cache.installed()) == []


def test_a_file_without_links_can_be_removed(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_SYMLINKS", "1")
    path = pull("Q4_K_M")
    assert cache.remove(path) == SMALL.size
    assert not path.exists()


def test_nothing_outside_of_the_cache_is_removed(repo: Repo, tmp_path: Path) -> None:
    mine = tmp_path / "mine-Q4_K_M.gguf"
    mine.write_bytes(b"GGUF")
    path = pull("Q8_0")
    link = path.with_name("link-Q5_K_M.gguf")
    link.symlink_to(mine)
    assert cache.remove(link) == 0
    assert mine.exists()
    assert not link.is_symlink()
    away = tmp_path / "away"
    path.parent.rename(away)
    path.parent.symlink_to(away)
    for outside in (mine, path, path.parent / ".." / ".." / ".." / ".." / mine.name):
        with pytest.raises(ModelError, match="is not in the Hub's cache"):
            cache.remove(outside)
    assert mine.exists()
    assert (away / path.name).is_symlink()


def test_what_repositories_share_stays_while_another_wants_it(repo: Repo, hub: Hub) -> None:
    from huggingface_hub.utils import _shared_blobs as shared

    other = hub.add(Repo("other/Model-GGUF", [File("Model-Q4_K_M.gguf", SMALL)]))
    first = pull("Q4_K_M")
    (variant,) = variants(Remote().listing(other.name))
    second = download(variant, Remote())
    options = {"xet_hash": "c" * 64, "cache_dir": hub_cache(), "expected_size": SMALL.size}
    assert shared.publish_blob_to_shared_store(blob_path=str(_blob(first)), **options)
    _blob(second).unlink()
    assert shared.try_link_from_shared_store(blob_path=str(_blob(second)), **options)
    assert look(NAME + ":Q4_K_M") == first
    assert cache.remove(first) == 0
    assert second.read_bytes() == SMALL.read(0, SMALL.size)
    assert cache.remove(second) == SMALL.size


def _blob(pointer: Path) -> Path:
    return Path(os.path.normpath(pointer.parent / pointer.readlink()))
