"""`r1chat eval --steer`: what is to be done, where in a thought, and what it did."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import pytest

from r1chat.checking import Checker
from r1chat.engine.base import Continuation, Sampling
from r1chat.engine.fake import INFO, FakeEngine
from r1chat.errors import UsageError
from r1chat.evaluation import effects, interventions, steering
from r1chat.evaluation.interventions import KINDS, Intervention
from r1chat.evaluation.placing import steer
from r1chat.evaluation.plan import Conditions, Plan, Sample, Setting, base_of
from r1chat.evaluation.reading import Question
from r1chat.evaluation.results import Results
from r1chat.evaluation.running import Runner, Stop
from r1chat.events import Injection, Receipt, Reply
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.equality import same_answer
from r1chat.reasoning.sums import check

LANDED = "\n\nI have to stop thinking now and give my answer.\n"
OPENED = "Okay, I think.\n"
PLAIN = """She has 16 eggs.
1. She eats 3 of them: 16 - 3 = 13 eggs.
2. Then 13 - 4 = 9 are left.

So she gets 9 * $2 = $18.
"""
LATEX = r"""We compute
\[
16 - 3 - 4 = 9
\]
and then
\[
9 \times 2 = 18
\]
which is all.
"""
ONE_LINE = "It is 12 + 30 = 42. Then 42 * 2 = 84. So it is 84"
CODE = "First:\n```\nx = 3 + 4\n```\nSo 3 + 4 = 7. And 7 * 2 = 14.\nDone.\n"
THOUGHTS = (PLAIN, LATEX, ONE_LINE, CODE, "No numbers here.", "There are 25 birds.\nYes.\n")
PLACES = ("begin", "end", "answer", "first sum", "last sum", "sum 2", "line 2", 0.1, 0.5, 0.9)


def reply(thought: str, *, opened: bool = False, landed: bool = False, final: str = "18") -> Reply:
    injected = []
    if opened:
        injected.append(Injection(0, OPENED))
        thought = OPENED + thought
    if landed:
        injected.append(Injection(len(thought), LANDED))
        thought += LANDED
    return Reply(thought, "", Receipt(thought_tokens=9), final, tuple(injected))


def test_wherever_a_thought_is_cut_it_is_whole_before_that():
    words = {"words": "Now {value}.", "back": "No: {left} is not {value}."}
    for thought, opened, landed, kind, at, value in itertools.product(
        THOUGHTS, (False, True), (False, True), KINDS, PLACES, ("right", "wrong")
    ):
        before = reply(thought, opened=opened, landed=landed)
        what = Intervention(kind, at, words.get(kind, "{value}"), value)
        found = steer(what, before, "18")
        if found is None:
            continue
        begin = len(OPENED) if opened else 0
        assert begin <= found.keep <= begin + len(thought)
        kept = before.thought[: found.keep]
        continued = found.of(before)
        assert continued.close == (kind == "stop")
        if kind in {"plant", "back"}:
            # The planted value looks like the other, and is none that is right.
            space = before.thought[found.keep :]
            assert space.lstrip(" ").startswith(found.true)
            assert found.words.lstrip(" ").startswith(found.value)
            assert len(found.value) == len(found.true)
            assert not any(same_answer(found.value, each) for each in (found.true, "18"))
            assert kept + found.words != before.thought[: found.goes_on]
            continue
        assert kept.count("\\[") == kept.count("\\]")
        assert kept.count("```") % 2 == 0
        if found.words and kept:
            assert kept.endswith("\n") != found.words.startswith("\n")
        if kind == "hint":
            assert same_answer(found.value, "18") == (value == "right")


def test_a_thought_that_its_budget_has_ended_has_room_to_think_on():
    budget = Budget(tokens=200)
    for spent, as_it_is, from_within in ((150, 200, 200), (185, 200, 441), (200, 456, 456)):
        whole = Reply("x" * 100, "", Receipt(thought_tokens=spent))
        assert Continuation(whole).allowance(budget).tokens == as_it_is
        assert Continuation(whole, keep=100).allowance(budget).tokens == from_within
        assert Continuation(whole, keep=10).allowance(budget).tokens == 200


@pytest.mark.parametrize(
    ("thought", "kind", "at", "written"),
    [
        (PLAIN, "plant", "first sum", "16 - 3 = 23"),
        (PLAIN, "plant", "sum 2", "13 - 4 = 1"),
        (PLAIN, "plant", "last sum", "9 * $2 = $28"),
        (PLAIN, "plant", "answer", "9 * $2 = $28"),
        (PLAIN, "back", "first sum", "16 - 3 = 23 eggs.\n\nNo: 16 - 3 is not 23."),
        (LATEX, "plant", 0.5, "9 \\times 2 = 28"),
        (LATEX, "back", "first sum", "= 1\n\\]\n\nNo: 16 - 3 - 4 is not 1."),
        (ONE_LINE, "plant", 0.4, "42 * 2 = 94"),
        (ONE_LINE, "words", "first sum", "= 42.\nNo: {left} is not ."),
        ("There are 25 birds.\n", "plant", "first sum", "There are 35"),
        ("There are 1,250, and so on.\n", "plant", "first sum", "There are 1,260"),
        ("There are 25 birds.\n", "back", "first sum", None),
        ("No numbers here.", "plant", "first sum", None),
        (PLAIN, "words", "line 9", None),
        ("", "words", "begin", None),
    ],
)
def test_a_value_is_planted_where_the_place_says(thought, kind, at, written):
    words = "{value}" if kind == "plant" else "No: {left} is not {value}."
    before = reply(thought)
    found = steer(Intervention(kind, at, words), before, "18")
    if written is None:
        assert found is None
    else:
        assert (before.thought[: found.keep] + found.words).endswith(written)
        assert all(each.wrong for each in check(written) if kind == "plant")


def test_a_file_says_what_is_to_be_done_and_what_it_says_wrong(tmp_path):
    path = tmp_path / "steer.jsonl"
    path.write_text(
        '{"kind": "plant", "at": ["sum 1", 0.5]}\n\n'
        '{"kind": "hint", "value": ["right", "wrong"], "words": ["a", "b"]}\n'
        '{"kind": "plant"}\n',
        encoding="utf-8",
    )
    found = interventions.read(str(path))
    assert [each.label for each in found] == [
        "plant · first sum · “{value}”",
        "plant · 50% · “{value}”",
        "right hint · begin · “a”",
        "wrong hint · begin · “a”",
        "right hint · begin · “b”",
        "wrong hint · begin · “b”",
    ]
    assert [Intervention.parse(str(each)) for each in found] == list(found)
    assert interventions.read("default")
    for bad, why in (
        ("[]", "not a JSON object"),
        ('{"kind": "shout"}', "must be one of plant"),
        ('{"kind": "words"}', 'no "words"'),
        ('{"kind": "plant", "at": 7}', '"at" must be'),
        ('{"kind": "plant", "at": []}', "empty"),
        ('{"kind": "plant", "words": 7}', "must be a text"),
        ('{"kind": "plant", "wrods": "x"}', "wrods"),
        ('{"kind": "hint", "value": "maybe"}', "right, wrong"),
        # It would be multiplied out before anybody counted it.
        (json.dumps({"kind": "words", "words": ["x"] * 9999, "at": [0.5] * 9999}), "more than 200"),
        ('{"kind": "nothing", "words": "x"}', "no words"),
        ("", "no interventions"),
    ):
        path.write_text(bad, encoding="utf-8")
        with pytest.raises(UsageError, match=why):
            interventions.read(str(path))
    with pytest.raises(UsageError, match="built in: default"):
        interventions.read("missing")


# -- drawing --

QUESTIONS = tuple(Question(str(n), f"What is {n} + 1?", str(n + 1)) for n in range(3))
SCRIPT = ("I add: ", "1 + 1 = ", "2.\n", "So 2.\n", "</think>", r"\boxed{2}")
WHAT = tuple(
    Intervention(*each)
    for each in (
        ("nothing", 0.5, ""),
        ("plant", "first sum", "{value}"),
        ("plant", "sum 2", "{value}"),
        ("stop", 0.5, "Enough."),
    )
)


def draw(path, what, *, stop_after=None):
    engine, checker = FakeEngine(SCRIPT), Checker()
    stop = Stop(checker)
    states = []

    def report(state):
        states.append(state)
        if stop_after is not None and len(states) > stop_after:
            stop.cancel()

    plan = Plan(QUESTIONS, (Setting("off"), Setting("max")), samples=2).steered(what)
    conditions = Conditions("fake", Sampling())
    with Results(path, conditions, INFO) as results:
        runner = Runner(engine, conditions, results, checker, stop, report)
        finished = runner.run(plan)
    return finished, results.samples, engine.requests, states


def test_steered_replies_share_their_beginning_and_a_stopped_run_goes_on(tmp_path):
    path = tmp_path / "results.jsonl"
    assert not draw(path, WHAT, stop_after=9)[0]
    finished, samples, _, states = draw(path, WHAT)
    assert finished
    # Its thought has one sum only: "sum 2" is no place in it.
    assert len(samples) == 3 * 2 * (1 + 1 + 3) == states[-1].done == states[-1].total
    for key, sample in samples.items():
        if not sample.steer:
            continue
        before = samples[base_of(key)]
        found = Intervention.parse(sample.steer)
        assert sample.thought.startswith(before.thought[: sample.goes_on - len(sample.planted)])
        if found.kind == "plant":
            assert sample.thought[: sample.goes_on].endswith(f"1 + 1 = {sample.planted}")
            assert sample.planted != sample.replaced == "2"
    # Read again it is the same, and another intervention draws no beginning anew.
    more = (*WHAT, Intervention("hint", "begin", "It is {value}.\n"))
    finished, again, requests, _ = draw(path, more)
    assert finished
    assert {key: again[key] for key in samples} == samples
    assert len(again) == len(samples) + 6
    assert all(each.resume is not None for each in requests)
    assert {each.resume.words for each in requests} == {"It is 1.\n", "It is 2.\n", "It is 3.\n"}


def test_samples_of_a_plain_run_are_drawn_again_with_all_that_is_needed(tmp_path):
    path = tmp_path / "results.jsonl"
    draw(path, ())
    before = path.read_bytes()
    finished, _, requests, _ = draw(path, WHAT)
    assert finished
    assert path.read_bytes().startswith(before)
    # What is shared is read once: the last place comes first.
    for question in QUESTIONS:
        of_it = [each for each in requests if each.messages[-1].text == question.text]
        keeps = [each.resume.keep for each in of_it if each.resume is not None]
        assert len(keeps) == 6
        assert keeps == sorted(keeps, reverse=True)
    assert draw(path, WHAT)[2] == []


@pytest.mark.parametrize("sign", ["\\[ a. ", "\\[ a.\n"])
def test_a_long_formula_that_never_ends_takes_no_longer_than_other_thoughts(sign):
    long = reply("\\[ 3 + 4 = 7 " + sign * 40_000)
    for kind, at in (("words", 0.01), ("back", "first sum")):
        found = steer(Intervention(kind, at, "No: {left}."), long, "18")
        assert found is not None
        assert found.goes_on >= len(long.thought)


# -- figures --


def sample(question: int, final: str | None, *, what=None, thought: str = "", value: str = ""):
    return Sample(
        question=QUESTIONS[question].key,
        budget="max",
        minimum=0,
        seed=0,
        sample=0,
        final=final,
        right=final == QUESTIONS[question].answer,
        judge="plain",
        answer="",
        thought_ended_by="natural",
        answer_ended_by="natural",
        thought_tokens=10,
        answer_tokens=5,
        injected_tokens=0,
        thought_s=1.0,
        answer_s=1.0,
        seconds=2.0,
        thought=thought,
        steer="" if what is None else str(what),
        goes_on=0,
        planted=value,
        replaced="13" if value and what and what.kind == "plant" else "",
    )


def figures(what, before, after):
    plan = Plan(QUESTIONS, (Setting("max"),)).steered(what)
    samples = {each.key: each for each in (*before, *after)}
    return effects.effects(plan, what, samples, right=lambda each: each.right, same=same_answer)


def test_answers_that_changed_are_counted_with_what_became_of_them():
    plant = Intervention("plant", "first sum", "{value}")
    before = [sample(0, "1"), sample(1, "9"), sample(2, None)]
    after = [
        # Follows the planted value; keeps its answer with the true value; becomes right.
        sample(0, "23", what=plant, thought="23 it is", value="23"),
        sample(1, "9.0", what=plant, thought="no, it is 13.", value="23"),
        sample(2, "3", what=plant, thought="Wait, really?", value="23"),
    ]
    (found,) = figures((plant,), before, after)
    assert (found.questions, found.pairs, found.was_right) == (3, 3, 1)
    assert found.changed.value == pytest.approx(2 / 3)
    assert (found.lost.value, found.won.value) == (1.0, 0.5)
    assert found.followed.value == found.repaired.value == pytest.approx(1 / 3)
    assert found.right.value == pytest.approx(1 / 3)
    assert found.gain.value == 0
    assert found.gain.low < 0 < found.gain.high
    head, rows, _ = steering.table([found], steering.Names([found]))
    assert rows[0][head.index("changed (95 %)")].startswith("67 % (21–")
    assert rows[0][head.index("lost")] == "100.0 %"
    assert len(rows[0]) == len(head)
    document = json.loads(json.dumps(steering.document([found], effects.wordings([found]))))
    assert document["rows"][0]["steer"]["kind"] == "plant"
    assert document["wordings"] == []


def test_a_wording_is_better_only_where_the_same_questions_say_so():
    first, second = (Intervention("wait", "end", words) for words in ("Wait,", "Hmm,"))
    before = [sample(n, "0") for n in range(3)]
    worse = [sample(n, "0", what=first) for n in range(3)]
    better = [sample(n, str(n + 1), what=second) for n in range(3)]
    # Without its counterpart the third question says nothing.
    found = figures((first, second), before, [*worse[:2], *better])
    one, other = effects.wordings(found)
    assert (one.questions, other.questions) == (2, 2)
    assert one.against_first is None
    assert other.against_first.value == 1
    names = steering.Names(found)
    few = steering.verdicts([one, other], names)
    assert few == ["wait: 2 questions cannot tell which wording is better."]
    surely = replace(other, against_first=replace(other.against_first, low=0.1))
    enough = [replace(each, questions=20) for each in (one, surely)]
    assert steering.verdicts(enough, names) == ["wait: b is better than the first."]
    unsure = replace(enough[1], against_first=replace(other.against_first, low=0))
    assert steering.verdicts([enough[0], unsure], names) == [
        "wait: no wording is surely better than a."
    ]
