"""Presets: named sets of settings, kept in the settings file and put over what is set."""

from __future__ import annotations

import json

import pytest

from r1chat import cli, paths, presets
from r1chat.errors import UsageError
from r1chat.reasoning.budget import Budget
from r1chat.settings import PRESET_FIELDS, SETTINGS, Settings, checked, load, preset_values, save


def test_three_come_along_and_hold_what_may_be_set():
    assert list(presets.known(Settings())) == ["mathematics", "code", "short"]
    for preset in presets.SHIPPED.values():
        assert preset_values(dict(preset.values)) == dict(preset.values)
        assert preset.about
        assert not preset.own
    advice = presets.SHIPPED["mathematics"].values
    assert (advice["temperature"], advice["top_p"]) == (0.6, 0.95)
    assert "\\boxed{}" in advice["system"]


def test_a_preset_holds_settings_that_there_are():
    assert set(PRESET_FIELDS) <= set(SETTINGS)


def test_a_preset_lies_over_the_settings_and_leaves_the_others():
    mine = {"mine": {"budget": "128", "top_p": 0.5}}
    settings = Settings(temperature=0.9, min_think=500, budget="max", presets=mine)
    over = presets.applied(settings, presets.find(settings, "mine"))
    assert (over.temperature, over.top_p, over.budget) == (0.9, 0.5, "128")
    # A minimum that would not fit goes with the budget that it belongs to.
    assert Budget.parse(over.budget, minimum=over.min_think or 0) == Budget(128)


def test_a_users_own_goes_before_the_one_that_comes_along():
    settings = Settings(presets={"code": {"temperature": 0.1}, "mine": {}})
    known = presets.known(settings)
    assert list(known) == ["mathematics", "code", "short", "mine"]
    assert known["code"].own
    assert dict(known["code"].values) == {"temperature": 0.1}


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ([], "a JSON object of presets"),
        ({"Bad Name": {}}, "names no preset"),
        ({"a": []}, "a preset is a JSON object"),
        ({"a": {"theme": "paper"}}, "is no setting of a preset; they are system, budget"),
        ({"a": {"temperature": 9}}, "temperature: 9 is not at least 0"),
        ({"a": {"budget": "10", "min_think": 20}}, "presets: "),
    ],
)
def test_a_slip_in_the_file_is_named_and_the_rest_counts(value, fault):
    good, faults = checked({"presets": value, "top_p": 0.5})
    assert good == {"top_p": 0.5}
    assert fault in faults[0]


def test_they_are_kept_in_the_settings_file():
    settings = Settings(presets={"mine": {"temperature": 0.5, "system": "Be brief."}})
    save(settings)
    assert load() == (settings, None)
    assert hash(settings) == hash(Settings())  # As one with other tables.


def test_the_nearest_name_is_offered():
    with pytest.raises(UsageError, match="did you mean short"):
        presets.find(Settings(), "shrt")


def run(capsys, *args):
    code = cli.main(["presets", *args])
    out, err = capsys.readouterr()
    return code, out, err


def test_they_are_made_changed_shown_and_removed(capsys):
    assert run(capsys, "set", "mine", "-b", "200", "--temperature", "0.3", "-s", "Hi")[0] == 0
    assert run(capsys, "set", "mine", "--top-p", "0.5", "--without", "system")[0] == 0
    assert load()[0].presets == {"mine": {"budget": "200", "temperature": 0.3, "top_p": 0.5}}
    code, out, _ = run(capsys, "show", "mine", "--format", "json")
    assert (code, json.loads(out)["values"]["top_p"]) == (0, 0.5)
    _, out, _ = run(capsys)
    assert [line.split()[0] for line in out.splitlines()] == [
        *("preset", "mathematics", "code", "short", "mine")
    ]
    _, out, _ = run(capsys, "list", "--format", "json")
    assert [each["origin"] for each in json.loads(out)["presets"]].count("yours") == 1
    # A built-in one is changed from what it is, and comes back.
    assert run(capsys, "set", "short", "--max-answer", "50")[0] == 0
    assert presets.find(load()[0], "short").values["budget"] == "512"
    assert "the built-in one again" in run(capsys, "remove", "short")[2]
    assert run(capsys, "remove", "mine")[0] == 0
    assert load()[0].presets is None


@pytest.mark.parametrize(
    ("args", "fault"),
    [
        (("set", "mine"), "say what mine is to hold"),
        (("set", "no name", "-b", "9"), "names no preset"),
        (("set", "mine", "-b", "9", "--min-think", "99"), "minimum"),
        (("set", "mine", "--temperature", "9"), "--temperature"),
        (("show", "none"), "there is no preset"),
        (("remove", "code"), "built in, and stays"),
    ],
)
def test_a_slip_is_one_line(capsys, args, fault):
    code, out, err = run(capsys, *args)
    assert (code, out) == (2, "")
    assert fault in err.splitlines()[-1]
    assert not paths.settings_file().exists()


def test_the_list_of_settings_says_what_a_preset_holds_and_what_goes_before_it(capsys):
    save(Settings(temperature=0.9, top_p=0.7))
    code = cli.main(["settings", "--json", "--preset", "code", "--top-p", "0.3"])
    listed = json.loads(capsys.readouterr().out)["settings"]
    found = {each["name"]: (each["value"], each["set_by"]) for each in listed}
    assert code == 0
    assert found["temperature"] == (0.5, "preset")
    assert found["top_p"] == (0.3, "option")
    assert found["min_p"] == (0, "default")
    assert cli.main(["settings", "get", "budget", "--preset", "code"]) == 2
