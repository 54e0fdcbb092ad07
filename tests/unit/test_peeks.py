"""When to look ahead, and when the looks agree."""

from __future__ import annotations

import itertools

from r1chat.reasoning.budget import AGREE, Budget
from r1chat.reasoning.control import Control
from r1chat.reasoning.governor import Governor
from r1chat.reasoning.peeks import EVERY, Peeks


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


def verdict(budget: Budget, agreed: int, *, tokens: int = 500, tail: str = "so.", then: str = " "):
    return Governor(Control(budget)).verdict(
        tokens=tokens,
        seconds=1,
        room=1000,
        time_left=100,
        tail=tail,
        following=then,
        agreed=agreed,
    )


def test_agreement_ends_a_thought_at_the_end_of_a_sentence_where_the_budget_is_auto():
    auto = Budget.parse("auto")
    assert verdict(auto, AGREE) == "agreed"
    assert verdict(auto, AGREE - 1) is None
    assert verdict(auto, AGREE, tail="in the mid", then="dle") is None
    assert verdict(Budget(), AGREE) is None


def test_agreement_waits_for_the_minimum():
    assert verdict(Budget.parse("auto", minimum=600), AGREE) is None


def test_auto_is_written_as_it_is_read():
    assert str(Budget.parse("auto")) == "auto"
    assert Budget.parse(str(Budget.parse("auto"))) == Budget.parse("auto")
