"""What several samples agree on, in figures and in words."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from r1chat.events import Drawing, Receipt, Reply
from r1chat.output import document, event_line, votes_line
from r1chat.votes import Votes, agreeing, answers, counted, unfinished, votes_of
from tests.unit.test_output import INFO


def sample(vote: str | None, ended_by: str = "natural") -> Reply:
    return Reply("", vote or "", Receipt(ended_by=ended_by, samples=8, vote=vote))


CUT = [sample(None, "cancelled")] * 2
SIX = [*[sample("110")] * 5, sample("112")]


def drawn(samples: list[Reply], *votes: tuple[str, int]) -> Reply:
    return Reply("", "110", Receipt(samples=8, vote="110"), samples=tuple(samples), votes=votes)


def test_of_stopped_samples_only_bounds_are_known():
    votes = votes_of(drawn([*SIX, *CUT], ("110", 5), ("112", 1)))
    assert (votes.samples, votes.ended, votes.stopped) == (8, 6, 2)
    assert votes.agreement == pytest.approx(5 / 8)
    assert votes.settled


def test_what_a_history_kept_of_them_gives_the_same_figures():
    votes = votes_of(drawn([*SIX, *CUT], ("110", 5), ("112", 1)))
    assert counted([reply.receipt for reply in SIX]) == votes
    # Whatever an import says of it, a sample that was cut has no vote.
    forged = replace(sample("7", "cancelled").receipt, decided="likely")
    assert counted([*(reply.receipt for reply in SIX), forged]).counts == votes.counts


def test_of_equals_the_first_that_was_drawn_comes_first():
    receipts = [sample(vote).receipt for vote in ("a", "b", "b", "a")]
    assert counted(receipts).counts == (("a", 2), ("b", 2))


def test_an_answer_of_nothing_is_an_end_but_no_vote():
    votes = counted([sample(None).receipt, sample("7").receipt])
    assert (votes.ended, votes.agreement, votes.counts) == (2, 0.125, (("7", 1),))


def test_the_votes_are_said_in_one_line():
    reply = drawn([*SIX, *CUT], ("110", 5), ("112", 1))
    assert votes_line(reply) == (
        "5 of 8 agree on 110 · 110 (5), 112 (1) · 2 stopped early (could not change the result)"
    )


@pytest.mark.parametrize(
    ("votes", "words"),
    [
        (Votes(8, 3, 0, (("1", 2), ("2", 1))), "5 stopped early"),
        (Votes(4, 3, 0, (("1", 3),)), "1 stopped early (could not change the result)"),
        (Votes(4, 3, 1, (("1", 3),)), "1 failed"),
        (Votes(4, 4, 0, (("1", 3), ("2", 1))), ""),
        (
            Votes(8, 4, 0, tuple((each, 1) for each in "1234"), "scattered"),
            "4 of 8 drawn: no majority is in sight",
        ),
    ],
)
def test_that_they_could_change_nothing_is_said_only_where_it_is_so(votes, words):
    assert unfinished(votes) == words


def test_without_an_answer_that_is_said():
    votes = counted([sample(None).receipt])
    assert agreeing(votes) == "no answer in 8 samples"


def test_where_no_two_agree_that_is_said():
    votes = counted([sample(str(number)).receipt for number in range(8)])
    assert agreeing(votes) == "no two of 8 agree"


def test_one_answer_alone_agrees_with_nothing():
    votes = Votes(8, 1, 0, (("7", 1),))
    assert agreeing(votes) == "1 of 8 answered 7"


def test_answers_are_cleaned_and_cut():
    assert answers([("\x1b[31m" + "9" * 100, 2)]) == "9" * 29 + "… (2)"
    assert answers([(str(i), 1) for i in range(9)]).endswith("3 (1), …")


def test_json_has_the_agreement_in_the_receipt_and_each_samples_vote():
    reply = drawn([*SIX, *CUT], ("110", 5), ("112", 1))
    value = document(reply, INFO, "?")
    assert value["receipt"]["agreement"] == pytest.approx(0.625)
    assert (value["receipt"]["samples"], value["receipt"]["vote"]) == (8, "110")
    assert [each["receipt"]["vote"] for each in value["samples"]][4:] == ["110", "112", None, None]
    assert "agreement" not in value["samples"][0]["receipt"]
    json.dumps(value, allow_nan=False)


def test_a_reply_alone_says_nothing_of_samples():
    receipt = document(Reply("", "1", Receipt()), INFO, "?")["receipt"]
    assert not receipt.keys() & {"samples", "vote", "agreement"}


def test_how_many_are_drawn_at_a_time_is_an_event():
    assert event_line(Drawing(8, 2, short=True)) == {
        "type": "drawing",
        "samples": 8,
        "at_once": 2,
        "short": True,
    }
