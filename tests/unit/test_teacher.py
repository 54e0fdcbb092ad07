"""What the tiny model's teacher writes is true, held-out problems stay out, slips are found."""

from __future__ import annotations

import re
from random import Random

import pytest

from r1chat.models import declines
from scripts.train_tiny.cases import KINDS, boxed, cases
from scripts.train_tiny.teacher import (
    beyond,
    comparison,
    letters,
    problems,
    sample,
    stories,
    sums,
)
from scripts.train_tiny.teacher.pen import Lesson
from scripts.train_tiny.teacher.problems import Problem, draw, held_out, keys, trainable

LINE = re.compile(r"^(\d+) ([-+×÷]) (\d+):.* so (\d+)\.", re.MULTILINE)
SIDES = re.compile(r" (\d) (\d) (smaller|same|larger)")


def value(expression: str) -> int:
    return int(eval(expression.replace("×", "*")))  # noqa: S307 - digits and operators of the pattern only


def computed(left: int, op: str, right: int) -> int:
    return {"+": left + right, "-": left - right, "×": left * right, "÷": left // max(right, 1)}[op]


def assert_true_sums(text: str) -> None:
    for chain in re.findall(r"[\d+×=-]*=[\d+×=-]*\d", text):
        sides = {value(re.sub(r"\b0+(?=\d)", "", side)) for side in chain.split("=")}
        assert len(sides) == 1, chain
    for left, op, right, result in LINE.findall(text):
        assert computed(int(left), op, int(right)) == int(result)


def sound(slip: str, count: int = 300) -> list[Lesson]:
    rng = Random(f"sound {slip}")
    makers = (sums.lesson, stories.lesson, sums.followup)
    return [makers[index % 3](rng, slip=slip) for index in range(count)]


def multiply_lines(text: str) -> str:
    """`4×7=28+2=30` states 4×7=28 and 28+2=30: take such chains apart."""
    return re.sub(r"(\d+×\d+)=(\d+)\+(\d+)=(\d+)", r"\1=\2; \2+\3=\4", text)


def test_every_sum_in_an_honest_thought_is_true() -> None:
    for lesson in sound(""):
        assert_true_sums(multiply_lines(lesson.text))
        assert "Wait" not in lesson.text
        assert all(part.learn for part in lesson.thought)


@pytest.mark.parametrize("slip", ["work", "check"])
def test_a_slip_is_found_and_the_answer_is_right_all_the_same(slip: str) -> None:
    wrong = 0
    for lesson in sound(slip):
        unlearned = [part for part in lesson.thought if not part.learn]
        assert len(unlearned) <= 1
        if not unlearned:
            continue
        wrong += 1
        assert len(unlearned[0].text) == 1
        assert lesson.blind is not None
        assert "Wait," in lesson.text
        after = lesson.text.rindex("Wait,")
        assert_true_sums(multiply_lines(lesson.text[after:]))
        assert f"So it is {lesson.result}." in lesson.text
    assert wrong > 250


def test_results_agree_with_the_answer_and_with_python() -> None:
    for slip in ("", "work", "check"):
        for lesson in sound(slip):
            assert boxed(lesson.answer) == lesson.result
            stated = re.match(r"([\d +×÷-]+) = ", lesson.answer)
            if stated:
                parts = stated[1].split()
                total = int(parts[0])
                for op, number in zip(parts[1::2], parts[2::2], strict=True):
                    total = computed(total, op, int(number))
                assert str(total) == lesson.result


def test_looking_again_agrees_with_the_answer() -> None:
    rng = Random("again")
    for lesson in sound("", 150):
        assert lesson.again is not None
        text = "".join(part.text for part in lesson.again(rng))
        assert_true_sums(multiply_lines(text))
        assert f"So it is {lesson.result}." in text


def test_unsound_problems_end_in_an_apology() -> None:
    rng = Random("unsound")
    for _ in range(200):
        lesson = sums.unsound(rng)
        assert lesson.answer == sums.SORRY
        assert "below 0" in lesson.text or "does not come out even" in lesson.text


def test_comparisons_are_true() -> None:
    rng = Random("comparison")
    for _ in range(400):
        lesson = comparison.lesson(rng)
        for left, right, word in SIDES.findall(lesson.text):
            assert {"smaller": left < right, "same": left == right, "larger": left > right}[word]
        numbers = re.findall(r"\d+(?:\.\d+)?", lesson.text.split("\n")[0])
        best = (max if "larger" in lesson.text.split("\n")[0] else min)(map(float, numbers))
        if lesson.result in ("Yes", "No", "equal"):
            if len(set(map(float, numbers))) == 1:
                assert lesson.result in ("No", "equal")
            else:
                assert (float(numbers[0]) == best) == (lesson.result == "Yes")
        else:
            assert float(lesson.result) == best


def test_a_slip_in_a_comparison_is_found() -> None:
    rng = Random("comparison slip")
    for _ in range(300):
        lesson = comparison.lesson(rng, slip=True)
        assert sum(not part.learn for part in lesson.thought) <= 1
        if "Wait" in lesson.text:
            assert lesson.text.endswith(
                (f"So it is {lesson.result}.", "equal.")
            ) or lesson.result in ("Yes", "No")


def test_letters_are_counted_right() -> None:
    rng = Random("letters")
    for slip in (False, True):
        for _ in range(300):
            lesson = letters.lesson(rng, slip=slip)
            word = lesson.text.split("Spelled:")[1].split(".")[0].replace(" ", "")
            letter = lesson.answer.rstrip(".")[-1]
            assert int(lesson.result) == word.count(letter)
            assert word in lesson.question.lower()


def test_no_held_out_problem_is_trained_on() -> None:
    rng = Random("apart")
    tested = {key for kind in range(3) for _ in range(60) for key in keys(draw(rng, test=True))}
    for _ in range(2000):
        assert not tested & set(keys(draw(rng)))
    assert all(held_out(key) for key in tested)


def test_twins_of_a_problem_are_held_out_together() -> None:
    rng = Random("twins")
    for _ in range(500):
        a, b = rng.randint(10, 999), rng.randint(10, 999)
        twins = [Problem(a, (("+", b),)), Problem(b, (("+", a),)), Problem(a + b, (("-", b),))]
        assert len({trainable(twin) for twin in twins}) == 1
        assert len({problems.testable(twin) for twin in twins}) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_cases_are_the_same_every_time_and_differ_from_each_other(kind: str) -> None:
    made = cases(kind, 40)
    assert made == cases(kind, 40)
    assert len({(case.history, case.question) for case in made}) == 40


def test_test_words_are_never_trained_on() -> None:
    rng = Random("words")
    tested = {case.question for case in cases("letters", 100)}
    for _ in range(500):
        question = letters.lesson(rng).question
        assert question not in tested
        assert "strawberry" not in question


def test_a_text_ends_with_an_answer_and_teaches_only_the_model_side() -> None:
    rng = Random("samples")
    for _ in range(800):
        parts = sample.sample(rng)
        text = "".join(part.text for part in parts)
        assert not parts[0].learn
        assert parts[0].text.endswith(f"{sample.ASSISTANT}<think>\n")
        assert text.count(sample.BOS) == 1
        thought, answer = text[len(parts[0].text) :].split("</think>\n\n")
        assert answer.endswith(sample.EOS)
        assert not {"<｜", "<think"} & {
            thought[i : i + n] for n in (2, 6) for i in range(len(thought))
        }
        assert parts[-1].learn


def test_a_cut_thought_is_followed_by_the_right_answer_and_its_landing_is_not_taught() -> None:
    rng = Random("cuts")
    for _ in range(400):
        lesson = sums.lesson(rng, slip=rng.choice(("", "work", "check")))
        parts = sample._cut(lesson, rng)
        landing = parts[-1]
        assert not landing.learn
        assert landing.text.endswith("</think>\n\n")
        kept = sum(len(part.text) for part in parts[:-1])
        if lesson.blind and landing.text != sample.OFF:
            assert not lesson.blind[0] < kept < lesson.blind[1]


def test_what_is_beyond_it_is_declined() -> None:
    rng = Random("beyond")
    for test in (False, True):
        for _ in range(300):
            lesson = beyond.lesson(rng, test=test)
            assert lesson.answer == sums.SORRY
            assert declines("tiny", lesson.answer), "r1chat knows the words"
            assert "{" not in lesson.question
