"""What the top bar and the slider count while a reply is written."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from r1chat.events import AnswerText, Evaluating, ThoughtText
from r1chat.tui.chat.meters import Meters


@pytest.mark.parametrize("kept", [0, 1, 120])
@pytest.mark.parametrize("part", [ThoughtText, AnswerText])
def test_tokens_that_a_reply_goes_on_from_are_counted_once(kept, part):
    bar = SimpleNamespace(info=None, used=0, prompt=0)
    meters = Meters(bar, SimpleNamespace(used=0, used_s=0.0, room=None))
    # The prompt is read with what is kept of the reply.
    meters.take(Evaluating(40 + kept, 40 + kept, 0))
    for more in range(1, 6):
        meters.take(part("and", kept + more))
        assert bar.used == 40 + kept + more
    if part is ThoughtText:
        meters.take(AnswerText("So", 1))
        assert bar.used == 40 + kept + 6
