"""The log must not break what it is told of."""

from __future__ import annotations

import logging
import os

import pytest

from r1chat import logs, paths
from tests.program import run


@pytest.fixture(autouse=True)
def started():
    logs.start()
    yield
    logs.stop()


def test_a_crash_is_written_down():
    path = logs.crash(ZeroDivisionError("by zero"))
    assert path == paths.log_file()
    assert "ZeroDivisionError: by zero" in path.read_text(encoding="utf-8")


def test_a_log_whose_place_cannot_be_told_costs_nothing(monkeypatch):
    def nowhere():
        raise RuntimeError

    monkeypatch.setattr(paths, "log_file", nowhere)
    logging.getLogger("r1chat").error("lost")
    assert logs.crash(ZeroDivisionError()) is None


def test_a_record_that_cannot_be_formatted_costs_nothing():
    logging.getLogger("r1chat").error("%d", "not a number")


@pytest.mark.skipif(os.name != "posix", reason="other systems keep a folder that is in use")
def test_a_relative_home_in_a_folder_that_is_gone_costs_nothing(monkeypatch, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    monkeypatch.setenv("R1CHAT_HOME", "here")
    assert logs.crash(ZeroDivisionError()) is None


def test_a_home_that_nobody_knows_is_no_traceback(monkeypatch):
    monkeypatch.setenv("R1CHAT_HOME", "~nosuchuser/x")
    code, out, err = run("settings")
    assert (code, err) == (0, "")
    assert "~nosuchuser/x/settings" in out


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such files elsewhere")
def test_a_pipe_in_the_log_s_place_keeps_nobody_waiting():
    paths.made(paths.log_file().parent)
    os.mkfifo(paths.log_file())
    logs.start()
    try:
        logging.getLogger("r1chat").warning("nobody reads this")
    finally:
        logs.stop()
