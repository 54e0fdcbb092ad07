"""What all the thinking came to."""

from __future__ import annotations

import builtins
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1chat.conversation import Origin
from r1chat.errors import R1ChatError, UsageError
from r1chat.events import Receipt
from r1chat.sanitize import sanitize
from r1chat.statistics import Statistics, compute, drawing, picture
from r1chat.store import Figures
from tests.examples import examples

DAY = 24 * 3600.0


def figures(model="m", *, conversation="c", created=DAY * 20_000, length=10, **receipt):
    return Figures(conversation, "n", Origin(created, model), Receipt(**receipt), length)


MANY = [
    figures("a", thought_tokens=10, thought_s=1.0, tokens_per_s=5.0, thought_ended_by="natural"),
    figures("a", thought_tokens=30, thought_s=3.0, tokens_per_s=9.0, thought_ended_by="budget"),
    figures("a", thought_tokens=20, thought_s=2.0, tokens_per_s=7.0, thought_ended_by="natural"),
    figures("b", conversation="d", answer_tokens=4, answer_s=0.5, created=DAY * 20_001),
]


def test_nothing_comes_to_nothing():
    assert compute([]) == Statistics()
    assert drawing.lines(Statistics(), 80) == ["No reply is kept yet."]


def test_everything_is_added_up():
    found = compute(MANY)
    assert (found.conversations, found.replies) == (2, 4)
    assert (found.thought_tokens, found.answer_tokens) == (60, 4)
    assert (found.thought_s, found.answer_s) == (6.0, 0.5)
    assert list(found.thoughts_ended_by.items()) == [("natural", 2), ("budget", 1)]
    assert found.answers_ended_by == {"natural": 4}


def test_models_are_told_apart_the_busiest_first():
    one, other = compute(MANY).models
    assert (one.ref, one.replies, one.thoughts, one.tokens_per_s) == ("a", 3, 3, 7.0)
    assert one.median_thought_tokens == 20
    assert (other.ref, other.tokens_per_s, other.median_thought_tokens) == ("b", None, None)


def test_days_are_in_order_and_times_unknown_have_none():
    found = compute([*reversed(MANY), figures(created=0.0)])
    assert len(found.days) == 2
    assert found.days[0].date < found.days[1].date
    assert [day.replies for day in found.days] == [3, 1]


def points(*pairs):
    return [figures(thought_s=seconds, length=length) for seconds, length in pairs]


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([(1, 1), (2, 2), (3, 9), (4, 99)], 1.0),
        ([(1, 4), (2, 3), (3, 2), (4, 1)], -1.0),
        ([(1, 5), (1, 5), (1, 5)], None),
        ([(1, 5), (2, 5)], None),
        ([(1, 1), (2, 3), (3, 2)], 0.5),
    ],
)
def test_the_correlation_is_that_of_ranks(pairs, expected):
    found = compute(points(*pairs)).correlation
    assert found == (expected if expected is None else pytest.approx(expected))


def test_a_reply_without_thought_or_answer_is_no_point():
    assert compute(points((0, 5), (5, 0))).points == ()


def test_the_lines_say_how_thoughts_ended_and_how_fast_models_are():
    text = "\n".join(drawing.lines(compute(MANY), 60))
    assert "by itself" in text
    assert "2 (67%)" in text
    assert "7.0" in text
    assert "60 tokens" in text


def test_bars_are_as_long_as_their_share():
    one, half, none = drawing.bars([("x", 8.0, "8"), ("y", 4.0, "4"), ("z", 0.0, "0")], 24)
    assert (one.count("█"), half.count("█"), none.count("█")) == (20, 10, 0)
    assert drawing.bars([("x", 8.0, "8")], 24, unicode=False) == ["x #################### 8"]


wild = st.builds(
    figures,
    st.text(max_size=50),
    created=st.floats(0, 1e15),
    length=st.integers(0, 2**40),
    thought_tokens=st.integers(0, 2**50),
    thought_s=st.one_of(st.floats(0, 1e-300), st.floats(0, 2**53)),
    tokens_per_s=st.floats(0, 2**53),
    thought_ended_by=st.sampled_from([None, "natural", "error"]),
)


@given(st.lists(wild, max_size=6), st.integers(1, 120), st.booleans())
@examples(60)
def test_no_figures_break_the_drawing_or_the_terminal(found, width, unicode):
    shown = drawing.lines(compute(found), width, unicode=unicode)
    for each in shown:
        assert sanitize(each) == each
        assert "\n" not in each


def test_a_normal_drawing_keeps_to_its_width():
    for width in (40, 60, 80, 120):
        for each in drawing.lines(compute(MANY), width):
            assert drawing.columns(each) <= width


def test_a_picture_is_a_png(tmp_path):
    file = tmp_path / "a.png"
    picture.save(compute([*MANY, figures("$x_1$ \x1b 日本", tokens_per_s=2.0)]), file)
    data = file.read_bytes()
    assert data.startswith(b"\x89PNG")
    assert struct.unpack(">II", data[16:24]) == (1440, 960)


def test_a_picture_of_nothing_is_refused(tmp_path):
    with pytest.raises(UsageError, match="nothing to draw"):
        picture.save(Statistics(), tmp_path / "a.png")


def test_a_picture_that_cannot_be_written_says_so(tmp_path):
    with pytest.raises(R1ChatError, match="cannot write"):
        picture.save(compute(MANY), tmp_path / "no" / "a.png")


def test_without_matplotlib_the_extra_is_named(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=r"r1chat\[plots\]"):
        picture.save(compute(MANY), tmp_path / "a.png")
