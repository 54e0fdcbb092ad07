"""LM Studio's models are found wherever it was told to keep them."""

from __future__ import annotations

import json
import os

import pytest

from r1chat.compose import resolve
from r1chat.errors import MissingModel
from r1chat.hub.local import local_models
from tests.hub.layouts import a_model, move_in


@pytest.fixture
def user(monkeypatch, tmp_path):
    return move_in(monkeypatch, tmp_path)


def found():
    return [model for model in local_models() if model.source == "lm studio"]


def configure(home, **settings):
    home.mkdir(parents=True, exist_ok=True)
    (home / "settings.json").write_text(json.dumps(settings))


@pytest.mark.parametrize("home", [".lmstudio", ".cache/lm-studio"])
def test_models_are_found_in_its_home_of_today_and_of_before(user, home):
    path = a_model(user / home / "models" / "acme" / "Small-GGUF" / "small-Q8_0.gguf")
    (model,) = found()
    assert model.path == path
    assert model.ref == str(path)
    assert model.repo == "acme/Small-GGUF"
    assert (model.name, model.arch, model.problem) == ("random", "llama", "")


def test_the_pointer_file_names_its_home(user, tmp_path):
    home = tmp_path / "big disk" / "lms"
    path = a_model(home / "models" / "acme" / "Small-GGUF" / "small.gguf")
    (user / ".lmstudio-home-pointer").write_text(f"{home}\n")
    assert [model.path for model in found()] == [path]


def test_the_settings_name_the_folder_of_models(user, tmp_path):
    folder = tmp_path / "downloads"
    configure(user / ".lmstudio", downloadsFolder=str(folder), language="en")
    path = a_model(folder / "acme" / "Small-GGUF" / "small.gguf")
    assert [(model.path, model.repo) for model in found()] == [(path, "acme/Small-GGUF")]


def test_the_folder_may_be_named_from_home(user):
    configure(user / ".lmstudio", downloadsFolder="~/llms")
    path = a_model(user / "llms" / "acme" / "Small-GGUF" / "small.gguf")
    assert [model.path for model in found()] == [path]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"downloadsFolder": 5}',
        b'{"downloadsFolder": "relative/models"}',
        b'{"downloadsFolder": "/no\\u0000where"}',
        b'{"downloadsFolder": "/\\ud800"}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_settings_that_make_no_sense_leave_the_usual_folder(user, content):
    path = a_model(user / ".lmstudio" / "models" / "acme" / "Small-GGUF" / "small.gguf")
    (user / ".lmstudio" / "settings.json").write_bytes(content)
    assert [model.path for model in found()] == [path]


@pytest.mark.parametrize("content", ["", "relative", "/nowhere/at/all", "/a\0b", "x" * 10_000])
def test_a_pointer_that_leads_nowhere_leaves_the_usual_home(user, content):
    path = a_model(user / ".lmstudio" / "models" / "acme" / "Small-GGUF" / "small.gguf")
    (user / ".lmstudio-home-pointer").write_text(content)
    assert [model.path for model in found()] == [path]


def test_settings_of_megabytes_are_not_read(user):
    elsewhere = a_model(user / "far" / "acme" / "Small-GGUF" / "small.gguf").parents[2]
    configure(user / ".lmstudio", downloadsFolder=str(elsewhere), more="x" * (2 << 20))
    assert found() == []


def test_a_downloads_folder_inside_another_is_not_listed_twice(user):
    configure(user / ".lmstudio", downloadsFolder=str(user / ".lmstudio" / "models" / "."))
    a_model(user / ".lmstudio" / "models" / "acme" / "Small-GGUF" / "small.gguf")
    assert len(found()) == 1


def test_what_is_still_being_fetched_is_no_model_yet(user):
    folder = user / ".lmstudio" / "models" / "acme" / "Small-GGUF"
    a_model(folder / "small.gguf")
    (folder / "downloading_big.gguf.part").write_bytes(b"GGUF")
    assert len(found()) == 1


def test_a_file_outside_a_repository_has_none(user):
    a_model(user / ".lmstudio" / "models" / "loose.gguf")
    (model,) = found()
    assert model.repo == ""


def test_links_that_lead_nowhere_round_or_to_devices_do_no_harm(user, tmp_path):
    folder = user / ".lmstudio" / "models" / "acme" / "Small-GGUF"
    outside = a_model(tmp_path / "outside" / "real.gguf")
    folder.mkdir(parents=True)
    (folder / "linked-Q4_0.gguf").symlink_to(outside)
    (folder / "gone-Q5_0.gguf").symlink_to(tmp_path / "gone.gguf")
    (folder / "round-Q6_K.gguf").symlink_to(folder / "round-Q6_K.gguf")
    (folder / "again").symlink_to(folder)
    (folder / "zero-Q8_0.gguf").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe-Q2_K.gguf")
    problems = {model.path.name: model.problem for model in found()}
    assert problems.pop("linked-Q4_0.gguf") == ""
    assert all(problems.values())
    assert resolve("acme/Small-GGUF:Q4_0") == folder / "linked-Q4_0.gguf"
    for quant in ("Q5_0", "Q6_K", "Q8_0", "Q2_K"):
        with pytest.raises(MissingModel):
            resolve(f"acme/Small-GGUF:{quant}")
