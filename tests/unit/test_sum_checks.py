"""What is done with the sums of a reply: counted, told of, and doubted in the thought."""

from __future__ import annotations

from dataclasses import replace

import pytest

from r1chat import cli, compose, slips
from r1chat.engine.base import Continuation, Steering
from r1chat.engine.fake import INFO, FakeEngine
from r1chat.events import (
    InjectedText,
    Injection,
    Receipt,
    Reply,
    SumCounts,
    ThoughtEnded,
    ThoughtText,
    WrongSum,
)
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.doubts import MOST_DOUBTS, SumDoubts
from r1chat.reasoning.sums import check
from r1chat.session import Session
from r1chat.store import rows
from r1chat.wording import receipt_line, sums_note

SLIP = "So 17 × 6 = 112."
DOUBT = "Wait, let me check that: 17 × 6 is not 112.\n\nCorrection: 17 × 6 = 102.\n\n"


def written(*pieces, most=MOST_DOUBTS):
    """A thought as it comes to stand where r1chat doubts in it."""
    doubts, text, left = SumDoubts(most), "", list(pieces)
    while left:
        words = doubts.words(left[0])
        if words:
            # The model draws what is to follow anew, behind the words.
            doubts.skip(words)
            text += words
            left[0] = " " + left[0].strip()
        piece = left.pop(0)
        doubts.feed(piece)
        text += piece
    return text + doubts.words("\n")


def test_the_wrong_sums_of_a_reply_are_told_and_counted():
    engine = FakeEngine(("It is 3 + 4 = 7. ", SLIP, "\nThat makes 9.\n", "</think>", "9"))
    *events, reply = Session(engine).ask("?", check_sums="mark")
    assert isinstance(reply, Reply)
    wrong = [event for event in events if isinstance(event, WrongSum)]
    at = reply.thought.index("17")
    assert wrong == [WrongSum("thought", at, at + 12, "17 × 6", "112", "102")]
    ended = next(event for event in events if isinstance(event, ThoughtEnded))
    assert events.index(wrong[0]) < events.index(ended) + 2
    counts = reply.receipt.sums
    assert counts == SumCounts(checked=2, wrong=1)
    assert "1 wrong sum" in receipt_line(reply.receipt)
    note = sums_note(counts, wrong[0])
    assert note == "1 of 2 sums is wrong: 17 × 6 = 112 (it is 102)"
    assert rows.receipt_in(rows.receipt_out(reply.receipt)) == reply.receipt


RIGHT = (
    "The share is (15/20) × 100 = 75, and 1,200 × 1.5 = 1,800. So 45/5 - 1 = 24/3.\n"
    "600 × 5000 = 3 million, 12 + 12 = 2 dozen, 6 + 6 = 3 times 4 and 8 + 8 = 4**2.\n"
)


@pytest.mark.parametrize("most", range(1, len(RIGHT) + 2))
@pytest.mark.parametrize("place", ["thought", "answer"])
def test_no_right_sum_is_called_wrong_wherever_a_limit_cuts_the_reply(place, most):
    before = ("Fine.\n", "</think>") if place == "answer" else ()
    engine = FakeEngine((*before, *RIGHT, "</think>", "75"))
    budget = Budget(tokens=most, grace=0) if place == "thought" else Budget()
    limit = most if place == "answer" else 20
    *events, reply = Session(engine).ask("?", budget=budget, max_answer=limit, check_sums="mark")
    assert isinstance(reply, Reply)
    assert RIGHT[: most - 1] in getattr(reply, place)
    assert not any(isinstance(event, WrongSum) for event in events)
    assert reply.receipt.sums.wrong == 0
    assert slips.wrong_sums(reply) == []


def test_a_cut_within_a_reply_is_still_known_when_it_goes_on():
    thought = "(15/20) × 100 = 7"
    engine = FakeEngine(
        (*thought, "5", "</think>", "It is", " 75."), ("and more", "</think>", "75")
    )
    session = Session(engine)
    budget = Budget(tokens=len(thought), grace=0)
    *_, first = session.ask("?", budget=budget, max_answer=1, check_sums="mark")
    assert first.thought.startswith(f"{thought}\n\n")
    *_, second = session.ask("?", resume=Continuation(first), check_sums="mark")
    assert second.receipt.sums.wrong == len(slips.wrong_sums(second)) == 0


def test_what_r1chat_corrects_is_no_sum_of_the_model():
    check = slips.SumCheck()
    words = f"\n\n{DOUBT}"
    for event in (
        ThoughtText(SLIP, 5),
        InjectedText(words, len(SLIP)),
        ThoughtText("3 + 4 = 7.", 9),
    ):
        check.take(event)
    thought = f"{SLIP}{words}3 + 4 = 7."
    reply = check.take(Reply(thought, "", Receipt(thought_ended_by="natural")))
    assert (reply.receipt.sums.checked, reply.receipt.sums.wrong) == (1, 0)
    # Nor where the reply goes on from one that has such words.
    kept = Reply(thought, "", Receipt(), injected=(Injection(len(SLIP), words),))
    again = slips.SumCheck(kept)
    again.take(ThoughtText(" So 7.\n", 12))
    assert again.take(reply).receipt.sums == reply.receipt.sums


def test_sums_are_checked_only_where_that_is_wanted():
    engine = FakeEngine((SLIP, "\n", "</think>", "112"))
    *events, reply = Session(engine).ask("?")
    assert reply.receipt.sums is None
    assert not any(isinstance(event, WrongSum) for event in events)


def test_a_wrong_sum_is_doubted_where_its_sentence_or_its_line_ends():
    assert written("So 17 × 6", " = 112", ".", " So", " it is") == f"{SLIP}\n\n{DOUBT} So it is"
    assert written("17 × 6 = 112\n", "Then") == f"17 × 6 = 112\n\n{DOUBT} Then"
    assert written("17 × 6 = 102.", " So", " it is") == "17 × 6 = 102. So it is"


def test_it_is_doubted_at_the_end_of_the_thought_as_well():
    assert written("So 17 × 6 = 112.") == f"{SLIP}\n\n{DOUBT}"


def test_it_is_doubted_behind_the_formula_that_it_stands_in():
    formula = "\\[\n17 \\times 6 = 112\n\\]"
    doubt = DOUBT.replace("×", "\\times")
    pieces = ("\\[\n", "17 \\times 6 = 112", "\n", "\\]", "\n", "Then")
    text = written(*pieces)
    assert text.startswith(f"{formula}\n\n{doubt}")
    # What r1chat has corrected counts as taken back.
    assert not any(each.wrong for each in check(text))


@pytest.mark.parametrize(
    ("slip", "right"),
    [
        ("17 × 6 = 112", "17 × 6 = 102"),
        ("12 × 2.74 = 32.08", "12 × 2.74 = 32.88"),
        ("80/3 = 30", "80/3 is about 26.67"),
        ("350/60 = 6.5", "350/60 is about 5.83"),
        ("100 × 1.07^10 = 150", "100 × 1.07^10 is about 196.72"),
        ("1/3 + 1/4 = 5/12", "1/3 + 1/4 = 7/12"),
        ("5/20 = 20%", "5/20 = 25%"),
        ("20% + 5% = 26%", "20% + 5% = 25%"),
        ("9^64 × 9^64 = 3", "9^64 × 9^64 is about 1.39e+122"),
    ],
)
def test_what_is_right_is_said_in_the_form_of_the_claim_and_in_few_digits(slip, right):
    text = written(f"So {slip}.", " So")
    assert f"Correction: {right}.\n\n" in text
    assert not any(each.wrong for each in check(text))
    (wrong,) = slips.wrong_sums(Reply(f"So {slip}.", "", Receipt(thought_ended_by="natural")))
    assert right.endswith(wrong.right)


def test_a_sum_that_is_very_long_is_not_corrected():
    assert written(f"So {' + '.join(map(str, range(10, 70)))} = 5.", " So").endswith("5. So")


def test_corrections_of_a_reply_that_goes_on_count_with_those_before():
    said = [Injection(0, f"\n\n{DOUBT}"), Injection(90, "\nWait,")]
    assert SumDoubts(MOST_DOUBTS, said).written == 1
    assert SumDoubts(0, said).written == 0


def test_it_is_doubted_a_few_times_at_most():
    text = written(*[f"{number} + 1 = 3.\n" for number in range(10, 20)])
    assert text.count("Wait,") == MOST_DOUBTS
    assert "Wait," not in written("17 × 6 = 112.\n", "So", most=0)


@pytest.mark.parametrize("way", ["mark", "off", "fix"])
def test_ask_notes_which_sum_is_wrong(monkeypatch, capsys, way):
    info = replace(INFO, steering=Steering(go_on="it is a chat"))
    script = ("It is 3 + 4 = 7. ", SLIP, "</think>", "112")
    monkeypatch.setattr(compose, "load", lambda *_, **__: FakeEngine(script, info=info))
    assert cli.main(["ask", "?", "-m", "fake", "--no-save", "--check-sums", way]) == 0
    out, err = capsys.readouterr()
    assert out == "112\n"
    assert ("1 of 2 sums is wrong: 17 × 6 = 112 (it is 102)" in err) == (way != "off")
    assert ("writes nothing into the thought: it is a chat" in err) == (way == "fix")
