"""A pace that can be read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from r1chat.events import AnswerText, Evaluating, InjectedText, ThoughtText
from r1chat.tui.pace import Pace

WORDS = [ThoughtText("a", i + 1) for i in range(100)]


def text(events):
    return "".join(event.text for event in events if not isinstance(event, Evaluating))


def test_without_a_pace_everything_comes_at_once_as_one_text():
    pace = Pace()
    for word in WORDS:
        pace.put(word)
    assert pace.take(0.0) == [ThoughtText("a" * 100, 100)]
    assert pace.empty


def test_the_first_word_comes_at_once_and_then_so_many_a_second():
    pace = Pace(20)
    for word in WORDS:
        pace.put(word)
    assert text(pace.take(0.0)) == "a"
    shown = sum(len(text(pace.take(tick / 20))) for tick in range(1, 41))
    assert 38 <= shown <= 42


def test_a_wait_is_made_up_for_by_a_quarter_of_a_second_at_most():
    pace = Pace(20)
    pace.take(0.0)
    for word in WORDS:
        pace.put(word)
    assert len(text(pace.take(60.0))) <= 6


def test_hurrying_gives_all_of_it_at_once():
    pace = Pace(1)
    for word in WORDS:
        pace.put(word)
    pace.take(0.0)
    pace.hurry()
    assert text(pace.take(0.0)) == "a" * 99


def test_what_comes_slower_than_the_pace_is_never_held_back():
    pace = Pace(10)
    for second in range(10):
        pace.put(ThoughtText("a", second + 1))
        assert text(pace.take(float(second))) == "a"


def test_a_reply_that_goes_on_does_not_wait_for_what_stood_there_before():
    pace = Pace(10)
    pace.put(ThoughtText("a", 500))
    pace.put(ThoughtText("b", 501))
    assert text(pace.take(0.0) + pace.take(1.0) + pace.take(1.1)) == "ab"


@given(
    st.lists(st.sampled_from("tain"), max_size=60),
    st.lists(st.floats(0, 2), max_size=60),
    st.none() | st.floats(0.5, 100),
)
def test_nothing_is_lost_or_changes_its_place(kinds, waits, rate):
    pace = Pace(rate)
    put, counts = [], {"t": 0, "a": 0}
    now, out = 0.0, []
    for number, kind in enumerate(kinds):
        if kind in counts:
            counts[kind] += 1
            made = (ThoughtText if kind == "t" else AnswerText)(f"{number},", counts[kind])
        else:
            made = InjectedText(f"{number},", 0) if kind == "i" else Evaluating(1, 1, 0)
        put.append(made)
        pace.put(made)
        now += waits[number] if number < len(waits) else 0
        out += pace.take(now)
    pace.hurry()
    out += pace.take(now)
    assert text(out) == text(put)
    assert pace.empty
