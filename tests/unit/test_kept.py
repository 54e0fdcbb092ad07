"""What is kept of a reply that goes on, and how the meters count it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1chat.engine.base import Continuation
from r1chat.events import AnswerText, Evaluating, Injection, Receipt, Reply, ThoughtText
from r1chat.tui.chat.meters import Meters


@pytest.mark.parametrize("thought", [0, 1, 120])
@pytest.mark.parametrize("answer", [0, 7])
@pytest.mark.parametrize("prompt", [0, 40])
def test_tokens_that_a_reply_goes_on_from_are_counted_once(thought, answer, prompt):
    """They are read with the prompt, where the engine says how much that is; a server may not."""
    bar = SimpleNamespace(info=None, used=0, prompt=0)
    meters = Meters(bar, SimpleNamespace(used=0, used_s=0.0, room=None))
    meters.begin(thought, answer)
    kept = thought + answer
    read = prompt + kept if prompt else 0
    meters.take(Evaluating(read, read, 0))
    written = 0
    if not answer:
        # However many tokens come at once.
        for written in (3, 4, 9):
            meters.take(ThoughtText("and", thought + written))
            assert bar.used == prompt + kept + written
        # A server is asked again within a reply, and reads what has been written so far.
        if prompt:
            meters.take(Evaluating(read + written, read + written, 0))
    for more in (2, 5):
        meters.take(AnswerText("So", answer + more))
        assert bar.used == prompt + kept + written + more


@given(st.integers(0, 5000), st.integers(0, 500), st.integers(0, 300))
def test_what_is_kept_of_a_reply_is_a_part_of_it(tokens, answer, length):
    receipt = Receipt(thought_tokens=tokens, answer_tokens=answer)
    for keep in (None, *range(0, length + 1, 37)):
        kept = Continuation(Reply("x" * length, "", receipt), keep).kept_tokens
        assert 0 <= kept[0] <= tokens
        assert kept[1] == (answer if keep is None else 0)


@given(
    st.text("ab\n", max_size=12),
    st.text("ab\n", min_size=1, max_size=12),
    st.text("ab", max_size=6),
)
def test_what_r1chat_wrote_is_kept_whole_or_not_at_all(before, words, behind):
    thought = before + words + behind
    reply = Reply(thought, "", Receipt(), injected=(Injection(len(before), words),))
    end = len(before) + len(words)
    for keep in range(len(thought) + 1):
        kept = Continuation(reply, keep)
        assert not len(before) < kept.keep < end
        if not len(before) < keep < end:
            assert kept.keep == keep
        assert kept.injected == (reply.injected if kept.keep >= end else ())
