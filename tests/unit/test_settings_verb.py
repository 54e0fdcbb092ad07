"""`r1chat settings set`: values as people write them."""

from __future__ import annotations

import json
import shlex

import pytest

from r1chat import cli, compose, paths, settings
from r1chat.actions import ACTIONS
from r1chat.commands import columns
from r1chat.engine.fake import FakeEngine
from r1chat.prompt import kind_of
from r1chat.reasoning.formats import FORMATS, known, written_in
from r1chat.settings import SETTINGS, Settings
from scripts.tables import DOCS


@pytest.fixture
def run(capsys):
    """Runs the command line: exit code, stdout, stderr."""

    def call(*argv):
        code = cli.main(argv)
        return (code, *capsys.readouterr())

    return call


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("budget", "512", "512"),
        ("budget", "30s", "30s"),
        ("model", "r1:7b", "r1:7b"),
        ("model", "acme/Some-GGUF:Q4_K_M", "acme/Some-GGUF:Q4_K_M"),
        ("model", "http://localhost:1/v1#m", "http://localhost:1/v1#m"),
        ("theme", "paper", "paper"),
        ("top_k", "40", 40),
        ("gpu-layers", "-1", -1),
        ("gpu-layers", "all", "all"),
        ("gpu-layers", "auto", "auto"),
        ("gpu-layers", "20", 20),
        ("tensor-split", "3, 1.50", "3,1.5"),
        ("servers", '{"lab": "http://localhost:8000"}', {"lab": "http://localhost:8000/v1"}),
        ("temperature", "1", 1.0),
        ("pace", "0.5", 0.5),
        ("keys", '{"app.help": "f2"}', {"app.help": "f2"}),
        (
            "formats",
            '[{"name": "a", "opens": "<a>", "closes": ["</a>"]}]',
            [{"name": "a", "opens": "<a>", "closes": ["</a>"]}],
        ),
    ],
)
def test_a_value_is_read_as_what_its_setting_holds(run, key, text, value):
    assert run("settings", "set", key, text) == (0, "", "")
    loaded, fault = settings.load()
    assert fault is None
    assert getattr(loaded, key.replace("-", "_")) == value


A = '{"name": "a", "opens": "<a>", "closes": "</a>"}'


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{}", 'not a list of formats: objects with "name", "opens" and "closes"; at most 32'),
        ('["x"]', "entry 1: it is not an object of fields"),
        (f"[{A}, {A}]", "entry 2 ('a'): name: 'a' is there already"),
        (f"[{A}, {A[:-1]}, 1: 2}}]", 'not a list of formats: objects with "name",'),
        ('[{"opens": "<a>", "closes": "</a>"}]', "entry 1: name: a format of thoughts needs it"),
        ('[{"name": "a", "opens": "<a>"}]', "entry 1 ('a'): closes: a format of thoughts needs"),
        (f'[{A}, {{"nmae": "b"}}]', "entry 2: 'nmae' is no field; did you mean name?"),
        (A.replace('"<a>"', "[]").join("[]"), "entry 1 ('a'): opens: a format of thoughts needs"),
        (A.replace('"<a>"', "7").join("[]"), "entry 1 ('a'): opens: not a text of at most 320"),
        (A.replace("<a>", " <a>").join("[]"), "entry 1 ('a'): opens: ' <a>' is no marker: 1 to"),
        (A.replace("<a>", "<a\\u202e>").join("[]"), "entry 1 ('a'): opens: '<a\\u202e>' is no"),
        (A.replace("</a>", "<a>b").join("[]"), "entry 1 ('a'): closes: '<a>b' begins with '<a>'"),
        (f'[{A[:-1]}, "closing": "So"}}]', "entry 1 ('a'): closing: it must begin with one of"),
        (f'[{A[:-1]}, "wrappers": ["<b>"]}}]', "entry 1 ('a'): wrappers: not pairs of what stands"),
        (f'[{A[:-1]}, "sentences": "yes"}}]', "entry 1 ('a'): sentences: not true or false"),
        (f'[{A[:-1]}, "name": "{"n" * 81}"}}]', f"entry 1 ('{'n' * 80}'): name: not a name of 1"),
    ],
)
def test_a_format_that_cannot_be_used_is_refused_by_its_entry_and_field(run, text, fault):
    code, out, err = run("settings", "set", "formats", text)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"r1chat: formats: {fault}")
    path = paths.settings_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{{"formats": {text}, "ctx": 512}}')
    loaded, said = settings.load()
    assert said is not None
    if fault.startswith(("entry", 'not a list of formats: objects with "name", "opens"')):
        assert f"formats: {fault}" in said
        assert loaded == Settings(ctx=512)


def test_the_example_in_the_documentation_works_when_it_is_pasted(run):
    page = (DOCS / "formats.md").read_text("utf-8")
    command = next(part for part in page.split("```") if "settings set formats" in part)
    program, *argv = shlex.split(command)
    assert program == "r1chat"
    assert run(*argv) == (0, "", "")
    assert [each.name for each in known()][:2] == ["think", "r1-zero"]
    assert run("settings")[0] == 0
    assert [each.name for each in known()][:2] == ["bespoke", "aloud"]


def test_a_users_formats_are_known_to_the_whole_process(run):
    text = """[{"name": "bespoke", "opens": "<mine>", "closes": "</mine>"},
               {"name": "think", "opens": ["<think>", "<thinks>"], "closes": "</think>"}]"""
    assert run("settings", "set", "formats", text)[0] == 0
    assert run("settings", "get", "formats")[0] == 0
    assert [each.name for each in known()][:2] == ["bespoke", "think"]
    assert [each.name for each in known()].count("think") == 1
    assert written_in("<mine>Hm.</mine>4").name == "bespoke"
    kind = kind_of(lambda _: False, "{{ '<thinks>' }}", known())
    assert (kind.format.name, kind.format.opens) == ("think", ("<think>", "<thinks>"))
    # Its tokens are looked for, and what is remembered of models holds no longer.
    assert kind_of(lambda name: name == "<mine>", "{{ 1 }}", known()).format.name == "bespoke"
    assert run("settings", "unset", "formats")[0] == 0
    assert run("settings", "get", "formats")[0] == 1
    assert known() == FORMATS


@pytest.mark.parametrize(
    "text",
    ["many", "null", "true", "[1]", "NaN", "4096.5", "", pytest.param("[" * 9999, id="deep")],
)
def test_what_is_no_number_is_refused_where_one_is_wanted(run, text):
    code, out, err = run("settings", "set", "ctx", text)
    assert (code, out) == (2, "")
    assert err.startswith("r1chat: ctx: ")
    assert err.count("\n") == 1


def test_a_minimum_above_the_budget_is_refused(run):
    assert run("settings", "set", "budget", "off")[0] == 0
    code, _, err = run("settings", "set", "min_think", "100")
    assert code == 2
    assert err == "r1chat: min_think: the minimum (100) is more than the budget (0)\n"
    assert settings.load()[0] == Settings(budget="off")


def test_a_minimum_above_the_budget_breaks_no_question(run, monkeypatch):
    engine = FakeEngine(("</think>", "2"))
    monkeypatch.setattr(compose, "load", lambda *_, **__: engine)
    paths.write_private(paths.settings_file(), json.dumps({"min_think": 100, "budget": "off"}))
    code, out, err = run("ask", "-m", "tiny", "1 + 1?")
    assert (code, out) == (0, "2\n")
    assert err.startswith("r1chat: note: settings in ")
    assert "min_think: the minimum (100) is more than the budget (0)" in err
    assert engine.requests[0].budget.off


def test_of_several_faults_the_minimum_above_the_budget_is_one():
    values = {"min_think": 100, "budget": "64", "modle": "tiny", "ctx": 4096}
    paths.write_private(paths.settings_file(), json.dumps(values))
    loaded, fault = settings.load()
    assert loaded == Settings(budget="64", ctx=4096)
    assert "modle" in fault
    assert "min_think: the minimum (100)" in fault


def test_the_list_says_where_each_value_was_set(run):
    run("settings", "set", "top_k", "7")
    code, out, err = run("settings", "--ctx", "4096")
    assert (code, err) == (0, "")
    listed = [row.split() for row in out.splitlines() if row and not row.startswith("#")]
    rows = {row[0]: row[1:3] for row in listed}
    assert rows["top_k"] == ["7", "file"]
    assert rows["ctx"] == ["4096", "option"]
    assert rows["save"] == ["on", "default"]
    assert rows.keys() == SETTINGS.keys()


def test_the_list_is_json_for_scripts(run):
    run("settings", "set", "save", "off")
    code, out, _ = run("settings", "--json")
    listed = json.loads(out)
    assert (code, listed["schema"]) == (0, 1)
    assert listed["file"] == str(paths.settings_file())
    rows = {row["name"]: row for row in listed["settings"]}
    assert (rows["save"]["value"], rows["save"]["set_by"]) == (False, "file")
    assert (rows["ctx"]["value"], rows["ctx"]["set_by"]) == (None, "default")
    assert rows["top_p"]["allowed"] == "above 0 to 1"
    assert all(row["help"] for row in rows.values())


@pytest.mark.parametrize("argv", [("--ctx", "512", "get", "ctx"), ("--json", "unset", "ctx")])
def test_options_of_the_list_are_refused_where_nothing_is_listed(run, argv):
    code, _, err = run("settings", *argv)
    assert code == 2
    assert "takes no options" in err


def test_a_table_that_is_none_is_refused_without_being_repeated(run):
    code, _, err = run("settings", "set", "servers", "http://me:secret@host")
    assert code == 2
    assert err == "r1chat: servers: not a JSON object of names and addresses\n"


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("theme", "papr", "'papr' is not a theme; did you mean paper?"),
        ("theme", "1984", "'1984' is not a theme; they are ash, "),
        ("model", "r1:9b", "did you mean r1:8b?"),
        ("model", "7", "no such model: '7'"),
        ("model", "nowhere.gguf", "no such model file"),
        ("model", "nowhere#m", "no server is called 'nowhere'"),
    ],
)
def test_a_theme_or_a_model_that_nobody_knows_is_refused(run, key, text, said):
    code, out, err = run("settings", "set", key, text)
    assert code in {2, 3}
    assert out == ""
    assert said in err
    assert err.count("\n") == 1
    assert not paths.settings_file().exists()


def test_nothing_is_cut_where_no_terminal_shows_it(run, monkeypatch):
    keys = {f"slider.{name}": "f12" for name in ("less", "more", "off", "max", "figure")}
    run("settings", "set", "keys", json.dumps(keys))
    monkeypatch.setattr(columns, "_WIDEST", 10)
    assert json.dumps(keys) in run("settings")[1]
    out = run("keys")[1]
    assert all(action.help in out for action in ACTIONS)
