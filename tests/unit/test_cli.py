"""The command line on a scripted engine: options, exit codes, errors."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import replace

import pytest

from r1chat import __version__, cli, compose, logs
from r1chat.engine.fake import INFO, FakeEngine
from r1chat.errors import EngineError, ModelError, NetworkError, PromptError
from r1chat.events import Receipt, Reply
from r1chat.reasoning.budget import Budget

SCRIPT = ("Hm", ".", "</think>", "It is ", "\\boxed{2}")


@pytest.fixture
def model(monkeypatch):
    """A scripted model in the place of the real one; keeps how it was loaded."""

    class Loader:
        engine = FakeEngine(SCRIPT)

        def __call__(self, ref, **options):
            self.ref, self.options = ref, options
            if isinstance(self.engine, Exception):
                raise self.engine
            return self.engine

        def plays(self, *script):
            self.engine = FakeEngine(script)

    loader = Loader()
    monkeypatch.setattr(compose, "load", loader)
    yield loader
    logs.stop()


@pytest.fixture
def run(model, capsys):
    """Runs the command line: exit code, stdout, stderr."""

    def call(*argv):
        code = cli.main(argv)
        return (code, *capsys.readouterr())

    return call


def ask(run, *options):
    return run("ask", "-m", "tiny", *options)


def test_the_answer_is_all_there_is_on_stdout(run):
    assert ask(run, "1 + 1?") == (0, "It is \\boxed{2}\n", "")


def test_without_a_model_the_built_in_one_is_used_with_a_notice(run, model):
    code, out, err = run("ask", "1 + 1?")
    assert (code, out, model.ref) == (0, "It is \\boxed{2}\n", "tiny")
    assert err.startswith("r1chat: note: no model configured: using the built-in tiny model")
    assert err.count("\n") == 1


def test_a_configured_model_is_used_without_a_notice(run, model):
    assert run("settings", "set", "model", "r1:7b")[0] == 0
    assert run("ask", "1 + 1?")[2] == ""
    assert model.ref == "r1:7b"


def test_options_go_before_settings(run, model):
    for key, value in [("temperature", "0.1"), ("ctx", "4096"), ("max-answer", "7")]:
        assert run("settings", "set", key, value)[0] == 0
    ask(run, "?", "--temperature", "0", "--ctx", "512")
    request = model.engine.requests[0]
    assert request.sampling.temperature == 0
    assert model.options["ctx"] == 512
    assert request.max_answer == 7


def test_every_option_reaches_the_engine(run, model):
    options = (
        "--budget 30s --min-think 5 --temperature 0.5 --top-p 0.9 --top-k 7 --min-p 0.1 --seed 9 "
        "--max-answer 3 --ctx 1024 --threads 2 --gpu-layers 0 --tensor-split 3,1 --no-reuse "
        "--timeout 60 --no-save"
    )
    code, *_ = ask(run, "1 + 1?", *options.split(), "--system", "Be brief.")
    assert code == 0
    request = model.engine.requests[0]
    assert request.budget == Budget(seconds=30, minimum=5)
    sampling = request.sampling
    assert (sampling.temperature, sampling.top_p, sampling.top_k) == (0.5, 0.9, 7)
    assert (sampling.min_p, sampling.seed) == (0.1, 9)
    assert (request.max_answer, request.timeout, request.reuse) == (3, 60, False)
    assert [m.text for m in request.messages] == ["Be brief.", "1 + 1?"]
    wanted = {"ctx": 1024, "threads": 2, "gpu_layers": 0, "tensor_split": "3,1"}
    assert {name: model.options[name] for name in wanted} == wanted


def test_sampling_defaults_are_deepseeks_advice(run, model):
    ask(run, "?")
    sampling = model.engine.requests[0].sampling
    assert (sampling.temperature, sampling.top_p, sampling.seed) == (0.6, 0.95, None)


def test_raw_asks_for_plain_completion(run, model):
    ask(run, "--raw", "Once upon")
    assert model.engine.requests[0].raw


def test_files_are_attached(run, model, tmp_path):
    (tmp_path / "a.txt").write_text("A", encoding="utf-8")
    (tmp_path / "b.txt").write_text("Ä", encoding="utf-16")
    ask(run, "?", "-f", str(tmp_path / "a.txt"), "--file", str(tmp_path / "b.txt"))
    text = model.engine.requests[0].messages[-1].text
    assert text.index("[file name]: a.txt") < text.index("A\n") < text.index("b.txt")
    assert text.endswith("Ä\n[file content end]\n?")


def test_the_engine_is_closed(run, model):
    ask(run, "?")
    assert model.engine.closed


def test_json_holds_the_whole_reply(run):
    code, out, err = ask(run, "1 + 1?", "--format", "json")
    value = json.loads(out)
    assert (code, err) == (0, "")
    assert (value["question"], value["thought"], value["final"]) == ("1 + 1?", "Hm.", "2")


def test_json_lines_show_loading_as_an_event(run, model, monkeypatch):
    def load(ref, *, on_progress, **_):
        for percent in (0, 0.001, 0.5, 1):
            on_progress(percent)
        return FakeEngine(SCRIPT)

    monkeypatch.setattr(compose, "load", load)
    _, out, err = run("ask", "?", "--format", "jsonl")
    values = [json.loads(line) for line in out.splitlines()]
    assert values[0]["type"] == "notice"
    assert [v["fraction"] for v in values if v["type"] == "loading"] == [0, 0.5, 1]
    assert values[-1]["type"] == "reply"
    assert err == ""


def test_thoughts_are_hidden_from_a_stderr_that_is_no_terminal(run):
    assert ask(run, "?")[2] == ""


def test_thoughts_are_shown_on_request(run):
    code, out, err = ask(run, "?", "--thoughts", "show")
    assert code == 0
    assert out == "It is \\boxed{2}\n"
    assert err.startswith("Hm.\nThought for ")


def test_a_thought_alone_goes_to_stdout(run):
    assert ask(run, "?", "--thoughts", "only") == (0, "Hm.\n", "")


def test_no_answer_is_exit_code_4_and_says_why(run, model):
    model.plays("Hm")
    code, out, err = ask(run, "?")
    assert (code, out) == (4, "")
    assert re.fullmatch(r"r1chat: no answer: .*\n", err)


@pytest.mark.parametrize(
    ("ended_by", "words"),
    [("context", "(it has 4,096 tokens)"), ("time", "--timeout"), ("loop", "looping")],
)
def test_no_answer_says_what_to_do(run, model, ended_by, words):
    receipt = Receipt(ended_by=ended_by, answer_ended_by=ended_by)
    model.plays(Reply(thought="Hm", answer=" \n", receipt=receipt))
    code, _, err = ask(run, "?", "--format", "json")
    assert code == 4
    assert words in err


@pytest.mark.parametrize(
    ("reason", "words"),
    [("length", "--max-answer"), ("context", "--ctx"), ("time", "--timeout"), ("loop", "looping")],
)
@pytest.mark.parametrize("thought", ["natural", "budget", "context", "time", "loop", None])
def test_an_answer_that_is_cut_says_so_whatever_ended_the_thought(
    run, model, thought, reason, words
):
    receipt = Receipt(ended_by=reason, thought_ended_by=thought, answer_ended_by=reason)
    model.plays(Reply(thought="Hm", answer="It is", receipt=receipt))
    code, _, err = ask(run, "?", "--format", "json")
    assert code == 0
    assert err.startswith("r1chat: note: the answer is cut off: ")
    assert words in err


@pytest.mark.parametrize("thought", ["context", "time", "loop", "budget"])
def test_an_answer_that_is_whole_after_a_thought_that_was_cut_says_nothing(run, model, thought):
    receipt = Receipt(ended_by=thought, thought_ended_by=thought)
    model.plays(Reply(thought="Hm", answer="It is 2", receipt=receipt))
    assert ask(run, "?", "--format", "json")[2] == ""


def test_no_answer_after_seconds_of_thought_is_not_blamed_on_the_timeout(run, model):
    receipt = Receipt(ended_by="time", thought_ended_by="time")
    model.plays(Reply(thought="Hm", answer="", receipt=receipt))
    code, _, err = ask(run, "?", "-b", "1s", "--format", "json")
    assert code == 4
    assert "--timeout" not in err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PromptError("too long"), 2),
        (ModelError("no such model"), 3),
        (EngineError("broke"), 1),
        (NetworkError("no line"), 5),
    ],
)
def test_errors_are_one_line_and_an_exit_code(run, model, error, code):
    model.engine = error
    assert ask(run, "?") == (code, "", f"r1chat: {error}\n")


def test_an_error_in_the_middle_comes_after_what_was_written(run, model):
    model.plays("</think>", "It is", EngineError("broke"))
    assert ask(run, "?") == (1, "It is\n", "r1chat: broke\n")


def test_a_reply_that_failed_is_printed_and_named(run, model):
    reply = Reply(thought="", answer="It", receipt=Receipt(ended_by="error"), error="broke")
    model.plays(reply)
    code, out, err = ask(run, "?", "--format", "json")
    assert (code, json.loads(out)["answer"], err) == (1, "It", "r1chat: broke\n")


def test_what_nobody_expected_goes_to_the_log_and_not_to_the_terminal(run, model, home):
    model.plays("</think>", ZeroDivisionError("by\x1b[31m zero"))
    code, out, err = ask(run, "a secret question")
    assert (code, out) == (1, "")
    log = home / "logs" / "r1chat.log"
    assert err == (
        "r1chat: something went wrong inside r1chat (ZeroDivisionError: by zero); "
        f"the log has the details: {log}\n"
    )
    written = log.read_text(encoding="utf-8")
    assert "Traceback" in written
    assert "secret" not in written
    assert log.stat().st_mode & 0o077 == 0


def test_a_log_that_cannot_be_written_is_no_failure_of_its_own(run, model, home):
    (home / "logs").write_text("in the way", encoding="utf-8")
    model.plays(ZeroDivisionError())
    code, _, err = ask(run, "?")
    assert code == 1
    assert "could not be written" in err


def test_verbose_adds_the_log_to_stderr(run, model):
    class Logging(FakeEngine):
        def close(self):
            logging.getLogger("r1chat.llama").debug("freed\x1b[31m")

    model.engine = Logging(SCRIPT)
    assert "freed\n" in ask(run, "?", "--verbose")[2]
    assert "freed\n" in run("--verbose", "ask", "?")[2]
    assert "freed" not in ask(run, "?")[2]


def test_without_a_verb_the_way_to_ask_is_pointed_out(run):
    code, out, err = run()
    assert (code, out) == (2, "")
    assert "r1chat ask" in err
    assert err.count("\n") == 1


def test_version_and_help_go_to_stdout(run):
    assert run("--version") == (0, f"r1chat {__version__}\n", "")
    for verb in ([], ["ask"], ["doctor"], ["settings"], ["serve"]):
        code, out, err = run(*verb, "--help")
        assert (code, err) == (0, "")
        assert "usage: r1chat" in out


def test_a_question_without_quotes_gets_the_right_hint(run):
    code, _, err = run("ask", "What", "is", "2")
    assert code == 2
    assert "put the question in quotes" in err


def test_settings_are_shown_changed_and_left(run, home):
    assert run("settings", "set", "top-p", "0.9") == (0, "", "")
    code, out, _ = run("settings")
    assert code == 0
    assert out.startswith(f"# {home}")
    assert shown_setting(out, "top_p") == ["top_p", "0.9", "file"]
    assert shown_setting(out, "model")[0] == "model"
    assert "the best one on this machine" in out
    assert run("settings", "unset", "top_p")[0] == 0
    assert shown_setting(run("settings")[1], "top_p") == ["top_p", "0.95", "default"]


def shown_setting(out, name):
    """The name, the value and where it was set, as `r1chat settings` lists them."""
    return next(row.split()[:3] for row in out.splitlines() if row.startswith(f"{name} "))


@pytest.mark.parametrize(("key", "value"), [("bogus", "1"), ("top_p", "7"), ("budget", "much")])
def test_settings_that_make_no_sense_are_refused(run, key, value):
    code, out, err = run("settings", "set", key, value)
    assert (code, out) == (2, "")
    assert key in err
    assert err.count("\n") == 1


def test_a_fault_in_the_settings_is_a_note_and_no_failure(run, home):
    (home / "settings").mkdir()
    (home / "settings" / "settings.json").write_text("{", encoding="utf-8")
    code, out, err = ask(run, "?")
    assert (code, out) == (0, "It is \\boxed{2}\n")
    assert err.startswith("r1chat: note: settings ignored")


def test_help_imports_nothing_that_a_question_needs(run_python):
    code = (
        "import sys; from r1chat import cli; cli.main(['ask', '--help']);"
        "heavy = ('llama_cpp', 'llama_cpp.llama_cpp', 'pydantic', 'logging', 'numpy');"
        "print([n for n in heavy if n in sys.modules])"
    )
    done = run_python("-c", code)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_of_compared_models_only_one_is_loaded_at_a_time(run, monkeypatch):
    loaded = []

    def load(ref, **_):
        assert all(engine.closed for engine in loaded)
        loaded.append(FakeEngine(SCRIPT, info=replace(INFO, ref=ref)))
        return loaded[-1]

    monkeypatch.setattr(compose, "load", load)
    monkeypatch.setattr(compose, "resolve", lambda ref: ref)
    compared = ("--compare", "temperature=0", "--compare", "b", "--compare", "b,top_k=1")
    code, out, _ = run("ask", "-m", "a", *compared, "?", "--format", "json")
    assert code == 0
    assert [each["model"]["ref"] for each in json.loads(out)["replies"]] == ["a", "a", "b", "b"]
    assert [engine.info.ref for engine in loaded] == ["a", "b"]
    assert all(engine.closed for engine in loaded)
    # Where only settings differ, the same seed is drawn by.
    samplings = [request.sampling for engine in loaded for request in engine.requests]
    assert [each.temperature for each in samplings] == [0.6, 0, 0.6, 0.6]
    assert [each.seed is None for each in samplings] == [True, False, True, True]
