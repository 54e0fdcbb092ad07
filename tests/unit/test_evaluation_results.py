"""What result files hold is shown, compared and exported, without a model."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from r1chat import cli
from r1chat.cells import columns
from r1chat.engine.base import Sampling
from r1chat.engine.fake import INFO
from r1chat.errors import UsageError
from r1chat.evaluation import comparing, showing
from r1chat.evaluation.plan import Conditions, Sample
from r1chat.evaluation.reading import Question, read
from r1chat.evaluation.results import Results, read_results
from r1chat.reasoning.equality import same_answer
from tests.pty_app import terminal

QUESTIONS = [Question(f"q{n}", f"What is {n} + {n}?\nThink.", str(2 * n)) for n in range(30)]


def sample(question: Question, final: str | None, *, budget="max", thought="I think.\n好的"):
    right = final == question.answer
    return Sample(
        question.key, budget, 0, 0, 0, final, right, "plain", f"It is \x1b[31m{final}.",
        "natural", "natural", 9, 5, 0, 0.1, 0.1, 0.2, thought, "" if right else "differs",
    )  # fmt: skip


def write(path, finals, *, budget="max", words="Why?"):
    with Results(path, Conditions("m", Sampling(), words=words), INFO) as results:
        for question, final in zip(QUESTIONS, finals, strict=False):
            results.add(sample(question, final, budget=budget), question)
    return path


@pytest.fixture
def run(capsys):
    def call(*argv):
        code = cli.main(list(map(str, argv)))
        return (code, *capsys.readouterr())

    return call


def test_wrong_replies_are_shown_side_by_side(run, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    path = write(tmp_path / "set.results.jsonl", ["0", "3", None])
    code, out, err = run("eval", path, "--show", "wrong")
    assert (code, err) == (0, "")
    assert "1 of 2 · question q1 · budget max · sample 1 · differs" in out
    assert "final answer: 3 · reference: 2" in out
    assert "final answer: none · reference: 4" in out
    assert "question q0" not in out
    assert "\x1b" not in out
    assert any("I think." in row and "It is 3." in row for row in out.split("\n"))


@pytest.mark.parametrize("width", [1, 20, 72, 100, 300])
def test_pages_keep_to_their_width_also_with_wide_characters(width):
    shown = sample(QUESTIONS[0], "1", thought="好的" * 200 + " word " * 50)
    (page,) = showing.pages([shown], {QUESTIONS[0].key: QUESTIONS[0]}, width)
    if width >= 20:
        texts = [row for row in page if not row.startswith("final answer")]
        assert all(columns(row) <= width for row in texts)


def test_the_questions_file_leads_to_its_results_and_budgets_choose(run, tmp_path):
    questions = tmp_path / "set.jsonl"
    rows = [{"id": q.id, "question": q.text, "answer": q.answer} for q in QUESTIONS]
    questions.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    write(tmp_path / "set.results.jsonl", ["1"])
    write(tmp_path / "set.results.jsonl", ["1", "1"], budget="64")
    assert "1 of 3" in run("eval", questions, "--show", "all")[1]
    assert "1 of 2" in run("eval", questions, "--show", "wrong", "-b", "64")[1]
    code, out, _ = run("eval", questions, "--show", "wrong", "--format", "json")
    assert code == 0
    assert [json.loads(row)["reference"] for row in out.splitlines()] == ["0", "0", "2"]


def test_a_file_of_an_older_version_is_shown_with_the_questions_of_the_set(run, tmp_path):
    path = write(tmp_path / "set.results.jsonl", ["1"])
    lines = [json.loads(text) for text in path.read_text("utf-8").splitlines()]
    old = [
        {name: value for name, value in values.items() if name not in {"thought", "why"}}
        for values in lines
        if values["type"] != "question"
    ]
    path.write_text("".join(json.dumps(values) + "\n" for values in old), encoding="utf-8")
    (kept,) = read_results(path).runs.values()
    assert [each.final for each in kept.samples.values()] == ["1"]
    assert run("eval", path, "--show", "wrong")[0] == 0


def test_two_runs_are_compared_in_pairs_and_the_flipped_questions_are_named(run, tmp_path):
    right = [q.answer for q in QUESTIONS]
    first = write(tmp_path / "a.jsonl", [*right[:20], *["x"] * 10])
    second = write(tmp_path / "b.jsonl", ["x", *right[1:]])
    code, out, _ = run("eval", "--compare", first, second)
    assert code == 0
    assert "66.7 %" in out
    assert "96.7 %" in out
    assert "+30.0 (" in out
    assert "max, less often: q0" in out
    code, out, _ = run("eval", "--compare", first, second, "--format", "json")
    (row,) = json.loads(out)["rows"]
    assert row["better"] == [f"q{n}" for n in range(20, 30)]
    assert row["worse"] == ["q0"]
    assert row["difference"]["low"] < row["difference"]["value"] < row["difference"]["high"]


def test_single_settings_are_compared_though_they_differ_and_several_must_agree():
    def of(*budgets):
        return [sample(QUESTIONS[0], "0", budget=budget) for budget in budgets]

    (row,) = comparing.compare(of("64"), of("max"))
    assert (row.name, row.questions) == ("64 | max", 1)
    assert [each.name for each in comparing.compare(of("64", "max"), of("max", "1"))] == ["max"]
    with pytest.raises(UsageError, match="no budget in common"):
        comparing.compare(of("64", "128"), of("max"))


def test_right_replies_are_exported_as_chat_messages_with_their_thought(run, tmp_path):
    path = write(tmp_path / "set.results.jsonl", ["0", "3", "4"])
    out_file = tmp_path / "train.jsonl"
    code, out, err = run("eval", path, "--export", "right", "-o", out_file)
    assert (code, out) == (0, "")
    assert "2 replies written" in err
    first = json.loads(out_file.read_text("utf-8").splitlines()[0])["messages"]
    assert first[0] == {"role": "user", "content": f"{QUESTIONS[0].text}\nWhy?"}
    assert first[1]["content"].startswith("<think>\nI think.\n好的\n</think>\n\nIt is ")


def test_ctrl_c_belongs_to_the_pager(tmp_path):
    """As less has it: the key breaks its search off, and it goes on."""
    path = write(tmp_path / "set.results.jsonl", ["0"])
    pager = tmp_path / "pager"
    # Longer than r1chat would wait before it ended at once.
    then = "sleep 0.7; echo still; read -r x < /dev/tty; echo over"
    pager.write_text(f"trap '{then}' INT; cat; echo waits; read -r x < /dev/tty; exit 0")
    arguments = ("-m", "r1chat", "eval", str(path), "--show", "all")
    with terminal(*arguments, PAGER=f"sh {pager}", MANPAGER="") as shown:
        shown.wait_for("waits")
        shown.send("\x03")
        shown.wait_for("still")
        shown.send("q\n")
        shown.wait_for("over")
        shown.send("q\n")
        assert shown.end() == 0


def test_no_file_is_overwritten_unasked(run, tmp_path):
    path = write(tmp_path / "set.results.jsonl", ["0"])
    questions = tmp_path / "set.jsonl"
    questions.write_text('{"question": "Q?", "answer": "1"}\n', encoding="utf-8")
    before = questions.read_bytes()
    code, out, err = run("eval", questions, "--export", "right", "-o", questions)
    assert (code, out) == (2, "")
    assert "is there already; --force overwrites it" in err
    assert questions.read_bytes() == before
    assert run("eval", path, "--export", "right", "-o", questions, "--force")[0] == 0
    assert "messages" in questions.read_text("utf-8")


def test_budgets_choose_what_is_compared_too(run, tmp_path):
    path = write(tmp_path / "a.jsonl", ["0", "2"])
    write(path, ["1", "2"], budget="64")
    _, out, _ = run("eval", "--compare", path, path, "-b", "64", "--format", "json")
    assert [row["budget"] for row in json.loads(out)["rows"]] == ["64"]
    assert run("eval", "--compare", path, path, "-b", "65")[0] == 2


def test_what_is_not_there_is_said(run, tmp_path):
    path = write(tmp_path / "set.results.jsonl", ["0"])
    assert "holds no reply that was judged wrong" in run("eval", path, "--show", "wrong")[2]
    err = run("eval", path, "--show", "all", "-b", "64,65")[2]
    assert err.endswith("holds no reply under 64, 65; it has max\n")
    new = tmp_path / "new.jsonl"
    code, _, err = run("eval", new, "--show", "all")
    assert code == 1
    assert err.endswith(f"no replies to {new} yet; this draws them: r1chat eval {new}\n")


def test_runs_on_other_questions_are_not_compared():
    samples = [[sample(question, "0")] for question in QUESTIONS[:2]]
    with pytest.raises(UsageError, match="no question in common"):
        comparing.compare(*samples)


def test_what_cannot_be_shown_compared_or_exported_is_one_line(run, tmp_path):
    path = write(tmp_path / "set.results.jsonl", ["0"])
    other = tmp_path / "other.jsonl"
    other.write_text("hello\n")
    for argv in (
        ["--export", "right"],
        ["--show", "wrong", "-m", "another"],
        ["--compare", path, other],
        ["--compare", path, tmp_path / "missing"],
        ["--show", "wrong", "--export", "right"],
    ):
        file = [] if "--compare" in argv else [path]
        code, out, err = run("eval", *file, *argv)
        assert code in (1, 2)
        assert out == ""
        assert err.count("\n") == 1
    before = path.read_bytes()
    assert run("eval", path, "--export", "right", "-o", path)[0] == 2
    assert path.read_bytes() == before


def test_gsm8ks_own_form_is_read_as_it_is(tmp_path):
    path = tmp_path / "gsm8k.jsonl"
    answer = "She makes 9 * 2 = $<<9*2=18>>18 every day.\n#### 1,018"
    path.write_text(json.dumps({"question": "Q?", "answer": answer}), encoding="utf-8")
    (question,) = read(str(path)).questions
    assert question.answer == "1,018"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("18 dollars", "18"), ("$18", "18"), (r"\$18", "18 dollars"), ("US$18", "18"),
        ("€20", "20"), ("160 minutes", "160"), (r"160\text{ minutes}", "160"),
        (r"18 \text{ dollars}", "$18$"), ("1,000 miles", "1000"), ("60km", "60"),
        ("12 apples", "12 Apple"), ("18 dollars per day", "18"), (r"\frac{1}{2} cups", "0.5"),
        ("-5 degrees", "-5"), ("5.5 km", "5.50"), ("x = 3", "3"), ("5 Stück", "5"),
    ],
)  # fmt: skip
def test_a_number_with_a_unit_is_the_number(one, other):
    assert same_answer(one, other)
    assert same_answer(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("18 dollars", "18 euros"), ("3x", "3"), ("2 pi", "2"), ("5 million", "5"),
        ("18", "19 dollars"), ("50 percent", "50"), ("3 or 4", "3"), ("2 sqrt 3", "2"),
        ("3 hours 20 minutes", "3"), ("A", "A dollar"), ("7 mod 3", "7"), ("10^5 km", "10"),
        ("5i", "5"), ("3 more than 4", "3"),
    ],
)  # fmt: skip
def test_what_changes_a_number_is_no_unit(one, other):
    assert not same_answer(one, other)
    assert not same_answer(other, one)


def test_a_sample_keeps_all_that_is_shown(tmp_path):
    path = write(tmp_path / "r.jsonl", ["1"])
    (run,) = read_results(path).runs.values()
    (kept,) = run.samples.values()
    assert kept == sample(QUESTIONS[0], "1")
    assert asdict(replace(kept, why="")) != asdict(kept)
