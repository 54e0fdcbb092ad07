"""What the tests of the remote engine share."""

from __future__ import annotations

from typing import Any

from r1chat.engine.base import Engine, Message, Request, Sampling
from r1chat.engine.remote import Patience, RemoteEngine, Server
from r1chat.events import AnswerText, Event, InjectedText, Reply, ThoughtText
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control
from tests.remote.server import ModelServer

SUM = "What is 44 + 41 + 25?"
THOUGHT = [f" word{n}" for n in range(60)]
ANSWER = ["The", " answer", " is", " \\boxed{", "42", "}."]
REPLY = [*THOUGHT, "\n", "</think>", "\n\n", *ANSWER]
WHOLE = "".join(ANSWER)
KEY = "sk-fake-3f9c1b77e0"


def quick(**changes: float) -> Patience:
    """Patience for tests: nothing is waited for long."""
    usual = {"first": 60.0, "idle": 30.0, "first_wait": 0.05, "starting": 0.0}
    return Patience(**usual | changes)


def asked(question: str = SUM, **options: Any) -> Request:
    """A question, greedy where nothing else is said."""
    options.setdefault("sampling", Sampling(temperature=0, seed=1))
    return Request((Message("user", question),), **options)


def events_of(engine: Engine, request: Request, control: Control | None = None) -> list[Event]:
    """All events of a reply."""
    return list(engine.stream(request, control or Control(request.budget)))


def reply_of(engine: Engine, request: Request, control: Control | None = None) -> Reply:
    """The reply to a question; its events must add up to it."""
    *events, reply = events_of(engine, request, control)
    assert isinstance(reply, Reply)
    if request.resume is None:
        assert thought_in(events) == reply.thought
        assert "".join(e.text for e in events if isinstance(e, AnswerText)) == reply.answer
    return reply


def thought_in(events: list[Event]) -> str:
    """The thought that events tell of."""
    return "".join(e.text for e in events if isinstance(e, (ThoughtText, InjectedText)))


def budget(text: str, **more: Any) -> dict[str, Any]:
    """A request's budget."""
    return {"budget": Budget.parse(text, **more)}


def opened(server: ModelServer, *, key: str | None = None, **patience: float) -> RemoteEngine:
    """An engine on a server of the tests' own."""
    return RemoteEngine(Server(server.url, key), "m", patience=quick(**patience))


def failed(engine: RemoteEngine) -> Reply:
    """The reply to a question that comes to nothing."""
    reply = reply_of(engine, asked())
    assert reply.receipt.ended_by == "error"
    assert "\n" not in reply.error
    return reply
