from __future__ import annotations

import argparse
import dataclasses
import json
import os
import stat
import typing

import pytest

from r1chat import paths, settings
from r1chat.commands import options
from r1chat.limits import LIMITS
from r1chat.settings import Settings
from r1chat.settings_schema import Schema, check

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


def test_the_checker_knows_the_same_names():
    assert list(Schema.model_fields) == [field.name for field in dataclasses.fields(Settings)]


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
        ('{"top_p": 7}', "top_p: input should be less than or equal to 1"),
        ('{"top_p": NaN}', "top_p: "),
        ('{"top_p": "0.5"}', "top_p: "),
        ('{"threads": true}', "threads: "),
        ('{"threads": 0}', "threads: "),
        ('{"ctx": 4096.5}', "ctx: "),
        ('{"budget": "fast"}', "budget: 'fast' is not a budget"),
        ('{"thoughts": "maybe"}', "thoughts: "),
        ('{"model": ""}', "model: "),
        ('{"modle": "tiny"}', "'modle' is not a setting"),
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


OPTIONS = argparse.ArgumentParser(exit_on_error=False)
options.add_ask(OPTIONS)


def edges():
    """Every limit there is, and the first number beyond each."""
    for name, limits in LIMITS.items():
        yield name, limits.most, True
        yield name, limits.most + 1, False
        yield name, limits.least, not limits.above
        yield name, limits.least - 1, False


@pytest.mark.parametrize(("name", "value", "good"), edges())
def test_the_file_and_the_command_line_have_the_same_limits(name, value, good):
    assert (check({name: value})[1] == []) == good
    if name == "pace":
        # The app's alone.
        return
    option = f"--{name.replace('_', '-')}={value}"
    try:
        OPTIONS.parse_args([option])
    except argparse.ArgumentError:
        assert not good
    else:
        assert good


def test_every_number_among_the_settings_has_its_limits():
    numbers = {
        name
        for name, field in Schema.model_fields.items()
        if {int, float} & set(typing.get_args(field.annotation))
    }
    assert numbers <= LIMITS.keys()
    assert LIMITS.keys() <= Schema.model_fields.keys()
