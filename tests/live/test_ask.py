"""`r1chat ask`, the real program on the built-in model."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pexpect
import pytest

from tests.program import HANGS_S, finish, run, start, wait_for

QUESTION = "What is 44 + 41 + 25?"
ANSWER = "\\boxed{"
RENDERED = "▣ 110"
"""The same as a terminal shows it."""
GREEDY = ("-m", "tiny", "--temperature", "0")


def spawn(*arguments, **environment):
    """The program on a terminal of its own."""
    variables = {**os.environ, "TERM": "xterm", **environment}
    command = ["-m", "r1chat", *arguments]
    return pexpect.spawn(sys.executable, command, env=variables, timeout=HANGS_S, encoding="utf-8")


def on_terminal(*arguments, **environment):
    """What a terminal shows, and the exit code."""
    child = spawn(*arguments, **environment)
    shown = child.read().replace("\r\n", "\n")
    child.close()
    return child.exitstatus, shown


def test_a_question_is_answered_on_stdout_alone():
    code, out, err = run("ask", *GREEDY, QUESTION)
    assert (code, err) == (0, "")
    assert "\\boxed{110}" in out
    assert out == out.strip() + "\n"
    assert "\x1b" not in out


def test_without_a_model_the_built_in_one_answers_with_a_notice():
    code, out, err = run("ask", QUESTION)
    assert code == 0
    assert out
    assert err.startswith("r1chat: note: no model configured: using the built-in tiny model")


def test_where_the_toy_declines_a_note_names_a_real_model_and_the_answer_is_untouched():
    code, out, err = run("ask", *GREEDY, "Who was Goethe?")
    assert code == 0
    assert out.startswith("That is beyond me.")
    assert len(out.splitlines()) == len(err.splitlines()) == 1
    assert err.startswith("r1chat: note: for real questions, `r1chat models pull r1:")


@pytest.mark.parametrize("arguments", [(), ("-",)])
def test_a_question_comes_through_a_pipe(arguments):
    code, out, _ = run("ask", *GREEDY, *arguments, stdin=QUESTION.encode())
    assert code == 0
    assert ANSWER in out


def prompt_tokens(*arguments, **options):
    # Without a thought it may get its sum wrong.
    asked = ("ask", *GREEDY, "-b", "off", "--check-sums", "off", "--format", "json")
    code, out, err = run(*asked, *arguments, **options)
    assert (code, err) == (0, "")
    return json.loads(out)["receipt"]["prompt_tokens"]


def test_what_comes_through_a_pipe_is_attached_to_a_question(tmp_path):
    alone = prompt_tokens(QUESTION)
    assert prompt_tokens(QUESTION, stdin=b"7 apples") > alone
    assert prompt_tokens(QUESTION, stdin=b"") == alone
    (tmp_path / "a.txt").write_text("7 apples", encoding="utf-8")
    with (tmp_path / "a.txt").open("rb") as file:
        assert prompt_tokens(QUESTION, stdin=file.fileno()) > alone
    assert prompt_tokens(QUESTION, "-f", tmp_path / "a.txt") > alone


def test_a_pipe_that_stays_idle_is_explained_and_then_read():
    with start("ask", *GREEDY, QUESTION, stdin=subprocess.PIPE) as process:
        wait_for(process.stderr, b"waiting for the end of standard input")
        code, out, _ = finish(process)
    assert code == 0
    assert out


def test_a_closed_stdin_is_no_stdin(tmp_path):
    script = f'exec {sys.executable} -m r1chat ask -m tiny -b off --check-sums off "$1" <&-'
    done = subprocess.run(
        ["/bin/sh", "-c", script, "sh", QUESTION], capture_output=True, timeout=HANGS_S, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.endswith(b"\n")


def test_json_is_one_object():
    code, out, err = run("ask", *GREEDY, QUESTION, "--format", "json")
    assert (code, err) == (0, "")
    value = json.loads(out)
    assert value["schema"] == 1
    assert value["model"]["ref"] == "tiny"
    assert value["question"] == QUESTION
    assert value["final"] in value["answer"]
    assert value["thought"]
    assert value["receipt"]["ended_by"] == "natural"
    assert value["receipt"]["thought_tokens"] > 0


def test_json_lines_add_up_to_their_last_one():
    code, out, err = run("ask", *GREEDY, QUESTION, "--format", "jsonl", "-b", "16")
    assert code == 0
    *events, reply = map(json.loads, out.splitlines())
    assert reply["type"] == "reply"
    # Cut short it gets its sum wrong.
    wrong = [event for event in events if event["type"] == "wrong_sum"]
    assert len(wrong) == reply["receipt"]["sums"]["wrong"] == err.count("wrong: 44 + 41 + 25 = ")
    kinds = ("thought_text", "injected_text")
    assert "".join(e["text"] for e in events if e["type"] in kinds) == reply["thought"]
    answer = "".join(e["text"] for e in events if e["type"] == "answer_text")
    assert answer == reply["answer"]
    assert [e["ended_by"] for e in events if e["type"] == "thought_ended"] == ["budget"]
    assert reply["receipt"]["ended_by"] == "budget"
    assert reply["injected"][0]["text"].strip()


def test_thoughts_can_be_shown_beside_the_answer():
    code, out, err = run("ask", *GREEDY, QUESTION, "--thoughts", "show")
    assert code == 0
    assert ANSWER in out
    thought, receipt = err.rstrip("\n").rsplit("\n", 1)
    assert thought
    assert receipt.startswith("Thought for ")
    assert receipt.endswith(" tokens/s")
    assert "\x1b" not in err


def test_the_thought_can_be_had_alone():
    thought = json.loads(run("ask", *GREEDY, QUESTION, "--format", "json")[1])["thought"]
    code, out, err = run("ask", *GREEDY, QUESTION, "--thoughts", "only")
    assert (code, out, err) == (0, thought.rstrip() + "\n", "")


def test_a_seed_repeats_a_reply():
    options = ("ask", "-m", "tiny", "--seed", "7", "--temperature", "1", "--no-reuse")
    first, second = (run(*options, QUESTION, "--thoughts", "only")[1] for _ in range(2))
    assert first
    assert first == second


def test_budget_off_answers_at_once():
    out = run("ask", *GREEDY, QUESTION, "-b", "off", "--format", "json")[1]
    value = json.loads(out)
    assert value["receipt"]["thought_tokens"] == 0
    assert value["receipt"]["budget"] == "off"
    assert value["answer"]


def test_a_path_is_a_model(monkeypatch):
    from r1chat.compose import resolve

    monkeypatch.setenv("HOME", str(resolve("tiny").parent))
    code, out, err = run("ask", "-m", "~/tiny.gguf", "--temperature", "0", QUESTION)
    assert (code, err) == (0, "")
    assert ANSWER in out


def test_raw_text_is_gone_on_with():
    code, out, _ = run(
        "ask", *GREEDY, "--raw", "44 + 41: ones 4+1", "--max-answer", "4", "--format", "json"
    )
    value = json.loads(out)
    assert code == 0
    assert value["thought"] == ""
    assert value["receipt"]["answer_tokens"] <= 4


def test_no_time_for_an_answer_is_exit_code_4():
    code, out, err = run("ask", *GREEDY, QUESTION, "--timeout", "0.000001")
    assert (code, out) == (4, "")
    assert err.startswith("r1chat: no answer: the time limit was reached")
    assert err.count("\n") == 1


def test_a_session_without_a_terminal_gets_plain_text():
    code, out, err = run("ask", *GREEDY, QUESTION, start_new_session=True)
    assert (code, err) == (0, "")
    assert "\x1b" not in out


def test_a_terminal_shows_the_thought_dim_and_the_answer_apart():
    code, shown = on_terminal("ask", *GREEDY, QUESTION)
    assert code == 0
    thought, answer = shown.split("\n\n", 1)
    assert thought.startswith("\x1b[2m")
    assert thought.endswith("\x1b[0m")
    answer, receipt = answer.rstrip("\n").rsplit("\n", 1)
    assert RENDERED in answer
    assert "\x1b" not in answer
    assert receipt.startswith("\x1b[2mThought for ")


def test_no_colour_means_no_escapes_at_all():
    code, shown = on_terminal("ask", *GREEDY, QUESTION, NO_COLOR="1")
    assert code == 0
    assert RENDERED in shown
    assert "\x1b" not in shown


def test_hidden_thoughts_leave_the_answer_alone_on_a_terminal():
    code, shown = on_terminal("ask", *GREEDY, QUESTION, "--thoughts", "hide")
    assert code == 0
    assert shown == run("ask", *GREEDY, QUESTION)[1].replace("\\boxed{110}", RENDERED)


def test_a_terminal_without_a_question_is_told_what_to_do():
    code, shown = on_terminal("ask")
    assert code == 2
    assert shown.startswith("r1chat: no question; try: r1chat ask ")
    assert shown.count("\n") == 1


def test_a_question_can_be_typed():
    child = spawn("ask", *GREEDY, "-", NO_COLOR="1")
    child.sendline(QUESTION)
    child.sendeof()
    shown = child.read()
    child.close()
    assert child.exitstatus == 0
    assert RENDERED in shown
