from __future__ import annotations

import math
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1chat.reasoning.budget import LIMIT_SECONDS, LIMIT_TOKENS, Budget
from r1chat.reasoning.control import MAX_WAITS, Control
from r1chat.reasoning.governor import Governor, ends_sentence

FORMS = {
    "off": Budget(tokens=0),
    "0": Budget(tokens=0),
    "512": Budget(tokens=512),
    "30s": Budget(seconds=30),
    "1.5s": Budget(seconds=1.5),
    "max": Budget(),
    " MAX\n": Budget(),
    "30S": Budget(seconds=30),
}


@pytest.mark.parametrize(("text", "budget"), FORMS.items(), ids=map(repr, FORMS))
def test_a_budget_is_read_as_people_write_it(text, budget):
    assert Budget.parse(text) == budget


@pytest.mark.parametrize(
    "text",
    [
        *("", "-1", "-5s", "1e3", "1.5", "30 s", "30m", "s", "0s", "nan", "infs", "٣", "1_000"),
        *("9" * 10, "9" * 9, "999999999s", "much\nmore", "\x1b[31m", "x" * 100_000),
    ],
    ids=lambda text: ascii(text[:12]),
)
def test_what_is_no_budget_is_refused_in_one_short_line(text):
    with pytest.raises(ValueError, match="budget") as refusal:
        Budget.parse(text)
    message = str(refusal.value)
    assert message.isprintable()
    assert len(message) < 200


@pytest.mark.parametrize(
    "fields",
    [
        {"tokens": -1},
        {"tokens": LIMIT_TOKENS + 1},
        {"seconds": 0},
        {"seconds": -1.0},
        {"seconds": math.nan},
        {"seconds": math.inf},
        {"seconds": LIMIT_SECONDS + 1},
        {"minimum": -1},
        {"minimum": LIMIT_TOKENS + 1},
        {"tokens": 10, "minimum": 11},
        {"tokens": 0, "minimum": 1},
        {"grace": -0.1},
        {"grace": 1.1},
        {"grace": math.nan},
    ],
    ids=str,
)
def test_figures_that_make_no_sense_are_refused(fields):
    with pytest.raises(ValueError, match=r"budget|minimum|grace"):
        Budget(**fields)


def test_the_minimum_is_taken_along():
    assert Budget.parse("512", minimum=100) == Budget(tokens=512, minimum=100)
    assert Budget.parse("max", minimum=100) == Budget(minimum=100)
    with pytest.raises(ValueError, match="more than the budget"):
        Budget.parse("off", minimum=1)


@given(
    st.integers(0, LIMIT_TOKENS).map(lambda tokens: Budget(tokens=tokens))
    | st.integers(1, int(LIMIT_SECONDS) * 1000).map(lambda ms: Budget(seconds=ms / 1000))
    | st.just(Budget())
)
@settings(deadline=None)
def test_a_budget_reads_what_it_writes(budget):
    assert Budget.parse(str(budget)) == budget


def test_a_budget_of_next_to_no_time_can_be_read_too():
    assert Budget.parse(str(Budget(seconds=1e-9))) == Budget(seconds=0.001)


def test_only_no_tokens_are_off():
    assert Budget(tokens=0).off
    assert not Budget(tokens=1).off
    assert not Budget(seconds=0.1).off
    assert not Budget().off


SENTENCES = {
    "nothing yet": ("", "Okay", True),
    "after a full stop": ("That is 5.", " So", True),
    "after a question": ("Is it?", "\n\n", True),
    "after a quotation": ('He said "no."', " So", True),
    "after a line": ("a\n", "b", True),
    "before a line break": ("x = 5", "\nso", True),
    "in a sentence": ("That is", " 5", False),
    "in a number": ("3.", "14", False),
    "in an abbreviation": ("e.", "g.", False),
    "in a word": ("Wai", "t", False),
    "nothing follows yet": ("That is 5.", "", False),
    "in Chinese": ("等于五。", "所以", True),
    "in the middle of Chinese": ("等于", "五", False),
    "before the bracket that belongs to it": ("（五。", "）所以", False),
    "after the bracket that belongs to it": ("（五。）", "所以", True),
}


@pytest.mark.parametrize(("text", "following", "ends"), SENTENCES.values(), ids=SENTENCES)
def test_a_sentence_ends_where_a_reader_says_so(text, following, ends):
    assert ends_sentence(text, following) is ends


class Thought:
    """A thought that goes on in the middle of a sentence until told otherwise."""

    def __init__(self, budget=None):
        self.control = Control(budget)
        self.governor = Governor(self.control)

    def verdict(self, tokens=0, seconds=0.0, room=10**6, time_left=math.inf, *, boundary=False):
        return self.governor.verdict(
            tokens=tokens,
            seconds=seconds,
            room=room,
            time_left=time_left,
            tail="So it is." if boundary else "So it",
            following=" Now",
        )

    def runs(self, start=0, **limits):
        """How many tokens it gets without a boundary, and what ends it."""
        for tokens in range(start, 10**5):
            verdict = self.verdict(tokens, **limits)
            if verdict:
                return tokens, verdict
        return None


def test_without_a_limit_a_thought_goes_on():
    assert Thought().runs() is None


def test_off_ends_a_thought_at_once():
    assert Thought(Budget(tokens=0)).verdict(0) == "budget"


def test_near_its_budget_a_thought_ends_with_its_sentence():
    thought = Thought(Budget(tokens=100))
    assert thought.verdict(89, boundary=True) is None
    assert thought.verdict(90) is None
    assert thought.verdict(99) is None
    assert thought.verdict(95, boundary=True) == "budget"
    assert thought.verdict(100) == "budget"


def test_a_sentence_that_ends_near_the_budget_does_not_end_a_thought_before_its_minimum():
    thought = Thought(Budget(tokens=100, minimum=96))
    assert thought.verdict(95, boundary=True) is None
    assert thought.verdict(96, boundary=True) == "budget"


@given(st.integers(0, 5000), st.floats(0, 1))
@settings(deadline=None, max_examples=50)
def test_a_thought_has_its_budget_and_not_a_token_more(limit, grace):
    assert Thought(Budget(tokens=limit, grace=grace)).runs() == (limit, "budget")


@given(st.integers(1, 500), st.floats(0, 1), st.lists(st.booleans(), min_size=501, max_size=501))
@settings(deadline=None, max_examples=50)
def test_wherever_sentences_end_a_thought_stays_within_its_budget(limit, grace, ends):
    thought = Thought(Budget(tokens=limit, grace=grace))
    at = next(n for n, boundary in enumerate(ends) if thought.verdict(n, boundary=boundary))
    assert limit * (1 - grace) <= at <= limit


def test_no_character_begins_that_may_not_end_within_the_budget():
    governor = Governor(Control(Budget(tokens=100)))
    limits = {"seconds": 0.0, "room": 10**6, "time_left": math.inf, "tail": "a", "following": "b"}
    assert governor.verdict(tokens=96, unfinished=3, **limits) is None
    assert governor.verdict(tokens=97, unfinished=3, **limits) == "budget"
    assert governor.verdict(tokens=99, unfinished=0, **limits) is None


def test_near_its_seconds_a_thought_ends_with_its_sentence():
    thought = Thought(Budget(seconds=10))
    assert thought.verdict(1, 8.9, boundary=True) is None
    assert thought.verdict(2, 9.9) is None
    assert thought.verdict(3, 9.1, boundary=True) == "time"
    assert thought.verdict(3, 10.0) == "time"


def test_a_first_token_that_comes_too_late_ends_the_thought():
    assert Thought(Budget(seconds=10)).verdict(1, 11.1) == "time"


def test_of_two_limits_the_one_reached_first_counts():
    assert Thought(Budget(tokens=10, seconds=10)).verdict(5, 12.0) == "time"
    assert Thought(Budget(tokens=10, seconds=10)).verdict(10, 5.0, boundary=True) == "budget"


def test_a_budget_moved_below_what_is_spent_leaves_the_grace_to_land_in():
    thought = Thought(Budget(tokens=1000))
    assert thought.verdict(500) is None
    thought.control.budget = Budget(tokens=100)
    assert thought.runs(start=501) == (511, "budget")


def test_seconds_moved_below_what_is_spent_leave_the_grace_to_land_in():
    thought = Thought(Budget(seconds=60))
    assert thought.verdict(500, 30.0) is None
    thought.control.budget = Budget(seconds=10)
    assert thought.verdict(501, 30.1) is None
    assert thought.verdict(510, 31.0) is None
    assert thought.verdict(511, 31.2) == "time"


def test_turning_it_off_takes_hold_at_the_next_token():
    thought = Thought()
    assert thought.verdict(500) is None
    thought.control.budget = Budget(tokens=0)
    assert thought.verdict(501) == "budget"


def test_a_budget_raised_in_time_lets_the_thought_go_on():
    thought = Thought(Budget(tokens=100))
    assert thought.verdict(95) is None
    thought.control.budget = Budget(tokens=200)
    assert thought.runs(start=96) == (200, "budget")


@pytest.mark.parametrize("meanwhile", [Budget(), Budget(seconds=1000), Budget(tokens=900)], ids=str)
def test_a_limit_that_comes_back_brings_its_whole_grace(meanwhile):
    thought = Thought(Budget(tokens=100))
    assert thought.verdict(95) is None
    thought.control.budget = meanwhile
    assert thought.verdict(500) is None
    thought.control.budget = Budget(tokens=100)
    assert thought.runs(start=501) == (511, "budget")


def test_the_user_comes_before_every_limit():
    thought = Thought(Budget(tokens=0))
    thought.control.answer_now()
    assert thought.verdict(10, room=0, time_left=0) == "user"


def test_room_and_time_for_the_answer_know_no_grace():
    assert Thought().verdict(1, room=0) == "context"
    assert Thought().verdict(1, time_left=0) == "time"
    assert Thought(Budget(tokens=1)).verdict(1, room=-5) == "context"


def more(control, tokens=0, seconds=0.0, waits=0):
    return Governor(control).wants_more(tokens=tokens, seconds=seconds, waits=waits)


def test_a_thought_shorter_than_the_minimum_goes_on():
    control = Control(Budget(tokens=100, minimum=50))
    assert more(control, 49)
    assert not more(control, 50)
    assert not more(Control(), 0)


def test_the_minimum_gives_up_on_a_model_that_will_not_think():
    control = Control(Budget(minimum=10**6))
    assert more(control, 5, waits=MAX_WAITS - 1)
    assert not more(control, 5, waits=MAX_WAITS)


def test_the_minimum_does_not_outlast_the_seconds():
    assert not more(Control(Budget(seconds=10, minimum=50)), 5, seconds=10.0)


def test_thinking_more_is_granted_as_often_as_it_was_asked_for():
    control = Control(Budget(tokens=10))
    control.think_more()
    control.think_more()
    governor = Governor(control)
    granted = [governor.wants_more(tokens=99, seconds=0.0, waits=MAX_WAITS) for _ in range(3)]
    assert granted == [True, True, False]


def test_who_wants_the_answer_wants_no_more_thought():
    for end in (Control.answer_now, Control.cancel):
        control = Control(Budget(minimum=100))
        control.think_more()
        end(control)
        assert not more(control)


def test_cancelling_calls_who_waits_for_it():
    calls = []
    control = Control()
    control.on_cancel(lambda: calls.append("called"))
    assert not control.cancelled
    assert calls == []
    control.cancel()
    assert control.cancelled
    assert calls == ["called"]


def test_cancelling_before_anyone_waits_is_not_lost():
    calls = []
    control = Control()
    control.cancel()
    control.on_cancel(lambda: calls.append("called"))
    assert calls == ["called"]


def test_no_one_is_called_who_waits_no_longer():
    calls = []
    control = Control()
    control.on_cancel(lambda: calls.append("called"))
    control.on_cancel(None)
    control.cancel()
    assert calls == []


def test_another_thread_may_move_the_budget():
    thought = Thought()
    assert thought.verdict(100) is None
    mover = threading.Thread(target=lambda: setattr(thought.control, "budget", Budget(tokens=0)))
    mover.start()
    mover.join()
    assert thought.verdict(101) == "budget"


def test_every_reply_has_a_budget_of_its_own():
    assert Control().budget == Budget()
    assert Control(Budget(tokens=5)).budget == Budget(tokens=5)


@pytest.mark.parametrize(
    ("budget", "brief"),
    [("off", False), ("1", True), ("192", True), ("193", False), ("max", False), ("30s", False)],
)
def test_a_budget_is_brief_where_only_short_lines_come_to_a_result(budget, brief):
    assert Budget.parse(budget).is_brief == brief
