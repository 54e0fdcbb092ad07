"""What stands in the place of r1chat's own files and is none: pipes, devices, folders, rubbish."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from r1chat import paths, settings, themes
from r1chat.engine import probe
from r1chat.evaluation import curves
from r1chat.hub import bandwidth, facts, queue, speeds, twins
from r1chat.tui.services.drafts import Drafts
from tests.program import run

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there are no such files elsewhere")

CACHE = {
    "known_models.json": probe._known,
    "speeds.json": speeds._read,
    "bandwidth.json": bandwidth._known,
    "local_models.json": lambda: facts.Memory()._known,
    "twins.json": lambda: twins._Memory()._adopted,
    "downloads.json": queue._read,
}
"""Files of the cache, and what reads them."""
OTHERS = {
    "settings/settings.json": lambda: settings.load()[0].model,
    "settings/themes/own.toml": lambda: themes.load(paths.user_themes())[0].get("own"),
    "data/evaluations.json": lambda: curves._read()["models"],
    "data/drafts/0123456789abcdef.json": lambda: Drafts().take(),
}
KINDS = {
    "pipe": os.mkfifo,
    "folder": Path.mkdir,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "link to itself": lambda path: path.symlink_to(path),
    "rubbish": lambda path: path.write_bytes(b"\xff[" * 1000),
    "brackets": lambda path: path.write_text("[" * 100_000),
    "numbers": lambda path: path.write_text("[1, 2]"),
}


def placed(where, kind):
    path = paths.folder("cache").parent / where
    path.parent.mkdir(parents=True, exist_ok=True)
    KINDS[kind](path)
    return path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", [*(f"cache/{name}" for name in CACHE), *OTHERS])
def test_what_is_no_file_of_ours_counts_as_absent(where, kind):
    placed(where, kind)
    read = OTHERS.get(where) or CACHE[where.removeprefix("cache/")]
    assert not read()


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_nothing_is_written_through_what_is_no_file(kind):
    path = placed("cache/known_models.json", kind)
    probe._remember(["one"])
    assert not path.is_file()
    assert path.is_fifo() == (kind == "pipe")


def test_pipes_in_the_places_of_all_files_keep_no_question_waiting():
    for name in CACHE:
        placed(f"cache/{name}", "pipe")
    for where in OTHERS:
        placed(where, "pipe")
    code, out, err = run("ask", "-m", "tiny", "--temperature", "0", "--no-save", "What is 3 + 4?")
    assert (code, "7" in out) == (0, True), err
