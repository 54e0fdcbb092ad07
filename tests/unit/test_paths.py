from __future__ import annotations

import os
import stat
import sys

import pytest

from r1chat import paths

posix_only = pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")


def test_one_variable_moves_everything(home):
    assert all(path.is_relative_to(home) for path in paths.everything().values())


def test_nothing_is_created_by_asking_where_it_is(home):
    paths.everything()
    assert list(home.iterdir()) == []


def test_a_relative_home_becomes_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("R1CHAT_HOME", "here")
    assert paths.settings_file() == tmp_path / "here" / "settings" / "settings.json"


def test_a_tilde_in_the_home_is_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("R1CHAT_HOME", "~/r1")
    assert paths.folder("data") == tmp_path / "r1" / "data"


def test_a_home_of_a_user_whom_nobody_knows_is_a_folder_like_any_other(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("R1CHAT_HOME", "~nosuchuser/x")
    assert paths.folder("logs") == tmp_path / "~nosuchuser" / "x" / "logs"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="these variables are for Linux")
@pytest.mark.parametrize("value", [None, ""])
def test_without_it_the_systems_folders_are_used(monkeypatch, tmp_path, value):
    if value is None:
        monkeypatch.delenv("R1CHAT_HOME")
    else:
        monkeypatch.setenv("R1CHAT_HOME", value)
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    assert paths.settings_file() == tmp_path / "XDG_CONFIG_HOME" / "r1chat" / "settings.json"
    assert paths.models() == tmp_path / "XDG_DATA_HOME" / "r1chat" / "models"
    assert paths.cache_dir() == tmp_path / "XDG_CACHE_HOME" / "r1chat"
    assert paths.log_file().is_relative_to(tmp_path / "XDG_STATE_HOME" / "r1chat")


@posix_only
def test_folders_are_made_for_their_owner_alone(tmp_path):
    made = paths.made(tmp_path / "a" / "b" / "c")
    assert made.is_dir()
    for folder in (made, made.parent, made.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@posix_only
def test_a_folder_that_is_there_keeps_its_mode(tmp_path):
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o755)
    paths.made(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_a_file_in_the_way_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        paths.made(tmp_path / "file")
    with pytest.raises(OSError, match="file"):
        paths.made(tmp_path / "file" / "below")


def test_every_path_is_absolute():
    assert all(path.is_absolute() for path in paths.everything().values())


@posix_only
def test_a_private_file_and_all_the_folders_it_needs_are_for_their_owner_alone(tmp_path):
    file = tmp_path / "home" / "cache" / "known.json"
    paths.write_private(file, "ä\n")
    assert file.read_text(encoding="utf-8") == "ä\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for folder in (file.parent, file.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@posix_only
def test_a_file_that_others_could_read_becomes_private(tmp_path):
    file = tmp_path / "known.json"
    file.write_text("old", encoding="utf-8")
    file.chmod(0o644)
    paths.write_private(file, "new")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["known.json"]


def test_a_private_file_that_cannot_be_written_whole_leaves_the_old_one(tmp_path):
    file = tmp_path / "known.json"
    file.write_text("old", encoding="utf-8")
    with pytest.raises(UnicodeEncodeError):
        paths.write_private(file, "new \ud800")
    assert file.read_text(encoding="utf-8") == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["known.json"]
