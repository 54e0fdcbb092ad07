"""Models in folders that the user names, and files that were opened by their paths."""

from __future__ import annotations

import json

import pytest

from r1chat import cli, compose, paths, settings
from r1chat.hub import recent
from r1chat.hub.local import local_models
from r1chat.settings import Settings
from tests.hub.layouts import a_model
from tests.tui.chat import an_app, open_models, ready, until
from tests.tui.shelves import StillHub


@pytest.fixture(autouse=True)
def forget():
    """Has the process know no folders but those of the next test."""
    yield
    paths.use_folders(())


def listed():
    return [str(model.path) for model in local_models() if model.source == "folder"]


def test_folders_of_the_settings_are_searched_too(tmp_path, capsys):
    model = a_model(tmp_path / "mine" / "deep" / "m.gguf")
    assert cli.main(["settings", "set", "folders", str(tmp_path / "mine")]) == 0
    assert cli.main(["models", "list"]) == 0
    assert str(model) in capsys.readouterr().out
    assert settings.load()[0].folders == [str(tmp_path / "mine")]


@pytest.mark.parametrize("value", ["relative/folder", "[1]", "[]", "[", '["/a", "b"]', ""])
def test_what_is_no_folder_is_refused(value, capsys):
    assert cli.main(["settings", "set", "folders", value]) == 2
    assert "folders" in capsys.readouterr().err


@pytest.mark.engine
def test_a_file_that_was_opened_by_its_path_is_listed_from_then_on(tmp_path):
    model = a_model(tmp_path / "anywhere" / "m.gguf")
    assert listed() == []
    compose.load(str(model)).close()
    assert listed() == [str(model)]
    other = a_model(tmp_path / "elsewhere" / "n.gguf", seed=1)
    recent.keep(other)
    recent.keep(model)
    assert recent.files() == [model, other]
    model.unlink()
    assert listed() == [str(other)]


@pytest.mark.parametrize(
    "text", ["", "{", "[1, null]", '["relative.gguf"]', '["/a\\u0000b"]', "[" * 9999]
)
def test_a_damaged_list_of_opened_files_counts_as_empty(text):
    paths.made(paths.cache_dir())
    paths.recent_models_file().write_text(text)
    assert recent.files() == []
    assert listed() == []


def test_the_list_of_opened_files_stays_short(tmp_path):
    for number in range(100):
        recent.keep(tmp_path / f"{number}.gguf")
    kept = json.loads(paths.recent_models_file().read_text())
    assert len(kept) == 30
    assert kept[0].endswith("99.gguf")


@pytest.mark.asyncio
async def test_tab_completes_the_path_of_a_model_as_far_as_it_is_certain(tmp_path):
    a_model(tmp_path / "models" / "qwen-7b.gguf")
    a_model(tmp_path / "models" / "qwen-14b.gguf")
    (tmp_path / "models" / "notes.txt").write_text("no model")
    app = an_app(settings=Settings(model="tiny", pace=0), hub=StillHub())
    async with app.run_test(size=(100, 24)) as pilot:
        screen = await open_models(pilot)
        field = screen.query_one("#filter")
        for typed, completed in (
            (f"{tmp_path}/mo", f"{tmp_path}/models/"),
            (f"{tmp_path}/models/q", f"{tmp_path}/models/qwen-"),
            (f"{tmp_path}/models/qwen-7", f"{tmp_path}/models/qwen-7b.gguf"),
            (f"{tmp_path}/models/n", f"{tmp_path}/models/n"),
            ("tiny", "tiny"),
        ):
            field.value = typed
            await pilot.press("tab")
            await until(pilot, lambda wanted=completed: screen.typed == wanted)
        field.value = f"{tmp_path}/models/qwen-"
        await pilot.press("tab")
        note = screen.query_one("#note")
        await until(pilot, lambda: "qwen-14b.gguf, qwen-7b.gguf" in str(note.content))


@pytest.mark.asyncio
@pytest.mark.parametrize("form", ["{}", "'{}'", "file://{}", "{} "])
async def test_a_model_that_is_dropped_on_the_app_is_used(tmp_path, form):
    model = a_model(tmp_path / "my models" / "m.gguf")
    tried = []

    def load(ref, **options):
        from tests.tui.chat import REPLY, FakeEngine

        tried.append(ref)
        return FakeEngine(REPLY)

    app = an_app(settings=Settings(model="tiny", pace=0), load=load, hub=StillHub())
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        from textual import events

        dropped = form.format(str(model).replace(" ", "%20") if "file" in form else model)
        chat.composer.post_message(events.Paste(dropped))
        await until(pilot, lambda: tried == ["tiny", str(model)])
        assert chat.composer.text == ""
