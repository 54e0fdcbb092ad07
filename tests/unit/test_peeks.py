"""When to look ahead, and when the looks agree."""

from __future__ import annotations

import itertools

import pytest

from r1chat.reasoning.budget import AGREE, Budget
from r1chat.reasoning.control import Control
from r1chat.reasoning.governor import Governor
from r1chat.reasoning.peeks import EVERY, SURE, Peeks, is_pause


def looks(control: Control, most: int) -> list[int]:
    peeks = Peeks(control)
    return [tokens for tokens in range(most) if peeks.due(tokens)]


def test_without_a_wish_nobody_looks():
    assert looks(Control(), 1000) == []


def test_it_looks_every_so_many_tokens():
    assert looks(Control(peek_every=100), 350) == [100, 200, 300]


def test_the_budget_auto_looks_by_itself_and_less_often_as_the_thought_grows():
    found = looks(Control(Budget.parse("auto")), 4000)
    assert found[0] == EVERY
    gaps = [later - earlier for earlier, later in itertools.pairwise(found)]
    assert gaps == sorted(gaps)
    assert gaps[-1] > 4 * EVERY


def test_a_wish_is_met_once():
    control = Control()
    peeks = Peeks(control)
    control.peek()
    assert peeks.due(7)
    assert not peeks.due(8)


def test_wishes_of_before_do_not_count():
    control = Control()
    control.peek()
    assert not Peeks(control).due(1)


def test_the_same_answer_in_a_row_is_counted_and_another_begins_anew():
    peeks = Peeks(Control())
    finals = ["7", "7.0", "8", "8", None, "8"]
    assert [peeks.take(final) for final in finals] == [1, 2, 1, 2, 0, 1]


def verdict(budget: Budget, finals, *, tokens: int = 500, tail: str = "so.", then: str = " "):
    """What comes of a thought, after looks with these answers and confidences."""
    control = Control(budget)
    peeks = Peeks(control)
    for final, confidence in finals:
        peeks.take(final, confidence)
    return Governor(control).verdict(
        tokens=tokens,
        seconds=1,
        room=1000,
        time_left=100,
        tail=tail,
        following=then,
        looks=peeks.verdict,
    )


def test_agreement_ends_a_thought_at_the_end_of_a_sentence_where_the_budget_is_auto():
    auto = Budget.parse("auto")
    agreed = [("7", None)] * AGREE
    assert verdict(auto, agreed) == "agreed"
    assert verdict(auto, agreed[1:]) is None
    assert verdict(auto, agreed, tail="in the mid", then="dle") is None
    assert verdict(Budget(), agreed) is None


def test_where_the_models_confidence_is_known_it_decides_alone():
    auto = Budget.parse("auto")
    sure = [("7", SURE)]
    assert verdict(auto, sure) == "sure"
    assert verdict(auto, [("7", 0.99)] * 9) is None
    assert verdict(auto, [*sure, ("8", 0.5)]) is None
    assert verdict(auto, [*sure, (None, None)]) is None
    assert verdict(auto, sure, tail="in the mid", then="dle") is None
    assert verdict(Budget(), sure) is None


def test_neither_ends_a_thought_before_its_minimum():
    for finals in ([("7", None)] * AGREE, [("7", 1.0)]):
        assert verdict(Budget.parse("auto", minimum=600), finals) is None


@pytest.mark.parametrize(
    ("tail", "following", "pauses"),
    [
        ("so it is 4.\n\n", "Now", True),
        ("so it is 4.\n", "Now", True),
        ("so it is 4.\n", "\n", False),
        ("so it is 4.", " Wait", True),
        ("so it is 4.", " Now", False),
        ("people who", " wait", False),
        ("所以是4。", "等等", True),
        ("", "Hmm", True),
    ],
)
def test_a_pause_is_the_end_of_a_paragraph_or_a_doubt(tail, following, pauses):
    assert is_pause(tail, following) is pauses


def test_at_pauses_it_looks_sooner_but_for_a_share_of_the_thought_and_only_for_auto():
    peeks = Peeks(Control(Budget.parse("auto")))
    found = [tokens for tokens in range(4000) if peeks.due(tokens, pauses=tokens % 10 == 0)]
    assert found[:3] == [30, 60, 90]
    assert 4000 / 16 <= found[-1] - found[-2] < 4000 / 8
    peeks = Peeks(Control())
    assert not any(peeks.due(tokens, pauses=True) for tokens in range(1000))


def test_auto_is_written_as_it_is_read():
    assert str(Budget.parse("auto")) == "auto"
    assert Budget.parse(str(Budget.parse("auto"))) == Budget.parse("auto")
