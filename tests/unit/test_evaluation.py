"""`r1chat eval`: intervals, plans, figures, and how they are drawn."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import fmean

import pytest

from r1chat.engine.base import Sampling
from r1chat.engine.fake import INFO
from r1chat.evaluation import curves, drawing
from r1chat.evaluation.fewer import Replayed, replay
from r1chat.evaluation.intervals import accuracy, difference, wilson
from r1chat.evaluation.plan import (
    Plan,
    Sample,
    Setting,
    drawn_with,
    settings_of,
    usual_budgets,
)
from r1chat.evaluation.reading import Question, QuestionSet
from r1chat.evaluation.summary import Row, Summary, flattens_at, summarise
from r1chat.reasoning.equality import same_answer

INSTRUCT = replace(INFO, thinks=False, unasked="")
BASE = replace(INSTRUCT, unasked="it has no chat template")
QUESTIONS = tuple(
    Question(str(number), f"What is {number} + 1?", str(number + 1)) for number in range(4)
)


# -- intervals --


@pytest.mark.parametrize(
    ("right", "number", "low", "high"),
    [
        # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_interval_is_the_published_one(right, number, low, high):
    found = wilson(right / number, number)
    assert found == pytest.approx((low, high), abs=5e-5)


def test_one_sample_a_question_gives_wilsons_interval():
    found = accuracy([1.0] * 81 + [0.0] * 182, 1)
    assert (found.low, found.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_samples_that_always_agree_are_worth_no_more_than_one():
    once = accuracy([1.0] * 60 + [0.0] * 40, 1)
    often = accuracy([1.0] * 60 + [0.0] * 40, 8)
    assert (often.low, often.high) == pytest.approx((once.low, once.high), abs=0.002)


def test_samples_that_have_nothing_to_do_with_one_another_count_in_full():
    rng = Random(5)
    shares = [fmean(rng.random() < 0.6 for _ in range(8)) for _ in range(400)]
    found = accuracy(shares, 8)
    whole = wilson(found.value, 3200)
    assert found.high - found.low == pytest.approx(whole[1] - whole[0], rel=0.1)


def test_an_interval_holds_the_truth_in_about_95_of_100_measurements():
    rng = Random(11)
    held = 0
    for _ in range(1000):
        # Questions differ, as real ones do: of each, its own chance is drawn first.
        chances = [rng.betavariate(1.4, 0.6) for _ in range(100)]
        found = accuracy([fmean(rng.random() < c for _ in range(4)) for c in chances], 4)
        held += found.low <= 0.7 <= found.high
    assert 925 <= held <= 975


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_an_accuracy_at_the_end_of_the_scale_has_an_interval_all_the_same(share):
    found = accuracy([share] * 10, 8)
    assert found.value == share
    assert 0.25 < found.high - found.low < 0.35


def test_without_questions_there_is_no_figure():
    assert accuracy([], 4) is None
    assert difference([]) is None


def test_a_differences_interval_is_about_the_normal_one_where_questions_are_many():
    rng = Random(3)
    pairs = [rng.choice((-0.25, 0.0, 0.0, 0.25, 0.5)) for _ in range(500)]
    found = difference(pairs)
    mean = fmean(pairs)
    error = math.sqrt(sum((p - mean) ** 2 for p in pairs) / (499 * 500))
    assert found.value == pytest.approx(mean)
    assert (found.low, found.high) == pytest.approx(
        (mean - 1.96 * error, mean + 1.96 * error), abs=0.15 * error
    )


@pytest.mark.parametrize("value", [-1.0, 0.0, 0.25, 1.0])
def test_a_difference_that_was_always_the_same_is_surer_with_more_questions_not_certain(value):
    few, many = difference([value] * 12), difference([value] * 300)
    assert few.value == many.value == value
    assert -1 <= few.low <= many.low <= value <= many.high <= few.high <= 1
    assert few.high - few.low > many.high - many.low > 0


def test_what_differs_in_its_last_digits_alone_is_the_same():
    assert difference([0.0] * 19 + [0.1 + 0.2 - 0.3]) == difference([0.0] * 20)


def test_where_no_question_differs_the_interval_is_the_exact_one_for_none_of_so_many():
    found = difference([0.0] * 100)
    # Of 100 questions none differs with a chance of 2.5 % where a share of found.high does.
    assert (1 - found.high) ** 100 == pytest.approx(0.025)
    assert found.low == -found.high


# -- plans --


def plan(**changes: object) -> Plan:
    whole = Plan(QUESTIONS, (Setting("off"), Setting("64")), (0, 7), 3)
    return replace(whole, **changes)


def keys_of(batches):
    return [(b.question.key, b.setting, b.seed, number) for b in batches for number in b.numbers]


def test_a_plan_asks_everything_once():
    whole = plan()
    asked = keys_of(whole.left({}))
    assert len(asked) == len(set(asked)) == whole.total == 4 * 2 * 2 * 3


def test_a_question_is_asked_under_all_settings_before_the_next():
    order = [key for key, _ in itertools.groupby(b.question.key for b in plan().left({}))]
    assert order == [question.key for question in QUESTIONS]


@pytest.mark.parametrize("seed", range(20))
def test_what_was_drawn_is_not_drawn_again(seed):
    whole = plan()
    everything = keys_of(whole.left({}))
    done = {key for key in everything if Random(f"{seed}/{key}").random() < 0.5}
    left = keys_of(whole.left(done))
    assert set(left) == set(everything) - done


def test_a_sample_has_the_same_seed_whatever_was_drawn_before_it():
    first = next(iter(plan().left({})))
    (rest,) = [
        batch
        for batch in plan().left({key for key in keys_of([first]) if key[-1] < 2})
        if batch.numbers == range(2, 3)
    ]
    assert rest.drawn_with == first.drawn_with + 2


def test_no_two_questions_share_their_luck():
    assert len({drawn_with(0, question.key) for question in QUESTIONS}) == len(QUESTIONS)
    assert drawn_with(0, "a") != drawn_with(1, "a")


def test_more_samples_of_an_earlier_plan_go_on_where_it_stopped():
    done = set(keys_of(plan(samples=2).left({})))
    assert {batch.numbers for batch in plan(samples=5).left(done)} == {range(2, 5)}


def test_a_setting_says_its_minimum():
    assert [str(s) for s in (Setting("64"), Setting("max", 200))] == ["64", "max, least 200"]


def test_larger_models_get_fewer_budgets_and_a_gpu_makes_up_for_size():
    small, large = replace(INFO, size=5 << 20), replace(INFO, size=8 << 30)
    assert len(usual_budgets(small)) > len(usual_budgets(large))
    assert usual_budgets(replace(large, gpu_layers=33)) != usual_budgets(large)
    for info in (small, large, replace(INFO, size=1 << 30)):
        assert all(Setting(budget).parsed for budget in usual_budgets(info))


# -- figures --


def sample(question: Question, budget: str, number: int, final: str | None, **changes: object):
    base = Sample(
        question=question.key,
        budget=budget,
        minimum=0,
        seed=0,
        sample=number,
        final=final,
        right=final is not None and same_answer(question.answer, final),
        judge="plain",
        answer=final or "",
        thought_ended_by="budget",
        answer_ended_by="natural",
        thought_tokens=10,
        answer_tokens=5,
        injected_tokens=0,
        thought_s=0.1,
        answer_s=0.1,
        seconds=0.5,
    )
    return replace(base, **changes)


def figures(drawn, **changes: object) -> Summary:
    whole = plan(settings=(Setting("64"),), seeds=(0,), **changes)
    return summarise(whole, {s.key: s for s in drawn}, right=lambda s: s.right, same=same_answer)


def test_votes_and_single_samples_are_told_apart():
    first, second, third, fourth = QUESTIONS
    samples = [
        *(sample(first, "64", n, f) for n, f in enumerate(("1", "1", "5"))),
        *(sample(second, "64", n, f) for n, f in enumerate(("2", "9", "2.0"))),
        *(sample(third, "64", n, f) for n, f in enumerate(("7", "7", "3"))),
        *(sample(fourth, "64", n, f) for n, f in enumerate((None, None, "4"))),
    ]
    (row,) = figures(samples).rows
    assert (row.questions, row.samples) == (4, 12)
    assert row.pass1.value == pytest.approx((2 + 2 + 1 + 1) / 12)
    assert row.consensus.value == pytest.approx(3 / 4)
    assert row.gain.value == pytest.approx(3 / 4 - 6 / 12)
    assert row.gain.low <= row.gain.value <= row.gain.high
    assert row.without == 2
    assert row.thoughts_ended_by == {"budget": 12}


def test_what_fewer_samples_would_have_come_to_is_replayed():
    lengths = (10, 30, 20, 50, 40, 40, 40, 40)
    finals = ("7", "8", "7", "7.0", "7", "9", "9", "9")
    one = [
        sample(QUESTIONS[0], "64", n, final, thought_tokens=length, answer_tokens=0)
        for n, (final, length) in enumerate(zip(finals, lengths, strict=True))
    ]
    # Two disagree, and two more are begun: that makes three against one, of eight.
    assert replay(one, lambda s: s.final == "7", same_answer) == Replayed(True, 4, 110)
    # The first two agree.
    assert replay(one[5:] + one[:5], lambda s: s.final == "7", same_answer).tokens == 80


def test_what_fewer_samples_add_is_paired_with_what_all_of_them_came_to():
    agree = [sample(QUESTIONS[0], "64", n, "1") for n in range(8)]
    differ = [sample(QUESTIONS[1], "64", n, str(3 + n)) for n in range(8)]
    (row,) = figures(agree + differ, samples=8).rows
    found = row.fewer
    assert (found.right, found.lead.value) == (0.5, 0.0)
    # Where no two of four agree, no others are drawn.
    assert found.samples == (2 + 4) / 2
    assert found.tokens.value == (2 + 4) / 16
    assert found.tokens.low <= found.tokens.value <= found.tokens.high
    head, (cells,), _ = drawing.spared(Summary((row,), None), plan(samples=8))
    # Two questions say nothing: 0.025 ** (1 / 2) is 0.158.
    assert cells[:3] == ["64", "50.0 %", "+0.0 (-84.2 to +84.2)"]
    assert cells[4].startswith("38 % (")
    assert len(head) == len(cells)
    (alone,) = figures([sample(QUESTIONS[0], "64", 0, "1")], samples=1).rows
    assert alone.fewer is None
    assert drawing.spared(Summary((alone,), None), plan(samples=1))[1] == []


def test_a_question_that_lacks_samples_does_not_count():
    samples = [sample(QUESTIONS[0], "64", n, "1") for n in range(3)]
    samples += [sample(QUESTIONS[1], "64", n, "9") for n in range(2)]
    (row,) = figures(samples).rows
    assert (row.questions, row.pass1.value) == (1, 1.0)


def test_samples_below_the_minimum_are_counted():
    setting = Setting("max", 50)
    drawn = [
        replace(sample(QUESTIONS[0], "max", n, "1"), minimum=50, thought_tokens=tokens)
        for n, tokens in enumerate((49, 50, 120))
    ]
    whole = plan(settings=(setting,), seeds=(0,))
    drawn = {each.key: each for each in drawn}
    (row,) = summarise(whole, drawn, right=lambda s: s.right, same=same_answer).rows
    assert row.short == 1
    assert drawing.ended(row) == "by budget 3 · too short 1"


def test_what_a_thought_that_was_asked_for_adds_is_paired_and_harm_is_said():
    off, on = Setting("off"), Setting("64", think="on")
    questions = tuple(Question(str(number), f"{number}?", "1") for number in range(40))
    drawn = {}
    for at, question in enumerate(questions):
        for setting, right in ((off, at % 4 > 0), (on, at % 4 == 1)):
            final = "1" if right else "2"
            each = sample(question, setting.budget, 0, final, think=setting.think)
            drawn[each.key] = each
    whole = Plan(questions, (on, off))
    summary = summarise(whole, drawn, right=lambda s: s.right, same=same_answer)
    asked, plain = summary.rows
    assert asked.against_off is not None
    assert asked.against_off.value == -0.5
    assert asked.against_off.high < 0
    assert plain.against_off is None
    head, rows, _ = drawing.table(summary, whole)
    assert rows[0][head.index("− off, points (95 %)")].startswith("-50.0 (")
    assert [cells[0] for cells in rows] == ["64, asked to think", "off"]
    assert drawing.harm(summary) == "Asked to think it is worse than without, at 64."


@pytest.mark.parametrize(
    ("info", "thinks", "found"),
    [
        (INFO, ["on"], ["off", "64"]),
        (INFO, ["off", "auto"], ["off", "64"]),
        (INSTRUCT, ["auto"], ["off"]),
        (INSTRUCT, ["on", "off"], ["off", "64, asked to think"]),
        (BASE, ["on"], ["off"]),
    ],
    ids=["native", "native, off", "instruct", "both", "cannot be asked"],
)
def test_no_two_settings_come_to_the_same(info, thinks, found):
    assert [str(each) for each in settings_of(info, thinks, ["off", "64"])] == found


def test_a_language_is_compared_with_none_under_the_same_budget():
    settings = settings_of(INFO, ["auto"], ["off", "64"], languages=[None, "de"])
    assert [str(each) for each in settings] == ["off", "64", "64, in de"]
    questions = tuple(Question(str(number), f"{number}?", "1") for number in range(40))
    drawn = {}
    for at, question in enumerate(questions):
        for setting in settings:
            right = setting.language is None or at % 2
            final = question.answer if right else "no"
            each = sample(question, setting.budget, 0, final, language=setting.language)
            drawn[each.key] = each
    whole = Plan(questions, settings)
    summary = summarise(whole, drawn, right=lambda s: s.right, same=same_answer)
    off, plain, german = summary.rows
    assert (off.against_none, plain.against_none) == (None, None)
    assert german.against_none is not None
    assert german.against_none.value == -0.5
    # What is said of budgets is of the model left to itself.
    assert summary.flattens_at == 0
    head, rows, _ = drawing.table(summary, whole)
    assert rows[2][head.index("− none, points (95 %)")].startswith("-50.0 (")
    assert drawing.harm(summary) == "Worse than opened in no language: 64, in de."


def test_one_sample_has_no_majority():
    (row,) = figures([sample(QUESTIONS[0], "64", 0, "1")], samples=1).rows
    assert (row.consensus, row.gain) == (None, None)


def test_nothing_drawn_is_no_figure_and_no_failure():
    summary = figures([])
    assert summary.rows[0].pass1 is None
    assert drawing.chart(summary, 60) == []
    assert drawing.table(summary, plan())[1][0][1] == "0"


def row(budget: str, right: int, of: int = 100, minimum: int = 0) -> Row:
    shares = {str(number): float(number < right) for number in range(of)}
    return Row(
        Setting(budget, minimum), of, of, accuracy(list(shares.values()), 1), None, None,
        1.0, 1.0, 1.0, {}, {}, 0, shares,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([("off", 2), ("64", 65), ("128", 99), ("max", 99)], 128),
        ([("off", 2), ("64", 65), ("128", 98), ("max", 99)], 128),
        ([("off", 97), ("64", 97), ("max", 97)], 0),
        # Only unlimited thought is good enough.
        ([("off", 2), ("64", 65), ("max", 99)], None),
        # Nothing above the largest was tried.
        ([("off", 2), ("64", 65), ("128", 99)], None),
        ([("128", 99), ("off", 2), ("256", 99), ("64", 65)], 128),
        ([("64", 65)], None),
        # Seconds are no place on the scale of tokens.
        ([("64", 65), ("30s", 65)], None),
    ],
)
def test_where_accuracy_flattens_is_found(rows, found):
    assert flattens_at(tuple(row(budget, right) for budget, right in rows)) == found


def test_few_questions_flatten_nothing():
    assert flattens_at((row("off", 9, of=10), row("max", 9, of=10))) is None


def test_a_minimum_is_no_budget_to_stop_at():
    assert flattens_at((row("off", 2), row("64", 99), row("max", 99, minimum=200))) is None


# -- the chart --


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("width", [20, 40, 80])
def test_the_chart_keeps_to_its_width(unicode, width):
    rows = tuple(row(budget, right) for budget, right in (("off", 0), ("64", 65), ("max", 100)))
    lines = drawing.chart(Summary(rows, None), width, unicode=unicode)
    assert len(lines) == 4
    assert max(map(len, lines)) <= max(width, 30)
    assert unicode or all(line.isascii() for line in lines)
    full = "█" if unicode else "#"
    assert lines[0].count(full) < lines[1].count(full) < lines[2].count(full)


# -- what is remembered of a model --


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.gguf"
    path.write_bytes(bytes(range(256)) * 9000)
    return path


def asked(name: str = "set") -> QuestionSet:
    return QuestionSet(name, Path("set.jsonl"), QUESTIONS)


def remember(model: Path, *rows: Row, questions: QuestionSet | None = None) -> None:
    info = replace(INFO, path=str(model))
    summary = Summary(rows, flattens_at(rows))
    curves.remember(info, curves.fingerprint(model), questions or asked(), summary)


def test_where_a_models_accuracy_flattens_is_remembered(model):
    assert curves.flattening(model) == []
    remember(model, row("off", 2), row("64", 65), row("128", 99), row("max", 99))
    assert curves.flattening(model) == [128]
    remember(model, row("off", 2), row("256", 99), row("max", 99), questions=asked("other"))
    assert curves.flattening(replace(INFO, path=str(model))) == [128, 256]


def test_a_curve_of_fewer_budgets_does_not_take_the_place_of_a_better_one(model):
    remember(model, row("off", 2), row("64", 65), row("128", 99), row("max", 99))
    remember(model, row("off", 99), row("max", 99))
    assert curves.flattening(model) == [128]


def test_another_model_has_its_own_marks_and_a_moved_one_keeps_them(model, tmp_path):
    remember(model, row("128", 99), row("max", 99))
    moved = model.rename(tmp_path / "moved.gguf")
    assert curves.flattening(moved) == [128]
    data = bytearray(moved.read_bytes())
    data[-1] ^= 1
    moved.write_bytes(data)
    assert curves.flattening(moved) == []


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"schema": 1, "models": []}', '{"schema": 9, "models": {}}', "[" * 100_000],
)
def test_a_damaged_file_of_curves_is_as_good_as_none(home, model, text):
    file = home / "data" / "evaluations.json"
    file.parent.mkdir(parents=True)
    file.write_text(text, encoding="utf-8")
    assert curves.flattening(model) == []
    remember(model, row("128", 99), row("max", 99))
    assert curves.flattening(model) == [128]


@pytest.mark.parametrize("value", ["128", -1, True, None, 10**9, [1], 1.5])
def test_a_mark_that_makes_no_sense_is_left_out(home, model, value):
    remember(model, row("128", 99), row("max", 99))
    file = home / "data" / "evaluations.json"
    values = json.loads(file.read_text("utf-8"))
    (entry,) = values["models"].values()
    (curve,) = entry["curves"].values()
    curve["flattens_at"] = value
    file.write_text(json.dumps(values), encoding="utf-8")
    assert curves.flattening(model) == []


def test_a_model_that_cannot_be_read_has_no_marks(model, tmp_path):
    remember(model, row("128", 99), row("max", 99))
    assert curves.flattening(tmp_path / "missing.gguf") == []


def test_sampling_is_part_of_the_conditions():
    from r1chat.evaluation.plan import Conditions

    one = Conditions("m", Sampling(temperature=0.6)).as_json()
    other = Conditions("m", Sampling(temperature=0.7)).as_json()
    assert one != other
    assert Conditions("m", Sampling(seed=4)).as_json() == Conditions("m", Sampling()).as_json()
