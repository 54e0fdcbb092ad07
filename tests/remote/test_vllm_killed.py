"""A real vLLM whose workers are killed while it writes: what came is kept, and goes on later."""

from __future__ import annotations

import os
import random
import signal
import time

import pytest

from r1chat.engine.base import Continuation
from r1chat.events import AnswerText, Notice, Reply, ThoughtText
from r1chat.reasoning.control import Control
from tests.remote.helpers import asked, reply_of
from tests.remote.test_vllm_real import on

ROUNDS = {"one": 12, "workers": 4, "nodes": 4}
"""In a long run; else one of each."""
SILENCE_S = 60.0
"""After which a server that says nothing any more is given up: whole nodes may be gone."""
STARTS_S = 900.0


def kill(server, draw):
    """Ends one of the processes that compute, or the whole second node."""
    if server.layout == "nodes" and draw.random() < 0.5:
        os.killpg(server.nodes[1].pid, signal.SIGKILL)
        return "second node"
    victim = draw.choice(server.workers())
    os.kill(victim, signal.SIGKILL)
    return "worker"


def broken_off(engine, server, draw):
    """A reply during which something is killed, and what that was."""
    at, killed = draw.randrange(2, 130), ""
    written = 0
    for event in engine.stream(asked(), Control()):
        if isinstance(event, (ThoughtText, AnswerText)):
            written += 1
            if written >= at and not killed:
                killed = kill(server, draw)
    assert isinstance(event, Reply)
    return event, f"{killed} at piece {at}"


@pytest.mark.vllm
@pytest.mark.timeout(10_000)
@pytest.mark.parametrize("layout", ROUNDS)
def test_a_reply_whose_worker_is_killed_is_kept_and_goes_on(vllm, layout, request):
    draw, writer = random.Random(layout), request.config.get_terminal_writer()
    rounds = ROUNDS[layout] if request.config.getoption("--long") else 1
    server = vllm("tiny", layout)
    with on(server, idle=SILENCE_S, starting=STARTS_S) as engine:
        whole = reply_of(engine, asked())
        for number in range(rounds):
            began = time.monotonic()
            partial, what = broken_off(engine, server, draw)
            lost = time.monotonic() - began
            assert partial.receipt.ended_by == "error", (what, partial)
            assert partial.error
            assert whole.thought.startswith(partial.thought), what
            assert partial.thought, what
            server.stop()
            server.start()
            resumed = asked(resume=Continuation(partial))
            *events, reply = engine.stream(resumed, Control())
            told = [each.text for each in events if isinstance(each, Notice)]
            assert any("for it to start" in each for each in told), told
            assert (reply.thought, reply.answer) == (whole.thought, whole.answer), what
            writer.line(
                f"{layout} {number}: {what}: kept {partial.receipt.thought_tokens} tokens; "
                f"{partial.error!r} after {lost:.0f} s; went on after "
                f"{time.monotonic() - began - lost:.0f} s"
            )
