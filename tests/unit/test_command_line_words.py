"""Mistyped and bare words on the command line, failures in JSON, completion, the manual page."""

from __future__ import annotations

import argparse
import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from r1chat import cli, compose, paths
from r1chat.commands import parsing
from r1chat.commands.options import SHELLS
from r1chat.commands.parsing import wants_json, with_ask
from r1chat.engine.fake import FakeEngine
from r1chat.errors import EngineError, ModelError, NetworkError, UsageError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs the command line on a scripted engine: exit code, stdout, stderr."""
    monkeypatch.setattr(compose, "load", lambda *_, **__: FakeEngine(("hm", "</think>", "2")))

    def call(*argv):
        code = cli.main(argv)
        return (code, *capsys.readouterr())

    return call


def every_parser():
    todo = [cli.parser()]
    while todo:
        parser = todo.pop()
        yield parser
        todo += parser.subcommands.values()


@pytest.mark.parametrize(
    "argv",
    [
        ["What is 1 + 1?"],
        ["1+1"],
        ["你好"],
        ["why?"],
        ["-b", "64", "1 + 1?"],
        ["-b64", "1 + 1?"],
        ["--seed=7", "1 + 1?", "--max-answer", "9"],
        ["--verbose", "-m", "tiny", "1 + 1?"],
        ["--", "1 + 1?"],
        ["-3 + 4 = ?"],
    ],
)
def test_a_bare_question_is_asked(argv, run):
    assert run(*argv)[:2] == (0, "2\n")


def test_words_of_a_subcommand_stay_as_they_are_and_no_words_open_the_app():
    top = cli.parser()
    how = [["-m", "tiny"], ["--threads", "1"], ["--ctx=512", "--think", "on"]]
    for argv in (["ask", "models"], ["models", "list"], *how, [], ["--verbose"]):
        assert with_ask(argv, top) == argv


@pytest.mark.parametrize("parser", every_parser(), ids=lambda parser: parser.prog)
def test_a_slip_in_any_subcommand_or_option_names_the_one_that_was_meant(parser, run):
    path = parser.prog.split()[1:]
    for name in parser.subcommands:
        slip = name[0] + name[2] + name[1] + name[3:] if len(name) > 2 else name + "x"
        if slip in parser.subcommands:
            continue
        code, out, err = run(*path, slip)
        assert (code, out) == (2, "")
        assert re.search(rf"no subcommand '{slip}'; did you mean \w+\?", err)
        assert err.count("\n") == 1
    if path and parser.subcommands:
        return  # Without an action nothing else is looked at.
    for option in parser.option_names:
        if not option.startswith("--") or len(option) < 6:
            continue
        slip = option[:-2] + option[-1]
        if slip in parser.option_names:
            continue
        code, out, err = run(*path, *needed(parser), slip)
        assert (code, out) == (2, ""), (path, slip)
        assert f"has no option {slip}; did you mean --" in err
        assert err.count("\n") == 1


def needed(parser):
    """Words in the place of the arguments that a parser insists on."""
    positional = [action for action in parser._get_positional_actions() if action.required]
    return [
        next(iter(action.choices)) if action.choices else "1"
        for action in positional
        if not isinstance(action, argparse._SubParsersAction)
    ]


@pytest.mark.parametrize("subcommand", ["models", "servers", "history", "jobs", "presets"])
def test_a_subcommand_alone_lists_what_it_is_about(subcommand, run):
    code, out, err = run(subcommand)
    assert code == 0
    assert (code, out, err) == run(subcommand, "list")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["hello"], "to ask it: r1chat ask hello"),
        (["r1:7b"], "is a model: r1chat -m r1:7b"),
        (["models/a.gguf"], "is a model: r1chat -m models/a.gguf"),
        (["how", "are", "you"], "put the question in quotes"),
        (["models", "pull"], "required: REF"),
        (["--format", "json", "models", "list"], "belongs after the subcommand"),
        (["ask", "x", "--format", "xml"], "text"),
        (["ask", "--nope", "x"], "has no option --nope (see"),
        (["settings", "get", "temprature"], "did you mean temperature?"),
        (["settings", "set", "Top-P", "1"], "did you mean top_p?"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_the_way_on(argv, words, run):
    code, out, err = run(*argv)
    assert (code, out) == (2, "") or (wants_json(argv) and code == 2)
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("no\x1b[2J"), 2),
        (ModelError("gone"), 3),
        (NetworkError("down"), 5),
        (EngineError("broken"), 1),
        (RuntimeError("a fault of ours"), 1),
    ],
)
@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_a_failure_is_one_json_object_where_json_was_asked_for(
    error, code, form, monkeypatch, capsys
):
    def load(*_, **__):
        raise error

    monkeypatch.setattr(compose, "load", load)
    assert cli.main(["ask", "--format", form, "-m", "x", "?"]) == code
    out, err = capsys.readouterr()
    last = json.loads(out.splitlines()[-1])
    assert last["exit_code"] == code
    assert last["error"]
    assert "\x1b" not in out + err
    assert last.get("type" if form == "jsonl" else "schema") == {"jsonl": "error", "json": 1}[form]


def test_a_reply_that_failed_half_way_is_one_object_only(run, monkeypatch):
    script = ("hm", "</think>", "2", EngineError("broken"))
    monkeypatch.setattr(compose, "load", lambda *_, **__: FakeEngine(script))
    code, out, err = run("ask", "-m", "x", "--format", "json", "?")
    assert code == 1
    assert json.loads(out)["error"] == "broken"
    assert "broken" in err


def test_a_setting_is_printed_as_it_is_set(run):
    values = {"temperature": "0.5", "save": "off", "budget": "512", "keys": '{"app.help": "f2"}'}
    for name, text in values.items():
        assert run("settings", "get", name) == (1, "", f"r1chat: note: {name} is not set\n")
        run("settings", "set", name, text)
        assert run("settings", "get", name) == (0, text + "\n", "")


@pytest.mark.parametrize(
    ("name", "text"),
    [("temperature", "9"), ("temperature", "2.1"), ("top-p", "1.5"), ("min-p", "-1")],
)
def test_numbers_that_only_make_noise_are_refused_everywhere(name, text, run):
    assert run("ask", f"--{name}={text}", "?")[0] == 2
    assert run("settings", "set", "--", name, text)[0] == 2
    assert not paths.settings_file().exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_a_script_that_it_can_read(shell, run, tmp_path):
    code, out, err = run("completion", shell)
    assert (code, err) == (0, "")
    assert "--budget" in out or "budget" in out
    if shutil.which(shell) is None:
        return
    script = tmp_path / "completion"
    script.write_text(out, encoding="utf-8")
    done = subprocess.run([shell, "-n", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("r1chat mod", ["models"]),
        ("r1chat ask --bud", ["--budget"]),
        ("r1chat models ve", ["verify"]),
        ("r1chat ask --format js", ["json", "jsonl"]),
        ("r1chat settings get them", ["theme"]),
        ("r1chat eval some", ["some.jsonl", "somewhere"]),
        ("r1chat eval --compare some", ["some.jsonl", "somewhere"]),
        ("r1chat ask -m some", ["some.jsonl", "somewhere"]),
        ("r1chat ask --file some", ["some.jsonl", "somewhere"]),
        ("r1chat models list some", ["somewhere"]),
    ],
)
def test_bash_completes_with_it(words, completed, run, tmp_path):
    shell = shutil.which("bash")
    if shell is None:
        pytest.skip("no bash here")
    script = tmp_path / "completion"
    script.write_text(run("completion", "bash")[1], encoding="utf-8")
    code = f"""
    source {script}
    COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_LINE="{words}"
    COMP_POINT=${{#COMP_LINE}}
    $(complete -p r1chat | sed 's/.*-F \\([^ ]*\\).*/\\1/') r1chat
    printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    (tmp_path / "some.jsonl").touch()
    (tmp_path / "somewhere").mkdir()
    done = subprocess.run(
        [shell, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert sorted(word.rstrip("/") for word in done.stdout.split()) == completed


def test_the_manual_page_has_every_subcommand_and_option():
    page = (ROOT / "docs" / "r1chat.1").read_text(encoding="utf-8").replace("\\", "")
    for parser in every_parser():
        assert parser.prog in page
        for option in {*parser.option_names} - {"-h", "--help"}:
            assert option in page, f"{parser.prog} {option}: run scripts/manual"


def test_models_below_a_folder_are_listed_alone(run, tmp_path):
    (tmp_path / "deep").mkdir()
    tiny = Path(compose.resolve("tiny"))
    shutil.copy(tiny, tmp_path / "deep" / "mine.gguf")
    (tmp_path / "broken.gguf").write_bytes(b"GGUF")
    code, out, _ = run("models", "list", str(tmp_path), "--format", "json")
    assert code == 0
    found = {Path(model["path"]).name: model for model in json.loads(out)["models"]}
    assert set(found) == {"mine.gguf", "broken.gguf"}
    assert found["broken.gguf"]["problem"]
    assert json.loads(out)["distills"] == []


@pytest.mark.parametrize("name", ["missing", "file", "nul\0"])
def test_what_is_no_folder_is_named(name, run, tmp_path):
    (tmp_path / "file").touch()
    code, out, err = run("models", "list", str(tmp_path / name))
    assert (code, out) == (2, "")
    assert err.count("\n") == 1


@pytest.mark.parametrize("argv", [["-c"], ["--conversation", "nobody"], ["--continue"]])
def test_a_conversation_that_there_is_not_opens_no_app(argv, run, monkeypatch):
    monkeypatch.setattr(cli, "is_terminal", lambda _: True)
    code, out, err = run(*argv)
    assert (code, out) == (1, "")
    assert "conversation" in err


def test_what_comes_through_a_pipe_continues_the_last_conversation(run, monkeypatch):
    assert run("ask", "What is 1 + 1?")[:2] == (0, "2\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"And then?")))
    assert run("-c")[:2] == (0, "2\n")
    assert re.search(r" 2 +fake +What is 1 \+ 1\?", run("history", "list")[1])
    code, _, err = run("-c", "history", "list")
    assert (code, "belongs after the subcommand" in err) == (2, True)


@pytest.mark.parametrize("argv", [["--budget", "64"], ["--seed=1"], ["-m", "tiny", "--no-save"]])
def test_an_option_of_a_question_says_where_there_is_none_what_to_type(argv, run, monkeypatch):
    monkeypatch.setattr(parsing, "is_terminal", lambda _: True)
    code, out, err = run(*argv)
    assert (code, out) == (2, "")
    option = next(each for each in argv if each not in {"-m", "tiny"}).partition("=")[0]
    assert f'{option} belongs to a question: r1chat {option} … "QUESTION"' in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("argv", [["--threads", "1"], ["-m", "tiny"], ["--budget", "64"]])
def test_what_comes_through_a_pipe_is_asked_with_any_option(argv, run, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"1 + 1?")))
    assert run(*argv)[:2] == (0, "2\n")
