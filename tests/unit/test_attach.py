"""Paths that are being typed."""

from __future__ import annotations

import os

import pytest

from r1chat.tui.screens.attach import entries


def test_a_path_being_typed_offers_what_it_may_become(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "in.txt").touch()
    (tmp_path / "Top.txt").touch()
    (tmp_path / ".hidden").touch()
    assert entries("", tmp_path) == [("sub/", "sub/"), ("Top.txt", "Top.txt")]
    assert entries("t", tmp_path) == [("Top.txt", "Top.txt")]
    assert entries("sub/", tmp_path) == [("sub/in.txt", "in.txt")]
    assert entries(".h", tmp_path) == [(".hidden", ".hidden")]
    assert entries("gone/", tmp_path) == []
    assert entries("\x00", tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_is_not_offered_as_it_would_be_read_for_ever(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "text").touch()
    assert entries("", tmp_path) == [("text", "text")]
