"""The table of actions, `r1chat keys`, and the checks of a user's own keys."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest
from textual.keys import Keys, _character_to_key

from r1chat import cli, keymap, settings
from r1chat.actions import ACTIONS, BY_ID, SECTIONS
from r1chat.engine.base import Steering
from r1chat.settings import Settings
from scripts.tables import DOCS, manual

MANUAL = Path(DOCS / "r1chat.1")


@pytest.fixture
def run(capsys):
    """Runs the command line: exit code, stdout, stderr."""

    def call(*argv):
        code = cli.main(argv)
        return (code, *capsys.readouterr())

    return call


@pytest.mark.parametrize("action", ACTIONS, ids=lambda each: f"{each.id}:{each.name}")
def test_every_action_says_what_it_is_and_does(action):
    assert action.title
    assert 0 < len(action.help) <= 80
    assert "\n" not in action.help
    assert action.section in SECTIONS
    assert action.needs in {"", *(field.name for field in fields(Steering))}
    # Its own keys are such as a user may set.
    if action.keys:
        assert keymap.checked({action.id: action.keys}) == {action.id: action.keys}


def test_one_id_has_one_set_of_keys():
    assert {(each.id, each.keys) for each in ACTIONS} == {
        (name, each.keys) for name, each in BY_ID.items()
    }
    assert len({(each.id, each.action) for each in ACTIONS}) == len(ACTIONS)


def test_no_key_means_two_things_at_one_place():
    """Lists and dialogs have keys of their own, and Escape leaves whatever is under way."""
    meant: dict[tuple[str, str], set[str]] = {}
    for action in ACTIONS:
        for place in ("app", "chat") if action.owner == "app" else (action.owner,):
            for key in filter(None, action.keys.split(",")):
                meant.setdefault((place, key), set()).add(action.id)
    shared = {key: ids for (_, key), ids in meant.items() if len(ids) > 1}
    assert shared == {"escape": {"chat.stop", "chat.to_composer"}}


def test_every_action_is_listed_with_its_keys(run):
    code, out, err = run("keys")
    assert (code, err) == (0, "")
    rows = out.splitlines()[1:]
    assert [row.split()[0] for row in rows] == [each.id for each in ACTIONS]
    assert next(row for row in rows if row.startswith("chat.answer_now ")).endswith(
        BY_ID["chat.answer_now"].help
    )


def test_the_list_has_the_users_own_keys(run):
    settings.save(Settings(keys={"chat.answer_now": "f12"}))
    assert "F12" in run("keys")[1]
    listed = json.loads(run("keys", "--json")[1])["keys"]
    row = next(each for each in listed if each["id"] == "chat.answer_now")
    assert (row["keys"], row["default"]) == (["f12"], ["ctrl+n", "alt+a"])
    assert {each["id"] for each in listed} == BY_ID.keys()


def test_the_list_needs_no_textual(run_python):
    code = "import sys; from r1chat import cli; cli.main(['keys']); print('textual' in sys.modules)"
    assert run_python("-c", code).stdout.splitlines()[-1] == "False"


def test_every_action_stands_in_the_docs_and_in_the_manual():
    page = (DOCS / "keys.md").read_text(encoding="utf-8")
    page_of_man = MANUAL.read_text(encoding="utf-8")
    assert page_of_man.endswith(manual()), "run scripts/manual"
    for name in BY_ID:
        assert f"| `{name}` |" in page
        assert f".B {name}\n" in page_of_man


# -- a user's own keys --


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("f12", "f12"),
        ("F12", "f12"),
        ("Ctrl+Shift+Z", "ctrl+shift+z"),
        ("shift+ctrl+z", "ctrl+shift+z"),
        ("f2, ctrl+e", "f2,ctrl+e"),
        ("?", "question_mark"),
        ("alt+/", "alt+slash"),
        ("shift+a", "A"),
        ("A", "A"),
        (",", "comma"),
        ("full_stop", "full_stop"),
        ("ctrl+left_square_bracket", "ctrl+left_square_bracket"),
    ],
)
def test_a_key_is_kept_as_textual_names_it(run, given, kept):
    assert run("settings", "set", "keys", json.dumps({"chat.raw": given})) == (0, "", "")
    assert settings.load()[0].keys == {"chat.raw": kept}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"chat.anser_now": "f12"}, "'chat.anser_now' is not an action; did you mean"),
        ({"nothing": "f12"}, "'nothing' is not an action; `r1chat keys` lists them"),
        ({"chat.raw": "crtl+n"}, "'crtl+n' is not a key; did you mean ctrl+n?"),
        ({"chat.raw": "f2,pagup"}, "'pagup' is not a key; did you mean pageup?"),
        ({"chat.raw": "f25"}, "'f25' is not a key"),
        ({"chat.raw": "ctrl+"}, "'ctrl+' is not a key"),
        ({"chat.raw": "control x"}, "'control x' is not a key"),
        ({"chat.raw": "<any>"}, "'<any>' is not a key"),
    ],
)
def test_what_is_no_action_or_no_key_is_refused(run, given, said):
    code, out, err = run("settings", "set", "keys", json.dumps(given))
    assert (code, out) == (2, "")
    assert err.startswith(f"r1chat: keys: {said}")
    assert err.count("\n") == 1
    assert settings.load()[0].keys is None


def test_every_key_that_textual_has_a_name_for_may_be_set():
    named = {key.value for key in Keys} - {"ctrl-at"}
    keys = [each for each in named if not each.startswith("<")]
    typed = [_character_to_key(chr(code)) for code in range(0x21, 0x7F)]
    for key in [*keys, *typed]:
        assert keymap.checked({"chat.raw": key}) == {"chat.raw": key}
