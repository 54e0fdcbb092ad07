"""Makes room in a full context: has the model sum up the oldest turns of a conversation.

The engine says that a conversation does not fit, and how many turns are too many (`ContextFull`).
What becomes of these is decided here, as the user wants it. A summary is kept with the last turn
that it stands for; the turns themselves stay where they are, and only prompts have the summary in
their place.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import TypeAlias

from r1chat.conversation import SUMMARY_ASKED, Conversation, Node, TurnsSummary
from r1chat.engine.base import Continuation, Engine, Message, Request, WhenFull
from r1chat.errors import ContextFull, R1ChatError
from r1chat.events import (
    AnswerText,
    Evaluating,
    Event,
    FullContext,
    LeftOut,
    Notice,
    Receipt,
    Reply,
    Summarised,
    SummaryText,
)
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control
from r1chat.recording import Recorder
from r1chat.sanitize import sanitize
from r1chat.wording import ENDINGS, oldest_turns

Choose: TypeAlias = Callable[[ContextFull], FullContext]
"""Asks the user what is to become of the oldest turns."""

_SHARE = 8
"""The part of the context that a summary may take: one of so many."""
_MOST = 1024
"""Tokens of a summary at most."""
_LEAST = 32
_OF_REPLACED = 0.75
"""Of the tokens of the turns, the part that their summary may take."""
_USUAL = 2048
"""Tokens of context where a server does not say."""
_ROUNDS = 32
"""Most summaries that are written before one reply."""
_BEGUN = "You told me:"
"""What r1chat begins a summary with: small models would answer the last question once more, or
refuse. What the user said comes first, for the case that the summary gets too long."""
_COOL = 0.3
_SENTENCE = re.compile(r"[.!?。！？](?=\s|$)|\n")
_STOPPED = "it was stopped"
_NOBODY = "nobody can be asked what to do with a full context: turns are dropped"


_BEGINNING = Reply(
    "", _BEGUN, Receipt(ended_by="cancelled", answer_ended_by="cancelled", budget="off")
)
_WHEN_FULL: dict[FullContext, WhenFull] = {
    "drop": "drop",
    "ask": "refuse",
    "summarise": "refuse",
    "grow": "grow",
}


class NotSummarisedError(R1ChatError):
    """There is no summary; the message says why, in a few words."""


class Compaction:
    """Keeps a conversation within the context.

    Args:
        engine: Answers.
        conversation: The conversation.
        before: What stands before its turns: instructions.
        recorder: Where summaries are kept; None keeps them nowhere.
    """

    def __init__(
        self,
        engine: Engine,
        conversation: Conversation,
        before: tuple[Message, ...],
        recorder: Recorder | None,
    ) -> None:
        self._engine = engine
        self._conversation = conversation
        self._before = before
        self._recorder = recorder
        self._chosen: FullContext | None = None
        """What the user chose in this conversation, or what a failure has led to."""
        self.left_out = 0
        """How many turns were left out of the last prompt."""

    def drops(self, way: FullContext) -> bool:
        """Whether turns may be left out without a word before."""
        return self._way(way) == "drop"

    def _way(self, way: FullContext) -> FullContext:
        return self._chosen or way

    def answered(
        self,
        put: Callable[[Request], Iterator[Event]],
        request: Request,
        parent: Node,
        control: Control,
        *,
        way: FullContext,
        choose: Choose | None = None,
    ) -> Generator[Event, None, None]:
        """Puts a question, and makes room first where that must be.

        Args:
            put: Puts it.
            request: The question.
            parent: The turn that it follows.
            control: Stops all of it; `Control.skip` the summary alone.
            way: What becomes of the oldest turns.
            choose: Asks the user; without it nobody can be asked.
        """
        told: set[Notice] = set()
        for _ in range(_ROUNDS):
            request = replace(request, when_full=_WHEN_FULL[self._way(way)])
            try:
                yield from self._put(put, request, told)
            except ContextFull as full:
                began = time.monotonic()
                yield from self._resolved(full, request, parent, control, way, choose)
                request = self._anew(request, parent, time.monotonic() - began)
            else:
                return
        # Room was made again and again, and it is not enough.
        yield from self._put(put, replace(request, when_full="drop"), told)

    def _put(
        self,
        put: Callable[[Request], Iterator[Event]],
        request: Request,
        told: set[Notice],
    ) -> Generator[Event, None, None]:
        """Puts a question; notes that were told before are not told again."""
        for event in put(request):
            if isinstance(event, Notice):
                if event in told:
                    continue
                told.add(event)
            elif isinstance(event, LeftOut):
                self.left_out = event.turns
            yield event

    def _resolved(
        self,
        full: ContextFull,
        request: Request,
        parent: Node,
        control: Control,
        way: FullContext,
        choose: Choose | None,
    ) -> Generator[Event, None, None]:
        """Makes room, or has the user say how."""
        if self._way(way) == "ask":
            if choose is None:
                yield Notice(_NOBODY)
            self._chosen = "drop" if choose is None else choose(full)
            return
        try:
            yield from self._room(full, request, parent, control)
        except NotSummarisedError as error:
            yield Notice(f"no summary of the {oldest_turns(full.turns)}: {error}")
            # What has failed would fail before each question from now on.
            self._chosen = "drop"

    def _anew(self, request: Request, parent: Node, spent: float) -> Request:
        """The question after the conversation as it is read now."""
        messages = (
            *self._before,
            *self._conversation.messages(parent),
            request.messages[-1],
        )
        left = None if request.timeout is None else max(0.0, request.timeout - spent)
        return replace(request, messages=messages, timeout=left)

    def summarise(
        self, until: Node, request: Request, control: Control
    ) -> Generator[Event, None, None]:
        """Has the turns that are left out summed up; where none is, all but the last.

        Args:
            until: The end of the conversation.
            request: How to ask: sampling, time limit.
            control: Stops it.

        Raises:
            NotSummarisedError: If there is no summary.
        """
        turns = len(self.said(until))
        turns = min(self.left_out or max(1, turns - 1), turns)
        yield from self._room(ContextFull(turns), request, until, control)
        self._chosen = None

    def said(self, until: Node) -> list[Node]:
        """The turns that the model reads, without those that a summary stands for."""
        _, nodes = self._conversation.read(until)
        return [node for node in nodes if node.turn is not None and node.turn.messages()]

    def _room(
        self, full: ContextFull, request: Request, until: Node, control: Control
    ) -> Generator[Event, None, None]:
        """Has the oldest turns summed up, in several steps where they are too many for one."""
        nodes = self.said(until)
        before_turns = any(message.role != "system" for message in self._before)
        if not 0 < full.turns <= len(nodes) or before_turns:
            message = "there are no turns that it could stand for"
            raise NotSummarisedError(message)
        try:
            yield from self._write(nodes[: full.turns], full, request, control)
        except ContextFull:
            some = full.turns // 2
            if not some:
                message = "there is no room for one"
                raise NotSummarisedError(message) from None
            for turns in (some, full.turns - some):
                part = ContextFull(turns, full.tokens * turns // full.turns)
                yield from self._room(part, request, until, control)

    def _write(
        self, nodes: list[Node], full: ContextFull, request: Request, control: Control
    ) -> Generator[Event, None, None]:
        last = nodes[-1]
        replaced = self._conversation.messages(last)
        most = most_tokens(self._engine.info.context, full.tokens)
        # As it will stand before the summary in prompts to come.
        wish = Message("user", SUMMARY_ASKED)
        can_begin = not self._engine.info.steering_with("off").go_on
        asked = replace(
            request,
            messages=(*self._before, *replaced, wish),
            budget=Budget(tokens=0),
            think="off",
            language=None,
            sampling=replace(request.sampling, temperature=_cool(request.sampling.temperature)),
            max_answer=most,
            timeout=None if request.timeout is None else request.timeout / 2,
            resume=Continuation(_BEGINNING) if can_begin else None,
            state="",
            shape=None,
            when_full="refuse",
        )
        part = Control(asked.budget)
        began = time.monotonic()
        begun = False
        reply: Reply | None = None
        with control.before(part):
            try:
                for event in self._engine.stream(asked, part):
                    if not begun:
                        begun = True
                        yield SummaryText(_BEGUN if can_begin else "", 0, len(nodes))
                    if isinstance(event, Reply):
                        reply = event
                    elif isinstance(event, AnswerText):
                        yield SummaryText(event.text, event.tokens, len(nodes))
                    elif isinstance(event, (Evaluating, Notice)):
                        yield event
            except (ContextFull, NotSummarisedError):
                raise
            except R1ChatError as error:
                raise NotSummarisedError(str(error)) from None
        if part.cancelled:
            raise NotSummarisedError(_STOPPED)
        text, tokens = _checked(reply, replaced, full.tokens)
        self.keep(last, TurnsSummary(text, self._engine.info.ref, time.time(), tokens))
        self.left_out = 0
        took = time.monotonic() - began
        yield Summarised(last.id, text, len(nodes), tokens, full.tokens, took)

    def keep(self, node: Node, summary: TurnsSummary | None) -> None:
        """Has a summary stand for a turn and all before it; None has the turns read again."""
        self._conversation.summarise(node, summary)
        if self._recorder is not None:
            self._recorder.summarise(node.id, summary)


def most_tokens(context: int, replaced: int) -> int:
    """Tokens that a summary may have.

    Args:
        context: Tokens of context; 0 where nobody knows.
        replaced: Tokens of the turns that it is to stand for; 0 where nobody knows.
    """
    most = min(_MOST, (context or _USUAL) // _SHARE)
    return max(_LEAST, min(most, round(replaced * _OF_REPLACED)) if replaced else most)


def _checked(reply: Reply | None, replaced: tuple[Message, ...], tokens: int) -> tuple[str, int]:
    """The summary in a reply, and its tokens.

    Raises:
        NotSummarisedError: If it is none, or no shorter than what it is to stand for.
    """
    if reply is None:
        raise NotSummarisedError(_STOPPED)
    receipt = reply.receipt
    ended_by = receipt.answer_ended_by
    cut = ended_by in {"length", "context", "loop"}
    if ended_by != "natural" and not cut:
        reason = ENDINGS[ended_by].reason if ended_by != "error" else reply.error
        raise NotSummarisedError(reason or _STOPPED)
    text = sanitize(reply.answer).strip()
    text = _sentences(text) if cut else text
    if not any(char.isalnum() for char in text):
        message = "it came out empty"
        raise NotSummarisedError(message)
    size = sum(len(message.text) for message in replaced)
    if len(text) >= size or 0 < tokens <= receipt.answer_tokens:
        message = "it came out no shorter than the turns"
        raise NotSummarisedError(message)
    return text, receipt.answer_tokens


def _sentences(text: str) -> str:
    """A text that was cut, without the sentence that was, and without what it repeats.

    All of it where there is no whole sentence.
    """
    ends = [found.end() for found in _SENTENCE.finditer(text)]
    pieces = dict.fromkeys(text[a:b].strip() for a, b in zip([0, *ends], ends, strict=False))
    return " ".join(filter(None, pieces)) or text


def _cool(temperature: float) -> float:
    """A temperature for facts."""
    return min(temperature, _COOL)
