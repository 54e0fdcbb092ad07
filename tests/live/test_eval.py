"""`r1chat eval` with the built-in model, in processes of its own."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from tests.program import HANGS_S, finish, run, start

QUESTIONS = [
    {"problem": "What is 44 + 41?", "answer": "85"},
    {"question": "What is 12 × 7?", "solution": r"It is \boxed{84}."},
    {"problem": "Subtract 38 from 556.", "answer": "518"},
    {"problem": "What is 252 / 7?", "answer": "36"},
    # Whatever it says, it is wrong.
    {"problem": "What is 3 + 4?", "answer": "seven thousand"},
]


LONG = {"problem": "Please compute 875 + 610 + 971.", "answer": "2456"}


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    path = tmp_path / "sums.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in QUESTIONS), encoding="utf-8")
    return path


def evaluate(*arguments: object):
    code, out, err = run("eval", *map(str, arguments), "--format", "json")
    assert code == 0, err
    return json.loads(out)


def samples(path: Path) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [line for line in lines if line["type"] == "sample"]


def wait_for_samples(path: Path, count: int) -> None:
    until = time.monotonic() + HANGS_S
    while not path.exists() or path.read_bytes().count(b'"type": "sample"') < count:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_model_that_thinks_is_better_than_one_that_does_not(questions):
    found = evaluate(questions, "-b", "off,max", "-n", "2", "--temperature", "0.3")
    off, full = found["rows"]
    assert (off["budget"], full["budget"]) == ("off", "max")
    assert off["questions"] == full["questions"] == 5
    assert full["pass1"]["value"] == pytest.approx(0.8)
    assert off["pass1"]["value"] < 0.8
    assert full["pass1"]["low"] < 0.8 < full["pass1"]["high"] < 1
    assert full["consensus"]["value"] == pytest.approx(0.8)
    assert full["thoughts_ended_by"] == {"natural": 10}
    assert full["thought_tokens"] > off["thought_tokens"] == 0
    drawn = samples(Path(found["results"]))
    assert len(drawn) == 20
    assert Path(found["results"]) == questions.with_name("sums.results.jsonl")
    for row in found["rows"]:
        of_final, of_answer = row["sure_of_final"], row["sure_of_answer"]
        assert of_final["samples"] == row["samples"] - row["without"]
        assert of_answer["samples"] == row["samples"]
        assert 0 < of_final["confidence"] <= 1
    assert off["sure_of_thought"] is None
    assert full["sure_of_thought"]["samples"] == full["samples"]
    # It is nowhere as sure without a thought, and wrong.
    assert off["sure_of_final"]["confidence"] < full["sure_of_final"]["confidence"]
    assert found["sure_of_final"]["auroc"]["value"] > 0.5
    shown = run("eval", str(questions), "-b", "off,max", "-n", "2", "--temperature", "0.3")[1]
    assert "AUROC of results (95 %)" in shown
    assert "sure of its result" in shown


def test_a_second_run_asks_nothing_and_says_the_same(questions):
    first = evaluate(questions, "-b", "16", "-n", "3")
    kept = Path(first["results"]).read_bytes()
    assert evaluate(questions, "-b", "16", "-n", "3") == first
    assert Path(first["results"]).read_bytes() == kept


def test_more_budgets_samples_and_seeds_add_to_what_is_there(questions):
    path = Path(evaluate(questions, "-b", "16", "-n", "2")["results"])
    before = path.read_bytes()
    found = evaluate(questions, "-b", "16,32", "-n", "3", "--seed", "0,9")
    assert path.read_bytes().startswith(before)
    drawn = samples(path)
    assert len(drawn) == 5 * 2 * 3 * 2
    assert [row["samples"] for row in found["rows"]] == [30, 30]


def test_thinking_longer_and_not_at_all_are_rows_too(questions):
    found = evaluate(questions, "-b", "off", "--min-think", "150", "--limit", "2")
    off, longer = found["rows"]
    assert (off["minimum"], longer["minimum"]) == (0, 150)
    assert off["thought_tokens"] == 0
    assert longer["thought_tokens"] >= 150


def test_samples_under_auto_do_look_ahead(tmp_path):
    # Its thought is long enough for four looks.
    asked = tmp_path / "long.jsonl"
    asked.write_text(json.dumps(LONG) + "\n", encoding="utf-8")
    found = evaluate(asked, "-b", "auto,max", "-n", "2", "--temperature", "0.3")
    auto, full = found["rows"]
    assert auto["thoughts_ended_by"] == {"sure": 2}
    assert auto["thought_tokens"] < full["thought_tokens"]
    assert auto["pass1"]["value"] == full["pass1"]["value"] == 1


def test_a_run_that_was_killed_goes_on_where_it_stopped(questions, tmp_path):
    out = tmp_path / "kept" / "results.jsonl"
    arguments = ("eval", questions, "-b", "max", "-n", "20", "-o", out)
    process = start(*arguments)
    wait_for_samples(out, 3)
    process.kill()
    finish(process)
    before = out.read_bytes()
    whole = before[: before.rindex(b"\n") + 1]
    lines = map(json.loads, whole.splitlines())
    had = {(s["question"], s["sample"]) for s in lines if s["type"] == "sample"}
    assert 3 <= len(had) < 100
    found = evaluate(questions, "-b", "max", "-n", "4", "-o", out)
    assert out.read_bytes().startswith(whole)
    drawn = [(s["question"], s["sample"]) for s in samples(out)]
    assert len(drawn) == len(set(drawn))
    assert set(drawn) == had | {(q, n) for q, _ in drawn for n in range(4)}
    assert found["rows"][0]["samples"] == 20


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_was_stopped_says_how_to_go_on(questions, tmp_path, signum, code):
    out = tmp_path / "results.jsonl"
    process = start("eval", questions, "-b", "max", "-n", "20", "-o", out)
    wait_for_samples(out, 3)
    process.send_signal(signum)
    ended, stdout, err = finish(process)
    assert (ended, stdout) == (code, "")
    kept = len(samples(out))
    assert f"stopped: {kept} of 100 samples are kept in {out}" in err
    assert "resumes" in err
    assert err.count("\n") == 1
    assert all(s["answer_ended_by"] == "natural" for s in samples(out))


def test_without_a_file_the_questions_that_come_along_are_asked(home):
    code, out, err = run("eval", "--limit", "3", "-b", "off,16")
    assert code == 0, err
    assert "3 questions of tiny" in out
    assert "pass@1" in out
    assert out.count("█") > 0 or "0.0 %" in out
    assert (home / "data" / "evaluations" / "tiny.results.jsonl").exists()
    assert (home / "data" / "evaluations.json").exists()


def test_a_picture_is_drawn(questions, tmp_path):
    picture = tmp_path / "curve.png"
    code, _, err = run("eval", questions, "-b", "off,16", "-n", "2", "--png", picture)
    assert code == 0, err
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert str(picture) in err


def test_a_question_that_is_too_long_is_named_and_the_others_are_asked(questions):
    with questions.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"problem": "1 + " * 3000 + "1?", "answer": "3001"}) + "\n")
    code, out, err = run("eval", questions, "-b", "off", "--format", "json")
    assert code == 0, err
    assert json.loads(out)["rows"][0]["questions"] == 5
    assert "cannot be asked" in err


def test_bad_lines_are_refused_in_one_line(questions):
    with questions.open("a", encoding="utf-8") as file:
        file.write("{\n")
    code, out, err = run("eval", questions)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "line 6: not JSON" in err
    found = evaluate(questions, "--skip-bad", "-b", "off", "--limit", "2")
    assert found["questions"]["count"] == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("missing.jsonl",), "cannot read"),
        (("-b", "soon"), "not a budget"),
        (("-b", ""), "not a text"),
        (("-n", "2", "--temperature", "0"), "temperature 0"),
        (("--seed", "1,x"), "whole number"),
        (("-m", "tiny", "-b", "off", "--steer", "default"), "no thoughts to steer"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(arguments, words):
    code, out, err = run("eval", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err


def test_the_questions_themselves_are_never_written_over(questions):
    before = questions.read_bytes()
    code, out, err = run("eval", questions, "-o", questions)
    assert (code, out) == (2, "")
    assert "--out" in err
    assert questions.read_bytes() == before


def test_thoughts_are_steered_and_only_what_was_done_changes_them(questions, tmp_path):
    path, out = tmp_path / "steer.jsonl", tmp_path / "kept.jsonl"
    what = [
        {"kind": "nothing", "at": [0.3, 0.7]},
        {"kind": "plant", "at": "answer"},
        {"kind": "stop", "at": 0.1, "words": ["Enough.", ""]},
    ]
    path.write_text("".join(json.dumps(each) + "\n" for each in what), encoding="utf-8")
    arguments = (questions, "--steer", path, "--temperature", "0", "-o", out)
    found = evaluate(*arguments)
    (row,) = found["rows"]
    assert (row["budget"], row["questions"]) == ("max", 5)
    *nothing, plant, soft, hard = found["steering"]["rows"]
    for each in nothing:
        assert (each["questions"], each["changed"]["value"]) == (5, 0)
        assert each["thought_tokens"] == row["thought_tokens"]
    assert plant["followed"] is not None
    assert plant["repaired"]["value"] > 0
    assert max(soft["thought_tokens"], hard["thought_tokens"]) < row["thought_tokens"] / 2
    assert soft["changed"]["value"] > 0
    drawn = samples(out)
    wholes = {each["question"]: each["thought"] for each in drawn if not each["steer"]}
    for each in drawn:
        if each["steer"] and json.loads(each["steer"])["kind"] == "nothing":
            assert each["thought"] == wholes[each["question"]]
    before = out.read_bytes()
    code, shown, err = run("eval", *map(str, arguments))
    assert code == 0, err
    assert out.read_bytes() == before
    assert "“Enough.”" in shown
    assert "stop: 5 questions cannot tell which wording is better." in shown
    # What was steered is never taken for what the model does by itself.
    assert "steered" not in run("eval", str(out), "--show", "all")[1]
    run("eval", str(out), "--export", "all", "-o", str(tmp_path / "plain.jsonl"))
    run("eval", str(out), "--export", "all", "--steer", str(path), "-o", str(tmp_path / "s.jsonl"))
    plain, steered = ((tmp_path / name).read_text("utf-8") for name in ("plain.jsonl", "s.jsonl"))
    assert (plain.count("\n"), plain.count('"steer"')) == (5, 0)
    assert steered.count("\n") == steered.count('"steer"') == len(drawn) - 5


def test_tokens_that_a_file_of_results_makes_up_are_not_given_to_the_model(questions, tmp_path):
    path, steer = tmp_path / "results.jsonl", tmp_path / "steer.jsonl"
    steer.write_text('{"kind": "plant", "at": "last sum"}\n', encoding="utf-8")
    done = ("--limit", 2, "--temperature", 0, "--steer", steer, "-o", path)
    evaluate(questions, *done)
    kept = []
    for text in path.read_text("utf-8").splitlines():
        values = json.loads(text)
        if not values.get("steer"):
            if values.get("reply"):
                values["reply"]["ids"][3] = 10**9 if len(kept) % 2 else 2**40
            kept.append(json.dumps(values))
    path.write_text("\n".join(kept) + "\n", encoding="utf-8")
    evaluate(questions, *done)
    assert sum(bool(each.get("steer")) for each in samples(path)) == 2
