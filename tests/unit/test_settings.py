from __future__ import annotations

import argparse
import json
import os
import stat

import pytest

from r1chat import paths, settings
from r1chat.commands import options
from r1chat.engine.base import Sampling
from r1chat.reasoning.budget import Budget
from r1chat.settings import SETTINGS, Settings, checked, held
from r1chat.tui.preferences import READING_PACE
from r1chat.tui.services import themes
from r1chat.values import Choice, Real, Switch, Whole, written
from scripts.tables import DOCS, TABLES, with_tables

FULL = Settings(
    model="r1:7b",
    budget="30s",
    min_think=16,
    thoughts="hide",
    theme="paper",
    peek=128,
    temperature=0.6,
    top_p=0.95,
    top_k=40,
    min_p=0.0,
    ctx=4096,
    threads=4,
    gpu_layers=-1,
    max_answer=512,
)


@pytest.fixture
def file(home):
    path = paths.settings_file()
    path.parent.mkdir(parents=True)
    return path


def test_without_a_file_everything_is_unset():
    assert settings.load() == (Settings(), None)


def test_what_is_saved_is_loaded():
    settings.save(FULL)
    assert settings.load() == (FULL, None)


def test_unset_values_are_not_written(file):
    settings.save(Settings(model="tiny"))
    assert json.loads(file.read_text()) == {"model": "tiny"}


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_the_file_is_for_its_owner_alone(file):
    settings.save(FULL)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('{"top_p": 7}', "top_p: 7 is not above 0 and at most 1"),
        ('{"top_p": NaN}', "top_p: "),
        ('{"top_p": "0.5"}', "top_p: "),
        ('{"threads": true}', "threads: "),
        ('{"threads": 0}', "threads: "),
        ('{"ctx": 4096.5}', "ctx: "),
        ('{"budget": "fast"}', "budget: 'fast' is not a budget"),
        ('{"thoughts": "maybe"}', "thoughts: "),
        ('{"model": ""}', "model: "),
        ('{"modle": "tiny"}', "'modle' is not a setting (did you mean model?)"),
        ("[]", "not an object"),
        ("null", "not an object"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_a_fault_is_named_in_one_line(file, text, named):
    file.write_text(text)
    loaded, fault = settings.load()
    assert loaded == Settings()
    assert named in fault
    assert str(file) in fault
    assert "\n" not in fault


def test_a_bad_value_leaves_the_good_ones(file):
    file.write_text('{"model": "tiny", "top_p": 7, "modle": 1, "temperature": 1}')
    loaded, fault = settings.load()
    assert loaded == Settings(model="tiny", temperature=1.0)
    assert "top_p" in fault
    assert "modle" in fault


def test_many_faults_stay_one_short_line(file):
    file.write_text(json.dumps({f"wrong{number}": 1 for number in range(1000)}))
    assert settings.load()[1].endswith("and 997 more")


@pytest.mark.parametrize("data", [b"\xff\xfe{}", b"\x00"])
def test_bytes_that_are_no_text_are_a_fault(file, data):
    file.write_bytes(data)
    assert settings.load()[1] is not None


def test_a_folder_in_its_place_is_a_fault(file):
    file.mkdir()
    loaded, fault = settings.load()
    assert loaded == Settings()
    assert "cannot read" in fault


def test_a_bad_file_is_kept_when_settings_are_saved(file):
    for number, text in enumerate(['{"model": "mine", "oops": 1}', "{"], start=1):
        file.write_text(text)
        kept = settings.save(FULL)
        assert kept.name == f"settings.json.bad-{number}"
        assert kept.read_text() == text
        assert settings.load() == (FULL, None)


def test_a_good_file_is_replaced_without_leftovers(file):
    settings.save(FULL)
    assert settings.save(Settings(model="tiny")) is None
    assert [path.name for path in file.parent.iterdir()] == ["settings.json"]


def test_a_failed_save_leaves_the_old_file(file, monkeypatch):
    settings.save(FULL)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        settings.save(Settings(model="tiny"))
    assert settings.load() == (FULL, None)
    assert [path.name for path in file.parent.iterdir()] == ["settings.json"]


@pytest.mark.skipif(os.name != "posix", reason="links need rights elsewhere")
def test_a_linked_file_stays_a_link(file, tmp_path):
    target = tmp_path / "dotfiles.json"
    file.symlink_to(target)
    settings.save(FULL)
    assert file.is_symlink()
    assert settings.load(target) == (FULL, None)


def test_nonsense_is_not_saved(file):
    with pytest.raises(ValueError, match="top_p"):
        settings.save(Settings(top_p=7.0))
    assert not file.exists()


# -- the table of the settings --

OPTIONS = argparse.ArgumentParser(exit_on_error=False)
options.add_ask(OPTIONS)


def edges():
    """Every limit there is, and the first number beyond each."""
    for name, setting in SETTINGS.items():
        kind = setting.kind
        if isinstance(kind, (Whole, Real)):
            yield name, kind.most, True
            yield name, kind.most + 1, False
            yield name, kind.least, not getattr(kind, "above", False)
            yield name, kind.least - 1, False
    yield from [
        ("gpu_layers", number, -1 <= number <= 10_000) for number in (-2, -1, 10_000, 10_001)
    ]
    yield from [("thoughts", word, word != "maybe") for word in ("show", "hide", "maybe")]
    yield from [("panel", word, word != "only") for word in ("show", "hide", "only")]
    yield from [("budget", "1000000", True), ("budget", "1000001", False), ("budget", "0s", False)]
    yield from [
        ("tensor_split", ",".join("1" * 16), True),
        ("tensor_split", ",".join("1" * 17), False),
    ]


@pytest.mark.parametrize(("name", "value", "good"), edges())
def test_the_file_and_the_command_line_have_the_same_limits(name, value, good):
    assert (checked({name: value})[1] == []) == good
    setting = SETTINGS[name]
    if not setting.options:
        assert setting.no_option
        return
    try:
        OPTIONS.parse_args([f"{setting.options[-1]}={value}"])
    except argparse.ArgumentError:
        assert not good
    else:
        assert good


def test_every_setting_is_an_option_or_says_why_not():
    there = {text: action for action in OPTIONS._actions for text in action.option_strings}
    for setting in SETTINGS.values():
        assert bool(setting.options) != bool(setting.no_option), setting.name
        for option in setting.options:
            assert option in there
            if not setting.own_option:
                assert there[option].help == setting.usage


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=lambda each: each.name)
def test_every_setting_says_what_it_means_and_what_holds_without_it(setting):
    assert setting.help
    assert "\n" not in setting.usage
    assert setting.usual != "null"
    if setting.default is not None:
        assert setting.kind.check(setting.default) == setting.default
        assert setting.kind.read(written(setting.default)) == setting.default


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=lambda each: each.name)
def test_what_is_no_value_at_all_is_refused(setting):
    for value in ([], {"": ""}, ""):
        assert checked({setting.name: value})[1] != []
    if not isinstance(setting.kind, Switch):
        assert checked({setting.name: True})[1] != []


def test_a_mistyped_word_has_the_nearest_named():
    with pytest.raises(ValueError, match="'shwo' is not show or hide; did you mean show"):
        Choice("show", "hide").read("shwo")


def test_what_is_declared_as_a_default_is_what_the_engine_takes():
    usual = Sampling()
    for name in ("temperature", "top_p", "top_k", "min_p"):
        assert SETTINGS[name].default == getattr(usual, name)


def test_what_is_declared_as_a_default_is_what_the_app_takes():
    assert SETTINGS["theme"].default == themes.DEFAULT
    assert SETTINGS["pace"].otherwise.startswith(f"{READING_PACE:g} ")
    assert SETTINGS["budget"].default == str(Budget())


def test_what_holds_comes_from_an_option_then_the_file_then_the_default():
    holding = held(Settings(ctx=512, top_k=3), {"ctx": 1024, "top_k": None})
    assert holding["ctx"] == (1024, "option")
    assert holding["top_k"] == (3, "file")
    assert holding["temperature"] == (0.6, "default")
    assert list(holding) == list(SETTINGS)


@pytest.mark.parametrize("name", TABLES)
def test_the_tables_of_the_docs_are_up_to_date(name):
    page = with_tables(name)
    assert (DOCS / name).read_text(encoding="utf-8") == page, "run scripts/manual"


def test_every_setting_stands_in_the_docs():
    page = (DOCS / "settings.md").read_text(encoding="utf-8")
    for name in SETTINGS:
        assert f"| `{name}` |" in page
