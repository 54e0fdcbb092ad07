"""Writes a thought once, and branches off from it where the model was at a loss.

The first of several replies is written alone, and it is measured how open each of its tokens was.
The others go on from the places of its thought that were most open (`r1chat.reasoning.forks`), over
the one cache: what they share with it is not read again.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace

from r1chat.engine.base import Continuation, Engine, Request
from r1chat.errors import Cancelled, EngineError
from r1chat.events import (
    Drawing,
    Evaluating,
    Event,
    Fork,
    Forked,
    LeftOut,
    Notice,
    Reply,
    Sampled,
    TokenScore,
)
from r1chat.reasoning.control import ControlGroup
from r1chat.reasoning.forks import MOST_PLACES, places

_NOWHERE = "nothing branches off: nowhere in its thought was the model at a loss"
_UNKNOWN = "nothing branches off: nobody says how sure the model is of its tokens"
_NO_THOUGHT = "nothing branches off: there is no thought"
_FAILED = "the other ways could not be drawn: {}"
_CUT = frozenset({"cancelled", "error", "time"})


def stream_tree(
    engine: Engine, request: Request, group: ControlGroup
) -> Generator[Event, None, None]:
    """Answers once, and again from places of that thought.

    Args:
        engine: Answers.
        request: The question. A seed is the first reply's; the others have those that follow.
        group: Steers them; there are as many replies as it has parts, or one alone.

    Yields:
        Events, as `Engine.stream_many` does. How many replies there are stands in a `Drawing`
        before the first of them ends, and where each branches off in a `Forked`.

    Raises:
        PromptError: Before the first event, if the question cannot be put to this model.
        Cancelled: If it was stopped before the first reply began.
    """
    whole, began = group.whole, time.perf_counter()
    # Where many are drawn there are no previews.
    whole.budget = replace(whole.budget, agree=None)
    request = replace(request, budget=whole.budget)
    measures, whole.measures = whole.measures, True
    trunk = yield from _trunk(engine, request, group, shows=measures)
    whole.measures = measures
    left = None if request.timeout is None else request.timeout - (time.perf_counter() - began)
    is_over = trunk.receipt.ended_by in _CUT or (left is not None and left <= 0)
    forks = () if is_over else _forks(trunk, len(group.parts) - 1, keeps_scores=measures)
    yield Drawing(1 + len(forks), 1)
    if not forks and not is_over:
        yield Notice(_why_alone(trunk))
    yield Sampled(0, trunk if measures else _unmeasured(trunk))
    for number, each in enumerate(forks, 1):
        if each.fork is not None:
            yield Sampled(number, Forked(each.fork.at, each.fork.entropy))
    if not forks:
        return
    following = replace(request.sampling, seed=trunk.receipt.seed + 1)
    others = ControlGroup.of(whole, group.parts[1 : 1 + len(forks)])
    # As the prompt was for the first of them.
    request = replace(request, forks=forks, sampling=following, timeout=left, when_full="drop")
    try:
        yield from _branches(engine, request, others)
    except Cancelled:
        return
    except EngineError as error:
        # There is the first reply at least.
        yield Notice(_FAILED.format(error))


def _trunk(
    engine: Engine, request: Request, group: ControlGroup, *, shows: bool
) -> Generator[Event, None, Reply]:
    """Writes the first reply; returns it with how open its tokens were."""
    with closing(engine.stream(request, group.whole)) as events:
        for event in events:
            group.pass_on()
            if isinstance(event, Reply):
                return event
            if isinstance(event, (Evaluating, LeftOut, Notice)):
                yield event
            elif shows or not isinstance(event, TokenScore):
                yield Sampled(0, event)
    message = "the engine ended without a reply"
    raise EngineError(message)


def _branches(
    engine: Engine, request: Request, group: ControlGroup
) -> Generator[Event, None, None]:
    """Draws the other replies, which are numbered from 1."""
    with closing(engine.stream_many(request, group)) as events:
        for event in events:
            if isinstance(event, Sampled):
                yield Sampled(event.sample + 1, event.event)
            elif isinstance(event, Drawing):
                yield replace(event, samples=event.samples + 1)
            elif not isinstance(event, Evaluating):
                yield event


def _openness(reply: Reply) -> list[tuple[int, float]]:
    """Where each token of a thought stands, and how open it was, as far as that is known."""
    return [
        # Of a server one may know no more than how likely what was drawn is.
        (score.at, -score.logprob if score.entropy is None else score.entropy)
        for score in reply.scores
        if score.part == "thought" and score.logprob is not None
    ]


def _why_alone(trunk: Reply) -> str:
    if not trunk.receipt.thought_tokens:
        return _NO_THOUGHT
    return _NOWHERE if _openness(trunk) else _UNKNOWN


def _forks(trunk: Reply, count: int, *, keeps_scores: bool) -> tuple[Continuation, ...]:
    """The places that others go on from, in turn; none where there is no such place."""
    found = places(trunk.thought, _openness(trunk), MOST_PLACES)
    if not found:
        return ()
    reply = trunk if keeps_scores else _unmeasured(trunk)
    ways = [Continuation(reply, each.at, fork=Fork(each.at, 0, each.entropy)) for each in found]
    return tuple(ways[number % len(ways)] for number in range(count))


def _unmeasured(reply: Reply) -> Reply:
    """A reply without what was measured of its thought, for the places alone."""
    sure = reply.receipt.confidence
    if sure is not None:
        sure = replace(sure, thought=None, thought_least=None)
    return replace(reply, scores=(), receipt=replace(reply.receipt, confidence=sure))
