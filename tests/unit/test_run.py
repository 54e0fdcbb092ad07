"""A run hands on what an engine says, neighbouring texts as one."""

from __future__ import annotations

from r1chat.errors import EngineError
from r1chat.events import (
    AnswerText,
    Evaluating,
    InjectedText,
    Sampled,
    Tallied,
    ThoughtText,
)
from r1chat.reasoning.control import Control
from r1chat.tui.chat.run import Run


def taken(*events):
    def stream():
        for event in events:
            if isinstance(event, Exception):
                raise event
            yield event

    run = Run(stream, Control())
    run.join(10)
    return run, run.take()


def test_neighbouring_texts_of_a_kind_come_as_one_with_the_last_count():
    run, events = taken(
        Evaluating(1, 1, 0),
        ThoughtText("a", 1),
        ThoughtText("b", 2),
        InjectedText("c", 2),
        ThoughtText("d", 3),
        AnswerText("e", 1),
        AnswerText("f", 2),
    )
    assert events == [
        Evaluating(1, 1, 0),
        ThoughtText("ab", 2),
        InjectedText("c", 2),
        ThoughtText("d", 3),
        AnswerText("ef", 2),
    ]
    assert run.finished
    assert run.take() == []


def test_an_error_of_ours_is_kept_as_its_line():
    run, events = taken(ThoughtText("a", 1), EngineError("no memory"))
    assert events == [ThoughtText("a", 1)]
    assert run.error == "no memory"


def test_an_error_that_nobody_expected_is_named_without_its_text():
    run, _ = taken(ValueError("secret"))
    assert "ValueError" in run.error
    assert "secret" not in run.error


def test_texts_of_each_sample_come_as_one_however_they_take_turns():
    texts = [
        Sampled(sample, ThoughtText(f"{step}{sample} ", step))
        for step in range(1, 4)
        for sample in range(2)
    ]
    done = Sampled(0, AnswerText("x", 1))
    tallied = Tallied((), 1, 2, certain=False)
    _, events = taken(*texts, done, tallied, Sampled(1, ThoughtText("end", 4)))
    assert events == [
        Sampled(0, ThoughtText("10 20 30 ", 3)),
        Sampled(1, ThoughtText("11 21 31 end", 4)),
        done,
        tallied,
    ]


def test_words_of_ours_between_texts_of_a_sample_keep_their_place():
    _, events = taken(
        Sampled(0, ThoughtText("a", 1)),
        Sampled(1, ThoughtText("b", 1)),
        Sampled(0, InjectedText("Wait,", 1)),
        Sampled(1, ThoughtText("c", 2)),
        Sampled(0, ThoughtText("d", 2)),
    )
    assert [each.event for each in events if each.sample == 0] == [
        ThoughtText("a", 1),
        InjectedText("Wait,", 1),
        ThoughtText("d", 2),
    ]
    assert [each.event for each in events if each.sample == 1] == [ThoughtText("bc", 2)]
