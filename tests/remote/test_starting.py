"""Servers that are not running yet, or not any more: they are waited for, with a line."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

import pytest

from r1chat.engine.base import Continuation
from r1chat.engine.remote import RemoteEngine, Server
from r1chat.engine.remote.markers import Markers
from r1chat.errors import NetworkError
from r1chat.events import Notice
from r1chat.reasoning.control import Control
from tests.ports import free_port
from tests.remote.helpers import REPLY, THOUGHT, WHOLE, asked, events_of, quick, reply_of
from tests.remote.server import Fault, ModelServer

LONG = 60.0
"""A guard: what is waited for is started as soon as the line has come."""


@pytest.fixture
def address():
    """A port, and what starts a server on it once somebody says that it is waited for."""
    port = free_port()
    with ExitStack() as stack:

        def start(*_):
            return stack.enter_context(ModelServer(REPLY, port=port))

        yield f"http://127.0.0.1:{port}/v1", start


def test_a_server_with_a_name_that_is_still_starting_is_waited_for(address):
    url, start = address
    lines = []

    def on_notice(text):
        lines.append(text)
        start()

    server = Server(url, name="lab")
    engine = RemoteEngine(server, patience=quick(starting=LONG), on_notice=on_notice)
    assert reply_of(engine, asked()).answer == WHOLE
    (line,) = lines
    assert line.endswith("refused); waiting up to 1 min for it to start")
    # An address may be mistyped: nobody waits there.
    with pytest.raises(NetworkError, match="is the server running"):
        RemoteEngine(Server(f"http://127.0.0.1:{free_port()}/v1"), patience=quick(starting=LONG))
    with pytest.raises(NetworkError, match="is the server running"):
        RemoteEngine(
            Server(f"http://127.0.0.1:{free_port()}/v1", name="lab"), patience=quick(starting=0.1)
        )


@pytest.mark.parametrize("known", [True, False])
def test_a_reply_goes_on_once_its_server_is_back(address, known):
    url, start = address
    server = start()
    engine = RemoteEngine(Server(url), patience=quick(starting=LONG))
    server.faults = [Fault(after=2000, how="reset")]
    cut = reply_of(engine, asked())
    assert cut.receipt.ended_by == "error"
    assert "was cut" in cut.error
    assert "".join(THOUGHT).startswith(cut.thought)
    assert cut.thought
    server.__exit__()
    if not known:
        # What the model's markers are has to be asked first: nothing has been put by then.
        found = engine._found
        engine._found = replace(found, markers=Markers(found.tokenizer.tokenize))
    resumed = asked(resume=Continuation(cut))
    control = Control()
    events = []
    for event in engine.stream(resumed, control):
        events.append(event)
        if isinstance(event, Notice):
            control.cancel()
    stopped = events[-1]
    assert (stopped.receipt.ended_by, stopped.thought) == ("cancelled", cut.thought)
    events = []
    for event in engine.stream(resumed, Control()):
        events.append(event)
        if isinstance(event, Notice):
            start()
    (line,) = [event.text for event in events if isinstance(event, Notice)]
    assert line.endswith("waiting up to 1 min for it to start")
    assert (events[-1].thought, events[-1].answer) == ("".join(THOUGHT) + "\n", WHOLE)


def test_a_server_that_does_not_come_back_is_given_up(address):
    url, start = address
    server = start()
    engine = RemoteEngine(Server(url), patience=quick(starting=0.1))
    server.__exit__()
    *_, reply = events_of(engine, asked())
    assert reply.receipt.ended_by == "error"
    assert reply.error.endswith("is the server running?")
