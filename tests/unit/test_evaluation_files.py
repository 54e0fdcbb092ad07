"""`r1chat eval`: the files of questions that it reads, and the file of samples that it keeps."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from r1chat.engine.base import Sampling
from r1chat.engine.fake import INFO
from r1chat.errors import R1ChatError, UsageError
from r1chat.evaluation import reading
from r1chat.evaluation.plan import Conditions
from r1chat.evaluation.reading import Question, read
from r1chat.evaluation.results import Results
from tests.unit.test_evaluation import sample

CONDITIONS = Conditions("model", Sampling())
QUESTION = Question("1", "What is 1 + 1?", "2")


@pytest.fixture
def questions(tmp_path: Path):
    """Writes a file of questions."""

    def write(*lines: object, name: str = "set.jsonl") -> Path:
        path = tmp_path / name
        texts = [each if isinstance(each, str) else json.dumps(each) for each in lines]
        path.write_text("\n".join(texts) + "\n", encoding="utf-8")
        return path

    return write


# -- questions --


@pytest.mark.parametrize(
    ("values", "text", "answer"),
    [
        # MATH-500
        (
            {
                "problem": "P",
                "solution": r"So $x = \boxed{\frac{1}{2}}$.",
                "answer": r"\frac{1}{2}",
            },
            "P",
            r"\frac{1}{2}",
        ),
        ({"problem": "P", "solution": r"Hence \boxed{3} or rather \boxed{5}."}, "P", "5"),
        # AIME
        ({"ID": "2024-I-1", "Problem": "P", "Solution": "long\ntext", "Answer": 204}, "P", "204"),
        ({"problem": "P", "answer": "025"}, "P", "025"),
        # GSM8K
        ({"question": "Q", "answer": "3 + 4 = <<3+4=7>>7\n#### 7"}, "Q", "7"),
        ({"question": "Q", "answer": r"$\boxed{12}$"}, "Q", "12"),
        ({"question": "Q", "solution": "42"}, "Q", "42"),
        ({"question": "Q", "answer": 0.5}, "Q", "0.5"),
        ({"question": "Q", "answer": "  x + 1 "}, "Q", "x + 1"),
    ],
)
def test_the_forms_that_sets_have_are_read(questions, values, text, answer):
    (found,) = read(str(questions(values))).questions
    assert (found.text, found.answer) == (text, answer)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("{", "not JSON"),
        ("[1]", "not a JSON object"),
        ('"text"', "not a JSON object"),
        ("[" * 100_000, "not JSON"),
        ({"answer": "1"}, "no problem or question"),
        ({"problem": "", "answer": "1"}, "no problem or question"),
        ({"problem": ["P"], "answer": "1"}, "no problem or question"),
        ({"problem": "P"}, "no answer"),
        ({"problem": "P", "answer": True}, "no answer"),
        ({"problem": "P", "answer": None}, "no answer"),
        ({"problem": "P", "solution": "words\nwithout a box"}, "no answer"),
    ],
)
def test_a_bad_line_is_named_by_its_number_and_refused(questions, bad, why):
    path = questions({"problem": "P", "answer": "1"}, bad)
    with pytest.raises(UsageError) as failure:
        read(str(path))
    said = str(failure.value)
    assert f"line 2: {why}" in said
    assert "--skip-bad" in said
    assert "\n" not in said
    found = read(str(path), skip_bad=True)
    assert (len(found.questions), found.skipped) == (1, 1)


def test_many_bad_lines_are_still_one_line(questions):
    with pytest.raises(UsageError, match="200 lines") as failure:
        read(str(questions(*["{"] * 200)))
    assert len(str(failure.value)) < 400


def test_bytes_that_are_no_text_are_a_bad_line(tmp_path):
    path = tmp_path / "set.jsonl"
    path.write_bytes(b'{"problem": "\xff", "answer": "1"}\n{"problem": "P", "answer": "1"}\n')
    with pytest.raises(UsageError, match="line 1: not UTF-8"):
        read(str(path))


def test_a_line_without_an_end_is_a_bad_line_and_the_next_one_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "_LONGEST", 1000)
    path = tmp_path / "set.jsonl"
    path.write_bytes(b'{"problem": "' + b"x" * 5000 + b'"}\n{"problem": "P", "answer": "1"}\n')
    found = read(str(path), skip_bad=True)
    assert ([q.text for q in found.questions], found.skipped) == (["P"], 1)


def test_a_line_that_is_just_not_too_long_is_read(tmp_path, monkeypatch):
    text = b'{"problem": "P", "answer": "1"}\n'
    monkeypatch.setattr(reading, "_LONGEST", len(text))
    path = tmp_path / "set.jsonl"
    path.write_bytes(text * 2 + b'{"problem": "Q", "answer": "1"}')
    assert [q.text for q in read(str(path)).questions] == ["P", "Q"]


def test_half_a_character_pair_becomes_text(questions):
    path = questions('{"problem": "P \\ud800", "answer": "1"}')
    assert read(str(path)).questions[0].text.encode("utf-8")


def test_empty_lines_and_a_mark_at_the_beginning_do_no_harm(tmp_path):
    path = tmp_path / "set.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"problem": "P", "answer": "1"}\r\n\r\n  \n')
    assert len(read(str(path)).questions) == 1


def test_a_repeated_question_is_asked_once(questions):
    line = {"problem": "P", "answer": "1"}
    found = read(str(questions(line, line, {"problem": "P", "answer": "2"})))
    assert (len(found.questions), found.repeated) == (2, 1)


def test_a_limit_takes_the_first(questions):
    path = questions(*({"problem": f"P{n}", "answer": "1"} for n in range(9)), "{")
    assert [q.text for q in read(str(path), limit=2).questions] == ["P0", "P1"]


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_a_file_without_questions_is_refused(questions, text):
    with pytest.raises(UsageError, match="no questions"):
        read(str(questions(text)))


def test_a_missing_file_names_the_sets_that_come_along(tmp_path):
    with pytest.raises(UsageError, match="tiny"):
        read(str(tmp_path / "missing.jsonl"))
    with pytest.raises(UsageError, match="cannot read"):
        read(str(tmp_path))


def test_what_a_question_says_decides_who_it_is(questions):
    here = read(str(questions({"id": "a", "problem": "P", "answer": "1"}))).questions[0]
    other = {"id": "b", "question": "P", "answer": 1}
    there = read(str(questions({"problem": "X", "answer": "1"}, other))).questions[1]
    assert here.key == there.key
    assert (here.id, there.id) == ("a", "b")


# -- the questions that come along --


def test_the_shipped_questions_are_three_hundred_and_sound():
    found = read("tiny")
    assert (len(found.questions), found.repeated, found.name) == (300, 0, "tiny")


def test_the_shipped_questions_are_those_that_the_teacher_writes():
    from scripts.train_tiny.questions import SHIPPED, lines

    assert SHIPPED.read_text("utf-8").splitlines() == lines()


def test_no_shipped_question_is_one_that_the_teacher_was_improved_by():
    from scripts.train_tiny.cases import KINDS, cases

    seen = {case.question for kind in KINDS for case in cases(kind, 300)}
    assert not seen & {question.text for question in read("tiny").questions}


# -- results --


def kept(path: Path, conditions: Conditions = CONDITIONS):
    with Results(path, conditions, INFO) as results:
        return results.samples


def test_samples_are_there_again_the_next_time(tmp_path):
    path = tmp_path / "deep" / "down" / "results.jsonl"
    drawn = [sample(QUESTION, "64", number, "2") for number in range(3)]
    with Results(path, CONDITIONS, INFO) as results:
        for each in drawn:
            results.add(each, QUESTION)
    assert list(kept(path).values()) == drawn


def test_a_sample_is_on_disk_as_soon_as_it_is_kept(tmp_path):
    path = tmp_path / "results.jsonl"
    with Results(path, CONDITIONS, INFO) as results:
        results.add(sample(QUESTION, "64", 0, "2"), QUESTION)
        assert len(kept(path)) == 1


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_line_that_was_cut_costs_itself_alone(tmp_path, cut):
    path = tmp_path / "results.jsonl"
    with Results(path, CONDITIONS, INFO) as results:
        for number in range(2):
            results.add(sample(QUESTION, "64", number, "2"), QUESTION)
    path.write_bytes(path.read_bytes()[:-cut])
    whole = 1 if cut > 1 else 2
    assert len(kept(path)) == whole
    with Results(path, CONDITIONS, INFO) as results:
        results.add(sample(QUESTION, "64", 5, "2"), QUESTION)
    assert len(kept(path)) == whole + 1


@pytest.mark.parametrize(
    "other",
    [
        replace(CONDITIONS, model="another"),
        replace(CONDITIONS, sampling=Sampling(temperature=1.0)),
        replace(CONDITIONS, words="Think."),
        replace(CONDITIONS, max_answer=5),
        replace(CONDITIONS, timeout=5.0),
        replace(CONDITIONS, ctx=512),
    ],
)
def test_another_model_or_other_conditions_are_kept_apart(tmp_path, other):
    path = tmp_path / "results.jsonl"
    for conditions, final in ((CONDITIONS, "2"), (other, "3")):
        with Results(path, conditions, INFO) as results:
            assert results.samples == {}
            results.add(sample(QUESTION, "64", 0, final), QUESTION)
    assert [s.final for s in kept(path).values()] == ["2"]
    assert [s.final for s in kept(path, other).values()] == ["3"]


@pytest.mark.parametrize(
    "content", ['{"problem": "P", "answer": "1"}\n', "hello\n", "\x00\x01", "[]\n", '{"type": 1}\n']
)
def test_a_file_of_another_kind_is_left_as_it_is(tmp_path, content):
    path = tmp_path / "questions.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match="--out"):
        kept(path)
    assert path.read_text("utf-8") == content


def test_a_file_of_another_version_is_refused(tmp_path):
    path = tmp_path / "results.jsonl"
    kept(path)
    path.write_text(path.read_text("utf-8").replace('"schema": 1', '"schema": 2'), encoding="utf-8")
    with pytest.raises(UsageError, match="version"):
        kept(path)


@pytest.mark.parametrize(
    "change",
    [
        {"sample": -1},
        {"sample": "0"},
        {"right": 1},
        {"final": 2},
        {"thought_tokens": None},
        {"answer_ended_by": "magic"},
        {"thought_ended_by": ["budget"]},
        {"seconds": "long"},
        {"question": None},
        {"thought": 1},
    ],
)
def test_a_sample_that_somebody_changed_is_drawn_anew(tmp_path, change):
    path = tmp_path / "results.jsonl"
    with Results(path, CONDITIONS, INFO) as results:
        results.add(sample(QUESTION, "64", 0, "2"), QUESTION)
    *first, last = path.read_text("utf-8").splitlines()
    changed = json.dumps(json.loads(last) | change)
    path.write_text("\n".join([*first, changed]) + "\n", encoding="utf-8")
    assert kept(path) == {}


def test_a_folder_in_the_place_of_the_file_is_one_line(tmp_path):
    with pytest.raises(R1ChatError, match="cannot read"):
        kept(tmp_path)
