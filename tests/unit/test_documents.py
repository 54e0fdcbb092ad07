"""What is promised stands in the documents, and what stands there is so."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

import r1chat
from r1chat import cli, themes
from r1chat.commands.exits import ExitCode
from r1chat.events import Receipt

ROOT = Path(__file__).parents[2]


def text(name):
    return " ".join((ROOT / name).read_text(encoding="utf-8").split())


@pytest.fixture
def subcommands():
    """The subcommands that are built, with their parsers."""
    (every,) = [action for action in cli.parser()._actions if action.dest == "subcommand"]
    return every.choices


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "docs/json.md"])
def test_every_exit_code_is_told(name):
    named = {int(number) for number in re.findall(r"\b[0-9]+\b", text(name))}
    assert {int(code) for code in ExitCode} <= named


def test_every_exit_code_is_told_by_the_help():
    epilog = cli.parser().epilog
    assert {str(int(code)) for code in ExitCode} <= set(re.findall(r"\b[0-9]+\b", epilog))


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md"])
def test_every_subcommand_that_is_built_is_told(name, subcommands):
    assert [
        subcommand for subcommand in subcommands if f"`r1chat {subcommand}" not in text(name)
    ] == []


def test_every_option_that_is_built_is_told(subcommands):
    options = {
        action.option_strings[-1]
        for subcommand in subcommands.values()
        for action in subcommand._actions
        if action.option_strings and action.dest != "help"
    }
    told = "".join(text(path) for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
    assert [each for each in sorted(options) if each not in told] == []


def test_every_public_name_is_in_the_changelog():
    changelog = text("CHANGELOG.md")
    names = [name for name in r1chat.__all__ if name != "__version__"]
    assert [name for name in names if f"`{name}`" not in changelog] == []


def test_every_reason_of_a_receipt_is_in_the_changelog():
    changelog = text("CHANGELOG.md")
    reasons = [field.name for field in fields(Receipt) if field.name.endswith("ended_by")]
    assert [name for name in (*reasons, "error") if f"`{name}`" not in changelog] == []


def test_the_ways_to_change_settings_are_in_the_changelog():
    assert "`settings set KEY VALUE` and `settings unset KEY`" in text("CHANGELOG.md")


def test_there_are_as_many_themes_as_the_documents_say():
    assert len(themes.load()[0]) == 10
    assert "Ten themes" in text("README.md")
    assert "Ten themes" in text("CHANGELOG.md")


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md"])
def test_the_app_is_not_said_to_come(name):
    assert "the app that is to come" not in text(name)
    assert "`r1chat` alone, in a terminal" in text(name)
