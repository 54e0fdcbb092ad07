"""`r1chat ask --batch` with the built-in model: killed, stopped, and given bad questions."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time

import pytest

from r1chat.commands import batch_input
from r1chat.errors import UsageError
from tests.program import HANGS_S, finish, run, start


def write(path, *items):
    path.write_text("".join(json.dumps(each) + "\n" for each in items), encoding="utf-8")
    return path


def sums(path, count):
    items = [{"id": n, "question": f"What is {n + 11} + {3 * n + 20}?"} for n in range(count)]
    return write(path, *items)


def answers(path):
    """The whole lines of an output."""
    whole = path.read_bytes().rpartition(b"\n")[0] if path.exists() else b""
    return [json.loads(each) for each in whole.splitlines()]


def wait_for_answers(path, count, process):
    until = time.monotonic() + HANGS_S
    while len(answers(path)) < count and process.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("questions", "kills"), [(12, 2), pytest.param(100, 10, marks=[pytest.mark.long])]
)
def test_a_batch_that_is_killed_is_resumed_and_answers_nothing_twice(tmp_path, questions, kills):
    asked, out = sums(tmp_path / "asked.jsonl", questions), tmp_path / "new" / "out.jsonl"
    command = ("ask", "--batch", asked, "-o", out)
    chance = random.Random(questions)
    for number in range(kills):
        had = len(answers(out))
        process = start(*command)
        wait_for_answers(out, had + max(1, questions // (2 * kills)), process)
        process.kill()
        finish(process)
        whole = out.read_bytes()
        assert len(answers(out)) > had
        # A line that was being written, cut anywhere; or a line break that an editor took away.
        cut = whole + whole[: chance.randrange(1, whole.index(b"\n"))]
        out.write_bytes(whole.removesuffix(b"\n") if number % 2 else cut)
    assert len(answers(out)) < questions
    code, stdout, err = run(*command)
    assert (code, stdout) == (0, ""), err
    found = answers(out)
    assert [each["id"] for each in found] == list(range(questions))
    assert all(each["final"] == str(4 * each["id"] + 31) for each in found)
    assert f"{questions} of {questions} questions answered" in err
    assert out.stat().st_mode & 0o077 == 0
    before = out.read_bytes()
    assert run(*command)[0] == 0
    assert out.read_bytes() == before


def test_a_batch_that_is_stopped_says_how_to_go_on_and_none_runs_beside_it(tmp_path):
    asked, out = sums(tmp_path / "asked.jsonl", 40), tmp_path / "out.jsonl"
    command = ("ask", "--batch", asked, "-o", out, "--min-think", "300")
    process = start(*command)
    wait_for_answers(out, 2, process)
    code, stdout, err = run(*command)
    assert (code, stdout) == (2, "")
    assert "another r1chat is writing its answers to" in err
    process.send_signal(signal.SIGINT)
    code, stdout, err = finish(process)
    assert (code, stdout) == (130, "")
    kept = answers(out)
    assert f"stopped: {len(kept)} of 40 questions are answered in {out}; the same command" in err
    assert all(each["receipt"]["answer_ended_by"] == "natural" for each in kept)


def test_a_question_that_changes_is_asked_again_and_one_without_an_answer_too(tmp_path):
    shape = write(tmp_path / "shape.json", {"type": "integer"})
    asked, out = tmp_path / "asked.jsonl", tmp_path / "out.jsonl"
    cut = {"id": "cut", "question": "What is 3 + 4?", "max_answer": 1}
    # Two that are alike are two questions; what is no option is a data set's own.
    write(
        asked, "What is 2 + 3?", "What is 2 + 3?", cut, {"question": "What is 5 + 6?", "level": 1}
    )
    command = ("ask", "--batch", asked, "-o", out, "--json-schema", shape, "--temperature", "0")
    code, stdout, err = run(*command)
    assert (code, stdout) == (4, "")
    assert "1 question got no answer (line 3); the same command asks again" in err
    assert [(each["line"], each["exit_code"]) for each in answers(out)] == [
        (1, 0),
        (2, 0),
        (3, 4),
        (4, 0),
    ]
    cut["max_answer"] = 50
    write(asked, "What is 7 + 8?", cut, "What is 2 + 3?", "What is 2 + 3?")
    code, _, err = run(*command)
    assert code == 0, err
    assert "1 answer to questions that are not in" in err
    added = answers(out)[4:]
    assert [(each["line"], each["question"], each["exit_code"]) for each in added] == [
        (1, "What is 7 + 8?", 0),
        (2, "What is 3 + 4?", 0),
    ]


def test_what_cannot_be_asked_fails_alone_and_lines_come_through_pipes(tmp_path):
    notes, out = tmp_path / "notes.txt", tmp_path / "out.jsonl"
    notes.write_text("Nothing.", encoding="utf-8")
    long, sum_ = {"question": "1 + " * 3000 + "1?"}, {"question": "What is 2 + 3?", "budget": 16}
    attached = [{"question": f"What is {n} + 3?", "files": notes.name} for n in range(30)]
    lines = "".join(json.dumps(each) + "\n" for each in (long, sum_, *attached))
    command = ("ask", "--batch", "-", "-o", out, "--min-think", "100")
    process = start(*command, stdin=subprocess.PIPE, cwd=tmp_path)
    process.stdin.write(lines.encode())
    process.stdin.close()
    process.stdin = None
    wait_for_answers(out, 2, process)
    notes.unlink()
    code, _, err = finish(process)
    failed, answered, *_, gone = answers(out)
    assert code == 1, err
    assert (failed["exit_code"], answered["exit_code"], gone["exit_code"]) == (2, 0, 2)
    assert "the question is too long" in failed["error"]
    assert answered["receipt"]["budget"] == "16"
    assert "cannot read" in gone["error"]
    assert len(answers(out)) == 2 + len(attached)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("{", "not JSON"),
        ("7", "neither an object nor a text"),
        ("{}", "no question"),
        ('{"question": " "}', "no question"),
        ('{"question": "a", "sytem": "b"}', "no field 'sytem'; did you mean system?"),
        ('{"question": "a", "budget": "soon"}', "budget: 'soon' is not a budget"),
        ('{"question": "a", "temperature": 9}', "temperature: 9 is not"),
        ('{"question": "a", "id": [1]}', "its id is neither"),
        ('{"question": "a", "id": 1}', "its id is that of line 1"),
        ('{"question": "a", "files": ["../x"]}', "files: ../x lies outside the folder"),
        ('{"question": "a", "files": "missing.txt"}', "cannot read"),
        ('{"question": "a", "files": [1]}', "files: not a list of paths"),
        ('{"question": "a", "files": "circle"}', "cannot read"),
    ],
)
def test_a_bad_line_is_named_by_its_number_before_anything_is_asked(tmp_path, bad, words):
    asked = tmp_path / "asked.jsonl"
    (tmp_path / "circle").symlink_to("circle")
    asked.write_text('{"question": "What is 2 + 3?", "id": 1}\n\n' + bad + "\n", encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        batch_input.read(str(asked))
    assert f"line 3: {words}" in str(caught.value)


def test_attachments_lie_beside_the_questions_and_count_as_part_of_them(tmp_path):
    (tmp_path / "a.txt").write_text("one", encoding="utf-8")
    asked = write(tmp_path / "asked.jsonl", {"question": "What?", "files": "a.txt"})
    (before,) = batch_input.read(str(asked))
    (tmp_path / "a.txt").write_text("two", encoding="utf-8")
    (after,) = batch_input.read(str(asked))
    assert before.files == after.files == (str(tmp_path / "a.txt"),)
    assert before.key != after.key


@pytest.mark.parametrize(
    "arguments",
    [
        ("What?", "--batch", "asked.jsonl"),
        ("--batch", "asked.jsonl", "-c"),
        ("--batch", "asked.jsonl", "--format", "json"),
        ("--batch", "asked.jsonl", "-o", "asked.jsonl"),
        ("--batch", "asked.jsonl", "-o", "other.txt"),
        ("--batch", "missing.jsonl"),
        ("--batch", "~nobody-of-that-name/asked.jsonl"),
        ("--batch", "asked.jsonl", "-o", "x" * 300),
        ("--batch", "asked.jsonl", "-o", "/dev/full"),
        ("-o", "out.jsonl", "What?"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line_and_no_file_is_harmed(tmp_path, arguments):
    sums(tmp_path / "asked.jsonl", 1)
    (tmp_path / "other.txt").write_text("my notes", encoding="utf-8")
    before = {each: each.read_bytes() for each in tmp_path.iterdir()}
    code, _, err = run("ask", *arguments, cwd=tmp_path)
    cannot_write = {"x" * 300, "/dev/full"} & set(arguments)
    lines = [each for each in err.splitlines() if "note: no model" not in each]
    assert code == (1 if cannot_write else 2)
    assert len(lines) == 1
    assert ("cannot write" in err) == bool(cannot_write)
    assert {each: each.read_bytes() for each in tmp_path.iterdir()} == before


def test_a_pipe_that_nobody_reads_yet_is_waited_for_aloud_and_then_has_the_answers(tmp_path):
    asked, out = sums(tmp_path / "asked.jsonl", 1), tmp_path / "pipe"
    os.mkfifo(out)
    process = start(
        "ask", "--batch", asked, "-o", out, "-m", "tiny", "-b", "8", "--max-answer", "4"
    )
    assert f"waiting for a program that reads {out}" in process.stderr.readline().decode()
    (answer,) = out.read_bytes().splitlines()
    assert json.loads(answer)["id"] == 0
    finish(process)
